"""Peers of the benchmarks that may be missing, and measurements beside training, each with little work."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.merged import in_one_test
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks import calls, functions, predicting, roofline, starting
from benchmarks.cases import SIMPLECHAINS, Case
from benchmarks.comparison import compare
from benchmarks.harness import measure
from benchmarks.peers import find_peers, make_peers
from benchmarks.start import Adam, Start, rates

CASE = Case("small", 40, 3, 2, (4,), 16, epochs=3, loss_band=(0.0, 9.0))  # 16 + 16 + 8 rows an epoch
CASES = {
    "two classes": CASE,
    "whole batches": replace(CASE, batch=20),
    "classes": replace(CASE, classes=3, hidden=(5, 4), activation="tanh"),
    "regression": replace(CASE, task="regression", classes=1, activation="logistic"),
    "targets": replace(CASE, task="regression", classes=2, activation="identity"),
    "in order": replace(SIMPLECHAINS, rows=30, batch=30, epochs=4, loss_band=(0.0, 9.0), peers=CASE.peers),
}


def find_installed(name):
    """The peer, or the test is skipped."""
    pytest.importorskip("torch" if name.startswith("pytorch") else name)
    peer = find_peers([name])[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of its import
        if reason := peer.missing():
            pytest.skip(reason)
    return peer


def train_beside(peer, case, dtype):
    """Train the peer and scikit-learn, which is the reference here: fastmlp is compared with it elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's compiler warns about PyTorch
        result = measure(case, dtype, [*find_peers(["scikit-learn"]), peer], pairs=1)
    return compare(result, "scikit-learn", peer.name)


class TestStart:
    @pytest.mark.parametrize("activation", ["relu", "logistic"])
    def test_weights_and_orders_equal_scikit_learn(self, activation):
        case = replace(CASE, activation=activation)
        start, seen = Start(case, np.float32, 7), []
        X = np.arange(40, dtype=np.float32)[:, np.newaxis] * np.ones((1, 3), np.float32)

        class Spy(MLPClassifier):
            def _backprop(self, X, *arguments):
                seen.append((X[:, 0].astype(int), [coef.copy() for coef in self.coefs_ + self.intercepts_]))
                return super()._backprop(X, *arguments)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            Spy((4,), activation=activation, batch_size=16, max_iter=3, random_state=7).fit(X, np.arange(40) % 2)
        for ours, theirs in zip(start.weights + start.biases, seen[0][1], strict=True):
            np.testing.assert_array_equal(ours, theirs)
        orders = [order.copy() for order in start.orders(3)]
        np.testing.assert_array_equal(np.concatenate(orders), np.concatenate([rows for rows, _ in seen]))

    def test_rows_keep_their_order_without_shuffling(self):
        for order in Start(CASES["in order"], np.float32, 0).orders(2):
            np.testing.assert_array_equal(order, np.arange(30))

    def test_first_learning_rate_of_adam(self):
        np.testing.assert_allclose(rates(Adam, 2)[0], 1e-3 * np.sqrt(1e-3) / 0.1)


class TestPeers:
    @in_one_test()
    @pytest.mark.parametrize(("case", "dtype"), [("classes", "float32"), *((case, "float64") for case in CASES)])
    @pytest.mark.parametrize("name", ["pytorch", "jax"])
    def test_same_work_as_scikit_learn(self, name, case, dtype):
        one = train_beside(find_installed(name), CASES[case], dtype)
        assert one.wrong is None
        assert one.loss_difference < (1e-4 if dtype == "float32" else 1e-12)

    def test_compiled_step_does_the_same_work(self):
        one = train_beside(find_installed("pytorch-compile"), CASE, "float64")
        assert one.wrong is None
        assert one.loss_difference < 1e-12

    def test_fastmlp_on_one_of_several_threads(self):
        assert "fastmlp-1" not in [peer.name for peer in make_peers(1)]
        assert [peer.n_jobs for peer in make_peers(2)[:2]] == [2, 1]


class TestCalls:
    def test_loops_of_calls_alternate(self, monkeypatch):
        order, clock, timed = [], iter(range(0, 1000, 10)), calls.time_calls
        monkeypatch.setattr(calls, "count_calls", lambda call, seconds: 2)
        monkeypatch.setattr(calls, "time_calls", lambda call, count: timed(call, count, lambda: next(clock)))
        named = {name: lambda name=name: order.append(name) for name in "ab"}
        times = calls.measure_calls(named, pairs=3)
        assert "".join(order) == "aabb" * 15
        assert times == {"a": [5.0] * 15, "b": [5.0] * 15}
        order.clear()
        assert calls.measure_calls(named, pairs=3, loops=1) == {"a": [5.0] * 3, "b": [5.0] * 3}
        assert "".join(order) == "aabb" * 3

    def test_number_of_calls_fills_the_given_time(self, monkeypatch):
        monkeypatch.setattr(calls, "time_calls", lambda call, count, clock: 1e-3 * count)
        assert calls.count_calls(lambda: None, seconds=0.1) == 100

    def test_functions_against_numpy(self):
        found = list(functions.measure_functions(["float32", "float64"], 1, 1, seconds=1e-4))
        assert [one.what for one in found] == ["exp", "tanh", "log"] * 2
        assert all(one.value.median > 0 and one.peer == "numpy" for one in found)

    def test_a_wrong_function_is_detected(self, monkeypatch):
        monkeypatch.setattr(functions.np, "tanh", np.sin)
        with pytest.raises(AssertionError, match=r"tanh in float32: .* ulp"):
            list(functions.measure_functions(["float32"], 1, 1, seconds=1e-4))


class TestRoofline:
    def test_shares_of_the_roofline_are_below_100_percent(self):
        case = replace(CASE, rows=100, features=9, classes=3, hidden=(33, 20), batch=48)
        found = {one.what: one for one in roofline.measure_roofline(case, "float32", 2, 1, seconds=1e-3)}
        assert set(found) == {"best tile in cache", "small: whole step", "small: products alone"}
        assert 0 < found["small: whole step"].value.median < 100

    def test_operations_of_a_tile_call(self):
        call, operations = roofline.make_tile_call("float64", 8, 16)
        call()
        assert operations % (2 * 8 * 16 * roofline.REPEATS) == 0


class TestPredicting:
    def test_all_libraries_predict_the_same(self, monkeypatch):
        monkeypatch.setattr(predicting, "NETWORKS", ((5, 7),))
        monkeypatch.setattr(predicting, "ROWS", (1, 9))
        monkeypatch.setattr(predicting, "LARGE", (((5, 7, 6), 11),))
        found = list(predicting.measure_predicting(1, 1, seconds=1e-4))
        here = 2 if predicting.missing_runtime() is None else 1
        assert len(found) == 3 * (1 + 2 * here)
        assert found[0].what == "predict_proba, 1 row, 5-7-1"
        assert found[-1].what == "predict_proba, 11 rows, 5-7-6-10"

    def test_large_shapes(self):
        named = {predicting.describe(*shape, predicting.OUTPUTS) for shape in predicting.LARGE}
        shapes = ("5,000 rows, 784-1024-1024-10", "4,000 rows, 2000-2048-10")
        assert {f"predict_proba, {shape}" for shape in shapes} <= named

    def test_a_different_prediction_is_detected(self, monkeypatch):
        monkeypatch.setattr(predicting, "NETWORKS", ((5, 7),))
        monkeypatch.setattr(MLPClassifier, "predict_proba", lambda self, X: np.full((len(X), 2), 0.5))
        with pytest.raises(AssertionError, match="fastmlp does not predict"):
            list(predicting.measure_predicting(1, 1, seconds=1e-4))

    @pytest.mark.parametrize("outputs", [1, 10])
    def test_onnx_graph_equals_the_network(self, outputs):
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
        model, other = predicting.make_models((5, 7, 6), 1, outputs)
        X = np.random.default_rng(0).standard_normal((11, 5)).astype(np.float32)
        np.testing.assert_allclose(predicting.make_runtime(model, X, 1)()[0], other.predict_proba(X), atol=1e-6)


class TestStarting:
    def test_seconds_above_scikit_learn(self):
        """The cache directory is new for each cold start, shared by the warm ones, and removed afterwards."""
        seconds, seen = iter([2.0, 7.0, 2.5, 3.0, 9.0, 3.25, 2.0, 6.5, 2.75]), []

        def start(module, folder):
            seen.append((module, folder, Path(folder).is_dir()))
            return next(seconds)

        cold, warm = starting.measure_starting(3, 1, start)
        assert (cold.what, cold.unit) == ("first fit, cold cache, above scikit-learn", "s")
        assert (cold.value.low, cold.value.median, cold.value.high) == (4.5, 5.0, 6.0)
        assert (warm.value.low, warm.value.median, warm.value.high) == (0.25, 0.5, 0.75)
        assert [module for module, _, _ in seen] == ["sklearn.neural_network", "fastmlp", "fastmlp"] * 3
        assert all(there for _, _, there in seen)
        assert [len({folder for _, folder, _ in seen[i : i + 3]}) for i in (0, 3, 6)] == [1, 1, 1]
        assert len({folder for _, folder, _ in seen}) == 3
        assert not any(Path(folder).exists() for _, folder, _ in seen)

    def test_a_process_keeps_its_code_in_the_folder(self, tmp_path, monkeypatch):
        """One kernel is enough."""
        load = "import sys\nfrom fastmlp import warmup\nwarmup.all_kernels()[0].load(sys.argv[2])\n"
        monkeypatch.setattr(starting, "PROGRAM", load)
        monkeypatch.setenv("FASTMLP_PREBUILT", "0")  # a wheel's kernels are in no folder
        assert starting.start_process("fastmlp", str(tmp_path)) > 0
        assert list(tmp_path.rglob("*.o"))

    def test_a_failing_process_is_reported(self, tmp_path):
        with pytest.raises(RuntimeError, match=r"a process with no_such_module failed.*No module named"):
            starting.start_process("no_such_module", str(tmp_path))
