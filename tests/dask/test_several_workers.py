"""Two workers: what a round computes, and that a worker that dies costs no more than time."""

import os
import signal
import warnings

import numpy as np
import pytest
from helpers.dask_clusters import client_of, start
from sklearn.exceptions import ConvergenceWarning

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.dask import DaskMLPClassifier, DaskMLPRegressor
from fastmlp.dask.rounds import Rounds
from fastmlp.dask.state import Update, mean_of

distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")

#: Gradient descent without regularization: the mean of steps on two sets of rows is the step on both together.
PLAIN = {
    "solver": "sgd", "learning_rate_init": 0.1, "hidden_layer_sizes": (7,), "alpha": 0.0, "shuffle": False,
    "random_state": 3, "n_jobs": 1, "max_iter": 5,
}  # fmt: skip


def fit_quietly(model, *rows):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(*rows)


def assert_close(expected, model, of=""):
    for name in ("coefs_", "intercepts_", "loss_curve_"):
        for one, other in zip(getattr(expected, name), getattr(model, name), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12, err_msg=f"{of} {name}")


def test_the_mean_of_one_step_each_is_the_step_on_all_rows(pair, rows):
    """Of workers with different numbers of rows, or sums of weights; momentum and average included."""
    X, y = rows[0].astype(np.float64), rows[1]
    weights = np.linspace(0.5, 3, 60)
    cases = {
        "rows": ((X, y), {}),
        "weights": ((X, y, weights), {}),
        "moving average": ((X, y), {"ema": 0.5}),
    }
    for of, (given, parameters) in cases.items():
        chunks = [da.from_array(each, chunks=((40, 20), -1)[: each.ndim]) for each in given]
        expected = fit_quietly(MLPClassifier(**PLAIN | parameters, batch_size=60), *given)
        for sync in ("epoch", 1):
            options = {"batch_size": 40, "client": pair, "sync": sync}
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Got `batch_size`")  # the smaller worker has 20 rows
                model = fit_quietly(DaskMLPClassifier(**PLAIN | parameters, **options), *chunks)
            for name in ("coefs_", "intercepts_"):
                for one, other in zip(getattr(expected, name), getattr(model, name), strict=True):
                    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12, err_msg=f"{of}, {sync}")
            assert model.t_ == expected.t_ == 300


def test_a_mean_after_each_step_is_a_larger_batch(pair, rows):
    """Each batch of the plain fit has the rows of a batch of each worker."""
    X, y = rows[0].astype(np.float64), rows[0][:, 1:3].astype(np.float64)
    together = np.arange(60).reshape(2, 6, 5).swapaxes(0, 1).ravel()
    expected = fit_quietly(MLPRegressor(**PLAIN, batch_size=10), X[together], y[together])
    chunks = da.from_array(X, chunks=(30, -1)), da.from_array(y, chunks=(30, -1))
    model = fit_quietly(DaskMLPRegressor(**PLAIN, batch_size=5, sync=1, client=pair), *chunks)
    assert_close(expected, model)
    seldom = fit_quietly(DaskMLPRegressor(**PLAIN, batch_size=5, sync=4, client=pair), *chunks)
    assert np.abs(seldom.coefs_[0] - model.coefs_[0]).max() > 1e-6
    assert seldom.loss_ < 0.5 * seldom.loss_curve_[0]


def test_outer_momentum(alone, rows):
    """Without state of the optimizer, a round is a fit of one epoch from the parameters before it."""
    X, y = rows[0].astype(np.float64), rows[0][:, 1].astype(np.float64)
    stateless = {**PLAIN, "momentum": 0.0, "batch_size": 15}
    initial = fit_quietly(MLPRegressor(**{**stateless, "max_iter": 1, "learning_rate_init": 1e-300}), X, y)
    expected = fit_quietly(MLPRegressor(**{**stateless, "max_iter": 1}, warm_start=True), X, y)
    before = [array.copy() for array in (*initial.coefs_, *initial.intercepts_)]
    velocity = [np.zeros_like(array) for array in before]
    for _ in range(5):
        expected.coefs_, expected.intercepts_ = (
            [each.copy() for each in before[:2]],
            [each.copy() for each in before[2:]],
        )
        fit_quietly(expected, X, y)
        for number, after in enumerate((*expected.coefs_, *expected.intercepts_)):
            delta = before[number] - after
            velocity[number] = 0.9 * velocity[number] + delta
            before[number] = before[number] - 0.7 * (delta + 0.9 * velocity[number])
    options = {"outer_learning_rate": 0.7, "outer_momentum": 0.9, "client": alone}
    chunks = da.from_array(X, chunks=(30, -1)), da.from_array(y, chunks=30)
    model = fit_quietly(DaskMLPRegressor(**stateless, **options), *chunks)
    for one, other in zip((*model.coefs_, *model.intercepts_), before, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_the_mean_of_means():
    random = np.random.RandomState(0)
    updates = [
        Update(float(number + 1), random.randn(4), random.randn(8), random.randn(4), random.rand(), 2.0, 10)
        for number in range(5)
    ]
    whole, parts = mean_of(updates), mean_of([mean_of(updates[:3]), mean_of(updates[3:])])
    for name in ("params", "moments", "average", "mean_shrinkage"):
        weighted = np.average([getattr(each, name) for each in updates], axis=0, weights=[1, 2, 3, 4, 5])
        np.testing.assert_allclose(getattr(whole, name), weighted, rtol=1e-14)
        np.testing.assert_allclose(getattr(parts, name), weighted, rtol=1e-14)
    assert (whole.weight, whole.loss_sum, whole.rows) == (parts.weight, parts.loss_sum, parts.rows) == (15.0, 10.0, 50)


def test_each_worker_draws_its_own_order_and_masks(pair):
    """Two workers with the same rows: with the same order and masks their mean would be the model of one."""
    random = np.random.RandomState(0)
    X, y = np.tile(random.randn(30, 3), (2, 1)), np.tile(random.randn(30), 2)
    for parameters in ({"shuffle": True}, {"dropout": 0.5}):
        parameters = {**PLAIN, "batch_size": 10, "max_iter": 1, **parameters}
        one = fit_quietly(MLPRegressor(**parameters), X[:30], y[:30])
        chunks = da.from_array(X, chunks=(30, -1)), da.from_array(y, chunks=30)
        two = fit_quietly(DaskMLPRegressor(**parameters, client=pair), *chunks)
        assert np.abs(one.coefs_[0] - two.coefs_[0]).max() > 1e-6, parameters
        again = fit_quietly(DaskMLPRegressor(**parameters, client=pair), *chunks)
        assert (again.coefs_[0] == two.coefs_[0]).all()  # one partition for each worker


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # of the cluster, of the worker that is missing
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed by a signal")
def test_a_worker_that_dies_costs_time_only(rows, monkeypatch):
    """Killed in the middle of a round: its rows and steps are computed again, and the bits are those without."""
    chunks = da.from_array(rows[0], chunks=(30, -1)), da.from_array(rows[1], chunks=30)  # one for each worker
    with start(2) as cluster, client_of(cluster) as client:
        parameters = {"max_iter": 5, "random_state": 0, "batch_size": 5, "dropout": 0.2}
        expected = fit_quietly(DaskMLPClassifier(**parameters, client=client), *chunks)
        make, submit, training, killed = Rounds._train, distributed.Client.submit, [], []

        def train(self, state, segments):
            training[:] = [self]
            return make(self, state, segments)

        def kill_before_the_mean(self, function, *arguments, **options):
            if function is mean_of and training[0].epoch == 2 and not killed:
                killed.append(training[0].addresses[0])
                os.kill(client.run(os.getpid, workers=killed)[killed[0]], signal.SIGKILL)
            return submit(self, function, *arguments, **options)

        monkeypatch.setattr(Rounds, "_train", train)
        monkeypatch.setattr(distributed.Client, "submit", kill_before_the_mean)
        model = fit_quietly(DaskMLPClassifier(**parameters, client=client), *chunks)
        assert killed and killed[0] not in client.nthreads()
    assert model.n_iter_ == 5 and model.loss_curve_ == expected.loss_curve_
    assert all((one == other).all() for one, other in zip(model.coefs_, expected.coefs_, strict=True))
