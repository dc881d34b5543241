"""docs/saving.md from top to bottom, with those of the other libraries that are installed."""

import importlib.util
import re
from pathlib import Path

import pytest
from sklearn.datasets import load_digits

PAGE = Path(__file__).parents[2] / "docs" / "saving.md"
OTHERS = {"onnx", "onnxruntime", "skl2onnx", "torch", "skops"}


@pytest.mark.filterwarnings("ignore")  # of the other libraries
def test_every_block_runs(tmp_path, monkeypatch):
    """Blocks marked as `py` need another library; `test_docs` runs all others."""
    monkeypatch.chdir(tmp_path)
    X, y = load_digits(return_X_y=True)
    names = {"X_train": X[:200] / 16, "y_train": y[:200], "X_test": X[200:250] / 16, "y_test": y[200:250]}
    blocks = re.findall(r"^```(py|python)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S)
    assert len(blocks) > 7
    skipped = []
    for language, block in blocks:
        needed = set(re.findall(r"^(?:import|from) (\w+)", block, flags=re.MULTILINE)) & OTHERS
        assert bool(needed) == (language == "py")
        missing = {name for name in needed if importlib.util.find_spec(name) is None}
        if missing:
            skipped.append(missing)
            continue
        exec(compile(block, str(PAGE), "exec"), names)
    assert all(missing <= OTHERS for missing in skipped)
