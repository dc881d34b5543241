"""`LookUps`: the one-hot columns of a table that kernels read as category numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: A column of more categories is looked up. The products of fewer inputs cost about as much as looking a row up and
#: adding it, and one-hot columns of the default recipe, which have at most eight, keep their bits.
MOST_MULTIPLIED = 12


@dataclass(frozen=True)
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

    def expand(self, codes: np.ndarray) -> np.ndarray:
        """Return the inputs, (n, n_rows), for category numbers (n, n_columns): 1 to k, 0 if missing or unknown."""
        inputs = np.tile(self.of_zero, (len(codes), 1))
        for column, first in enumerate(self.firsts):
            known = np.flatnonzero(codes[:, column])
            at = first + codes[known, column].astype(np.intp) - 1
            inputs[known, at] = self.of_one[at]
        return inputs
