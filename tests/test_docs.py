"""The Markdown pages mention only files, links, names and commands that exist, and their examples run."""

import ast
import builtins
import functools
import importlib
import keyword
import re
import shlex
import sys
import warnings
from pathlib import Path

import pytest
from helpers.merged import in_one_test
from helpers.sources import PACKAGE, ROOT, in_repository
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from test_imports import FLOOR_OF

#: The recipes mention files and names that a reader is about to add; `test_extending` follows them.
RECIPES = "docs/extending.md"
ALL_PAGES = sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
PERFORMANCE = "docs/performance.md"
PAGES = [page for page in ALL_PAGES if page != RECIPES]
TEXTS = {page: (ROOT / page).read_text(encoding="utf-8") for page in ALL_PAGES}
#: Folders of the repository to which paths in a page may be relative.
BASES = ["", "fastmlp"]
#: Files and folders that are not part of the repository.
ELSEWHERE = {"/tmp", ".venv", "__pycache__", ".numba_config.yaml", "folder/fashion_mnist.npz", "build/", "build/docs"}
#: Words in code spans that belong to other programs, or that a page gives as an example of a name.
OTHERS = {
    "HalvingGridSearchCV",
    "Incremental",
    "NUMBA_DISABLE_JIT",
    "ProgressBar",
    "ScoringMonitor",
    "X_test",
    "VotingRegressor",
    "X_train",
    "bench",
    "clone",
    "docs",
    "dask_ml",
    "dataframe",
    "flock",
    "pip",
    "read_parquet",
    "set_callbacks",
    "test_barrier_waits_for_all",
    "umask",
    "wrappers",
    "y_test",
    "y_train",
}
#: Owners of dotted names in code spans that are not in the package.
OUTSIDE = {"RandomState", "fastmlp", "model", "sklearn", "threadpoolctl", "torch"}


def without_blocks(text):
    """The page without its code blocks, fenced or indented."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^ {4}.*$", "", text, flags=re.MULTILINE)


def code_spans(page):
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", without_blocks(TEXTS[page]))]


def python_blocks(page):
    return re.findall(r"^```python\n(.*?)^```$", TEXTS[page], flags=re.MULTILINE | re.DOTALL)


def commands(page):
    """Command lines in code spans and in indented blocks, without their comments."""
    lines = re.findall(r"^ {4}(\S.*)$", TEXTS[page], flags=re.MULTILINE)
    found = [part.split("  #")[0].strip() for line in [*code_spans(page), *lines] for part in line.split("&&")]
    return [line for line in found if line.startswith(("python ", "make ", ".venv/bin/python "))]


@functools.cache
def syntax_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def identifiers(path):
    """Every name in a Python file: variables, attributes, arguments, definitions, imports, and quoted names."""
    names = set()
    for node in ast.walk(syntax_of(path)):
        for field in ("id", "attr", "arg", "name", "asname", "module"):
            if isinstance(name := getattr(node, field, None), str):
                names.update(name.split("."))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 40:
            names.add(node.value)
    return names


@pytest.fixture(scope="module")
def known_names():
    sources = [(path, folder) for folder in (PACKAGE, ROOT / "benchmarks") for path in folder.rglob("*.py")]
    names = {name for source, _ in sources for name in identifiers(source)}
    names |= {part for source, folder in sources for part in source.relative_to(folder.parent).with_suffix("").parts}
    return names | OTHERS | {*dir(builtins), *keyword.kwlist, *sys.stdlib_module_names}


def anchors(text):
    """GitHub's anchors of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def missing_paths(span):
    """Words of a span that look like paths of the repository, but do not exist."""
    for word in span.split():
        word = word.strip("(),:;").split("::")[0]
        looks_like_one = re.fullmatch(r"[\w.\-/]+", word) and (word.endswith((".py", ".md", ".toml")) or "/" in word)
        if not looks_like_one or word in ELSEWHERE or word.startswith((".venv/", "/")):
            continue
        if not any(in_repository(Path(base, word)).exists() for base in BASES):
            yield word


@in_one_test()
@pytest.mark.parametrize("page", PAGES)
def test_paths_exist(page):
    assert not [path for span in code_spans(page) for path in missing_paths(span)]


def test_the_table_of_the_benchmarks_lists_every_file():
    folder = ROOT / "benchmarks"
    named = set(re.findall(r"^`(.+?)`", (folder / "__init__.py").read_text(encoding="utf-8"), flags=re.MULTILINE))
    there = {path.name for path in folder.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert named == there | {"sweep/", "tables/"}


def test_a_missing_path_is_found():
    assert list(missing_paths("python engine/layout.py kernels/linalg/ kernels/no_such.py no/such/")) == [
        "kernels/no_such.py",
        "no/such/",
    ]


@in_one_test()
@pytest.mark.parametrize("page", ALL_PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[page]):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        there = in_repository(Path(page).parent / path if path else page)
        assert there.exists(), f"{page} links to {target}"
        assert not anchor or anchor in anchors(there.read_text(encoding="utf-8")), f"{page} links to {target}"


@in_one_test()
@pytest.mark.parametrize("page", PAGES)
def test_public_names_can_be_imported(page):
    for dotted in re.findall(r"\bfastmlp(?:\.[A-Za-z_]\w*)+", " ".join(code_spans(page))):
        parts = dotted.split(".")
        if parts[-1] == "py":
            continue
        value = importlib.import_module(parts[0])
        for end, part in enumerate(parts[1:], start=2):
            if not hasattr(value, part):
                importlib.import_module(".".join(parts[:end]))
            value = getattr(value, part)


@in_one_test(shared=("known_names",))
@pytest.mark.parametrize("page", PAGES)
def test_names_of_the_code_exist(page, known_names):
    """Pages do not mention names that were changed in the code."""
    spans = [span for span in code_spans(page) if re.fullmatch(r"@?[A-Za-z_][\w.]*(\(.*\))?", span)]
    words = {word for span in spans for word in re.findall(r"[A-Za-z_]\w*", span.split("(")[0])}
    paths = {word for span in spans if span.endswith((".py", ".md", ".npz")) for word in re.findall(r"\w+", span)}
    assert not sorted(words - paths - known_names)


@pytest.fixture(scope="module")
def names_by_owner():
    """Module or class of the package ↦ the names in its file."""
    names = {}
    for source in PACKAGE.rglob("*.py"):
        classes = [node.name for node in syntax_of(source).body if isinstance(node, ast.ClassDef)]
        for owner in (source.stem, *classes):
            names.setdefault(owner, set()).update(identifiers(source))
    return names


@in_one_test(shared=("names_by_owner",))
@pytest.mark.parametrize("page", PAGES)
def test_dotted_names_belong_together(page, names_by_owner):
    for span in code_spans(page):
        if not re.fullmatch(r"\w+\.\w+(\(.*\))?", span) or span.endswith((".py", ".md")):
            continue
        owner, name = span.split("(")[0].split(".")
        if owner not in OUTSIDE and owner not in sys.stdlib_module_names:
            assert name in names_by_owner.get(owner, ()), f"{page}: {span}"


def test_terms_of_the_glossary_exist_in_the_code(known_names):
    """All terms that are written as names."""
    terms = re.findall(r"^\| ([^|]+) \|", TEXTS["docs/glossary.md"], flags=re.MULTILINE)
    names = {name for term in terms for name in re.findall(r"[A-Za-z]\w*_\w+", term)}
    assert len(names) > 5
    parts = {part for name in known_names for part in (name, name.removesuffix("s"))}
    assert not sorted(name for name in names if name not in parts and f"{name}s" not in parts)


def test_every_folder_of_the_package_is_in_the_table():
    table = re.findall(r"^\| (`.*?) \|", TEXTS["docs/architecture.md"], flags=re.MULTILINE)
    named = {name.removesuffix("/").removesuffix(".py") for row in table for name in re.findall(r"`([^`]+)`", row)}
    assert named == set(FLOOR_OF) - {"__init__", "__main__", "kernels"}


def test_readme_and_page_describe_the_benchmarks_cases():
    from benchmarks.cases import CASES

    tables = [re.search(r"^\| case \|.*?(?=\n\n)", TEXTS[page], re.M | re.S)[0] for page in ("README.md", PERFORMANCE)]
    assert tables[0] == tables[1]
    rows = re.findall(r"^\| (\w+) \| ([\d,]+) × ([\d,]+)[^→]*→ (\d+), .* batch (\d+) \|", tables[0], re.MULTILINE)
    described = [(name, *(int(number.replace(",", "")) for number in numbers)) for name, *numbers in rows]
    assert described == [(case.name, case.rows, case.features, case.classes, case.batch) for case in CASES]


@pytest.mark.parametrize("page", ALL_PAGES)
def test_commands_are_understood(page, monkeypatch, capsys):
    from benchmarks.__main__ import parse_arguments
    from benchmarks.peers import NAMES
    from benchmarks.session import SUITES

    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    for command in commands(page):
        program, *arguments = shlex.split(command)
        if program == "make":
            assert arguments[0] in targets, command
        elif arguments[:2] == ["-m", "benchmarks"]:
            options = parse_arguments(arguments[2:])
            assert set(options.suites or []) <= set(SUITES), command
            assert set(options.peers or []) <= set(NAMES), command


@pytest.mark.parametrize(
    "page, number", [(page, number) for page in PAGES for number in range(len(python_blocks(page)))]
)
def test_examples_run(page, number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    X, y = load_digits(return_X_y=True)
    names = {"X_train": X[:200] / 16, "y_train": y[:200], "X_test": X[200:250] / 16, "y_test": y[200:250]}
    table = [[float(number), "red" if number % 3 else None] for number in range(40)]
    names |= {"table": table, "prices": X[:40].mean(axis=1), "other_rows": table[:5]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        exec(compile(python_blocks(page)[number], page, "exec"), names)
