"""The step that builds the archives of a wheel: ``python -m fastmlp.prebuild fastmlp/prebuilt``.

Each level is compiled by a process of its own, which takes the level's processor for its host before it imports what
asks for it: nothing is run, so that a host compiles for processors that it is not. All kernels for two types take a
minute or two of one core for each level.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .compiler.levels import Level

DTYPES = ("float32", "float64")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        None is those of the process.
    """
    parser = argparse.ArgumentParser(prog="python -m fastmlp.prebuild", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the archives are written")
    parser.add_argument("--level", action="append", help="this one alone; may be repeated (default: all)")
    parser.add_argument("--kernel", action="append", help="this one alone, such as linalg.dense.multiply; likewise")
    parser.add_argument("--as-host", metavar="TRIPLE", help=argparse.SUPPRESS)  # how a level's own process is started
    chosen = parser.parse_args(arguments)
    if chosen.as_host:
        pretend(chosen.as_host)
        _compile_level(chosen.folder, chosen.level[0], chosen.kernel)
        return
    chosen.folder.mkdir(parents=True, exist_ok=True)
    from .compiler.levels import LEVELS

    levels = [level for level in LEVELS if chosen.level is None or level.name in chosen.level]
    if unknown := set(chosen.level or ()) - {level.name for level in levels}:
        parser.error(f"no such level: {', '.join(sorted(unknown))}; there are {', '.join(one.name for one in LEVELS)}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for printed in pool.map(lambda level: _start(level, chosen.folder, chosen.kernel or ()), levels):
            print(printed, end="")


def _start(level: Level, folder: Path, kernels: Iterable[str]) -> str:
    """Compile a level in a new process, without the flags of this one; return what that prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    package = Path(os.path.abspath(__file__)).parents[1]
    paths = os.pathsep.join([str(package), *filter(None, [kept.get("PYTHONPATH")])])
    described = {"NUMBA_CPU_NAME": level.cpu, "NUMBA_CPU_FEATURES": level.features, "PYTHONPATH": paths}
    command = [sys.executable, "-m", __spec__.name, os.path.abspath(folder), "--level", level.name]
    command += ["--as-host", level.triple, *(word for kernel in kernels for word in ("--kernel", kernel))]
    run = subprocess.run(command, env={**kept, **described}, cwd=folder, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"{level.name}: {run.stderr}")
    return run.stdout


def pretend(triple: str) -> None:
    """Have Numba compile for `triple`, and load nothing of it; before anything asks for the host's."""
    import llvmlite.binding as llvm
    from numba.core.codegen import JITCodeLibrary

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    setattr(llvm, "get_process_triple", lambda: triple)  # noqa: B010
    setattr(JITCodeLibrary, "_finalize_specific", lambda library: None)  # noqa: B010


def _compile_level(folder: Path, name: str, kernels: list[str] | None) -> None:
    """Write the archive of the level whose processor this process takes for its host."""
    import numpy as np

    from .compiler import cpu, flags, numba_backend, prebuilt, source_hash
    from .compiler.levels import best_for
    from .warmup import needed

    level = best_for(cpu.TRIPLE, cpu.FEATURES)
    if level is None or level.name != name:
        raise SystemExit(f"{name} is compiled in a process that is none of this level: {cpu.NAME}, {cpu.FEATURES}")
    if not flags.are_default():
        raise SystemExit("a wheel is compiled with Numba's default flags: remove .numba_config.yaml")
    key, entries = level.key(source_hash.of_sources()), {}
    for kernel, dtype in needed(DTYPES, tile_unit=False):  # where there is one, its kernels are compiled for the host
        entry = kernel.file_name(np.dtype(dtype))
        if kernels is None or entry.startswith(tuple(f"{each}." for each in kernels)):
            entries[entry] = numba_backend.compile_source(kernel.source, np.dtype(dtype), True)
    content = prebuilt.packed(key, _versions(), dict(sorted(entries.items())))
    (folder / f"{name}.bin").write_bytes(content)
    size = sum(map(len, entries.values()))
    print(
        f"{name}: {len(entries)} kernels, {size / 1e3:.0f} kB of machine code, {len(content) / 1e3:.0f} kB compressed"
    )


def _versions() -> dict[str, Any]:
    found = {name: importlib.metadata.version(name) for name in ("numba", "llvmlite", "numpy")}
    return {"python": platform.python_version(), **found}


if __name__ == "__main__":
    main()
