"""The benchmarks' suite `tables`: sets, scores, cache, child processes, tables and picture."""

import json
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from benchmarks import __main__ as command
from benchmarks.tables import fit, inputs, picture, walk
from benchmarks.tables.cache import Cache
from benchmarks.tables.methods import LIGHTGBM, METHODS
from benchmarks.tables.options import TablesConfig
from benchmarks.tables.report import format_tables
from benchmarks.tables.results import Compilation, Result, Trial
from benchmarks.tables.scores import LEAST_PROBABILITY, normalized_rmse, score_classes
from benchmarks.tables.sets import BUNDLED, find_sets, load_set
from benchmarks.tables.summary import SCORED, SHIFT, Row, Summary, shifted_mean

HGB, PLAIN = "HistGradientBoosting", "scikit-learn MLP"
TRIAL = Trial("toy", "abc", HGB, {}, 0, 1, {"scikit-learn": "1"}, "this, 2 cores")


def result(method, name, error, loss=None, seed=0, cpu=1.0, **trial):
    changed = replace(TRIAL, method=method, set=name, seed=seed, **trial)
    return Result(changed, error, loss, cpu, 2 * cpu, cpu / 10, "2026-01-01T00:00:00+00:00")


@pytest.fixture
def folder(tmp_path):
    """Two sets of 60 rows, as files: "numbers", a regression, and "kinds", three classes; both with missing values."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((60, 2)).astype(np.float32)
    X[3, 0], categories = np.nan, rng.randint(-1, 3, (60, 1)).astype(np.int16)
    targets = {"numbers": X[:, 1] + categories[:, 0], "kinds": categories[:, 0] + 1 + (X[:, 1] > 2)}
    for name, y in targets.items():
        task = "regression" if name == "numbers" else "multiclass"
        meta = {"task": task, "num": ["a", "b"], "cat": {"c": ["red", "green", "blue"]}}
        split = {"train": np.arange(40), "test": np.arange(40, 60)}
        np.savez(tmp_path / f"{name}.npz", X_num=X, X_cat=categories, y=y, meta=json.dumps(meta), **split)
    return str(tmp_path)


class TestSets:
    def test_a_file_becomes_a_frame_or_an_array_with_the_same_missing_values(self, folder, monkeypatch):
        table = load_set(folder, "numbers")
        frame = inputs.make_inputs(table)
        assert list(frame.columns) == ["a", "b", "c"]
        assert list(frame["c"].cat.categories) == ["red", "green", "blue"]
        monkeypatch.setattr(inputs, "find_spec", lambda name: None)
        array = inputs.make_inputs(table)
        np.testing.assert_array_equal(np.isnan(array), frame.isna().to_numpy())
        np.testing.assert_array_equal(array[:, 2] == 1, frame["c"] == "green")
        assert inputs.category_columns(table) == [2]
        assert METHODS[HGB].make(table, 0, 1, None, frame=False).categorical_features == [2]
        assert METHODS[LIGHTGBM].fit_arguments(table, frame=False) == {"categorical_feature": [2]}
        imputed = inputs.make_inputs(table, np.array([7.0, 8.0]))
        assert imputed[3, 0] == 7.0
        assert np.isnan(imputed[:, :2]).sum() == 0

    def test_targets_of_plain_networks_are_standardised(self, folder):
        """A network that has learnt nothing yet predicts about the mean of targets that are far from 0."""
        table = load_set(folder, "numbers")
        shifted = replace(table, y=1e6 + 1e3 * table.y)
        errors = []
        for each in (table, shifted):
            model = METHODS[PLAIN].make(each, 0, 1, 1, frame=True)
            with pytest.warns(ConvergenceWarning):
                model.fit(inputs.make_inputs(each), each.y)
            errors.append(normalized_rmse(each.y, model.predict(inputs.make_inputs(each))))
        assert errors[0] == pytest.approx(errors[1], rel=1e-6)
        assert errors[0] < 1.5

    def test_the_small_fit_has_every_class(self):
        table = load_set(None, "breast_cancer")
        y = np.zeros(len(table.y), int)
        y[-3:] = 1
        rows = inputs.few_rows(replace(table, y=y), np.arange(len(y)), n_rows=50)
        assert len(rows) == 53
        assert set(y[rows]) == {0, 1}

    def test_bundled_sets_are_split_by_seed(self):
        for name in BUNDLED:
            table = load_set(None, name)
            (train, test), (_, other) = table.split(0), table.split(1)
            assert sorted([*train, *test]) == list(range(len(table.y)))
            assert set(test) != set(other)
            assert len(table.numbers) == len(table.categories) == len(table.y)
            assert {type(column) for column in inputs.make_inputs(table)} == {str}  # scikit-learn has np.str_

    def test_unknown_names_are_refused_before_measuring(self, folder, capsys, tmp_path):
        assert find_sets(folder, None) == ["kinds", "numbers"]
        for arguments, words in (
            (["--data", folder, "--sets", "adult"], "no set is called adult; there are kinds, numbers"),
            (["--data", str(tmp_path / "none")], "no file NAME.npz"),
            (["--methods", "forest"], "no method is called forest; there are fastmlp default"),
            (["--seeds", "0"], "--seeds must be at least 1, got 0"),
        ):
            assert command.main(["--threads", "1", "--suites", "tables", *arguments]) == 2
            assert words in capsys.readouterr().err


class TestScores:
    def test_error_of_the_mean_is_one(self):
        y = np.array([1.0, 2.0, 6.0])
        assert normalized_rmse(y, np.full((3, 1), y.mean())) == pytest.approx(1)

    def test_labels_and_log_loss(self):
        y, classes = np.array([3, 5, 5, 9]), np.array([3, 5])
        P = np.array([[8, 2], [1, 3], [1, 0], [1, 1]])
        wrong, loss = score_classes(y, P, classes)
        assert wrong == 0.5
        assert loss == pytest.approx(-(math.log(0.8) + math.log(0.75) + 2 * math.log(LEAST_PROBABILITY)) / 4)

    def test_shifted_mean(self):
        errors, base = {"a": 0.03, "b": 0.19}, {"a": 0.01, "b": 0.39, "c": 1.0}
        assert shifted_mean(errors, base) == pytest.approx(math.sqrt(2 * 0.5))


class TestCache:
    def test_two_processes_write_one_file(self, tmp_path):
        first, second = Cache(tmp_path / "c.json"), Cache(tmp_path / "c.json")
        one, other = result(HGB, "toy", 0.1), result(HGB, "toy", 0.2, seed=1)
        first.add(one)
        second.add(other)
        second.add_compilation(Compilation(HGB, "binary", {}, {}, "this", 3.0))
        known = Cache(tmp_path / "c.json")
        assert [known.find(each.trial) for each in (one, other)] == [one, other]
        assert known.find_compilation(Compilation(HGB, "binary", {}, {}, "this", 0.0)).cpu_seconds == 3.0
        assert [path.name for path in tmp_path.iterdir()] == ["c.json"]

    @pytest.mark.parametrize("name, value", [
        ("digest", "x"), ("parameters", {"max_iter": 3}), ("versions", {}), ("machine", "m"), ("threads", 2)
    ])  # fmt: skip
    def test_a_result_belongs_to_its_conditions(self, name, value):
        cache = Cache()
        cache.add(result(HGB, "toy", 0.1))
        trial = replace(TRIAL, **{name: value})
        assert cache.find(trial) is None
        assert (cache.find_alike(trial) is None) == (name in ("digest", "parameters"))

    def test_the_closest_result_is_shown(self):
        cache = Cache()
        for error, changed in ((0.1, {"machine": "m"}), (0.2, {"versions": {}}), (0.3, {})):
            cache.add(result(HGB, "toy", error, **changed))
            assert cache.find_alike(TRIAL).error == error


class TestRun:
    @pytest.fixture
    def jobs(self, monkeypatch):
        """Run what would be child processes in this one; returns their jobs."""
        jobs = []

        def run_child(job, cache_folder=None):
            jobs.append(job | {"cold": cache_folder is not None})
            lines = []
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # as in the child
                fit.run(job, lines.append)
            yield from lines

        monkeypatch.setattr(walk, "run_child", run_child)
        return jobs

    def run(self, *arguments):
        return command.main(["--threads", "1", "--suites", "tables", "--peers", "fastmlp", "--epochs", "2", *arguments])

    @pytest.mark.long
    def test_smoke(self, tmp_path, capsys, monkeypatch):
        """In a child process; a second run measures nothing."""
        file, record = str(tmp_path / "cache.json"), tmp_path / "out.json"
        arguments = ("--sets", "diabetes", "--methods", HGB, "--cache", file)
        assert self.run(*arguments) == 0
        results = json.loads((tmp_path / "cache.json").read_text(encoding="utf-8"))["results"]
        assert [(one["trial"]["method"], one["trial"]["seed"]) for one in results] == [(HGB, 0), (HGB, 1)]
        assert all(0.3 < one["error"] < 4 and 0 < one["cpu_seconds"] < 60 for one in results)
        assert results[0]["error"] != results[1]["error"]
        printed = capsys.readouterr().out
        assert "Medians of 2 seeds." in printed
        monkeypatch.setattr(walk, "run_child", lambda *_: pytest.fail("this was measured before"))
        assert self.run(*arguments, "--json", str(record)) == 0
        again = capsys.readouterr().out
        assert again[again.index("  error ") : again.index("goal")] in printed
        assert json.loads(record.read_text(encoding="utf-8"))["sessions"][0]["errors"] == []
        assert self.run("--sets", "diabetes", "--methods", "cached", "--cache", file) == 0
        assert again[again.index("  error ") : again.index("goal")] in capsys.readouterr().out

    def test_a_folder_with_missing_values_and_classes(self, folder, jobs, monkeypatch, capsys):
        """Frames and arrays alike; HistGradientBoosting stands in for LightGBM."""
        monkeypatch.setitem(METHODS, LIGHTGBM, replace(METHODS[HGB], name=LIGHTGBM))
        for spec in (inputs.find_spec, lambda name: None):
            monkeypatch.setattr(inputs, "find_spec", spec)
            assert self.run("--data", folder, "--methods", f"{LIGHTGBM},{PLAIN}", "--seeds", "1") == 0
            out = capsys.readouterr().out
            assert f"tables: error of {LIGHTGBM}, mean of 2 sets, float32: 1.00 × LightGBM's (1.00–1.00)" in out
            assert f"{PLAIN:<22}     2" in out
        assert len(jobs) == 8

    def test_compilation_is_measured_once_for_each_task(self, folder, jobs, monkeypatch, capsys, tmp_path):
        monkeypatch.setitem(METHODS, PLAIN, replace(METHODS[PLAIN], compiles=True))
        arguments = ("--data", folder, "--methods", PLAIN, "--cache", str(tmp_path / "cache.json"))
        assert self.run(*arguments, "--seeds", "1") == self.run(*arguments, "--seeds", "2") == 0
        assert [(job["set"], job["compiles"], job["cold"], job["seeds"]) for job in jobs] == [
            ("kinds", True, True, [0]), ("kinds", False, False, [0]), ("numbers", True, True, [0]),
            ("numbers", False, False, [0]), ("kinds", False, False, [1]), ("numbers", False, False, [1]),
        ]  # fmt: skip

    def test_the_environment_of_a_child(self, tmp_path, monkeypatch):
        """A program that prints its environment stands in for Python."""
        program = tmp_path / "program"
        program.write_text('#!/bin/sh\necho "[\\"$NUMBA_CACHE_DIR\\", $OMP_NUM_THREADS]"\n', encoding="utf-8")
        program.chmod(0o700)
        monkeypatch.setattr(walk.sys, "executable", str(program))
        assert list(walk.run_child({"threads": 3}, "cold")) == [["cold", 3]]

    def test_a_child_that_fails_is_named(self, folder, monkeypatch, capsys):
        monkeypatch.setattr(walk.sys, "executable", "false")
        assert self.run("--data", folder, "--sets", "kinds", "--methods", PLAIN) == 1
        assert f"FAILED: {PLAIN} on kinds: code 1" in capsys.readouterr().out

    def test_a_missing_method_is_named(self, monkeypatch, capsys):
        gone = replace(METHODS[HGB], module="no_such_module")
        unfinished = replace(METHODS["fastmlp default"], module="fastmlp", classifier="NoSuchClassifier")
        monkeypatch.setitem(METHODS, HGB, gone)
        monkeypatch.setitem(METHODS, "fastmlp default", unfinished)
        assert self.run("--methods", f"{HGB},fastmlp default") == 0
        out = capsys.readouterr().out
        assert f"MISSING: {HGB} (no module named 'no_such_module')" in out
        assert "MISSING: fastmlp default (fastmlp has no NoSuchClassifier)" in out
        assert "no results" in out

    def test_options_reach_the_other_process(self):
        config = TablesConfig("folder", ("a", "b"), (HGB, PLAIN), 3, "c.json", None)
        options = command.parse_arguments(config.as_arguments())
        assert TablesConfig.from_options(options) == config


class TestSummary:
    def summary(self, *results, compilations=()):
        return Summary(list(results), dict(compilations), TRIAL.machine, TRIAL.threads)

    def test_medians_means_and_wins(self):
        one, two, three = SCORED[0], SCORED[1], "elsewhere"
        mine = [
            result(HGB, one, 0.04, 0.2), result(HGB, one, 0.09, 9.0, 1), result(HGB, one, 0.01, 0.1, 2),
            result(HGB, two, 0.49), result(HGB, three, 0.2, cpu=64.0),
        ]  # fmt: skip
        base = [result(LIGHTGBM, one, 0.09, 0.1), result(LIGHTGBM, two, 0.24), result(LIGHTGBM, three, 0.1)]
        summary = self.summary(*mine, *base, compilations={(HGB, one): 3.0, (HGB, two): 0.0}.items())
        row = next(row for row in summary.rows() if row.method == HGB)
        assert row.mean == pytest.approx(math.sqrt((0.04 + SHIFT) / 0.1 * (0.49 + SHIFT) / 0.25))
        assert (row.n_sets, row.wins, row.losses, row.log_loss) == (2, 1, 2, pytest.approx(2))
        assert (row.cpu, row.compiling) == (pytest.approx(1), pytest.approx(2))
        own, mean = (finding.value for finding in walk.findings(summary, 1))
        assert (own.median, mean.median) == (row.mean, 1)
        assert own.low <= own.median <= own.high  # where some sets have fewer seeds than others
        assert [(row.method, row.wins, row.losses) for row in summary.rows()] == [(LIGHTGBM, 0, 0), (HGB, 1, 2)]

    def test_all_sets_count_where_none_of_the_usual_is_there(self):
        row = self.summary(result(HGB, "toy", 0.1), result(LIGHTGBM, "toy", 0.21)).rows()[0]
        assert (row.method, row.n_sets, row.mean) == (HGB, 1, pytest.approx(0.5))

    def test_seconds_of_another_machine_are_marked(self):
        text = format_tables(self.summary(result(HGB, "toy", 0.1, machine="that, 64 cores"), result(PLAIN, "toy", 0.2)))
        lines = {line.split()[0]: line for line in text.splitlines() if line.strip()}
        assert "1°" in lines["toy"]  # the last table of sets
        assert "1°" in lines[HGB]
        assert "°" not in lines["scikit-learn"]
        assert "° seconds of that, 64 cores, 1 thread" in text


class TestPicture:
    ROWS = [
        Row("fastmlp default", 9, 0.82, 8, 1, 1.0, 8.0, 14.0, 8.0, 0.1, False),
        Row("fastmlp realmlp-td", 9, 0.88, 8, 1, 1.0, 30.0, 38.0, 8.0, 0.1, False),
        Row(LIGHTGBM, 9, 1.0, 0, 0, 1.0, 0.4, 0.4, 0.4, 0.1, False),
        Row(HGB, 9, 1.01, 3, 6, 1.0, 0.5, 0.5, 0.5, 0.1, False),
        Row("pytabkit RealMLP-TD-S", 6, 0.881, 5, 1, 1.0, 32.0, 32.0, 32.0, 0.1, True),
        Row("pytabkit TabM_D", 9, 0.871, 5, 4, 1.0, 36.0, None, 36.0, 0.1, True),
    ]

    def test_labels_cover_nothing(self, tmp_path, monkeypatch):
        texts, markers, words = [], [], []

        def place_labels(axis, labels, place=picture.place_labels):
            place(axis, labels)
            renderer = axis.figure.canvas.get_renderer()
            texts.extend(picture.text_box(note, renderer) for note in axis.texts)
            markers.extend(picture.drawn_boxes(axis, row)[0] for row, _ in labels)
            markers.append(axis.lines[-1].get_window_extent(renderer))  # LightGBM's error
            words.extend(note.get_text() for note in axis.texts)

        monkeypatch.setattr(picture, "place_labels", place_labels)
        summary = type("Rows", (), {"rows": lambda _: self.ROWS})()
        picture.draw_picture(str(tmp_path / "picture.png"), summary)
        assert (tmp_path / "picture.png").read_bytes()[1:4] == b"PNG"
        assert len(texts) == len(markers) - 1 == len(self.ROWS)
        assert not [(i, j) for i, text in enumerate(texts) for j in range(i) if text.overlaps(texts[j])]
        assert not [(i, j) for i, text in enumerate(texts) for j, box in enumerate(markers) if text.overlaps(box)]
        assert "pytabkit RealMLP-TD-S° (6 of 9 sets)" in words

    def test_nothing_to_draw(self, tmp_path):
        summary = Summary([result(LIGHTGBM, "toy", 0.1)], {}, TRIAL.machine, 1)
        with pytest.raises(ValueError, match="no picture: no method was measured on the same sets as LightGBM"):
            picture.draw_picture(str(tmp_path / "picture.png"), summary)
