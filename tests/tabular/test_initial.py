"""Initial parameters of networks for tables, from rows and from distributions alone."""

import numpy as np
import pytest
from helpers.tables import CASES, CLASSES, draw_rows, make_empty
from oracles import reference_tables
from oracles.reference_tables import Network, params_of

from fastmlp.tabular.initial import initialize, inputs_of


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_initial_parameters_from_data(dtype):
    """Every pre-activation has deviation 1, and is zero within the range of the rows, as its bias is −Σ e z."""
    for name, (network, *_) in CASES.items():
        rng = np.random.RandomState(3)
        X = draw_rows(network, 300, dtype, rng, weighted=False)[0]
        model = make_empty(network, dtype)
        initialize(model, X, np.arange(len(X)), rng, from_data=True)
        params = params_of(model)
        assert all(np.isfinite(value).all() for value in params.values()), name
        assert np.all(params["scales"] == 1)
        _, inputs, hidden, z = reference_tables.forward(network, params, X.astype(np.float64))
        for i, (h, pre) in enumerate(zip(inputs, [*(z for z, _, _ in hidden), z], strict=True)):
            deviations = pre.std(axis=0)
            alive = (h @ params[f"weight {i}"]).std(axis=0) > 0
            np.testing.assert_allclose(deviations[alive], 1, rtol=1e-4, err_msg=name)
            assert np.all(pre.min(axis=0)[alive] < 0) and np.all(pre.max(axis=0)[alive] > 0), name
            if network.learn_slopes and i < len(network.hidden):
                assert np.all(params[f"slope {i}"] == 1)
        np.testing.assert_allclose(
            inputs_of(model.layout, model.params, X), reference_tables.inputs_of(network, params, X.astype(np.float64)),
            rtol=1e-5, atol=1e-5, err_msg=name,
        )  # fmt: skip


def test_initial_parameters_of_constant_rows():
    """Rounding errors are no deviation: weights stay as they were drawn."""
    network = Network(4, 2, (3,), (8,), 2, "relu", True, **CLASSES)
    for dtype in (np.float32, np.float64):
        for n_rows in (1, 3, 7, 100, 500, 3000):
            X = np.tile(np.array([[0.1, 0.7, -1.3, 2.9, 2]], dtype), (n_rows, 1))
            model = make_empty(network, dtype)
            initialize(model, X, np.arange(n_rows), np.random.RandomState(0), from_data=True)
            assert abs(model.params).max() < 20, (dtype, n_rows)


def test_initial_parameters_from_distributions():
    network = Network(300, 60, (40,), (200, 200), 3, "selu", True, **CLASSES)
    model = make_empty(network, np.float64)
    initialize(model, np.zeros((2, 301)), np.arange(2), np.random.RandomState(0), from_data=False)
    params = params_of(model)
    for i, fan_in in enumerate(network.widths[:-2]):
        assert np.std(params[f"weight {i}"]) == pytest.approx(1 / np.sqrt(fan_in), rel=0.02)
        assert np.std(params[f"bias {i}"]) == pytest.approx(1, rel=0.2)
    assert not params["weight 2"].any() and not params["bias 2"].any()
    columns = np.array([params[f"periodic {j}"] for j in range(60)])
    assert np.std(columns[:, :16]) == pytest.approx(0.1, rel=0.1)
    for part, bound in ((columns[:, 16:32], np.pi), (columns[:, 32:80], 0.25), (columns[:, 80:], 0.25)):
        assert 0.95 * bound < abs(part).max() <= bound and abs(part.mean()) < 0.1 * bound
        assert np.std(part) == pytest.approx(bound / np.sqrt(3), rel=0.1)
    assert np.std(params["table 0"]) == pytest.approx(1, rel=0.15)
    assert np.all(params["scales"] == 1) and np.all(params["slope 1"] == 1)
