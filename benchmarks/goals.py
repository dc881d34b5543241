"""Performance goals, and which of them were reached.

A goal names numbers; `judge_goal` looks them up among all measurements. If one is missing the goal is "not measured",
unless another number already misses it; a wrong result misses the goal.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .cases import CASES
from .comparison import Comparison
from .defaults import LEAST as LEAST_AS_IT_COMES
from .findings import Finding
from .predicting import LARGE, OUTPUTS, describe
from .ratios import geometric_mean
from .starting import DTYPE as START_DTYPE
from .starting import describe as describe_start
from .sweep.cells import GROUPS
from .sweep.walk import describe_least

ONE, SEVERAL = "one thread", "several threads"


@dataclass(frozen=True)
class Number:
    """Identifies a number: a case or the name of a finding, and the peers compared.

    Of several `peers` the fastest counts, so each must have been measured; those in `also` count if they were.
    """

    what: str
    dtype: str = "float32"
    peers: tuple[str | None, ...] = (None,)
    also: tuple[str, ...] = ()
    threads: str = ONE
    unit: str = "×"

    def __str__(self) -> str:
        return f"{self.what} {self.dtype}"


@dataclass(frozen=True)
class Goal:
    """A goal: each number at least `each` (at most `at_most`), and their geometric mean at least `mean`."""

    text: str
    numbers: tuple[Number, ...]
    each: float | None = None
    mean: float | None = None
    at_most: float | None = None
    beside: tuple[Number, ...] = ()  # reported along with the goal

    @property
    def limit(self) -> str:
        """The goal's limits, such as "mean ≥ 12 ×, each ≥ 1.8 ×"."""
        unit = self.numbers[0].unit
        name = "each ≥" if self.mean else "≥"
        parts = (("mean ≥", self.mean), (name, self.each), ("≤", self.at_most))
        return ", ".join(f"{sign} {limit:g} {unit}" for sign, limit in parts if limit is not None)


@dataclass(frozen=True)
class Outcome:
    """The result of a goal; `reached` is None if it was not measured, and `found` says why."""

    goal: Goal
    reached: bool | None
    found: str


class Measured:
    """All measurements, by number: a median, or a text that says what is wrong with it.

    `missing` are the peers that are not installed, `threads` the numbers of threads that there were sessions for.
    """

    def __init__(
        self, comparisons: Iterable[Comparison], findings: Iterable[Finding], missing: Iterable[str] = (),
        threads: Iterable[int] = (1,),
    ):  # fmt: skip
        self._values: dict[tuple, float | str] = {}
        self._missing = set(missing)
        self._threads = {SEVERAL if number > 1 else ONE for number in threads}
        for one in comparisons:
            if one.ratio or one.wrong:
                self._keep(one.case, one.dtype, one.peer, one.threads, "×", one.wrong or one.ratio.median)
        for found in findings:
            self._keep(found.what, found.dtype, found.peer, found.threads, found.unit, found.value.median)

    def _keep(self, what, dtype, peer, threads, unit, value) -> None:
        self._values[what, dtype, peer, SEVERAL if threads > 1 else ONE, unit] = value

    def find(self, number: Number) -> float | str | None:
        """Return the number; a text that says what is wrong with it; or None if it is missing."""
        values = []
        for peer in (*number.peers, *number.also):
            value = self._values.get((number.what, number.dtype, peer, number.threads, number.unit))
            if value is None and peer in number.peers:
                return None
            if isinstance(value, str):
                return value
            if value is not None:
                values.append(value)
        return min(values)

    def judge(self, goal: Goal) -> Outcome:
        """Judge whether the goal is reached by the available numbers."""
        found = {number: self.find(number) for number in goal.numbers}
        values = {number: value for number, value in found.items() if isinstance(value, float)}
        wrong = [f"{number}: {value}" for number, value in found.items() if isinstance(value, str)]
        absent = [number for number, value in found.items() if value is None]
        text = "; ".join(part for part in (describe_values(goal, values), self._beside(goal)) if part)
        if wrong:
            return Outcome(goal, False, f"wrong answer: {'; '.join(wrong)}")
        if any(misses(goal, value) for value in values.values()):
            return Outcome(goal, False, text)
        if absent:
            return Outcome(goal, None, "; ".join(part for part in (text, self._why(absent, bool(values))) if part))
        reached = goal.mean is None or geometric_mean(list(values.values())) >= goal.mean
        return Outcome(goal, reached, text)

    def _why(self, absent: list[Number], others: bool) -> str:
        """Return why these numbers are missing while others of the goal are not."""
        if absent[0].threads not in self._threads:
            return f"needs {absent[0].threads}"
        peers = sorted(self._missing & {peer for number in absent for peer in number.peers if peer})
        if peers:
            return f"missing: {', '.join(peers)}"
        return f"without {', '.join(map(str, absent))}" if others else "not in this run"

    def _beside(self, goal: Goal) -> str:
        told = ((number, self.find(number)) for number in goal.beside)
        return ", ".join(f"{n.peers[0]} {value:.3g} {n.unit}" for n, value in told if isinstance(value, float))


def misses(goal: Goal, value: float) -> bool:
    """Whether this number alone misses the goal."""
    too_low = goal.each is not None and value < goal.each
    return too_low or (goal.at_most is not None and value > goal.at_most)


def describe_values(goal: Goal, values: dict[Number, float]) -> str:
    """Return mean and lowest number if the goal has a mean, else all numbers."""
    unit = goal.numbers[0].unit
    if goal.mean is None:
        types = len({number.dtype for number in goal.numbers}) > 1
        short = [f"{number.what.partition(':')[0]}{f' {number.dtype}' if types else ''} " for number in values]
        names = short if len(goal.numbers) > 1 else [""]
        return ", ".join(f"{name}{value:.3g} {unit}" for name, value in zip(names, values.values(), strict=False))
    if not values:
        return ""
    lowest = min(values, key=lambda number: values[number])
    mean = geometric_mean(list(values.values()))
    return f"mean {mean:.3g} {unit} of {len(values)} cases, lowest {values[lowest]:.3g} {unit} ({lowest.what})"


def _training(dtype: str, *peers: str, dense: bool = False, also: tuple[str, ...] = ()) -> tuple[Number, ...]:
    return tuple(Number(case.name, dtype, peers, also) for case in CASES if not (dense and case.density))


def _shares(what: str) -> tuple[Number, ...]:
    cases = ("medium", "wide", "tall", "big")
    return tuple(Number(f"{case}: {what}", peers=("the best tile's rate",), unit="%") for case in cases)


def _one_row(at_most: float, *widths: int) -> Goal:
    what = describe(widths, 1)
    beside = tuple(Number(what, peers=(peer,), unit="µs") for peer in ("scikit-learn", "onnxruntime"))
    return Goal(what, (Number(what, unit="µs"),), at_most=at_most, beside=beside)


def _least(text: str, what: str, limit: float, threads: str) -> Goal:
    """Return a goal for the lowest of many ratios, in both types."""
    numbers = (Number(what, dtype, ("scikit-learn",), threads=threads) for dtype in ("float32", "float64"))
    return Goal(text, tuple(numbers), each=limit)


# fmt: off
GOALS = (
    Goal("training, float32, one core, against scikit-learn", _training("float32", "scikit-learn"), each=1.8, mean=12),
    Goal("training, float64, one core, against scikit-learn", _training("float64", "scikit-learn"), each=1.6, mean=10),
    Goal("`default`, float32, one core, against scikit-learn", (Number("default", peers=("scikit-learn",)),), each=5),
    *(Goal(f"dense, {dtype}, one core, against the best of PyTorch and JAX",
           _training(dtype, "pytorch", "jax", dense=True, also=("pytorch-compile",)), each=1.15, mean=2)
      for dtype in ("float32", "float64")),
    Goal("whole step, float32, one core, of the best tile's rate", _shares("whole step"), each=83),
    Goal("products alone, float32, one core, of the best tile's rate", _shares("products alone"), each=90),
    Goal("`medium` and `wide`, float32, several threads against one",
         tuple(Number(case, peers=("fastmlp-1",), threads=SEVERAL) for case in ("medium", "wide")), each=1.8),
    Goal("`sparse`, both types, one core, against scikit-learn",
         tuple(Number("sparse", dtype, ("scikit-learn",)) for dtype in ("float32", "float64")), each=10),
    Goal("SimpleChains' case, float32, all cores, against JAX",
         (Number("simplechains", peers=("jax",), threads=SEVERAL),), each=4),
    _one_row(8, 20, 100),
    _one_row(12, 50, 256, 256),
    Goal("predict_proba, 2,000 rows, 50-256-256-1, against ONNX Runtime",
         (Number(describe((50, 256, 256), 2_000), peers=("onnxruntime",)),), each=1.2),
    Goal("predict_proba, large layers, 10 classes, against ONNX Runtime",
         tuple(Number(describe(*shape, OUTPUTS), peers=("onnxruntime",)) for shape in LARGE), each=1),
    Goal("exp, tanh, log of 100,000, float32, against NumPy",
         tuple(Number(name, peers=("numpy",)) for name in ("exp", "tanh", "log")), each=1),
    Goal("exp, tanh, log of 100,000, float64, against NumPy",
         tuple(Number(name, "float64", peers=("numpy",)) for name in ("exp", "tanh", "log")), each=1),
    *(Goal(describe_start(cache), (Number(describe_start(cache), START_DTYPE, unit="s"),), at_most=seconds)
      for cache, seconds in (("cold", 6), ("warm", 0.6))),
    _least("every call of the sweep, one core, against scikit-learn", describe_least(None), 1, ONE),
    *(_least(f"{group}, least of the sweep, one core", describe_least(group), limit, ONE)
      for group, limit in GROUPS.items() if limit > 1),
    _least("everything as it comes, all cores, against scikit-learn", LEAST_AS_IT_COMES, 1, SEVERAL),
)
# fmt: on
