"""Training problems: rows, network, number of epochs, and the band of correct final losses.

A case is data only. A new one is a new line in `CASES`; `data.py` makes its rows from it, every peer
in `peers.py` builds its network from it, `judge.py` holds every peer to its `loss_band`.
"""

from dataclasses import dataclass, replace

ESTIMATORS = ("fastmlp", "scikit-learn")
DENSE = (*ESTIMATORS, "pytorch", "pytorch-compile", "jax")
THREADED = (*DENSE, "fastmlp-1")  # where two threads are held against one
MANY_CORES = ("fastmlp", "fastmlp-bfloat16_3x", "fastmlp-bfloat16", "pytorch", "pytorch-bfloat16", "jax")


@dataclass(frozen=True)
class Case:
    """One training problem; everything else is the default of scikit-learn's MLP with Adam.

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
    words : int or None
        Words of a row, if CSR input looks like text; some of them are the same.
    peers : tuple of str
        Who can run it, by their names in `peers.py`.
    shuffle : bool
        Whether each epoch draws a new order of rows; one batch of all rows needs none.
    dtypes : tuple of str
        The types it is trained in.
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
    words: int | None = None
    peers: tuple[str, ...] = DENSE
    shuffle: bool = True
    dtypes: tuple[str, ...] = ("float32", "float64")

    @property
    def outputs(self) -> int:
        """Return the width of the last layer; two classes share one logistic unit."""
        return 1 if self.task == "classification" and self.classes == 2 else self.classes

    @property
    def widths(self) -> list[int]:
        """Return the width of each layer, input and output included."""
        return [self.features, *self.hidden, self.outputs]

    def steps(self, epochs: int) -> int:
        """Return the number of updates in `epochs`; the last batch of an epoch may be short."""
        return epochs * -(-self.rows // self.batch)

    def declines(self, peer: str) -> str | None:
        """Return why this peer does not take part, or None."""
        if peer in self.peers:
            return None
        return "has no path for sparse rows" if self.density else "is left out of this case"

    def operations(self) -> int:
        """Return the floating-point operations per row of a step's matrix products.

        Two for each weight forward, two for its gradient, and two back to the layer's input, which the first layer
        needs not. Activations, loss and update are not counted.
        """
        weights = [i * o for i, o in zip(self.widths[:-1], self.widths[1:], strict=True)]
        return 6 * sum(weights) - 2 * weights[0]


# fmt: off
CASES = (  # rows, features, classes, hidden, batch
    Case("tiny", 5_000, 4, 2, (16,), 32, epochs=20, loss_band=(0.447, 0.546)),
    Case("online", 2_000, 20, 2, (64,), 1, epochs=2, loss_band=(0.31, 0.38)),
    Case("default", 10_000, 20, 2, (100,), 200, epochs=30, loss_band=(0.263, 0.322)),
    Case("deep", 10_000, 32, 5, (64,) * 8, 128, epochs=4, loss_band=(0.757, 0.925)),
    Case("medium", 20_000, 50, 10, (256, 256), 256, epochs=4, loss_band=(1.05, 1.28), peers=THREADED),
    Case("wide", 10_000, 784, 10, (512, 512), 512, epochs=2, loss_band=(1.04, 1.27), peers=THREADED),
    Case("sparse", 20_000, 20_000, 4, (100,), 200, epochs=1, loss_band=(0.768, 0.939), density=0.005,
         peers=ESTIMATORS),
    Case("regression", 40_000, 8, 1, (128, 128), 256, epochs=8, loss_band=(0.120, 0.147),
         activation="tanh", task="regression"),
)
# What SimpleChains.jl publishes (0.41 s on an i9-10980XE with 18 cores, JAX 9.0 s, PyTorch 15.2 s): full-batch Adam.
# In float32 as there. It is long: in float64 three right answers were the same after 5,000 epochs (to 1e-15), and
# 5e-5 to 1e-4 apart after 10,000, where rounding has grown; in float32 1e-5.
SIMPLECHAINS = Case("simplechains", 10_000, 4, 4, (32, 16), 10_000, epochs=10_000, loss_band=(0.0184, 0.0226),
                    activation="tanh", task="regression", peers=("fastmlp", "pytorch", "jax"), shuffle=False,
                    dtypes=("float32",))
# Rows like texts: most features are rare, and each row has about 100 of them. scikit-learn takes minutes for an epoch
# of it, so it runs only if it is named.
TEXT = Case("text", 50_000, 200_000, 20, (100,), 200, epochs=1, loss_band=(2.42, 2.96), density=0.0005, words=103,
            peers=ESTIMATORS)
# For the suite `cores`: many rows a step, and large layers.
LARGE = (
    Case("tall", 65_536, 50, 10, (256, 256), 8_192, epochs=2, loss_band=(1.24, 1.52), dtypes=("float32",)),
    Case("big", 10_000, 784, 10, (2_048, 2_048), 1_024, epochs=1, loss_band=(1.31, 1.60), dtypes=("float32",)),
)
# fmt: on


def find_cases(names: list[str] | None) -> list[Case]:
    """Return the cases with these names in the table's order.

    None stands for all but `TEXT` and `LARGE`, the published one last.
    """
    everything = (*CASES, TEXT, *LARGE, SIMPLECHAINS)
    known = [case.name for case in everything]
    unknown = [name for name in names or [] if name not in known]
    if unknown:
        raise ValueError(f"no case is called {', '.join(unknown)}; there are {', '.join(known)}")
    return [case for case in everything if case.name in names] if names else [*CASES, SIMPLECHAINS]


def cases_of_cores(names: list[str] | None) -> list[Case]:
    """Return the cases of the suite `cores`, those with these names or all, for its peers in float32."""
    chosen = find_cases(names or ["regression", "medium", "wide", "tall", "big", "simplechains"])
    return [replace(case, peers=MANY_CORES, dtypes=("float32",)) for case in chosen if not case.density]
