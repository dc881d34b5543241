"""The suite `sweep`: the coverage of its grid, its inputs, its judge, and its times."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse
from helpers.merged import in_one_test
from helpers.sweep_cells import CALLS

from benchmarks.ratios import Spread
from benchmarks.sweep import grid, judge, timing
from benchmarks.sweep.cells import GROUPS, NAMED, PREDICTING, TRAINING, Cell, find_group
from benchmarks.sweep.cost import BYTES, SECONDS, estimate_bytes, estimate_seconds, stored_in_row
from benchmarks.sweep.inputs import MAKERS, make_inputs, make_targets
from benchmarks.sweep.models import Side, make_sides
from benchmarks.sweep.timing import time_cell

#: Small ones of every call, for both kinds of estimator.
PREDICTION = Cell("predict_proba", "3 targets", 5, 6, (7,), "float64")


SMALL = {name: each[:3] for name, each in PREDICTING.items()}


def pairs_of(values):
    return [wanted for pair in combinations(values, 2) for wanted in grid.combine(values, pair)]


def has(cell, wanted):
    return all(getattr(cell, name) == value for name, value in wanted)


class TestGrid:
    @pytest.mark.parametrize("values", [PREDICTING, TRAINING], ids=["predicting", "training"])
    def test_every_allowed_pair_of_values_occurs(self, values, cells):
        mine = [cell for cell in cells if cell.call in values["call"]]
        missing = [wanted for wanted in pairs_of(values) if not any(has(cell, wanted) for cell in mine)]
        assert len(missing) < 30
        rng = np.random.default_rng(0)
        for wanted in missing:
            for _ in range(300):
                drawn = {name: each[rng.integers(len(each))] for name, each in values.items()} | dict(wanted)
                assert not grid.allowed([Cell(**drawn)])
            assert not grid.allowed(grid.cheapest(values, wanted))

    def test_every_affordable_prediction_shape_occurs(self, cells):
        shapes = {(cell.rows, cell.features, cell.hidden) for cell in cells if not cell.trains}
        every = [dict(wanted) for wanted in grid.combine(PREDICTING, grid.SHAPE)]
        missing = [shape for shape in every if tuple(shape.values()) not in shapes]
        assert 0 < len(missing) < len(every) / 5
        for shape in missing:
            sparse = Cell("predict", "1 target", dtype="float32", inputs="csr", **shape)
            dense = Cell("predict", "1 target", dtype="float32", **shape)
            assert not grid.allowed([sparse, dense])

    def test_every_solver_is_combined_with_each_kind_of_input(self, cells):
        met = {(cell.call, cell.solver, cell.inputs) for cell in cells if cell.trains}
        assert {one for one in met if one[0] == "partial_fit"} == {
            ("partial_fit", solver, inputs) for solver in ("sgd", "adam") for inputs in TRAINING["inputs"]
        }
        assert {one for one in met if one[0] == "fit"} == {
            ("fit", solver, inputs) for solver in TRAINING["solver"] for inputs in TRAINING["inputs"]
        }

    def test_small_grids_are_covered_completely(self, monkeypatch):
        monkeypatch.setattr(grid, "possible", lambda cell: True)
        found = list(grid.cover(SMALL, list(combinations(SMALL, 2))))
        assert all(any(has(cell, wanted) for cell in found) for wanted in pairs_of(SMALL))
        assert len(found) < 40  # of 3⁹ or so
        assert found == list(grid.cover(SMALL, list(combinations(SMALL, 2))))

    def test_unnamed_cells_are_possible_and_affordable(self, cells):
        assert len(set(cells)) == len(cells)
        assert all(grid.possible(cell) for cell in cells)
        for cell in set(cells) - set(NAMED):
            assert estimate_seconds(cell) <= SECONDS
            assert estimate_bytes(cell) <= BYTES

    @in_one_test(shared=("cells",))
    @pytest.mark.parametrize(
        "words",
        [
            "predict_proba, 4,000 rows, 2000-2048, 10 classes", "predict_proba, 5,000 rows, 784-1024-1024, 10 classes",
            "predict_proba, 20,000 rows, 784-512, 10 classes, float64",
            "predict_proba, 3,000 rows, 5000-1000, 10 classes", "predict_proba, 1,000 rows, 20000-100, 10 classes",
            "partial_fit, 32 rows, 20-64-64, 1 target, float64, relu, array, adam",
            "fit, 500 rows, 2000-2048, 10 classes, float32, relu, array, lbfgs",
            "fit, 500 rows, 2000-500, 10 classes, float64, relu, array, lbfgs",
            "fit, 1,000 rows, 20000-100, 2 classes, float64, relu, csr, lbfgs",
            *(f"predict, 1 row, 20-100, 2 classes, float64, relu, {inputs}" for inputs in PREDICTING["inputs"]),
        ],
    )  # fmt: skip
    def test_cells_that_were_once_slow_are_always_measured(self, words, cells):
        assert any(str(cell).startswith(words) for cell in cells)

    def test_impossible_cells_are_excluded(self):
        assert not grid.possible(Cell("predict_proba", "1 target", 8, 4, (), "float32"))
        assert not grid.possible(Cell("score", "1 target", 1, 4, (), "float32"))
        assert not grid.possible(Cell("partial_fit", "1 target", 8, 4, (), "float32", solver="lbfgs"))
        assert not grid.possible(Cell("fit", "10 classes", 8, 4, (), "float32"))
        assert not grid.possible(Cell("fit", "1 target", 8, 4, (), "float32", option="early_stopping"))
        assert all(grid.possible(cell) for cell in CALLS.values())

    def test_cells_are_chosen_by_number_or_words(self, cells):
        assert grid.choose_cells(cells, None, ["float32", "float64"]) == cells
        sample = grid.choose_cells(cells, "12", ["float32"])
        assert len(set(sample)) == 12
        assert {cell.dtype for cell in sample} == {"float32"}
        assert sample == grid.choose_cells(cells, "12", ["float32"])
        with pytest.raises(ValueError, match=r"no cell of the sweep has the words 'no such' in its name"):
            grid.choose_cells(cells, "no such", ["float32"])
        named = grid.choose_cells(cells, "partial_fit csr", ["float64"])
        assert named
        assert {(cell.call, cell.inputs, cell.dtype) for cell in named} == {("partial_fit", "csr", "float64")}


class TestCells:
    def test_name_of_a_cell(self):
        assert str(CALLS["sgd"]) == "fit, 40 rows, 6-7, 2 classes, float64, relu, array, sgd, sample_weight"
        assert str(Cell("predict", "1 target", 1_000, 5, (), "float32", inputs="list")) == (
            "predict, 1,000 rows, 5, 1 target, float32, relu, list"
        )

    @in_one_test()
    @pytest.mark.parametrize(
        ("group", "cell"),
        [
            ("lbfgs", Cell("fit", "1 target", 2, 4, (), "float32", solver="lbfgs")),
            ("partial_fit of small batches", Cell("partial_fit", "1 target", 32, 20, (64, 64), "float32")),
            ("other calls", Cell("partial_fit", "1 target", 32, 784, (512,), "float32")),
            ("predictions of arrays", Cell("predict", "1 target", 1, 4, (), "float32", solver="lbfgs")),
            ("few rows of other inputs", Cell("predict", "1 target", 8, 4, (), "float32", inputs="list")),
            ("other calls", Cell("predict", "1 target", 200, 4, (), "float32", inputs="list")),
            ("other calls", Cell("score", "1 target", 8, 4, (), "float32")),
        ],
    )
    def test_group_of_a_cell(self, group, cell):
        assert find_group(cell) == group

    def test_every_group_has_cells(self, cells):
        assert {find_group(cell) for cell in cells} == set(GROUPS)

    def test_weights_and_cost_match_a_count_by_hand(self):
        cell = Cell("predict", "3 targets", 1_000, 10, (20, 30), "float32", "identity")
        assert cell.widths == [10, 20, 30, 3]
        assert cell.weights == 200 + 600 + 90
        seconds = 2 * 1_000 * 890 / 3e10 + 1_000 * (50 * 1e-9 + 3 * 2e-8) + 5e-4 + 10_000 * 1e-9
        assert estimate_seconds(cell) == pytest.approx(seconds)


class TestInputs:
    def test_every_kind_has_a_maker(self):
        assert set(MAKERS) == set(PREDICTING["inputs"]) >= set(TRAINING["inputs"])

    @in_one_test()
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("inputs", PREDICTING["inputs"])
    def test_shape_type_and_layout(self, inputs, dtype):
        if "frame" in inputs:
            pytest.importorskip("pandas")
        cell = Cell("predict", "1 target", 7, 130, (), dtype, inputs=inputs)
        X = make_inputs(cell, np.random.default_rng(0))
        kinds = {"list": "float64", "int64": "int64", "frame of ints": "int64"}
        kinds["other float"] = "float64" if dtype == "float32" else "float32"
        array = X.toarray() if scipy.sparse.issparse(X) else np.asarray(X)
        assert array.shape == (7, 130)
        assert array.dtype == kinds.get(inputs, dtype)
        assert np.isfinite(array).all()
        if isinstance(X, np.ndarray):
            layout = (X.flags.c_contiguous, X.flags.f_contiguous)
            strided = ("every other row", "every other column", "to_numpy")
            assert layout == ((False, False) if inputs in strided else (inputs != "fortran", inputs == "fortran"))

    def test_sparse_rows_are_valid(self):
        cell = Cell("predict", "1 target", 9, 784, (), "float32", inputs="csr")
        X = make_inputs(cell, np.random.default_rng(0))
        X.check_format()
        assert set(np.diff(X.indptr)) == {stored_in_row(784)} == {15}
        assert X.has_canonical_format

    def test_targets(self):
        rng = np.random.default_rng(0)
        assert list(make_targets(CALLS["labels"], 12, rng)) == [*range(10), 0, 1]
        assert make_targets(CALLS["values"], 12, rng).shape == (12, 3)
        assert make_targets(CALLS["R²"], 12, rng).dtype == np.float32


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
class TestJudge:
    @in_one_test()
    @pytest.mark.parametrize("name", CALLS)
    def test_correct_answers_are_accepted(self, name):
        assert judge.judge(CALLS[name], *make_sides(CALLS[name], 1)) is None

    @pytest.mark.parametrize("name", [name for name, cell in CALLS.items() if not cell.trains])
    def test_different_weights_are_detected_in_predictions(self, name):
        ours, theirs = make_sides(CALLS[name], 1)
        theirs.model.coefs_[-1] *= -1
        assert "scikit-learn's" in judge.judge(CALLS[name], ours, theirs)

    @in_one_test()
    @pytest.mark.parametrize("name", [name for name, cell in CALLS.items() if cell.trains])
    @pytest.mark.parametrize("change", [{"learning_rate_init": 1e-1, "max_iter": 1}, {"alpha": 100.0}])
    def test_a_different_training_is_detected(self, name, change):
        ours, theirs = make_sides(CALLS[name], 1)
        theirs.model.set_params(**change)
        if CALLS[name].call == "partial_fit":
            theirs.model.coefs_[0] *= 1.1
        assert judge.judge(CALLS[name], ours, theirs) is not None

    def test_a_training_without_effect_is_detected(self):
        ours, theirs = make_sides(CALLS["sgd"], 1)
        ours.call()
        ours.model.coefs_ = judge.Start(CALLS["sgd"], "float64", 0).weights
        wrong = judge.judge(CALLS["sgd"], Side(ours.model, lambda: None), theirs)
        assert wrong.startswith("weights 1.0e+00 of their way")

    def test_different_shapes_types_and_iterations_are_detected(self):
        cell, answer = CALLS["values"], np.zeros((3, 2))
        assert "shape (3, 2) instead of (3, 1)" in judge.judge_outputs(cell, answer, answer[:, :1])
        assert "nan from" in judge.judge_outputs(cell, answer + np.nan, answer)
        labels = np.array([0, 1])
        assert "labels int32" in judge.judge_labels(labels.astype(np.int32), labels, None)
        model = SimpleNamespace(coefs_=[np.ones((2, 2))], n_iter_=3)
        other = SimpleNamespace(coefs_=[np.ones((2, 2))], n_iter_=4)
        assert judge.judge_weights(cell, model, other) == "3 iterations instead of 4"
        assert "layers" in judge.judge_weights(cell, model, SimpleNamespace(coefs_=[np.ones((2, 1))]))

    def test_lbfgs_may_end_an_iteration_earlier_with_the_same_weights(self):
        ours, theirs = make_sides(CALLS["lbfgs"], 1)
        assert judge.judge(CALLS["lbfgs"], ours, theirs) is None
        ours.model.n_iter_ += 1
        assert judge.judge_weights(CALLS["lbfgs"], ours.model, theirs.model) is None
        ours.model.coefs_[0] += 1
        assert "of their way" in judge.judge_weights(CALLS["lbfgs"], ours.model, theirs.model)

    def test_labels_may_differ_where_classes_are_even(self):
        class Even:
            def predict_proba(self, X):
                return np.array([[0.5, 0.5], [0.9, 0.1]])

        side = Side(Even(), SimpleNamespace(args=(None,)))
        assert judge.judge_labels(np.array([1, 0]), np.array([0, 0]), side) is None
        assert "1 of 2 labels" in judge.judge_labels(np.array([1, 1]), np.array([0, 0]), side)


class TestTiming:
    @pytest.fixture
    def clocks(self, monkeypatch):
        """Stand-ins that take the given numbers of seconds; returns the clocks that were used."""
        seen, seconds = [], {"ours": [], "theirs": []}

        def time_calls(call, count, clock):
            seen.append(clock)
            return seconds[call.name].pop(0) * count

        monkeypatch.setattr(timing, "count_calls", lambda call, seconds, clock: 7)
        monkeypatch.setattr(timing, "time_calls", time_calls)
        monkeypatch.setattr(timing, "judge", lambda *_: None)
        calls = [Side(None, SimpleNamespace(name=name)) for name in ("ours", "theirs")]
        monkeypatch.setattr(timing, "make_sides", lambda cell, threads: calls)
        return SimpleNamespace(seen=seen, seconds=seconds)

    def test_ratios_are_taken_within_the_pair(self, clocks):
        clocks.seconds.update(ours=[1.0, 1.0, 2.0], theirs=[10.0, 3.0, 8.0])
        one = time_cell(CALLS["values"], 1, 3)
        assert one.ratio == Spread(4.0, 3.0, 10.0)
        assert one.ours == pytest.approx([1.0, 1.0, 2.0])
        assert set(clocks.seen) == {timing.process_time}

    def test_a_slow_cell_is_measured_again_and_all_rounds_count(self, clocks):
        clocks.seconds.update(ours=[1.0] * 9, theirs=[0.5, 0.5, 0.5, 3.0, 3.0, 3.0, 4.0, 4.0, 4.0])
        one = time_cell(CALLS["values"], 2, 3)
        assert one.ratio.median == 1.75  # of 0.5 and 3, three times each
        assert set(clocks.seen) == {timing.perf_counter}
        clocks.seconds.update(ours=[1.0] * 99, theirs=[0.5] * 99)
        one = time_cell(CALLS["values"], 1, 3)
        assert len(one.ours) == 3 * timing.ROUNDS
        assert not one.reaches

    def test_a_wrong_answer_is_not_timed(self, clocks, monkeypatch):
        monkeypatch.setattr(timing, "judge", lambda *_: "another answer")
        one = time_cell(CALLS["values"], 1, 3)
        assert (one.wrong, one.ratio, one.reaches) == ("another answer", None, False)
        assert clocks.seen == []

    def test_a_cell_that_fails_is_named(self, monkeypatch):
        monkeypatch.setattr(timing, "make_sides", lambda *_: 1 / 0)
        assert time_cell(CALLS["values"], 1, 3).wrong == "ZeroDivisionError: division by zero"
