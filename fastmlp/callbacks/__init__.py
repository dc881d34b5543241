"""Callbacks: monitor, adjust or stop a fit after each epoch.

They follow scikit-learn's protocol (`sklearn.callback`), as do scikit-learn's own, and are set in the same way, by the
estimators' `set_callbacks`.

>>> from sklearn.datasets import load_iris
>>> from fastmlp import MLPClassifier
>>> from fastmlp.callbacks import History, TimeLimit
>>> X, y = load_iris(return_X_y=True)
>>> history = History()
>>> model = MLPClassifier(random_state=0, learning_rate_init=0.01).set_callbacks(history, TimeLimit(60.0)).fit(X, y)
>>> len(history.rows) == model.n_iter_
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common.lazy_names import lazy_names

if TYPE_CHECKING:
    from .base import Callback
    from .checkpoint import Checkpoint
    from .early_stopping import EarlyStopping
    from .history import History
    from .learning_rate_finder import LearningRateFinder
    from .time_limit import TimeLimit

__all__ = ["Callback", "Checkpoint", "EarlyStopping", "History", "LearningRateFinder", "TimeLimit"]

#: Modules that are imported when their name is first used: a fit without callbacks imports `base` alone.
_MODULE_OF = {
    "Callback": ".base", "Checkpoint": ".checkpoint", "EarlyStopping": ".early_stopping", "History": ".history",
    "LearningRateFinder": ".learning_rate_finder", "TimeLimit": ".time_limit",
}  # fmt: skip

__getattr__, __dir__ = lazy_names(__name__, _MODULE_OF)
