"""What the results of all sets say: medians over seeds, and means over sets relative to LightGBM."""

from dataclasses import dataclass
from math import exp, fsum, log
from statistics import median

from ..ratios import geometric_mean
from .methods import LIGHTGBM, METHODS
from .results import Result

#: The sets whose errors the mean is over, where the folder has them; otherwise all.
SCORED = (
    "california", "house_sales", "hotel_rates", "magic", "covertype11k", "pol", "puma32", "churn", "letter",
)  # fmt: skip
SHIFT = 0.01  # so that an error near 0 does not decide


def shifted_mean(errors: dict[str, float], base: dict[str, float]) -> float:
    """Return exp mean log((error + 0.01) / (base error + 0.01)) over the sets of `errors`: below 1, better."""
    return exp(fsum(log((errors[name] + SHIFT) / (base[name] + SHIFT)) for name in errors) / len(errors))


@dataclass(frozen=True)
class Row:
    """A method's line of the summary.

    Attributes
    ----------
    n_sets : int
        Those that the mean is over.
    mean : float or None
        Shifted geometric mean of the errors relative to LightGBM's.
    wins, losses : int
        Sets with a smaller or larger error than LightGBM's, of all that both have.
    log_loss : float or None
        Geometric mean relative to LightGBM's.
    cpu, wall, predict : float
        Geometric means of a fit's seconds over the sets of `mean`, medians over seeds.
    compiling : float or None
        CPU seconds of the first fit with an empty cache: fit and compilation, in the same mean.
    elsewhere : bool
        Whether some of the seconds were measured on another machine.
    """

    method: str
    n_sets: int
    mean: float | None
    wins: int
    losses: int
    log_loss: float | None
    cpu: float
    compiling: float | None
    wall: float
    predict: float
    elsewhere: bool


class Summary:
    """Results by method and set."""

    def __init__(
        self, results: list[Result], compilations: dict[tuple[str, str], float | None], machine: str, threads: int
    ):
        self.machine, self.threads, self.compilations = machine, threads, compilations
        self.results: dict[tuple[str, str], list[Result]] = {}
        for one in results:
            self.results.setdefault((one.trial.method, one.trial.set), []).append(one)
        self.sets = list(dict.fromkeys(name for _, name in self.results))
        self.methods = [name for name in METHODS if any(method == name for method, _ in self.results)]

    def errors(self, method: str) -> dict[str, list[float]]:
        """Return set ↦ the error of each seed."""
        return {name: [one.error for one in self.results[method, name]] for name in self._sets_of(method)}

    def middle(self, method: str, name: str, what: str) -> float | None:
        """Return the median over seeds of a number of the results, or None if there is none."""
        values = [getattr(one, what) for one in self.results.get((method, name), [])]
        return median(values) if values and None not in values else None

    def is_elsewhere(self, method: str, name: str) -> bool:
        """Whether some of these seconds were measured on another machine, or with another number of threads."""
        here = (self.machine, self.threads)
        return any((one.trial.machine, one.trial.threads) != here for one in self.results.get((method, name), []))

    def scored(self, method: str) -> list[str]:
        """Return the sets of the mean that both this method and LightGBM have."""
        common = [name for name in self._sets_of(method) if name in self._sets_of(LIGHTGBM)]
        return [name for name in common if name in SCORED or not set(self.sets) & set(SCORED)]

    def rows(self) -> list[Row]:
        """Return a line for each method, the smallest mean first; those without a mean last."""
        rows = [self._row(method) for method in self.methods]
        return sorted(rows, key=lambda row: (row.mean is None, row.mean))

    def _row(self, method: str) -> Row:
        names = self.scored(method)
        mine, base = self._middles(method, "error"), self._middles(LIGHTGBM, "error")
        both = [name for name in mine if name in base]
        losses, their_losses = self._middles(method, "log_loss"), self._middles(LIGHTGBM, "log_loss")
        ratios = [losses[name] / their_losses[name] for name in losses if name in their_losses]
        timed = names or list(mine)
        first = [self._first_fit(method, name) for name in timed]
        seconds = {what: self._mean_seconds(method, timed, what) for what in ("cpu", "wall", "predict")}
        return Row(
            method, len(names), shifted_mean({name: mine[name] for name in names}, base) if names else None,
            sum(mine[name] < base[name] for name in both), sum(mine[name] > base[name] for name in both),
            geometric_mean(ratios) if ratios else None, compiling=_mean_of_all(first),
            elsewhere=any(self.is_elsewhere(method, name) for name in timed), **seconds,
        )  # fmt: skip

    def _sets_of(self, method: str) -> list[str]:
        return [name for name in self.sets if (method, name) in self.results]

    def _middles(self, method: str, what: str) -> dict[str, float]:
        middles = {name: self.middle(method, name, what) for name in self._sets_of(method)}
        return {name: value for name, value in middles.items() if value is not None}

    def _mean_seconds(self, method: str, names: list[str], what: str) -> float:
        middles = self._middles(method, f"{what}_seconds")
        return geometric_mean([max(middles[name], 1e-6) for name in names])

    def _first_fit(self, method: str, name: str) -> float | None:
        """Return the CPU seconds of a fit with its compilation; None if that was not measured."""
        compiling = self.compilations.get((method, name), 0.0)
        fit = self.middle(method, name, "cpu_seconds")
        return None if compiling is None or fit is None else fit + compiling


def _mean_of_all(values: list[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return geometric_mean([max(value, 1e-6) for value in there]) if there and len(there) == len(values) else None
