"""The goals of the benchmarks: what counts as reached, missed, wrong and not measured; the chart of the ratios."""

import pytest

from benchmarks import report
from benchmarks.cases import CASES
from benchmarks.comparison import GEOMETRIC_MEAN, Comparison
from benchmarks.findings import Finding
from benchmarks.goals import GOALS, SEVERAL, Goal, Measured, Number
from benchmarks.ratios import Spread
from benchmarks.session import Session

NUMBERS = (Number("a", peers=("other",)), Number("b", peers=("other",)))
GOAL = Goal("both", NUMBERS, each=2, mean=4)


def ratio(case, value, peer="other", threads=1, wrong=None):
    return Comparison(case, "float32", peer, Spread(value, value, value), wrong=wrong, threads=threads)


def judge(goal, *comparisons, findings=(), **options):
    return Measured(comparisons, findings, **options).judge(goal)


class TestGoals:
    @pytest.mark.parametrize(
        ("a", "b", "reached"), [(2.0, 8.0, True), (2.0, 7.9, False), (1.9, 99.0, False), (4.0, 4.0, True)]
    )
    def test_goal_needs_the_mean_and_each_case(self, a, b, reached):
        outcome = judge(GOAL, ratio("a", a), ratio("b", b))
        assert outcome.reached is reached
        assert "of 2 cases, lowest" in outcome.found

    def test_an_unmeasured_case_leaves_the_goal_open(self):
        outcome = judge(GOAL, ratio("a", 100.0))
        assert outcome.reached is None
        assert outcome.found.endswith("; without b float32")
        assert judge(GOAL).found == "not in this run"

    def test_one_case_below_the_limit_fails_the_goal(self):
        assert judge(GOAL, ratio("a", 1.0)).reached is False

    def test_a_wrong_answer_fails_the_goal(self):
        outcome = judge(GOAL, ratio("a", 100.0), ratio("b", 100.0, wrong="losses differ"))
        assert (outcome.reached, outcome.found) == (False, "wrong answer: b float32: losses differ")

    def test_missing_peers_and_threads_are_named(self):
        assert judge(GOAL, missing=["other"]).found == "missing: other"
        several = Goal("", (Number("a", peers=("other",), threads=SEVERAL),), each=1)
        assert judge(several, ratio("a", 9.0)).found == "needs several threads"
        assert judge(several, ratio("a", 9.0, threads=2), threads=[2]).reached is True

    def test_the_fastest_of_several_peers_counts(self):
        goal = Goal("", (Number("a", peers=("x", "y"), also=("z",)),), each=2)
        x, y, z = ratio("a", 3.0, "x"), ratio("a", 2.5, "y"), ratio("a", 1.5, "z")
        assert judge(goal, x, y).reached is True
        assert judge(goal, x, y, z).reached is False
        assert judge(goal, x, z).reached is None  # y may be better than both

    def test_goal_with_an_upper_limit(self):
        goal = Goal("", (Number("call", unit="µs"),), at_most=8, beside=(Number("call", peers=("x",), unit="µs"),))
        found = [Finding("call", "float32", 1, Spread(value, value, value), "µs", peer) for value, peer in
                 ((8.0, None), (9.0, "x"))]  # fmt: skip
        outcome = judge(goal, findings=found)
        assert (outcome.reached, outcome.found) == (True, "8 µs; x 9 µs")
        assert goal.limit == "≤ 8 µs"

    def test_every_goal_can_be_judged_and_printed(self):
        outcomes = [Measured([], []).judge(goal) for goal in GOALS]
        session = Session({}, {"threads": 1, "pairs": 3, "epochs": 2}, missing={"jax": "not installed"})
        text = report.format_goals(outcomes, [session])
        assert len([line for line in text.splitlines() if "not measured" in line]) == len(GOALS)
        assert "this run has 3" in text
        assert "--epochs 2" in text
        assert "Missing, one thread: jax (not installed)" in text

    def test_every_goal_is_reachable(self):
        """Every goal reads numbers that some session measures under that name."""
        for goal in GOALS:
            comparisons = [
                Comparison(n.what, n.dtype, peer, Spread(99.0, 99.0, 99.0), threads=1 + (n.threads == SEVERAL))
                for n in goal.numbers for peer in n.peers if n.unit == "×"
            ]  # fmt: skip
            value = goal.at_most / 2 if goal.at_most else 99.0
            findings = [
                Finding(n.what, n.dtype, 1, Spread(value, value, value), n.unit, n.peers[0])
                for n in goal.numbers if n.unit != "×"
            ]  # fmt: skip
            assert judge(goal, *comparisons, findings=findings, threads=[1, 2]).reached is True, goal.text


class TestChart:
    @pytest.mark.parametrize("ending", ["png", "svg"])
    def test_chart_is_written(self, ending, tmp_path):
        pytest.importorskip("matplotlib")
        from benchmarks.chart import draw_chart

        session = Session({}, {"threads": 1})
        session.comparisons = [ratio(case.name, 3.0, "scikit-learn") for case in CASES]
        session.comparisons += [ratio("tiny", 0.5, "jax"), ratio(GEOMETRIC_MEAN, 2.0, "scikit-learn")]
        session.comparisons.append(Comparison("wide", "float32", "jax", None))
        file = tmp_path / f"chart.{ending}"
        draw_chart(str(file), [session])
        assert file.stat().st_size > 1000
        if ending == "svg":
            assert "_nolegend_" not in file.read_text(encoding="utf-8")

    def test_an_empty_chart_is_refused(self, tmp_path):
        pytest.importorskip("matplotlib")
        from benchmarks.chart import draw_chart

        with pytest.raises(SystemExit, match="no training was compared"):
            draw_chart(str(tmp_path / "chart.png"), [])
