"""`predict_proba` compared with scikit-learn and ONNX Runtime: for one row, and for many.

ONNX Runtime gets the leanest graph: Gemm, Relu, …, Softmax (or Sigmoid, and the two classes' probabilities side by
side), without the labels and the list of dictionaries that converters add; its input is there already, in a dictionary.
"""

import importlib
import warnings
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .calls import LOOPS, SECONDS, measure_calls
from .findings import Finding
from .ratios import Spread, paired_ratio

NETWORKS = ((20, 100), (50, 256, 256))  # features and hidden widths; one output
ROWS = (1, 2_000)
LARGE = (((784, 1024, 1024), 5_000), ((2000, 2048), 4_000))  # networks with ten outputs, and rows: long calls
OUTPUTS = 10
DTYPE = "float32"
ALLOWED = 1e-5  # between two probabilities


def missing_runtime() -> str | None:
    """Return why ONNX Runtime does not take part, or None."""
    try:
        importlib.import_module("onnx")
        importlib.import_module("onnxruntime")
    except ImportError as error:
        return str(error)
    return None


def measure_predicting(pairs: int, threads: int, seconds: float = SECONDS) -> Iterator[Finding]:
    """Yield the microseconds of a call for each peer, and each peer's time divided by fastmlp's."""
    for widths in NETWORKS:
        models = make_models(widths, threads)
        for rows in ROWS:
            yield from measure_rows(models, widths, rows, pairs, threads, seconds)
    for widths, rows in LARGE:
        models = make_models(widths, threads, OUTPUTS)
        yield from measure_rows(models, widths, rows, pairs, threads, seconds, OUTPUTS)


def measure_rows(
    models: tuple, widths: tuple[int, ...], rows: int, pairs: int, threads: int, seconds: float, outputs: int = 1
) -> Iterator[Finding]:
    """Time fastmlp, scikit-learn and ONNX Runtime on that many rows."""
    model, other = models
    X = np.random.default_rng(rows).standard_normal((rows, widths[0])).astype(DTYPE)
    calls: dict[str, Callable] = {"fastmlp": partial(model.predict_proba, X)}
    calls["scikit-learn"] = partial(other.predict_proba, X)
    if missing_runtime() is None:
        calls["onnxruntime"] = make_runtime(model, X, threads)
    expected = other.predict_proba(X)
    for name, call in calls.items():
        answer = call()[0] if name == "onnxruntime" else call()
        if answer.shape != expected.shape or not np.abs(answer - expected).max() <= ALLOWED:
            raise AssertionError(f"{name} does not predict what scikit-learn does")
    what = describe(widths, rows, outputs)
    times = measure_calls(calls, pairs, seconds, LOOPS if outputs == 1 else 1)
    for name, each in times.items():
        spread = Spread(*(1e6 * t for t in (float(np.median(each)), min(each), max(each))))
        yield Finding(what, DTYPE, threads, spread, "µs", None if name == "fastmlp" else name)
        if name != "fastmlp":
            yield Finding(what, DTYPE, threads, paired_ratio(times["fastmlp"], each), "×", name)


def describe(widths: tuple[int, ...], rows: int, outputs: int = 1) -> str:
    """Such as "predict_proba, 1 row, 20-100-1"."""
    return f"predict_proba, {rows:,} row{'s' * (rows > 1)}, {'-'.join(map(str, widths))}-{outputs}"


def make_models(widths: tuple[int, ...], threads: int, outputs: int = 1):
    """Return fastmlp's classifier and scikit-learn's with the same weights; one output is two classes."""
    import sklearn.neural_network

    import fastmlp

    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, widths[0])).astype(DTYPE)
    y = (X[:, 0] + 0.3 * rng.standard_normal(200) > 0).astype(int) if outputs == 1 else np.arange(200) % outputs
    model = fastmlp.MLPClassifier(widths[1:], max_iter=2, random_state=0, n_jobs=threads)
    other = sklearn.neural_network.MLPClassifier(widths[1:], max_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
        other.fit(X, y)
    other.coefs_ = [coef.copy() for coef in model.coefs_]
    other.intercepts_ = [intercept.copy() for intercept in model.intercepts_]
    return model, other


def make_runtime(model, X, threads: int) -> Callable:
    """Return a call of ONNX Runtime with the model's weights, which returns [probabilities]."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    graph = make_graph(model)
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return partial(session.run, None, {"X": X})


def make_graph(model) -> bytes:
    """Return the classifier as ONNX: X (n, features) → P (n, classes)."""
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes, constants, name = [], [numpy_helper.from_array(np.ones(1, DTYPE), "one")], "X"
    two = model.n_outputs_ == 1
    for number, (weight, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True), start=1):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(weight), f"W{number}"))
        constants.append(numpy_helper.from_array(np.ascontiguousarray(bias), f"b{number}"))
        nodes.append(helper.make_node("Gemm", [name, f"W{number}", f"b{number}"], [f"z{number}"]))
        if number < len(model.coefs_):
            name = f"a{number}"
            nodes.append(helper.make_node("Relu", [f"z{number}"], [name]))
    if two:
        nodes.append(helper.make_node("Sigmoid", [f"z{number}"], ["p"]))
        nodes.append(helper.make_node("Sub", ["one", "p"], ["negative"]))
        nodes.append(helper.make_node("Concat", ["negative", "p"], ["P"], axis=1))
    else:
        nodes.append(helper.make_node("Softmax", [f"z{number}"], ["P"], axis=1))
    given = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, model.n_features_in_])
    answer = helper.make_tensor_value_info("P", TensorProto.FLOAT, [None, 2 if two else model.n_outputs_])
    graph = helper.make_graph(nodes, "classifier", [given], [answer], constants if two else constants[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(made)
    return made.SerializeToString()
