"""`from_arrays`: windows over memory maps and other arrays on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..common.checks import check_count
from .windows import Rows, Windows


class ArrayWindows(Windows):
    """Windows over arrays that can be sliced; made by `from_arrays`."""

    def __init__(self, arrays: tuple[Any, Any, Any], block: int, *arguments: Any) -> None:
        self.arrays, self.block = arrays, check_count("block", block)
        n_rows = len(arrays[0])
        super().__init__([min(self.block, n_rows - first) for first in range(0, n_rows, self.block)], *arguments)

    def _read(self, group: int) -> Rows:
        rows = slice(group * self.block, group * self.block + self.sizes[group])
        X, y, weights = (None if each is None else np.asarray(each[rows]) for each in self.arrays)
        assert y is not None
        return X, y, weights

    def classes(self) -> np.ndarray:
        found = [np.unique(self._read(group)[1]) for group in range(len(self.sizes))]
        distinct: np.ndarray = np.unique(np.concatenate(found))
        return distinct


def from_arrays(
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    window: int = 1 << 18,
    block: int = 1 << 12,
    shuffle: bool = True,
    random_state: Any = None,
    transform: Callable[[Any], Any] | None = None,
) -> Windows:
    """Return the rows of a memory map, or of another array on disk, in windows.

    Blocks of consecutive rows are read, so that a disk is read at its speed; `fit` of an estimator on the same memory
    map reads row by row in random order.

    Parameters
    ----------
    X : array of shape (n, n_features)
        Anything whose rows can be sliced: a ``numpy.memmap``, a data set of HDF5 or Zarr.
    y : array of shape (n,) or (n, n_targets)
    sample_weight : array of shape (n,), default=None
    window : int, default=262144
        Rows of a window, rounded up to whole blocks. Two windows are in memory.
    block : int, default=4096
        Rows that are read together and stay in the same window.
    shuffle : bool, default=True
        Whether the blocks are shuffled in each epoch, and the rows within a window.
    random_state : int, RandomState or None, default=None
    transform : callable, default=None
        X ↦ X of a window, such as ``scaler.transform``.

    Returns
    -------
    windows : Windows

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed, or the numbers of rows differ.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.arange(12.0).reshape(6, 2)
    >>> windows = from_arrays(X, X[:, 0], window=4, block=2, shuffle=False)
    >>> [y for X, y in windows]
    [array([0., 2., 4., 6.]), array([ 8., 10.])]
    """
    arrays = X, y, sample_weight
    sizes = [len(each) for each in arrays if each is not None]
    if len(set(sizes)) > 1:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {sizes}")
    return ArrayWindows(arrays, block, window, shuffle, random_state, transform)
