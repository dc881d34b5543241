"""The benchmarks' command line, with stand-ins for its peers."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.stand_in_peers import CASE, StandIn

from benchmarks import __main__ as command
from benchmarks import session
from benchmarks.comparison import GEOMETRIC_MEAN
from benchmarks.record import read_record

PLAIN_SESSION = {
    "machine": {}, "configuration": {"threads": 1, "pairs": 5, "epochs": 3}, "missing": {}, "declined": {},
    "measurements": [], "comparisons": [], "findings": [], "errors": [],
}  # fmt: skip


class TestCommand:
    @pytest.fixture
    def run(self, monkeypatch):
        """``python -m benchmarks`` on `CASE` with stand-ins; returns its exit code."""

        def run(*peers, arguments=()):
            monkeypatch.setattr(session, "find_cases", lambda names: [CASE])
            monkeypatch.setattr(session, "find_peers", lambda names, threads: list(peers))
            return command.main(["--pairs", "1", "--threads", "1", "--suites", "training", *arguments])

        return run

    def test_table(self, run, capsys):
        assert run(StandIn("fastmlp"), StandIn("other")) == 0
        out = capsys.readouterr().out
        rows = [line.split() for line in out.splitlines() if line.startswith(("small", GEOMETRIC_MEAN))]
        assert [row[1:3] for row in rows[:2]] == [["float32", "other"], ["float64", "other"]]
        assert len(rows) == 4
        assert "WRONG" not in out

    def test_json(self, run, tmp_path, capsys):
        file = tmp_path / "out.json"
        assert run(StandIn("fastmlp"), StandIn("other"), arguments=["--json", str(file), "--epochs", "3"]) == 0
        content = json.loads(file.read_text(encoding="utf-8"))
        assert set(content) == {"sessions", "goals"}
        content = content["sessions"][0]
        assert content["configuration"]["threads"] == 1
        first = content["measurements"][0]
        assert (first["case"]["name"], first["dtype"], first["epochs"], first["steps"]) == (
            "small",
            "float32",
            3,
            9,
        )
        assert len(first["seconds"]["fastmlp"]) == 1
        assert first["microseconds_per_step"]["other"] == pytest.approx(1e6 * first["seconds"]["other"][0] / 9)
        assert content["comparisons"][0]["ratio"]["median"] > 0
        assert content["comparisons"][-1]["case"] == GEOMETRIC_MEAN

    def test_a_wrong_answer_fails(self, run, capsys):
        assert run(StandIn("fastmlp", 0.3), StandIn("other")) == 1
        assert "WRONG ANSWER: final losses" in capsys.readouterr().out

    def test_fastmlp_without_peers_is_judged(self, run, capsys):
        assert run(StandIn("fastmlp")) == 0
        assert run(StandIn("fastmlp", 50.0)) == 1
        assert "WRONG ANSWER: fastmlp: final loss" in capsys.readouterr().out

    def test_a_case_is_trained_only_in_its_types(self, run, monkeypatch, capsys):
        monkeypatch.setitem(globals(), "CASE", replace(CASE, dtypes=("float32",)))
        assert run(StandIn("fastmlp"), StandIn("other")) == 0
        assert "small          float64  is trained in float32 alone" in capsys.readouterr().out

    def test_a_missing_peer_is_named(self, run, capsys, tmp_path):
        file = tmp_path / "out.json"
        gone = StandIn("other", reason="No module named 'other'")
        assert run(StandIn("fastmlp"), gone, arguments=["--json", str(file)]) == 0
        assert "MISSING: other (No module named 'other')" in capsys.readouterr().out
        content = json.loads(file.read_text(encoding="utf-8"))["sessions"][0]
        assert content["missing"] == {"other": "No module named 'other'"}
        assert all("other" not in one["seconds"] for one in content["measurements"])

    def test_a_missing_peer_that_was_requested_fails(self, run, capsys):
        gone = StandIn("other", reason="not installed")
        assert run(StandIn("fastmlp"), gone, arguments=["--peers", "fastmlp,other"]) == 2

    def test_missing_fastmlp_fails_and_gives_no_ratio(self, run, capsys):
        assert run(StandIn("fastmlp", reason="not built"), StandIn("other")) == 2
        out = capsys.readouterr().out
        assert "MISSING: fastmlp (not built)" in out
        assert GEOMETRIC_MEAN not in out

    def test_a_record_survives_a_round_trip(self, run, tmp_path, capsys):
        first, second = tmp_path / "first.json", tmp_path / "second.json"
        run(StandIn("fastmlp"), StandIn("other"), StandIn("stranger"), arguments=["--json", str(first)])
        goals = capsys.readouterr().out.partition("\ngoal ")[2]
        known = read_record(str(first))[0]
        assert known.measurements[0].case == CASE
        assert known.declined == {"small": {"stranger": "is left out of this case"}}
        assert command.main(["--read", str(first), "--json", str(second)]) == 0
        assert capsys.readouterr().out.partition("\ngoal ")[2] == goals
        assert second.read_text(encoding="utf-8") == first.read_text(encoding="utf-8")

    def test_each_number_of_threads_runs_in_its_own_process(self, monkeypatch, capsys):
        monkeypatch.setattr(command, "all_cores", lambda: [0, 1])
        asked = []

        def run(command_line, env, check):
            asked.append(command_line)
            Path(command_line[-1]).write_text(json.dumps({"sessions": [PLAIN_SESSION], "goals": []}))

        monkeypatch.setattr(command.subprocess, "run", run)
        assert command.main(["--cases", "tiny", "--dtype", "float32", "--epochs", "3"]) == 0
        assert [line[line.index("--threads") + 1] for line in asked] == ["1", "2"]
        assert all("--cases tiny" in " ".join(line) and "--epochs 3" in " ".join(line) for line in asked)

    def test_a_process_that_dies_is_reported(self, monkeypatch, capsys):
        monkeypatch.setattr(command, "all_cores", lambda: [0, 1])
        monkeypatch.setattr(command.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=-9))
        assert command.main(["--cases", "tiny"]) == 1
        assert "Failed, one thread: its process ended with code -9" in capsys.readouterr().out

    def test_missing_matplotlib_is_reported_before_measuring(self, monkeypatch, capsys):
        monkeypatch.setattr(command, "find_spec", lambda name: None)
        assert command.main(["--chart", "chart.png"]) == 2
        assert "needs matplotlib" in capsys.readouterr().err

    def test_unknown_names_are_refused(self, capsys):
        assert command.main(["--cases", "huge"]) == 2
        assert command.main(["--suites", "nothing"]) == 2
        assert command.main(["--peers", "nobody"]) == 2
        assert "no peer is called nobody; there are fastmlp, fastmlp-1, scikit-learn" in capsys.readouterr().err
