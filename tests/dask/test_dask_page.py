"""docs/dask.md from top to bottom, with a small cluster in this process."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

distributed = pytest.importorskip("distributed")
pytest.importorskip("dask.array")

PAGE = Path(__file__).parents[2] / "docs" / "dask.md"


class SmallClient(distributed.Client):
    """A client of one worker in this process, whatever the page asks for."""

    def __init__(self, **options):
        super().__init__(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0", set_as_default=False
        )


@pytest.mark.filterwarnings("ignore")  # of other libraries; the maximum number of epochs is reached
def test_every_block_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(distributed, "Client", SmallClient)
    X, y = load_digits(return_X_y=True)
    names = {"X_train": X[:200] / 16, "y_train": y[:200]}
    if importlib.util.find_spec("pyarrow"):
        arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
        (tmp_path / "sales").mkdir()
        columns = {"size": np.arange(90.0), "age": np.ones(90), "price": np.arange(90.0)}
        parquet.write_table(arrow.table(columns), tmp_path / "sales" / "1.parquet", row_group_size=30)
    blocks = re.findall(r"^```(py|python)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S)
    assert len(blocks) == 5
    for _, block in blocks:
        if "dask_ml" in block and not importlib.util.find_spec("dask_ml"):
            continue
        if "sales/" in block and not importlib.util.find_spec("pyarrow"):
            continue
        exec(compile(block, str(PAGE), "exec"), names)
    assert names["plain"].score(X[:200] / 16, y[:200]) > 0.5
