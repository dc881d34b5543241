"""``python -m benchmarks``: measure, print the table, write the JSON, and fail on a wrong answer.

Exit code: 0 all answers right (whether or not the goals are reached), 1 a wrong answer, 2 no comparison where
one was asked for: fastmlp itself is missing, or a peer that was named, or a name does not exist.
"""

import argparse
import sys

from . import report
from .cases import CASES, Case, find_cases
from .comparison import NOBODY, Comparison, average, compare
from .harness import SEED, Measurement, measure
from .machine import describe_machine, one_core
from .peers import PEERS, SUBJECT, Peer, find_peers


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    about = "fastmlp beside its peers, on one core."
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=about)
    cases, peers = ", ".join(case.name for case in CASES), ", ".join(PEERS)
    parser.add_argument("--cases", type=_names, metavar="A,B", help=f"which of {cases} (all)")
    parser.add_argument("--dtype", choices=("float32", "float64", "both"), default="both", help="(both)")
    parser.add_argument("--peers", type=_names, metavar="A,B", help=f"which of {peers} (all installed)")
    parser.add_argument("--pairs", type=_positive, default=5, metavar="N", help="timed rounds (5)")
    parser.add_argument("--epochs", type=_positive, metavar="N", help="epochs of every fit (each case's own)")
    parser.add_argument("--json", metavar="FILE", help="write everything measured to this file")
    return parser.parse_args(arguments)


def run(cases: list[Case], dtypes: list[str], peers: list[Peer], pairs: int, epochs: int | None):
    """Measure every case in every type, printing as it goes; returns measurements and comparisons."""
    results: list[Measurement] = []
    comparisons: list[Comparison] = []
    print(report.format_header(), flush=True)
    for dtype in dtypes:
        for case in cases:
            result = measure(case, dtype, peers, pairs, epochs)
            results.append(result)
            others = [peer.name for peer in peers if peer.name != SUBJECT and peer.name in case.peers]
            for other in others or [NOBODY]:
                comparisons.append(compare(result, SUBJECT, other))
                print(report.format_row(comparisons[-1], result), flush=True)
    means = average(comparisons)
    for mean in means:
        print(report.format_row(mean))
    return results, comparisons + means


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    try:
        cases, peers = find_cases(options.cases), find_peers(options.peers)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    missing = {peer.name: reason for peer in peers if (reason := peer.missing())}
    for name, reason in missing.items():
        print(f"MISSING: {name} ({reason})")
    peers = [peer for peer in peers if peer.name not in missing]
    dtypes = ["float32", "float64"] if options.dtype == "both" else [options.dtype]
    machine = describe_machine()
    print(report.format_machine(machine))
    with one_core() as core:
        place = "all cores (cannot pin here)" if core is None else f"pinned to core {core}"
        print(f"{place}, BLAS on one thread, {options.pairs} pairs\n")
        results, comparisons = run(cases, dtypes, peers, options.pairs, options.epochs)
    print(report.NOTE)
    if options.json:
        settings = {"pairs": options.pairs, "epochs": options.epochs, "seed": SEED, "core": core}
        report.write_json(options.json, machine, settings, missing, results, comparisons)
    if any(one.wrong for one in comparisons):
        return 1
    return 2 if missing and (options.peers or SUBJECT in missing) else 0


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
