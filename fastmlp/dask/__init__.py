"""Estimators for Dask's arrays and data frames, trained on the workers that hold their partitions.

>>> from fastmlp.dask import DaskMLPClassifier
>>> DaskMLPClassifier(hidden_layer_sizes=(16,), sync=100)
DaskMLPClassifier(hidden_layer_sizes=(16,), sync=100)

Dask is imported when it is used: ``pip install "fastmlp[dask]"``.
"""

from ..common.lazy_names import lazy_names

_MODULE_OF = {"DaskMLPClassifier": ".classifier", "DaskMLPRegressor": ".regressor"}
__all__ = ["DaskMLPClassifier", "DaskMLPRegressor"]

__getattr__, __dir__ = lazy_names(__name__, _MODULE_OF)
