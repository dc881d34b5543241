"""`register_converters`: fastmlp's estimators in skl2onnx, which converts whole pipelines."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..estimators.classifier import MLPClassifier
from ..estimators.regressor import MLPRegressor
from .description import describe
from .onnx_activations import add_network
from .onnx_outputs import add_classifier, add_regressor, label_array


def register_converters() -> None:
    """Register `MLPClassifier` and `MLPRegressor` with skl2onnx, so that it converts pipelines that hold them.

    Outputs are those of `to_onnx`: "label" and "probabilities", or "variable". For a classifier at the end of a
    `Pipeline` skl2onnx asks for dicts of probabilities, "output_label" and "output_probability", unless its options say
    no: ``options={MLPClassifier: {"zipmap": False}}``.

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
    update_registered_converter(
        MLPClassifier, "FastmlpMLPClassifier", _classifier_shapes, _convert_classifier, parser=_parse_classifier,
        options={"zipmap": [True, False, "columns"], "nocl": [True, False]},
    )  # fmt: skip
    update_registered_converter(MLPRegressor, "FastmlpMLPRegressor", _regressor_shapes, _convert_regressor)


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

    zipmap = scope.get_options(model, {"zipmap": False})["zipmap"]
    parse = _parse_sklearn_classifier if zipmap else _parse_sklearn_simple_model
    return parse(scope, model, inputs, custom_parsers=custom_parsers)


def _type_of_inputs(operator: Any) -> Any:
    """Return the type of arithmetic: float64 for such inputs, else float32."""
    from skl2onnx.common.data_types import DoubleTensorType

    if len(operator.inputs) != 1:
        raise ValueError(
            f"{type(operator.raw_operator).__name__} has {len(operator.inputs)} inputs in this pipeline, but takes one "
            "table: put a ColumnTransformer before it."
        )
    return np.float64 if isinstance(operator.inputs[0].type, DoubleTensorType) else np.float32


def _tensor(dtype: Any, shape: list[Any]) -> Any:
    from skl2onnx.common import data_types

    names = {"float64": "DoubleTensorType", "float32": "FloatTensorType", "int64": "Int64TensorType"}
    return getattr(data_types, names.get(np.dtype(dtype).name, "StringTensorType"))(shape)


def _classifier_shapes(operator: Any) -> None:
    d, dtype = describe(operator.raw_operator), _type_of_inputs(operator)
    rows = operator.inputs[0].get_first_dimension()
    labels = np.dtype(np.int64) if d.is_multilabel else label_array(d).dtype
    operator.outputs[0].set_type(_tensor(labels, [rows, d.n_outputs] if d.is_multilabel else [rows]))
    columns = 2 if d.has_one_output_for_two_classes and d.has_probabilities else d.n_outputs
    operator.outputs[1].set_type(_tensor(dtype, [rows, columns]))


def _regressor_shapes(operator: Any) -> None:
    d, dtype = describe(operator.raw_operator), _type_of_inputs(operator)
    operator.outputs[0].set_type(_tensor(dtype, [operator.inputs[0].get_first_dimension(), *(d.shape or (1,))]))


def _begin(scope: Any, operator: Any, container: Any) -> tuple[ContainerGraph, Any, str]:
    """Return graph, description and the name of the network's outputs, which are added."""
    dtype = np.dtype(_type_of_inputs(operator))
    graph, d = ContainerGraph(scope, container, dtype), describe(operator.raw_operator, dtype)
    return graph, d, add_network(graph, d, graph.node("Cast", operator.inputs[0].full_name, to=dtype))


def _convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    graph, d, outputs = _begin(scope, operator, container)
    add_classifier(graph, d, outputs, *(output.full_name for output in operator.outputs))


def _convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    graph, d, outputs = _begin(scope, operator, container)
    add_regressor(graph, d, outputs, operator.outputs[0].full_name)
