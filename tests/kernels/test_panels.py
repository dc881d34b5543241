"""Panels: their layout, their update in each step, and that they do not change the results."""

import warnings

import numpy as np
import pytest
from helpers import knobs
from helpers.guarded import Guarded, call
from helpers.merged import in_one_test
from helpers.problems import assert_weight_copies_are_current, lanes, make_problem
from oracles import reference
from sklearn.exceptions import ConvergenceWarning

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.engine.blocking import PANEL_ROWS
from fastmlp.engine.dataset import Dataset
from fastmlp.engine.training_workspace import TrainingWorkspace
from fastmlp.kernels.linalg.packing import copy_panels
from fastmlp.optimizers import Adam
from fastmlp.regularization import Regularization
from fastmlp.training.epoch import EpochRunner

TYPES = [np.float32, np.float64]


@pytest.fixture
def large(monkeypatch):
    """Make every layer large whose output is not narrow."""
    knobs.set_panel_bytes(monkeypatch, 1 << 10)
    knobs.let_threads_pay(monkeypatch)


@in_one_test()
@pytest.mark.parametrize("rows", [(0, 5, 5), (3, 4, 9), (8, 1, 9)], ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_layout_for_every_width(dtype, rows):
    """Rows first … first + count of panels of a given depth are written, and nothing else."""
    first, count, depth = rows
    draw = np.random.RandomState(0).standard_normal
    for columns in range(1, 13 * lanes(dtype) + 3):
        b = draw((count, columns)).astype(dtype)
        whole = np.full((depth, columns), 0.5, dtype)
        panels = Guarded(reference.to_panels(whole, lanes(dtype), depth, padding=0.25), dtype)
        inp = Guarded(b, dtype, stride=columns + 3)
        call(
            copy_panels, dtype, panels=panels, depth=depth, b=inp, b_stride=inp.stride, first=first, count=count,
            columns=columns,
        )  # fmt: skip
        whole[first : first + count] = b
        assert np.array_equal(panels.array, reference.to_panels(whole, lanes(dtype), depth, padding=0.25)), columns
        panels.assert_only_inside_written()
        inp.assert_untouched()


def make_epoch(dtype, threads, regularization, hidden=(70, 131), features=37):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((57, features)).astype(dtype), rng.standard_normal((57, 1)).astype(dtype)
    model = MLPRegressor(hidden_layer_sizes=hidden, random_state=rng)
    network = model._prepare(X, y.ravel(), None, incremental=False, classes=None).network
    return EpochRunner(network, Dataset(X, y, None, X.dtype), Adam(0.01), np.arange(57), 20, threads, regularization)


@in_one_test(shared=("large",))
@pytest.mark.parametrize("regularization", [Regularization(), Regularization(clip_norm=0.1, max_norm=0.5)], ids=str)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", TYPES)
def test_steps_update_panels(dtype, threads, regularization, large):
    """After an epoch with a smaller last batch, panels and transposed panels hold the new weights."""
    epoch = make_epoch(dtype, threads, regularization)
    workspace, network = epoch.workspace, epoch.network
    before = network.params.copy()
    epoch.run(1e-3)
    assert not np.array_equal(before, network.params)
    assert epoch.team.size == threads
    assert list(workspace.layers["panels"] != 0) == [True, True, False]
    assert_weight_copies_are_current(workspace)


@in_one_test()
@pytest.mark.parametrize("options", [
    {}, {"batch_size": 40}, {"n_jobs": 2}, {"solver": "lbfgs"}, {"activation": "tanh"}, {"dropout": 0.3},
    {"clip_norm": 0.1}, {"l1": 1e-3}, {"early_stopping": True},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("hidden", [(70, 133), (9, 5, 70, 33)], ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_panels_do_not_change_results(dtype, hidden, options, monkeypatch):
    """Fits with and without panels have the same bits."""
    rng = np.random.RandomState(1)
    X, y = rng.standard_normal((130, 45)).astype(dtype), rng.randint(3, size=130)
    found = []
    for bytes_of_a_large_layer in (1 << 30, 1 << 10):
        knobs.set_panel_bytes(monkeypatch, bytes_of_a_large_layer)
        model = MLPClassifier(hidden, random_state=0, max_iter=3, n_iter_no_change=9, tol=0, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y)
        found.append((model.loss_, b"".join(array.tobytes() for array in (*model.coefs_, *model.intercepts_))))
    assert found[0] == found[1]


def test_only_large_layers_have_panels(large):
    """And only they update PANEL_ROWS rows together, in any position."""
    workspace = make_epoch(np.float64, 1, Regularization(), hidden=(5, 9, 70, 33)).workspace
    assert list(workspace.layers["panels"] != 0) == [False, False, True, True, False]
    assert list(workspace.layers["update_rows"] == PANEL_ROWS) == [False, False, True, True, False]


@pytest.mark.parametrize("batch", [63, 64])
@pytest.mark.parametrize("columns", [31, 32])
def test_middle_sized_layers_have_panels_for_many_rows_and_columns(columns, batch, monkeypatch):
    """Of fewer rows, or columns, reading the weights as they lie takes less time than copying them."""
    knobs.set_blocking(monkeypatch, PANEL_BYTES=1 << 10)
    problem = make_problem("softmax log loss", features=40, hidden=(columns,), activation="relu", rows=70)
    workspace = TrainingWorkspace(problem.network, Dataset(problem.X, problem.y), batch)
    assert workspace.in_panels.tolist() == [columns == 32 and batch == 64, False]
