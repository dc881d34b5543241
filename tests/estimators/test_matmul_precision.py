"""`matmul_precision`: training and prediction whose products read fewer bits."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from helpers import knobs
from oracles import reference
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

import fastmlp
from fastmlp import SGD, MLPClassifier, MLPRegressor, Network

BITS = {"bfloat16_3x": 17, "bfloat16": 8}


def rows(n=301, features=23, classes=4):
    rng = np.random.RandomState(0)
    X = rng.randn(n, features).astype(np.float32)
    return X, (X @ rng.randn(features, classes)).argmax(axis=1)


def twin_step(net, X, y, learning_rate, bits):
    """One step of gradient descent on ½ Σ (a − y)², with a tanh layer, whose products round their operands."""

    def round_(x):
        return reference.round_to_bits(x, bits)

    (first, second), (b1, b2) = ([np.array(w, np.float64) for w in each] for each in (net.coefs, net.intercepts))
    hidden = np.tanh(round_(X) @ round_(first) + b1)
    delta = (round_(hidden) @ round_(second) + b2 - y) / len(X)
    d_hidden = (round_(delta * len(X)) @ round_(second.T)) / len(X) * (1 - hidden**2)
    second -= learning_rate * round_(hidden).T @ round_(delta * len(X)) / len(X)
    first -= learning_rate * round_(X).T @ round_(d_hidden * len(X)) / len(X)
    return first, second


@pytest.mark.parametrize("precision", list(BITS))
def test_a_step_equals_its_twin(precision):
    """Deltas are divided by the number of rows after the products, which 64 makes exact."""
    rng = np.random.RandomState(0)
    X, y = rng.randn(64, 5).astype(np.float32), rng.randn(64, 3).astype(np.float32)
    net = Network([5, 40, 3], ["tanh", "identity"], "half_squared_error", "float32", precision)
    net.initialize(random_state=0)
    expected = twin_step(net, X, y, 0.5, BITS[precision])
    exact = twin_step(net, X, y, 0.5, 24)
    net.train(X, y, SGD(0.5, momentum=0.0), batch_size=64)
    for got, wanted, in_float32 in zip(net.coefs, expected, exact, strict=True):
        off = np.max(np.abs(got - wanted))
        if precision == "bfloat16":  # a number beside a tie may be rounded to the other side
            assert off < 0.3 * np.max(np.abs(got - in_float32)), off
        np.testing.assert_allclose(got, wanted, atol=2e-3 if precision == "bfloat16" else 2e-6)


@pytest.mark.parametrize("precision", list(BITS))
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_bits_do_not_depend_on_threads_company_or_layout(kind, precision):
    X, y = rows()
    hidden, options = (70, 300), {"batch_size": 50, "max_iter": 3, "random_state": 0, "matmul_precision": precision}
    with pytest.warns(UserWarning, match="converge"):
        one = kind(hidden_layer_sizes=hidden, n_jobs=1, **options).fit(X, y)
    with pytest.warns(UserWarning, match="converge"):
        two = kind(hidden_layer_sizes=hidden, n_jobs=2, **options).fit(X, y)
    assert all(np.array_equal(a, b) for a, b in zip(one.coefs_, two.coefs_, strict=True))
    answer = one.predict_proba if kind is MLPClassifier else one.predict
    together = answer(X)
    assert together.dtype == np.float32
    for form in (np.asfortranarray(X), X.astype(np.float64), np.repeat(X, 2, axis=1)[:, ::2], X.tolist()):
        np.testing.assert_array_equal(answer(form), together)
    for some in (slice(0, 1), slice(3, 4), slice(0, 7), slice(100, 250)):
        np.testing.assert_array_equal(answer(X[some]), together[some])
    loaded = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal((loaded.predict_proba if kind is MLPClassifier else loaded.predict)(X), together)
    assert clone(one).matmul_precision == precision


@pytest.mark.parametrize("precision", list(BITS))
@pytest.mark.parametrize("units", [(), (24,), (25,), (100,)])
def test_full_batches_round_the_gradient_of_one_output(monkeypatch, units, precision):
    """Whatever the share of a thread, and as mini-batches do; float32 has a kernel of its own for one column."""
    knobs.let_threads_pay(monkeypatch)
    knobs.set_max_threads(monkeypatch, 3)
    rng = np.random.RandomState(0)
    X, y = rng.randn(64, 60).astype(np.float32), rng.randn(64).astype(np.float32)
    options = {"hidden_layer_sizes": units, "max_iter": 4, "matmul_precision": precision, "solver": "lbfgs"}
    with pytest.warns(UserWarning):
        one, *others = (MLPRegressor(n_jobs=n, random_state=0, **options).fit(X, y) for n in (1, 2, 3))
    for other in others:
        assert all(np.array_equal(a, b) for a, b in zip(one.coefs_, other.coefs_, strict=True))
    net = Network([60, *units, 1], ["tanh"] * len(units) + ["identity"], "half_squared_error", "float32", precision)
    net.initialize(random_state=0)
    before = [np.array(each) for each in net.coefs]
    _, gradients, _ = net.loss_and_gradients(X, y)
    net.train(X, y, SGD(1.0, momentum=0.0), batch_size=64)
    for gradient, start, end in zip(gradients, before, net.coefs, strict=True):
        np.testing.assert_allclose(gradient, start - end, atol=1e-6)


def test_rows_beyond_float32_are_refused():
    X, y = rows()
    with pytest.warns(UserWarning, match="converge"):
        model = MLPClassifier((8,), max_iter=3, random_state=0, matmul_precision="bfloat16").fit(X, y)
    large = X.astype(np.float64)
    large[3, 2] = 1e300
    for given in (large[:5], large, sp.csr_array(large), large.tolist()):
        with pytest.raises(ValueError, match="too large for dtype"):
            model.predict_proba(given)


def test_predict_follows_the_parameter():
    """Set after the fit, it changes the products of predictions, by as much as the bits that are dropped."""
    X, y = rows()
    with pytest.warns(UserWarning, match="converge"):
        model = MLPClassifier((50,), max_iter=5, random_state=0).fit(X, y)
    exact = model.predict_proba(X)
    off = {}
    for precision in BITS:
        model.set_params(matmul_precision=precision)
        off[precision] = np.max(np.abs(model.predict_proba(X) - exact))
    assert 0 < off["bfloat16_3x"] < 1e-5 < off["bfloat16"] < 0.05
    model.set_params(matmul_precision="float32")
    np.testing.assert_array_equal(model.predict_proba(X), exact)


def test_training_is_nearly_that_of_float32():
    X, y = rows(2000)
    losses = {}
    for precision in ("float32", *BITS):
        model = MLPClassifier((64, 64), max_iter=3, random_state=0, matmul_precision=precision)
        with pytest.warns(UserWarning, match="converge"):
            losses[precision] = np.array(model.fit(X, y).loss_curve_)
    np.testing.assert_allclose(losses["bfloat16_3x"], losses["float32"], rtol=1e-4)
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=1e-2)
    assert not np.array_equal(losses["bfloat16_3x"], losses["float32"])


def test_sparse_inputs_early_stopping_partial_fit_and_full_batches():
    X, y = rows()
    sparse = sp.csr_array(np.where(np.abs(X) > 1.5, X, 0))
    options = {"hidden_layer_sizes": (16,), "random_state": 0, "matmul_precision": "bfloat16"}
    with pytest.warns(UserWarning, match="converge"):
        model = MLPClassifier(max_iter=4, early_stopping=True, **options).fit(sparse, y)
    np.testing.assert_array_equal(model.predict_proba(sparse), model.predict_proba(sparse.tocsc()))
    model = MLPClassifier(**options)
    for _ in range(3):
        model.partial_fit(X[:50], y[:50], classes=np.unique(y))
    assert np.isfinite(model.loss_)
    with pytest.warns(UserWarning):
        model = MLPRegressor(solver="lbfgs", max_iter=10, **options).fit(X, X[:, 0])
    assert model.score(X, X[:, 0]) > 0.5


def test_refusals():
    X, y = rows()
    model = MLPClassifier((8,), max_iter=3, matmul_precision="bfloat16")
    with pytest.raises(ValueError, match=r"float64: fit on X.astype\(numpy.float32\)"):
        model.fit(X.astype(np.float64), y)
    assert not hasattr(model, "coefs_")
    model = MLPClassifier((8,), max_iter=3, tol=10, n_iter_no_change=1, warm_start=True).fit(X.astype(np.float64), y)
    model.matmul_precision, before = "bfloat16", model.coefs_[0].copy()
    for again in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="anew, with warm_start=False"):
            again(X, y)
    np.testing.assert_array_equal(model.coefs_[0], before)
    with pytest.raises(InvalidParameterError, match="bfloat16_3x"):
        MLPClassifier(matmul_precision="bf16").fit(X, y)
    with pytest.raises(ValueError, match="it is one of float32, bfloat16_3x, bfloat16"):
        Network([2, 1], ["identity"], "half_squared_error", "float32", matmul_precision=["bfloat16"])
    with pytest.raises(ValueError, match="pass dtype='float32'"):
        Network([2, 1], ["identity"], "half_squared_error", matmul_precision="bfloat16")
    for solver in ("newton-cg", "levenberg-marquardt"):
        with pytest.raises(ValueError, match=f"solver='{solver}' computes in float64, .*'bfloat16'"):
            MLPRegressor(solver=solver, matmul_precision="bfloat16").fit(X, X[:, 0])
    for name in ("bf16", None, ["bfloat16"]):
        changed = clone(model).set_params(matmul_precision="float32").fit(X, y).set_params(matmul_precision=name)
        for answer in (changed.predict, changed.predict_proba):
            with pytest.raises(ValueError, match=r"matmul_precision=.* is unknown: it is one of float32"):
                answer(X)
    net = Network([2, 1], ["identity"], "half_squared_error", "float32", "bfloat16")
    assert net.astype("float32").matmul_precision == "bfloat16" and net.astype(float).matmul_precision == "float32"
    with pytest.raises(AttributeError, match="cannot be changed"):
        net.matmul_precision = "float32"


def test_saved_networks_keep_it(tmp_path):
    net = Network([3, 9, 1], ["relu", "identity"], "half_squared_error", "float32", "bfloat16")
    net.initialize(random_state=0)
    fastmlp.save(net, tmp_path / "net")
    loaded, copied = fastmlp.load(tmp_path / "net"), pickle.loads(pickle.dumps(net))
    X = rows()[0][:, :3]
    assert loaded.matmul_precision == copied.matmul_precision == "bfloat16"
    np.testing.assert_array_equal(loaded.forward(X), net.forward(X))
    np.testing.assert_array_equal(copied.forward(X), net.forward(X))


SMALL_STACK = """
import threading

import numpy as np

from fastmlp import MLPRegressor
from fastmlp.engine import tile_units
from fastmlp.kernels.linalg.tiled_products import multiply_bfloat16_3x_tiles

X = np.random.RandomState(0).randn(256, 200).astype(np.float32)


def work():
    model = MLPRegressor(hidden_layer_sizes=(200,), max_iter=1, tol=1.0, matmul_precision="bfloat16_3x", n_jobs=2)
    model.partial_fit(X, X[:, 0]).predict(X)
    if tile_units.available() or not tile_units.cpu.TILE_UNIT:
        tile_units.product_error(multiply_bfloat16_3x_tiles)


work()  # compiles what is not in the cache, which takes more of a stack
threading.stack_size(128 * 1024)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def test_products_need_no_large_stack():
    """Rounded operands are in the workspace: threads of 128 kB, as some C libraries make them, are large enough."""
    subprocess.run([sys.executable, "-c", SMALL_STACK], check=True, timeout=300)
