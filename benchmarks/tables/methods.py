"""The methods that are compared: how each estimator is made, with its defaults unless said."""

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .inputs import category_columns
from .pipelines import make_plain_pipeline
from .sets import TableSet


@dataclass(frozen=True)
class Method:
    """An estimator with parameters.

    Attributes
    ----------
    module, classifier, regressor : str
        Where the classes are, and their names.
    iterations, seed, threads : str
        What the class calls its number of epochs or trees, its seed and its number of threads ("": not a parameter).
    parameters : dict
        Those that differ from the defaults.
    packages : tuple of str
        Distributions whose versions belong to a result.
    wrap : callable
        Of the set and the estimator: the estimator as it is fitted.
    categorical, fit_categorical : str
        The parameter, or argument of ``fit``, that takes the positions of category columns in an array ("": none).
    imputes : bool
        Whether missing numbers are replaced by the training rows' median before.
    compiles : bool
        Whether the first fit of a machine compiles.
    """

    name: str
    module: str
    classifier: str
    regressor: str
    packages: tuple[str, ...]
    iterations: str = "max_iter"
    seed: str = "random_state"
    threads: str = "n_jobs"
    parameters: dict = field(default_factory=dict)
    wrap: Callable[[TableSet, Any], Any] = lambda table, estimator: estimator
    categorical: str = ""
    fit_categorical: str = ""
    imputes: bool = False
    compiles: bool = False

    def missing(self) -> str | None:
        """Return why the method cannot run here, or None."""
        parent = self.module.partition(".")[0]
        if find_spec(parent) is None or find_spec(self.module) is None:
            return f"no module named {self.module!r}"
        if parent == "fastmlp" and not hasattr(importlib.import_module(self.module), self.classifier):
            return f"{self.module} has no {self.classifier}"
        return None

    def settings(self, epochs: int | None) -> dict:
        """Return the parameters that a result is stored under."""
        return self.parameters | ({self.iterations: epochs} if epochs else {})

    def versions(self) -> dict[str, str]:
        """Return the packages' versions; fastmlp's with a digest of its source, which changes more often."""
        return {name: version(name) + (f" {source_digest()}" if name == "fastmlp" else "") for name in self.packages}

    def make(self, table: TableSet, seed: int, threads: int, epochs: int | None, frame: bool) -> Any:
        """Return the estimator for this set; `frame`: whether it is given a data frame."""
        prepare(self.module)
        kind = getattr(importlib.import_module(self.module), self.regressor if table.is_regression else self.classifier)
        given = self.settings(epochs) | {self.seed: seed}
        if self.threads:
            given[self.threads] = threads
        if self.categorical and not frame:
            given[self.categorical] = category_columns(table)
        return self.wrap(table, kind(**given))

    def fit_arguments(self, table: TableSet, frame: bool) -> dict:
        """Return what ``fit`` is given beside rows and targets."""
        columns = category_columns(table)
        return {self.fit_categorical: columns} if self.fit_categorical and columns and not frame else {}


def prepare(module: str) -> None:
    """Let PyTorch take subnormal numbers for 0, as all others do that are compiled for speed."""
    if module == "pytabkit":
        import torch

        torch.set_flush_denormal(True)


@cache
def source_digest() -> str:
    """Return a digest of fastmlp's source files."""
    import fastmlp

    folder, digest = Path(fastmlp.__file__).parent, hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:8]


def _recipe(name: str) -> Method:
    return Method(
        f"fastmlp {name}", "fastmlp.tabular", "TabularMLPClassifier", "TabularMLPRegressor", ("fastmlp", "numba"),
        parameters={"recipe": name}, categorical="categorical_features", compiles=True,
    )  # fmt: skip


def _plain_mlp(name: str, module: str, packages: tuple[str, ...], **more) -> Method:
    stops = {"early_stopping": True}
    return Method(
        name, module, "MLPClassifier", "MLPRegressor", packages, parameters=stops, wrap=make_plain_pipeline, **more
    )


def _pytabkit(name: str, stem: str) -> Method:
    return Method(
        name, "pytabkit", f"{stem}_Classifier", f"{stem}_Regressor", ("pytabkit", "torch"),
        iterations="n_epochs", threads="n_threads", parameters={"device": "cpu"}, imputes=True,
    )  # fmt: skip


LIGHTGBM = "LightGBM"
_ALL = (
    *map(_recipe, ("default", "fast", "realmlp-td-s", "realmlp-td")),
    _plain_mlp("fastmlp MLP", "fastmlp", ("fastmlp", "numba"), compiles=True),
    Method(
        LIGHTGBM, "lightgbm", "LGBMClassifier", "LGBMRegressor", ("lightgbm",),
        iterations="n_estimators", parameters={"verbose": -1}, fit_categorical="categorical_feature",
    ),
    Method(
        "HistGradientBoosting", "sklearn.ensemble", "HistGradientBoostingClassifier", "HistGradientBoostingRegressor",
        ("scikit-learn",), threads="", categorical="categorical_features",
    ),
    _plain_mlp("scikit-learn MLP", "sklearn.neural_network", ("scikit-learn",), threads=""),
    _pytabkit("pytabkit RealMLP-TD-S", "RealMLP_TD_S"),
    _pytabkit("pytabkit RealMLP-TD", "RealMLP_TD"),
    _pytabkit("pytabkit TabM_D", "TabM_D"),
)  # fmt: skip
METHODS = {method.name: method for method in _ALL}
