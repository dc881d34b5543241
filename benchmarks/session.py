"""All measurements of one process, with one number of threads."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from . import report
from .cases import MANY_CORES, SIMPLECHAINS, Case, cases_of_cores, find_cases
from .comparison import NOBODY, Comparison, average, compare
from .defaults import measure_defaults
from .findings import Finding
from .functions import measure_functions
from .harness import SEED, Measurement, measure
from .machine import describe_machine
from .peers import PRECISIONS, SUBJECT, Peer, find_peers
from .predicting import measure_predicting, missing_runtime
from .roofline import measure_roofline
from .starting import measure_starting
from .sweep.grid import choose_cells, make_grid
from .sweep.timing import Timing
from .sweep.walk import measure_sweep, missing_frames
from .tables.options import TablesConfig
from .tables.walk import measure_tables
from .threads import all_cores, limit_blas, placed

EVERYWHERE, ONE_CORE, ALL_CORES, DOUBLED = "one core and all", "one core", "all cores", "1, 2, 4, … cores"
#: Each suite, and the number of threads that it is measured with by default.
SUITES = {
    "training": EVERYWHERE, "roofline": ONE_CORE, "predicting": EVERYWHERE, "functions": ONE_CORE,
    "starting": ONE_CORE, "sweep": ONE_CORE, "tables": ONE_CORE, "defaults": ALL_CORES,
    "cores": DOUBLED,
}  # fmt: skip
ROOFLINE = ("medium", "wide", "tall", "big")


@dataclass(frozen=True)
class SessionConfig:
    """What to measure; None means everything."""

    threads: int
    dtypes: list[str]
    pairs: int
    epochs: int | None = None
    cases: list[str] | None = None
    peers: list[str] | None = None
    suites: list[str] | None = None
    cells: str | None = None
    tables: TablesConfig = field(default_factory=TablesConfig)
    cores: int = field(default_factory=lambda: len(all_cores()))

    def wants(self, suite: str) -> bool:
        """Whether to run a suite; by default, named cases select trainings and named cells the sweep."""
        if self.suites is not None:
            return suite in self.suites
        if self.cases is not None or self.cells is not None:
            return suite == ("sweep" if self.cells is not None else "training")
        return self.suits(suite)

    def suits(self, suite: str) -> bool:
        """Whether a suite is measured with this number of threads by default."""
        place = SUITES[suite]
        if place in (EVERYWHERE, DOUBLED):
            return self.threads in (1, self.cores) or place == DOUBLED
        return self.threads == (1 if place == ONE_CORE else self.cores)

    def check(self) -> None:
        """Raise a ValueError for an unknown name."""
        find_cases(self.cases)
        find_peers(self.peers, self.threads)
        self.tables.check()

    def chosen_cases(self) -> list[Case]:
        """Return the cases; the published one is long, and runs on one thread only if it is named."""
        cases = find_cases(self.cases)
        return cases if self.cases or self.threads > 1 else [case for case in cases if case is not SIMPLECHAINS]


@dataclass
class Session:
    """The measurements, the machine, and what was not measured."""

    machine: dict
    configuration: dict
    missing: dict[str, str] = field(default_factory=dict)
    declined: dict[str, dict[str, str]] = field(default_factory=dict)  # by case and peer
    measurements: list[Measurement] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    timings: list[Timing] = field(default_factory=list)  # the sweep's
    errors: list[str] = field(default_factory=list)

    @property
    def threads(self) -> int:
        return self.configuration["threads"]


def run_session(plan: SessionConfig) -> Session:
    """Measure everything in the plan, and print the results."""
    plan.check()
    with placed(plan.threads) as cores:
        peers = find_peers(plan.peers, plan.threads)
        missing = {peer.name: reason for peer in peers if (reason := peer.missing())}
        if plan.wants("predicting") and (reason := missing_runtime()):
            missing["onnxruntime"] = reason
        if plan.wants("sweep") and (reason := missing_frames()):
            missing["pandas"] = reason
        for name, reason in missing.items():
            print(f"MISSING: {name} ({reason})")
        peers = [peer for peer in peers if peer.name not in missing]
        told = {peer.name: peer.configuration() for peer in peers if hasattr(peer, "configuration")}
        configuration = {
            "threads": plan.threads,
            "cores": cores,
            "pairs": plan.pairs,
            "epochs": plan.epochs,
            "seed": SEED,
        }
        session = Session(describe_machine(), configuration | {"read once per process": told}, missing)
        print(report.format_machine(session.machine))
        print(report.format_place(plan.threads, cores, plan.pairs), flush=True)
        with limit_blas(plan.threads):  # again: peers were imported meanwhile
            if plan.wants("training"):
                exact = [peer for peer in peers if not peer.name.endswith(PRECISIONS)]
                train_all(session, plan, plan.chosen_cases(), exact)
            if plan.wants("cores"):
                some = [peer for peer in peers if peer.name in MANY_CORES]
                train_all(session, replace(plan, dtypes=["float32"]), cases_of_cores(plan.cases), some)
            if SUBJECT not in missing:
                measure_rest(session, plan)
    if plan.wants("defaults") and SUBJECT not in missing:  # out here, where nothing is limited any more
        measure_suite(session, "defaults", measure_defaults(plan.dtypes, plan.pairs, plan.epochs, plan.cases))
    return session


def train_all(session: Session, plan: SessionConfig, cases: list[Case], peers: list[Peer]) -> None:
    """Train each case in each type, and compute geometric means."""
    print(report.format_header(), flush=True)
    compared = []
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
                compared.append(compare(result, SUBJECT, other))
                print(report.format_row(compared[-1], result), flush=True)
            for other in others:
                if (reason := case.declines(other)) and not other.startswith(SUBJECT):
                    session.declined.setdefault(case.name, {})[other] = reason
                    print(report.format_declined(case.name, dtype, other, reason))
    means = average([one for one in compared if one.case != SIMPLECHAINS.name])
    for mean in means:
        print(report.format_row(mean))
    session.comparisons += compared + means
    print(report.NOTE, flush=True)


def measure_rest(session: Session, plan: SessionConfig) -> None:
    """Measure the suites other than training."""
    suites = {
        "roofline": lambda: _rooflines(plan),
        "predicting": lambda: measure_predicting(plan.pairs, plan.threads),
        "functions": lambda: measure_functions(plan.dtypes, plan.pairs, plan.threads),
        "starting": lambda: measure_starting(plan.pairs, plan.threads),
        "sweep": lambda: _sweep(session, plan),
        "tables": lambda: measure_tables(plan.tables, plan.threads, plan.epochs, session.machine),
    }
    for name, findings in suites.items():
        if plan.wants(name):
            measure_suite(session, name, findings())


def measure_suite(session: Session, name: str, findings: Iterator[Finding]) -> None:
    """Print and store the findings of a suite; if it fails, store the error and continue."""
    print(f"\n{name}", flush=True)
    try:
        for finding in findings:
            session.findings.append(finding)
            print(f"  {finding}", flush=True)
    except Exception as error:
        session.errors.append(f"{name}: {type(error).__name__}: {error}")
        print(f"  FAILED: {session.errors[-1]}", flush=True)


def _sweep(session: Session, plan: SessionConfig) -> Iterator[Finding]:
    """Print the cells in which scikit-learn is faster, or that are below their limit or wrong."""
    cells = choose_cells(make_grid(), plan.cells, plan.dtypes)

    def keep(timing: Timing) -> None:
        session.timings.append(timing)
        if timing.wrong:
            session.errors.append(f"{timing.cell}: {timing.wrong}")
        if not timing.reaches:
            print(report.format_timing(timing), flush=True)

    yield from measure_sweep(cells, plan.threads, plan.pairs, keep)
    print(report.format_sweep(session.timings))


def _rooflines(plan: SessionConfig) -> Iterator[Finding]:
    if plan.threads > 1:
        raise ValueError("the roofline is of one core: --threads 1")
    for case in find_cases(list(ROOFLINE)):
        yield from measure_roofline(case, "float32", plan.pairs, plan.threads)
