"""Training in the playground: epochs, single steps, and changes in between."""

import numpy as np
import pytest
from helpers.merged import in_one_test

from fastmlp import SGD, MLPClassifier, Network
from fastmlp.playground.as_code import as_code
from fastmlp.playground.choices import SOLVERS, Choices
from fastmlp.playground.data_sets import make_data
from fastmlp.playground.trainer import Trainer, WeightsNotFiniteError
from fastmlp.training.dropout_keys import DropoutKeys

DATA = make_data("xor", rows=60, noise=0.0, test_share=0.5, seed=0)


def make_trainer(**values):
    return Trainer(DATA, Choices(hidden=(3,), **values))


def test_epochs_are_those_of_network_train():
    trainer = make_trainer(batch_size=7)
    net = Network([2, 3, 1], ["tanh", "logistic"], "log_loss")
    net.initialize(random_state=0)
    rng = np.random.RandomState(0)
    DropoutKeys.draw(rng)
    net.train(DATA.X_train, DATA.y_train, SGD(0.03), epochs=3, batch_size=7, shuffle=True, random_state=rng)
    for _ in range(3):
        trainer.epoch()
    assert (trainer.network.params == net.params).all()
    assert (trainer.epochs, trainer.steps) == (3, 15)


@in_one_test()
@pytest.mark.parametrize("solver", SOLVERS)
def test_steps_are_those_of_an_epoch(solver):
    """Also where the rest of an epoch follows single steps; with moments, penalties and dropout."""
    by_epoch, by_step, mixed = (make_trainer(solver=solver, l1=0.1, l2=0.1, dropout=0.3) for _ in range(3))
    for _ in range(2):
        by_epoch.epoch()
    for _ in range(6):
        by_step.step()
    mixed.step()
    assert mixed.progress == pytest.approx(1 / 3)
    mixed.epoch()
    mixed.epoch()
    for trainer in (by_step, mixed):
        assert (trainer.network.params == by_epoch.network.params).all()
        assert (trainer.epochs, trainer.steps, trainer.progress) == (2, 6, 2)


def test_restart_repeats_the_training():
    trainer = make_trainer(dropout=0.5, solver="adam")
    first = trainer.network.params.copy()
    trainer.epoch()
    once = trainer.network.params.copy()
    trainer.restart()
    assert (trainer.network.params == first).all() and trainer.steps == 0
    trainer.epoch()
    assert (trainer.network.params == once).all()


def test_an_edit_counts_in_the_next_epoch():
    """The kernels read copies of the weights, which must be made again."""
    edited, fresh = (Trainer(DATA, Choices(hidden=(3, 4))) for _ in range(2))
    for trainer in (edited, fresh):
        trainer.epoch()
        trainer.network.coefs[1][2, 0] = 3.0
        trainer.network.intercepts[0][1] = -1.0
    fresh.choose(fresh.choices)  # which allocates everything again
    for trainer in (edited, fresh):
        trainer.epoch()
    assert (edited.network.params == fresh.network.params).all()


def test_another_rate_keeps_the_moments():
    trainer, same = make_trainer(solver="adam"), make_trainer(solver="adam")
    for each in (trainer, same):
        each.epoch()
    moments = trainer.optimizer.state.copy()
    trainer.choose(trainer.choices.changed({"learning_rate": 0.3}))
    assert (trainer.optimizer.state == moments).all() and trainer.optimizer.t == 3
    before = trainer.network.params.copy()
    for each in (trainer, same):
        each.step()
    ratio = np.abs(trainer.network.params - before) / np.abs(same.network.params - before)
    np.testing.assert_allclose(ratio, 10, rtol=1e-6)


def test_another_solver_starts_without_moments():
    trainer = make_trainer(solver="adam")
    trainer.epoch()
    trainer.choose(trainer.choices.changed({"solver": "momentum"}))
    assert trainer.optimizer.t == 0
    trainer.epoch()
    assert trainer.epochs == 2


def test_weights_that_become_infinite_are_put_back():
    trainer = make_trainer(learning_rate=10.0, l2=100.0, batch_size=1)
    with pytest.raises(WeightsNotFiniteError):
        for _ in range(10_000):
            before = trainer.network.params.copy()
            trainer.epoch()
    assert (trainer.network.params == before).all() and np.isfinite(before).all()


def test_no_hidden_layer_with_dropout():
    trainer = Trainer(DATA, Choices(hidden=(), dropout=0.5))
    trainer.epoch()
    assert trainer.steps == 3


@in_one_test()
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_code_makes_the_same_model(solver):
    choices = Choices(hidden=(3,), solver=solver, l1=0.01, dropout=0.1, learning_rate=0.003, batch_size=5)
    names = {"X_train": DATA.X_train, "y_train": DATA.y_train}
    code = as_code(choices, False).replace("random_state=0", "random_state=0, max_iter=2, tol=0, n_iter_no_change=9")
    exec(code.replace("model.fit", "model.partial_fit").replace("y_train)", "y_train, classes=[0, 1])"), names)
    model = names["model"]
    assert isinstance(model, MLPClassifier) and model.l1 == 0.01 and model.dropout == 0.1
    trainer = Trainer(DATA, choices)
    assert repr(trainer.optimizer.optimizer) == repr(model.solver)
    assert [coef.shape for coef in model.coefs_] == [coef.shape for coef in trainer.network.coefs]
