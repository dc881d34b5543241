"""Data larger than memory: rows from files, a window at a time.

>>> import numpy as np
>>> from fastmlp import MLPRegressor
>>> from fastmlp.data import fit, from_arrays
>>> X = np.linspace(-1, 1, 1000)[:, np.newaxis]  # or a memory map
>>> windows = from_arrays(X, X[:, 0] ** 2, window=500, block=50, random_state=0)
>>> model = fit(MLPRegressor(hidden_layer_sizes=(8,), random_state=0), windows, epochs=3)
>>> model.predict(X).shape
(1000,)
"""

from ..common.lazy_names import lazy_names

_MODULE_OF = {"Windows": ".windows", "fit": ".fitting", "from_arrays": ".arrays", "from_parquet": ".parquet"}
__all__ = ["Windows", "fit", "from_arrays", "from_parquet"]

__getattr__, __dir__ = lazy_names(__name__, _MODULE_OF)
