"""The suite `cores`: its cases, numbers of threads, peers and table."""

import pytest

from benchmarks import __main__ as command
from benchmarks import session
from benchmarks.cases import MANY_CORES, cases_of_cores, find_cases
from benchmarks.data import make_data
from benchmarks.harness import Measurement
from benchmarks.many_cores import format_cores
from benchmarks.peers import find_peers
from benchmarks.session import Session, SessionConfig


def test_numbers_of_threads(monkeypatch):
    """1, 2, 4, … and all cores for `cores`; 1 and all for other suites."""
    for module in (command, session):
        monkeypatch.setattr(module, "all_cores", lambda: list(range(6)))
    asked = []
    monkeypatch.setattr(command, "run_elsewhere", lambda options, plan: asked.append(plan))
    for suites in ("cores", "training,cores", "training"):
        command.find_sessions(command.parse_arguments(["--suites", suites]))
    both = ["training", "cores"]
    assert [(plan.threads, plan.suites) for plan in asked] == [
        (1, ["cores"]), (2, ["cores"]), (4, ["cores"]), (6, ["cores"]),
        (1, both), (2, ["cores"]), (4, ["cores"]), (6, both), (1, ["training"]), (6, ["training"]),
    ]  # fmt: skip


def test_cases_and_peers():
    names = [case.name for case in cases_of_cores(None)]
    assert names == ["medium", "wide", "regression", "tall", "big", "simplechains"]
    assert all(case.peers == MANY_CORES and case.dtypes == ("float32",) for case in cases_of_cores(["big", "sparse"]))
    assert "big" not in [case.name for case in find_cases(None)]
    peers = {peer.name: peer for peer in find_peers(list(MANY_CORES), 2)}
    assert set(peers) == set(MANY_CORES)
    assert peers["fastmlp-bfloat16"].matmul_precision == "bfloat16"
    assert peers["pytorch-bfloat16"].autocast
    assert not SessionConfig(2, ["float32"], 5, cores=4).wants("training")
    assert SessionConfig(2, ["float32"], 5, cores=4).wants("cores")


def test_a_fit_in_reduced_precision():
    """A real trial of each precision, with few rows."""
    case = find_cases(["tiny"])[0]
    X, y = make_data(case, "float32")
    for peer in find_peers(["fastmlp-bfloat16_3x", "fastmlp-bfloat16"], 1):
        trial = peer.prepare(case, X[:64], y[:64], 1, 0)
        with pytest.warns(UserWarning, match="converge"):
            trial.fit()
        assert trial.model.matmul_precision == peer.name.partition("-")[2]
        assert trial.answer().epochs == 1


def measured(threads, **seconds):
    result = Measurement(find_cases(["tiny"])[0], "float32", 1, threads=threads)
    result.seconds = {name.replace("_", "-"): [value] * 3 for name, value in seconds.items()}
    return Session({}, {"threads": threads}, measurements=[result])


def test_the_table():
    """157 steps: 157 ms are a thousand microseconds a step."""
    one = measured(1, fastmlp=0.157, fastmlp_bfloat16=0.314, pytorch=0.314, jax=0.471)
    two = measured(2, fastmlp=0.0785, fastmlp_bfloat16=0.314, pytorch=0.157, jax=0.471)
    lines = [line.split() for line in format_cores([one, two]).splitlines()]
    assert lines[0] == ["case", "peer", "1", "threads", "2", "threads", "efficiency", "×", "the", "best"]
    assert lines[1] == ["tiny", "fastmlp", "1000.0", "500.0", "1.00", "2.00"]
    assert lines[2] == ["tiny", "fastmlp-bfloat16", "2000.0", "2000.0", "0.50", "0.50"]
    assert lines[3] == ["tiny", "pytorch", "2000.0", "1000.0", "1.00", "–"]
    assert lines[4] == ["tiny", "jax", "3000.0", "3000.0", "0.50", "–"]
    assert format_cores([measured(1, fastmlp=1.0, pytorch=1.0)]) == ""
