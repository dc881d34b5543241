"""A column of a table in one of three forms, each of which can be read as numbers or as categories."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from itertools import repeat
from typing import Any, NoReturn

import numpy as np

from .values import ValueKind, as_number, as_python, kind_of, known_values


class Column(ABC):
    """A column of n rows.

    Parameters
    ----------
    label : str
        What messages call it: its name in quotation marks, or its number.
    """

    def __init__(self, label: str) -> None:
        self.label = label

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def is_category(self) -> bool:
        """Whether its type says that its values are categories. Refuses what can be neither number nor category."""

    @abstractmethod
    def numbers(self) -> np.ndarray:
        """Return the values as finite float64, NaN where missing, (n,)."""

    @abstractmethod
    def distinct(self, rows: np.ndarray | None = None) -> list[Any]:
        """Return the values in these rows (all by default) that are not missing, each once, in any order."""

    @abstractmethod
    def look_up(self, numbers: dict[Any, int]) -> np.ndarray:
        """Return the number of each value, 0 for values without a number and missing ones, (n,)."""

    def refuse_infinite(self, numbers: np.ndarray) -> np.ndarray:
        """Return the numbers if none is infinite."""
        if np.isinf(numbers).any():
            raise ValueError(
                f"Input X contains infinity or a value too large for dtype('float64') in column {self.label}, in "
                f"row {np.argmax(np.isinf(numbers))}. Numbers must be finite or missing (NaN)."
            )
        return numbers


class NumberColumn(Column):
    """Booleans, integers or floats, (n,); NaN is missing."""

    def __init__(self, label: str, values: np.ndarray) -> None:
        super().__init__(label)
        self._values = values

    def __len__(self) -> int:
        return self._values.size

    @property
    def is_category(self) -> bool:
        return self._values.dtype.kind == "b"

    def numbers(self) -> np.ndarray:
        with np.errstate(over="ignore"):  # of long doubles
            return self.refuse_infinite(self._values.astype(np.float64, copy=False))

    def distinct(self, rows: np.ndarray | None = None) -> list[Any]:
        values = np.unique(self._values if rows is None else self._values[rows])
        found: list[Any] = values[values == values].tolist()
        return found

    def look_up(self, numbers: dict[Any, int]) -> np.ndarray:
        return np.fromiter(map(numbers.get, self._values.tolist(), repeat(0)), np.intp, self._values.size)


class LargeNumberColumn(NumberColumn):
    """Numbers of which float64 has not all: as numbers they are rounded, (n,), as categories each is its own.

    Parameters
    ----------
    label, values
        As in `NumberColumn`.
    make_exact : callable
        () ↦ the same numbers as a list of Python's, None where missing; made only if they are categories.
    """

    def __init__(self, label: str, values: np.ndarray, make_exact: Callable[[], list[Any]]) -> None:
        super().__init__(label, values)
        self._make_exact = make_exact

    @cached_property
    def _exact(self) -> ValueColumn:
        return ValueColumn(self.label, self._make_exact())

    def distinct(self, rows: np.ndarray | None = None) -> list[Any]:
        return self._exact.distinct(rows)

    def look_up(self, numbers: dict[Any, int]) -> np.ndarray:
        return self._exact.look_up(numbers)


class ValueColumn(Column):
    """A list of Python objects of any types."""

    def __init__(self, label: str, values: list[Any]) -> None:
        super().__init__(label)
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    @property
    def is_category(self) -> bool:
        if self._has_only_numbers:
            return False
        self._refuse_dates()
        return bool(self._known) and self._kinds != {ValueKind.NUMBER}

    def numbers(self) -> np.ndarray:
        return self.refuse_infinite(self.floats())

    def floats(self) -> np.ndarray:
        """Return `numbers`, the infinite ones included."""
        if self._has_only_numbers:
            with suppress(OverflowError):  # of integers beyond the range of float64
                return np.array(self._values, np.float64)
        self._refuse_dates()
        if ValueKind.OTHER in self._kinds:
            example = next(value for value in self._known if kind_of(type(value)) is ValueKind.OTHER)
            raise ValueError(
                f"Column {self.label} is a column of numbers, but could not convert {type(example).__name__} to "
                f"float: {example!r}. Convert the column to numbers, or name it in categorical_features."
            )
        floats = {value: as_number(value) for value in self._known}
        return np.fromiter(map(floats.get, self._values, repeat(np.nan)), np.float64, len(self._values))

    def distinct(self, rows: np.ndarray | None = None) -> list[Any]:
        known = self._known
        if rows is not None:
            known = known_values(dict.fromkeys(self._values[row] for row in np.flatnonzero(rows)))
        return list(dict.fromkeys(map(bool if self._kinds == {ValueKind.BOOLEAN} else as_python, known)))

    def look_up(self, numbers: dict[Any, int]) -> np.ndarray:
        try:
            return np.fromiter(map(numbers.get, self._values, repeat(0)), np.intp, len(self._values))
        except TypeError:
            self._refuse_unhashable()

    @cached_property
    def _types(self) -> set[type]:
        return set(map(type, self._values))

    @property
    def _has_only_numbers(self) -> bool:
        """Whether there are no other values than numbers and None: then NumPy can convert them."""
        return {kind_of(each) for each in self._types - {type(None)}} == {ValueKind.NUMBER}

    @cached_property
    def _known(self) -> list[Any]:
        """The values that are not missing, each once, in the order of their appearance."""
        kinds = {kind_of(each): each for each in self._types}
        if ValueKind.CONTAINER in kinds:
            self._refuse_container(kinds[ValueKind.CONTAINER])
        if ValueKind.COMPLEX in kinds:
            raise ValueError(
                f"Complex data not supported: column {self.label} has complex numbers. Pass real and imaginary part "
                "as two columns."
            )
        try:
            return known_values(dict.fromkeys(self._values))
        except TypeError:
            self._refuse_unhashable()

    @cached_property
    def _kinds(self) -> set[ValueKind]:
        """Kinds of the known values. A column of NaT alone has dates, one of other missing values has none."""
        if not self._known:
            return {kind_of(each) for each in self._types} & {ValueKind.DATE}
        kinds = {kind_of(each) for each in set(map(type, self._known))}
        if kinds <= {ValueKind.BOOLEAN, ValueKind.NUMBER} and ValueKind.BOOLEAN in map(kind_of, self._types):
            # True == 1 == 1.0: whichever comes first is the known value.
            return {ValueKind.BOOLEAN if all(value in (0, 1) for value in self._known) else ValueKind.NUMBER}
        return kinds

    def _refuse_dates(self) -> None:
        if ValueKind.DATE in self._kinds:
            example = next(each for each in self._known or self._values if kind_of(type(each)) is ValueKind.DATE)
            raise TypeError(
                f"Column {self.label} has dates, times or durations (type {type(example).__name__}), which are neither "
                "numbers nor categories. Turn it into numbers, such as days since a fixed date, or into parts of a "
                "date, such as month and weekday; or leave it out."
            )

    def _refuse_unhashable(self) -> NoReturn:
        for each in self._values:
            try:
                hash(each)
            except TypeError:
                self._refuse_container(type(each))
        raise AssertionError("all values can be hashed")

    def _refuse_container(self, kind: type) -> NoReturn:
        raise TypeError(
            f"Column {self.label} has values of type {kind.__name__}; the argument must be a string or a number in "
            "each row. Split it into columns of numbers, strings or booleans, or leave it out."
        )


class CodedColumn(Column):
    """Codes (n,), integers from 0 to k − 1, or −1 where missing; and the k values that they stand for."""

    def __init__(self, label: str, codes: np.ndarray, values: list[Any]) -> None:
        super().__init__(label)
        self._codes, self._values = codes, values

    def __len__(self) -> int:
        return self._codes.size

    @property
    def is_category(self) -> bool:
        return True

    def numbers(self) -> np.ndarray:
        floats = ValueColumn(self.label, self._values).floats()
        return self.refuse_infinite(np.append(floats, np.nan)[self._codes])

    def distinct(self, rows: np.ndarray | None = None) -> list[Any]:
        codes = np.unique(self._codes if rows is None else self._codes[rows])
        return ValueColumn(self.label, [self._values[code] for code in codes if code >= 0]).distinct()

    def look_up(self, numbers: dict[Any, int]) -> np.ndarray:
        found: np.ndarray = np.append(ValueColumn(self.label, self._values).look_up(numbers), 0)[self._codes]
        return found
