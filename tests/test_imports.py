"""The package's layers, read from its imports: they point downward only, and each library stays in its folders."""

import ast
import functools
import subprocess
import sys

import pytest
from helpers.merged import in_one_test
from helpers.sources import SOURCES, trees

#: Folders, and files outside folders, from the top floor to the bottom. A module imports from its own floor or from
#: those below, never in a circle; imports under ``if TYPE_CHECKING`` count too.
FLOORS = [
    {"__init__", "__main__", "_pyinstaller"},
    {"playground", "inspection", "persistence", "export", "dask"},
    {"tabular"},
    {"estimators"},
    {"preprocessing"},
    {"network"},
    {"data"},
    {"callbacks"},
    {"training"},
    {"derivatives"},
    {"initializers", "info", "prebuild", "warmup"},
    {"engine"},
    {"losses"},
    {"activations"},
    {"optimizers"},
    {"schedules", "regularization"},
    {"kernels/tabular"},
    {"kernels/loop"},
    {"kernels/optimizers", "kernels/losses"},
    {"kernels/linalg"},
    {"kernels/activations", "kernels/custom"},
    {"kernels/math"},
    {"kernels/lowlevel"},
    {"kernels"},
    {"compiler"},
    {"common", "scalar"},
]
FLOOR_OF = {folder: floor for floor, folders in enumerate(FLOORS) for folder in folders}
LLVM_WRITERS = {
    f"kernels/{module}.py"
    for module in (
        "linalg/register_tiles",
        "linalg/rows",
        "linalg/chains",
        "linalg/entries",
        "linalg/rounding",
        "linalg/bfloat16_words",
        "linalg/tile_unit",
        "linalg/transpose",
        "lowlevel/vectors",
        "lowlevel/pointers",
        "lowlevel/subnormals",
        "lowlevel/barrier",
        "math/lanes",
        "math/random_bits",
        "tabular/periodic",
    )
}
COMPILER_FLAGS = {"fastmath", "njit", "jit", "forceinline", "parallel", "cfunc", "CFunc", "vectorize", "guvectorize"}


def folder_of(source):
    """Such as "kernels/loop" of "kernels/loop/epoch.py", "engine", or "scalar" of a file at the top."""
    *folders, name = source.removesuffix(".py").split("/")
    if folders[:1] == ["kernels"]:
        return "/".join(folders[:2])
    return folders[0] if folders else name


def imports(tree, at_run_time=False):
    """Every import statement at any depth; with those under ``if TYPE_CHECKING`` unless only `at_run_time`."""
    for node in ast.iter_child_nodes(tree):
        if at_run_time and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        else:
            yield from imports(node, at_run_time)


@functools.cache
def imported_modules(source, at_run_time=False):
    """(fastmlp's own modules as paths without .py, top-level names of other packages)."""
    own, others = set(), set()
    for node in imports(trees()[source], at_run_time):
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
            # The longest prefix that is a file: the rest is a name in it.
            paths = ["/".join(parts[1:end]) for end in range(len(parts), 1, -1)]
            paths = [form for path in paths for form in (path, f"{path}/__init__")]
            own.add(next((path for path in paths if f"{path}.py" in SOURCES), "__init__"))
    return own, others


def test_imports_point_downward():
    without = [source for source in SOURCES if folder_of(source) not in FLOOR_OF]
    assert not without, "are in no folder of FLOORS: give them one there, and in docs/architecture.md"
    upward = [
        f"{source} imports {imported}, which lies above it"
        for source in SOURCES
        for imported in imported_modules(source)[0]
        if FLOOR_OF[folder_of(imported)] < FLOOR_OF[folder_of(source)]
    ]
    assert not upward


def test_every_floor_exists():
    assert {folder_of(source) for source in SOURCES} == set(FLOOR_OF)


def find_circle(arrows):
    """Return the nodes that import each other in a circle, or import such nodes."""
    remaining = dict(arrows)
    while free := [node for node, targets in remaining.items() if not targets & remaining.keys() - {node}]:
        for node in free:
            del remaining[node]
    return sorted(remaining)


def test_no_module_imports_itself_in_a_circle():
    """At run time; within a folder, a module may import types from one above it."""
    assert not find_circle({source.removesuffix(".py"): imported_modules(source, True)[0] for source in SOURCES})


def test_no_folder_imports_itself_in_a_circle():
    arrows = {}
    for source in SOURCES:
        arrows.setdefault(folder_of(source), set()).update(map(folder_of, imported_modules(source)[0]))
    assert not find_circle(arrows)


@in_one_test()
@pytest.mark.parametrize("source", [source for source in SOURCES if source.startswith("kernels/")])
def test_kernels_import_numpy_and_numba_alone(source):
    own, others = imported_modules(source)
    standard = set(sys.stdlib_module_names)
    allowed = {"numpy", "numba"} | ({"llvmlite"} if source in LLVM_WRITERS else set())
    assert others - standard <= allowed
    assert {module.split("/")[0] for module in own} <= {"kernels", "compiler"}


def test_estimators_transformers_displays_and_exports_alone_import_scikit_learn():
    importing = {folder_of(source) for source in SOURCES if "sklearn" in imported_modules(source)[1]}
    assert importing == {"estimators", "tabular", "preprocessing", "inspection", "export", "dask"}


def test_only_the_displays_import_matplotlib():
    importing = {folder_of(source) for source in SOURCES if "matplotlib" in imported_modules(source)[1]}
    assert importing == {"inspection"}


def test_the_scalar_differentiator_imports_the_standard_library_only():
    """The oracle of gradients shares no code with what is compared with it."""
    own, others = imported_modules("scalar.py")
    assert not own
    assert others <= set(sys.stdlib_module_names)


def words(tree):
    """Every name, attribute and keyword in the code, without docstrings and comments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.keyword):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield node.name


def test_compiler_flags_are_in_one_file():
    using = [source for source in SOURCES if COMPILER_FLAGS & set(words(trees()[source]))]
    assert using == ["compiler/numba_backend.py"]


def is_unsafe(node):
    if isinstance(node, ast.Constant):
        return node.value in ("nnan", "ninf", "fast")
    is_flag = isinstance(node, ast.keyword) and node.arg in ("fastmath", "parallel")
    return is_flag and isinstance(node.value, ast.Constant) and bool(node.value.value)


def test_unsafe_flags_are_not_used():
    """`nnan` and `ninf` (both in ``fastmath=True``) delete NaN checks; ``parallel=True`` aborts the process."""
    assert [text for text in ("f(fastmath=True)", "f(parallel=True)", "x = 'nnan'", "f(parallel=False)")
            if any(map(is_unsafe, ast.walk(ast.parse(text))))] == [
        "f(fastmath=True)", "f(parallel=True)", "x = 'nnan'"
    ]  # fmt: skip
    # In `tabular`, "fast" is the name of a recipe; the names of flags are in no file there, as the test above shows.
    sources = [source for source in SOURCES if folder_of(source) != "tabular"]
    assert not [source for source in sources if any(map(is_unsafe, ast.walk(trees()[source])))]


def test_importing_fastmlp_loads_neither_numba_nor_scikit_learn():
    """Neither does listing its names."""
    code = (
        "import sys, fastmlp; dir(fastmlp); fastmlp.__version__\n"
        "print(sorted({'numba', 'llvmlite', 'numpy', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
