"""The session: everything that one process measures, with its one number of threads."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from . import report
from .cases import SIMPLECHAINS, Case, find_cases
from .comparison import NOBODY, Comparison, average, compare
from .findings import Finding
from .functions import measure_functions
from .harness import SEED, Measurement, measure
from .machine import describe_machine
from .peers import SUBJECT, Peer, find_peers
from .predicting import measure_predicting, missing_runtime
from .roofline import measure_roofline
from .starting import measure_starting
from .threads import limit_blas, placed

SUITES = ("training", "roofline", "predicting", "functions", "starting")
ROOFLINE = ("medium", "wide")


@dataclass(frozen=True)
class Plan:
    """What to measure; None stands for everything."""

    threads: int
    dtypes: list[str]
    pairs: int
    epochs: int | None = None
    cases: list[str] | None = None
    peers: list[str] | None = None
    suites: list[str] | None = None

    def wants(self, suite: str) -> bool:
        """Whoever names cases wants trainings; what concerns one core alone is measured on one core."""
        if self.suites is not None:
            return suite in self.suites
        return suite == "training" or (self.cases is None and (self.threads == 1 or suite == "predicting"))

    def check(self) -> None:
        """Raises ValueError for a name that does not exist."""
        find_cases(self.cases)
        find_peers(self.peers, self.threads)

    def chosen_cases(self) -> list[Case]:
        """Long and about several threads, the published case runs on one only when it is named."""
        cases = find_cases(self.cases)
        return cases if self.cases or self.threads > 1 else [case for case in cases if case is not SIMPLECHAINS]


@dataclass
class Session:
    """What was measured, where, and what was not."""

    machine: dict
    settings: dict
    missing: dict[str, str] = field(default_factory=dict)
    declined: dict[str, dict[str, str]] = field(default_factory=dict)  # by case and peer
    measurements: list[Measurement] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def threads(self) -> int:
        return self.settings["threads"]


def run_session(plan: Plan) -> Session:
    """Measure what the plan says, printing as it goes."""
    plan.check()
    with placed(plan.threads) as cores:
        peers = find_peers(plan.peers, plan.threads)
        missing = {peer.name: reason for peer in peers if (reason := peer.missing())}
        if plan.wants("predicting") and (reason := missing_runtime()):
            missing["onnxruntime"] = reason
        for name, reason in missing.items():
            print(f"MISSING: {name} ({reason})")
        peers = [peer for peer in peers if peer.name not in missing]
        told = {peer.name: peer.settings() for peer in peers if hasattr(peer, "settings")}
        settings = {"threads": plan.threads, "cores": cores, "pairs": plan.pairs, "epochs": plan.epochs, "seed": SEED}
        session = Session(describe_machine(), settings | {"read once per process": told}, missing)
        print(report.format_machine(session.machine))
        print(report.format_place(plan.threads, cores, plan.pairs), flush=True)
        with limit_blas(plan.threads):  # again: peers were imported meanwhile
            if plan.wants("training"):
                train_all(session, plan, plan.chosen_cases(), peers)
            if SUBJECT not in missing:
                measure_rest(session, plan)
    return session


def train_all(session: Session, plan: Plan, cases: list[Case], peers: list[Peer]) -> None:
    """Every case in every type, and the geometric means."""
    print(report.format_header(), flush=True)
    for dtype in plan.dtypes:
        for case in cases:
            if dtype not in case.dtypes:
                print(f"{case.name:<15}{dtype:<9}is trained in {', '.join(case.dtypes)} alone")
                continue
            result = measure(case, dtype, peers, plan.pairs, plan.epochs, plan.threads)
            session.measurements.append(result)
            others = [peer.name for peer in peers if peer.name != SUBJECT]
            taking_part = [name for name in others if case.declines(name) is None]
            for other in taking_part or [NOBODY]:
                session.comparisons.append(compare(result, SUBJECT, other))
                print(report.format_row(session.comparisons[-1], result), flush=True)
            for other in others:
                if (reason := case.declines(other)) and not other.startswith(SUBJECT):
                    session.declined.setdefault(case.name, {})[other] = reason
                    print(report.format_declined(case.name, dtype, other, reason))
    means = average([one for one in session.comparisons if one.case != SIMPLECHAINS.name])
    for mean in means:
        print(report.format_row(mean))
    session.comparisons += means
    print(report.NOTE, flush=True)


def measure_rest(session: Session, plan: Plan) -> None:
    """What is no training; one that fails is named, and the rest goes on."""
    suites = {
        "roofline": lambda: _rooflines(plan),
        "predicting": lambda: measure_predicting(plan.pairs, plan.threads),
        "functions": lambda: measure_functions(plan.dtypes, plan.pairs, plan.threads),
        "starting": lambda: measure_starting(plan.pairs, plan.threads),
    }
    for name, findings in suites.items():
        if not plan.wants(name):
            continue
        print(f"\n{name}")
        try:
            for finding in findings():
                session.findings.append(finding)
                print(f"  {finding}", flush=True)
        except Exception as error:
            session.errors.append(f"{name}: {type(error).__name__}: {error}")
            print(f"  FAILED: {session.errors[-1]}", flush=True)


def _rooflines(plan: Plan) -> Iterator[Finding]:
    if plan.threads > 1:
        raise ValueError("the roofline is of one core: --threads 1")
    for case in find_cases(list(ROOFLINE)):
        yield from measure_roofline(case, "float32", plan.pairs, plan.threads)
