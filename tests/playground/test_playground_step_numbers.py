"""The numbers of one step, beside a lecture's example and the step itself."""

import numpy as np
import pytest
from helpers.merged import in_one_test

from fastmlp.playground.choices import Choices
from fastmlp.playground.data_sets import PlaneData, make_data
from fastmlp.playground.step_numbers import step_numbers
from fastmlp.playground.trainer import Trainer

LECTURE = PlaneData(np.array([[0.5, 0.1]]), np.array([1.0]), np.zeros((1, 2)), np.zeros(1), False)


def test_the_numbers_of_a_lecture():
    """2-2-1, logistic units, binary cross-entropy (tests/test_worked_examples.py has the same network)."""
    trainer = Trainer(LECTURE, Choices(hidden=(2,), activation="logistic", learning_rate=0.01))
    trainer.network.set_weights([[[0.2, 0.3], [0.4, 0.7]], [[0.6], [0.9]]], [[0.1, 0.2], [0.3]])
    numbers = step_numbers(trainer, np.array([0]))
    hidden, output = numbers["layers"]
    np.testing.assert_allclose(hidden["pre_activations"], [0.24, 0.42], rtol=1e-9)
    np.testing.assert_allclose(numbers["output"], 0.7647613177655476, rtol=1e-9)
    np.testing.assert_allclose(numbers["loss"], 0.26819149675949183, rtol=1e-9)
    coef_grads = [[-0.0173912625918146, -0.0253307477505397], [-0.0034782525183629, -0.0050661495501079]]
    np.testing.assert_allclose(hidden["coef_grads"], coef_grads, rtol=1e-9)
    np.testing.assert_allclose(hidden["deltas"], [-0.0347825251836292, -0.0506614955010794], rtol=1e-9)
    np.testing.assert_allclose(output["coef_grads"], [[-0.131666301282251], [-0.141962604448743]], rtol=1e-9)
    np.testing.assert_allclose(output["deltas"], [-0.23523868223445240], rtol=1e-9)
    new = np.array(hidden["coefs"]) - 0.01 * np.array(coef_grads)
    np.testing.assert_allclose(hidden["new_coefs"], new, rtol=1e-12)
    assert numbers["new_loss"] < numbers["loss"]


@in_one_test()
@pytest.mark.parametrize("solver", ["sgd", "adam", "nesterov"])
@pytest.mark.parametrize("data", ["xor", "hills"])
def test_the_update_is_that_of_the_step(solver, data):
    """With moments, penalties and dropout; showing it changes nothing."""
    data = make_data(data, rows=60, noise=0.1, test_share=0.5, seed=0)
    trainer = Trainer(data, Choices(hidden=(3, 2), solver=solver, l1=0.1, l2=0.1, dropout=0.3))
    trainer.epoch()
    before, moments = trainer.network.params.copy(), trainer.optimizer.state.copy()
    rows = trainer.next_batch().rows
    numbers = step_numbers(trainer, rows)
    assert (trainer.network.params == before).all() and (trainer.optimizer.state == moments).all()
    assert numbers["rows"] == rows.tolist()
    trainer.step()
    for layer, coef, intercept in zip(
        numbers["layers"], trainer.network.coefs, trainer.network.intercepts, strict=True
    ):
        assert (coef == layer["new_coefs"]).all() and (intercept == layer["new_intercepts"]).all()
    assert numbers["new_loss"] == trainer.network.loss(trainer.X[rows], trainer.y[rows])


def test_deltas_and_gradients_fit_together():
    """δ = f′(z) Σ w δ of the layer above, and the gradient is what comes in, times δ."""
    data = make_data("hills", rows=60, noise=0.1, test_share=0.5, seed=0)
    trainer = Trainer(data, Choices(hidden=(4, 3), activation="gelu"))
    numbers = step_numbers(trainer, np.array([7]))
    incoming = [numbers["inputs"], *(layer["activations"] for layer in numbers["layers"])]
    for number, layer in enumerate(numbers["layers"]):
        np.testing.assert_allclose(layer["coef_grads"], np.outer(incoming[number], layer["deltas"]), rtol=1e-9)
        if number + 1 < len(numbers["layers"]):
            above = numbers["layers"][number + 1]
            expected = np.array(above["coefs"]) @ above["deltas"] * layer["derivatives"]
            np.testing.assert_allclose(layer["deltas"], expected, rtol=1e-9)
    assert numbers["layers"][-1]["deltas"] == pytest.approx([numbers["output"] - numbers["target"]])
