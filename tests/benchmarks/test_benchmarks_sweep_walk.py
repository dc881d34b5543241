"""The sweep's walk over its cells, and its command."""

import json

import pytest
from helpers.sweep_cells import CALLS

from benchmarks import __main__ as command
from benchmarks import report, session
from benchmarks.findings import Finding
from benchmarks.ratios import Spread
from benchmarks.record import read_record
from benchmarks.session import SUITES, SessionConfig
from benchmarks.sweep import walk
from benchmarks.sweep.cells import Cell
from benchmarks.sweep.timing import Timing


def timed(cell, ratio, wrong=None):
    return Timing(cell, 1, [] if wrong else [1.0], [] if wrong else [ratio], wrong)


class TestWalk:
    def test_summary_matches_a_calculation_by_hand(self):
        first, second = CALLS["labels"], Cell("predict", "1 target", 8, 4, (), "float32", inputs="list")
        found = {(one.what, one.dtype): one.value for one in walk.summarize([timed(first, 2.0), timed(second, 8.0)])}
        assert found["sweep: predict, mean of 2 cells", "float32"] == Spread(4.0, 2.0, 8.0)
        assert found[walk.describe_least(None), "float32"].median == 2.0
        assert found[walk.describe_least("few rows of other inputs"), "float32"].median == 8.0
        assert len(found) == 4

    def test_summary_excludes_wrong_answers(self):
        timings = [timed(CALLS["labels"], 2.0), timed(CALLS["probabilities"], 0.0, "another answer")]
        assert {one.value.median for one in walk.summarize(timings)} == {2.0}

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
                yield from walk.summarize(list(timings))

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
        one, both = SessionConfig(1, ["float32"], 5, cores=2), SessionConfig(2, ["float32"], 5, cores=2)
        assert [name for name in SUITES if not one.wants(name)] == ["defaults"]
        assert [name for name in SUITES if both.wants(name)] == ["training", "predicting", "defaults", "cores"]
        alone = SessionConfig(1, ["float32"], 5, cores=1)
        assert all(alone.wants(name) for name in SUITES)
        assert [name for name in SUITES if SessionConfig(1, [], 5, cells="9").wants(name)] == ["sweep"]
        assert [name for name in SUITES if SessionConfig(2, [], 5, cases=["tiny"], cores=2).wants(name)] == ["training"]

    def test_format_of_a_table_line(self):
        line = report.format_timing(Timing(CALLS["values"], 1, [2e-6, 2e-6], [3e-6, 5e-6]))
        assert line == (
            "  2.00 × (1.50–2.50)                   2 µs  predict, 5 rows, 6-7, 3 targets, float64, logistic, array"
            "  (predictions of arrays: ≥ 1.1)"
        )

    def test_findings_name_the_sweep(self):
        finding = next(walk.summarize([timed(CALLS["values"], 2.0)]))
        assert isinstance(finding, Finding)
        assert str(finding) == "sweep: predict, mean of 1 cells, float64 against scikit-learn: 2.00 × (2.00–2.00)"
