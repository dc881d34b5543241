"""Sample weights of any size: only their ratios count, and that to the penalties.

Weights and penalties times a power of two are the same problem, so the results must have the same bits; in float32
2**125 times a few rows is beyond the largest number, and 2**-130 counts as zero in the kernels.
"""

import numpy as np
import pytest
import sklearn.neural_network
from helpers.fits import CONTAINERS, draw, ignores_max_iter, make, results
from helpers.merged import in_one_test

from fastmlp import SGD, MLPClassifier, MLPRegressor, Network, Regularization
from fastmlp.engine.dataset import Dataset, balance

pytestmark = ignores_max_iter

FACTORS = {np.float32: [2.0**125, 2.0**-130, 2.0**1000, 2.0**-1000], np.float64: [2.0**1010, 2.0**-1000]}
SIZES = [(dtype, factor) for dtype, factors in FACTORS.items() for factor in factors]
WEIGHTS = np.random.RandomState(1).randint(1, 9, 203) / 4


def weights_times(factor, dtype):
    """Return the weights in float32 if they can be represented, else in float64."""
    weights = WEIGHTS * factor
    with np.errstate(over="ignore"):
        cast = weights.astype(dtype)
    return cast if np.array_equal(cast, weights) else weights


def assert_same_fits(task, dtype, factor, container="dense", fit=None, **parameters):
    """A fit with weights and alpha times `factor` leaves the same bits as without it."""
    X, y = draw(task, dtype, container)
    alpha = parameters.pop("alpha", 0.25)
    l1 = parameters.pop("l1", 0.0)
    models = [make(task, alpha=alpha * times, l1=l1 * times, **parameters) for times in (1.0, factor)]
    for model, times in zip(models, (1.0, factor), strict=True):
        (fit or type(model).fit)(model, X, y, weights_times(times, dtype))
    expected, found = (results(model, X) for model in models)
    for name, values in expected.items():
        assert np.isfinite(values).all(), name
        np.testing.assert_array_equal(values, found[name], err_msg=name)


@in_one_test()
@pytest.mark.parametrize(("dtype", "factor"), SIZES)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("task", ["binary", "classes", "regression"])
def test_same_bits_for_weights_of_any_size(task, solver, dtype, factor):
    assert_same_fits(task, dtype, factor, solver=solver)


@in_one_test()
@pytest.mark.parametrize(("dtype", "factor"), SIZES)
@pytest.mark.parametrize(
    "parameters",
    [
        {"container": "csr"},
        {"container": "csr", "solver": "lbfgs"},
        {"early_stopping": True},
        {"early_stopping": True, "task": "classes"},
        {"l1": 0.25},
        {"clip_norm": 0.5, "clip_value": 0.01},
        {"solver": "newton-cg", "activation": "tanh"},
        {"solver": "levenberg-marquardt", "activation": "tanh"},
        {"loss": "poisson", "task": "counts"},
        {"n_jobs": 2, "batch_size": 203},
    ],
    ids=str,
)
def test_same_bits_wherever_weights_are_used(parameters, dtype, factor):
    options = {"task": "regression", **parameters}
    if options["task"] == "counts":
        options["task"], options["fit"] = "regression", lambda model, X, y, w: model.fit(X, np.round(np.abs(y)), w)
    assert_same_fits(options.pop("task"), dtype, factor, **options)


@in_one_test()
@pytest.mark.parametrize(("dtype", "factor"), SIZES)
def test_partial_fit(dtype, factor):
    """Each call has weights of another scale; the penalty is relative to the given weights."""

    def fit(model, X, y, weights):
        penalty = model.alpha
        for size in (1.0, 2.0**50):
            model.alpha = penalty * size
            model.partial_fit(X, y, weights.astype(np.float64) * size)

    factor /= 2.0**60 if factor >= 2.0**1000 else 1.0
    assert_same_fits("regression", dtype, factor, fit=fit)


@in_one_test()
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize(("kind", "task"), [("MLPClassifier", "binary"), ("MLPRegressor", "regression")])
@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 5e37), (np.float64, 1e300), (np.float32, 1e300)])
def test_parity_with_scikit_learn(kind, task, solver, dtype, size):
    """Compared with scikit-learn in float64, where the weights do not overflow."""
    X, y = draw(task, dtype, features=5)
    parameters = {"hidden_layer_sizes": (4,), "solver": solver, "max_iter": 5, "random_state": 0, "activation": "tanh"}
    theirs = getattr(sklearn.neural_network, kind)(**parameters).fit(X.astype(np.float64), y, WEIGHTS * size)
    ours = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[kind](**parameters)
    ours.fit(X, y, weights_times(size, dtype))
    rtol = 1e-3 if dtype is np.float32 else 1e-7
    for mine, other in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=rtol)


@in_one_test()
@pytest.mark.parametrize("size", [5e37, 1e300, 1e-40, 1e-300, 5e-324])
@pytest.mark.parametrize("container", CONTAINERS)
def test_network(container, size):
    """A weighted mean does not depend on the scale of the weights."""
    X, y = draw("regression", np.float32, container)
    net = Network([20, 3, 1], ["tanh", "identity"], "half_squared_error", dtype="float32")
    weights = np.array([1, 2, 0] * 67 + [1, 1])

    def questions(weights):
        net.initialize(random_state=0)
        loss, coef_grads, intercept_grads = net.loss_and_gradients(X, y, weights)
        yield from (loss, net.loss(X, y, weights), *coef_grads, *intercept_grads)
        yield net.input_gradients(X, y, weights)
        yield net.hessian_vector_product(X, y, np.ones(67), weights)
        yield from (net.train(X, y, "adam", epochs=2, batch_size=50, sample_weight=weights), net.params.copy())

    for expected, found in zip([*questions(weights)], [*questions(weights * size)], strict=True):
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_ordinary_weights_stay_as_they_are():
    for weights in (WEIGHTS, WEIGHTS * 2.0**38, WEIGHTS / 2.0**39, np.zeros(3), -WEIGHTS, np.zeros(0)):
        assert balance(weights)[0] is weights and balance(weights)[1] == 1


@in_one_test()
@pytest.mark.parametrize("factor", [2.0**41, 2.0**1021, 2.0**-42, 2.0**-1070])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_divisor_is_exact(factor, sign):
    weights, divisor = balance(sign * factor * np.array([1.0, 2.0, 4.0]))
    assert np.array_equal(weights / weights[0], [1, 2, 4]) and weights[0] * divisor == sign * factor
    assert balance(np.float32(weights)) == (pytest.approx(weights), 1) or factor == 2.0**-1070


def test_weights_of_another_shape_or_none():
    with pytest.raises(ValueError, match=r"sample_weight must have shape \(3,\), got \(2,\)"):
        Dataset(np.ones((3, 2)), np.ones((3, 1)), np.ones(2))
    with pytest.raises(ValueError, match="at least one non-zero number"):
        MLPRegressor().fit(np.ones((3, 2)), np.ones(3), np.zeros(3))
    with pytest.raises(ValueError, match="sample_weight sums to zero"):
        MLPRegressor().fit(np.ones((3, 2)), np.ones(3), [1e300, -2e300, 1e300])
    with pytest.raises(ValueError, match="contains infinity"):
        MLPRegressor().fit(np.ones((3, 2)), np.ones(3), [1, np.inf, 1])
    net = Network([2, 1], ["identity"], "half_squared_error")
    with pytest.raises(ValueError, match="sample_weight sums to zero over 3 rows"):
        net.loss(np.ones((3, 2)), np.ones(3), np.zeros(3))
    with pytest.raises(ValueError, match="sample_weight must be finite, but holds inf"):
        net.loss(np.ones((3, 2)), np.ones(3), [1, np.inf, 1])


@in_one_test()
@pytest.mark.parametrize("weights", [
    [1, 2, -0.5], [-1, -2, -3], [1, -1, 0], [0, 0, 0], [1e-310, 0, 0], [1e300, -2e300, 1e300], [2.0**1000] * 3,
    [1, np.nan, 1], [1, -np.inf, 1], [1, 2], [[1, 2, 3]], ["1", "x", "2"], [1, 2j, 3], [True, False, True],
], ids=str)  # fmt: skip
def test_estimators_and_networks_accept_the_same_weights(weights):
    X, y = np.arange(6.0).reshape(3, 2) / 6, np.array([0.5, -1.0, 2.0])
    network = Network([2, 1], ["identity"], "half_squared_error")

    def is_accepted(call):
        try:
            call()
        except (TypeError, ValueError):
            return False
        return True

    fitted = is_accepted(lambda: MLPRegressor(hidden_layer_sizes=(), max_iter=1).fit(X, y, weights))
    assert fitted == is_accepted(lambda: network.loss(X, y, weights))


def test_network_with_a_negative_weight():
    """Loss and gradients are linear in w / Σ w, whatever the signs."""
    X, y, weights = np.arange(6.0).reshape(3, 2) / 6, np.array([0.5, -1.0, 2.0]), np.array([1.0, 2.0, -0.5])
    network = Network([2, 3, 1], ["tanh", "identity"], "half_squared_error")
    network.initialize(random_state=0)
    v = np.linspace(-1, 1, network.params.size)
    rows = [(X[i : i + 1], y[i : i + 1]) for i in range(3)]

    def mean(values):
        return np.tensordot(weights, values, 1) / weights.sum()

    assert network.loss(X, y, weights) == pytest.approx(mean([network.loss(*row) for row in rows]), rel=1e-12)
    gradient = network.loss_and_gradients(X, y, weights)[1][0]
    np.testing.assert_allclose(gradient, mean([network.loss_and_gradients(*row)[1][0] for row in rows]), rtol=1e-10)
    product = network.hessian_vector_product(X, y, v, weights)
    expected = mean([network.hessian_vector_product(*row, v) for row in rows])
    np.testing.assert_allclose(product, expected, rtol=1e-10, atol=1e-14)
    coef, scale = network.coefs[0].copy(), 0.25
    network.train(X, y, SGD(scale), sample_weight=weights)
    np.testing.assert_allclose(network.coefs[0], coef - scale * gradient, rtol=1e-10)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", "newton-cg"])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_weights_too_small_for_the_penalty_are_refused(kind, solver):
    """In float32, alpha divided by a sum of 1e-300 is infinite: steps would be, and L-BFGS would make none."""
    X, y = np.arange(6, dtype=np.float32).reshape(3, 2), np.array([0, 1, 1])
    weights, parameters = np.full(3, 1e-300), {"hidden_layer_sizes": (2,), "random_state": 0, "max_iter": 2}
    model = kind(solver=solver, **parameters)
    for name in ("fit", "partial_fit") if solver in ("adam", "sgd") else ("fit",):
        more = {"classes": [0, 1]} if name == "partial_fit" and kind is MLPClassifier else {}
        with pytest.raises(ValueError, match=r"^alpha=0.0001 is divided by the sum of sample_weight, .* in float32"):
            getattr(model, name)(X, y, sample_weight=weights, **more)
        assert not hasattr(model, "coefs_")
    model.set_params(alpha=0).fit(X, y, sample_weight=weights)
    assert all(np.isfinite(each).all() for each in model.coefs_)


@pytest.mark.parametrize("name", ["l2", "l1"])
def test_weights_too_small_for_the_penalties_of_a_network_are_refused(name):
    X, y, network = np.ones((3, 2)), np.ones((3, 1)), Network([2, 1], ["identity"], "squared_error", "float32")
    options = {"l2": 0.1} if name == "l2" else {"regularization": Regularization(l1=0.1)}
    before = network.params.copy()
    with pytest.raises(ValueError, match=f"^{name}=0.1 is divided by the sum of sample_weight"):
        network.train(X, y, SGD(0.1), sample_weight=[1e-60] * 3, **options)
    assert np.array_equal(network.params, before)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_parameters_in_float32_are_used_in_float64(kind, solver):
    """NumPy computes a Python float and a float32 scalar in float32: the loss of 1e60 would be infinite."""
    parameters = {"alpha": np.float32(0.01), "tol": np.float32(0.01)}
    X, y = np.random.RandomState(0).rand(20, 3), np.arange(20) % 2
    for scale, weights in ((1e30, None), (1.0, np.full(20, 1e-60))):
        one, other = (
            kind(hidden_layer_sizes=(3,), solver=solver, max_iter=5, random_state=0, **each)
            .fit(scale * X, y, sample_weight=weights)
            for each in (parameters, {name: float(each) for name, each in parameters.items()})
        )  # fmt: skip
        assert [each.tobytes() for each in one.coefs_] == [each.tobytes() for each in other.coefs_]


@pytest.mark.parametrize("solver", ["newton-cg", "lbfgs"])
def test_tiny_weights_do_not_warn_of_overflow(solver):
    """The gradient of the penalty, divided by the sum of the weights, has infinite squares."""
    X, y = np.array([[0.4], [1.2], [-0.3]]), [1, 0, 1]
    model = MLPClassifier((1,), solver=solver, max_iter=1, random_state=0).fit(X, y, sample_weight=[1e-300] * 3)
    assert all(np.isfinite(each).all() for each in model.coefs_)
