"""The benchmark harness: its statistics, data, judge and report. Stand-in peers, so nothing is trained."""

import json
import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from helpers.merged import in_one_test
from helpers.stand_in_peers import CASE, StandIn
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks import harness, report
from benchmarks.cases import CASES, SIMPLECHAINS, TEXT, find_cases
from benchmarks.comparison import Comparison, average, compare
from benchmarks.data import make_data
from benchmarks.harness import Measurement, measure
from benchmarks.judge import difference, final_loss, judge
from benchmarks.machine import describe_machine
from benchmarks.peers import Answer, EstimatorPeer, find_peers
from benchmarks.ratios import Spread, geometric_mean, paired_ratio
from benchmarks.threads import all_cores, placed


def shrink(case):
    """The same case with few rows, and for sparse ones few features."""
    features = min(case.features, 1000) if case.density else case.features
    return replace(case, rows=200, features=features)


class TestRatios:
    def test_ratios_are_taken_within_the_pair(self):
        # 10/1, 3/1 and 8/2: the ratio of the medians would be 8/1.
        assert paired_ratio([1.0, 1.0, 2.0], [10.0, 3.0, 8.0]) == Spread(4.0, 3.0, 10.0)

    def test_median_of_an_even_number_of_pairs(self):
        assert paired_ratio([1.0, 2.0], [2.0, 8.0]).median == 3.0

    def test_unpaired_times_are_refused(self):
        with pytest.raises(ValueError, match="zip"):
            paired_ratio([1.0], [1.0, 2.0])

    def test_geometric_mean(self):
        assert geometric_mean([2.0, 8.0]) == pytest.approx(4.0)
        assert geometric_mean([2.0, 0.5]) == pytest.approx(1.0)

    def test_average_excludes_wrong_answers(self):
        rows = [
            Comparison("a", "float32", "other", Spread(2.0, 1.0, 4.0)),
            Comparison("b", "float32", "other", Spread(8.0, 4.0, 9.0)),
            Comparison("c", "float32", "other", Spread(100.0, 90.0, 110.0), wrong="differs"),
            Comparison("d", "float32", "other", None),
            Comparison("a", "float64", "other", Spread(3.0, 3.0, 3.0)),
        ]
        means = {one.dtype: one for one in average(rows)}
        assert means["float32"].ratio.median == pytest.approx(4.0)
        assert means["float32"].ratio.low == pytest.approx(2.0)
        assert means["float32"].wrong == "left out: c"
        assert means["float64"].ratio.median == pytest.approx(3.0)
        assert means["float64"].wrong is None


class TestCases:
    def test_cases_match_the_readme(self):
        shapes = {case.name: (case.rows, case.features, case.classes, case.hidden, case.batch) for case in CASES}
        assert shapes == {
            "tiny": (5_000, 4, 2, (16,), 32),
            "online": (2_000, 20, 2, (64,), 1),
            "default": (10_000, 20, 2, (100,), 200),
            "deep": (10_000, 32, 5, (64,) * 8, 128),
            "medium": (20_000, 50, 10, (256, 256), 256),
            "wide": (10_000, 784, 10, (512, 512), 512),
            "sparse": (20_000, 20_000, 4, (100,), 200),
            "regression": (40_000, 8, 1, (128, 128), 256),
        }

    def test_texts_run_only_if_they_are_named(self):
        assert TEXT not in find_cases(None)
        assert find_cases(["text"]) == [TEXT]
        assert (TEXT.rows, TEXT.features, TEXT.classes, TEXT.hidden, TEXT.batch) == (50_000, 200_000, 20, (100,), 200)

    def test_texts_have_common_and_rare_words(self):
        case = replace(TEXT, rows=400)
        X, y = make_data(case, "float32")
        assert (X.format, X.dtype, X.shape) == ("csr", np.float32, (400, case.features))
        assert X.nnz == pytest.approx(case.density * case.rows * case.features, rel=0.01)
        np.testing.assert_allclose(np.sqrt(X.multiply(X).sum(axis=1)), 1, rtol=1e-6)
        rows_with = np.bincount(X.indices, minlength=case.features)
        assert rows_with.max() > 0.2 * case.rows
        assert (rows_with == 0).mean() > 0.8
        assert set(y) == set(range(case.classes))
        again, _ = make_data(case, "float32")
        np.testing.assert_array_equal(X.data, again.data)

    def test_operations_match_a_count_by_hand(self):
        # 3-4-1: forward 2 * 16, weight gradients the same, back through the last layer alone 2 * 4.
        assert CASE.operations() == 2 * 16 + 2 * 16 + 2 * 4

    def test_a_declining_peer_gives_its_reason(self):
        sparse = find_cases(["sparse"])[0]
        assert sparse.declines("scikit-learn") is None
        assert sparse.declines("jax") == "has no path for sparse rows"
        assert SIMPLECHAINS.declines("scikit-learn") == "is left out of this case"

    def test_steps_include_the_last_short_batch(self):
        assert CASE.steps(3) == 9  # 16 + 16 + 8 rows an epoch

    @in_one_test()
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    def test_data_have_the_shape_and_type(self, case, dtype):
        case = shrink(case)
        X, y = make_data(case, dtype)
        assert X.shape == (case.rows, case.features)
        assert X.dtype == dtype
        assert scipy.sparse.issparse(X) == (case.density is not None)
        assert y.shape == (case.rows,)
        if case.task == "regression":
            assert y.dtype == dtype
        else:
            assert y.dtype == np.int64
            assert set(y) == set(range(case.classes))
        if case.density:
            assert X.format == "csr"
            assert X.nnz == pytest.approx(case.density * case.rows * case.features, rel=0.01)

    @in_one_test()
    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    def test_data_are_reproducible_and_equal_in_both_types(self, case):
        (X, y), (again, y_again) = make_data(shrink(case), "float64"), make_data(shrink(case), "float64")
        X32, y32 = make_data(shrink(case), "float32")
        X, again, X32 = (Z.toarray() if case.density else Z for Z in (X, again, X32))
        np.testing.assert_array_equal(X, again)
        np.testing.assert_array_equal(y, y_again)
        np.testing.assert_array_equal(X.astype(np.float32), X32)
        np.testing.assert_array_equal(y.astype(y32.dtype), y32)

    def test_data_with_several_targets(self):
        _, y = make_data(replace(CASE, task="regression", classes=3), "float32")
        assert y.shape == (40, 3)

    def test_cases_are_found_by_name(self):
        assert [case.name for case in find_cases(["wide", "tiny"])] == ["tiny", "wide"]
        assert find_cases(None) == [*CASES, SIMPLECHAINS]
        with pytest.raises(ValueError, match=r"no case is called huge; there are tiny"):
            find_cases(["huge", "tiny"])


class TestJudge:
    @in_one_test()
    @pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
    @pytest.mark.parametrize("classes", [2, 3])
    def test_log_loss_equals_scikit_learn(self, activation, classes):
        case = replace(CASE, classes=classes, activation=activation, hidden=(4, 3))
        X, y = make_data(case, "float64")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = MLPClassifier((4, 3), activation=activation, max_iter=2, random_state=0).fit(X, y)
        answer = Answer(model.coefs_, model.intercepts_, 2)
        assert final_loss(case, answer, X, y) == pytest.approx(log_loss(y, model.predict_proba(X)), rel=1e-12)

    @pytest.mark.parametrize("targets", [1, 2])
    def test_squared_loss_is_half_the_mean_square(self, targets):
        case = replace(CASE, task="regression", classes=targets)
        X, y = make_data(case, "float64")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = MLPRegressor(hidden_layer_sizes=(4,), max_iter=2, random_state=0).fit(X, y)
        answer = Answer(model.coefs_, model.intercepts_, 2)
        expected = 0.5 * np.mean((model.predict(X) - y) ** 2)
        assert final_loss(case, answer, X, y) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize(
        ("case", "stand_in", "message"),
        [
            (CASE, StandIn("other", epochs_short=1), "1 epochs, asked for 2"),
            (CASE, StandIn("other", output_bias=np.nan), "final loss is nan"),
            (CASE, StandIn("other", output_bias=50.0), "outside 0.1 to 2"),
        ],
    )
    def test_wrong_answers_are_detected(self, case, stand_in, message):
        X, y = make_data(case, "float64")
        assert message in judge(case, stand_in.prepare(case, X, y, 2, 0).answer(), 2, X, y)[1]

    def test_a_different_network_is_detected(self):
        X, y = make_data(CASE, "float64")
        answer = StandIn("other").prepare(replace(CASE, hidden=(5,)), X, y, 2, 0).answer()
        assert "asked for [(3, 4), (4, 1)]" in judge(CASE, answer, 2, X, y)[1]

    def test_loss_band_applies_to_the_default_epochs_only(self):
        X, y = make_data(CASE, "float64")
        answer = StandIn("other", output_bias=50.0).prepare(CASE, X, y, 7, 0).answer()
        assert judge(CASE, answer, 7, X, y)[1] is None

    def test_difference_is_the_largest_one(self):
        assert difference([1.0, 1.0], [1.0, 1.25]) == pytest.approx(0.2)


class TestMeasure:
    def test_peers_take_turns_and_only_the_fit_is_timed(self, monkeypatch):
        order = []
        clock = iter(range(100))
        monkeypatch.setattr(harness, "perf_counter", lambda: next(clock))
        monkeypatch.setattr(StandIn, "fit", lambda self: order.append(self.name))
        result = measure(CASE, "float32", [StandIn("fastmlp"), StandIn("other")], pairs=3)
        assert order == ["fastmlp", "other"] * 4
        assert result.seconds == {"fastmlp": [1, 1, 1], "other": [1, 1, 1]}
        assert result.losses["other"] == pytest.approx([np.log(2)] * 3)

    def test_only_convergence_warnings_are_silenced(self):
        measure(CASE, "float32", [StandIn("fastmlp")], pairs=1)  # its fit warns, and pytest turns warnings to errors

    def test_same_answers_agree(self):
        result = measure(CASE, "float64", [StandIn("fastmlp"), StandIn("other")], pairs=1)
        one = compare(result, "fastmlp", "other")
        assert (one.wrong, one.loss_difference) == (None, 0.0)
        assert one.ratio.median > 0

    @pytest.mark.parametrize(("dtype", "bias"), [("float32", 1.0), ("float64", 1e-3)])
    def test_different_answers_are_wrong(self, dtype, bias):
        result = measure(CASE, dtype, [StandIn("fastmlp"), StandIn("other", bias)], pairs=1)
        one = compare(result, "fastmlp", "other")
        assert "final losses" in one.wrong
        assert "WRONG ANSWER" in report.format_row(one, result)

    def test_float32_has_a_larger_tolerance_than_float64(self):
        losses = {"fastmlp": [1.0], "other": [1.001]}
        seconds = {"fastmlp": [1.0], "other": [2.0]}
        wrong = [
            compare(Measurement(CASE, dtype, 2, seconds, losses), "fastmlp", "other").wrong
            for dtype in ("float32", "float64")
        ]
        assert wrong[0] is None
        assert "1.0e-03 apart, allowed 1e-08" in wrong[1]

    def test_a_failing_peer_is_named_and_the_others_are_measured(self):
        failing = StandIn("other", error=ValueError("weights are not finite"))
        result = measure(CASE, "float32", [StandIn("fastmlp"), failing], pairs=2)
        assert len(result.seconds["fastmlp"]) == 2
        one = compare(result, "fastmlp", "other")
        assert one.wrong == "other: ValueError: weights are not finite"
        assert one.ratio is None

    def test_a_peer_runs_only_its_cases(self):
        result = measure(CASE, "float32", [StandIn("stranger")], pairs=1)
        assert result.seconds == {}


class TestMachine:
    def test_description_is_json_and_contains_no_path(self):
        text = json.dumps(describe_machine())
        assert str(Path(__file__).parents[2]) not in text
        assert {"cpu", "simd", "cores", "caches", "packages", "blas", "commit", "date"} <= set(json.loads(text))

    def test_description_names_the_blas_kernels(self):
        """An environment variable can select slow ones, which would make fastmlp look better."""
        machine = describe_machine()
        assert machine["blas"]
        assert all(" with kernels for " in one for one in machine["blas"])
        assert f"BLAS: {'; '.join(machine['blas'])}" in report.format_machine(machine)

    @pytest.mark.parametrize("threads", [1, 2])
    def test_affinity_is_set_and_restored(self, threads, monkeypatch):
        if not hasattr(os, "sched_getaffinity") or len(all_cores()) < threads:
            pytest.skip("this system cannot pin, or has too few cores")
        monkeypatch.setenv("XLA_FLAGS", "--own")
        monkeypatch.delitem(sys.modules, "jax", raising=False)
        before = os.sched_getaffinity(0)
        with placed(threads) as cores:
            assert os.sched_getaffinity(0) == set(cores)
            assert len(cores) == threads
            assert os.environ["XLA_FLAGS"].startswith("--own")
            assert ("intra_op_parallelism_threads=1" in os.environ["XLA_FLAGS"]) == (threads == 1)
        assert os.sched_getaffinity(0) == before
        assert os.environ["XLA_FLAGS"] == "--own"


class TestPeers:
    def test_missing_package_and_missing_class_are_named(self):
        assert EstimatorPeer("other", "no_such_package").missing() == "No module named 'no_such_package'"
        assert "MLPClassifier" in EstimatorPeer("other", "json").missing()
        assert EstimatorPeer("scikit-learn", "sklearn.neural_network").missing() is None

    def test_fastmlp_is_measured_first(self):
        assert [peer.name for peer in find_peers(["scikit-learn", "fastmlp"])] == ["fastmlp", "scikit-learn"]

    @pytest.mark.parametrize("task", ["classification", "regression"])
    def test_scikit_learn_trains_the_requested_case(self, task):
        case = replace(CASE, task=task, classes=1 if task == "regression" else 2, peers=("scikit-learn",))
        peers = find_peers(["scikit-learn"])
        result = measure(replace(case, loss_band=(0, 10)), "float32", peers, pairs=1)
        assert result.wrong == {}
        assert len(result.losses["scikit-learn"]) == 1
        assert compare(result, "fastmlp", "scikit-learn").ratio is None
