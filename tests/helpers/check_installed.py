"""Runs the tests with an installed wheel, in a folder that has no other copy of the package. Run as a script::

    python tests/helpers/check_installed.py dist/*.whl dist/*.tar.gz [--python python3.13] [-- tests/test_docs.py -x]

The wheel is installed with what the tests need in an empty environment. Tests, and the pages, examples and settings
that they read, come from the sdist, without the package. All tests run with the kernels of the wheel, and so do the
examples in the package's docstrings; but those of the compiler and the cache run with FASTMLP_PREBUILT=0. What follows
``--`` goes to pytest instead.
"""

import argparse
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from check_wheel import install, outside

#: What is at hand there: the package's folder, the level of the processor, and why no kernels of the wheel are used.
WHERE = """
import json, fastmlp
from fastmlp.compiler import prebuilt
level = prebuilt.host_level()
print(json.dumps([fastmlp.__path__[0], level and level.name, prebuilt.why_not()]))
"""
#: Modules that import what need not be installed; pyproject.toml names them where they are in a checkout.
NOT_IMPORTED = ("_pyinstaller", "export/torch_modules.py", "export/torch_tables.py")

#: Tests that count what is compiled.
COMPILER = "tests/compiler"


def unpack(sdist, folder):
    """Unpack everything but the package into an empty folder."""
    with tarfile.open(sdist) as opened:
        for member in opened.getmembers():
            member.name = member.name.partition("/")[2]
            if member.name and not member.name.startswith(("fastmlp/", "fastmlp.egg-info")) and member.isfile():
                opened.extract(member, folder, filter="data")


def runs_of(package, chosen):
    """Return the arguments of each run of pytest, and whether it is one of the compiler's tests."""
    if chosen:
        return [(chosen, any(COMPILER in each for each in chosen))]
    workers = ["-q", "-n", "auto", "--dist", "worksteal"]
    return [([*workers, package, "tests", f"--ignore={COMPILER}"], False), ([*workers, COMPILER], True)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("sdist", type=Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--folder", type=Path, help="an empty one, which is kept (default: a temporary one)")
    ours, theirs = sys.argv[1:], []
    if "--" in ours:
        ours, theirs = ours[: ours.index("--")], ours[ours.index("--") + 1 :]
    chosen = parser.parse_args(ours)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(chosen.folder or temporary).resolve()
        files = folder / "files"
        unpack(chosen.sdist, files)
        python = install(chosen.python, folder / "environment", f"{chosen.wheel.resolve()}[test]")
        environment = {**outside(), "NUMBA_CACHE_DIR": str(folder / "cache")}
        found = subprocess.run([python, "-c", WHERE], cwd=files, env=environment, check=True, stdout=subprocess.PIPE)
        package, level, why_not = json.loads(found.stdout)
        print(f"{package}: level {level}, {why_not or 'with the kernels of the wheel'}", flush=True)
        assert Path(package).is_relative_to(folder / "environment")
        assert not (level and why_not)
        ignored = [f"--ignore={package}/{name}" for name in NOT_IMPORTED]
        command, failed = [python, "-m", "pytest", "-p", "no:cacheprovider", "-c", "pyproject.toml", *ignored], 0
        for arguments, compiles in runs_of(package, theirs):
            switch = {"FASTMLP_PREBUILT": "0"} if compiles else {}
            failed |= subprocess.run([*command, *arguments], cwd=files, env={**environment, **switch}).returncode
        sys.exit(failed)


if __name__ == "__main__":
    main()
