"""`to_onnx`: a model as an ONNX model."""

from __future__ import annotations

from typing import Any

import numpy as np

from .description import Description, describe
from .onnx_activations import add_network
from .onnx_outputs import add_classifier, add_regressor, label_array

#: The oldest versions of the operators, and of the file, that have all that is needed; sorted quantiles need `_TOPK`.
_OPSET, _TOPK, _IR_VERSION = 9, 10, 4


class OnnxGraph:
    """A `Graph` in a file of its own.

    Parameters
    ----------
    onnx : module
    dtype : numpy type
    """

    def __init__(self, onnx: Any, dtype: Any) -> None:
        self.onnx, self.dtype = onnx, np.dtype(dtype)
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._numbers: dict[float, str] = {}

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        number = len(self.nodes)
        name = f"v{number}" if output is None else output
        if "to" in attributes:
            attributes["to"] = self.type_of(attributes["to"])
        names = [name, f"indices{number}"] if kind == "TopK" else [name]
        domain = "ai.onnx.ml" if kind == "ZipMap" else ""
        self.nodes.append(
            self.onnx.helper.make_node(kind, list(inputs), names, name=f"{kind}{number}", domain=domain, **attributes)
        )
        return name

    def constant(self, array: Any) -> str:
        """Add a constant array and return its name; numbers get the graph's type."""
        if isinstance(array, float) and array in self._numbers:
            return self._numbers[array]
        name = f"c{len(self.initializers)}"
        if isinstance(array, float):
            self._numbers[array], array = name, np.array(array, self.dtype)
        self.initializers.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def type_of(self, dtype: np.dtype) -> int:
        """Return ONNX's number of a type."""
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(dtype))

    def value(self, name: str, dtype: Any, shape: list[Any]) -> Any:
        """Return the declaration of an input or output; dtype `object` are strings."""
        number = self.onnx.TensorProto.STRING if dtype == np.dtype(object) else self.type_of(np.dtype(dtype))
        return self.onnx.helper.make_tensor_value_info(name, number, shape)


def to_onnx(model: Any, *, input_name: str = "X", dtype: Any = "float32", zipmap: bool = False) -> Any:
    """Return a fitted model as an ONNX model, for ONNX Runtime and many others.

    Inputs and outputs have the names and shapes of skl2onnx: an input (n, n_features); of a classifier the outputs
    "label" (n,), or (n, n_labels), and "probabilities" (n, n_classes), which is `decision_function` (n, n_outputs) if
    the loss has margins; of a regressor, and of a `Network`, "variable" (n, n_outputs), or (n, n_targets, n_quantiles).
    Labels are strings or 64-bit integers: True and False become 1 and 0.

    Parameters
    ----------
    model : MLPClassifier, MLPRegressor or Network
    input_name : str, default='X'
    dtype : {'float32', 'float64'}, default='float32'
        Of inputs, arithmetic and outputs, whatever the model's is: most runtimes are made for float32.
    zipmap : bool, default=False
        Whether the probabilities of a row are a dict from labels to numbers: the outputs are then called
        "output_label" and "output_probability", as in skl2onnx.

    Returns
    -------
    onnx_model : onnx.ModelProto
        Of opset 9 (10 with sorted quantiles). Write it with ``onnx.save(onnx_model, path)``.

    Raises
    ------
    ImportError
        If the package onnx is not installed.
    TypeError, ValueError, NotFittedError
        If it is no such model, has an activation of your own or labels that are neither strings nor whole numbers, was
        not fitted, or if `zipmap` is asked for without probabilities of classes.

    Examples
    --------
    >>> from fastmlp import Network
    >>> from fastmlp.export import to_onnx
    >>> net = Network([2, 1], ["tanh"], "half_squared_error")
    >>> [output.name for output in to_onnx(net).graph.output]  # doctest: +SKIP
    ['variable']
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError("to_onnx needs the package onnx: pip install 'fastmlp[onnx]'.") from error
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype must be 'float32' or 'float64', got {dtype}.")
    d = describe(model, dtype)
    graph = OnnxGraph(onnx, dtype)
    outputs = add_network(graph, d, input_name)
    declared = _add_outputs(graph, d, outputs, zipmap)
    helper = onnx.helper
    made = helper.make_graph(
        graph.nodes,
        type(model).__name__,
        [graph.value(input_name, dtype, [None, d.n_features])],
        declared,
        graph.initializers,
    )
    opsets = [helper.make_opsetid("", _TOPK if d.n_sorted else _OPSET)]
    opsets += [helper.make_opsetid("ai.onnx.ml", 1)] if zipmap else []
    return helper.make_model(made, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="fastmlp")


def _add_outputs(graph: OnnxGraph, d: Description, outputs: str, zipmap: bool) -> list[Any]:
    """Add what the network's outputs mean; return the declarations."""
    dtype = graph.dtype
    if d.kind != "classifier":
        if zipmap:
            raise ValueError("zipmap=True is for the probabilities of a classifier.")
        add_regressor(graph, d, outputs, "variable")
        return [graph.value("variable", dtype, [None, *(d.shape or (1,))])]
    label = "output_label" if zipmap else "label"
    add_classifier(graph, d, outputs, label, "probabilities")
    labels = label_array(d)
    one = graph.value(label, np.int64 if d.is_multilabel else labels.dtype, [None, *([d.n_outputs] * d.is_multilabel)])
    if not zipmap:
        columns = 2 if d.has_one_output_for_two_classes and d.has_probabilities else d.n_outputs
        return [one, graph.value("probabilities", dtype, [None, columns])]
    if d.is_multilabel or not d.has_probabilities or dtype != np.float32:
        raise ValueError("zipmap=True needs one class per row, probabilities, and dtype='float32'.")
    return [one, _add_zipmap(graph, labels)]


def _add_zipmap(graph: OnnxGraph, labels: np.ndarray) -> Any:
    """Add the dicts from labels to probabilities; return their declaration."""
    strings = labels.dtype == object
    key = "classlabels_strings" if strings else "classlabels_int64s"
    graph.node("ZipMap", "probabilities", output="output_probability", **{key: labels.tolist()})
    helper, proto = graph.onnx.helper, graph.onnx.TensorProto
    number = helper.make_tensor_type_proto(proto.FLOAT, [])
    entry = helper.make_map_type_proto(proto.STRING if strings else proto.INT64, number)
    return helper.make_value_info("output_probability", helper.make_sequence_type_proto(entry))
