"""Networks for tables: numbers and categories as they come, recipes that were tuned on many data sets, ensembles.

Examples
--------
>>> from fastmlp.tabular import TabularMLPClassifier
>>> model = TabularMLPClassifier("fast", n_members=3)
>>> model.get_recipe()["n_members"]
3
"""

from __future__ import annotations

from ..common.lazy_names import lazy_names

_MODULE_OF = {"TabularMLPClassifier": ".classifier", "TabularMLPRegressor": ".regressor"}
__all__ = ["TabularMLPClassifier", "TabularMLPRegressor"]

__getattr__, __dir__ = lazy_names(__name__, _MODULE_OF)
