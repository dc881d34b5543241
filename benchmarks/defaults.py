"""The suite `defaults`: both libraries with their default number of threads, on all cores."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from .findings import Finding
from .ratios import Spread
from .threads import all_cores

PEER = "scikit-learn"
LEAST = "defaults: least of all"
#: Variables that limit threads: OMP_NUM_THREADS, OPENBLAS_NUM_THREADS, NUMBA_NUM_THREADS, …
LIMITS = ("_NUM_THREADS", "_THREAD_LIMIT", "_MAXIMUM_THREADS", "_MAX_CPU_COUNT")


def measure_defaults(
    dtypes: list[str], pairs: int, epochs: int | None = None, cases: list[str] | None = None
) -> Iterator[Finding]:
    """Yield scikit-learn's wall time divided by fastmlp's for each row, and the minimum.

    Call it where this process has all its cores: its child has the same. Raises AssertionError for wrong answers.
    """
    threads, wrong, least = len(all_cores()), [], {}
    for row in read_rows({"dtypes": dtypes, "pairs": pairs, "epochs": epochs, "names": cases}):
        what, dtype = row["what"], row["dtype"]
        if row["wrong"]:
            wrong.append(f"{what}, {dtype}: {row['wrong']}")
        if row["ratio"]:
            ratio = Spread(**row["ratio"])
            least[dtype] = min(least.get(dtype, ratio), ratio, key=lambda one: one.median)
            yield Finding(f"defaults: {what}", dtype, threads, ratio, "×", PEER)
    if wrong:
        raise AssertionError("; ".join(wrong))
    for dtype, ratio in least.items():
        yield Finding(LEAST, dtype, threads, ratio, "×", PEER)


def read_rows(arguments: dict) -> Iterator[dict]:
    """Run `as_it_comes.py` and read its output; raise a RuntimeError if it fails."""
    command = [sys.executable, "-m", "benchmarks.as_it_comes", json.dumps(arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=unlimited(os.environ)) as process:
        assert process.stdout is not None
        yield from map(json.loads, process.stdout)
    if process.returncode:
        raise RuntimeError(f"its process ended with code {process.returncode}")


def unlimited(environment) -> dict[str, str]:
    """Return the environment without limits of threads, with this folder in the import path."""
    paths = (str(Path(__file__).parents[1]), environment.get("PYTHONPATH"))
    free = {name: value for name, value in environment.items() if not name.endswith(LIMITS)}
    return free | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
