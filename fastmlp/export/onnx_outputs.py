"""What follows a network's outputs in ONNX: labels, probabilities, sorted quantiles."""

from __future__ import annotations

import numpy as np

from .description import OutputDescription
from .onnx_activations import Graph


def add_classifier(graph: Graph, d: OutputDescription, outputs: str, label: str, probabilities: str) -> None:
    """Add labels and probabilities, under these names, of a network's outputs (n, n_outputs).

    With a loss that has margins, the second output is what `decision_function` returns.
    """
    if d.smoothing is not None:
        _undo_smoothing(graph, d, outputs, probabilities)
    elif d.has_one_output_for_two_classes and d.has_probabilities:
        other = graph.node("Sub", graph.constant(1.0), outputs)
        graph.node("Concat", other, outputs, output=probabilities, axis=1)
    else:
        graph.node("Identity", outputs, output=probabilities)
    if d.is_multilabel:
        above = graph.node("Greater", outputs, graph.constant(d.threshold))
        graph.node("Cast", above, output=label, to=np.dtype(np.int64))
        return
    labels = label_array(d)
    labels = np.append(labels, labels[:1].repeat(max(0, d.n_outputs - labels.size)))  # a class that was alone
    if d.n_outputs > 1:
        codes = graph.node("ArgMax", outputs, axis=1, keepdims=0)
    else:
        column = graph.node("Reshape", outputs, graph.constant(np.array([-1])))
        above = graph.node("Greater", column, graph.constant(d.threshold if labels.size > 1 else np.inf))
        codes = graph.node("Cast", above, to=np.dtype(np.int64))
    graph.node("Gather", graph.constant(labels), codes, output=label, axis=0)


def _undo_smoothing(graph: Graph, d: OutputDescription, outputs: str, probabilities: str) -> None:
    """Add what `fastmlp.tabular.classifier.undo_smoothing` computes; of several labels each has two classes."""
    if d.classes.size == 1 and not d.is_multilabel:
        share = graph.node("Gather", outputs, graph.constant(np.arange(1)), axis=1)
        graph.node("Add", graph.node("Mul", share, graph.constant(0.0)), graph.constant(1.0), output=probabilities)
        return
    exponent = d.exponent

    def undone(estimates: str) -> str:
        return graph.node("Pow", estimates, graph.constant(exponent)) if exponent != 1.0 else estimates

    if d.is_multilabel:
        shares = undone(outputs)
        total = graph.node("Add", shares, undone(graph.node("Sub", graph.constant(1.0), outputs)))
    else:
        if d.classes.size < d.n_outputs:
            outputs = graph.node("Gather", outputs, graph.constant(np.arange(d.classes.size)), axis=1)
        shares = undone(outputs)
        total = graph.node("MatMul", shares, graph.constant(np.ones((d.classes.size, 1), graph.dtype)))
    graph.node("Div", shares, total, output=probabilities)


def _add_targets(graph: Graph, d: OutputDescription, outputs: str) -> str:
    """Add predictions in the units of the targets."""
    if d.target_scale is not None and d.target_mean is not None:
        scale, mean = (graph.constant(each.astype(graph.dtype)) for each in (d.target_scale, d.target_mean))
        outputs = graph.node("Add", graph.node("Mul", outputs, scale), mean)
    if d.target_range is not None:
        least, most = (graph.constant(each) for each in d.target_range.astype(graph.dtype))
        outputs = graph.node("Min", graph.node("Max", outputs, least), most)
    return outputs


def add_regressor(graph: Graph, d: OutputDescription, outputs: str, variable: str) -> None:
    """Add predictions (n, n_outputs), or (n, n_targets, n_quantiles) if there are several of both, under this name."""
    outputs = _add_targets(graph, d, outputs)
    if d.n_sorted:
        groups = graph.node("Reshape", outputs, graph.constant(np.array([-1, d.n_outputs // d.n_sorted, d.n_sorted])))
        k = graph.constant(np.array([d.n_sorted]))
        outputs = graph.node("Neg", graph.node("TopK", graph.node("Neg", groups), k, axis=2))  # the largest come first
    if d.n_sorted or len(d.shape) == 2:
        shape = [-1, *(d.shape if len(d.shape) == 2 else [d.n_outputs])]
        graph.node("Reshape", outputs, graph.constant(np.array(shape)), output=variable)
    else:
        graph.node("Identity", outputs, output=variable)


def label_array(d: OutputDescription) -> np.ndarray:
    """Return the labels as skl2onnx has them: 64-bit integers, also for True and False and whole floats, or strings.

    Raises
    ------
    ValueError
        If they are neither.
    """
    labels = d.classes.tolist()
    if all(isinstance(label, str) for label in labels):
        return np.array(labels, object)
    whole = [isinstance(label, bool | int | float) and float(label).is_integer() for label in labels]
    if not all(whole) or not all(abs(label) < 1 << 63 for label in labels):
        raise ValueError(f"The classes {labels!r:.80} are neither strings nor whole numbers, which ONNX could name.")
    return np.array([int(label) for label in labels], np.int64)
