"""Timing of fits: peers in turn, A B A B …, each fit timed separately.

warm-up   A  B          untimed: compiles, loads from the cache, wakes the core
pair 1    A  B
pair 2    A  B          ratio of pair k = seconds of B / seconds of A
…
"""

import gc
import warnings
from dataclasses import dataclass, field
from time import perf_counter

from sklearn.exceptions import ConvergenceWarning

from .cases import Case
from .data import make_data
from .idle_threads import wait_for_idle_threads
from .judge import judge
from .peers import Peer

SEED = 2  # `deep` in float32 amplifies rounding least, of the seeds 0 to 7, from this start


@dataclass
class Measurement:
    """All timed fits of one case in one type; the k-th entries of all peers form a pair.

    Attributes
    ----------
    seconds, losses : dict of str to list of float
        By peer: time of each fit, and the final loss as the judge computes it.
    wrong : dict of str to str
        By peer: what is wrong with its answer, or the error it raised. Who is in here is not timed further.
    threads : int
        How many every peer was given.
    """

    case: Case
    dtype: str
    epochs: int
    seconds: dict[str, list[float]] = field(default_factory=dict)
    losses: dict[str, list[float]] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    threads: int = 1

    def microseconds(self, seconds: float) -> float:
        """Return the time of the whole fit divided by its number of steps."""
        return 1e6 * seconds / self.case.steps(self.epochs)


def measure(
    case: Case, dtype: str, peers: list[Peer], pairs: int, epochs: int | None = None, threads: int = 1
) -> Measurement:
    """Train `case` with each peer in turn, `pairs` times over after one warm-up."""
    X, y = make_data(case, dtype)
    result = Measurement(case, dtype, epochs or case.epochs, threads=threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for turn in range(pairs + 1):
            for peer in peers:
                if peer.name in case.peers and peer.name not in result.wrong:
                    _one_fit(result, peer, X, y, timed=turn > 0)
    return result


def _one_fit(result: Measurement, peer: Peer, X, y, timed: bool) -> None:
    """Run and judge one fit of one peer; append its time to `result`."""
    case, epochs = result.case, result.epochs
    try:
        trial = peer.prepare(case, X, y, epochs, SEED)
        gc.collect()  # one peer's garbage is not collected in the other's time
        wait_for_idle_threads()
        start = perf_counter()
        trial.fit()
        seconds = perf_counter() - start
        loss, wrong = judge(case, trial.answer(), epochs, X, y)
    except Exception as error:  # a peer that fails must not take the other cases' results with it
        wrong = f"{type(error).__name__}: {error}"
    if wrong:
        result.wrong[peer.name] = wrong
    elif timed:
        result.seconds.setdefault(peer.name, []).append(seconds)
        result.losses.setdefault(peer.name, []).append(loss)
