"""Initial parameters of networks for tables, from rows and from distributions alone."""

import numpy as np
import pytest
from helpers.tables import CASES, CLASSES, draw_rows, make_empty
from oracles import reference_tables
from oracles.reference_tables import Network, params_of

from fastmlp import TabularMLPRegressor
from fastmlp.tabular.initial import initialize, inputs_of


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_initial_parameters_from_data(dtype):
    """Pre-activations have deviation 1, few of them less; zero is within their range, as biases are −Σ e z."""
    found = []
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
            assert np.all(deviations[alive] <= 1 + 1e-4), name
            found += deviations[alive].tolist()
            assert np.all(pre.min(axis=0)[alive] < 0) and np.all(pre.max(axis=0)[alive] > 0), name
            if network.learn_slopes and i < len(network.hidden):
                assert np.all(params[f"slope {i}"] == 1)
        np.testing.assert_allclose(
            inputs_of(model.layout, model.params, X), reference_tables.inputs_of(network, params, X.astype(np.float64)),
            rtol=1e-5, atol=1e-5, err_msg=name,
        )  # fmt: skip
    assert np.mean(np.array(found) >= 1 - 1e-4) > 0.95


def test_initial_parameters_of_constant_rows():
    """Rounding errors are no deviation: weights stay as they were drawn."""
    network = Network(4, 2, (3,), (8,), 2, "relu", True, **CLASSES)
    for dtype in (np.float32, np.float64):
        for n_rows in (1, 3, 7, 100, 500, 3000):
            X = np.tile(np.array([[0.1, 0.7, -1.3, 2.9, 2]], dtype), (n_rows, 1))
            model = make_empty(network, dtype)
            initialize(model, X, np.arange(n_rows), np.random.RandomState(0), from_data=True)
            assert abs(model.params).max() < 20, (dtype, n_rows)


@pytest.mark.parametrize("values", [2, 3])
def test_initial_parameters_of_few_different_rows(values):
    """Deviations are those of one or two random numbers: divided by the small ones, weights would be any number."""
    network = Network(1, 0, (), (128, 128, 128), 1, "mish", True, **CLASSES)
    for seed in range(20):
        rng = np.random.RandomState(seed)
        X, model = rng.randint(0, values, (200, 1)).astype(np.float32), make_empty(network, np.float32)
        initialize(model, X, np.arange(200), rng, from_data=True)
        assert all(np.abs(coef).max() * np.sqrt(len(coef)) < 30 for coef in model.coefs), seed


@pytest.mark.parametrize("recipe", ["fast", "default"])
def test_two_groups_are_told_apart(recipe):
    for seed in range(3):
        rng = np.random.RandomState(seed)
        treated = rng.random_sample(200) > 0.5
        y = 3.0 * treated + rng.normal(size=200)
        model = TabularMLPRegressor(recipe, random_state=seed).fit(treated[:, np.newaxis], y)
        expected = [y[~treated].mean(), y[treated].mean()]
        np.testing.assert_allclose(model.predict([[False], [True]]), expected, atol=0.7)


def test_rows_of_weight_zero_have_no_influence_on_initial_parameters():
    rng = np.random.RandomState(0)
    X, y, counted = rng.normal(size=(200, 3)), rng.normal(size=200), np.arange(200) % 2
    models = [
        TabularMLPRegressor("fast", max_iter=2, random_state=0).fit(np.where(counted[:, None], X, x), y, counted)
        for x in (-9999.0, 1e6)
    ]
    assert models[0].predict(X).tobytes() == models[1].predict(X).tobytes()


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
