"""`to_c`: the compiled file predicts the same."""

import ctypes
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from helpers.exported_models import assert_close, every_model, expected, fitted, rows
from helpers.exported_tables import (
    assert_near,
    code_rows,
    estimates_of,
    every_table_model,
    listed_codes,
    random_table_model,
    single_class_model,
)

from fastmlp import MLPClassifier, MLPRegressor, Network, TabularMLPClassifier
from fastmlp.activations import ACTIVATIONS
from fastmlp.export import c_parts, to_c

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
needs_compiler = pytest.mark.skipif(CC is None, reason="there is no C compiler")
STRICT = ["-O0", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-shared", "-fPIC"]


def compiled(codes, folder):
    """Return the library of several files, each compiled without warnings."""
    for name, code in codes.items():
        (folder / f"{name}.c").write_text(code, encoding="ascii")
    names = [f"{name}.c" for name in codes]
    run = subprocess.run(
        [CC, "-std=c99", *STRICT, *names, "-o", "all.so", "-lm"], cwd=folder, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return ctypes.CDLL(str(folder / "all.so"))


def rows_through(function, X, n):
    """Return what a function (x, result) writes for each row, (n_rows, n) in the type of X."""
    result = np.full((len(X), n), np.nan, X.dtype)
    for row, out in zip(X, result, strict=True):
        function(ctypes.c_void_p(row.ctypes.data), ctypes.c_void_p(out.ctypes.data))
    return result


def labels_of(library, name, model, X):
    function = getattr(library, f"{name}_predict")
    if model._is_multilabel():
        found = np.full((len(X), len(model.classes_)), -1, np.intc)
        for row, out in zip(X, found, strict=True):
            function(ctypes.c_void_p(row.ctypes.data), ctypes.c_void_p(out.ctypes.data))
        return found
    return model.classes_[[function(ctypes.c_void_p(row.ctypes.data)) for row in X]]


@needs_compiler
def test_compiled_files_predict_the_same(tmp_path):
    models, (X, _) = list(every_model()), rows()
    codes = {f"m{number}": to_c(model, f"m{number}") for number, (_, model) in enumerate(models)}
    for number, (_, model) in enumerate(models):  # the same in float64
        model.coefs_, model.intercepts_ = ([each.astype(np.float64) for each in arrays]
                                           for arrays in (model.coefs_, model.intercepts_))  # fmt: skip
        codes[f"d{number}"] = to_c(model, f"d{number}")
    library = compiled({"all": "".join(codes.values())}, tmp_path)  # which takes a fraction of the time of a hundred
    for name in codes:
        what, model = models[int(name[1:])]
        inputs = np.ascontiguousarray(X, np.float32 if name[0] == "m" else np.float64)
        tolerance = 1e-6 if name[0] == "m" else 1e-13
        exact = expected(model, inputs.astype(np.float64))
        if isinstance(model, MLPRegressor):
            found = rows_through(getattr(library, f"{name}_predict"), inputs, model.n_outputs_)
        elif hasattr(model, "predict_proba"):
            found = rows_through(getattr(library, f"{name}_predict_proba"), inputs, exact.shape[1])
        else:
            assert not hasattr(library, f"{name}_predict_proba")
            found = rows_through(getattr(library, f"{name}_outputs"), inputs, model.n_outputs_)
        assert_close(found.reshape(exact.shape), exact, (what, name), tolerance)
        if isinstance(model, MLPClassifier):
            assert labels_of(library, name, model, inputs).tolist() == model.predict(inputs).tolist(), (what, name)
    assert c_parts.EXPRESSIONS.keys() == ACTIVATIONS.keys() - {"swish", "softmax"}


@needs_compiler
def test_labels_and_networks(tmp_path):
    X, _ = rows()
    net = Network([4, 3, 2], ["mish", "softmax"], "log_loss", "float32")
    net.initialize(random_state=0)
    models = {"words": fitted(MLPClassifier(), "multi-class"), "whole": fitted(MLPClassifier(), "integers")}
    library = compiled({name: to_c(model, name) for name, model in {**models, "net": net}.items()}, tmp_path)
    words = (ctypes.c_char_p * 3).in_dll(library, "words_classes")
    assert [each.decode() for each in words] == models["words"].classes_.tolist() == ["a", 'b"\\?', "ç"]
    assert list((ctypes.c_longlong * 3).in_dll(library, "whole_classes")) == [-3, 7, 17]
    assert_close(rows_through(library.net_outputs, X, 2), net.forward(X), "network")


@needs_compiler
def test_labels_and_columns_named_like_types(tmp_path):
    table = pd.DataFrame({'real "a"': [1.0, 2.0, 3.0] * 4, "real": ["real", "R(1)", "*/ real"] * 4})
    model = TabularMLPClassifier("fast", max_iter=1, random_state=0).fit(table, ["real", "fake", "real"] * 4)
    library = compiled({"real": to_c(model, "real")}, tmp_path)
    assert [each.decode() for each in (ctypes.c_char_p * 2).in_dll(library, "real_classes")] == ["fake", "real"]


@needs_compiler
def test_a_single_class_is_certain(tmp_path):
    model, X = single_class_model()
    library = compiled({"one": to_c(model, "one")}, tmp_path)
    assert rows_through(library.one_predict_proba, X, 1).tolist() == model.predict_proba(X).tolist() == [[1.0]] * 10


def test_what_c_has_no_name_for():
    model = fitted(MLPClassifier(), "binary")
    for name in ("", "1x", "a b", "a;b", "ä", None, "x\n"):
        with pytest.raises(ValueError, match="name in C"):
            to_c(model, name)
    model.classes_ = np.array([1, "a"], object)
    with pytest.raises(ValueError, match="neither numbers nor strings"):
        to_c(model)


@needs_compiler
def test_tables_predict_the_same(tmp_path):
    models = [*every_table_model(), *(random_table_model(seed) for seed in range(20, 26))]
    codes = {f"t{number}": to_c(model, f"t{number}") for number, (_, model, _) in enumerate(models)}
    library = compiled({"tables": "".join(codes.values())}, tmp_path)
    for name, (what, model, table) in zip(codes, models, strict=True):
        inputs, exact = code_rows(listed_codes(codes[name]), table), estimates_of(model, table)
        is_classifier = hasattr(model, "predict_proba")
        function = getattr(library, f"{name}_predict{'_proba' if is_classifier else ''}")
        found = rows_through(function, inputs, exact.reshape(len(table), -1).shape[1])
        assert_near(found.reshape(exact.shape), exact, what)
        if is_classifier:
            assert labels_of(library, name, model, inputs).tolist() == model.predict(table).tolist(), what


def test_tables_whose_scaled_weights_are_infinite_are_refused():
    """Scales and weights are finite, their product is not."""
    X, y = np.random.RandomState(0).randn(40, 1), np.arange(40) % 2
    model = TabularMLPClassifier("fast", n_members=1, max_iter=1, random_state=0).fit(X, y)
    member = model.members_[0]
    member.layout.scales(member.params)[...] = 1e30
    member.coefs[0][...] = 1e30
    with pytest.raises(ValueError, match="infinite or NaN in float32: such a model cannot be exported"):
        to_c(model)
