"""Let the tests import `benchmarks`, which is not part of the installed package."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))


@pytest.fixture(scope="module")
def cells():
    from benchmarks.sweep import grid

    return grid.make_grid()
