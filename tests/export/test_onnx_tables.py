"""`to_onnx` and skl2onnx of models for tables: ONNX Runtime predicts the same."""

import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from helpers.exported_tables import (
    COLUMNS,
    WORDS,
    assert_near,
    draw_rows,
    draw_table,
    draw_targets,
    estimates_of,
    every_table_model,
    fitted,
    random_table_model,
    single_class_model,
)

from fastmlp import Activation, TabularMLPClassifier, TabularMLPRegressor
from fastmlp.export import register_converters, to_onnx

onnx = pytest.importorskip("onnx")
NUMBERS = [kind for kind in COLUMNS if kind not in WORDS]


def run(model, table, names=None):
    """Return outputs by name, of a table whose columns are inputs, or which is the one input."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    if len(inputs) == 1 and inputs[0].name not in getattr(table, "columns", ()):
        feeds = {inputs[0].name: np.asarray(table, type_of(inputs[0]))}
    else:
        assert [each.name for each in inputs] == list(table.columns) and all(each.shape[1] == 1 for each in inputs)
        feeds = {each.name: column_for(each, table[each.name]) for each in inputs}
    found = dict(zip([one.name for one in session.get_outputs()], session.run(None, feeds), strict=True))
    assert names is None or list(found) == names
    return found


def type_of(declared):
    kind = declared.type.removeprefix("tensor(").removesuffix(")")
    return {"float": np.dtype(np.float32), "string": np.dtype(object)}.get(kind) or np.dtype(kind)


def column_for(declared, column):
    """Return a column (n, 1) for an input; a missing string is ""."""
    dtype = type_of(declared)
    values = ["" if value is None else value for value in column] if dtype.kind == "O" else column.to_numpy(dtype)
    return np.array(values, dtype).reshape(-1, 1)


def check(model, table, found, what):
    exact = estimates_of(model, table)
    if "variable" in found:
        assert_near(found["variable"], exact.reshape(found["variable"].shape), what)
        return
    assert_near(found["probabilities"], exact, what)
    labels = model.predict(table)
    assert found["label"].dtype == (object if labels.dtype.kind in "OU" else np.int64)
    assert found["label"].tolist() == labels.tolist(), what


def check_models(models):
    for what, model, table in models:
        for dtype in ("float32", "float64"):
            made = to_onnx(model, dtype=dtype)
            onnx.checker.check_model(made, full_check=True)
            names = ["variable"] if isinstance(model, TabularMLPRegressor) else ["label", "probabilities"]
            found = run(made, table, names)
            assert found[names[-1]].dtype == dtype
            check(model, table, found, f"{what} {dtype}")


def test_onnx_runtime_predicts_the_same():
    check_models(every_table_model(more=True))


def test_random_tables():
    check_models(random_table_model(seed) for seed in range(40))
    numbers = [random_table_model(seed, without=WORDS) for seed in range(40, 55)]
    check_models(numbers)
    for _, model, table in numbers:
        (declared,) = to_onnx(model).graph.input
        assert [each.dim_value for each in declared.type.tensor_type.shape.dim] == [0, table.shape[1]]


def test_infinite_numbers_are_large_ones():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((60, 2)).astype(np.float32)
    for encoding in (None, "piecewise-linear", "periodic"):
        model = fitted(rng, X, "target", [], recipe="realmlp-td-s", numeric_encoding=encoding)
        large = np.array([[3e38, 0], [-3e38, 1], [1e30, -1e30]], np.float32)
        for dtype in ("float32", "float64"):
            made = to_onnx(model, dtype=dtype)
            found = run(made, large)["variable"]
            assert_near(found[:, 0], model.predict(large), (encoding, dtype))
            infinite = np.where(abs(large) > 1e37, np.copysign(np.inf, large), large)
            assert np.array_equal(run(made, infinite)["variable"], found)


def test_a_single_class_is_certain():
    model, X = single_class_model()
    assert run(to_onnx(model), X)["probabilities"].tolist() == model.predict_proba(X).tolist() == [[1.0]] * 10


def test_names_of_inputs_and_outputs():
    rng = np.random.RandomState(0)
    X = draw_table(rng, ["numbers", "two words", "many words"]).set_axis(["v0", "c1", "label"], axis=1)
    model = fitted(rng, X, "classes", [])
    with pytest.raises(ValueError, match="'label' is called as an output"):
        to_onnx(model)
    made = to_onnx(model, input_name=["v0", "c1", "_label"])
    check(model, X, run(made, X.rename(columns={"label": "_label"})), "names of nodes")
    zipped = run(to_onnx(model, zipmap=True), X, ["output_label", "output_probability"])
    rows = [[each[name] for name in model.classes_] for each in zipped["output_probability"]]
    assert_near(rows, model.predict_proba(X), "dicts")
    for wrong, message in ((["a", "b"], "for each of the 3 columns"), (["a", "b", "b"], "of its own"),
                           ("table", r"list of 3 names")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            to_onnx(model, input_name=wrong)
    unnamed = TabularMLPClassifier("fast", max_iter=1).fit(X.to_numpy(object).tolist(), draw_targets(rng, "binary"))
    assert [each.name for each in to_onnx(unnamed).graph.input] == ["x0", "x1", "x2"]
    numbers = fitted(rng, X[["v0"]].assign(w=X["v0"] ** 2), "target", [])
    assert [each.name for each in to_onnx(numbers, input_name="table").graph.input] == ["table"]
    assert [each.name for each in to_onnx(numbers, input_name=["v0", "w"]).graph.input] == ["v0", "w"]
    with pytest.raises(ValueError, match="zipmap=True"):
        to_onnx(numbers, zipmap=True)


def test_what_onnx_cannot_express():
    rng, n = np.random.RandomState(0), 60
    numbers = rng.standard_normal(n).astype(np.float32).astype(float)  # exact in float32

    def model_of(column, y=None, **parameters):
        X = pd.DataFrame({"a": column, "b": numbers})
        return fitted(rng, X, "target", [], y, recipe="fast", **parameters)

    halves = np.arange(n) % 2
    mixed = [[1, "1"][each] for each in halves]
    for column, parameters, message in (
        (mixed, {}, "'a' has categories of type int, str.*strings before the fit"),
        ([[b"x", b"y"][each] for each in halves], {}, "of type bytes"),
        (16_777_216 + halves, {"categorical_features": ["a"]}, "such as 16777217: use dtype='float64'"),
        (1 + 1e-9 * halves, {"categorical_features": ["a"]}, "numbers: use dtype='float64'"),
        (1e-41 * numbers, {}, "column 'a' are too far from 1 for float32: .*dtype='float64'"),
        (1e100 * numbers, {}, "column 'a' are too far from 1"),
    ):
        with pytest.raises(ValueError, match=message):
            to_onnx(model_of(column, **parameters))
    for y in (1e60 * numbers, 1e-60 * numbers):
        with pytest.raises(ValueError, match=r"targets are too far from 1 for float32: .*dtype='float64'"):
            to_onnx(model_of(numbers**2, y))
    for column in (16_777_216 + halves, 1 + 1e-9 * halves):
        made = to_onnx(model := model_of(column, categorical_features=["a"]), dtype="float64")
        check(model, table := pd.DataFrame({"a": column, "b": numbers}), run(made, table), "categories in float64")
    with pytest.raises(ValueError, match="such as 9007199254740993: make them strings"):
        to_onnx(model_of(2**53 + halves, categorical_features=["a"]), dtype="float64")
    made = to_onnx(model := model_of([Decimal("0.5") * each for each in halves], categorical_features=["a"]))
    check(model, table := pd.DataFrame({"a": 0.5 * halves, "b": numbers}), run(made, table), "decimal numbers")
    own = Activation(lambda z: z if z > 0 else 0.5 * z, lambda z: 1.0 if z > 0 else 0.5)
    with pytest.raises(ValueError, match="of your own never can"):
        to_onnx(model_of(numbers**2, activation=own))
    with pytest.raises(TypeError, match="input_name must be a string"):
        from helpers.exported_models import every_model

        to_onnx(every_model()[0][1], input_name=["a"])


def test_skl2onnx_converts_pipelines():
    skl2onnx = pytest.importorskip("skl2onnx")
    from skl2onnx.common.data_types import FloatTensorType, Int32TensorType, Int64TensorType, StringTensorType
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    register_converters()
    options = {TabularMLPClassifier: {"zipmap": False}}

    def convert(model, declared, **others):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of skl2onnx's own
            return skl2onnx.to_onnx(model, declared, options=options, **others)

    for number, (what, model, table) in enumerate(every_table_model()[::3]):
        table = table.assign(**{name: table[name].map(lambda value: "" if value is None else value) for name in table})
        for opset in (None, 11)[: 1 + (number % 5 == 0)]:
            made = convert(make_pipeline(model), table[4:5], target_opset=opset)
            names = [each.name for each in made.graph.input]  # those that are no names in Python are changed
            check(model, table, run(made, table.set_axis(names, axis=1)), f"{what} opset {opset}")
    rng = np.random.RandomState(0)
    kinds = ["numbers", "gaps", "codes, gaps"]
    X, table = draw_table(rng, kinds).to_numpy(), draw_rows(rng, kinds).to_numpy()
    for kind, dtype in (("classes", np.float32), ("targets", np.float64), ("labels", np.float32)):
        model = fitted(rng, X.astype(dtype), kind, kinds)
        pipeline = make_pipeline(FunctionTransformer(), model)
        table = table.astype(dtype)
        found = run(convert(pipeline, table[:1]), table)
        assert found[list(found)[-1]].dtype == dtype
        check(model, table, found, f"{kind} in one array")
    kinds = ["days", "many words", "numbers", "many codes"]
    X, table = draw_table(rng, kinds), draw_rows(rng, kinds)[6:]
    model = fitted(rng, X, "target", kinds)
    types = [Int32TensorType, StringTensorType, FloatTensorType, Int64TensorType]
    declared = [(name, kind([None, 1])) for name, kind in zip(X.columns, types, strict=True)][::-1]
    made = convert(model, declared)
    assert [each.name for each in made.graph.input] == [f"_{name.replace(' ', '_')}" for name in X.columns[::-1]]
    turned = table[X.columns[::-1]].set_axis([each.name for each in made.graph.input], axis=1)
    check(model, table, run(made, turned), "columns in another order")
    for declared, message in (
        ([("X", FloatTensorType([None, 4]))], "'1 many words' had strings in the fit, .*has float32 numbers"),
        ([("X", FloatTensorType([None, 2]))], "fitted with 4 columns, but its inputs have 2: X"),
        ([("X", StringTensorType([None, 4]))], "'0 days' had numbers in the fit, .* strings"),
    ):
        with pytest.raises(ValueError, match=message):
            convert(model, declared)
    with pytest.raises(ValueError, match="needs opset 11"):
        convert(model, X[:1], target_opset=10)
