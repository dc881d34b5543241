"""Transformers of numeric columns for multi-layer perceptrons, for any scikit-learn pipeline.

Examples
--------
>>> from sklearn.datasets import load_diabetes
>>> from sklearn.pipeline import make_pipeline
>>> from fastmlp import MLPRegressor
>>> from fastmlp.preprocessing import PiecewiseLinearEncoder, SquashingScaler
>>> X, y = load_diabetes(return_X_y=True)
>>> make_pipeline(SquashingScaler(), PiecewiseLinearEncoder(n_bins=4)).fit_transform(X).shape
(442, 47)
"""

from .piecewise_linear import PiecewiseLinearEncoder
from .squashing import SquashingScaler

__all__ = ["PiecewiseLinearEncoder", "SquashingScaler"]
