"""`EncodingPlan`: what the training rows of a table say about its columns, and how each of them is encoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..common.user_warnings import warn_user
from ..preprocessing import PiecewiseLinearEncoder
from .columns import Column
from .look_ups import MOST_MULTIPLIED, LookUps
from .parts import (
    BinaryCategories,
    Bins,
    CategoryNumbers,
    Inputs,
    MissingIndicators,
    OneHotCategories,
    Part,
    SquashedNumbers,
)
from .values import sort_values


class EncodingPlan:
    """How each column of a table is encoded.

    Parameters
    ----------
    columns : sequence of Column
        The training table.
    is_category : ndarray of bool of shape (n_features,)
    rows : ndarray of bool of shape (n_samples,) or None
        The rows that count; None for all.

    Attributes
    ----------
    categories : list
        For each column its categories, ascending; None for numbers.
    number_features, code_features : ndarray of int
        The columns of numbers, and of categories, that are encoded: all that are not constant.
    inputs : Inputs
        These columns in the rows that count. `make_parts` deletes them.
    parts : list of Part
    looked_up : ndarray of bool
        Which of the one-hot columns networks look up.
    """

    looked_up: np.ndarray = np.zeros(0, bool)  # plans pickled by earlier versions have none
    _network_parts: list[Part] | None = None

    def __init__(self, columns: Sequence[Column], is_category: np.ndarray, rows: np.ndarray | None) -> None:
        self.categories = [
            sort_values(column.distinct(rows)) if category else None
            for column, category in zip(columns, is_category, strict=True)
        ]
        numbers = self._choose_numbers(columns, np.flatnonzero(~is_category), rows)
        codes = self._choose_categories(columns, np.flatnonzero(is_category), rows)
        if not self.number_features.size + self.code_features.size:
            raise ValueError(
                "All columns of X are constant or have no values: there is nothing to learn from. Pass at least one "
                "column that has two different values."
            )
        self.inputs = Inputs(numbers, codes)

    def _choose_numbers(self, columns: Sequence[Column], features: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
        """Read the columns of numbers, and return those that are not constant, (n_rows, n_numbers)."""
        numbers = read_numbers(columns, features)
        numbers = numbers if rows is None else numbers[rows]
        # fmin and fmax leave NaN out, and are NaN where there is nothing else.
        least, most = np.fmin.reduce(numbers, axis=0), np.fmax.reduce(numbers, axis=0)
        has_gaps = np.isnan(numbers).any(axis=0) & ~np.isnan(least)
        kept = (least < most) | has_gaps
        self.number_features = features[kept]
        self._varying, self._gaps = np.flatnonzero((least < most)[kept]), np.flatnonzero(has_gaps[kept])
        return numbers if kept.all() else numbers[:, kept]

    def _choose_categories(
        self, columns: Sequence[Column], features: np.ndarray, rows: np.ndarray | None
    ) -> list[np.ndarray]:
        """Look the categories up in each column, and return the columns that are not constant, (n_rows,) each."""
        kept, codes, self._lookups = [], [], []
        for feature in features:
            numbers = number_values(self.categories[feature])
            found = columns[feature].look_up(numbers)
            found = found if rows is None else found[rows]
            n_known = np.count_nonzero(found)
            if len(numbers) == n_known > 2:
                warn_user(
                    f"Column {columns[feature].label} has as many categories as rows with a value, {n_known}: a "
                    "category that occurs once teaches nothing about other rows. Leave the column out, or, if its "
                    "values are numbers, convert it to numbers."
                )
            if len(numbers) > 1 or (numbers and n_known < found.size):
                kept.append(feature)
                codes.append(found)
                self._lookups.append(numbers)
        self.code_features = np.array(kept, np.intp)
        return codes

    def make_parts(self, max_one_hot_categories: int | None, bins: PiecewiseLinearEncoder | None, y: Any) -> None:
        """Fit the encoders of each kind of column; y is for edges of bins that depend on targets."""
        inputs, sizes, (binary, one_hot, coded) = self.inputs, self.sizes, self.split_categories(max_one_hot_categories)
        parts: list[Part] = [
            SquashedNumbers(inputs, self._varying),
            BinaryCategories(binary),
            OneHotCategories(inputs, one_hot, sizes[one_hot]),
            MissingIndicators(self._gaps),
            CategoryNumbers(coded),
        ]
        if bins is not None:
            parts.insert(1, Bins(inputs, self._varying, bins, y))
        self.set_parts(parts)
        del self.inputs

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what `categories` say as well, in a form in which skops loses the key False."""
        return {name: value for name, value in self.__dict__.items() if name != "_lookups"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lookups = [number_values(self.categories[feature]) for feature in self.code_features]

    @property
    def sizes(self) -> np.ndarray:
        """Number of categories of each column in `code_features`."""
        return np.array([len(each) for each in self._lookups], np.intp)

    def split_categories(self, max_one_hot_categories: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which columns in `code_features` have two categories, become one-hot columns, or codes."""
        sizes, limit = self.sizes, np.inf if max_one_hot_categories is None else max_one_hot_categories
        binary, short = sizes == 2, sizes <= limit
        return np.flatnonzero(binary), np.flatnonzero(short & ~binary), np.flatnonzero(~short & ~binary)

    def set_parts(self, parts: list[Part]) -> None:
        """Set the parts, of which the last are the codes."""
        self.parts, sizes = parts, self.sizes
        self.table_sizes = [int(sizes[position]) + 1 for position in parts[-1].positions]
        number, one_hot = self._one_hot
        self.looked_up, self._network_parts = one_hot.widths > MOST_MULTIPLIED, None
        if self.looked_up.any():
            codes = CategoryNumbers(one_hot.positions[self.looked_up])
            self._network_parts = [*parts[:number], one_hot.subset(~self.looked_up), *parts[number + 1 :], codes]

    @property
    def _one_hot(self) -> tuple[int, OneHotCategories]:
        """The part of one-hot columns, and its number."""
        return next((number, part) for number, part in enumerate(self.parts) if isinstance(part, OneHotCategories))

    def look_ups(self) -> LookUps | None:
        """Return what networks look up, with its place among all encoded columns; None for nothing."""
        if not self.looked_up.any():
            return None
        number, one_hot = self._one_hot
        columns, of_zero, of_one = one_hot.values(self.looked_up)
        before = sum(part.width for part in self.parts[:number])
        return LookUps(one_hot.widths[self.looked_up].tolist(), before + columns, of_zero, of_one)

    @property
    def network_parts(self) -> list[Part]:
        """The parts as networks read them: behind all others, codes in place of what they look up."""
        return self.parts if self._network_parts is None else self._network_parts

    @property
    def feature_of(self) -> np.ndarray:
        """The column of the table from which each encoded column comes."""
        sources = [
            (self.code_features if part.reads_codes else self.number_features)[part.positions].repeat(part.widths)
            for part in self.parts
        ]
        return np.concatenate(sources)

    def encode(self, columns: Sequence[Column], parts: Sequence[Part], dtype: Any) -> np.ndarray:
        """Return these parts of a table, encoded, side by side."""
        codes = [columns[at].look_up(known) for at, known in zip(self.code_features, self._lookups, strict=True)]
        inputs = Inputs(read_numbers(columns, self.number_features), codes)
        encoded = np.empty((len(columns[0]), sum(part.width for part in parts)), dtype)
        at = 0
        for part in parts:
            part.write(inputs, encoded[:, at : at + part.width])
            at += part.width
        return encoded


def number_values(values: Sequence[Any] | None) -> dict[Any, int]:
    """Return the number of each category, from 1 on."""
    return {value: number for number, value in enumerate(values or (), 1)}


def read_numbers(columns: Sequence[Column], features: np.ndarray) -> np.ndarray:
    """Return columns of numbers as float64 in Fortran order, NaN where missing, (n_samples, n_features)."""
    numbers = np.empty((len(columns[0]), features.size), order="F")
    for at, feature in enumerate(features):
        numbers[:, at] = columns[feature].numbers()
    return numbers
