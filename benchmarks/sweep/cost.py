"""Estimates of a cell's cost, scikit-learn's seconds on one core and memory, which keep the grid affordable.

The rates are rounded from a slow core of 2 GHz; what matters is that a cell is not ten times as dear as it looks.
"""

from math import prod

from .cells import OUTPUTS, SPARSE, Cell

SECONDS, BYTES = 0.3, 1e9  # the most that a cell of the grid may take, for a call and for everything it holds
EPOCHS = 2  # of a fit, batch by batch
ITERATIONS = 3  # of lbfgs
BATCH = 200

_RATE = {"float32": 3e10, "float64": 1.5e10}  # operations a second of dense products
_SPARSE_RATE = 1e9
_PER_VALUE = {"relu": 2e-9, "identity": 1e-9, "tanh": 15e-9, "logistic": 15e-9}
_PER_STEP, _PER_WEIGHT = 5e-4, 12e-9  # of an update
_PER_ENTRY = {"list": 1e-7, "csc": 1e-8, "csr": 1e-8, "frame of ints": 5e-9, "int64": 5e-9}
_ARRAYS_OF_WEIGHTS = {"sgd": 6, "adam": 10, "lbfgs": 60}  # both models, moments, histories


def entries_of(cell: Cell) -> int:
    """Return how many numbers the rows hold."""
    return cell.rows * (stored_in_row(cell.features) if cell.inputs in SPARSE else cell.features)


def stored_in_row(features: int) -> int:
    """Return the stored entries in each row of a sparse input: two percent."""
    return max(1, features // 50)


def estimate_seconds(cell: Cell) -> float:
    """Estimate scikit-learn's seconds for one call."""
    passes = _count_passes(cell)
    first, *rest = zip(cell.widths[:-1], cell.widths[1:], strict=True)
    products = 2 * cell.rows * sum(prod(pair) for pair in rest) / _RATE[cell.dtype]
    rate = _SPARSE_RATE if cell.inputs in SPARSE else _RATE[cell.dtype]
    products += 2 * entries_of(cell) * first[1] / rate
    values = cell.rows * (sum(cell.hidden) * _PER_VALUE[cell.activation] + OUTPUTS[cell.target] * 2e-8)
    steps = 1
    if cell.trains and cell.solver != "lbfgs":
        steps = -(-cell.rows // BATCH) * (EPOCHS if cell.call == "fit" else 1)
    updates = steps * (_PER_STEP + (cell.weights * _PER_WEIGHT if cell.trains else 0))
    if cell.solver == "lbfgs" and cell.trains:
        updates += ITERATIONS * cell.weights * 2e-7
    return passes * (products + values) + updates + entries_of(cell) * _PER_ENTRY.get(cell.inputs, 1e-9)


def _count_passes(cell: Cell) -> float:
    """Return the products of a call in units of forward passes: a backward pass is two."""
    if not cell.trains:
        return 1
    if cell.solver == "lbfgs":
        return 3 * (ITERATIONS + 2)
    return 3 * (EPOCHS if cell.call == "fit" else 1)


def estimate_bytes(cell: Cell) -> float:
    """Estimate the memory of rows, their copies, weights, and scikit-learn's activations."""
    item = 4 if cell.dtype == "float32" else 8
    each = {"list": 56, "csr": 40, "csc": 40, "int64": 24, "frame of ints": 24, "other float": 24}
    rows = entries_of(cell) * each.get(cell.inputs, 3 * item)
    full_pass = not cell.trains or cell.solver == "lbfgs"
    layers = (cell.rows if full_pass else BATCH) * sum(cell.widths[1:]) * item * (2 if cell.trains else 1.5)
    return rows + layers + cell.weights * item * (_ARRAYS_OF_WEIGHTS[cell.solver] if cell.trains else 6)


def affordable(cell: Cell) -> bool:
    return estimate_seconds(cell) <= SECONDS and estimate_bytes(cell) <= BYTES
