"""The rows of a cell: seeded numbers in the forms that users pass.

A new kind of input is a line in `MAKERS` and a value in `cells.py`.
"""

from collections.abc import Callable

import numpy as np
import scipy.sparse

from .cells import FRAMES, OUTPUTS, SPARSE, Cell
from .cost import stored_in_row

OTHER = {"float32": "float64", "float64": "float32"}
INTEGERS = (-3, 4)  # the first, and the one after the last


def make_inputs(cell: Cell, rng: np.random.Generator):
    """Return the rows, (rows, features), in the form of `cell.inputs`."""
    return MAKERS[cell.inputs](cell, rng)


def make_first_rows(cell: Cell, rng: np.random.Generator):
    """Return a few rows of the model's type for its first fit: an array, or a data frame if names matter."""
    X = rng.standard_normal((2 * OUTPUTS["10 classes"], cell.features)).astype(cell.dtype)
    return _frame(X) if cell.inputs in FRAMES else X


def make_targets(cell: Cell, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Return all classes in turn as int64, or targets of the model's type: float64 would change float32 fits."""
    if cell.classifies:
        return np.arange(rows) % int(cell.target.split()[0])
    y = rng.standard_normal((rows, OUTPUTS[cell.target])).astype(cell.dtype)
    return y[:, 0] if y.shape[1] == 1 else y


def square_of_row(cell: Cell) -> float:
    """Return the mean squared norm of a row, to which the steps of gradient descent are proportional."""
    low, high = INTEGERS
    each = np.mean(np.arange(low, high) ** 2) if cell.inputs in ("int64", "frame of ints") else 1.0
    return float(each) * (stored_in_row(cell.features) if cell.inputs in SPARSE else cell.features)


def _array(cell: Cell, rng, taller: int = 1, wider: int = 1) -> np.ndarray:
    """Return C-contiguous rows of the model's type."""
    return rng.standard_normal((taller * cell.rows, wider * cell.features), np.float32).astype(cell.dtype, copy=False)


def _integers(cell: Cell, rng) -> np.ndarray:
    return rng.integers(*INTEGERS, (cell.rows, cell.features))


def _csr(cell: Cell, rng) -> scipy.sparse.csr_matrix:
    """Return rows with equal numbers of entries, one in each range of columns."""
    count = stored_in_row(cell.features)
    stretch = cell.features // count
    columns = rng.integers(0, stretch, (cell.rows, count), np.int32) + stretch * np.arange(count, dtype=np.int32)
    starts = np.arange(0, cell.rows * count + 1, count, dtype=np.int32)
    values = rng.standard_normal(cell.rows * count, np.float32).astype(cell.dtype)
    return scipy.sparse.csr_matrix((values, columns.ravel(), starts), (cell.rows, cell.features))


def _frame(X: np.ndarray):
    from pandas import DataFrame

    return DataFrame(X, columns=[f"x{number}" for number in range(X.shape[1])])


def _to_numpy(cell: Cell, rng) -> np.ndarray:
    """Return rows as `DataFrame.to_numpy` gives them for a part of a frame: with strides in both directions."""
    return np.asfortranarray(_array(cell, rng, taller=2))[: cell.rows]


MAKERS: dict[str, Callable] = {
    "array": _array,
    "fortran": lambda cell, rng: np.asfortranarray(_array(cell, rng)),
    "every other row": lambda cell, rng: _array(cell, rng, taller=2)[::2],
    "every other column": lambda cell, rng: _array(cell, rng, wider=2)[:, ::2],
    "to_numpy": _to_numpy,
    "other float": lambda cell, rng: _array(cell, rng).astype(OTHER[cell.dtype]),
    "int64": _integers,
    "list": lambda cell, rng: _array(cell, rng).tolist(),
    "csr": _csr,
    "csc": lambda cell, rng: _csr(cell, rng).tocsc(),
    "frame": lambda cell, rng: _frame(_array(cell, rng)),
    "frame of ints": lambda cell, rng: _frame(_integers(cell, rng)),
}
