"""The command: ``python -m fuzz --minutes 60 --seed 0``, with the folder tests/ in PYTHONPATH."""

import argparse
import sys
from pathlib import Path

from fuzz import cases
from fuzz.search import search

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Look for cases in which something breaks.")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0, help="another seed, other cases")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds after which a case counts as a hang")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="for the scripts of failures")
    parser.add_argument("--case", type=int, help="print the script of this case, and run nothing")
    options = parser.parse_args()
    if options.case is not None:
        print(cases.script(cases.draw(options.case)))
        sys.exit()
    sys.exit(0 if search(options.folder, options.minutes, options.seed, options.limit) else 1)
