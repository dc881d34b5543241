"""Installs a wheel in an empty environment with an empty home, and checks and times the first fit. Run as a script::

    python tests/helpers/check_wheel.py dist/fastmlp-0.1.0-py3-none-any.whl [--python python3.12] [--pairs 5]

The first fit must compile nothing, import no Numba and write nothing to the home folder; the wheel has at most 15 MB,
and what its kernels call is in the C library. Printed are the seconds of whole processes with a first fit and
prediction, beside scikit-learn's, in turn: A B A B.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from elf import machine_and_undefined

FIRST_FIT = """
import json, sys, warnings
import numpy as np
warnings.simplefilter("ignore")
from {module} import {name}
X = np.linspace(-1, 1, 4000).reshape(1000, 4).astype({dtype!r})
model = {name}(max_iter=5, random_state=0).fit(X, {target})
model.predict(X)
"""
COUNT = """
from collections import Counter
from fastmlp.compiler import kernel, prebuilt
level = prebuilt.host_level()
print(json.dumps([Counter(kernel.origins.values()), "numba" in sys.modules, level and level.name, prebuilt.why_not()]))
"""
ESTIMATORS = {"MLPClassifier": "X[:, 0] > 0", "MLPRegressor": "X[:, 1]"}
MOST_BYTES = 15_000_000
C_LIBRARY = {"memcpy", "memmove", "memset", "sched_yield", "sqrt", "sqrtf"}


def check_archives(wheel):
    """Print and check what the wheel carries."""
    assert wheel.stat().st_size <= MOST_BYTES
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB")
    with zipfile.ZipFile(wheel) as opened:
        for name in sorted(one for one in opened.namelist() if one.endswith(".bin")):
            check_archive(Path(name).stem, opened.read(name))


def check_archive(level, content):
    from fastmlp.compiler.prebuilt import Archive

    archive, undefined = Archive(content), set()
    for entry in archive.names:
        code = archive.read(entry).partition(b"\n")[2]
        machine, names = machine_and_undefined(code)
        assert level.replace("-", "_").startswith(machine), (level, machine)
        undefined |= names
    print(f"  {level}: {len(archive.names)} kernels in {len(content) / 1e6:.2f} MB, which call {sorted(undefined)}")
    assert undefined <= C_LIBRARY


def run(python, script, home):
    """(output, seconds, CPU seconds) of a process with an empty home."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "OPENBLAS_CORETYPE") if name in os.environ}
    before, began = os.times(), time.perf_counter()
    done = subprocess.run([python, "-c", script], env={**kept, "HOME": str(home)}, cwd=home, capture_output=True)
    seconds, after = time.perf_counter() - began, os.times()
    assert not done.returncode, done.stderr.decode()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return done.stdout.decode(), seconds, cpu


def check_first_fits(python, home, dtype, pairs):
    for name, target in ESTIMATORS.items():
        ours, theirs = (
            FIRST_FIT.format(module=module, name=name, target=target, dtype=dtype)
            for module in ("fastmlp", "sklearn.neural_network")
        )
        origins, numba, level, why_not = json.loads(run(python, ours + COUNT, home)[0])
        print(f"  {name}, {dtype}, {level}: {origins}, Numba imported: {numba} {why_not}")
        if level:
            assert set(origins) == {"wheel"}
            assert not numba
            assert not any(home.iterdir()), "something was written to the home folder"
        times = [(run(python, ours, home)[1:], run(python, theirs, home)[1:]) for _ in range(pairs)]
        for kind, place in (("seconds", 0), ("CPU seconds", 1)):
            mine, other = ([pair[side][place] for pair in times] for side in (0, 1))
            longer = statistics.median(a - b for a, b in zip(mine, other, strict=True))
            print(
                f"    {kind}: fastmlp {statistics.median(mine):.2f}, scikit-learn {statistics.median(other):.2f}, "
                f"longer by {longer:.2f} (median of {pairs} pairs)"
            )


def install(python, place, requirement):
    """Install into a new environment; return its Python."""
    subprocess.run([python, "-m", "venv", place], check=True)
    inside = place / "bin" / "python"
    subprocess.run([inside, "-m", "pip", "install", "--quiet", requirement], check=True, cwd=place, env=outside())
    return inside


def outside():
    """Return this process's environment without what would lead to a checkout, or to other options of Python."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NUMBA_", "FASTMLP_"))}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--pairs", type=int, default=5)
    chosen = parser.parse_args()
    check_archives(chosen.wheel)
    with tempfile.TemporaryDirectory() as folder:
        place, home = Path(folder) / "environment", Path(folder) / "home"
        home.mkdir()
        python = install(chosen.python, place, chosen.wheel.resolve())
        print(run(python, "from fastmlp.__main__ import main; main(['info'])", home)[0], end="")
        for dtype in ("float32", "float64"):
            check_first_fits(python, home, dtype, chosen.pairs)


if __name__ == "__main__":
    main()
