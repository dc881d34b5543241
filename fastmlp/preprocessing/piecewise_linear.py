"""`PiecewiseLinearEncoder`: a column as the part of each of its bins that lies below its value."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import FLOAT_DTYPES, _check_feature_names_in, check_is_fitted, validate_data

from ..common.checks import MOST_BINS
from ..common.user_warnings import warn_user


class PiecewiseLinearEncoder(TransformerMixin, BaseEstimator):
    """Encode each column by bins: one where the value is above the bin, zero below, and linear within.

    ::

        eⱼ = clip((x − bⱼ₋₁) / (bⱼ − bⱼ₋₁), 0, 1)        edges b₀ < b₁ < … < b_m of the column

        x in bin 3 of 5:        1    1    0.4    0    0

    A linear function of the encoding is a piecewise linear function of x, with its kinks at the edges.

    Parameters
    ----------
    n_bins : int, default=16
        Maximum number of bins of a column, from 1 to 10,000. Columns of few different values may have fewer.
    strategy : {'quantile', 'tree'}, default='quantile'
        Edges are the quantiles at 0, 1 / n_bins, …, 1, each once; or minimum, maximum, and the thresholds of a decision
        tree with at most `n_bins` leaves that is fitted to `y` by this column alone.
    keep_original : bool, default=True
        Whether the column itself comes before its bins.
    extrapolate : bool, default=True
        Whether the first bin continues below its lower edge, with values below 0, and the last one above its upper
        edge, with values above 1. If False, values beyond the edges are encoded as the edges are.

    Attributes
    ----------
    bin_edges_ : list of ndarray of shape (n_bins + 1,)
        The edges of each column, ascending.
    n_bins_ : ndarray of int of shape (n_features,)
        Bins of each column.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Defined where `X` has column names that are strings.

    See Also
    --------
    sklearn.preprocessing.KBinsDiscretizer : Bins without the linear part.
    sklearn.preprocessing.SplineTransformer : Smooth functions of a column.

    Notes
    -----
    Missing values (NaN) are left out when edges are computed, and stay NaN in all columns of their feature. A constant
    column has one bin, which is zero, and a warning.

    References
    ----------
    Gorishniy, Rubachev and Babenko (2022), "On embeddings for numerical features in tabular deep learning".

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp.preprocessing import PiecewiseLinearEncoder
    >>> X = np.array([[0.0], [1.0], [2.0], [4.0], [8.0]])
    >>> encoder = PiecewiseLinearEncoder(n_bins=2, keep_original=False).fit(X)
    >>> encoder.bin_edges_
    [array([0., 2., 8.])]
    >>> encoder.transform([[1.0], [5.0], [14.0]])
    array([[0.5, 0. ],
           [1. , 0.5],
           [1. , 2. ]])
    >>> encoder.get_feature_names_out(["age"]).tolist()
    ['age_ple_0', 'age_ple_1']
    """

    _parameter_constraints = {
        "n_bins": [Interval(Integral, 1, MOST_BINS, closed="both")],
        "strategy": [StrOptions({"quantile", "tree"})],
        "keep_original": ["boolean"],
        "extrapolate": ["boolean"],
    }

    def __init__(
        self, n_bins: int = 16, *, strategy: str = "quantile", keep_original: bool = True, extrapolate: bool = True
    ) -> None:
        self.n_bins = n_bins
        self.strategy = strategy
        self.keep_original = keep_original
        self.extrapolate = extrapolate

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Compute the edges of each column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers; NaN is allowed.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets, for `strategy='tree'`. Those of floating type are numbers (a regression), all others are classes.

        Returns
        -------
        self : PiecewiseLinearEncoder

        Raises
        ------
        ValueError
            If a parameter is not allowed, `X` has infinite values, a column has no value at all, or
            `strategy='tree'` has no `y`.

        Warns
        -----
        UserWarning
            If a column is constant.
        """
        if self.strategy == "tree":
            if y is None:
                raise ValueError(
                    "strategy='tree' needs targets: this PiecewiseLinearEncoder requires y to be passed, but the "
                    "target y is None. Pass y, or use strategy='quantile'."
                )
            X, y = validate_data(
                self, X, y, dtype=FLOAT_DTYPES, ensure_all_finite="allow-nan", multi_output=True, y_numeric=False
            )
        else:
            X = validate_data(self, X, dtype=FLOAT_DTYPES, ensure_all_finite="allow-nan")
        edges = [self._edges_of(number, column, y) for number, column in enumerate(X.T)]
        self.bin_edges_ = edges
        self.n_bins_ = np.array([each.size - 1 for each in edges])
        return self

    def _edges_of(self, number: int, column: np.ndarray, y: np.ndarray | None) -> np.ndarray:
        """Return the ascending edges of a column; of a constant one its value twice."""
        known = ~np.isnan(column)
        values = column[known].astype(np.float64)
        if not values.size:
            raise ValueError(f"Feature {number} has no values that are not missing: drop or impute it.")
        if values.min() == values.max():
            warn_user(f"Feature {number} is constant and will be replaced with 0.")
            return np.repeat(values[0], 2)
        if self.strategy == "quantile" or y is None:
            return np.unique(np.quantile(values, np.linspace(0.0, 1.0, self.n_bins + 1)))
        within = _thresholds(values, y[known], self.n_bins)
        within = within[(within > values.min()) & (within < values.max())]
        return np.unique(np.concatenate([[values.min()], within, [values.max()]]))

    def transform(self, X: Any) -> np.ndarray:
        """Encode the columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_features_out)
            For each column the column itself, if `keep_original`, and its bins. In the type of `X` if that is float32
            or float64, else in float64.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=FLOAT_DTYPES, ensure_all_finite="allow-nan")
        encoded = np.empty((X.shape[0], self._widths().sum()), X.dtype)
        at = 0
        for column, edges, width in zip(X.T, self.bin_edges_, self._widths(), strict=True):
            if self.keep_original:
                encoded[:, at] = column
            encoded[:, at + int(self.keep_original) : at + width] = self._encode(column, edges)
            at += width
        return encoded

    def _encode(self, column: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Return the bins of a column (n,), (n, n_bins)."""
        if edges[0] == edges[-1]:
            return np.where(np.isnan(column), np.nan, 0.0)[:, np.newaxis]
        lower, upper = edges[:-1], edges[1:]
        width = np.maximum(upper / 2.0 - lower / 2.0, np.finfo(np.float64).tiny)  # halves, as no difference overflows
        with np.errstate(over="ignore"):  # far outside a narrow bin; limited below
            share = (column[:, np.newaxis] / 2.0 - lower / 2.0) / width
        least, most = np.zeros(lower.size), np.ones(lower.size)
        if self.extrapolate:
            least[0], most[-1] = np.finfo(column.dtype).min, np.finfo(column.dtype).max
        clipped: np.ndarray = np.clip(share, least, most)
        return clipped

    def _widths(self) -> np.ndarray:
        """Return how many columns each feature becomes."""
        widths: np.ndarray = self.n_bins_ + int(self.keep_original)
        return widths

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns that `transform` returns, such as age, age_ple_0 and age_ple_1.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features; by default `feature_names_in_`, or x0, x1, … .

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self, "n_features_in_")
        names = []
        for name, bins in zip(_check_feature_names_in(self, input_features), self.n_bins_, strict=True):
            names += [name] if self.keep_original else []
            names += [f"{name}_ple_{number}" for number in range(bins)]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = self.strategy == "tree"
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _thresholds(values: np.ndarray, y: np.ndarray, n_bins: int) -> np.ndarray:
    """Return the thresholds of a decision tree with at most `n_bins` leaves, fitted to y by one column (n,).

    scikit-learn's trees compute in float32, and do not divide values less than 1e-7 apart. This one is fitted to ranks,
    so that its leaves depend on the order of the values alone.
    """
    if n_bins == 1:
        return np.zeros(0)
    kind = DecisionTreeRegressor if y.dtype.kind == "f" else DecisionTreeClassifier
    distinct, ranks = np.unique(values, return_inverse=True)
    tree = kind(max_leaf_nodes=n_bins, random_state=0).fit(ranks[:, np.newaxis], y).tree_
    below = np.floor(tree.threshold[tree.children_left != tree.children_right]).astype(np.intp)
    thresholds: np.ndarray = distinct[below] / 2.0 + distinct[below + 1] / 2.0
    return thresholds
