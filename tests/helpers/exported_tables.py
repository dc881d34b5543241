"""Small models for tables of every recipe, encoding, task and loss, and random ones, for the tests of exports."""

import ast
import functools
import re

import numpy as np
import pandas as pd

from fastmlp import Focal, Huber, LogLoss, Quantile, TabularMLPClassifier, TabularMLPRegressor, Tweedie
from fastmlp.activations import ACTIVATIONS
from fastmlp.losses import names_for
from fastmlp.tabular.recipes import RECIPES

#: Values of a column of each kind, (rng, n) ↦ an array or a list; numbers are exact in float32.
COLUMNS = {
    "numbers": lambda rng, n: rng.standard_normal(n).astype(np.float32),
    "gaps": lambda rng, n: with_gaps(rng, 3 + rng.standard_normal(n).astype(np.float32), np.nan),
    "far": lambda rng, n: (1e6 + rng.standard_normal(n)).astype(np.float32),
    "tiny": lambda rng, n: (1e-20 * rng.standard_normal(n) ** 3).astype(np.float32),
    "counts": lambda rng, n: rng.poisson(1.0, n),
    "days": lambda rng, n: rng.randint(16_000_000, 16_000_100, n),
    "mostly zero": lambda rng, n: ((rng.uniform(size=n) > 0.9) * rng.uniform(1, 2, n)).astype(np.float32),
    "constant, gaps": lambda rng, n: with_gaps(rng, np.ones(n, np.float32), np.nan),
    "constant": lambda rng, n: np.full(n, 2.0, np.float32),
    "truth": lambda rng, n: rng.uniform(size=n) > 0.4,
    "two words": lambda rng, n: words(rng, n, ["no", "yes ü"]),
    "words, gaps": lambda rng, n: with_gaps(rng, words(rng, n, ['a"\\?', "*/ b", "ç", "d\n"]), None),
    "many words": lambda rng, n: words(rng, n, [f"k{number}" for number in range(11)]),
    "one word": lambda rng, n: words(rng, n, ["same"]),
    "two codes": lambda rng, n: rng.choice([-1.0, 4.0], n),
    "codes, gaps": lambda rng, n: with_gaps(rng, rng.choice([0.1, 2.5, -3.0, 7.0], n), np.nan),
    "many codes": lambda rng, n: rng.permutation(np.arange(n) % 12 * 5 - 7),
}
CODES = ("two codes", "codes, gaps", "many codes")
WORDS = ("two words", "words, gaps", "many words", "one word")
SMALL = {"hidden_layer_sizes": (6, 5), "max_iter": 1, "validation_fraction": 0.0, "n_jobs": 1, "random_state": 0}


def words(rng, n, values):
    return np.array(values, object)[rng.permutation(np.arange(n) % len(values))]


def with_gaps(rng, values, missing):
    values = np.array(values)
    values[rng.uniform(size=len(values)) < 0.2] = missing
    return values


def draw_table(rng, kinds, n=60):
    """A DataFrame with a column of each kind."""
    return pd.DataFrame({f"{at} {kind}": COLUMNS[kind](rng, n) for at, kind in enumerate(kinds)})


def draw_rows(rng, kinds, n=40):
    """Other rows of such a table: with gaps in all columns that may have them, unknown categories, and outliers."""
    rows = draw_table(rng, kinds, n)
    for name, kind in zip(rows.columns, kinds, strict=True):
        if kind in WORDS:
            rows.loc[:3, name] = ["unknown", None, "", "K0"]
        elif kind in CODES:
            rows[name] = rows[name].astype(float)
            rows.loc[:2, name] = [99.0, np.nan, 2.500001]
        elif kind != "truth":
            rows[name] = rows[name].astype(np.float32)
            rows.loc[3, name] = np.nan
            spread = np.nanmax(np.abs(rows[name] - np.nanmedian(rows[name])))
            rows.loc[4:5, name] = np.nanmedian(rows[name]) + np.array([-3 * spread, 2 * spread])
    return rows


def draw_targets(rng, kind, n=60):
    z = rng.standard_normal((n, 3))
    return {
        "binary": z[:, 0] > 0, "classes": words(rng, n, ["a", 'b"\\?', "ç"]), "numbers": rng.permutation(n) % 4 * 3 - 2,
        "one class": np.zeros(n, int), "labels": (z > 0).astype(int),
        "target": 5 + 2 * z[:, 0], "column": z[:, :1], "targets": z * [1, 10, 100] + [0, 50, -3],
        "positive": abs(z[:, 0]) + 0.1, "positives": abs(z[:, :2]) + 0.1,
    }[kind]  # fmt: skip


def fitted(rng, X, kind, kinds, y=None, **parameters):
    """A model with random parameters, by a training of one epoch; targets are drawn by default."""
    categories = [kind in CODES for kind in kinds] if any(kind in CODES for kind in kinds) else None
    if categories is not None:
        of_type = [kind in (*CODES, *WORDS, "truth") for kind in kinds]
        parameters = {"categorical_features": of_type, **parameters}
    make = TabularMLPRegressor if kind in REGRESSIONS else TabularMLPClassifier
    model = make(**{**SMALL, **parameters}).fit(X, draw_targets(rng, kind, len(X)) if y is None else y)
    for member in model.members_:
        member.params[...] += 0.2 * rng.standard_normal(member.params.size)
    return model


REGRESSIONS = ("target", "column", "targets", "positive", "positives")
POSITIVE = ("poisson", "gamma", "tweedie")
#: Parameters and targets of models whose tables have a column of each kind.
CASES = [
    *(({"recipe": recipe}, kind) for recipe in RECIPES for kind in ("classes", "targets")),
    *(({"numeric_encoding": each}, kind) for each in (None, "periodic", "piecewise-linear") for kind in
      ("numbers", "target")),
    *(({"recipe": "realmlp-td-s", "numeric_encoding": each, "n_bins": 3}, "column") for each in ("piecewise-linear",
                                                                                               "periodic")),
    ({"recipe": "realmlp-td", "label_smoothing": 0.4, "loss": LogLoss()}, "binary"),
    ({"recipe": "fast", "label_smoothing": 0.0, "max_one_hot_categories": 2}, "classes"),
    ({"recipe": "fast", "max_one_hot_categories": None, "hidden_layer_sizes": ()}, "one class"),
    ({"recipe": "fast", "loss": "focal"}, "labels"), ({"recipe": "fast", "loss": Focal(gamma=1.0)}, "binary"),
    ({"recipe": "fast", "loss": LogLoss(label_smoothing=0.2)}, "labels"),
    ({"recipe": "fast", "loss": Quantile((0.1, 0.5, 0.9))}, "target"),
    ({"recipe": "fast", "loss": Quantile((0.1, 0.5, 0.9), crossing=False)}, "column"),
    ({"recipe": "fast", "loss": Quantile((0.3, 0.7), crossing=False)}, "targets"),
    ({"recipe": "fast", "loss": "poisson"}, "positive"),
    ({"recipe": "fast", "loss": Tweedie(1.2)}, "positives"), ({"recipe": "fast", "loss": Huber(2.0)}, "targets"),
]  # fmt: skip
#: The rest: each loss by its name, each activation with slopes.
MORE = [
    *(({"recipe": "fast", "loss": name}, "positive") for name in names_for("regressor")),
    *(({"recipe": "fast", "activation": name}, "target") for name, one in ACTIVATIONS.items() if one.is_elementwise
      and name != "exp"),
]  # fmt: skip


@functools.cache
def every_table_model(more=False):
    """Return (name, model, rows) of each case, with a column of each kind."""
    rng, kinds, found = np.random.RandomState(0), list(COLUMNS), []
    X, rows = draw_table(rng, kinds), draw_rows(rng, kinds)
    for parameters, kind in (*CASES, *(MORE if more else ())):
        found.append((f"{parameters} {kind}", fitted(rng, X, kind, kinds, **parameters), rows))
    return found


def random_table_model(seed, without=()):
    """Return (name, model, rows) of a random table and random parameters."""
    rng = np.random.RandomState(seed)
    kinds = rng.choice([kind for kind in COLUMNS if kind not in without], rng.randint(1, 6)).tolist()
    kinds.append(str(rng.choice([kind for kind in COLUMNS if "constant" not in kind and kind != "one word"])))
    kinds = [kind for kind in kinds if kind not in without] or ["numbers"]
    tasks = [*REGRESSIONS, "binary", "classes", "numbers", "one class", "labels"]
    target = str(rng.choice(tasks))
    parameters = {
        "recipe": str(rng.choice(list(RECIPES))), "n_members": rng.randint(1, 4), "n_bins": rng.randint(1, 20),
        "hidden_layer_sizes": tuple(rng.randint(1, 20, rng.randint(0, 4)).tolist()),
        "numeric_encoding": [None, "auto", "periodic", "piecewise-linear"][rng.randint(4)],
        "max_one_hot_categories": ["auto", None, 2, 3, 20][rng.randint(5)],
        "activation": [None, "relu", "tanh", "mish"][rng.randint(4)],
    }  # fmt: skip
    if "positive" in target:
        parameters["loss"] = str(rng.choice(POSITIVE))
    elif target in REGRESSIONS:
        parameters["loss"] = ["squared_error", "huber", Quantile((0.2, 0.8), crossing=False)][rng.randint(3)]
    X, rows = draw_table(rng, kinds), draw_rows(rng, kinds)
    return f"seed {seed}: {kinds} {parameters} {target}", fitted(rng, X, target, kinds, **parameters), rows


def single_class_model():
    """Return a model of one class whose share underflows, and its rows: 0 / 0 would be NaN."""
    X = np.linspace(-1e6, 1e6, 10, dtype=np.float32)[:, np.newaxis]
    model = TabularMLPClassifier("fast", n_members=1, max_iter=1, random_state=0).fit(X, ["a"] * 10)
    model.members_[0].intercepts[-1][...] = [-200, 0]
    return model, X


def listed_codes(code):
    """Return for each column that the comment at the head lists what it lists: None, or codes by category."""
    columns, head = {}, code.partition("*/")[0]
    for column, name, what, lines in re.findall(r'^   x\[(\d+)\]  (".*"): (.*)((?:\n       .*)*)', head, flags=re.M):
        assert int(column) == len(columns)
        categories = re.findall(r"(\d+)  (.*)", lines)
        listed = {literal(value): int(number) for number, value in categories}
        columns[literal(name)] = {"a number": None, "a category": listed, "not used": {}}[what]
        assert bool(listed) == (what == "a category")
    return columns


def literal(text):
    """Return the value of a number, or of a string of C in UTF-8."""
    value = ast.literal_eval(text)
    return value.encode("latin-1").decode("utf-8") if isinstance(value, str) else value


def code_rows(columns, rows):
    """Return rows for `to_c`, (n, n_features): of each column None, for numbers, or the codes of its categories."""
    found = np.zeros(rows.shape, np.float32)
    for at, (name, codes) in enumerate(columns.items()):
        column = rows[name].tolist()
        found[:, at] = column if codes is None else [codes.get(value, 0) for value in column]
    return found


def estimates_of(model, rows):
    return model.predict_proba(rows) if hasattr(model, "predict_proba") else model.predict(rows)


def assert_near(found, exact, what, tolerance=1e-6):
    """Relative to the largest number of a column of the outputs, or to one."""
    found, exact = np.asarray(found, np.float64), np.asarray(exact, np.float64)
    assert found.shape == exact.shape, (what, found.shape, exact.shape)
    error = np.abs(found - exact) / np.maximum(np.abs(exact).max(axis=0), 1.0)
    assert error.max() <= tolerance, (what, error.max(), exact.ravel()[error.argmax()])
