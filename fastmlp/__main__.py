"""The command line: ``python -m fastmlp warmup``, ``info`` and ``playground``."""

from __future__ import annotations

import argparse
import time


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        None is those of the process.
    """
    parser = argparse.ArgumentParser(prog="python -m fastmlp", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    warm = commands.add_parser("warmup", help="compile every kernel that the wheel lacks, and store it in the cache")
    warm.add_argument("--dtype", choices=["float32", "float64"], action="append", help="compile for this type only")
    info = commands.add_parser("info", help="print what a bug report needs: versions, processor, compiled kernels")
    info.add_argument("--kernels", action="store_true", help="print where the code of each kernel comes from")
    play = commands.add_parser("playground", help="open a page in the browser that shows a network while it trains")
    play.add_argument("--port", type=int, default=5470, help="port of this machine, 0 for any free one (default: 5470)")
    play.add_argument("--no-browser", action="store_true", help="print the address, and open no browser")
    chosen = parser.parse_args(arguments)
    if chosen.command == "playground":
        from .playground.command import run

        run(chosen.port, not chosen.no_browser)
    elif chosen.command == "info":
        from .info import describe

        print(describe(chosen.kernels))
    else:
        _warmup(chosen.dtype or ["float32", "float64"])


def _warmup(dtypes: list[str]) -> None:
    from .compiler.cache import kept_in, share
    from .warmup import compile_all

    began = time.perf_counter()
    share()
    compiled, loaded = compile_all(dtypes)
    print(f"{compiled} kernels compiled, {loaded} loaded, in {time.perf_counter() - began:.1f} s")
    places = list(kept_in())
    for folder, readers in places:
        print(f"kept in {folder}, for {readers}")
    if compiled and not places:
        raise SystemExit("kept nowhere: no folder can be trusted and written (see the warning above)")


if __name__ == "__main__":
    main()
