"""Every worked example of `examples/` runs, with the numbers that it states: to 1e-9 where they are exact."""

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
#: The demonstration needs minutes and data; the other one has the functions that print.
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem not in ("demo", "side_by_side"))


@pytest.fixture(autouse=True)
def _beside_the_scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield
    for name in (*SCRIPTS, "side_by_side"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("script", SCRIPTS)
def test_example(script, capsys):
    rows = importlib.import_module(script).main()
    assert rows
    for row in rows:
        if row.decimals is None:
            np.testing.assert_allclose(row.computed, row.expected, rtol=1e-9, atol=0, err_msg=row.name)
        else:
            np.testing.assert_allclose(row.computed, row.expected, rtol=0, atol=10.0**-row.decimals, err_msg=row.name)
    printed = capsys.readouterr().out
    assert "differs" not in printed
    assert "NO" not in printed
    assert all(row.name in printed for row in rows)


def test_every_deck_has_its_script():
    assert [name[:8] for name in SCRIPTS if name.startswith("deck_")] == [f"deck_00{number}" for number in range(5)]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_says_how_to_run_it(script):
    assert f"``python examples/{script}.py``" in (EXAMPLES / f"{script}.py").read_text(encoding="utf-8")


def test_difference_is_detected(capsys):
    table = importlib.import_module("side_by_side").SideBySide("Title")
    table.exact("a", 1 + 1e-8, 1)
    table.exact("b", [1, 2], [1, 2 + 1e-8])
    table.rounded("c", 0.12, 0.1, 2)
    table.holds("d", False)
    table.exact("e", 0.0, 1e-300)
    assert not any(row.agrees for row in table.rows)
    assert len(re.findall("differs|NO", capsys.readouterr().out)) == 5
    table.exact("f", 1 + 1e-10, 1)
    table.rounded("g", 0.119, 0.11, 2)
    table.holds("h", True)
    assert all(row.agrees for row in table.rows[5:])
    with pytest.raises(ValueError, match="shape"):
        table.exact("i", [1], 1)
