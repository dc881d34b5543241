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

from .base import Callback
from .checkpoint import Checkpoint
from .early_stopping import EarlyStopping
from .history import History
from .time_limit import TimeLimit

__all__ = ["Callback", "Checkpoint", "EarlyStopping", "History", "TimeLimit"]
