"""Sessions and results as a JSON file that includes all single times: written and read."""

import json
from dataclasses import asdict
from pathlib import Path
from statistics import median

from .cases import Case
from .comparison import Comparison
from .findings import Finding
from .goals import Outcome
from .harness import Measurement
from .ratios import Spread
from .session import Session
from .sweep.cells import GROUPS, Cell, find_group
from .sweep.timing import Timing


def write_record(path: str, sessions: list[Session], outcomes: list[Outcome]) -> None:
    content = {
        "sessions": [
            asdict(session)
            | {"measurements": [_plain_measurement(one) for one in session.measurements]}
            | {"timings": [_plain_timing(one) for one in session.timings]}
            for session in sessions
        ],
        "goals": [
            {"goal": one.goal.text, "limit": one.goal.limit, "reached": one.reached, "found": one.found}
            for one in outcomes
        ],
    }
    Path(path).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_record(path: str) -> list[Session]:
    """Return the sessions of a file that `write_record` wrote."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    return [_session(one) for one in content["sessions"]]


def _session(plain: dict) -> Session:
    known = Session(**plain)
    known.measurements = [_measurement(one) for one in plain["measurements"]]
    known.comparisons = [
        Comparison(**one | {"ratio": Spread(**one["ratio"]) if one["ratio"] else None}) for one in plain["comparisons"]
    ]
    known.findings = [Finding(**one | {"value": Spread(**one["value"])}) for one in plain["findings"]]
    known.timings = [_timing(one) for one in plain.get("timings", [])]
    return known


def _timing(plain: dict) -> Timing:
    names = ("threads", "ours", "theirs", "wrong")
    return Timing(Cell(**_with_tuples(plain["cell"])), **{name: plain[name] for name in names})


def _plain_timing(timing: Timing) -> dict:
    group = find_group(timing.cell)
    ratio = asdict(timing.ratio) if timing.ratio else None
    return {"name": str(timing.cell), "ratio": ratio, "group": group, "limit": GROUPS[group]} | asdict(timing)


def _with_tuples(plain: dict) -> dict:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}


def _measurement(plain: dict) -> Measurement:
    names = ("dtype", "epochs", "seconds", "losses", "wrong", "threads")
    return Measurement(Case(**_with_tuples(plain["case"])), **{name: plain[name] for name in names})


def _plain_measurement(result: Measurement) -> dict:
    steps = {"steps": result.case.steps(result.epochs)}
    per_step = {name: result.microseconds(median(times)) for name, times in result.seconds.items()}
    return asdict(result) | steps | {"microseconds_per_step": per_step}
