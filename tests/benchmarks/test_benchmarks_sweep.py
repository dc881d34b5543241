"""The suite `sweep`: what its grid covers, how rows are given, what its judge sees, and what its times say."""

import json
import sys
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse

sys.path.insert(0, str(Path(__file__).parents[2]))  # the benchmarks are not part of the installed package

from benchmarks import __main__ as command
from benchmarks import report, session
from benchmarks.findings import Finding
from benchmarks.ratios import Spread
from benchmarks.record import read_record
from benchmarks.session import SUITES, MeasurementPlan
from benchmarks.sweep import grid, judge, timing, walk
from benchmarks.sweep.cells import GROUPS, NAMED, PREDICTING, TRAINING, Cell, find_group
from benchmarks.sweep.cost import BYTES, SECONDS, estimate_bytes, estimate_seconds, stored_in_row
from benchmarks.sweep.inputs import MAKERS, make_inputs, make_targets
from benchmarks.sweep.models import Side, make_sides
from benchmarks.sweep.timing import Timing, time_cell

#: Small ones of every call, for both kinds of estimator.
PREDICTION = Cell("predict_proba", "3 targets", 5, 6, (7,), "float64")
CALLS = {
    "labels": Cell("predict", "10 classes", 30, 6, (7,), "float32", "tanh"),
    "values": Cell("predict", "3 targets", 5, 6, (7,), "float64", "logistic"),
    "probabilities": Cell("predict_proba", "2 classes", 5, 6, (4, 3), "float32"),
    "accuracy": Cell("score", "2 classes", 200, 6, (7,), "float64"),
    "R²": Cell("score", "1 target", 9, 6, (), "float32", "identity"),
    "sgd": Cell("fit", "2 classes", 40, 6, (7,), "float64", solver="sgd", option="sample_weight"),
    "adam": Cell("fit", "3 targets", 40, 6, (7,), "float32", solver="adam", option="early_stopping"),
    "lbfgs": Cell("fit", "10 classes", 40, 6, (7,), "float64", solver="lbfgs", inputs="csr"),
    "batches of rows": Cell("partial_fit", "1 target", 8, 6, (7,), "float64", solver="adam"),
    "batches of classes": Cell("partial_fit", "10 classes", 8, 6, (7,), "float32", solver="sgd", inputs="csr"),
}
SMALL = {name: each[:3] for name, each in PREDICTING.items()}


@pytest.fixture(scope="module")
def cells():
    return grid.make_grid()


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
    @pytest.mark.parametrize("name", CALLS)
    def test_correct_answers_are_accepted(self, name):
        assert judge.judge(CALLS[name], *make_sides(CALLS[name], 1)) is None

    @pytest.mark.parametrize("name", [name for name, cell in CALLS.items() if not cell.trains])
    def test_different_weights_are_detected_in_predictions(self, name):
        ours, theirs = make_sides(CALLS[name], 1)
        theirs.model.coefs_[-1] *= -1
        assert "scikit-learn's" in judge.judge(CALLS[name], ours, theirs)

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
        """Stand-ins that take the seconds that a test gives them; returns the clocks that were used."""
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


def timed(cell, ratio, wrong=None):
    return Timing(cell, 1, [] if wrong else [1.0], [] if wrong else [ratio], wrong)


class TestWalk:
    def test_summary_matches_a_calculation_by_hand(self):
        first, second = CALLS["labels"], Cell("predict", "1 target", 8, 4, (), "float32", inputs="list")
        found = {(one.what, one.dtype): one.value for one in walk.summarise([timed(first, 2.0), timed(second, 8.0)])}
        assert found["sweep: predict, mean of 2 cells", "float32"] == Spread(4.0, 2.0, 8.0)
        assert found[walk.describe_least(None), "float32"].median == 2.0
        assert found[walk.describe_least("few rows of other inputs"), "float32"].median == 8.0
        assert len(found) == 4

    def test_summary_excludes_wrong_answers(self):
        timings = [timed(CALLS["labels"], 2.0), timed(CALLS["probabilities"], 0.0, "another answer")]
        assert {one.value.median for one in walk.summarise(timings)} == {2.0}

    def test_a_small_sweep(self):
        seen = []
        found = list(walk.measure_sweep(list(CALLS.values()), 1, 1, seen.append, seconds=1e-4))
        assert [one.cell for one in seen] == list(CALLS.values())
        assert [one.wrong for one in seen] == [None] * len(CALLS)
        assert all(one.ratio.median > 0 for one in seen)
        assert all(one.unit == "×" and one.peer == "scikit-learn" for one in found)
        assert {one.dtype for one in found} == {"float32", "float64"}

    def test_data_frames_are_skipped_without_pandas(self, monkeypatch):
        monkeypatch.setattr(walk, "find_spec", lambda name: None)
        cell = Cell("predict", "1 target", 8, 4, (), "float32", inputs="frame")
        assert walk.missing_frames() == "No module named 'pandas'"
        assert list(walk.measure_sweep([cell], 1, 1, pytest.fail)) == []


class TestCommand:
    @pytest.fixture
    def run(self, monkeypatch):
        """``python -m benchmarks --suites sweep`` of these timings; returns its exit code."""

        def run(*timings, arguments=()):
            def measure_sweep(cells, threads, pairs, keep):
                for one in timings:
                    keep(one)
                yield from walk.summarise(list(timings))

            monkeypatch.setattr(session, "measure_sweep", measure_sweep)
            monkeypatch.setattr(session, "make_grid", lambda: list(CALLS.values()))
            return command.main(["--threads", "1", "--suites", "sweep", "--peers", "fastmlp", *arguments])

        return run

    def test_only_cells_below_their_limit_are_printed(self, run, capsys):
        assert run(timed(CALLS["labels"], 0.5), timed(CALLS["values"], 1.05), timed(CALLS["sgd"], 1.02)) == 0
        out = capsys.readouterr().out
        assert "0.50 × (0.50–0.50)   SLOWER " in out
        assert str(CALLS["values"]) in out
        assert str(CALLS["sgd"]) not in out
        assert "3 cells: 1 slower than scikit-learn, 2 below their limit, 0 wrong" in out
        goal = next(line for line in out.splitlines() if line.startswith("every call of the sweep"))
        assert " NO " in goal

    def test_a_sweep_without_slow_cells(self, run, capsys):
        assert run(*(timed(cell, 9.0) for cell in CALLS.values())) == 0
        out = capsys.readouterr().out
        assert f"{len(CALLS)} cells: 0 slower than scikit-learn, 0 below their limit, 0 wrong" in out
        goal = next(line for line in out.splitlines() if line.startswith("every call of the sweep"))
        assert " yes " in goal

    def test_a_wrong_answer_fails(self, run, capsys):
        assert run(timed(CALLS["labels"], 0.0, "2 of 30 labels are not scikit-learn's")) == 1
        assert "WRONG ANSWER: predict, 30 rows" in capsys.readouterr().out

    def test_the_record_contains_every_time(self, run, tmp_path, capsys):
        first, second = tmp_path / "first.json", tmp_path / "second.json"
        timings = [Timing(CALLS["sgd"], 1, [1.0, 2.0], [3.0, 4.0]), timed(CALLS["labels"], 0.0, "another answer")]
        run(*timings, arguments=["--json", str(first)])
        plain = json.loads(first.read_text(encoding="utf-8"))["sessions"][0]["timings"]
        assert plain[0]["name"] == str(CALLS["sgd"])
        assert plain[0]["ratio"] == {"median": 2.5, "low": 2.0, "high": 3.0}
        assert (plain[0]["group"], plain[0]["limit"], plain[1]["ratio"]) == ("other calls", 1.0, None)
        assert read_record(str(first))[0].timings == timings
        command.main(["--read", str(first), "--json", str(second)])
        assert second.read_text(encoding="utf-8") == first.read_text(encoding="utf-8")

    def test_each_suite_runs_with_its_number_of_threads(self, monkeypatch):
        monkeypatch.setattr(command, "all_cores", lambda: [0, 1])
        monkeypatch.setattr(session, "all_cores", lambda: [0, 1])
        asked = []
        monkeypatch.setattr(command, "run_elsewhere", lambda options, plan: asked.append(plan))
        monkeypatch.setattr(command, "run_session", asked.append)
        for suites in ("sweep,defaults", "sweep", "defaults,training"):
            command.find_sessions(command.parse_arguments(["--suites", suites, "--cells", "5"]))
        places = [(plan.threads, plan.suites) for plan in asked]
        assert places == [
            (1, ["sweep"]), (2, ["defaults"]), (1, ["sweep"]), (1, ["training"]), (2, ["defaults", "training"])
        ]  # fmt: skip
        assert {plan.cells for plan in asked} == {"5"}

    def test_default_suites(self):
        one, both = MeasurementPlan(1, ["float32"], 5, cores=2), MeasurementPlan(2, ["float32"], 5, cores=2)
        assert [name for name in SUITES if not one.wants(name)] == ["defaults"]
        assert [name for name in SUITES if both.wants(name)] == ["training", "predicting", "defaults"]
        alone = MeasurementPlan(1, ["float32"], 5, cores=1)
        assert all(alone.wants(name) for name in SUITES)
        assert [name for name in SUITES if MeasurementPlan(1, [], 5, cells="9").wants(name)] == ["sweep"]
        assert [name for name in SUITES if MeasurementPlan(2, [], 5, cases=["tiny"], cores=2).wants(name)] == [
            "training"
        ]

    def test_format_of_a_table_line(self):
        line = report.format_timing(Timing(CALLS["values"], 1, [2e-6, 2e-6], [3e-6, 5e-6]))
        assert line == (
            "  2.00 × (1.50–2.50)                   2 µs  predict, 5 rows, 6-7, 3 targets, float64, logistic, array"
            "  (predictions of arrays: ≥ 1.1)"
        )

    def test_findings_name_the_sweep(self):
        finding = next(walk.summarise([timed(CALLS["values"], 2.0)]))
        assert isinstance(finding, Finding)
        assert str(finding) == "sweep: predict, mean of 1 cells, float64 against scikit-learn: 2.00 × (2.00–2.00)"
