"""The suite `defaults`: both libraries with default settings, in a process without thread limits."""

import json

import numpy as np
import pytest

from benchmarks import as_it_comes, defaults, session
from benchmarks.cases import CASES
from benchmarks.ratios import Spread
from benchmarks.session import SessionConfig, run_session
from benchmarks.sweep.timing import Timing

EVEN = {"median": 1.0, "low": 1.0, "high": 1.0}
LOSES = {"median": 0.5, "low": 0.25, "high": 0.75}


def line(what, ratio, wrong=None, dtype="float32"):
    return {"what": what, "dtype": dtype, "ratio": ratio, "wrong": wrong}


class TestParent:
    def test_thread_limits_are_removed_from_the_environment(self):
        given = {
            "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1",
            "OMP_THREAD_LIMIT": "1", "VECLIB_MAXIMUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1", "HOME": "home",
            "PYTHONPATH": "elsewhere",
        }  # fmt: skip
        free = defaults.unlimited(given)
        assert set(free) == {"HOME", "PYTHONPATH"}
        assert free["PYTHONPATH"].endswith("elsewhere")

    def test_rows_become_findings_with_the_minimum_last(self, monkeypatch):
        rows = [line("a", EVEN), line("b", LOSES), line("a", EVEN, dtype="float64")]
        monkeypatch.setattr(defaults, "read_rows", lambda arguments: iter(rows))
        found = list(defaults.measure_defaults(["float32", "float64"], 3))
        assert [(one.what, one.dtype, one.value.median) for one in found] == [
            ("defaults: a", "float32", 1.0), ("defaults: b", "float32", 0.5), ("defaults: a", "float64", 1.0),
            (defaults.LEAST, "float32", 0.5), (defaults.LEAST, "float64", 1.0),
        ]  # fmt: skip
        assert found[1].value == Spread(**LOSES)

    def test_a_wrong_answer_is_raised_after_the_other_rows(self, monkeypatch):
        rows = [line("a", None, "losses differ"), line("b", EVEN)]
        monkeypatch.setattr(defaults, "read_rows", lambda arguments: iter(rows))
        found = defaults.measure_defaults(["float32"], 3)
        assert next(found).what == "defaults: b"
        with pytest.raises(AssertionError, match="a, float32: losses differ"):
            next(found)

    def test_a_failing_child_is_reported(self, capfd):
        with pytest.raises(RuntimeError, match="its process ended with code 1"):
            list(defaults.read_rows({"dtypes": ["float32"], "pairs": 1, "epochs": 1, "names": ["huge"]}))
        assert "no case is called huge" in capfd.readouterr().err

    def test_a_child_measures_a_fit(self, monkeypatch):
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        found = list(defaults.measure_defaults(["float32"], 1, 1, ["online"]))
        assert [one.what for one in found] == ["defaults: fit online", defaults.LEAST]
        assert found[0].value.median > 0

    def test_defaults_are_measured_on_all_cores(self, monkeypatch, capsys):
        """They are measured after the session has all cores again, and the findings are added to the session's."""
        cores = []

        def measure_defaults(dtypes, pairs, epochs, cases):
            cores.append(session.all_cores())
            yield from ()

        monkeypatch.setattr(session, "measure_defaults", measure_defaults)
        run_session(SessionConfig(1, ["float32"], 1, suites=["defaults"], peers=["fastmlp"]))
        assert cores == [session.all_cores()]


class TestChild:
    def test_number_of_threads_is_left_at_its_default(self):
        assert as_it_comes.OURS.n_jobs is None
        for peer in (as_it_comes.OURS, as_it_comes.THEIRS):
            model = as_it_comes.make_estimator(peer, as_it_comes.SEARCHED)
            assert model.get_params().get("n_jobs") is None

    def test_trained_cases(self):
        assert as_it_comes.find_trainings(None) == [*CASES, as_it_comes.WIDER]
        assert [case.name for case in as_it_comes.find_trainings(["wide", "simplechains"])] == ["wide"]
        networks = {(tuple(case.widths), case.batch) for case in as_it_comes.find_trainings(None)}
        assert {((784, 512, 512, 10), 512), ((784, 2048, 2048, 10), 1024)} <= networks

    def test_predicted_shapes_include_large_layers(self):
        for dtype in ("float32", "float64"):
            found = as_it_comes.many_rows(dtype)
            assert {(2000, 2048), (784, 1024, 1024)} <= {tuple(cell.widths[:-1]) for cell in found}
            assert all(cell.rows >= 1_000 and cell.dtype == dtype for cell in found)

    def test_all_rows_are_measured(self, monkeypatch):
        monkeypatch.setattr(as_it_comes, "CASES", ())
        monkeypatch.setattr(as_it_comes, "WIDER", CASES[1])
        monkeypatch.setattr(as_it_comes, "time_cell", lambda cell, threads, pairs: Timing(cell, threads, [1.0], [2.0]))
        monkeypatch.setattr(as_it_comes, "time_scores", lambda what, *_: what)
        monkeypatch.setattr(as_it_comes, "make_data", lambda *_: (None, None))
        rows = list(as_it_comes.measure_all(["float64"], 1, 1, None))
        assert (rows[0]["what"], rows[0]["wrong"]) == ("fit online", None)
        assert {one["ratio"]["median"] for one in rows[1:-6]} == {2.0}
        assert rows[-6:] == [
            f"{kind}, n_jobs={n_jobs}" for n_jobs in (None, 2, -1) for kind in ("GridSearchCV", "cross_val_score")
        ]
        assert all(json.dumps(one) for one in rows)

    def test_calls_alternate_after_one_that_is_judged(self, monkeypatch):
        order, clock = [], iter([1.0, 2.0, 1.0, 6.0, 2.0, 8.0])
        monkeypatch.setattr(as_it_comes, "time_calls", lambda call, count: call() is not None and next(clock))
        calls = [lambda name=name: order.append(name) or np.ones(3) for name in "ab"]
        found = as_it_comes.time_scores("search", "float64", calls, 3)
        assert "".join(order) == "ab" * 4
        assert found == line("search", {"median": 4.0, "low": 2.0, "high": 6.0}, dtype="float64")

    def test_different_scores_are_wrong(self):
        found = as_it_comes.time_scores("search", "float64", [lambda: np.ones(3), lambda: np.full(3, 0.9)], 3)
        assert found == line("search", None, "scores 1.0e-01 apart, allowed 0.01", "float64")
        found = as_it_comes.time_scores("search", "float64", [lambda: np.full(3, np.nan), lambda: np.ones(3)], 3)
        assert "nan apart" in found["wrong"]

    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_searches_give_a_score_for_each_point_and_fold(self):
        rng = np.random.default_rng(0)
        X, y = rng.standard_normal((30, 4)), np.arange(30) % 2
        model = as_it_comes.make_estimator(as_it_comes.OURS, as_it_comes.SEARCHED).set_params(max_iter=1)
        assert as_it_comes.search_scores(model, X, y, None).shape == (4,)
        assert as_it_comes.fold_scores(model, X, y, None).shape == (as_it_comes.FOLDS,)
