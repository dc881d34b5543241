"""NUMBA_DISABLE_JIT applies to a program's own Numba functions: fastmlp compiles, with the same bits."""

import json

from helpers.lanes import copy_cache, run_python

#: Uses kernels of the package and custom functions, compiled by Numba and not.
ANSWER = """
import json
import numpy as np
import numba
from fastmlp import Activation, Network
from fastmlp.compiler.kernel import KernelModule

@numba.njit
def bent(z):
    return np.where(z > 0, z, 0.1 * z) + np.tanh(z)

@numba.njit
def slope(z):
    return (1.0 if z > 0 else 0.1) + 1 - np.tanh(z) ** 2

activation = Activation(bent, slope)
network = Network([2, 3, 1], [activation, "tanh"], "half_squared_error")
network.initialize("glorot_uniform", random_state=0)
loss = network.loss([[0.5, -0.25]], [1.0])
print(json.dumps({
    "outputs": [loss, *activation([1.0, -2.0]).tolist()],
    "hits": KernelModule('linalg.dense').multiply.load("float64").cache_hits,
    "left": type(bent).__name__, "setting": numba.config.DISABLE_JIT,
}))
"""


def test_a_cold_and_a_full_cache_give_the_same(tmp_path):
    # The kernels that take longest to compile are copied from the common cache of the tests, if it has them.
    copy_cache(tmp_path, without=["linalg.dense.", "activations.", "losses.", "loop.forward_backward."])

    def answer(**variables):
        return json.loads(run_python("-c", ANSWER, cache=tmp_path, **variables))

    cold, full = (answer(NUMBA_DISABLE_JIT="1") for _ in range(2))
    usual = answer()
    assert (cold["left"], cold["setting"], cold["hits"]) == ("function", 1, 0)
    assert (full["left"], full["setting"], full["hits"]) == ("function", 1, 1)
    assert (usual["left"], usual["setting"], usual["hits"]) == ("CPUDispatcher", 0, 1)
    assert cold["outputs"] == full["outputs"] == usual["outputs"]
