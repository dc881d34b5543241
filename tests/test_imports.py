"""The house's floors, read from its imports: they point downward only, and each library stays in its rooms."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fastmlp

PACKAGE = Path(fastmlp.__file__).parent

#: From the top floor down; a module may import from its own floor and those below, never in a circle.
FLOORS = [
    {"_pyinstaller"},
    {"__init__", "__main__"},
    {
        "classifier",
        "regressor",
        "_estimator",
        "_fitting",
        "_forward",
        "_parameters",
        "_preparation",
        "_solver_parameters",
        "_validation",
    },
    {"callbacks", "persistence", "display"},
    {"network", "arguments"},
    {"newton", "levenberg_marquardt"},
    {"second_order"},
    {
        "training",
        "full_batch",
        "mean_loss",
        "prediction",
        "small_batches",
        "hessian",
        "trace",
        "team",
        "warmup",
        "validation_loss",
    },
    {"progress", "interruptible", "shuffling"},
    {"hooks"},
    {"model", "workspace", "data", "columns", "sparse_input"},
    {
        "activations",
        "initializers",
        "optimizers",
        "schedules",
        "losses",
        "base_loss",
        "classification_losses",
        "margin_losses",
        "regression_losses",
        "deviance_losses",
        "user_losses",
        "own_activation",
        "parametric_activations",
        "second_derivatives",
        "regularisation",
        "dropout",
    },
    {"kernels"},
    {"_jit"},
    {"units"},
    {"code_cache"},
    {"cache_cleaning"},
    {"drafts"},
    {"trusted_paths", "shown_warnings"},
    {"host", "layout", "scalar", "settings", "names", "cores", "source_hash", "forking", "_warnings"},
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
ESTIMATORS = FLOORS[2]
LLVM_WRITERS = {
    f"kernels/{room}.py"
    for room in (
        "simd", "chains", "entries", "vectors", "transposing", "bits", "pointers", "subnormals", "team", "random_bits",
    )
}  # fmt: skip
COMPILER_FLAGS = {"fastmath", "njit", "jit", "forceinline", "parallel", "cfunc", "CFunc", "vectorize", "guvectorize"}

SOURCES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
TREES = {source: ast.parse((PACKAGE / source).read_text(encoding="utf-8")) for source in SOURCES}


def room_of(source):
    return source.split("/")[0].removesuffix(".py")


def imports_at_run_time(tree):
    """Every import statement but those under ``if TYPE_CHECKING``, wherever it stands."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        else:
            yield from imports_at_run_time(node)


def imported_modules(source):
    """(fastmlp's own modules as paths without .py, top-level names of other packages)."""
    own, others = set(), set()
    for node in imports_at_run_time(TREES[source]):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            folders = source.split("/")[:-1]
            parent = ["fastmlp", *folders[: len(folders) + 1 - node.level]] if node.level else []
            module = ".".join([*parent, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] != "fastmlp":
                others.add(parts[0])
                continue
            # The longest beginning that is a file: what follows is a name in it.
            paths = ["/".join(parts[1:end]) for end in range(len(parts), 1, -1)]
            paths = [form for path in paths for form in (path, f"{path}/__init__")]
            own.add(next((path for path in paths if f"{path}.py" in TREES), "__init__"))
    return own, others


@pytest.mark.parametrize("source", SOURCES)
def test_imports_point_downward(source):
    room = room_of(source)
    assert room in FLOOR_OF, (
        f"{source} has no place in the house yet: give it one in FLOORS (and in docs/architecture.md)"
    )
    for imported in imported_modules(source)[0]:
        assert FLOOR_OF[room_of(imported)] >= FLOOR_OF[room], f"{source} imports {imported}, which lies above it"


def test_no_import_goes_round_in_a_circle():
    remaining = {source.removesuffix(".py"): imported_modules(source)[0] for source in SOURCES}
    while remaining:
        free = [source for source, imported in remaining.items() if not imported & remaining.keys() - {source}]
        assert free, f"these import each other in a circle, or from such: {sorted(remaining)}"
        for source in free:
            del remaining[source]


@pytest.mark.parametrize("source", [source for source in SOURCES if source.startswith("kernels/")])
def test_kernels_import_numpy_and_numba_alone(source):
    own, others = imported_modules(source)
    standard = set(sys.stdlib_module_names)
    allowed = {"numpy", "numba"} | ({"llvmlite"} if source in LLVM_WRITERS else set())
    assert others - standard <= allowed
    assert {room_of(module) for module in own} <= {"kernels", "_jit", "layout", "units", "host"}


@pytest.mark.parametrize("source", SOURCES)
def test_only_the_estimators_import_scikit_learn(source):
    assert "sklearn" not in imported_modules(source)[1] or room_of(source) in ESTIMATORS


def test_the_scalar_differentiator_stands_alone():
    """The oracle of gradients shares no code with what it judges."""
    own, others = imported_modules("scalar.py")
    assert not own
    assert others <= set(sys.stdlib_module_names)


def words(tree):
    """Every name, attribute and keyword in the code; not what docstrings and comments say."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.keyword):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield node.name


@pytest.mark.parametrize("source", [source for source in SOURCES if source != "_jit.py"])
def test_compiler_flags_stand_in_one_file(source):
    assert not COMPILER_FLAGS & set(words(TREES[source]))


@pytest.mark.parametrize("source", SOURCES)
def test_flags_that_break_things_are_nowhere(source):
    """`nnan` and `ninf` (both in ``fastmath=True``) delete NaN checks; ``parallel=True`` aborts the process."""
    for node in ast.walk(TREES[source]):
        if isinstance(node, ast.Constant):
            assert node.value not in ("nnan", "ninf", "fast")
        if isinstance(node, ast.keyword) and node.arg in ("fastmath", "parallel"):
            assert not isinstance(node.value, ast.Constant) or not node.value.value


def test_importing_fastmlp_loads_neither_numba_nor_scikit_learn():
    """Its names are there before their modules are."""
    code = (
        "import sys, fastmlp; dir(fastmlp); fastmlp.__version__\n"
        "print(sorted({'numba', 'llvmlite', 'numpy', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
