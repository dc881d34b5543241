"""`register_converters`: fastmlp's estimators in skl2onnx, which converts whole pipelines."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..estimators.classifier import MLPClassifier
from ..estimators.regressor import MLPRegressor
from ..tabular.base import BaseTabularMLP
from ..tabular.classifier import TabularMLPClassifier
from ..tabular.regressor import TabularMLPRegressor
from .description import OutputDescription, describe
from .onnx_activations import add_network
from .onnx_outputs import add_classifier, add_regressor, label_array
from .onnx_tables import TABLE_OPSET, Source, add_table
from .table_description import describe_table
from .table_ranges import check_ranges

#: NumPy's type for each of skl2onnx's that a column of a table may have; integers are cast to that of 64 bits.
_TYPES = {
    "BooleanTensorType": np.bool_, "FloatTensorType": np.float32, "DoubleTensorType": np.float64,
    "StringTensorType": object, "Int64TensorType": np.int64, "Int32TensorType": np.int64, "Int16TensorType": np.int64,
    "Int8TensorType": np.int64, "UInt8TensorType": np.int64, "UInt16TensorType": np.int64,
}  # fmt: skip


def register_converters() -> None:
    """Register fastmlp's estimators with skl2onnx, so that it converts pipelines that hold them.

    They are `MLPClassifier`, `MLPRegressor`, `TabularMLPClassifier` and `TabularMLPRegressor`. The latter two also take
    an input for each column, as skl2onnx declares them for a DataFrame; inputs that are called as the columns may come
    in any order. The input of a column has the type that its values had in the fit: strings, or numbers. Models for
    tables need opset 11 or later.

    Outputs are those of `to_onnx`: "label" and "probabilities", or "variable". For a classifier at the end of a
    `Pipeline` skl2onnx asks for dicts of probabilities, "output_label" and "output_probability", unless its options say
    no: ``options={MLPClassifier: {"zipmap": False}}``; not for margins and several labels.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Examples
    --------
    >>> from fastmlp.export import register_converters
    >>> register_converters()  # doctest: +SKIP
    >>> skl2onnx.to_onnx(pipeline, X[:1], options={MLPClassifier: {"zipmap": False}})  # doctest: +SKIP
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError("register_converters needs the package skl2onnx: pip install skl2onnx.") from error
    for classifier in (MLPClassifier, TabularMLPClassifier):
        update_registered_converter(
            classifier, f"Fastmlp{classifier.__name__}", _classifier_shapes, _convert_classifier,
            parser=_parse_classifier, options={"zipmap": [True, False, "columns"], "nocl": [True, False]},
        )  # fmt: skip
    for regressor in (MLPRegressor, TabularMLPRegressor):
        update_registered_converter(regressor, f"Fastmlp{regressor.__name__}", _regressor_shapes, _convert_regressor)


class ContainerGraph:
    """A `Graph` in what skl2onnx builds.

    Parameters
    ----------
    scope, container : skl2onnx's
    dtype : numpy type
    """

    def __init__(self, scope: Any, container: Any, dtype: Any) -> None:
        self.scope, self.container, self.dtype = scope, container, np.dtype(dtype)

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        name = self.scope.get_unique_variable_name(kind) if output is None else output
        names = [name, self.scope.get_unique_variable_name("indices")] if kind == "TopK" else name
        if "to" in attributes:
            attributes["to"] = _number_of(attributes["to"])
        if kind == "LabelEncoder":
            attributes |= {"op_domain": "ai.onnx.ml", "op_version": 2}
        self.container.add_node(kind, list(inputs), names, name=self.scope.get_unique_operator_name(kind), **attributes)
        return name

    def constant(self, array: Any) -> str:
        """Add a constant array and return its name; numbers get the graph's type."""
        array = np.asarray(array, self.dtype if isinstance(array, float) else None)
        name = self.scope.get_unique_variable_name("constant")
        content = [each.encode("utf-8") for each in array.tolist()] if array.dtype == object else array.ravel().tolist()
        self.container.add_initializer(name, _number_of(array.dtype), list(array.shape), content)
        return str(name)


def _number_of(dtype: np.dtype) -> int:
    """Return ONNX's number of a type."""
    from onnx import TensorProto, helper

    return int(TensorProto.STRING if dtype.kind == "O" else helper.np_dtype_to_tensor_dtype(dtype))


def _parse_classifier(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Declare the outputs of a classifier: skl2onnx's own parser would have dicts of probabilities by default."""
    from skl2onnx._parse import _parse_sklearn_classifier, _parse_sklearn_simple_model

    d = describe_table(model) if isinstance(model, BaseTabularMLP) else describe(model)
    of_classes = d.has_probabilities and not d.is_multilabel  # else there is nothing that a dict could hold
    zipmap = of_classes and scope.get_options(model, {"zipmap": False})["zipmap"]
    parse = _parse_sklearn_classifier if zipmap else _parse_sklearn_simple_model
    return parse(scope, model, inputs, custom_parsers=custom_parsers)


def _type_of_inputs(operator: Any) -> Any:
    """Return the type of arithmetic: float64 if there are such inputs, else float32."""
    kinds = {type(variable.type).__name__ for variable in operator.inputs}
    if len(operator.inputs) != 1 and not isinstance(operator.raw_operator, BaseTabularMLP):
        raise ValueError(
            f"{type(operator.raw_operator).__name__} has {len(operator.inputs)} inputs in this pipeline, but takes one "
            "table: put a ColumnTransformer before it."
        )
    return np.float64 if "DoubleTensorType" in kinds else np.float32


def _sources(graph: ContainerGraph, operator: Any, names: list[str]) -> list[Source]:
    """Return where each column of a table is: by name if all inputs have names of columns, else in their order."""
    inputs = list(operator.inputs)
    if len(inputs) == len(names) and {variable.raw_name for variable in inputs} == set(names):
        inputs.sort(key=lambda variable: names.index(variable.raw_name))
    sources = []
    for variable in inputs:
        kind = type(variable.type).__name__
        if kind not in _TYPES:
            raise ValueError(f"The input {variable.raw_name!r} is a {kind}: declare one of {', '.join(_TYPES)}.")
        dtype, name = np.dtype(_TYPES[kind]), variable.full_name
        if dtype == np.int64 and kind != "Int64TensorType":
            name = graph.node("Cast", name, to=dtype)
        width = (variable.type.shape or [None])[-1] if len(variable.type.shape or []) > 1 else None
        width = width if isinstance(width, int) else len(names) if len(inputs) == 1 else 1
        sources += [Source(name, dtype, None if width == 1 else at) for at in range(width)]
    if len(sources) != len(names):
        raise ValueError(
            f"{type(operator.raw_operator).__name__} was fitted with {len(names)} columns, but its inputs have "
            f"{len(sources)}: {', '.join(variable.raw_name for variable in inputs)}."
        )
    return sources


def _tensor(dtype: Any, shape: list[Any]) -> Any:
    from skl2onnx.common import data_types

    names = {"float64": "DoubleTensorType", "float32": "FloatTensorType", "int64": "Int64TensorType"}
    return getattr(data_types, names.get(np.dtype(dtype).name, "StringTensorType"))(shape)


def _describe(operator: Any) -> OutputDescription:
    model = operator.raw_operator
    return describe_table(model) if isinstance(model, BaseTabularMLP) else describe(model)


def _classifier_shapes(operator: Any) -> None:
    d, dtype = _describe(operator), _type_of_inputs(operator)
    rows = operator.inputs[0].get_first_dimension()
    labels = np.dtype(np.int64) if d.is_multilabel else label_array(d).dtype
    operator.outputs[0].set_type(_tensor(labels, [rows, d.n_outputs] if d.is_multilabel else [rows]))
    operator.outputs[1].set_type(_tensor(dtype, [rows, d.n_estimates]))


def _regressor_shapes(operator: Any) -> None:
    d, dtype = _describe(operator), _type_of_inputs(operator)
    operator.outputs[0].set_type(_tensor(dtype, [operator.inputs[0].get_first_dimension(), *(d.shape or (1,))]))


def _begin(scope: Any, operator: Any, container: Any) -> tuple[ContainerGraph, Any, str]:
    """Return graph, description and the name of the network's outputs, which are added."""
    dtype, model = np.dtype(_type_of_inputs(operator)), operator.raw_operator
    graph = ContainerGraph(scope, container, dtype)
    if isinstance(model, BaseTabularMLP):
        if (container.target_opset or TABLE_OPSET) < TABLE_OPSET:
            raise ValueError(f"{type(model).__name__} needs opset {TABLE_OPSET}: pass target_opset={TABLE_OPSET}.")
        table = describe_table(model, dtype)
        check_ranges(table, dtype, ", or declare DoubleTensorType" if dtype == np.float32 else "")
        return graph, table, add_table(graph, table, _sources(graph, operator, table.names))
    d = describe(model, dtype)
    return graph, d, add_network(graph, d, graph.node("Cast", operator.inputs[0].full_name, to=dtype))


def _convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    graph, d, outputs = _begin(scope, operator, container)
    add_classifier(graph, d, outputs, *(output.full_name for output in operator.outputs))


def _convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    graph, d, outputs = _begin(scope, operator, container)
    add_regressor(graph, d, outputs, operator.outputs[0].full_name)
