"""`DaskMLPRegressor`."""

from __future__ import annotations

from typing import Any

from ..estimators.regressor import MLPRegressor
from .base import DaskMLP
from .libraries import is_collection
from .parameters import CONSTRAINTS, constructor
from .scoring import r2


class DaskMLPRegressor(DaskMLP, MLPRegressor):
    r"""`MLPRegressor` for Dask's arrays and data frames, trained on the workers that hold their partitions.

    Each worker makes mini-batch steps on its own rows; in intervals of `sync`, parameters and moments of all workers
    are replaced by their mean, weighted by the sums of the workers' sample weights (their numbers of rows without):

    .. math:: θ = \sum_k W_k θ_k / \sum_k W_k

    With one worker the model has the same bits as that of `MLPRegressor` on the same rows.

    Parameters
    ----------
    loss, hidden_layer_sizes, activation, solver, …
        The parameters of `MLPRegressor`, with the same defaults and the remarks of `DaskMLPClassifier`.
    client : distributed.Client, default=None
        The client of the cluster; None is the default client of this process. Copies and pickles have None.
    sync : 'epoch' or int, default='epoch'
        When the mean is computed: after each epoch, or after at most so many steps of each worker.
    outer_learning_rate : float, default=1.0
        η of the step from the parameters before an interval towards the mean after it.
    outer_momentum : float, default=0.0
        Nesterov's momentum μ of these steps, in [0, 1); see `DaskMLPClassifier`.

    Attributes
    ----------
    coefs_, intercepts_, loss_curve_, n_iter_, …
        As of `MLPRegressor`. `loss_curve_` is the mean over all rows, each measured by its worker before its step.

    Raises
    ------
    ImportError, TypeError, ValueError, RuntimeError
        As by `DaskMLPClassifier`.

    Examples
    --------
    >>> import dask.array as da  # doctest: +SKIP
    >>> from distributed import Client  # doctest: +SKIP
    >>> from sklearn.datasets import make_regression
    >>> from fastmlp.dask import DaskMLPRegressor
    >>> X, y = make_regression(n_samples=2000, random_state=0)
    >>> model = DaskMLPRegressor(max_iter=50, random_state=0)
    >>> with Client(n_workers=2):  # doctest: +SKIP
    ...     X, y = da.from_array(X, chunks=(500, -1)), da.from_array(y / y.std(), chunks=500)
    ...     model.fit(X, y).score(X, y) > 0.9
    True
    """

    _plain = MLPRegressor
    _parameter_constraints: dict[str, list[Any]] = {**MLPRegressor._parameter_constraints, **CONSTRAINTS}

    __init__ = constructor(MLPRegressor)

    def predict(self, X: Any) -> Any:
        """Predict target values: at once for arrays, lazily for Dask's collections.

        Parameters
        ----------
        X : dask Array, dask DataFrame, array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        y : dask Array or ndarray of shape (n_samples,) or (n_samples, n_targets)
            With several quantiles as of `MLPRegressor`.
        """
        return self._each(X, "predict")

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination R², computed on the workers for Dask's collections.

        Parameters
        ----------
        X : dask Array, dask DataFrame, array-like or sparse matrix of shape (n_samples, n_features)
        y : dask Array, dask Series or array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : dask Array, dask Series or array-like of shape (n_samples,), default=None

        Returns
        -------
        score : float
        """
        if is_collection(X):
            return r2(self._fitted_plain(), X, y, sample_weight, self.client)
        return float(self.to_local().score(X, y, sample_weight))
