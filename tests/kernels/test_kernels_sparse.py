"""The first layer on CSR input: each kernel, called through its address, against its reference, in guarded memory."""

import numpy as np
import pytest
import scipy.sparse
from helpers.guarded import Guarded, call
from oracles import reference

from fastmlp.kernels.linalg import sparse

TYPES = [np.float32, np.float64]
#: (rows of X, features, fan-out, density, rows of the batch)
CASES = [(1, 1, 1, 1.0, 1), (5, 3, 2, 0.5, 4), (9, 17, 7, 0.2, 9), (23, 40, 33, 0.07, 13), (6, 11, 5, 0.0, 3)]


class Case:
    """A CSR matrix and a batch of its rows (some twice, some empty), with all arrays in guarded memory."""

    def __init__(self, dtype, n_rows, n_features, fan_out, density, rows):
        rng = np.random.RandomState(n_features)
        self.dtype, self.fan_out = dtype, fan_out
        dense = rng.standard_normal((n_rows, n_features)) * (rng.uniform(size=(n_rows, n_features)) < density)
        self.X = scipy.sparse.csr_matrix(dense.astype(dtype))
        self.order = rng.randint(n_rows, size=rows)
        self.weight = rng.standard_normal((n_features, fan_out)).astype(dtype)
        self.bias = rng.standard_normal(fan_out).astype(dtype)
        self.delta = rng.standard_normal((rows, fan_out)).astype(dtype)
        arrays = {"indptr": self.X.indptr, "indices": self.X.indices, "values": self.X.data, "order": self.order}
        kinds = {"indptr": np.int64, "indices": np.int32, "values": dtype, "order": np.int64}
        self.inputs = {name: Guarded(array, kinds[name]) for name, array in arrays.items()}
        #: Ranges of features, as (first, count): those of threads and of tiles.
        self.runs = [(0, n_features), (0, 1), (n_features - 1, 1), (n_features // 3, n_features // 2), (n_features, 0)]

    def assert_inputs_untouched(self):
        for guarded in self.inputs.values():
            guarded.assert_untouched()

    def sorted(self, first, count):
        """starts, entry_rows and entry_values of features first … first + count from the kernel, all guarded."""
        nothing = np.zeros(np.isin(self.X[self.order].indices, np.arange(first, first + count)).sum())
        outputs = {
            "starts": Guarded(np.zeros(count + 1), np.int64),
            "entry_rows": Guarded(nothing, np.int32),
            "entry_values": Guarded(nothing, self.dtype),
        }
        rows = len(self.order)
        call(sparse.sort_by_feature, self.dtype, **outputs, **self.inputs, rows=rows, first=first, count=count)
        for guarded in outputs.values():
            guarded.assert_only_inside_written()
        return outputs


@pytest.fixture(params=CASES, ids=str)
def case(request, dtype):
    return Case(dtype, *request.param)


@pytest.fixture(params=TYPES)
def dtype(request):
    return request.param


def assert_close(got, expected):
    tolerance = 50 * np.finfo(got.dtype).eps
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


def test_forward(case):
    rows = len(case.order)
    out = Guarded(np.zeros((rows, case.fan_out)), case.dtype, stride=case.fan_out + 3)
    weight, bias = Guarded(case.weight, case.dtype), Guarded(case.bias, case.dtype)
    call(
        sparse.sparse_forward, case.dtype, out=out, stride=out.stride, **case.inputs, rows=rows, weight=weight,
        bias=bias, fan_out=case.fan_out,
    )  # fmt: skip
    expected = reference.sparse_forward(case.X.astype(float), case.order, case.weight.astype(float), case.bias)
    assert_close(out.array, expected)
    out.assert_only_inside_written()
    weight.assert_untouched()
    bias.assert_untouched()
    case.assert_inputs_untouched()


def test_sort_by_feature(case):
    """For all features or those of one thread: entries of other features are neither counted nor written."""
    for run in case.runs:
        plain = reference.sort_by_feature(case.X, case.order, *run)
        for ours, expected in zip(case.sorted(*run).values(), plain, strict=True):
            assert ours.array.tolist() == list(expected)
    case.assert_inputs_untouched()


def test_weight_gradient(case):
    """For any range of features, relative to the first sorted one."""
    delta = Guarded(case.delta, case.dtype, stride=case.fan_out + 3)
    expected = reference.sparse_weight_gradient(case.X.astype(float), case.order, case.delta.astype(float))
    n_features = case.X.shape[1]
    for sorted_from in {0, n_features // 3, n_features - 1}:
        by_feature = case.sorted(sorted_from, n_features - sorted_from)
        for first, count in case.runs:
            if first < sorted_from:
                continue
            d_weight = Guarded(np.ones((count, case.fan_out)), case.dtype)
            call(
                sparse.sparse_weight_gradient, case.dtype, d_weight=d_weight, first=first - sorted_from, count=count,
                **by_feature, delta=delta, stride=delta.stride, fan_out=case.fan_out,
            )  # fmt: skip
            assert_close(d_weight.array, expected[first : first + count])
            d_weight.assert_only_inside_written()
        for guarded in by_feature.values():
            guarded.assert_only_inside_written()
    delta.assert_untouched()
