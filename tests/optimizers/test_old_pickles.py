"""The state of an optimizer that an earlier version has pickled."""

import numpy as np

from fastmlp.optimizers import SGD
from fastmlp.optimizers.state import RunningOptimizer


def test_states_of_version_0_1_are_read():
    """They call the optimizer `settings`, and have no `mean_shrinkage` and no `length`."""
    optimizer = SGD(0.5, momentum=0.5)
    expected = optimizer.begin()
    state = {**vars(expected), "settings": optimizer}
    for name in ("optimizer", "mean_shrinkage", "length"):
        del state[name]
    older = RunningOptimizer.__new__(RunningOptimizer)
    older.__setstate__(state)
    assert vars(older) == vars(expected)
    for running in (older, expected):
        params = np.array([4.0, -8.0])
        running.step(params, gradient=params.copy())
        assert params.tolist() == [2.0, -4.0]
