"""What exported models predict, compared with the model itself; scripts contain the source of what they need.

Each function uses only the modules imported here, and functions of this file and of `support.py`.
"""

import ctypes
import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from helpers.exported_tables import listed_codes

import fastmlp
import fastmlp.export
from fuzz.support import Refused, agree, attempt, outputs


def rows_for_exports(model, X):
    """Return rows as their own model takes them, and as a frame whose numbers have a type that exports have."""
    if not hasattr(model, "members_"):
        dense = X.toarray() if sp.issparse(X) else np.asarray(X, np.float64)
        return X, pd.DataFrame(dense.astype(np.float64))
    frame = pd.DataFrame(X)
    for number, kind in enumerate(model.encoder_.kinds_):
        if kind == "number":  # C reads float32
            column = pd.to_numeric(frame.iloc[:, number].astype(object), errors="coerce")
            with np.errstate(over="ignore"):
                frame.isetitem(number, column.to_numpy(float, na_value=np.nan).astype(np.float32))
    return (frame if isinstance(X, pd.DataFrame) else frame.to_numpy(object)), frame


def compare_sklearn(model, X):
    """`to_sklearn` and back."""
    exact, limit = outputs(model, X)[-1], 1e-8 if model.coefs_[0].dtype == np.float64 else 1e-3
    try:
        theirs, _ = attempt(fastmlp.export.to_sklearn, model, for_prediction=True)
    except Refused:
        return
    with np.errstate(all="ignore"):  # scikit-learn warns of products that overflow
        found = outputs(theirs, X)[-1]
    agree(found, exact, limit, "to_sklearn")
    agree(outputs(fastmlp.export.from_sklearn(theirs), X)[-1], exact, limit, "from_sklearn")


def compare_c(model, X):
    """`to_c`, compiled if there is a compiler."""
    try:
        code, _ = attempt(fastmlp.export.to_c, model, "it")
    except Refused:
        return
    assert "nan" not in code.partition("*/")[2] and "inf," not in code, "numbers in C"
    compiler, (rows, frame) = shutil.which("cc"), rows_for_exports(model, X)
    is_table = hasattr(model, "members_")
    dtype = np.float32 if is_table or model.coefs_[0].dtype == np.float32 else np.float64
    codes = list(listed_codes(code).values()) if is_table else [None] * frame.shape[1]
    with np.errstate(over="ignore"):
        numbers = coded(frame, codes).astype(dtype)
    if compiler is None or np.isinf(numbers).any():
        return
    exact = outputs(model, rows)[-1].astype(np.float64)
    what = "predict" if not hasattr(model, "classes_") else "outputs"
    found = np.full((len(frame), exact[0].size), np.nan, dtype)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "it.c").write_text(code, encoding="ascii")
        command = [compiler, "-std=c99", "-O0", "-shared", "-fPIC", "it.c", "-o", "it.so", "-lm"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        library = ctypes.CDLL(str(Path(folder, "it.so")))
        function = getattr(library, f"it_{'predict_proba' if hasattr(model, 'predict_proba') else what}")
        for row, out in zip(numbers, found, strict=True):
            function(ctypes.c_void_p(row.ctypes.data), ctypes.c_void_p(out.ctypes.data))
    agree(found.reshape(exact.shape), exact, 1e-8 if dtype == np.float64 else 1e-3, "C")


def coded(frame, codes):
    """Return (n, n_features) numbers: of each column its own, where `codes` has None, or the codes of its values."""
    found = np.empty(frame.shape)
    for number, code in enumerate(codes):
        values = frame.iloc[:, number].astype(object).tolist()
        found[:, number] = values if code is None else [code.get(each, 0) for each in values]
    return found


def compare_onnx(model, X):
    """`to_onnx`, if ONNX Runtime is there."""
    if importlib.util.find_spec("onnx") is None or importlib.util.find_spec("onnxruntime") is None:
        return
    import onnxruntime

    dtype = "float64" if hasattr(model, "members_") else "float32"
    try:
        exported, _ = attempt(fastmlp.export.to_onnx, model, dtype=dtype)
    except Refused:
        return
    rows, frame = rows_for_exports(model, X)
    session = onnxruntime.InferenceSession(exported.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs, columns = session.get_inputs(), [frame.iloc[:, number] for number in range(frame.shape[1])]
    parts = [columns] if len(inputs) == 1 else [[each] for each in columns]
    feeds = {
        each.name: np.stack([as_input(column, each.type) for column in part], axis=1)
        for each, part in zip(inputs, parts, strict=True)
    }
    if dtype == "float32" and model.coefs_[0].dtype != np.float32:
        return
    if any(np.isinf(each).any() for each in feeds.values() if each.dtype.kind == "f"):
        return
    exact, name = outputs(model, rows)[-1].astype(np.float64), session.get_outputs()[-1].name
    agree(session.run([name], feeds)[0].reshape(exact.shape), exact, 1e-3, "ONNX")


def as_input(column, type_name):
    """Return a column as an input of ONNX takes it: a missing string is "", a missing number is NaN."""
    values, missing = column.astype(object).tolist(), column.isna().tolist()
    if type_name == "tensor(string)":
        return np.array(["" if gap else str(each) for each, gap in zip(values, missing, strict=True)], object)
    dtype = {"tensor(float)": np.float32, "tensor(double)": np.float64}[type_name]
    with np.errstate(over="ignore"):
        return np.array([number_or_nan(each) for each in values], dtype)


def number_or_nan(value):
    """Return a number: NaN for what is missing, and for any object of a column that the model does not use."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan
