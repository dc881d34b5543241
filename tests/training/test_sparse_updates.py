"""Updates of the first layer on CSR input: the kernel in guarded memory, the penalty in the loss, the same bits."""

import warnings
from itertools import product

import numpy as np
import pytest
import scipy.sparse
from helpers import knobs
from helpers.guarded import Guarded
from oracles import reference

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.engine.blocking import tile_width, widest_entries
from fastmlp.kernels.linalg import sparse
from fastmlp.kernels.loop import scatter, sparse_update
from fastmlp.kernels.lowlevel.records import (
    BETA_1,
    BETA_2,
    EPSILON,
    L2,
    LAYER,
    LEARNING_RATE,
    N_HYPERPARAMETERS,
    ROW_TILE,
    SCALE,
    TASK,
)
from fastmlp.kernels.optimizers import sgd_adam

TYPES = [np.float32, np.float64]


def sparse_rows(dtype=np.float64, n_rows=43, n_features=37, seed=0):
    """CSR rows, some empty, with a feature that every other row has and some that none has."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n_rows, n_features)) * (rng.uniform(size=(n_rows, n_features)) < 0.06)
    X[:, 5], X[:, [0, 17, 36]] = 1.0, 0.0
    X[::6] = 0.0
    return scipy.sparse.csr_matrix(X.astype(dtype))


def adam(p, g, m, v, numbers):
    """One step as `sgd_adam.adam` defines it, in float64."""
    m = numbers[BETA_1] * m + (1 - numbers[BETA_1]) * g
    v = numbers[BETA_2] * v + (1 - numbers[BETA_2]) * g**2
    return p - numbers[LEARNING_RATE] * m / (np.sqrt(v) + numbers[EPSILON]), m, v


def tile_squares(weight):
    return [(weight[i : i + ROW_TILE] ** 2).sum() for i in range(0, len(weight), ROW_TILE)]


@pytest.mark.parametrize(("fan_out", "scattered"), [(5, False), (5, True), (1, True)])
@pytest.mark.parametrize("dtype", TYPES)
def test_kernel_in_guarded_memory(dtype, fan_out, scattered):
    """Two steps of each thread, for blocks of 8 and 24 rows, with and without phases that change the weights later."""
    X, rng = sparse_rows(dtype), np.random.RandomState(1)
    fan_in, tiles, order = X.shape[1], -(-X.shape[1] // ROW_TILE), np.arange(X.shape[0])[::-1].copy()
    numbers = np.zeros(N_HYPERPARAMETERS)
    numbers[[LEARNING_RATE, L2, SCALE, BETA_1, BETA_2, EPSILON]] = 0.1, 0.5, 1 / order.size, 0.8, 0.9, 1e-4
    tolerance = {"rtol": 100 * np.finfo(dtype).eps, "atol": 100 * np.finfo(dtype).eps}
    threads = (1,) if scattered and fan_out > 1 else (1, 2)  # of several outputs, only one thread scatters
    stride = tile_width(fan_out, widest_entries(np.dtype(dtype)))
    for update_rows, n_threads, n_phases, frozen in product((ROW_TILE, 3 * ROW_TILE), threads, (0, 1), (0, 1)):
        weight, delta = rng.standard_normal((fan_in, fan_out)), rng.standard_normal((order.size, fan_out))
        inputs = {
            "indptr": Guarded(X.indptr, np.int64), "indices": Guarded(X.indices, np.int32),
            "values": Guarded(X.data, dtype), "hyperparameters": Guarded(numbers, np.float64),
        }  # fmt: skip
        rows, deltas = Guarded(order, np.int64), Guarded(delta, dtype, stride=fan_out + 3)
        outputs = {
            "state": Guarded(np.zeros(2 * weight.size), dtype), "next_squares": Guarded(np.zeros(tiles), np.float64),
            "d_tile": Guarded(np.ones(update_rows * fan_out), dtype),
            "feature_starts": Guarded(np.zeros(fan_in + 1), np.int64), "entry_rows": Guarded(X.indices, np.int32),
            "entry_values": Guarded(X.data, dtype),
        }  # fmt: skip
        if scattered:
            outputs["scattered"] = Guarded(np.ones((fan_in, stride)), dtype)
        weights, squares = Guarded(weight, dtype), Guarded(np.zeros(tiles), np.float64)
        team = np.zeros(24, np.int64)
        task, layer = np.zeros(1, TASK), np.zeros(1, LAYER)
        for name, guarded in (inputs | outputs).items():
            task[name] = guarded.address
        task["n_layers"], task["sparse"], task["n_params"], task["team"] = 1, 1, weight.size, team.ctypes.data
        task["n_threads"], task["n_phases"] = n_threads, n_phases
        task["update"] = task["rule"] = sgd_adam.adam.address(dtype)
        task["sort_by_feature"] = sparse.sort_by_feature.address(dtype)
        task["sparse_weight_gradient"] = sparse.sparse_weight_gradient.address(dtype)
        task["scatter"] = scatter.scatter_gradient.address(dtype)
        task["scattered_stride"], task["product_tile"] = stride, widest_entries(np.dtype(dtype))
        layer["fan_in"], layer["fan_out"], layer["update_rows"] = fan_in, fan_out, update_rows
        layer["weight"], layer["squares"], layer["frozen_weights"] = weights.address, squares.address, frozen
        layer["delta"], layer["stride"] = deltas.address, deltas.stride

        w, m, v = weights.array.reshape(weight.shape).astype(float), 0.0, 0.0
        d = reference.sparse_weight_gradient(X.astype(float), order, delta)
        for step in range(2):
            for thread in range(n_threads):
                task["thread"], task["steps_made"] = thread, step
                sparse_update.update_sparse_weights.entry(dtype)(
                    task.ctypes.data, layer.ctypes.data, 0, rows.address, order.size, weights.address
                )
            np.testing.assert_allclose(squares.array, tile_squares(w), **tolerance)
            if not frozen:
                w, m, v = adam(w, (d + numbers[L2] * w) * numbers[SCALE], m, v, numbers)
            np.testing.assert_allclose(weights.array, w, **tolerance)
        if not frozen:
            np.testing.assert_allclose(outputs["state"].array, np.ravel([m, v]), **tolerance)
        for guarded in (*outputs.values(), weights, squares):
            guarded.assert_only_inside_written()
        for guarded in (*inputs.values(), rows, deltas):
            guarded.assert_untouched()


def losses_of_epochs(model, X, y, epochs, batch_size, alpha, rate):
    """The loss curve of plain descent on 0.5 (x·W + b − y)², by NumPy, and the loss of each of its batches.

    `model` gives the first weights.
    """
    w, b, curve, dense = model.coefs_[0][:, 0].copy(), model.intercepts_[0][0], [], X.toarray()
    for _ in range(epochs):
        total = 0.0
        for start in range(0, len(y), batch_size):
            x, t = dense[start : start + batch_size], y[start : start + batch_size]
            error = x @ w + b - t
            total += (error**2).mean() / 2 * len(t) + alpha / 2 * (w**2).sum()
            w, b = w - rate * (x.T @ error + alpha * w) / len(t), b - rate * error.mean()
        curve.append(total / len(y))
    return np.array(curve)


def test_loss_has_the_weights_before_each_step():
    """Also after the weights were changed from outside, between two calls that continue one training."""
    X = sparse_rows()
    y = np.random.RandomState(3).standard_normal(X.shape[0])
    settings = {"batch_size": 10, "alpha": 3.0, "learning_rate_init": 0.05}
    model = MLPRegressor(hidden_layer_sizes=(), solver="sgd", momentum=0.0, shuffle=False, random_state=0, **settings)
    model.partial_fit(X, y)
    for change in (1.0, 20.0, 0.1):
        model.coefs_[0][...] *= change
        expected = losses_of_epochs(model, X, y, 1, 10, 3.0, 0.05)
        model.partial_fit(X, y)
        np.testing.assert_allclose(model.loss_curve_[-1], expected[-1], rtol=1e-12, err_msg=f"times {change}")
    model.set_params(warm_start=True, max_iter=5, tol=0, n_iter_no_change=9)
    expected = losses_of_epochs(model, X, y, 5, 10, 3.0, 0.05)
    with warnings.catch_warnings(action="ignore"):  # it has not converged
        model.fit(X, y)
    np.testing.assert_allclose(model.loss_curve_[-5:], expected, rtol=1e-12)


def test_bits_depend_neither_on_blocks_nor_on_threads(monkeypatch):
    """And the model is that of dense rows, up to rounding."""
    knobs.let_threads_pay(monkeypatch)
    knobs.set_max_threads(monkeypatch, 2)
    options = {
        "adam": {}, "without L2": {"alpha": 0.0}, "momentum": {"solver": "sgd"}, "global phases": {"clip_norm": 0.1},
        "early stopping": {"early_stopping": True}, "weights": {}, "clipped": {"clip_value": 1e-3},
        "clipped momentum": {"solver": "sgd", "clip_value": 1e-3}, "l1": {"l1": 1e-3, "max_norm": 1.0},
    }  # fmt: skip
    for dtype, name in [(np.float32, "adam"), *((np.float64, name) for name in options)]:
        X = sparse_rows(dtype, n_rows=90)
        y = np.arange(90) % 3
        weights = np.where(np.arange(90) < 40, 0.0, 1.0) if name == "weights" else None  # whole batches of zeros
        found = []
        for rows, n_jobs, update_bytes in ((X, 1, 1 << 15), (X, 1, 1), (X, 2, 1 << 9), (X.toarray(), 1, 1)):
            knobs.set_blocking(monkeypatch, SPARSE_UPDATE_BYTES=update_bytes)
            settings = {"batch_size": 20, "max_iter": 3, "shuffle": name != "weights", "alpha": 1e-2, **options[name]}
            model = MLPClassifier((9, 4), n_jobs=n_jobs, random_state=0, **settings)
            with warnings.catch_warnings(action="ignore"):  # it has not converged
                model.fit(rows, y, sample_weight=weights)
                if name != "early stopping":
                    model.partial_fit(rows, y, sample_weight=weights)
            found.append([*model.coefs_, *model.intercepts_, np.array(model.loss_curve_)])
        case = f"{name}, {np.dtype(dtype).name}"
        for others in found[1:3]:
            for one, other in zip(found[0], others, strict=True):
                np.testing.assert_array_equal(one, other, err_msg=case)
        of_dense = {"rtol": 1e-9, "atol": 1e-12} if dtype == np.float64 else {"rtol": 1e-3, "atol": 1e-5}
        for one, other in zip(found[0], found[3], strict=True):
            np.testing.assert_allclose(one, other, err_msg=case, **of_dense)
