"""Sparse input whose arrays do not fit together is refused by every method, and all valid matrices are accepted."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from helpers import damaged_sparse
from helpers.damaged_sparse import N_FEATURES, N_ROWS, sound
from helpers.fits import ignores_max_iter
from helpers.merged import in_one_test

from fastmlp import MLPRegressor, Network
from fastmlp.engine.sparse_input import check_sparse

CONTAINERS = [*damaged_sparse.DAMAGES, sp.bsr_array, sp.lil_array, sp.dok_array, sp.dia_array]


def test_every_method_refuses_invalid_matrices():
    """In a separate process: reading at such an index may end the process."""
    child = subprocess.run(
        [sys.executable, damaged_sparse.__file__], capture_output=True, text=True, timeout=600, check=False
    )
    tried = [line for line in child.stdout.splitlines() if line.startswith("TRIED")]
    assert child.returncode == 0 and child.stdout.endswith("END\n"), f"{tried[-1:]} {child.stderr[-2000:]}"
    for group in damaged_sparse.GROUPS:
        assert sum(line.startswith(f"TRIED {group}, ") for line in tried) >= 2 * 150
    assert not [line for line in child.stdout.splitlines() if line.startswith("WRONG")]


NET = Network([N_FEATURES, 4, 1], ["tanh", "identity"], "half_squared_error")
NET.initialize(random_state=0)


@in_one_test()
@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("container", CONTAINERS)
def test_valid_matrices_of_every_format_are_accepted(container, index):
    X = sound(container, index=index)
    check_sparse(X)
    np.testing.assert_allclose(NET.forward(X), NET.forward(X.toarray()), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(NET.jacobian(X), NET.jacobian(X.toarray()), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64, ">i4", ">i8"])
def test_index_types_that_scipy_does_not_make(dtype):
    X = sound()
    X.indices = X.indices.astype(dtype)
    check_sparse(X)
    X.indices[5] = N_FEATURES
    with pytest.raises(ValueError, match=r"its column indices reach from 0 to 6, but must lie in 0 … 5"):
        check_sparse(X)


def test_entries_after_the_last_row_are_ignored():
    """SciPy leaves unused entries there, and `prune` removes them."""
    X = sound()
    expected = NET.forward(X)
    X.indices, X.data = np.append(X.indices, [-7, 10**9]).astype(np.int32), np.append(X.data, [1.0, 2.0])
    assert np.array_equal(NET.forward(X), expected)


def test_unsorted_and_duplicate_indices():
    X = sp.csr_matrix(([1.0, 2.0, 3.0], [5, 0, 5], [0, 3, *[3] * (N_ROWS - 1)]), (N_ROWS, N_FEATURES))
    np.testing.assert_allclose(NET.forward(X), NET.forward(X.toarray()), rtol=1e-12)


@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_matrix, sp.coo_array, sp.lil_matrix, sp.dok_matrix])
def test_matrices_without_stored_entries(container):
    X = container((N_ROWS, N_FEATURES))
    assert np.array_equal(NET.forward(X), NET.forward(np.zeros((N_ROWS, N_FEATURES))))
    assert NET.forward(container((0, N_FEATURES))).shape == (0, 1)


def test_columns_beyond_int32():
    """The kernels' column numbers are int32: a valid matrix may be too wide for them."""
    with pytest.raises(ValueError, match="4294967298 columns: a sparse matrix may have at most 2147483647"):
        check_sparse(sp.csr_matrix((2, 2**32 + 2)))


def test_one_dimension():
    with pytest.raises(ValueError, match="must have 2 dimensions"):
        NET.forward(sp.coo_array(np.ones(N_FEATURES)))
    with pytest.raises(ValueError, match="must have 2 dimensions"):
        MLPRegressor().fit(sp.csr_array(np.ones(N_FEATURES)), np.ones(N_FEATURES))


def test_the_message_says_what_to_do():
    X = sound(sp.csc_array)
    X.indices[3] = -4
    message = (
        "X is not a valid CSC matrix: its row indices reach from -4 to 63, but must lie in 0 … 63. Its check_format"
    )
    with pytest.raises(ValueError, match=message):
        MLPRegressor().fit(X, np.ones(N_ROWS))


@ignores_max_iter
def test_a_refused_matrix_changes_nothing():
    X, y = sound(), np.linspace(0, 1, N_ROWS)
    model = MLPRegressor(hidden_layer_sizes=(3,), max_iter=3, random_state=0).fit(X, y)
    before = model.predict(X)
    damaged = sound()
    damaged.indices[-1] = N_FEATURES
    for bring in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="X is not a valid"):
            bring(damaged, y)
    assert np.array_equal(model.predict(X), before)
