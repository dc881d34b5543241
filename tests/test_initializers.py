"""Initializers: bounds, variances, orthogonality, seeds, scikit-learn's numbers, and errors."""

import copy
import pickle

import numpy as np
import pytest
from helpers.merged import in_one_test
from sklearn.base import clone
from sklearn.neural_network import MLPRegressor

import fastmlp
from fastmlp import Network
from fastmlp.activations import as_activation
from fastmlp.common.random_state import as_random_state
from fastmlp.engine.layout import Layout
from fastmlp.initializers import (
    INITIALIZERS,
    GivenArrays,
    Orthogonal,
    Uniform,
    as_initializer,
    glorot_uniform,
)

WIDE = Layout([60, 90, 40])
TYPES = [np.float32, np.float64]
#: name → variance of the weights from fan_in and fan_out.
VARIANCES = {
    "glorot_uniform": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "glorot_normal": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "he_uniform": lambda fan_in, fan_out: 2 / fan_in,
    "he_normal": lambda fan_in, fan_out: 2 / fan_in,
    "lecun_uniform": lambda fan_in, fan_out: 1 / fan_in,
    "lecun_normal": lambda fan_in, fan_out: 1 / fan_in,
    "uniform": lambda fan_in, fan_out: 1 / 3,
}


def draw(initializer, layout=WIDE, seed=0, dtype=np.float64, activation="relu"):
    """(coefs, intercepts) drawn into arrays with other values."""
    params = np.full(layout.size, np.nan, dtype)
    as_initializer(initializer)(layout, activation, seed, params)
    assert np.isfinite(params).all()
    return layout.coefs(params), layout.intercepts(params)


@in_one_test()
@pytest.mark.parametrize("name", VARIANCES)
def test_distribution(name):
    """Mean, variance, and what distinguishes uniform from normal distributions: the range and the fourth moment."""
    for coef, intercept in zip(*draw(name), strict=True):
        variance = VARIANCES[name](*coef.shape)
        n = coef.size
        assert abs(coef.mean()) < 4 * np.sqrt(variance / n)
        kurtosis = np.mean(coef**4) / variance**2
        if name.endswith("uniform"):
            bound = np.sqrt(3 * variance)
            assert abs(coef).max() <= bound
            assert coef.max() > bound * (1 - 20 / n) and coef.min() < -bound * (1 - 20 / n)
            assert np.mean(coef**2) == pytest.approx(variance, rel=4 * np.sqrt(0.8 / n))
            assert kurtosis == pytest.approx(1.8, abs=0.15)
        else:
            assert np.mean(coef**2) == pytest.approx(variance, rel=4 * np.sqrt(2 / n))
            assert kurtosis == pytest.approx(3, abs=0.3)
        if name == "uniform":
            assert intercept.min() < -0.8 and intercept.max() > 0.8
        else:
            assert not intercept.any()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_orthogonal(gain, dtype):
    """Orthonormal rows or columns, whichever are fewer; both for a square matrix."""
    coefs, intercepts = draw(Orthogonal(gain), Layout([5, 12, 12, 3, 1]), dtype=dtype)
    for coef in coefs:
        product = coef @ coef.T if coef.shape[0] <= coef.shape[1] else coef.T @ coef
        np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=20 * np.finfo(dtype).eps)
    assert not any(intercept.any() for intercept in intercepts)


def test_orthogonal_matrices_are_uniformly_distributed():
    """Both orientations of the plane and all angles occur: the means are 0, which needs the correction of R's signs."""
    matrices = np.array([draw("orthogonal", Layout([2, 2]), seed)[0][0] for seed in range(400)])
    assert abs(matrices.mean(axis=0)).max() < 4 * np.sqrt(0.5 / 400)
    assert abs(np.linalg.det(matrices).mean()) < 4 / np.sqrt(400)
    singles = [draw("orthogonal", Layout([1, 1]), seed)[0][0].item() for seed in range(20)]
    assert set(singles) == {-1.0, 1.0}


def test_uniform_between_numbers():
    coefs, intercepts = draw(Uniform(2, 2.5))
    for array in (*coefs, *intercepts):
        assert 2 <= array.min() < 2.05 and 2.45 < array.max() < 2.5


@pytest.mark.parametrize("activation", ["relu", "logistic"])
@pytest.mark.parametrize("dtype", TYPES)
def test_scikit_learns_numbers(dtype, activation):
    """A step of scikit-learn with a zero gradient keeps the drawn numbers; fastmlp's are the same after rounding."""
    options = {"solver": "sgd", "learning_rate_init": 1e-300, "alpha": 0, "momentum": 0}
    theirs = MLPRegressor(hidden_layer_sizes=(11, 4), activation=activation, random_state=3, **options)
    X = np.random.RandomState(0).standard_normal((9, 5)).astype(dtype)
    theirs.partial_fit(X, X[:, 0])
    layout = Layout([5, 11, 4, 1])
    for made in (
        draw("sklearn", layout, 3, dtype, activation),
        draw("sklearn", layout, np.random.RandomState(3), dtype, activation),
    ):
        for ours, their in zip((*made[0], *made[1]), (*theirs.coefs_, *theirs.intercepts_), strict=True):
            np.testing.assert_array_equal(ours, their)
    params = np.empty(layout.size, dtype)
    glorot_uniform(layout, activation, np.random.RandomState(3), params)
    np.testing.assert_array_equal(layout.coefs(params)[1], theirs.coefs_[1])


#: Activations of the hidden layers, and the layers with the smaller scale of `logistic`; the last one is the output.
MIXED = {
    ("logistic", "relu", "tanh"): [0],
    ("relu", "logistic", "tanh"): [1],
    ("relu", "tanh", "logistic"): [2, 3],  # scikit-learn draws the output layer as the hidden layers
    ("logistic", "tanh", "logistic"): [0, 2, 3],
    ("relu", "relu", "relu"): [],
    ("logistic", "logistic", "logistic"): [0, 1, 2, 3],
}
MIXED_LAYOUT = Layout([20, 30, 25, 40, 15])


def largest_of_scale(coef):
    """The largest weight over √(2 / (fan_in + fan_out)): nearly 1 or √3."""
    return np.abs(coef).max() / np.sqrt(2 / sum(coef.shape))


@in_one_test()
@pytest.mark.parametrize("container", [list, tuple])
@pytest.mark.parametrize("names", MIXED)
def test_each_layer_has_the_scale_of_its_own_activation(names, container):
    coefs, intercepts = draw("sklearn", MIXED_LAYOUT, activation=container(names))
    for number, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        expected = 1 if number in MIXED[names] else np.sqrt(3)
        assert 0.95 * expected < largest_of_scale(coef) <= expected
        assert np.abs(intercept).max() <= np.sqrt(2 / sum(coef.shape)) * expected


@in_one_test()
@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize("activation", ["logistic", "relu"])
def test_equal_names_are_like_one_name(name, activation):
    one, each = (draw(name, MIXED_LAYOUT, activation=given) for given in (activation, [activation] * 3))
    for ours, theirs in zip((*one[0], *one[1]), (*each[0], *each[1]), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@in_one_test()
@pytest.mark.parametrize("names", MIXED)
def test_estimators_and_network_draw_alike(names):
    """The initial weights of a fit are read after a step with a learning rate too small to change them."""
    expected = draw("sklearn", MIXED_LAYOUT, 3, activation=names)[0]
    net = Network(MIXED_LAYOUT.layer_sizes, [*names, "identity"], "half_squared_error")
    net.initialize(random_state=3)
    X = np.random.RandomState(0).standard_normal((9, 20))
    options = {"hidden_layer_sizes": (30, 25, 40), "solver": "sgd", "learning_rate_init": 1e-300, "random_state": 3}
    for activation in (list(names), tuple(as_activation(name) for name in names)):
        model = fastmlp.MLPRegressor(activation=activation, **options).partial_fit(X, X[:, :15])
        for ours, also, drawn in zip(model.coefs_, net.coefs, expected, strict=True):
            np.testing.assert_array_equal(ours, drawn)
            np.testing.assert_array_equal(also, drawn)


def test_no_hidden_layer():
    layout = Layout([30, 40])
    assert largest_of_scale(draw("sklearn", layout, activation=[])[0][0]) > 1.6
    for output, top in (("logistic", 1), ("identity", np.sqrt(3))):
        net = Network(layout.layer_sizes, [output], "half_squared_error")
        net.initialize(random_state=0)
        assert 0.95 * top < largest_of_scale(net.coefs[0]) <= top


def test_number_of_names_must_match_hidden_layers():
    for names in ([], ["relu"] * 4):
        with pytest.raises(ValueError, match="but there are 3 hidden layers: give one for each, or one for all"):
            draw("sklearn", MIXED_LAYOUT, activation=names)


@in_one_test()
@pytest.mark.parametrize("name", INITIALIZERS)
def test_seeds(name):
    """The same seed draws the same numbers in both types, and another seed others; a generator continues."""
    flat = [np.concatenate([array.ravel() for array in draw(name, seed=seed)[0]]) for seed in (0, np.int64(0), 1)]
    np.testing.assert_array_equal(flat[0], flat[1])
    assert not np.any(flat[0] == flat[2])
    narrow = np.concatenate([array.ravel() for array in draw(name, dtype=np.float32)[0]])
    np.testing.assert_array_equal(narrow, flat[0].astype(np.float32))
    generator = np.random.RandomState(0)
    first, second = (np.concatenate([a.ravel() for a in draw(name, seed=generator)[0]]) for _ in range(2))
    np.testing.assert_array_equal(first, flat[0])
    assert not np.any(first == second)


def test_without_a_seed_numpys_own_generator_is_used():
    """As in scikit-learn; the global generator is restored."""
    state = np.random.get_state()
    try:
        np.random.seed(5)
        drawn = draw("uniform", seed=None)[0][0]
    finally:
        np.random.set_state(state)
    np.testing.assert_array_equal(drawn, draw("uniform", seed=5)[0][0])


@in_one_test()
@pytest.mark.parametrize("seed", ["0", 0.5, -1, 2**32, True, np.random.default_rng(0)])
def test_invalid_seeds(seed):
    with pytest.raises(ValueError, match=r"random_state=.* must be an integer from 0"):
        as_random_state(seed)


# Given arrays

COEFS, INTERCEPTS = [[[1, 2, 3], [4, 5, 6]], [[0.5], [0.25], [0.125]]], [[7, 8, 9], [10]]


@pytest.mark.parametrize("dtype", TYPES)
def test_given_arrays(dtype):
    given = [np.array(array, float) for array in COEFS]
    initializer = GivenArrays(given, INTERCEPTS)
    given[0][...] = 99  # copied
    coefs, intercepts = draw(initializer, Layout([2, 3, 1]), dtype=dtype)
    for ours, right in zip((*coefs, *intercepts), (*COEFS, *INTERCEPTS), strict=True):
        np.testing.assert_array_equal(ours, right)
        assert ours.dtype == dtype


@pytest.mark.parametrize(("coefs", "intercepts", "message"), [
    (COEFS[:1], INTERCEPTS, "coefs holds 1 array;"),
    (COEFS, INTERCEPTS[:1], "intercepts holds 1 array;"),
    (COEFS[::-1], INTERCEPTS, r"^coefs\[0\] has shape \(3, 1\)"),
    (COEFS, INTERCEPTS[::-1], r"^intercepts\[0\] has shape \(1,\)"),
])  # fmt: skip
def test_given_arrays_of_another_network(coefs, intercepts, message):
    with pytest.raises(ValueError, match=message):
        draw(GivenArrays(coefs, intercepts), Layout([2, 3, 1]))


@pytest.mark.parametrize(("coefs", "message"), [
    (3, "coefs must be a sequence of arrays of real numbers"), ([["a"]], "coefs must be a sequence"),
    ([[[1, 2], [3]]], "coefs must be a sequence"), ([[[1j]]], "coefs must be"), ([[[np.nan]]], "coefs holds NaN"),
])  # fmt: skip
def test_given_arrays_that_are_none(coefs, message):
    with pytest.raises(ValueError, match=message):
        GivenArrays(coefs, [[1.0]])


# Objects


def everyone():
    return [*INITIALIZERS.values(), Orthogonal(2), Uniform(0, 1), GivenArrays(COEFS, INTERCEPTS)]


@in_one_test()
@pytest.mark.parametrize("number", range(len(everyone())))
def test_copies_are_equal(number):
    one, again = everyone()[number], everyone()[number]
    for other in (copy.copy(one), copy.deepcopy(one), clone(one, safe=False), pickle.loads(pickle.dumps(one)), again):
        assert other == one and hash(other) == hash(one) and repr(other) == repr(one)
    assert sum(other == one for other in everyone()) == 1
    names = {"as_initializer": as_initializer, "Orthogonal": Orthogonal, "Uniform": Uniform, "GivenArrays": GivenArrays}
    assert eval(repr(one), names) == one
    with pytest.raises(AttributeError):
        one.gain = one.name = one.coefs = 3


@in_one_test()
@pytest.mark.parametrize("made", [
    lambda: Orthogonal(0), lambda: Orthogonal(-1), lambda: Orthogonal("1"), lambda: Orthogonal(np.inf),
    lambda: Orthogonal(True), lambda: Uniform(1, 1), lambda: Uniform(1, -1), lambda: Uniform(-np.inf, 0),
    lambda: Uniform(np.nan, 1), lambda: Uniform(None, 1),
])  # fmt: skip
def test_invalid_initializer_parameters(made):
    allowed = "a finite number|a number greater than 0|less than high"
    with pytest.raises(ValueError, match=rf"^(Orthogonal: gain|Uniform: (low|high)) must be ({allowed}), but .* given"):
        made()


def test_unknown_initializers():
    for name in ("he", None, glorot_uniform):
        with pytest.raises(ValueError, match=r"initializer=.* is unknown: it is one of sklearn, glorot_uniform, "):
            as_initializer(name)
    assert as_initializer("orthogonal") == Orthogonal()
