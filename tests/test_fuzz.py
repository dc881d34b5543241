"""The fuzzer (`tests/fuzz/`): a sample of its cases, and what it does with those that fail."""

import functools
import json
import shutil
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from fuzz import cases, exports
from fuzz.child import Child, Outcome, run
from fuzz.search import Search
from fuzz.shrinking import shrink

import fastmlp
import fastmlp.export

SAMPLE, FIRST = 60, 7_000_000


def test_a_sample_of_cases_passes(tmp_path):
    """`make fuzz` runs many more."""
    path, kinds = tmp_path / "case.py", []
    for seed in range(FIRST, FIRST + SAMPLE):
        case = cases.draw(seed)
        path.write_text(cases.script(case))
        outcome = run(str(path))
        kinds.append(outcome["kind"])
        assert outcome["kind"] in ("passed", "refused", "no case"), f"{outcome['text']}\n{json.dumps(case)}"
    assert kinds.count("passed") > SAMPLE / 3


ENDS = [
    ("print('fine')", "passed", ""),
    ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crash", "SIGSEGV"),
    ("import os; os._exit(3)", "crash", "exit 3"),
    ("while True: pass", "hang", ""),
    ("bytearray(10**13)", "MemoryError", "running.py, <module>"),
    ("{}['x']", "KeyError", "running.py, <module>"),
    ("assert 0, 'weights differ by 1.5e-3 with 2 threads'", "AssertionError", "weights differ by … with … threads"),
    ("raise SystemExit('no case: x')", "no case", ""),
    ("print('refused: x')", "refused", ""),
    ("print('fine')", "passed", ""),
]


def test_crashes_hangs_and_exhausted_memory_are_found_and_end_nothing(tmp_path):
    child = Child(tmp_path, limit=1.0)
    for script, kind, where in ENDS:
        outcome = child.run(script)
        assert (outcome.kind, outcome.where) == (kind, where), outcome.text
        assert outcome.failed == (kind not in ("passed", "no case", "refused"))
        assert kind != "hang" or "running.py" in outcome.text  # where it hung
    child.end()


def failing_seed(name):
    """Return the first case in which this parameter is drawn."""
    return next(
        seed for seed in range(1000) if name in cases.draw(seed)["parameters"] and cases.draw(seed)["rows"] > 20
    )


def test_a_failure_is_made_as_simple_as_possible():
    case, tried = cases.draw(failing_seed("alpha")), []

    def fails_alike(one):
        tried.append(one)
        return "alpha" in one["parameters"] and one["rows"] >= 3

    simplest = shrink(case, fails_alike)
    assert simplest["parameters"].keys() <= {"alpha", *cases.NEEDED} and simplest["rows"] == 3
    assert all(
        simplest[name] == value for name, value in cases.SIMPLEST.items() if name in ("values", "form", "weights")
    )
    assert not [one for one in cases.simpler(simplest) if fails_alike(one)]
    tried.clear()
    shrink(case, fails_alike, attempts=5)
    assert len(tried) == 5


class Planted:
    """A child in which cases fail whose scripts contain some text."""

    def __init__(self, text, alone=True):
        self.text, self.alone, self.ended = text, alone, 0

    def run(self, script):
        failed = self.text in script and (self.alone or not self.ended)
        return Outcome("AssertionError", "it fails", "a trace") if failed else Outcome("passed")

    def end(self):
        self.ended += 1


@pytest.mark.parametrize("alone", [True, False])
def test_the_first_failure_of_each_kind_is_written_as_a_script(alone, tmp_path, capsys):
    seed = failing_seed("dropout")
    found = Search(tmp_path, Planted("dropout=", alone))
    for number in (seed, seed if alone else seed + 1):
        found.run(number)
    (written,) = tmp_path.glob("*.py")
    text = written.read_text()
    assert written.name == f"failure_{seed}.py" and f"Case {seed}: AssertionError: it fails" in text
    assert ("It does not fail alone" in text) == (not alone)
    assert "dropout=" in text and f"python {written}" in text
    compile(text, str(written), "exec")
    assert written.with_suffix(".txt").read_text() == "a trace"
    assert str(written) in capsys.readouterr().out
    lines = found.summary(3.0).splitlines()
    assert lines[0] == ("2 cases in 3 s: 2 failed" if alone else "2 cases in 3 s: 1 failed, 1 passed")
    assert lines[2].split() == ["2" if alone else "1", "×", "AssertionError:", "it", "fails", "(case", f"{seed})"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_exports_that_predict_otherwise_are_found(monkeypatch):
    rng, at_hand = np.random.RandomState(0), {"to_c": shutil.which("cc"), "to_onnx": find_spec("onnxruntime")}
    table = pd.DataFrame({"a": rng.standard_normal(30), "b": rng.choice(["x", "y"], 30)})
    for make, X in (
        (fastmlp.MLPRegressor, rng.standard_normal((30, 2)).astype("f")),
        (fastmlp.TabularMLPRegressor, table),
    ):
        model, other = (make(max_iter=1, random_state=seed).fit(X, rng.uniform(size=30)) for seed in (0, 1))
        for compare, name in ((exports.compare_c, "to_c"), (exports.compare_onnx, "to_onnx")):
            compare(model, X)
            wrong = functools.partial(getattr(fastmlp.export, name), other)
            with monkeypatch.context() as patch:
                patch.setattr(
                    fastmlp.export, name, lambda _, *arguments, of=wrong, **options: of(*arguments, **options)
                )
                if at_hand[name]:
                    with pytest.raises(AssertionError, match="other predictions"):
                        compare(model, X)


def test_every_check_and_every_estimator_is_drawn_and_scripts_are_whole():
    drawn = [cases.draw(seed) for seed in range(400)]
    assert {case["check"] for case in drawn} == set(cases.CHECKS)
    assert {case["estimator"] for case in drawn} == set(cases.ESTIMATORS)
    of_tables = {case["check"] for case in drawn if "columns" in case}
    assert of_tables == set(cases.CHECKS) - {"check_agrees_with_sklearn"}
    assert cases.draw(5) == cases.draw(5)
    for case in drawn[:20]:
        compile(cases.script(case), "case.py", "exec")
        for simpler in cases.simpler(case):
            assert simpler != case
            json.dumps(simpler)
