"""`Windows`: the rows of a source that is larger than memory, some groups of them at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..common.checks import check_bool, check_count
from ..common.random_state import as_random_state

#: X, y and sample weights of some rows.
Rows = tuple[Any, np.ndarray, np.ndarray | None]


class Windows(ABC):
    """Rows in windows: groups in random order, and the rows of each window in random order.

    Iterating over it yields ``(X, y)``, or ``(X, y, sample_weight)``, for one window after the other: an epoch. The
    next window is read while the caller works on the last one, so that memory holds two of them. Each row is in one
    window of each epoch. Rows of the same group are always in the same window: rows that are sorted by target, or by
    time, are mixed only as far as groups are.

    Made by `from_parquet` and `from_arrays`.

    Parameters
    ----------
    sizes : sequence of int
        The rows of each group.
    window : int
        A window takes groups until it has so many rows or more.
    shuffle : bool
        Whether groups and rows are shuffled, differently in each epoch.
    random_state : int, RandomState or None
    transform : callable or None
        X ↦ X of a window, such as ``scaler.transform``; called by the thread that reads.

    Attributes
    ----------
    n_rows : int
        The rows of an epoch.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed, or there are no rows.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        window: int,
        shuffle: bool,
        random_state: Any,
        transform: Callable[[Any], Any] | None,
    ) -> None:
        self.sizes, self.window, self.shuffle = (
            list(sizes),
            check_count("window", window),
            check_bool("shuffle", shuffle),
        )
        self.n_rows = sum(self.sizes)
        if not self.n_rows:
            raise ValueError(f"There are no rows in {len(self.sizes)} groups of rows: give a source that has some.")
        if transform is not None and not callable(transform):
            raise TypeError(f"transform must be a function of X, or None, got {transform!r}.")
        self.transform, self._random = transform, as_random_state(random_state)

    @abstractmethod
    def _read(self, group: int) -> Rows:
        """Return the rows of a group."""

    @abstractmethod
    def classes(self) -> np.ndarray:
        """Return the distinct values of y, which `partial_fit` of classifiers needs: a pass over y alone."""

    def __len__(self) -> int:
        """Return the number of windows of an epoch without shuffling; with it, there are about as many."""
        return len(self._plan(np.arange(len(self.sizes))))

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        groups = np.arange(len(self.sizes))
        if self.shuffle:
            self._random.shuffle(groups)
        plan = [(chosen, self._random.randint(2**31)) for chosen in self._plan(groups)]
        with ThreadPoolExecutor(1, thread_name_prefix="fastmlp-data") as reader:
            ahead = reader.submit(self._read_window, *plan[0])
            for following in [*plan[1:], None]:
                rows = ahead.result()
                if following is not None:
                    ahead = reader.submit(self._read_window, *following)
                yield rows if rows[2] is not None else rows[:2]
                del rows

    def _plan(self, groups: np.ndarray) -> list[list[int]]:
        """Return the groups of each window."""
        plan: list[list[int]] = []
        rows = self.window
        for group in groups.tolist():
            if not self.sizes[group]:
                continue
            if rows >= self.window:
                plan.append([])
                rows = 0
            plan[-1].append(group)
            rows += self.sizes[group]
        return plan

    def _read_window(self, groups: list[int], seed: int) -> Rows:
        """Return the rows of some groups, each written to its place at once."""
        n_rows = sum(self.sizes[group] for group in groups)
        places = np.random.RandomState(seed).permutation(n_rows) if self.shuffle else np.arange(n_rows)
        X = y = weights = None
        first = 0
        for group in groups:
            parts, last = self._read(group), first + self.sizes[group]
            if len(groups) == 1 and not self.shuffle:
                X, y, weights = parts
                break
            X, y, weights = (
                _place(whole, part, places[first:last], n_rows)
                for whole, part in zip((X, y, weights), parts, strict=True)
            )
            first = last
        if self.transform is not None:
            X = self.transform(X)
        assert y is not None
        return X, y, weights


def _place(whole: Any, part: Any, places: np.ndarray, n_rows: int) -> Any:
    """Write the rows of a part to their places in the whole, which the first part makes."""
    if part is None:
        return None
    if whole is None:
        whole = np.empty((n_rows, *part.shape[1:]), part.dtype)
    elif whole.dtype != part.dtype:  # longer strings, or numbers of another type
        whole = whole.astype(np.result_type(whole.dtype, part.dtype))
    if part.ndim == 2 and part.flags.f_contiguous and not part.flags.c_contiguous:
        _place_transposed(whole, part, places)
    else:
        whole[places] = part
    return whole


def _place_transposed(whole: np.ndarray, part: np.ndarray, places: np.ndarray) -> None:
    """As by ``whole[places] = part``, for contiguous columns: some rows at a time, which stay in the caches."""
    step = max(1, (1 << 17) // max(part.shape[1], 1))
    for first in range(0, len(part), step):
        rows = slice(first, first + step)
        whole[places[rows]] = np.ascontiguousarray(part[rows])
