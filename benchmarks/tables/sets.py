"""Tables with a target: files of a folder, and two that scikit-learn bundles.

A file NAME.npz has `X_num` (n, p) float32 with NaN for missing, `X_cat` (n, q) category numbers with −1 for missing,
`y` (n,) numbers or class numbers, `train` and `test` row numbers, and `meta`: JSON with the keys "task" ("regression",
"binary" or "multiclass"), "num" (p names), "cat" (q names, each with the names of its categories).
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes

BUNDLED = ("diabetes", "breast_cancer")
TEST_SHARE = 0.2  # of the bundled sets, which are split anew by each seed
REGRESSION = "regression"


@dataclass(frozen=True)
class TableSet:
    """Numbers, categories, target and split of one table.

    Attributes
    ----------
    numbers : ndarray of shape (n_rows, n_numbers)
        Missing is NaN.
    categories : ndarray of shape (n_rows, n_categories)
        Category numbers; missing is −1.
    category_names : dict
        Column name ↦ names of its categories, in the order of `categories`.
    train, test : ndarray or None
        Row numbers; None where a seed splits.
    digest : str
        Of the content.
    """

    name: str
    task: str
    numbers: np.ndarray
    categories: np.ndarray
    y: np.ndarray
    number_names: list[str]
    category_names: dict[str, list[str]]
    digest: str
    train: np.ndarray | None = None
    test: np.ndarray | None = None

    @property
    def is_regression(self) -> bool:
        return self.task == REGRESSION

    def split(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the row numbers for training and for the test."""
        if self.train is not None and self.test is not None:
            return self.train, self.test
        order = np.random.RandomState(seed).permutation(len(self.y))
        cut = round(TEST_SHARE * len(order))
        return order[cut:], order[:cut]


def find_sets(data: str | None, names: tuple[str, ...] | None) -> list[str]:
    """Return the names of the sets in a folder, or of the bundled ones; raise a ValueError for an unknown name."""
    there = sorted(path.stem for path in Path(data).glob("*.npz")) if data else list(BUNDLED)
    if not there:
        raise ValueError(f"--data {data}: no file NAME.npz in this folder")
    unknown = [name for name in names or () if name not in there]
    if unknown:
        raise ValueError(f"no set is called {', '.join(unknown)}; there are {', '.join(there)}")
    return list(names or there)


def load_set(data: str | None, name: str) -> TableSet:
    """Return a set of a folder, or a bundled one."""
    return read_file(Path(data) / f"{name}.npz") if data else load_bundled(name)


def digest_of(data: str | None, name: str) -> str:
    """Return the digest of a set without keeping it."""
    return _digest((Path(data) / f"{name}.npz").read_bytes()) if data else load_bundled(name).digest


def read_file(path: Path) -> TableSet:
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in ("X_num", "X_cat", "y", "train", "test")}
        meta = json.loads(str(file["meta"]))
    return TableSet(
        path.stem, meta["task"], arrays["X_num"], arrays["X_cat"], arrays["y"], meta["num"], meta["cat"],
        _digest(path.read_bytes()), arrays["train"], arrays["test"],
    )  # fmt: skip


def load_bundled(name: str) -> TableSet:
    """Return one of `BUNDLED`; the column "sex" of diabetes is a category."""
    if name == "diabetes":
        bunch, task = load_diabetes(scaled=False), REGRESSION
        numbers, sex = np.delete(bunch.data, 1, axis=1), bunch.data[:, 1:2].astype(np.int16) - 1
        names, category_names = [*bunch.feature_names[:1], *bunch.feature_names[2:]], {"sex": ["1", "2"]}
    else:
        bunch, task = load_breast_cancer(), "binary"
        numbers, sex = bunch.data, np.empty((len(bunch.data), 0), np.int16)
        names, category_names = list(map(str, bunch.feature_names)), {}
    digest = _digest(bunch.data.tobytes() + bunch.target.tobytes())
    return TableSet(name, task, numbers.astype(np.float32), sex, bunch.target, names, category_names, digest)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
