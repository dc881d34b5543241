"""Every worked example of `examples/` runs, with the numbers that it states: to 1e-9 where they are exact."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.merged import in_one_test

EXAMPLES = Path(__file__).parents[1] / "examples"
#: The demonstration needs minutes and data, `tables` a minute, `optuna_search` a package (see its test in
#: estimators/test_searches.py); the other two have the functions that print and draw.
OTHERS = ("demo", "optuna_search", "pictures", "side_by_side", "tables")
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem not in OTHERS)
#: Those that draw a picture.
DRAWING = [
    "bumps", "folds", "four_pixel_images", "level_sets", "loss_surface", "piecewise_linear", "vanishing_gradients",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _beside_the_scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield
    for name in (*SCRIPTS, *OTHERS):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("script", SCRIPTS)
def test_example(script, capsys, tmp_path):
    out = tmp_path / "picture.png"
    rows = importlib.import_module(script).main(*([out] if script in DRAWING else []))
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
    assert out.exists() == (f"picture: {out}" in printed) == (script in DRAWING)
    if script in DRAWING:
        assert out.read_bytes().startswith(b"\x89PNG") and out.stat().st_size < 120_000


def test_tables_are_compared(capsys):
    importlib.import_module("tables").main("fast", ["diabetes, mixed (R²)"])
    printed = capsys.readouterr().out
    assert re.search(r"442 rows, 10 columns\n    TabularMLP   0\.\d+ .*\n    boosting     0\.", printed)


def test_an_example_names_its_picture(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    pictures, script = importlib.import_module("pictures"), importlib.import_module("piecewise_linear")
    for arguments, name in (([], "usual.png"), (["--out", "another.svg"], "another.svg")):
        monkeypatch.setattr(sys, "argv", ["piecewise_linear.py", *arguments])
        pictures.run(script.main, script.__doc__, "usual.png")
        assert (tmp_path / name).exists() and f"picture: {name}" in capsys.readouterr().out


def test_without_matplotlib_an_example_prints_its_numbers(monkeypatch, tmp_path, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name))
    rows = importlib.import_module("piecewise_linear").main(tmp_path / "picture.png")
    printed = capsys.readouterr().out
    assert all(row.name in printed for row in rows) and "pip install matplotlib" in printed
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["units.png", "loss_surface.png"])
def test_pictures_of_the_readme_are_small(name):
    assert (EXAMPLES.parent / "docs" / "images" / name).stat().st_size < 120_000


def test_every_deck_has_its_script():
    assert [name[:8] for name in SCRIPTS if name.startswith("deck_")] == [f"deck_00{number}" for number in range(5)]


@in_one_test()
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_says_how_to_run_it(script):
    text = (EXAMPLES / f"{script}.py").read_text(encoding="utf-8")
    assert f"``python examples/{script}.py``" in text
    assert ("``--out``" in text) == (script in DRAWING)


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
