"""The preconditions of kernels are checked by exceptions, not by assertions, which ``python -O`` removes."""

import ast
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.fits import draw, ignores_max_iter, make
from helpers.merged import in_one_test

import fastmlp
from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.activations import ACTIVATIONS
from fastmlp.engine.dataset import Dataset
from fastmlp.engine.model import TrainableModel
from fastmlp.engine.prediction import predict
from fastmlp.kernels.lowlevel import records
from fastmlp.losses import names_for
from fastmlp.optimizers import SGD
from fastmlp.regularization import Regularization
from fastmlp.training.epoch import EpochRunner
from fastmlp.training.full_batch_loss import FullBatch
from fastmlp.training.step_options import StepOptions

pytestmark = ignores_max_iter

#: Assertions that only tell mypy a type that earlier lines guarantee.
ASSERTIONS = {
    ("estimators/validation_rows.py", "held.y is not None"),
    ("training/second_order.py", "dataset.y is not None"),
    ("training/levenberg_marquardt.py", "isinstance(loss, SquareLoss)"),
    ("activations/custom.py", "isinstance(other, Activation)"),
    ("compiler/flags.py", "specification is not None and specification.loader is not None"),
    ("data/arrays.py", "y is not None"),
    ("data/windows.py", "y is not None"),
    ("dask/classifier.py", "summary.classes is not None and summary.counts is not None"),
    ("dask/classifier.py", "summary.classes is not None and summary.kind is not None"),
    ("compiler/source_hash.py", "specification is not None"),
    ("_pyinstaller/hook-fastmlp.py", "_package is not None"),
    # While a kernel is compiled: an operation that `Lane` lacks. Without it, getattr(builder, None) raises.
    ("kernels/math/lanes.py", "on_floats"),
    ("kernels/math/lanes.py", "on_integers"),
    ("kernels/math/lanes.py", "isinstance(like, Lane)"),
}


def test_assertions_only_narrow_types():
    package = Path(fastmlp.__file__).parent
    found = {
        (path.relative_to(package).as_posix(), ast.unparse(node.test))
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assert)
    }
    assert found <= ASSERTIONS


X, LABELS = draw("labels")


@in_one_test()
@pytest.mark.parametrize("loss", names_for("classifier"))
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_several_labels_with_softmax_are_refused(loss, solver):
    model = MLPClassifier(loss=loss, output_activation="softmax", solver=solver, max_iter=2)
    message = r"'softmax' is for one class per row.*None or 'logistic'|takes one class a row, not several labels"
    with pytest.raises(ValueError, match=message):
        model.fit(X, LABELS)
    if solver == "adam":
        with pytest.raises(ValueError, match=message):
            model.partial_fit(X, LABELS, classes=np.arange(3))


#: Loads the package as ``python -O`` does, and only it: with ``-O``, Python also compiles SciPy and scikit-learn.
WITHOUT_ASSERTIONS = """
import importlib.machinery
import numpy as np

plain = importlib.machinery.SourceFileLoader.get_code

def get_code(loader, name):
    if name.partition(".")[0] != "fastmlp":
        return plain(loader, name)
    return compile(loader.get_data(loader.path), loader.path, "exec", dont_inherit=True, optimize=1)

importlib.machinery.SourceFileLoader.get_code = get_code
from fastmlp import MLPClassifier
try:
    MLPClassifier(output_activation="softmax", max_iter=1).fit(np.eye(4), np.eye(4, dtype=int))
except ValueError as error:
    print(error)
from fastmlp.activations.custom import Activation
print("assertions:", "isinstance" in Activation.__eq__.__code__.co_names)  # only its assertion uses that name
"""


def test_several_labels_with_softmax_are_refused_without_assertions():
    child = subprocess.run([sys.executable, "-c", WITHOUT_ASSERTIONS], capture_output=True, text=True, check=True)
    assert "is for one class per row" in child.stdout and "Use output_activation=None" in child.stdout
    assert "assertions: False" in child.stdout


@pytest.mark.parametrize("task", ["binary", "classes", "labels", "regression", "outputs"])
def test_every_loss_and_output_activation_is_trained_or_refused(task):
    """No combination ends in an AssertionError or a crash."""
    X, y = draw(task, rows=9)
    y = np.round(np.abs(y)) + 1 if task in ("regression", "outputs") else y
    fitted = 0
    for loss in names_for("regressor" if task in ("regression", "outputs") else "classifier"):
        for output in ACTIVATIONS:
            model = make(task, loss=loss, output_activation=output, solver="sgd", max_iter=1, hidden_layer_sizes=())
            model.set_params(learning_rate_init=1e-6, batch_size=9)
            try:
                model.fit(X, y)
                fitted += 1
            except ValueError:
                continue
    assert fitted >= 4


def full_batch(model, y):
    return FullBatch(model, Dataset(np.ones((len(y), 2)), y), l2=0.0)


SOFTMAX = TrainableModel([2, 3], ["softmax"], "log_loss", np.float64)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[3.0]], "class numbers 0 … 2, but y holds values from 3 to 3"),
        ([[0.0], [-1.0]], "from -1 to 0"),
        ([[1e18]], r"from 1e\+18"),
        ([[np.nan]], "from nan"),
        ([[0.0, 1.0, 0.0]], r"reads targets of shape \(n, 1\), got \(1, 3\)"),
    ],
)
def test_classes_without_an_output_are_refused(y, message):
    for loss in ("log_loss", "focal"):
        model = TrainableModel([2, 3], ["softmax"], loss, np.float64)
        with pytest.raises(ValueError, match=message):
            full_batch(model, np.array(y))
        with pytest.raises(ValueError, match=message):
            EpochRunner(model, Dataset(np.ones((len(y), 2)), np.array(y)), SGD(0.1), np.arange(len(y)), 1)


def test_targets_of_another_shape_are_refused():
    model = TrainableModel([2, 3], ["identity"], "half_squared_error", np.float64)
    with pytest.raises(ValueError, match=r"reads targets of shape \(n, 3\), got \(1, 2\)"):
        full_batch(model, np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"reads targets of shape \(n, 3\), got None"):
        FullBatch(model, Dataset(np.ones((1, 2))), l2=0.0)
    for y in (np.ones((2, 3)), np.ones(1), np.ones((1, 3, 1))):
        with pytest.raises(ValueError, match=r"y must have shape \(1, n_targets\)"):
            Dataset(np.ones((1, 2)), y)


def test_inputs_of_another_width_are_refused():
    model = TrainableModel([2, 3], ["identity"], "half_squared_error", np.float64)
    with pytest.raises(ValueError, match="X has 4 columns, but the network reads 2"):
        predict(model, Dataset(np.ones((5, 4))))
    with pytest.raises(ValueError, match="X has 1 columns, but the network reads 2"):
        FullBatch(model, Dataset(np.ones((5, 1)), np.ones((5, 3))), l2=0.0)


@pytest.mark.parametrize("classes", [[2, 1, 0], [1, 0, 2]])
def test_classes_reordered_by_hand_are_refused(classes):
    """`np.searchsorted` would return a class without an output."""
    X, y = draw("classes")
    model = MLPClassifier((3,), max_iter=1).partial_fit(X, y, classes=[0, 1, 2])
    model.classes_ = np.array(classes)
    try:
        model.partial_fit(X, y)
    except ValueError as error:
        assert "class numbers 0 … 2" in str(error)


def test_clipping_keeps_addresses_that_float64_does_not_hold():
    model = TrainableModel([2, 1], ["identity"], "half_squared_error", np.float64)
    epoch = EpochRunner(model, Dataset(np.ones((3, 2)), np.ones((3, 1))), SGD(0.1), np.arange(3), 3)
    epoch.optimizer.kernel = lambda: SimpleNamespace(address=lambda dtype: 2**60 + 1)
    StepOptions(epoch.workspace, Regularization(clip_value=1.0), epoch.optimizer)
    stored = epoch.workspace.buffers["hyper 0"].view(np.int64)[0, 0, :, records.RULE]
    assert stored.tolist() == [2**60 + 1, 2**60 + 1]


def test_a_regressor_has_any_output_activation():
    assert np.isfinite(MLPRegressor(output_activation="softmax", max_iter=2).fit(*draw("outputs")).loss_)
