"""`SquashingScaler`: robust scaling, followed by a smooth limit."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import FLOAT_DTYPES, check_is_fitted, validate_data


class SquashingScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Scale each column by its quantiles, and limit it smoothly, so that outliers stay near the other values.

    ::

        z  = scale (x − median)
        x′ = z / √(1 + (z / max_absolute_value)²)

        scale = 1 / (q₇₅ − q₂₅)            quantiles of the finite values of the column
                2 / (max − min)            where these two quantiles are equal
                0                          for a constant column

    Parameters
    ----------
    max_absolute_value : float, default=3.0
        Limit of \|x′\|, greater than 0.
    quantile_range : tuple of (float, float), default=(25.0, 75.0)
        The two quantiles, in percent.

    Attributes
    ----------
    center_ : ndarray of shape (n_features,)
        The median of each column.
    scale_ : ndarray of shape (n_features,)
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Defined where `X` has column names that are strings.

    Notes
    -----
    Missing values (NaN) are left out when quantiles are computed, and stay NaN. Infinite values become ±
    `max_absolute_value`. The transformation is monotonic.

    skrub has a transformer of the same name, whose parameters and results are the same for values that are not so large
    that their squares are infinite (which this one limits as well).

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart (2024), "Better by default: strong pre-tuned MLPs and boosted trees on tabular
    data".

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.preprocessing import SquashingScaler
    >>> X = np.array([[np.inf], [-np.inf], [3.0], [-1.0], [np.nan], [2.0]])
    >>> SquashingScaler().fit_transform(X).ravel().round(3)
    array([ 3.   , -3.   ,  0.493, -1.342,    nan,  0.   ])
    """

    _parameter_constraints = {
        "max_absolute_value": [Interval(Real, 0, np.inf, closed="neither")],
        "quantile_range": [tuple, list],
    }

    def __init__(self, max_absolute_value: float = 3.0, quantile_range: tuple[float, float] = (25.0, 75.0)) -> None:
        self.max_absolute_value = max_absolute_value
        self.quantile_range = quantile_range

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Compute median and scale of each column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers; NaN and infinite values are allowed.
        y : None
            Not used.

        Returns
        -------
        self : SquashingScaler

        Raises
        ------
        ValueError
            If a parameter is not allowed.
        """
        low, high = self._quantiles()
        X = validate_data(self, X, dtype=FLOAT_DTYPES, ensure_all_finite=False)
        columns = [column[np.isfinite(column)].astype(np.float64) for column in X.T]
        statistics = [_center_and_scale(column, low, high) if column.size else (np.nan, np.nan) for column in columns]
        self.center_, self.scale_ = np.array(statistics).reshape(-1, 2).T.copy()
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Scale and limit the columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_features)
            In the type of `X` if that is float32 or float64, else in float64.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=FLOAT_DTYPES, ensure_all_finite=False)
        limit = self.max_absolute_value
        with np.errstate(invalid="ignore", over="ignore"):  # infinite values, and zero times an infinite one
            distance = X - self.center_
            share = distance * (self.scale_ / limit)
            squashed = limit * share / np.hypot(1.0, share)
        squashed = np.where(np.isinf(share) | np.isinf(X), np.copysign(limit, distance), squashed)
        constant = (self.scale_ == 0.0) & np.isfinite(X)
        return np.where(constant, 0.0, squashed).astype(X.dtype, copy=False)

    def _quantiles(self) -> tuple[float, float]:
        given = self.quantile_range
        numbers = len(given) == 2 and all(isinstance(each, Real) and not isinstance(each, bool) for each in given)
        if not numbers or not 0 <= given[0] <= given[1] <= 100:
            raise ValueError(
                "quantile_range must be two percentages, (lower, upper), with 0 <= lower <= upper <= 100, "
                f"got {given!r}."
            )
        return float(given[0]), float(given[1])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _center_and_scale(column: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Return median and scale of the finite values (n,) of a column; see `SquashingScaler`."""
    lower, center, upper = np.percentile(column, [low, 50.0, high])
    if lower != upper:
        return center, _inverse(1.0, lower, upper)
    least, most = column.min(), column.max()
    return center, (_inverse(2.0, least, most) if least != most else 0.0)


def _inverse(numerator: float, lower: float, upper: float) -> float:
    """Return numerator / (upper − lower), finite and positive for any two different finite numbers."""
    half = upper / 2.0 - lower / 2.0  # the difference itself may exceed the type's range
    return min(numerator / 2.0 / max(half, np.finfo(np.float64).tiny), np.finfo(np.float64).max)
