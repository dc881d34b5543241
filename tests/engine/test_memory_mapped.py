"""Training on a memory map does not copy it, according to the operating system."""

import os
from pathlib import Path

import pytest
from helpers.lanes import run_python

MAPPED = """
import sys, tracemalloc, warnings
import numpy as np
import fastmlp, fastmlp.training.epoch

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))

seen, run = [], fastmlp.training.epoch.EpochRunner.run
def watched(self, *arguments):
    loss = run(self, *arguments)
    seen.append(resident())
    return loss
fastmlp.training.epoch.EpochRunner.run = watched

X = np.memmap(sys.argv[1], np.float32, "r", shape=(int(sys.argv[2]), int(sys.argv[3])))
y = np.arange(len(X), dtype=np.float32) % 2
model = fastmlp.MLPRegressor(hidden_layer_sizes=(8,), batch_size=1000, max_iter=2, random_state=0)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    model.fit(X[:2000], y[:2000])
    before = resident()
    tracemalloc.start()
    model.fit(X, y)
    needed = tracemalloc.get_traced_memory()[1]
    model.predict(X[::16])
print(max(seen), max(seen) - before, needed)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="RssAnon is read from /proc")
def test_a_memory_map_is_not_copied(tmp_path):
    """Training on 128 MB of zeros (a file without blocks) takes a few megabytes of memory."""
    rows, features = 1 << 14, 1 << 11
    file = tmp_path / "X"
    with open(file, "wb") as empty:
        empty.truncate(rows * features * 4)

    printed = run_python("-c", MAPPED, file, rows, features, cache=os.environ.get("NUMBA_CACHE_DIR"))
    in_all, more, needed = map(int, printed.split())
    assert needed < 16 << 20
    assert more < 64 << 20
    assert in_all < 350 << 20
