"""Cells of the grid: a call of a model on a kind of rows. Values of each dimension, and named cells.

A cell is data, nothing else. A value that is added to `PREDICTING` or `TRAINING` is measured with every value of every
other dimension by the rule of `grid.py`; a shape that somebody found slow is a line in `NAMED`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod

OUTPUTS = {"2 classes": 1, "10 classes": 10, "1 target": 1, "3 targets": 3}
SPARSE = ("csr", "csc")
FRAMES = ("frame", "frame of ints")
EVEN = 1.0  # the ratio below which scikit-learn is faster
FEW = 300_000  # multiplications of the rows and the weights: what is below is all overhead in scikit-learn


@dataclass(frozen=True)
class Cell:
    """A call; each field is the value of one dimension.

    Attributes
    ----------
    call : {"fit", "partial_fit", "predict", "predict_proba", "score"}
    target : a key of `OUTPUTS`
        Classes make it a classifier, targets a regressor.
    rows, features : int
    hidden : tuple of int
    dtype : {"float32", "float64"}
        Of the model, and of the rows where `inputs` does not say otherwise.
    activation : {"relu", "tanh", "logistic", "identity"}
    inputs : str
        How the rows are given; `inputs.py` says how each is made.
    solver : {"sgd", "adam", "lbfgs"}
        Without meaning for a prediction.
    option : {"plain", "early_stopping", "sample_weight"}
    """

    call: str
    target: str
    rows: int
    features: int
    hidden: tuple[int, ...]
    dtype: str
    activation: str = "relu"
    inputs: str = "array"
    solver: str = "adam"
    option: str = "plain"

    @property
    def trains(self) -> bool:
        return self.call in TRAINING["call"]

    @property
    def classifies(self) -> bool:
        return self.target.endswith("classes")

    @property
    def widths(self) -> list[int]:
        """Width of every layer, input and output included."""
        return [self.features, *self.hidden, OUTPUTS[self.target]]

    @property
    def weights(self) -> int:
        return sum(prod(pair) for pair in pairwise(self.widths))

    @property
    def multiplications(self) -> int:
        """Multiplications and additions of a forward pass through dense layers."""
        return self.rows * self.weights

    def __str__(self) -> str:
        """Such as "fit, 200 rows, 784-64-64, 10 classes, float32, relu, csr, sgd"."""
        words = [self.call, f"{self.rows:,} row{'s' * (self.rows > 1)}", "-".join(map(str, self.widths[:-1]))]
        words += [self.target, self.dtype, self.activation, self.inputs]
        if self.trains:
            words += [self.solver] + [self.option] * (self.option != "plain")
        return ", ".join(words)


# The cheapest value of a dimension comes first.
_SHAPES = {
    "rows": (1, 2, 8, 32, 200, 1_000, 5_000, 20_000, 100_000),
    "features": (1, 4, 20, 100, 784, 2_000, 5_000, 20_000),
    "hidden": ((), (1,), (16,), (100,), (64, 64), (256, 256), (512,), (1024, 1024), (2048,), (4096,)),
    "dtype": ("float32", "float64"),
    "activation": ("identity", "relu", "logistic", "tanh"),
}
PREDICTING: dict[str, tuple] = {
    "call": ("predict", "predict_proba", "score"),
    "target": ("2 classes", "10 classes", "1 target", "3 targets"),
    **_SHAPES,
    "inputs": (
        "array", "csr", "csc", "fortran", "every other row", "every other column", "to_numpy", "other float", "int64",
        "list", "frame", "frame of ints",
    ),
}  # fmt: skip
TRAINING: dict[str, tuple] = {
    "call": ("partial_fit", "fit"),
    "target": ("1 target", "3 targets", "2 classes", "10 classes"),
    **_SHAPES,
    "inputs": ("array", "csr", "csc", "fortran", "int64", "list", "frame"),
    "solver": ("sgd", "adam", "lbfgs"),
    "option": ("plain", "sample_weight", "early_stopping"),
}


def _named() -> Iterator[Cell]:
    large = (  # rows, features, hidden, types: many rows through a large layer
        (4_000, 2000, (2048,), ("float32", "float64")),
        (5_000, 784, (1024, 1024), ("float32", "float64")),
        (20_000, 784, (512,), ("float64", "float32")),
        (3_000, 5000, (1000,), ("float32", "float64")),
        (1_000, 20_000, (100,), ("float32", "float64")),
        (20_000, 100, (1024, 1024), ("float32",)),
        (100_000, 20, (256, 256), ("float32", "float64")),
        (200, 20_000, (2048,), ("float32",)),
    )
    for rows, features, hidden, dtypes in large:
        for dtype in dtypes:
            yield Cell("predict_proba", "10 classes", rows, features, hidden, dtype)
    for inputs, dtype, target in product(PREDICTING["inputs"], _SHAPES["dtype"], ("2 classes", "1 target")):
        yield Cell("predict", target, 1, 20, (100,), dtype, inputs=inputs)
    for inputs, rows in product(PREDICTING["inputs"], (1, 8)):
        yield Cell("predict_proba", "10 classes", rows, 100, (64, 64), "float32", inputs=inputs)
    for target, solver, rows in product(("1 target", "2 classes"), ("sgd", "adam"), (1, 8, 32, 200)):
        for inputs, dtype in (("array", "float64"), ("array", "float32"), ("csr", "float64")):
            yield Cell("partial_fit", target, rows, 20, (64, 64), dtype, inputs=inputs, solver=solver)
    yield Cell("fit", "10 classes", 500, 2000, (2048,), "float32", solver="lbfgs")
    yield Cell("fit", "10 classes", 500, 2000, (500,), "float64", solver="lbfgs")
    yield Cell("fit", "10 classes", 500, 2000, (500,), "float32", solver="lbfgs")
    for dtype in _SHAPES["dtype"]:
        yield Cell("fit", "2 classes", 1_000, 20_000, (100,), dtype, inputs="csr", solver="lbfgs")
    yield Cell("fit", "10 classes", 5_000, 784, (512,), "float32", option="early_stopping")
    yield Cell("score", "10 classes", 20_000, 784, (512,), "float64")


#: What was found slow once, and what is used most.
NAMED = tuple(_named())


#: Groups of cells, and the least ratio that is asked of each.
GROUPS = {
    "predictions of arrays": 1.1,
    "few rows of other inputs": 2.0,
    "partial_fit of small batches": 3.0,
    "lbfgs": 1.2,
    "other calls": EVEN,  # scikit-learn's own functions take most of the time in both, or nothing was promised
}


def find_group(cell: Cell) -> str:
    """Return the group that a cell belongs to."""
    if cell.trains and cell.solver == "lbfgs":
        return "lbfgs"
    small = cell.rows <= 32 and cell.multiplications <= FEW
    if cell.call == "partial_fit" and small and cell.inputs in ("array", "csr"):
        return "partial_fit of small batches"
    if cell.call in ("predict", "predict_proba"):
        if cell.inputs == "array":
            return "predictions of arrays"
        if small and cell.inputs != "csc":
            return "few rows of other inputs"
    return "other calls"
