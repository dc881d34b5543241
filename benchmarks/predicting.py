"""`predict_proba` beside scikit-learn and ONNX Runtime: one row, and a table of rows.

ONNX Runtime gets the leanest graph: Gemm, Relu, …, Sigmoid, and the two classes' probabilities side by side, without
the labels and the list of dictionaries that converters add; its input is there already, in a dictionary.
"""

import importlib
import warnings
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .calls import SECONDS, measure_calls
from .findings import Finding
from .ratios import Spread, paired_ratio

NETWORKS = ((20, 100), (50, 256, 256))  # features and hidden widths; one output
ROWS = (1, 2_000)
DTYPE = "float32"
ALLOWED = 1e-5  # between two probabilities


def missing_runtime() -> str | None:
    """Why ONNX Runtime takes no part, None if it does."""
    try:
        importlib.import_module("onnx")
        importlib.import_module("onnxruntime")
    except ImportError as error:
        return str(error)
    return None


def measure_predicting(pairs: int, threads: int, seconds: float = SECONDS) -> Iterator[Finding]:
    """Microseconds of a call for everyone, and how many times as fast fastmlp is."""
    for widths in NETWORKS:
        model, twin = make_models(widths, threads)
        for rows in ROWS:
            X = np.random.default_rng(rows).standard_normal((rows, widths[0])).astype(DTYPE)
            calls: dict[str, Callable] = {"fastmlp": partial(model.predict_proba, X)}
            calls["scikit-learn"] = partial(twin.predict_proba, X)
            if missing_runtime() is None:
                calls["onnxruntime"] = make_runtime(model, X, threads)
            expected = twin.predict_proba(X)
            for name, call in calls.items():
                answer = call()[0] if name == "onnxruntime" else call()
                if answer.shape != expected.shape or not np.abs(answer - expected).max() <= ALLOWED:
                    raise AssertionError(f"{name} does not predict what scikit-learn does")
            what = describe(widths, rows)
            times = measure_calls(calls, pairs, seconds)
            for name, each in times.items():
                spread = Spread(*(1e6 * t for t in (float(np.median(each)), min(each), max(each))))
                yield Finding(what, DTYPE, threads, spread, "µs", None if name == "fastmlp" else name)
                if name != "fastmlp":
                    yield Finding(what, DTYPE, threads, paired_ratio(times["fastmlp"], each), "×", name)


def describe(widths: tuple[int, ...], rows: int) -> str:
    """Such as "predict_proba, 1 row, 20-100-1"."""
    return f"predict_proba, {rows:,} row{'s' * (rows > 1)}, {'-'.join(map(str, widths))}-1"


def make_models(widths: tuple[int, ...], threads: int):
    """Our classifier and scikit-learn's, with the same weights."""
    import sklearn.neural_network

    import fastmlp

    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, widths[0])).astype(DTYPE)
    y = (X[:, 0] + 0.3 * rng.standard_normal(200) > 0).astype(int)
    model = fastmlp.MLPClassifier(widths[1:], max_iter=2, random_state=0, n_jobs=threads)
    twin = sklearn.neural_network.MLPClassifier(widths[1:], max_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
        twin.fit(X, y)
    twin.coefs_ = [coef.copy() for coef in model.coefs_]
    twin.intercepts_ = [intercept.copy() for intercept in model.intercepts_]
    return model, twin


def make_runtime(model, X, threads: int) -> Callable:
    """A call of ONNX Runtime with the model's weights, which returns [probabilities]."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    graph = make_graph(model)
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return partial(session.run, None, {"X": X})


def make_graph(model) -> bytes:
    """The classifier as ONNX: X (n, features) → P (n, 2)."""
    from onnx import TensorProto, checker, helper, numpy_helper

    nodes, constants, name = [], [numpy_helper.from_array(np.ones(1, DTYPE), "one")], "X"
    for number, (weight, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True), start=1):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(weight), f"W{number}"))
        constants.append(numpy_helper.from_array(np.ascontiguousarray(bias), f"b{number}"))
        nodes.append(helper.make_node("Gemm", [name, f"W{number}", f"b{number}"], [f"z{number}"]))
        name = f"a{number}"
        nodes.append(helper.make_node("Sigmoid" if number == len(model.coefs_) else "Relu", [f"z{number}"], [name]))
    nodes.append(helper.make_node("Sub", ["one", name], ["negative"]))
    nodes.append(helper.make_node("Concat", ["negative", name], ["P"], axis=1))
    given = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, model.n_features_in_])
    answer = helper.make_tensor_value_info("P", TensorProto.FLOAT, [None, 2])
    graph = helper.make_graph(nodes, "classifier", [given], [answer], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(made)
    return made.SerializeToString()
