"""Preprocessing for estimators that take only numbers: standard scaling, one-hot columns, median imputation."""

from typing import Any

from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from .inputs import category_columns
from .sets import TableSet


def make_plain_pipeline(table: TableSet, estimator: Any) -> Pipeline:
    """Return the estimator behind the preprocessing; a missing category is a category of its own.

    A regression's targets are standardised too.
    """
    categories = category_columns(table)
    numbers = list(range(table.numbers.shape[1]))
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer([("numbers", scaled, numbers), ("categories", one_hot, categories)])
    if table.is_regression:
        estimator = TransformedTargetRegressor(estimator, transformer=StandardScaler())
    return make_pipeline(columns, estimator)
