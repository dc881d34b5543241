"""Networks without tables neither import `fastmlp.tabular` nor load its kernels."""

import json
import os

from helpers.lanes import run_python

#: The fits of both estimators and of `Network`, with dropout; then what has been loaded.
PLAIN = """
import gc, json, sys, warnings
import numpy as np
from fastmlp import AdamW, MLPClassifier, MLPRegressor, Network
from fastmlp.compiler.kernel import Kernel

warnings.simplefilter("ignore")
X = np.random.RandomState(0).standard_normal((40, 3))
MLPClassifier(hidden_layer_sizes=[8], max_iter=2, random_state=0).fit(X, X[:, 0] > 0).predict_proba(X)
regressor = MLPRegressor(hidden_layer_sizes=[8, 7], solver=AdamW(), dropout=0.2, max_iter=2, early_stopping=True)
regressor.fit(X, X).predict(X)
net = Network([3, 4, 1], ["tanh", "identity"], "half_squared_error")
net.initialize(random_state=0)
net.train(X, X[:, 0], AdamW().begin(), epochs=2, batch_size=20)
loaded = [k.source.function.__module__ for k in gc.get_objects() if isinstance(k, Kernel) and k.compiled]
print(json.dumps([[name for name in sys.modules if "tabular" in name], sorted(set(loaded))]))
"""


def test_a_plain_fit_loads_nothing_of_tables():
    modules, kernels = json.loads(run_python("-c", PLAIN, cache=os.environ.get("NUMBA_CACHE_DIR")))
    # The package itself has a docstring alone; what finds the names of all kernel modules imports it.
    assert [name for name in modules if name != "fastmlp.kernels.tabular"] == []
    assert "fastmlp.kernels.loop.epoch" in kernels
    assert not [name for name in kernels if "tabular" in name]
