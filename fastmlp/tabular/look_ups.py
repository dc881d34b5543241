"""`LookUps`: the one-hot columns of a table that kernels read as category numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

#: A column of more categories is looked up. Time of a step of 256 rows, with look-ups against without: eight columns of
#: 3 categories +4 … −1 %, of 5 −2 … −3 %, of 8 −4 … −10 %, of 16 −10 … −23 %, ten columns of 100 −47 %; one column of 5
#: or 8 ±1 %. Up to 8, which no one-hot column of the default recipe exceeds, a fit would gain less (3 % on adult) than
#: the prediction of a single row would lose (10 %, for its buffers).
MOST_MULTIPLIED = 8


class LookUpArrays(NamedTuple):
    """What kernels read of look-ups, whatever the batch.

    Parameters
    ----------
    weight_rows : ndarray of int64 of shape (n_inputs,)
        The rows of W in the order in which kernels read them: those that are looked up are the last.
    firsts : ndarray of int64 of shape (n_columns,)
        Where each column begins among these.
    differences : ndarray of shape (n_rows,)
        of_one − of_zero.
    constants : ndarray of int64 of shape (n_constants,)
        Which of them have an of_zero other than 0.
    constant_values : ndarray of shape (n_constants,)
        It.
    """

    weight_rows: np.ndarray
    firsts: np.ndarray
    differences: np.ndarray
    constants: np.ndarray
    constant_values: np.ndarray


@dataclass(frozen=True, eq=False)
class LookUps:
    """One-hot columns of which a row adds one row of W, and what that row of W is multiplied by.

    ::

        Σ_j x_j W_j  =  Σ_j of_zero_j W_j  +  (of_one_k − of_zero_k) W_k        for category k; without the second
                                                                                term for a missing or unknown one

    Parameters
    ----------
    sizes : list of int
        Categories of each column.
    rows : ndarray of int64 of shape (n_rows,)
        The rows of W of their categories, column after column.
    of_zero, of_one : ndarray of shape (n_rows,)
        The two values of each input.
    """

    sizes: list[int]
    rows: np.ndarray
    of_zero: np.ndarray
    of_one: np.ndarray

    @property
    def firsts(self) -> np.ndarray:
        """Where each column begins in `rows`."""
        return np.cumsum([0, *self.sizes[:-1]])

    def arrays(self, n_inputs: int, dtype: np.dtype) -> LookUpArrays:
        """Return what kernels read, for a first layer with so many inputs; made once, for predictions of few rows."""
        made, key = _MADE.setdefault(self, {}), (n_inputs, dtype.name)
        if key not in made:
            others, constants = np.delete(np.arange(n_inputs), self.rows), np.flatnonzero(self.of_zero)
            made[key] = LookUpArrays(
                np.concatenate([others, self.rows], dtype=np.int64),
                self.firsts.astype(np.int64),
                (self.of_one - self.of_zero).astype(dtype),
                constants.astype(np.int64),
                self.of_zero[constants].astype(dtype),
            )
        return made[key]

    def fill(self, out: np.ndarray, places: np.ndarray, codes: np.ndarray) -> None:
        """Write the inputs for category numbers (n, n_columns), 1 to k or 0 for none, into the columns `places`."""
        out[:, places] = self.of_zero
        for column, first in enumerate(self.firsts):
            known = np.flatnonzero(codes[:, column])
            at = first + codes[known, column].astype(np.intp) - 1
            out[known, places[at]] = self.of_one[at]


#: What `LookUps.arrays` has made, by number of inputs and type; no part of a model's state.
_MADE: WeakKeyDictionary[LookUps, dict[tuple[int, str], LookUpArrays]] = WeakKeyDictionary()
