"""`TableEncoder`: a table as users have it, as the array that a network is trained on."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from ..common.checks import MOST_BINS
from ..preprocessing import PiecewiseLinearEncoder
from .columns import Column
from .feature_kinds import find_categories
from .look_ups import LookUps
from .plan import EncodingPlan
from .table import as_frame, column_names, read_columns


class TableEncoder(BaseEstimator):
    """Encode numbers, categories, strings, booleans and missing values as columns of numbers.

    ::

        numeric      x′ of SquashingScaler (see `parts.scale_of`), 0 where missing
        bins         e − ½ of PiecewiseLinearEncoder, 0 where missing        if numeric_encoding is 'piecewise-linear'
        binary       −1, 1; 0 where missing or unknown                       columns of two categories
        one-hot      0, 1, squashed as numbers are                           columns of up to max_one_hot_categories
        indicators   1 where a number is missing, −1 where not               numbers that were missing in training
        codes        1 … k; 0 where missing or unknown                       columns of more categories

    All numbers are computed in float64. Columns that are constant, or have no value at all, are left out.

    Parameters
    ----------
    categorical_features : 'from_dtype', None, or array-like of bool, int or str, default='from_dtype'
        Which columns are categories: those of types category, string, boolean and object, except objects that are
        numbers alone; none; or a mask, indices or names. The others are numbers.
    max_one_hot_categories : int or None, default=8
        A column of more categories becomes a column of codes; None for no limit.
    numeric_encoding : None or 'piecewise-linear', default=None
    n_bins : int, default=16
        Maximum number of bins of a column, at most 10,000.
    bin_strategy : {'quantile', 'tree'}, default='quantile'
    dtype : type, default=numpy.float32
        Type of the encoded table.

    Attributes
    ----------
    n_numeric : int
        Columns of squashed numbers, the first ones.
    n_bin_columns : int
        Columns of bins, which follow them.
    n_plain : int
        All columns but those of codes, which are the last ones.
    table_sizes : list of int
        For each column of codes k + 1, its categories and one more for missing or unknown ones.
    feature_of : ndarray of int of shape (n_plain + n_codes,)
        The column of `X` from which each encoded column comes.
    kinds_ : list of {'number', 'category'}
        For each column of `X`.
    categories_ : list of ndarray or None
        For each column of `X` its categories, ascending; None for numbers.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Defined where `X` has column names that are strings.

    Examples
    --------
    >>> from fastmlp.tabular.encoder import TableEncoder
    >>> encoder = TableEncoder().fit([[1.0, "red"], [2.0, "blue"], [None, "red"]])
    >>> encoder.transform([[1.0, "red"], [None, "green"]])
    array([[-0.9486833,  1.       , -1.       ],
           [ 0.       ,  0.       ,  1.       ]], dtype=float32)
    >>> encoder.kinds_, encoder.n_numeric, encoder.feature_of.tolist()
    (['number', 'category'], 1, [0, 1, 0])
    """

    _parameter_constraints = {
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "max_one_hot_categories": [Interval(Integral, 0, None, closed="left"), None],
        "numeric_encoding": [StrOptions({"piecewise-linear"}), None],
        "n_bins": [Interval(Integral, 1, MOST_BINS, closed="both")],
        "bin_strategy": [StrOptions({"quantile", "tree"})],
        "dtype": "no_validation",
    }

    def __init__(
        self,
        categorical_features: Any = "from_dtype",
        max_one_hot_categories: int | None = 8,
        numeric_encoding: str | None = None,
        n_bins: int = 16,
        bin_strategy: str = "quantile",
        dtype: Any = np.float32,
    ) -> None:
        self.categorical_features = categorical_features
        self.max_one_hot_categories = max_one_hot_categories
        self.numeric_encoding = numeric_encoding
        self.n_bins = n_bins
        self.bin_strategy = bin_strategy
        self.dtype = dtype

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, caller: Any = None) -> Self:
        """Find categories, and the scales and edges of numbers.

        Parameters
        ----------
        X : DataFrame of pandas or polars, Arrow table, array-like or list of rows, of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Targets, for `bin_strategy='tree'`: numbers if of floating type, else classes.
        sample_weight : array-like of shape (n_samples,), default=None
            Rows of weight zero are left out; all others count once.
        caller : estimator, default=None
            Named in messages; by default this encoder.

        Returns
        -------
        self : TableEncoder

        Raises
        ------
        TypeError
            If `X` is sparse, or a column has dates, lists or other containers.
        ValueError
            If numbers are infinite, strings stand where numbers are expected, column names are not unique, all columns
            are constant, `bin_strategy='tree'` has no `y`, or a parameter is not allowed.

        Warns
        -----
        UserWarning
            If each category of a column occurs once.
        """
        needs_y = self.numeric_encoding is not None and self.bin_strategy == "tree"
        if needs_y and y is None:
            raise ValueError(
                "bin_strategy='tree' requires y to be passed, but the target y is None. Pass y, or use "
                "bin_strategy='quantile'."
            )
        X = as_frame(X)
        columns = read_columns(X, self if caller is None else caller, min_rows=2)
        described = TableEncoder()
        validate_data(described, X, skip_check_array=True)  # its names, which must be of one type
        is_category = find_categories(columns, column_names(X), self.categorical_features)
        rows = _weighted_rows(sample_weight, len(columns[0]))
        y = self._check_targets(y, rows, len(columns[0]))
        plan = EncodingPlan(columns, is_category, rows)
        plan.make_parts(self.max_one_hot_categories, self._make_bins(), y)
        self._store(plan, described)
        return self

    def transform(self, X: Any, *, caller: Any = None) -> np.ndarray:
        """Encode a table.

        Parameters
        ----------
        X : DataFrame of pandas or polars, Arrow table, array-like or list of rows, of shape (n_samples, n_features)
            Columns as in `fit`, in any type in which their values are the same.
        caller : estimator, default=None
            Named in messages; its `n_features_in_` and `feature_names_in_` are compared with `X`. By default this
            encoder.

        Returns
        -------
        encoded : ndarray of shape (n_samples, n_plain + n_codes)
            In C order.

        Raises
        ------
        TypeError, ValueError
            As `fit` does; and for names or numbers of columns that differ from those in `fit`.
        """
        columns = self._read(X, caller)
        return self._plan.encode(columns, self._plan.parts, self.dtype)

    def encode(self, X: Any, *, caller: Any = None) -> np.ndarray:
        """`transform` for a network, which reads the codes of some one-hot columns, and looks their inputs up.

        Returns
        -------
        encoded : ndarray of shape (n_samples, n_encoded)
            Without these one-hot columns; their codes are the last columns. See `look_ups`.
        """
        columns = self._read(X, caller)
        return self._plan.encode(columns, self._plan.network_parts, self.dtype)

    @property
    def n_encoded(self) -> int:
        """Columns of what `encode` returns."""
        return sum(part.width for part in self._plan.network_parts)

    def look_ups(self, with_bins: bool) -> LookUps | None:
        """Return what a network looks up whose inputs are the columns of `transform`, with or without bins."""
        found = self._plan.look_ups()
        if found is None or with_bins:
            return found
        return replace(found, rows=found.rows - self.n_bin_columns)

    def _read(self, X: Any, caller: Any) -> list[Column]:
        """Return the columns of a table like that of `fit`."""
        check_is_fitted(self)
        estimator, X = self if caller is None else caller, as_frame(X)
        columns = read_columns(X, estimator)
        validate_data(estimator, X, reset=False, skip_check_array=True)  # names and number of columns
        return columns

    def _make_bins(self) -> PiecewiseLinearEncoder | None:
        if self.numeric_encoding is None:
            return None
        encoder = PiecewiseLinearEncoder(self.n_bins, strategy=self.bin_strategy, keep_original=False)
        encoder.set_output(transform="default")  # whatever scikit-learn's configuration says
        return encoder

    def _check_targets(self, y: Any, rows: np.ndarray | None, n_rows: int) -> np.ndarray | None:
        """Return the targets of the rows that count, if edges of bins depend on them."""
        if self.numeric_encoding is None or self.bin_strategy != "tree":
            return None
        if y is None:
            raise ValueError(
                "bin_strategy='tree' requires y to be passed, but the target y is None. Pass y, or use "
                "bin_strategy='quantile'."
            )
        targets = np.asarray(y)
        if len(targets) != n_rows:
            raise ValueError(f"X and y must have the same number of rows, got {n_rows} and {len(targets)}.")
        return targets if rows is None else targets[rows]

    def _store(self, plan: EncodingPlan, described: TableEncoder) -> None:
        """Set all attributes; `described` has names and number of columns."""
        self.n_features_in_ = len(plan.categories)
        names = getattr(described, "feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self._plan = plan
        self.kinds_ = ["number" if values is None else "category" for values in plan.categories]
        self.categories_ = [None if values is None else _as_objects(values) for values in plan.categories]
        self.n_numeric = plan.parts[0].width
        self.n_bin_columns = plan.parts[1].width if self.numeric_encoding is not None else 0
        self.n_plain = sum(part.width for part in plan.parts[:-1])
        self.table_sizes = plan.table_sizes
        self.feature_of = plan.feature_of


def _as_objects(values: list[Any]) -> np.ndarray:
    """Return an array of the values, of type object, whatever they are."""
    return np.fromiter(values, object, len(values))


def _weighted_rows(sample_weight: Any, n_rows: int) -> np.ndarray | None:
    """Return which rows have a weight other than zero; None for all."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight)
    if weights.shape != (n_rows,):
        raise ValueError(
            f"sample_weight must have one weight for each of the {n_rows} rows, got an array of shape {weights.shape}."
        )
    rows = weights != 0
    if np.count_nonzero(rows) < 2:
        raise ValueError("Fewer than two rows have a sample weight other than zero.")
    return None if rows.all() else rows
