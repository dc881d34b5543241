"""The cases: what is trained, for how long, and which final loss is a right answer.

A case is data, nothing else. A new one is a new line in `CASES`; `data.py` makes its rows from it, every peer
in `peers.py` builds its network from it, `judge.py` holds every peer to its `loss_band`.
"""

from dataclasses import dataclass

ESTIMATORS = ("fastmlp", "scikit-learn")


@dataclass(frozen=True)
class Case:
    """One training problem; what is not named here is as in scikit-learn's MLP: Adam and its defaults.

    Attributes
    ----------
    name : str
        What ``--cases`` and the table call it.
    rows, features, classes : int
        Shape of the training set; for a regression `classes` is the number of targets.
    hidden : tuple of int
        Widths of the hidden layers.
    batch : int
        Rows a step.
    epochs : int
        Chosen so that scikit-learn's fit takes about a second on the machine of DESIGN.md: long enough to
        time, short enough that rounding in float32 has not yet carried two right answers apart.
    loss_band : (float, float)
        Lowest and highest training loss (log loss, or half the mean square) of a right answer after `epochs`.
        It says that the network learned what is there to learn. Measured with scikit-learn in float64, 10 %
        to either side.
    activation : {"relu", "tanh", "logistic", "identity"}
    task : {"classification", "regression"}
    density : float or None
        Share of stored entries for CSR input, None for a dense array.
    peers : tuple of str
        Who can run it, by their names in `peers.PEERS`.
    """

    name: str
    rows: int
    features: int
    classes: int
    hidden: tuple[int, ...]
    batch: int
    epochs: int
    loss_band: tuple[float, float]
    activation: str = "relu"
    task: str = "classification"
    density: float | None = None
    peers: tuple[str, ...] = ESTIMATORS

    @property
    def outputs(self) -> int:
        """Width of the last layer: two classes share one logistic unit."""
        return 1 if self.task == "classification" and self.classes == 2 else self.classes

    @property
    def widths(self) -> list[int]:
        """Width of every layer, input and output included."""
        return [self.features, *self.hidden, self.outputs]

    def steps(self, epochs: int) -> int:
        """Number of updates in `epochs`: the last batch of an epoch may be short."""
        return epochs * -(-self.rows // self.batch)


# fmt: off
CASES = (  # rows, features, classes, hidden, batch
    Case("tiny", 5_000, 4, 2, (16,), 32, epochs=20, loss_band=(0.447, 0.546)),
    Case("online", 2_000, 20, 2, (64,), 1, epochs=2, loss_band=(0.31, 0.38)),
    Case("default", 10_000, 20, 2, (100,), 200, epochs=30, loss_band=(0.263, 0.322)),
    Case("deep", 10_000, 32, 5, (64,) * 8, 128, epochs=4, loss_band=(0.757, 0.925)),
    Case("medium", 20_000, 50, 10, (256, 256), 256, epochs=4, loss_band=(1.05, 1.28)),
    Case("wide", 10_000, 784, 10, (512, 512), 512, epochs=2, loss_band=(1.04, 1.27)),
    Case("sparse", 20_000, 20_000, 4, (100,), 200, epochs=1, loss_band=(0.768, 0.939), density=0.005),
    Case("regression", 40_000, 8, 1, (128, 128), 256, epochs=8, loss_band=(0.120, 0.147),
         activation="tanh", task="regression"),
)
# fmt: on


def find_cases(names: list[str] | None) -> list[Case]:
    """The cases of these names in the table's order, or all of them."""
    known = [case.name for case in CASES]
    unknown = [name for name in names or [] if name not in known]
    if unknown:
        raise ValueError(f"no case is called {', '.join(unknown)}; there are {', '.join(known)}")
    return [case for case in CASES if not names or case.name in names]
