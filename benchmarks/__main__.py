"""``python -m benchmarks``: measure, print tables and goals, write JSON and chart, and fail on a wrong answer.

Without ``--threads`` it measures twice, in two processes: one thread on one core, and all cores; what needs only one
of them (``sweep``: one core; ``defaults``: all) is measured there, and ``cores`` with 1, 2, 4, … cores. Exit code: 0
all answers right (whether or not the goals are reached), 1 a wrong answer or a measurement that failed, 2 no
comparison where one was asked for: fastmlp itself is missing, or a peer that was named, or a name does not exist.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from . import report
from .cases import CASES, SIMPLECHAINS
from .chart import draw_chart
from .goals import GOALS, Measured
from .many_cores import format_cores
from .peers import NAMES, SUBJECT
from .record import read_record, write_record
from .session import SUITES, Session, SessionConfig, run_session
from .tables.options import TablesConfig, add_options
from .threads import all_cores


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="fastmlp beside its peers.")
    cases = ", ".join(case.name for case in (*CASES, SIMPLECHAINS))
    parser.add_argument("--threads", type=_threads, metavar="N", help="1, 2 … or all (one run with 1, one with all)")
    parser.add_argument("--suites", type=_names, metavar="A,B", help=f"which of {', '.join(SUITES)} (all)")
    parser.add_argument("--cases", type=_names, metavar="A,B", help=f"train which of {cases} (all), and nothing else")
    parser.add_argument("--cells", metavar="WHAT", help="sweep: a sample of N cells, or those with these words (all)")
    parser.add_argument("--dtype", choices=("float32", "float64", "both"), default="both", help="(both)")
    parser.add_argument("--peers", type=_names, metavar="A,B", help=f"which of {', '.join(NAMES)} (all installed)")
    parser.add_argument("--pairs", type=_positive, default=5, metavar="N", help="timed rounds (5)")
    parser.add_argument("--epochs", type=_positive, metavar="N", help="epochs of every fit (each case's own)")
    parser.add_argument("--json", metavar="FILE", help="write everything measured to this file")
    parser.add_argument("--chart", metavar="FILE", help="draw the ratios (.png, .svg …; needs matplotlib)")
    parser.add_argument("--read", metavar="FILE", help="measure nothing: goals and chart of a file from --json")
    add_options(parser)
    parser.add_argument("--part", action="store_true", help=argparse.SUPPRESS)  # another process prints the goals
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    unknown = [name for name in options.suites or [] if name not in SUITES]
    try:
        if unknown:
            raise ValueError(f"no suite is called {', '.join(unknown)}; there are {', '.join(SUITES)}")
        if (options.chart or options.picture) and find_spec("matplotlib") is None:
            asked = "--chart" if options.chart else "--picture"
            raise ValueError(f"{asked} needs matplotlib; pip install -e .[bench] brings it")
        sessions = find_sessions(options)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    missing = [name for session in sessions for name in session.missing]
    measured = Measured(*everything(sessions), missing, [session.threads for session in sessions])
    if not options.part and (table := format_cores(sessions)):
        print(f"\n{table}")
    outcomes = [measured.judge(goal) for goal in GOALS]
    if not options.part:
        print(f"\n{report.format_goals(outcomes, sessions)}")
    if options.json:
        write_record(options.json, sessions, outcomes)
    if options.chart:
        draw_chart(options.chart, sessions)
    return exit_code(options, sessions)


def find_sessions(options: argparse.Namespace) -> list[Session]:
    """Return the sessions: measured here, in child processes, or read from a file."""
    if options.read:
        return read_record(options.read)
    numbers = [options.threads] if options.threads else numbers_of_threads(options.suites)
    dtypes = ["float32", "float64"] if options.dtype == "both" else [options.dtype]
    told = TablesConfig.from_options(options)
    plans = [
        SessionConfig(
            number,
            dtypes,
            options.pairs,
            options.epochs,
            options.cases,
            options.peers,
            options.suites,
            options.cells,
            told,
        )
        for number in numbers
    ]
    if not options.threads:
        plans = [plan for plan in plans if any(map(plan.wants, SUITES))]
    if options.suites and not options.threads:
        plans = [replace(plan, suites=[name for name in options.suites if plan.suits(name)]) for plan in plans]
        plans = [plan for plan in plans if plan.suites]
    for plan in plans:
        plan.check()
    return [run_session(plans[0])] if len(plans) == 1 else [run_elsewhere(options, plan) for plan in plans]


def numbers_of_threads(suites: list[str] | None) -> list[int]:
    """Return 1 and the number of cores, for `cores` also the powers of two between them."""
    cores = len(all_cores())
    doubled = [1 << bit for bit in range(cores.bit_length())] if suites is None or "cores" in suites else []
    return sorted({1, *doubled, cores})


def run_elsewhere(options: argparse.Namespace, plan: SessionConfig) -> Session:
    """Run a session in a child process, whose environment sets the number of threads before libraries start."""
    command = [sys.executable, "-m", "benchmarks", "--part", "--threads", str(plan.threads)]
    command += ["--dtype", options.dtype, "--pairs", str(plan.pairs)]
    for name in ("suites", "cases", "peers"):
        if getattr(plan, name) is not None:
            command += [f"--{name}", ",".join(getattr(plan, name))]
    if plan.cells:
        command += ["--cells", plan.cells]
    command += plan.tables.as_arguments()
    if plan.epochs:
        command += ["--epochs", str(plan.epochs)]
    root = str(Path(__file__).parents[1])
    paths = os.pathsep.join(path for path in (root, os.environ.get("PYTHONPATH")) if path)
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "session.json")
        run = subprocess.run([*command, "--json", file], env={**os.environ, "PYTHONPATH": paths}, check=False)
        print(flush=True)
        if Path(file).exists():
            return read_record(file)[0]
    configuration = {"threads": plan.threads, "pairs": plan.pairs, "epochs": plan.epochs}
    return Session({}, configuration, errors=[f"its process ended with code {run.returncode} and left no record"])


def everything(sessions: list[Session]) -> tuple[list, list]:
    """Return the comparisons and findings of all sessions."""
    comparisons = [one for session in sessions for one in session.comparisons]
    return comparisons, [one for session in sessions for one in session.findings]


def exit_code(options: argparse.Namespace, sessions: list[Session]) -> int:
    if any(one.wrong for one in everything(sessions)[0]) or any(session.errors for session in sessions):
        return 1
    missing = {name for session in sessions for name in session.missing}
    return 2 if SUBJECT in missing or missing & set(options.peers or []) else 0


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _threads(text: str) -> int:
    available = len(all_cores())
    number = available if text == "all" else _positive(text)
    if number > available:
        raise argparse.ArgumentTypeError(f"there are {available} cores, got {number}")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
