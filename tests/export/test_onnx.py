"""`to_onnx` and skl2onnx: ONNX Runtime predicts the same."""

import copy
import warnings

import numpy as np
import pytest
from helpers.exported_models import assert_close, every_model, expected, fitted, rows, targets
from helpers.exported_networks import models
from hypothesis import given, settings

from fastmlp import MLPClassifier, MLPRegressor, Network
from fastmlp.activations import ACTIVATIONS
from fastmlp.export import onnx_activations, register_converters, to_onnx
from fastmlp.export.description import describe

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def run(model, X, names=None):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (name,) = [one.name for one in session.get_inputs()]
    found = dict(zip([one.name for one in session.get_outputs()], session.run(None, {name: X}), strict=True))
    assert names is None or list(found) == names
    return found


def check(model, X, found, what, tolerance=1e-6):
    if "variable" in found:
        exact = model.predict(X)
        assert_close(found["variable"], exact.reshape(found["variable"].shape), what, tolerance)
        return
    exact = expected(model, X)
    if not hasattr(model, "predict_proba"):
        exact = exact.reshape(len(X), -1)
    assert_close(found["probabilities"], exact, what, tolerance)
    labels = model.predict(X)
    assert found["label"].shape == labels.shape, what
    if labels.dtype.kind in "bf":
        labels = labels.astype(np.int64)
    assert found["label"].dtype == (object if labels.dtype.kind == "U" else np.int64)
    assert found["label"].tolist() == labels.tolist(), what


def test_onnx_runtime_predicts_the_same():
    X, _ = rows()
    for what, model in every_model():
        made = to_onnx(model)
        onnx.checker.check_model(made, full_check=True)
        names = ["variable"] if isinstance(model, MLPRegressor) else ["label", "probabilities"]
        check(model, X, run(made, X, names), what)
        check(model, X, run(to_onnx(model, dtype="float64"), X.astype(np.float64)), f"{what} in float64")
    assert onnx_activations._ACTIVATIONS.keys() == ACTIVATIONS.keys() - {"swish"}


def test_versions_names_and_dicts():
    X, _ = rows()
    model = fitted(MLPClassifier(), "strings")
    made = to_onnx(model, input_name="table")
    assert [one.name for one in made.graph.input] == ["table"] and made.ir_version == 4
    assert [(one.domain, one.version) for one in made.opset_import] == [("", 9)]
    found = run(to_onnx(model, zipmap=True), X, ["output_label", "output_probability"])
    assert found["output_label"].tolist() == model.predict(X).tolist()
    rows_of_dicts = [[each[name] for name in model.classes_] for each in found["output_probability"]]
    assert_close(rows_of_dicts, model.predict_proba(X), "dicts")
    numbers = run(to_onnx(fitted(MLPClassifier(), "integers"), zipmap=True), X)["output_probability"]
    assert list(numbers[0]) == [-3, 7, 17]
    for wrong in (fitted(MLPClassifier(), "multi-label"), fitted(MLPRegressor(), "outputs")):
        with pytest.raises(ValueError, match="zipmap=True"):
            to_onnx(wrong, zipmap=True)


def test_networks():
    X, _ = rows()
    net = Network([4, 6, 3], ["gelu", "softmax"], "log_loss", "float32")
    net.initialize(random_state=0)
    assert_close(run(to_onnx(net), X, ["variable"])["variable"], net.forward(X), "network")


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(models())
def test_drawn_models(drawn):
    model, X = drawn
    for dtype, tolerance in (("float32", 1e-6), ("float64", 1e-12)):
        made, inputs = to_onnx(model, dtype=dtype), X.astype(dtype)
        onnx.checker.check_model(made, full_check=True)
        exact = model
        if dtype != arithmetic_of(model):  # the same weights in the other type
            exact = copy.deepcopy(model)
            if isinstance(model, Network):
                exact = Network(model.layout.layer_sizes, model.activations, model.loss_function, dtype)
                exact.set_weights(model.coefs, model.intercepts)
            else:
                exact.coefs_, exact.intercepts_ = ([each.astype(dtype) for each in arrays]
                                                   for arrays in (model.coefs_, model.intercepts_))  # fmt: skip
        tolerance = max(tolerance, 2.0 * rounding_of(model, X) * np.finfo(dtype).eps)
        found = run(made, inputs)
        if isinstance(model, Network):
            assert_close(found["variable"], exact.forward(inputs), model, tolerance)
        else:
            check(exact, inputs, found, model, tolerance)


def rounding_of(model, X):
    """The rounding error of outputs behind activations of slope 1, in units: large where large numbers cancel."""
    d = describe(model, np.float64)
    h, error = X.astype(np.float64), np.zeros(X.shape)
    for coef, intercept, activation in zip(d.coefs, d.intercepts, d.activations, strict=True):
        error = error @ np.abs(coef) + np.abs(h) @ np.abs(coef) + np.abs(intercept)
        h = activation(h @ coef + intercept)
    return error.max()


def arithmetic_of(model):
    return model.dtype if isinstance(model, Network) else model.coefs_[0].dtype


def test_skl2onnx_converts_pipelines():
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    register_converters()
    X, _ = rows()
    for number, (what, model) in enumerate(every_model()):
        kind = "integers" if isinstance(model, MLPClassifier) else "one output"
        pipeline = make_pipeline(StandardScaler().fit(X, targets(kind)), model)
        for dtype in (np.float32, np.float64)[: 2 if number % 4 == 0 else 1]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of skl2onnx's own
                made = skl2onnx.to_onnx(pipeline, X[:1].astype(dtype), options={MLPClassifier: {"zipmap": False}})
            check(model, pipeline[0].transform(X), run(made, X.astype(dtype)), what, 3e-6)
    model = fitted(MLPClassifier(), "strings")
    pipeline, names = make_pipeline(StandardScaler().fit(X), model), ["label", "probabilities"]
    run(skl2onnx.to_onnx(model, X[:1]), X, names)
    run(skl2onnx.to_onnx(pipeline, X[:1], options={MLPClassifier: {"zipmap": False}}), X, names)
    run(skl2onnx.to_onnx(pipeline, X[:1]), X, ["output_label", "output_probability"])
