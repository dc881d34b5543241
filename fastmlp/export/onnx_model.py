"""`to_onnx`: a model as an ONNX model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..tabular.base import BaseTabularMLP
from .description import Description, OutputDescription, describe
from .onnx_activations import add_network
from .onnx_outputs import add_classifier, add_regressor, label_array
from .onnx_tables import TABLE_OPSET, Source, add_table, kind_of_categories
from .table_description import TableDescription, describe_table
from .table_ranges import check_ranges

#: The oldest versions of the operators, and of the file, that have all that is needed; sorted quantiles need `_TOPK`.
_OPSET, _TOPK, _IR_VERSION = 9, 10, 4
#: The version of a file with `TABLE_OPSET`, and that of the operators of ai.onnx.ml in it.
_TABLE_IR_VERSION, _ML_OPSET = 6, 2
#: Operators of ai.onnx.ml.
_ML = ("LabelEncoder", "ZipMap")


class OnnxGraph:
    """A `Graph` in a file of its own.

    Parameters
    ----------
    onnx : module
    dtype : numpy type
    taken : sequence of str
        Names that no node or constant may have.
    """

    def __init__(self, onnx: Any, dtype: Any, taken: Sequence[str] = ()) -> None:
        self.onnx, self.dtype, self._taken = onnx, np.dtype(dtype), set(taken)
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._numbers: dict[float, str] = {}

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        number = len(self.nodes)
        name = self._free(f"v{number}") if output is None else output
        if "to" in attributes:
            attributes["to"] = self.type_of(attributes["to"])
        names = [name, self._free(f"indices{number}")] if kind == "TopK" else [name]
        domain = "ai.onnx.ml" if kind in _ML else ""
        self.nodes.append(
            self.onnx.helper.make_node(kind, list(inputs), names, name=f"{kind}{number}", domain=domain, **attributes)
        )
        return name

    def constant(self, array: Any) -> str:
        """Add a constant array and return its name; numbers get the graph's type."""
        if isinstance(array, float) and array in self._numbers:
            return self._numbers[array]
        name = self._free(f"c{len(self.initializers)}")
        if isinstance(array, float):
            self._numbers[array], array = name, np.array(array, self.dtype)
        self.initializers.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def _free(self, name: str) -> str:
        """Return a name that is not taken, by names of columns say."""
        return self._free(f"{name}_") if name in self._taken else name

    def type_of(self, dtype: np.dtype) -> int:
        """Return ONNX's number of a type."""
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(dtype))

    def value(self, name: str, dtype: Any, shape: list[Any]) -> Any:
        """Return the declaration of an input or output; dtype `object` are strings."""
        number = self.onnx.TensorProto.STRING if dtype == np.dtype(object) else self.type_of(np.dtype(dtype))
        return self.onnx.helper.make_tensor_value_info(name, number, shape)


def to_onnx(model: Any, *, input_name: Any = "X", dtype: Any = "float32", zipmap: bool = False) -> Any:
    """Return a fitted model as an ONNX model, for ONNX Runtime and many others.

    Inputs and outputs have the names and shapes of skl2onnx: an input (n, n_features); of a classifier the outputs
    "label" (n,), or (n, n_labels), and "probabilities" (n, n_classes), which is `decision_function` (n, n_outputs) if
    the loss has margins; of a regressor, and of a `Network`, "variable" (n, n_outputs), or (n, n_targets, n_quantiles).
    Labels are strings or 64-bit integers: True and False become 1 and 0.

    A table with categories that are strings has an input (n, 1) for each column, strings or numbers, which is called as
    the column (x0, x1, … if the table had no names); other tables have one input (n, n_features), whose categories are
    numbers, with True as 1 and False as 0. A missing number is NaN. A missing category is NaN, or "", or any other
    value that was not there in the fit.

    Parameters
    ----------
    model : MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor or Network
    input_name : str or list of str, default='X'
        The name of the input. A list names an input (n, 1) for each column of a table.
    dtype : {'float32', 'float64'}, default='float32'
        Of inputs, arithmetic and outputs, whatever the model's is: most runtimes are made for float32.
    zipmap : bool, default=False
        Whether the probabilities of a row are a dict from labels to numbers: the outputs are then called
        "output_label" and "output_probability", as in skl2onnx.

    Returns
    -------
    onnx_model : onnx.ModelProto
        Of opset 9 (10 with sorted quantiles, 11 of tables). Write it with ``onnx.save(onnx_model, path)``.

    Raises
    ------
    ImportError
        If the package onnx is not installed.
    TypeError, ValueError, NotFittedError
        If it is no such model, has an activation of your own or labels that are neither strings nor whole numbers, was
        not fitted, or if `zipmap` is asked for without probabilities of classes. Of tables: if a column has categories
        of several types, or numbers that are out of the type's range; or if `input_name` does not fit the columns.

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
    if isinstance(model, BaseTabularMLP):
        d = describe_table(model, dtype)
        check_ranges(d, dtype, ", or use dtype='float64'" if dtype == np.float32 else "")
        _check_zipmap(d, dtype, zipmap)
        sources = table_inputs(d, dtype, input_name, _output_names(d, zipmap))
        inputs = {source.name: (source.dtype, len(sources) if source.at is not None else 1) for source in sources}
        graph = OnnxGraph(onnx, dtype, list(inputs))
        _add_outputs(graph, d, add_table(graph, d, sources), zipmap)
        return _make_model(graph, d, type(model).__name__, inputs, zipmap)
    if not isinstance(input_name, str):
        raise TypeError(f"input_name must be a string, but for tables, got {input_name!r:.80}.")
    network = describe(model, dtype)
    _check_zipmap(network, dtype, zipmap)
    graph = OnnxGraph(onnx, dtype, [input_name])
    _add_outputs(graph, network, add_network(graph, network, input_name), zipmap)
    return _make_model(graph, network, type(model).__name__, {input_name: (dtype, network.n_features)}, zipmap)


def table_inputs(d: TableDescription, dtype: np.dtype, input_name: Any, outputs: Sequence[str]) -> list[Source]:
    """Return the input of each column of a table: one for all, or one each."""
    strings = np.dtype(object)
    kinds = [
        strings if values is not None and kind_of_categories(values) == "strings" else dtype for values in d.categories
    ]
    if isinstance(input_name, str):
        if strings not in kinds:
            return [Source(input_name, dtype, at) for at in range(len(kinds))]
        if input_name != "X":
            raise ValueError(
                f"A table with categories that are strings has an input for each column: input_name={input_name!r} "
                f"must be a list of {len(kinds)} names, or be left out."
            )
        names = d.names
    else:
        names = list(input_name)
    if len(names) != len(kinds) or len(set(names)) < len(names) or not all(isinstance(each, str) for each in names):
        raise ValueError(
            f"input_name must have a string of its own for each of the {len(kinds)} columns, got {names!r:.80}."
        )
    taken = [name for name in names if name in outputs]
    if taken:
        raise ValueError(
            f"The column {taken[0]!r} is called as an output of the ONNX model: pass input_name, a list with another "
            "name for it."
        )
    return [Source(name, kind) for name, kind in zip(names, kinds, strict=True)]


def _make_model(
    graph: OnnxGraph, d: OutputDescription, name: str, inputs: dict[str, tuple[Any, int]], zipmap: bool
) -> Any:
    helper, is_table = graph.onnx.helper, isinstance(d, TableDescription)
    declared = [graph.value(each, dtype, [None, width]) for each, (dtype, width) in inputs.items()]
    made = helper.make_graph(graph.nodes, name, declared, _declare_outputs(graph, d, zipmap), graph.initializers)
    opsets = [helper.make_opsetid("", TABLE_OPSET if is_table else _TOPK if d.n_sorted else _OPSET)]
    if zipmap or is_table:
        opsets.append(helper.make_opsetid("ai.onnx.ml", _ML_OPSET if is_table else 1))
    version = _TABLE_IR_VERSION if is_table else _IR_VERSION
    return helper.make_model(made, opset_imports=opsets, ir_version=version, producer_name="fastmlp")


def _output_names(d: OutputDescription, zipmap: bool) -> list[str]:
    if d.kind != "classifier":
        return ["variable"]
    return ["output_label", "output_probability", "probabilities"] if zipmap else ["label", "probabilities"]


def _check_zipmap(d: OutputDescription, dtype: np.dtype, zipmap: bool) -> None:
    if not zipmap:
        return
    if d.kind != "classifier":
        raise ValueError("zipmap=True is for the probabilities of a classifier.")
    if d.is_multilabel or not d.has_probabilities or dtype != np.float32:
        raise ValueError("zipmap=True needs one class per row, probabilities, and dtype='float32'.")


def _add_outputs(graph: OnnxGraph, d: Description | TableDescription, outputs: str, zipmap: bool) -> None:
    """Add what the network's outputs mean."""
    if d.kind != "classifier":
        add_regressor(graph, d, outputs, "variable")
        return
    add_classifier(graph, d, outputs, "output_label" if zipmap else "label", "probabilities")
    if zipmap:
        labels = label_array(d)
        key = "classlabels_strings" if labels.dtype == object else "classlabels_int64s"
        graph.node("ZipMap", "probabilities", output="output_probability", **{key: labels.tolist()})


def _declare_outputs(graph: OnnxGraph, d: OutputDescription, zipmap: bool) -> list[Any]:
    dtype = graph.dtype
    if d.kind != "classifier":
        return [graph.value("variable", dtype, [None, *(d.shape or (1,))])]
    labels = label_array(d)
    kind, shape = (np.int64, [None, d.n_outputs]) if d.is_multilabel else (labels.dtype, [None])
    one = graph.value("output_label" if zipmap else "label", kind, shape)
    if not zipmap:
        return [one, graph.value("probabilities", dtype, [None, d.n_estimates])]
    helper, proto = graph.onnx.helper, graph.onnx.TensorProto
    number = helper.make_tensor_type_proto(proto.FLOAT, [])
    entry = helper.make_map_type_proto(proto.STRING if labels.dtype == object else proto.INT64, number)
    return [one, helper.make_value_info("output_probability", helper.make_sequence_type_proto(entry))]
