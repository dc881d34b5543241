"""Predictions of networks for tables: by the reference, in guarded memory; a row's bits depend on no other row."""

import pickle

import numpy as np
import pytest
from helpers.guarded import Guarded
from helpers.guarded_rows import assert_nothing_written_beside
from helpers.tables import CASES, FULL, LARGE, draw_rows, make_model
from oracles import reference_losses, reference_tables
from oracles.reference_tables import params_of

from fastmlp.engine.dataset import Dataset
from fastmlp.tabular.ensemble import average_outputs
from fastmlp.tabular.workspace import PREDICTED_ROWS, TablePrediction

TYPES = {np.float32: 3e-5, np.float64: 1e-10}


def draw(network, dtype, n_rows, weighted=False, seed=1):
    rng = np.random.RandomState(seed)
    return make_model(network, dtype, rng), *draw_rows(network, n_rows, dtype, rng, weighted)


@pytest.mark.parametrize("dtype", TYPES)
def test_outputs_and_losses_equal_the_reference(dtype):
    """Of rows in an order, some of them twice; with one block that is incomplete, and with weights."""
    for number, (name, (network, *_)) in enumerate({**CASES, "large": LARGE}.items()):
        model, X, y, weights = draw(network, dtype, 70 if number else PREDICTED_ROWS + 30, weighted=number % 2 == 0)
        guarded = [Guarded(X, dtype, stride=X.shape[1] + 3), Guarded(y, dtype)]
        order = np.random.RandomState(2).randint(len(X), size=len(X) - 3)
        params, tolerance = params_of(model), {"rtol": TYPES[dtype], "atol": TYPES[dtype], "err_msg": name}
        z = reference_tables.forward(network, params, X[order].astype(np.float64))[-1]
        a, losses, _ = reference_losses.through(network.loss, network.output, z, y[order].astype(np.float64))
        losses = losses if weights is None else losses * weights[order, None].astype(np.float64)
        prediction = TablePrediction(model, Dataset(guarded[0].array, guarded[1].array, weights), order)
        np.testing.assert_allclose(prediction.predict(), a, **tolerance)
        prediction.outputs[...] = -1
        prediction.prepare_losses()
        np.testing.assert_allclose(prediction.losses(), losses, **tolerance)
        np.testing.assert_allclose(prediction.outputs, a, **tolerance)
        model.params *= model.dtype.type(0.5)
        prediction.refresh_scaled()
        halved = reference_tables.forward(network, params_of(model), X[order].astype(np.float64))[-1]
        prediction.losses()
        a = reference_losses.through(network.loss, network.output, halved, y[order].astype(np.float64))[0]
        np.testing.assert_allclose(prediction.outputs, a, **tolerance)
        assert_nothing_written_beside(model, prediction)
        for each in guarded:
            each.assert_untouched()


@pytest.mark.parametrize("dtype", TYPES)
def test_bits_of_a_row_do_not_depend_on_its_company(dtype):
    """Alone, in another order, in another block, in Fortran order, with more threads and beside other members."""
    n = PREDICTED_ROWS + 21
    for name in ("everything", "a rectifier, dropout", "no hidden layer"):
        network = CASES[name][0]
        model, X, _, _ = draw(network, dtype, n)
        whole = TablePrediction(model, Dataset(X)).predict().copy()
        assert np.isfinite(whole).all() and len(np.unique(whole)) > n / 2
        order = np.random.RandomState(0).permutation(n)
        assert np.array_equal(TablePrediction(model, Dataset(X), order).predict(), whole[order]), name
        assert np.array_equal(TablePrediction(model, Dataset(np.asfortranarray(X))).predict(), whole), name
        for first in (0, 1, 7, n - 1):
            for count in (1, 2, 9):
                few = X[first : first + count]
                assert np.array_equal(TablePrediction(model, Dataset(few)).predict(), whole[first : first + count]), (
                    name
                )
        part = TablePrediction(model, Dataset(X))
        part.predict(5, 17)
        assert np.array_equal(part.outputs[5:17], whole[5:17]) and not part.outputs[17:].any()


@pytest.mark.parametrize("dtype", TYPES)
def test_average_of_members(dtype):
    models = [draw(FULL, dtype, 1, seed=seed)[0] for seed in range(5)]
    _, X, _, _ = draw(FULL, dtype, PREDICTED_ROWS + 9)
    dataset = Dataset(X)
    each = [TablePrediction(model, dataset).predict().astype(np.float64) for model in models]
    for n_members in (1, 2, 5):
        found = [average_outputs(models[:n_members], [dataset] * n_members, threads) for threads in (1, 2, 3, 5)]
        assert found[0].dtype == np.float64
        np.testing.assert_allclose(found[0], np.mean(each[:n_members], axis=0), rtol=1e-15)
        assert all(np.array_equal(found[0], other) for other in found)
    few = average_outputs(models, [Dataset(X[3:8])] * len(models), 2)
    assert np.array_equal(few, average_outputs(models, [dataset] * len(models), 1)[3:8])
    assert average_outputs(models, [Dataset(X[:0])] * len(models), 1).shape == (0, FULL.n_outputs)


def test_models_are_pickled_with_their_parameters_once():
    for name in ("everything", "numbers alone, selu"):
        model, X, _, _ = draw(CASES[name][0], np.float32, 20)
        state = pickle.dumps(model)
        assert len(state) < model.params.nbytes + 4000
        other = pickle.loads(state)
        assert other.params.tobytes() == model.params.tobytes()
        assert all(np.shares_memory(coef, other.params) for coef in (*other.coefs, *other.intercepts))
        expected = TablePrediction(model, Dataset(X)).predict()
        assert np.array_equal(TablePrediction(other, Dataset(X)).predict(), expected)
        other.params[...] = 0  # a copy, not a view
        assert np.array_equal(TablePrediction(model, Dataset(X)).predict(), expected)
