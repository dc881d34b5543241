"""All sets and methods in turn: what the cache lacks is measured in child processes."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ..findings import Finding
from ..ratios import Spread
from .cache import Cache
from .methods import LIGHTGBM, METHODS, Method
from .options import CACHED, TablesConfig
from .picture import draw_picture
from .report import count, format_result, format_tables
from .results import Compilation, Result, Trial
from .sets import digest_of, find_sets, load_set
from .summary import Summary, shifted_mean

DTYPE = "float32"  # of the numbers that all methods are given
LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Conditions:
    """What all trials of a run share."""

    config: TablesConfig
    threads: int
    epochs: int | None
    machine: str

    def trials(self, method: Method, name: str, digest: str) -> list[Trial]:
        """Return a trial for each seed."""
        versions = {} if method.missing() else method.versions()
        common = (self.threads, versions, self.machine)
        settings = method.settings(self.epochs)
        return [Trial(name, digest, method.name, settings, seed, *common) for seed in range(self.config.n_seeds)]


def measure_tables(config: TablesConfig, threads: int, epochs: int | None, machine: dict) -> Iterator[Finding]:
    """Measure what is missing, print each result and the tables, draw the picture, and yield each method's mean."""
    conditions = Conditions(config, threads, epochs, f"{machine['cpu']}, {machine['cores']} cores")
    cache, failed = Cache(config.cache), []
    chosen = [name for name in config.methods or METHODS if name != CACHED]
    for name, reason in ((name, METHODS[name].missing()) for name in chosen):
        if reason:
            print(f"  MISSING: {name} ({reason})", flush=True)
    running = [METHODS[name] for name in chosen if not METHODS[name].missing()]
    sets = find_sets(config.data, config.sets)
    digests = {name: digest_of(config.data, name) for name in sets}
    for name in sets:
        for method in running:
            failed += measure_missing(cache, conditions, method, name, digests[name])
    summary = summarize(cache, conditions, digests)
    print(format_tables(summary), flush=True)
    yield from findings(summary, threads)
    if config.picture:
        draw_picture(config.picture, summary)
    if failed:
        raise RuntimeError("; ".join(failed))


def measure_missing(cache: Cache, conditions: Conditions, method: Method, name: str, digest: str) -> list[str]:
    """Measure the trials that the cache lacks; return what failed."""
    trials = [trial for trial in conditions.trials(method, name, digest) if cache.find(trial) is None]
    if not trials:
        return []
    seeds = [trial.seed for trial in trials]
    job = {"data": conditions.config.data, "set": name, "method": method.name, "seeds": seeds, "compiles": False}
    job |= {"threads": conditions.threads, "epochs": conditions.epochs}
    try:
        if method.compiles:
            measure_compilation(cache, conditions, method, job)
        for trial, measured in zip(trials, run_child(job), strict=True):
            cache.add(Result.now(trial, measured))
            print(format_result(cache.find(trial)), flush=True)
    except RuntimeError as error:
        print(f"  FAILED: {error}", flush=True)
        return [str(error)]
    return []


def measure_compilation(cache: Cache, conditions: Conditions, method: Method, job: dict) -> None:
    """Measure the first fit of this method and task with an empty cache, unless that is known."""
    wanted = compilation_of(conditions, method, load_set(job["data"], job["set"]).task)
    if cache.find_compilation(wanted) is None:
        with tempfile.TemporaryDirectory() as folder:
            measured = next(run_child(job | {"compiles": True}, folder))
        cache.add_compilation(Compilation(**vars(wanted) | measured))


def compilation_of(conditions: Conditions, method: Method, task: str) -> Compilation:
    """Return the key of a compilation, with 0 seconds."""
    versions = {} if method.missing() else method.versions()
    return Compilation(method.name, task, method.settings(conditions.epochs), versions, conditions.machine, 0.0)


def run_child(job: dict, cache_folder: str | None = None) -> Iterator[dict]:
    """Yield the lines that `fit.py` writes; raise a RuntimeError with its last words if it fails."""
    root = str(Path(__file__).parents[2])
    paths = os.pathsep.join(path for path in (root, os.environ.get("PYTHONPATH")) if path)
    environment = {**os.environ, "PYTHONPATH": paths} | dict.fromkeys(LIMITS, str(job["threads"]))
    if cache_folder:
        environment["NUMBA_CACHE_DIR"] = cache_folder
    command = [sys.executable, "-m", "benchmarks.tables.fit", json.dumps(job)]
    with tempfile.TemporaryFile("w+") as words:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words, text=True, env=environment) as process:
            assert process.stdout is not None
            yield from map(json.loads, process.stdout)
        if process.returncode:
            words.seek(0)
            last = (words.read().strip().splitlines() or [f"code {process.returncode}"])[-1]
            raise RuntimeError(f"{job['method']} on {job['set']}: {last}")


def summarize(cache: Cache, conditions: Conditions, digests: dict[str, str]) -> Summary:
    """Return all results of these sets, of any method, and the seconds of compilation by method and set."""
    results, compilations = [], {}
    for name, digest in digests.items():
        task = load_set(conditions.config.data, name).task
        for method in METHODS.values():
            found = [cache.find_alike(trial) for trial in conditions.trials(method, name, digest)]
            results += [one for one in found if one]
            if method.compiles:
                compilation = cache.find_compilation(compilation_of(conditions, method, task), exactly=False)
                compilations[method.name, name] = compilation.cpu_seconds if compilation else None
    return Summary(results, compilations, conditions.machine, conditions.threads)


def findings(summary: Summary, threads: int) -> Iterator[Finding]:
    """Yield each method's shifted geometric mean: of the medians, and the lowest and highest of one seed."""
    for method in summary.methods:
        errors, base = summary.errors(method), summary.errors(LIGHTGBM)
        names = summary.scored(method)
        if not names:
            continue
        n_seeds = min(len(each[name]) for each in (errors, base) for name in names)
        of_seed = [
            shifted_mean({name: errors[name][i] for name in names}, {name: base[name][i] for name in names})
            for i in range(n_seeds)
        ]
        middle = shifted_mean(
            {name: median(errors[name]) for name in names}, {name: median(base[name]) for name in names}
        )
        spread = Spread(middle, min(middle, *of_seed), max(middle, *of_seed))
        what = f"tables: error of {method}, mean of {count(len(names), 'set')}"
        yield Finding(what, DTYPE, threads, spread, f"× {LIGHTGBM}'s")
