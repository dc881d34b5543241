"""Whole steps of networks for tables: by references, in guarded memory, and for any number of threads."""

import numpy as np
import pytest
from helpers import knobs
from helpers.guarded import assert_lines_are_zero
from helpers.guarded_rows import assert_nothing_written_beside
from helpers.tables import CASES, LARGE, LARGE_EMBEDDED, TableProblem
from oracles.reference_tables import params_of

TYPES = {np.float32: 2e-5, np.float64: 1e-9}


@pytest.fixture(autouse=True)
def small_networks_share_their_work(monkeypatch):
    knobs.let_threads_pay(monkeypatch)


def check_steps(name, case, dtype, n_threads, drop_last=False):
    """Compare two epochs with the reference; nothing beside a buffer is written."""
    problem = TableProblem(case, dtype, n_threads, drop_last)
    before = {key: value.copy() for key, value in problem.start.items()}
    losses = problem.train()
    expected, params = problem.train_plainly()
    tolerance, found = TYPES[dtype], params_of(problem.model)
    np.testing.assert_allclose(losses, expected, rtol=tolerance, err_msg=name)
    assert found.keys() == params.keys()
    for key, value in found.items():
        np.testing.assert_allclose(value, params[key], rtol=tolerance, atol=tolerance, err_msg=f"{name}: {key}")
        assert not np.array_equal(value, before[key]), f"{name}: {key} is as it was"
    workspace = problem.runner.workspace
    assert_nothing_written_beside(problem.model, workspace)
    assert_lines_are_zero(problem.runner.team.barrier)
    for guarded in problem.guarded:
        guarded.assert_untouched()
    copies = {key: value.copy() for key, value in workspace.buffers.items()}
    workspace.refresh_weight_copies()  # changes nothing: each step has left them current
    for key in workspace.buffers:
        if key.startswith(("scaled", "transposed", "panels")) and "gradients" not in key:
            np.testing.assert_allclose(workspace.buffers[key], copies[key], rtol=4 * np.finfo(dtype).eps, err_msg=name)
    return problem


@pytest.mark.parametrize("dtype", TYPES)
def test_steps_equal_the_reference(dtype):
    for number, (name, case) in enumerate(CASES.items()):
        check_steps(name, case, dtype, n_threads=1 + number % 2 * 2, drop_last=number % 3 == 0)


@pytest.mark.parametrize("dtype", TYPES)
def test_large_first_layer_is_kept_in_panels(dtype):
    """Not behind embeddings, whose gradient reads the transposed weights by rows."""
    problem = check_steps("large", LARGE, dtype, n_threads=2)
    assert problem.runner.workspace.layers["panels"][0]
    problem = check_steps("large, embedded", LARGE_EMBEDDED, dtype, n_threads=2)
    assert not problem.runner.workspace.layers["panels"][0]


@pytest.mark.parametrize("dtype", TYPES)
def test_same_bits_for_any_number_of_threads(dtype):
    for name in ("everything", "split by columns", "a rectifier, dropout"):
        network, _, _, weighted, drops = CASES[name]
        found = {}
        for n_threads in (1, 2, 3, 5):
            problem = TableProblem((network, 90, 48, weighted, drops), dtype, n_threads)
            assert problem.runner.team.size == n_threads
            found[n_threads] = problem.train(), problem.model.params.tobytes(), problem.runner.state.tobytes()
        assert all(each == found[1] for each in found.values()), name


def test_steps_allocate_nothing(monkeypatch):
    """All buffers exist before the first step, and each has the address that it had."""
    problem = TableProblem(CASES["everything"], np.float64, 3)
    buffers = {key: buffer.ctypes.data for key, buffer in problem.runner.workspace.buffers.items()}
    allocated = knobs.record_buffers(monkeypatch)
    problem.train()
    assert not allocated
    assert buffers == {key: buffer.ctypes.data for key, buffer in problem.runner.workspace.buffers.items()}
