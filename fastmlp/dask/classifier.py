"""`DaskMLPClassifier`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.metaestimators import available_if

from ..estimators.checks import fitted_labels
from ..estimators.classifier import MLPClassifier
from ..estimators.parameters import gives_margins, gives_probabilities
from .base import DaskMLP
from .libraries import is_collection
from .parameters import CONSTRAINTS, constructor
from .scoring import accuracy
from .summary import Summary


class DaskMLPClassifier(DaskMLP, MLPClassifier):
    r"""`MLPClassifier` for Dask's arrays and data frames, trained on the workers that hold their partitions.

    Each worker makes mini-batch steps on its own rows; in intervals of `sync`, parameters and moments of all workers
    are replaced by their mean, weighted by the sums of the workers' sample weights (their numbers of rows without):

    .. math:: θ = \sum_k W_k θ_k / \sum_k W_k

    With one worker the model has the same bits as that of `MLPClassifier` on the same rows.

    Parameters
    ----------
    hidden_layer_sizes, activation, solver, …
        The parameters of `MLPClassifier`, with the same defaults. `batch_size` counts the rows of a worker's step, so
        that n workers train on n times as many rows at the same time. With ``n_jobs=None`` a worker's steps have as
        many threads as the worker. Solvers with all rows in each step ('lbfgs', …) are refused. With
        `early_stopping` validation rows must be given to `fit`.
    client : distributed.Client, default=None
        The client of the cluster; None is the default client of this process. Copies and pickles have None.
    sync : 'epoch' or int, default='epoch'
        When the mean is computed: after each epoch, or after at most so many steps of each worker.
    outer_learning_rate : float, default=1.0
        η of the step from the parameters before an interval towards the mean after it.
    outer_momentum : float, default=0.0
        Nesterov's momentum μ of these steps, in [0, 1): with θ̄ the mean, Δ = θ − θ̄, v ← μ v + Δ and
        θ ← θ − η (Δ + μ v), as in DiLoCo, which has η = 0.7 and μ = 0.9.

    Attributes
    ----------
    classes_, coefs_, intercepts_, loss_curve_, n_iter_, …
        As of `MLPClassifier`. `loss_curve_` is the mean over all rows, each measured by its worker before its step.

    Raises
    ------
    ImportError
        By `fit`, if Dask or its scheduler is not installed.
    TypeError, ValueError
        As by `MLPClassifier`; by `fit` also for X or y that are no collections of Dask, whose partitions do not fit
        together, or without a client. Rows are checked on all workers before the first step.
    RuntimeError
        If a worker died with rows that were scattered, which Dask cannot compute again.

    Notes
    -----
    A worker that dies costs the time of its round, and of computing its partitions again. Which partitions are on which
    worker may differ from fit to fit, and with several workers the model then differs, too, for the same
    `random_state`; not if there is one partition for each worker, all of the same size.

    References
    ----------
    McMahan et al. (2017), "Communication-efficient learning of deep networks from decentralized data".
    Douillard et al. (2023), "DiLoCo: Distributed low-communication training of language models".

    Examples
    --------
    >>> import dask.array as da  # doctest: +SKIP
    >>> from distributed import Client  # doctest: +SKIP
    >>> from sklearn.datasets import load_digits
    >>> from fastmlp.dask import DaskMLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = DaskMLPClassifier(max_iter=20, random_state=0)
    >>> with Client(n_workers=2):  # doctest: +SKIP
    ...     X, y = da.from_array(X / 16, chunks=(500, -1)), da.from_array(y, chunks=500)
    ...     model.fit(X, y).score(X, y) > 0.9
    True
    """

    _plain = MLPClassifier
    _parameter_constraints: dict[str, list[Any]] = {**MLPClassifier._parameter_constraints, **CONSTRAINTS}
    _classifies = True

    __init__ = constructor(MLPClassifier)

    def predict(self, X: Any) -> Any:
        """Predict class labels: at once for arrays, lazily for Dask's collections.

        Parameters
        ----------
        X : dask Array, dask DataFrame, array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        y : dask Array or ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        return self._each(X, "predict")

    @available_if(gives_probabilities)
    def predict_proba(self, X: Any) -> Any:
        """Estimate probabilities, as `predict`. Not available for margin losses.

        Parameters
        ----------
        X : dask Array, dask DataFrame, array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        y_prob : dask Array or ndarray of shape (n_samples, n_classes)
        """
        return self._each(X, "predict_proba")

    @available_if(gives_probabilities)
    def predict_log_proba(self, X: Any) -> Any:
        """Return the log of probability estimates, as `predict_proba`.

        Parameters
        ----------
        X : dask Array, dask DataFrame, array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        log_y_prob : dask Array or ndarray of shape (n_samples, n_classes)
        """
        return self._each(X, "predict_log_proba")

    @available_if(gives_margins)
    def decision_function(self, X: Any) -> Any:
        """Predict confidence scores, as `predict`. Only available for margin losses.

        Parameters
        ----------
        X : dask Array, dask DataFrame, array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        scores : dask Array or ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._each(X, "decision_function")

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy, computed on the workers for Dask's collections.

        Parameters
        ----------
        X : dask Array, dask DataFrame, array-like or sparse matrix of shape (n_samples, n_features)
        y : dask Array, dask Series or array-like of shape (n_samples,) or (n_samples, n_labels)
        sample_weight : dask Array, dask Series or array-like of shape (n_samples,), default=None

        Returns
        -------
        score : float
        """
        if is_collection(X):
            return accuracy(self._fitted_plain(), X, y, sample_weight, self.client)
        return float(self.to_local().score(X, y, sample_weight))

    def _adopt_labels(self, summary: Summary, first: bool) -> None:
        assert summary.classes is not None and summary.kind is not None
        if first:
            self._label_binarizer = fitted_labels(summary.classes, summary.kind, sparse=False)
            self.classes_ = self._label_binarizer.classes_
        elif not summary.kind.startswith("multilabel"):
            self._check_known_classes(summary.classes, all_of_them=True)

    def _set_class_weight(self, model: Any, summary: Summary) -> None:
        if not (isinstance(self.class_weight, str) and self.class_weight == "balanced"):
            return
        assert summary.classes is not None and summary.counts is not None
        if self._is_multilabel():
            pairs = [{0: summary.n_rows - count, 1: count} for count in summary.counts.tolist()]
            model.class_weight = [_balanced(pair) for pair in pairs]
        else:
            model.class_weight = _balanced(dict(zip(summary.classes.tolist(), summary.counts.tolist(), strict=True)))


def _balanced(counts: dict[Any, int]) -> dict[Any, float]:
    """Return n / (number of classes × rows of the class) for each class that occurs."""
    present = {label: count for label, count in counts.items() if count}
    n_rows = sum(present.values())
    return {label: float(np.divide(n_rows, len(present) * count)) for label, count in present.items()}
