"""`NetworkEnsemble`: members that train side by side."""

import copy
import pickle

import numpy as np
import pytest

from fastmlp import Adam, Network, NetworkEnsemble, Regularization
from fastmlp.activations import Activation
from fastmlp.engine.threads import Team

SHAPE = [3, 9, 2], ["relu", "identity"], "half_squared_error"
OPTIONS = {"epochs": 4, "batch_size": 16, "shuffle": True, "random_state": 0}


def rows(n=120):
    rng = np.random.RandomState(0)
    X = rng.randn(n, 3)
    return X, np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1)


def trained(n_members, dtype="float64", **options):
    nets = NetworkEnsemble(*SHAPE, dtype, n_members=n_members)
    nets.initialize(random_state=0)
    losses = nets.train(*rows(), Adam(0.01), **OPTIONS | options)
    return nets, losses


def test_bits_of_a_member_depend_neither_on_the_others_nor_on_threads():
    X, _ = rows()
    regularization = Regularization(dropout=0.2)
    one, two, five = (trained(k, n_jobs=jobs, regularization=regularization)[0] for k, jobs in ((1, 1), (2, 2), (5, 2)))
    for nets in (one, two):
        for member, other in zip(nets.members, five.members, strict=False):
            np.testing.assert_array_equal(member.params, other.params)
    assert len({member.params.tobytes() for member in five.members}) == 5
    outputs = five.outputs_of_members(X)
    np.testing.assert_array_equal(outputs[3], five.members[3].forward(X))
    np.testing.assert_allclose(five.forward(X), outputs.mean(axis=0), rtol=1e-12)


def test_a_member_is_the_network_that_train_makes():
    X, y = rows()
    nets, losses = trained(2)
    seeds = nets._seeds(0)
    net = Network(*SHAPE)
    net.initialize(random_state=seeds[1])
    alone = net.train(X, y, Adam(0.01), **OPTIONS | {"random_state": seeds[1]})
    assert losses[1] == alone
    np.testing.assert_array_equal(nets.members[1].params, net.params)


def test_the_mean_is_better_than_the_members():
    X, y = rows(400)
    nets = NetworkEnsemble([3, 30, 2], *SHAPE[1:], n_members=6)
    nets.initialize(random_state=1)
    nets.train(X[:200], y[:200], "adam", epochs=60, batch_size=16, shuffle=True, random_state=1)
    each = [np.mean((outputs - y[200:]) ** 2) for outputs in nets.outputs_of_members(X[200:])]
    assert np.mean((nets.forward(X[200:]) - y[200:]) ** 2) < np.mean(each)


def test_early_stopping_keeps_the_best_epoch_of_each_member():
    X, y = rows()
    nets, losses = trained(
        3, "float32", epochs=50, X_val=X[:30], y_val=y[:30], early_stopping=True, n_iter_no_change=3, tol=0.01
    )
    for member, curve in zip(nets.members, losses, strict=True):
        assert 0 < member.best_epoch_ <= len(curve) < 50
        best = member.validation_loss_curve_[member.best_epoch_ - 1]
        assert member.loss(X[:30], y[:30]) == pytest.approx(best, rel=1e-5)
    assert nets.forward(X).dtype == np.float32


def test_refusals_change_nothing():
    X, y = rows()
    nets = NetworkEnsemble(*SHAPE, n_members=2)
    nets.initialize(random_state=0)
    before = [member.params.copy() for member in nets.members]
    for options, message in (
        ({"verbose": True}, "no verbose"),
        ({"callbacks": [], "verbose": 1}, "no callbacks and no verbose"),
        ({"epochs": 0}, "epochs"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"l2": -1.0}, "l2"),
        ({"unknown": 1}, "unknown"),
        ({"random_state": -1}, "random_state"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            nets.train(X, y, **{"optimizer": "adam", **options})
    with pytest.raises(TypeError, match=r"pass Adam\("):
        nets.train(X, y, Adam().begin())
    with pytest.raises(ValueError, match="finite"):
        nets.train(np.where(X > 0, X, np.nan), y, "adam")
    for member, params in zip(nets.members, before, strict=True):
        np.testing.assert_array_equal(member.params, params)
    for n_members in (0, 1.5, "3"):
        with pytest.raises((TypeError, ValueError), match="n_members"):
            NetworkEnsemble(*SHAPE, n_members=n_members)


def test_an_interrupt_ends_all_members(monkeypatch):
    """As if Ctrl-C came while the caller waits."""
    X, y = rows()
    nets = NetworkEnsemble(*SHAPE, n_members=3)
    nets.initialize(random_state=0)

    def interrupted(worker, is_over=None):
        while not hasattr(nets.members[0], "n_iter_"):
            pass
        raise KeyboardInterrupt

    monkeypatch.setattr("fastmlp.engine.threads.Worker.wait", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        losses = nets.train(X, y, "adam", epochs=10**6, batch_size=16, n_jobs=1)
    assert len(losses[0]) < 10**6
    assert losses[2] == []


def test_an_interrupt_returns_no_losses_of_an_earlier_training(monkeypatch):
    nets, _ = trained(2)

    class InterruptedTeam(Team):
        def run(self, work):
            nets.members[1].train(*rows(), "adam", **OPTIONS | {"epochs": 2})
            raise KeyboardInterrupt

    monkeypatch.setattr("fastmlp.network.ensemble.Team", InterruptedTeam)
    with pytest.warns(UserWarning, match="interrupted"):
        losses = nets.train(*rows(), "adam", **OPTIONS)
    assert [len(curve) for curve in losses] == [0, 2]


def test_an_error_names_the_member_that_it_happened_to():
    for broken in (0, 2):
        nets, _ = trained(3)
        nets.members[broken].params *= 1e300
        with pytest.raises(ValueError, match="infinite or NaN") as raised:
            nets.train(*rows(), "sgd", n_jobs=1, **OPTIONS)
        assert raised.value.__notes__ == [f"This happened to members[{broken}]."]
    with pytest.raises(ValueError, match="y must have shape") as raised:
        nets.train(rows()[0], rows()[0], "adam")
    assert not hasattr(raised.value, "__notes__")


def test_copies_and_representation():
    nets, _ = trained(2)
    X = rows()[0]
    for same in (copy.deepcopy(nets), pickle.loads(pickle.dumps(nets))):
        np.testing.assert_array_equal(same.forward(X), nets.forward(X))
    assert repr(nets).endswith("dtype='float64', n_members=2)")
    reduced = NetworkEnsemble(*SHAPE, "float32", "bfloat16", n_members=2)
    assert repr(reduced).endswith("dtype='float32', matmul_precision='bfloat16', n_members=2)")
    cubic = Activation(lambda z: z**3, lambda z: 3 * z**2)
    assert NetworkEnsemble([3, 4, 2], [cubic, "identity"], SHAPE[2], n_members=2).forward(X).shape == (120, 2)
