"""Time of a process with one fit and one prediction, with a cold and a warm cache, compared with scikit-learn."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from .findings import Finding
from .ratios import Spread

CACHES = ("cold", "warm")
DTYPE = "float64"  # what users have
MODULES = {"fastmlp": "fastmlp", "scikit-learn": "sklearn.neural_network"}

#: The process: two epochs of the default estimator, which show nothing but what a start takes.
PROGRAM = """
import importlib, sys, warnings
import numpy as np

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = rng.standard_normal((1000, 20)).astype(sys.argv[2])
model = importlib.import_module(sys.argv[1]).MLPClassifier(max_iter=2, random_state=0)
model.fit(X, X[:, 0] > 0).predict(X)
"""


def measure_starting(pairs: int, threads: int, start: Callable[[str, str], float] | None = None) -> Iterator[Finding]:
    """Yield the seconds above scikit-learn's, of processes started in turn; the cold cache is a new folder."""
    start = start or start_process
    above: dict[str, list[float]] = {cache: [] for cache in CACHES}
    for _ in range(pairs):
        with tempfile.TemporaryDirectory() as folder:
            theirs = start(MODULES["scikit-learn"], folder)
            for cache in CACHES:
                above[cache].append(start(MODULES["fastmlp"], folder) - theirs)
    for cache, each in above.items():
        yield Finding(describe(cache), DTYPE, threads, Spread(median(each), min(each), max(each)), "s")


def describe(cache: str) -> str:
    """Such as "first fit, cold cache, above scikit-learn"."""
    return f"first fit, {cache} cache, above scikit-learn"


def start_process(module: str, folder: str) -> float:
    """Return the seconds of a process that fits this module's default classifier, with the cache in the folder."""
    root = str(Path(__file__).parents[1])
    paths = os.pathsep.join(path for path in (root, os.environ.get("PYTHONPATH")) if path)
    environment = {**os.environ, "PYTHONPATH": paths, "NUMBA_CACHE_DIR": folder}
    began = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, module, DTYPE], env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    if run.returncode:
        raise RuntimeError(f"a process with {module} failed: {run.stderr.strip().splitlines()[-1:]}")
    return seconds
