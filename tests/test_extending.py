"""The recipes of docs/extending.md, followed on a copy of the package: the new entries train and pass their tests."""

import os
import re
import shutil
import subprocess
import sys
from typing import NamedTuple

import pytest
from helpers.lanes import CHILD_PROCESSES, copy_cache
from helpers.sources import ROOT, in_repository

RECIPES = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")

#: Heading → how many files a recipe may touch, the completeness test of its table, and what selects its entry's tests.
CONCEPTS = {
    "An activation": (
        4, "tests/activations/test_activations.py::test_every_registered_activation_has_a_case", "log_sigmoid"
    ),
    "An optimizer": (
        5, "tests/optimizers/test_optimizers.py::test_every_registered_optimizer_has_a_case", "adabelief"
    ),
    "A loss": (5, "tests/losses/test_losses.py::test_every_registered_loss_has_a_case", "cauchy or Cauchy"),
    "A schedule": (4, "tests/schedules/test_schedules.py::test_every_schedule_has_a_case", "square-root or SquareRoot"),
}  # fmt: skip
COMPLETENESS = [test for _, test, _ in CONCEPTS.values()]
#: Of the tables' tests those that compile little: the kernels, and networks in one type.
TABLES = [
    "tests/activations/test_activations.py",
    "tests/optimizers/test_optimizers.py::test_update_rule",
    "tests/optimizers/test_optimizers.py::test_parameters_are_immutable_values",
    "tests/optimizers/test_optimizers_convergence.py",
    "tests/optimizers/test_shrinkage.py::test_a_linear_network_is_the_lasso",
    "tests/optimizers/test_shrinkage.py::test_training_steps",
    "tests/losses/test_losses.py::test_from_pre_activations",
    "tests/losses/test_losses.py::test_nan_stays_nan",
    "tests/losses/test_losses_objects.py",
    "tests/schedules/test_schedules.py",
]
#: What would compile the same in another type.
SKIPPED = "(test_network or test_training_steps) and float32"
#: Of the cases in one test, those of the new entries, without what would repeat what was run.
CASES = "^(?!.*(clip_value|max_norm)).*(log_sigmoid|adabelief|[Cc]auchy|square-root|SquareRoot)"
FITS = """
import numpy as np
import pytest
from fastmlp import MLPRegressor, AdaBelief, Cauchy, SquareRootWarmUp

X = np.random.RandomState(0).standard_normal((200, 3))
y = np.sin(X[:, 0])

@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("changed", [
    {"activation": "log_sigmoid"}, {"solver": "adabelief"}, {"solver": AdaBelief(0.01)}, {"loss": "cauchy"},
    {"loss": Cauchy(0.5)}, {"learning_rate": SquareRootWarmUp(0.01, steps=10)},
])
def test_fit_has_a_case(changed):
    model = MLPRegressor(**{"hidden_layer_sizes": (8,), "max_iter": 30, "random_state": 0, **changed}).fit(X, y)
    assert model.loss_curve_[-1] < 0.9 * model.loss_curve_[0]
"""
#: Calls the completeness tests, which must all fail, without pytest's collection of all others.
INCOMPLETE = """
import importlib, sys
sys.path.insert(0, "tests")
for test in sys.argv[1:]:
    file, name = test.removeprefix("tests/").split(".py::")
    try:
        getattr(importlib.import_module(file.replace("/", ".")), name)()
    except AssertionError as error:
        print(error)
    else:
        sys.exit(f"{test} passes without a case")
"""


KEY = "from fastmlp.compiler import cache; print(cache.cache_key())"
#: No recipe edits these sources: the kernels of the loop and of the products are those of this package.
UNTOUCHED = tuple(f"fastmlp/{folder}/" for folder in (
    "compiler", "kernels/loop", "kernels/linalg", "kernels/math", "kernels/lowlevel"
))  # fmt: skip
TOUCHED = ["activations.", "custom.", "losses.", "optimizers."]


class Step(NamedTuple):
    file: str
    where: str
    line: str
    code: str

    def apply(self, folder):
        """Insert the code at the end of the file, or at the only line that reads so."""
        path = folder / self.file
        text = path.read_text(encoding="utf-8")
        if self.where == "at the end":
            path.write_text(f"{text.rstrip()}\n\n\n{self.code}", encoding="utf-8")
            return
        lines = text.splitlines(keepends=True)
        at = [number for number, line in enumerate(lines) if line.strip() == self.line]
        assert at, f"{self.file} has no line {self.line!r}"
        lines.insert(at[0] + (self.where == "after"), self.code)
        path.write_text("".join(lines), encoding="utf-8")


def sections():
    """The recipes by their headings, but for that of a callback, which changes no file."""
    parts = re.split(r"^## (.*)\n", RECIPES, flags=re.M)
    return {name: text for name, text in zip(parts[1::2], parts[2::2], strict=True) if name != "A callback"}


def steps_of(recipe):
    place = r"^In `([^`]+)`, (at the end|before|after)(?: `([^\n]*)`)?:\n\n```python\n(.*?)^```$"
    return [Step(*found) for found in re.findall(place, recipe, flags=re.M | re.S)]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy")
    for name in ("fastmlp", "tests"):
        shutil.copytree(in_repository(name), folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def run(folder, *arguments, **variables):
    paths = folder, folder / CHILD_PROCESSES.relative_to(ROOT)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "NUMBA_CACHE_DIR": str(folder / "cache"),
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )


def run_tests(folder, *arguments):
    return run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", *arguments, CASES=CASES)


def test_every_concept_has_its_recipe():
    assert sections().keys() == CONCEPTS.keys()
    for recipe in sections().values():
        assert recipe.count("```python") == len(steps_of(recipe)) + len(re.findall(r"from\s+`[^`]+`:\n", recipe))


@pytest.mark.parametrize("concept", CONCEPTS)
def test_recipes_touch_few_files(concept):
    steps = steps_of(sections()[concept])
    assert len({step.file for step in steps}) <= CONCEPTS[concept][0]
    assert any(step.file.startswith("tests/oracles/") for step in steps)
    assert f"| {concept.split()[1]} | {len({step.file for step in steps})} |" in RECIPES


def test_the_callback_ends_its_fit(capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```$", RECIPES.partition("## A callback\n")[2], flags=re.M | re.S)
    exec(code, names := {})
    model = names["model"]
    assert 1 < model.n_iter_ < model.max_iter
    assert capsys.readouterr().out.startswith(f"epoch {model.n_iter_}: 1.5")


def test_code_to_start_from_is_in_the_source():
    found = re.findall(r"from\s+`([^`]+)`:\n\n```python\n(.*?)^```$", RECIPES, flags=re.M | re.S)
    assert len(found) == len(CONCEPTS)
    for file, code in found:
        assert code in in_repository(file).read_text(encoding="utf-8"), f"{file} no longer has\n{code}"


@pytest.mark.long
def test_recipes_work(copy):
    """Without its test case an entry is noticed; with it, it trains, and passes the tests of its table."""
    steps = [step for recipe in sections().values() for step in steps_of(recipe)]
    for step in steps:
        if not step.file.startswith("tests/"):
            step.apply(copy)
    assert not [step.file for step in steps if step.file.startswith(UNTOUCHED)]
    copy_cache(copy / "cache", without=TOUCHED, key=run(copy, "-c", KEY).stdout.strip())
    missing = run(copy, "-c", INCOMPLETE, *COMPLETENESS)
    assert missing.returncode == 0, missing.stderr
    assert missing.stdout.count("to CASES in tests/oracles/") == len(CONCEPTS)
    for step in steps:
        if step.file.startswith("tests/"):
            step.apply(copy)
    chosen = " or ".join([*(words for _, _, words in CONCEPTS.values()), "has_a_case", "in_one_test"])
    (copy / "tests" / "test_fits.py").write_text(FITS, encoding="utf-8")
    passed = run_tests(copy, *TABLES, *COMPLETENESS, "tests/test_fits.py", "-k", f"({chosen}) and not ({SKIPPED})")
    assert passed.returncode == 0, passed.stdout[-5000:] + passed.stderr
    assert int(re.search(r"(\d+) passed", passed.stdout)[1]) >= 38
