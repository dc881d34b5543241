"""A case: an estimator, data and a check, each part an expression; drawn, simplified, and written as a script."""

import ast
import functools
import inspect
import operator
import random
from collections.abc import Iterator
from copy import deepcopy

from fuzz import checks, exports, pools, support

ESTIMATORS = ["MLPClassifier", "MLPRegressor", "TabularMLPClassifier", "TabularMLPRegressor"]
CHECKS = [name for name in vars(checks) if name.startswith("check_")]
#: How often a drawn part is one that should be refused, and how often a parameter is drawn at all.
BAD, DRAWN = 0.03, 0.12
#: How often rows, or layers, are so many that they are cut into parts.
LARGE = 0.03
HEADER = '''"""{title}

Run it in the repository: PYTHONPATH=.:tests python {path}
"""
'''
EVERY_NAME = "from fastmlp import *"
BODY = """
def make(**changes):
    return {estimator}(**{{**dict({parameters}), **changes}})


def make_data():
    rng = np.random.RandomState({seed})
    n = {rows}
    signal, noise = rng.standard_normal((2, n))
{lines}
    damages = {damages}
    second = dict({second})
    return SimpleNamespace(**{{name: value for name, value in locals().items() if name not in ("rng", "n")}})


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    try:
        data, _ = make_data(), make()
    except NameError:
        raise
    except Exception as error:
        raise SystemExit(f"no case: {{error}}")
try:
    {check}(make, data)
except Refused as error:
    print("refused:", error)
"""


def draw(seed: int) -> dict:
    """Return the case of a seed."""
    one = random.Random(seed)
    estimator = one.choices(ESTIMATORS, [5, 5, 2, 2])[0]
    is_table, classes = estimator.startswith("Tabular"), estimator.endswith("Classifier")
    names = [name for name in CHECKS if is_table or name != "check_new_rows"]
    if is_table:
        names.remove("check_agrees_with_sklearn")
    check = one.choice(names)
    case = {
        "check": check, "estimator": estimator, "seed": one.randrange(1000), "rows": _draw_rows(one),
        "parameters": _draw_parameters(one, estimator, check), "damages": [one.randrange(10**6) for _ in range(8)],
        "second": one.choice(pools.SECOND_FITS),
    }  # fmt: skip
    if is_table:
        columns = [_pick(one, pools.COLUMNS, pools.BAD_COLUMNS) for _ in range(one.randint(1, 5))]
        case |= {"columns": columns, "form": _usually_first(one, pools.TABLE_FORMS)}
    else:
        case |= {
            "features": one.choice([1, 2, 3, 4, 9, 17, 40]), "dtype": _usually_first(one, pools.DTYPES),
            "values": _usually_first(one, pools.VALUES, pools.BAD_VALUES), "form": _usually_first(one, pools.FORMS),
        }  # fmt: skip
    targets = (pools.CLASSES, pools.BAD_CLASSES) if classes else (pools.NUMBERS, pools.BAD_NUMBERS)
    case["target"] = _usually_first(one, *targets)
    case["weights"] = _usually_first(one, pools.WEIGHTS, pools.BAD_WEIGHTS)
    case["validation"] = "X, y" if one.random() < 0.1 else "None, None"
    return case


def _draw_rows(one: random.Random) -> int:
    if one.random() < LARGE:
        return 2100
    return one.choice([1, 2, 3, 5, 8, 13, 20, 20, 20, 33, 60, 200, 300])


def _pick(one: random.Random, usual: list[str], bad: list[str]) -> str:
    return one.choice(bad if one.random() < BAD else usual)


def _usually_first(one: random.Random, usual: list[str], bad: list[str] | None = None) -> str:
    return usual[0] if one.random() < 0.5 else _pick(one, usual, bad or usual)


def _draw_parameters(one: random.Random, estimator: str, check: str) -> dict[str, str]:
    is_table, classes = estimator.startswith("Tabular"), estimator.endswith("Classifier")
    if is_table:
        pool = pools.TABLES | (pools.TABLES_OF_CLASSES if classes else pools.OF_NUMBERS)
        drawn = {"recipe": "'fast'", "hidden_layer_sizes": one.choice(pools.TABLES["hidden_layer_sizes"]),
                 "n_members": one.choice(pools.TABLES["n_members"]), "max_iter": str(one.randint(1, 4))}  # fmt: skip
    else:
        beyond = (
            {}
            if check == "check_agrees_with_sklearn"
            else pools.OWN | (pools.OF_CLASSES if classes else pools.OF_NUMBERS)
        )
        pool = {name: pools.SHARED.get(name, []) + beyond.get(name, []) for name in pools.SHARED | beyond}
        drawn = {
            "hidden_layer_sizes": one.choice(pools.SHARED["hidden_layer_sizes"]),
            "max_iter": str(one.randint(1, 6)),
        }
    if one.random() < LARGE:
        drawn["hidden_layer_sizes"] = "(400, 400)"
    drawn["random_state"] = str(one.randint(0, 9))
    drawn |= {name: one.choice(values) for name, values in pool.items() if one.random() < DRAWN}
    if check != "check_agrees_with_sklearn" and one.random() < BAD:
        drawn[one.choice(list(pool))] = one.choice(pools.HOSTILE)
    return drawn


#: The simplest of each part.
SIMPLEST = {
    "values": "X", "dtype": "np.float64", "form": "X", "weights": "None", "validation": "None, None", "seed": 0,
    "second": "y=None", "damages": [],
}  # fmt: skip
NEEDED = {"hidden_layer_sizes": "(1,)", "max_iter": "1", "random_state": "0", "n_members": "1", "recipe": "'fast'"}


def simpler(case: dict) -> Iterator[dict]:
    """Yield cases that are simpler in one respect."""

    def changed(**parts):
        return {**deepcopy(case), **parts}

    for name, value in case["parameters"].items():
        others = {other: each for other, each in case["parameters"].items() if other != name}
        if name not in NEEDED:
            yield changed(parameters=others)
        elif value != NEEDED[name]:
            yield changed(parameters={**others, name: NEEDED[name]})
    for name in SIMPLEST.keys() & case.keys():
        if case[name] != SIMPLEST[name] and not (name == "second" and case["check"] != "check_refused_changes_nothing"):
            yield changed(**{name: SIMPLEST[name]})
    usual = pools.CLASSES if case["estimator"].endswith("Classifier") else pools.NUMBERS
    if case["target"] != usual[0]:
        yield changed(target=usual[0])
    for name in ("rows", "features"):
        for fewer in (case.get(name, 0) // 2, case.get(name, 0) - 1):
            if 0 < fewer < case[name]:
                yield changed(**{name: fewer})
    for number in range(len(case.get("columns", ()))):
        if len(case["columns"]) > 1:
            yield changed(columns=case["columns"][:number] + case["columns"][number + 1 :])
        if case["columns"][number] != pools.COLUMNS[0]:
            yield changed(columns=[*case["columns"][:number], pools.COLUMNS[0], *case["columns"][number + 1 :]])
    if len(case["damages"]) > 1:
        yield from (changed(damages=[each]) for each in case["damages"])


def script(case: dict, title: str = "A case.", path: str = "case.py") -> str:
    """Return the case as a Python program, which fails if the check does."""
    if "columns" in case:
        names = ", ".join(f'"{name}": {each}' for name, each in zip("abcdefgh", case["columns"], strict=False))
        lines = [f"X = pd.DataFrame({{{names}}})"]
    else:
        lines = [f"X = rng.standard_normal((n, {case['features']}))", "X[:, 0] = signal", f"X = {case['values']}"]
        lines += [f"X = X.astype({case['dtype']})"] if case["dtype"] != "np.float64" else []
    lines += [f"X = {case['form']}", f"y = {case['target']}", f"sample_weight = {case['weights']}",
              f"X_val, y_val = {case['validation']}"]  # fmt: skip
    body = BODY.format(
        **{name: case[name] for name in ("estimator", "seed", "rows", "damages", "second", "check")},
        parameters=", ".join(f"{name}={value}" for name, value in case["parameters"].items()),
        lines="\n".join("    " + line for line in lines),
    )
    heads, parts = _parts()
    needed = _needed(ast.parse(body), parts)
    together = "\n\n\n".join(parts[name] for name in parts if name in needed)
    imports = "\n".join(dict.fromkeys([*heads, "import warnings", "from types import SimpleNamespace", EVERY_NAME]))
    return f"{HEADER.format(title=title, path=path)}{imports}\n\n\n{together}\n\n{body}"


@functools.cache
def _parts() -> tuple[list[str], dict[str, str]]:
    """Return imports and functions of the modules that scripts need."""
    heads, parts = zip(*(_split(inspect.getsource(module)) for module in (support, exports, checks)), strict=True)
    return [line for head in heads for line in head], functools.reduce(operator.or_, parts)


def _split(source: str) -> tuple[list[str], dict[str, str]]:
    """Return the imports of a module, and the source of each of its functions and classes."""
    tree, lines = ast.parse(source), source.splitlines()
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    head = [ast.unparse(node) for node in imports if not ast.unparse(node).startswith("from fuzz")]
    parts = {}
    for node in tree.body:
        text = "\n".join(lines[node.lineno - 1 : node.end_lineno])
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            parts[node.name] = text
        elif isinstance(node, ast.Assign):
            parts[ast.unparse(node.targets[0])] = text
    return head, parts


def _needed(tree: ast.AST, parts: dict[str, str]) -> set[str]:
    """Return the names of the parts that a program uses, and those that they use."""
    needed: set[str] = set()
    waiting = [tree]
    while waiting:
        names = {node.id for node in ast.walk(waiting.pop()) if isinstance(node, ast.Name)} & parts.keys()
        waiting += [ast.parse(parts[name]) for name in names - needed]
        needed |= names
    return needed
