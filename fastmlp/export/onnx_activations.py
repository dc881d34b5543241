"""Activations and layers as nodes of ONNX, for any `Graph`: a file of its own, or a part of skl2onnx's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ..activations import SELU_ALPHA, SELU_SCALE, BaseActivation
from .description import Description, translate


class Graph(Protocol):
    """Where nodes are added.

    Operators of version 9 are enough, and for tables those of 11, whose form has not changed since.
    """

    dtype: np.dtype

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node and return the name of its output."""

    def constant(self, array: Any) -> str:
        """Add a constant array and return its name; numbers get the graph's type."""


def add_network(graph: Graph, d: Description, inputs: str) -> str:
    """Add all layers; return the name of the outputs (n, n_outputs), not sorted."""
    for coef, intercept, activation in zip(d.coefs, d.intercepts, d.activations, strict=True):
        z = graph.node("Gemm", inputs, graph.constant(coef), graph.constant(intercept))
        inputs = add_activation(graph, activation, z)
    return inputs


def add_activation(graph: Graph, activation: BaseActivation, z: str) -> str:
    """Add f(z); return its name."""
    return translate(activation, _ACTIVATIONS, "ONNX")(graph, z)


_Add = Callable[[Graph, str], str]


def _operator(kind: str, **attributes: Any) -> Callable[[Any], _Add]:
    """Return what adds one operator."""
    return lambda f: lambda graph, z: graph.node(kind, z, **attributes)


def _scaled(graph: Graph, z: str, factor: float) -> str:
    return z if factor == 1 else graph.node("Mul", z, graph.constant(factor))


def _clipped(graph: Graph, z: str, low: float, high: float) -> str:
    return graph.node("Min", graph.node("Max", z, graph.constant(low)), graph.constant(high))


def _exponential(graph: Graph, z: str, depth: float, scale: float = 1.0, rate: float = 1.0) -> str:
    """Scale · z where z > 0, else depth (exp(rate · z) − 1)."""
    below = _scaled(graph, graph.node("Min", z, graph.constant(0.0)), rate)
    below = graph.node("Sub", graph.node("Exp", below), graph.constant(1.0))
    above = _scaled(graph, graph.node("Relu", z), scale)
    return graph.node("Add", above, _scaled(graph, below, depth))


def _softplus(graph: Graph, z: str, beta: float = 1.0) -> str:
    """max(u, 0) + ln(1 + e), e = exp(−|u|), u = βz; the rounding of y = 1 + e is corrected: it is e − (y − 1)."""
    u, one = _scaled(graph, z, beta), graph.constant(1.0)
    e = graph.node("Exp", graph.node("Neg", graph.node("Abs", u)))
    y = graph.node("Add", e, one)
    rest = graph.node("Div", graph.node("Sub", e, graph.node("Sub", y, one)), y)
    log1p = graph.node("Add", graph.node("Log", y), rest)
    return _scaled(graph, graph.node("Add", graph.node("Relu", u), log1p), 1 / beta)


def _gelu(graph: Graph, z: str) -> str:
    if graph.dtype == np.float64:
        return graph.node("Mul", z, _normal_cdf(graph, z))
    erf = graph.node("Erf", _scaled(graph, z, math.sqrt(0.5)))
    return graph.node("Mul", _scaled(graph, z, 0.5), graph.node("Add", erf, graph.constant(1.0)))


def _normal_cdf(graph: Graph, z: str) -> str:
    """Φ(z) by the formulas of `kernels.math.erf`: ONNX Runtime has no erf in float64."""
    from ..kernels.math.erf import DOUBLE  # loads the compiler

    one = graph.constant(1.0)
    x = _scaled(graph, graph.node("Abs", z), math.sqrt(0.5))
    inverse = graph.node("Div", one, graph.node("Add", x, graph.constant(DOUBLE.middle)))
    t = graph.node("Sub", _scaled(graph, graph.node("Mul", x, inverse), 2.0), one)
    total = graph.constant(DOUBLE.tail[-1])
    for coefficient in DOUBLE.tail[-2::-1]:
        total = graph.node("Add", graph.node("Mul", total, t), graph.constant(coefficient))
    exponential = graph.node("Exp", graph.node("Neg", graph.node("Mul", x, x)))
    tail = _scaled(graph, graph.node("Mul", exponential, graph.node("Mul", inverse, total)), 0.5)
    below = graph.node("Less", z, graph.constant(0.0))
    return graph.node("Where", below, tail, graph.node("Sub", one, tail))


def _gelu_tanh(graph: Graph, z: str) -> str:
    c = math.sqrt(2 / math.pi)
    factor = graph.node("Add", _scaled(graph, graph.node("Mul", z, z), c * 0.044715), graph.constant(c))
    t = graph.node("Tanh", graph.node("Mul", z, factor))
    return graph.node("Mul", _scaled(graph, z, 0.5), graph.node("Add", t, graph.constant(1.0)))


def _leaky_relu(graph: Graph, z: str, slope: float) -> str:
    below = graph.node("Min", z, graph.constant(0.0))
    return graph.node("Add", graph.node("Relu", z), _scaled(graph, below, slope)) if slope else graph.node("Relu", z)


def _hard_sigmoid(graph: Graph, z: str) -> str:
    shifted = graph.node("Add", _clipped(graph, z, -3.0, 3.0), graph.constant(3.0))
    return graph.node("Div", shifted, graph.constant(6.0))


def _step(graph: Graph, z: str) -> str:
    return graph.node("Cast", graph.node("Greater", z, graph.constant(0.0)), to=graph.dtype)


#: For each activation what adds it to a graph: by operators that ONNX Runtime has in both types.
_ACTIVATIONS: dict[str, Callable[[Any], _Add]] = {
    "identity": lambda f: lambda graph, z: z,
    "logistic": _operator("Sigmoid"),
    "tanh": _operator("Tanh"),
    "relu": _operator("Relu"),
    "leaky_relu": lambda f: lambda graph, z: _leaky_relu(graph, z, f.slope),
    "elu": lambda f: lambda graph, z: _exponential(graph, z, f.alpha),
    "celu": lambda f: lambda graph, z: _exponential(graph, z, f.alpha, rate=1 / f.alpha),
    "selu": lambda f: lambda graph, z: _exponential(graph, z, SELU_ALPHA * SELU_SCALE, SELU_SCALE),
    "gelu": lambda f: _gelu,
    "gelu_tanh": lambda f: _gelu_tanh,
    "silu": lambda f: lambda graph, z: graph.node("Mul", z, graph.node("Sigmoid", _scaled(graph, z, f.beta))),
    "mish": lambda f: lambda graph, z: graph.node("Mul", z, graph.node("Tanh", _softplus(graph, z))),
    "softplus": lambda f: lambda graph, z: _softplus(graph, z, f.beta),
    "softsign": lambda f: (
        lambda graph, z: graph.node("Div", z, graph.node("Add", graph.node("Abs", z), graph.constant(1.0)))
    ),
    "relu6": lambda f: lambda graph, z: _clipped(graph, z, 0.0, 6.0),
    "hard_tanh": lambda f: lambda graph, z: _clipped(graph, z, -1.0, 1.0),
    "hard_sigmoid": lambda f: _hard_sigmoid,
    "hard_swish": lambda f: lambda graph, z: graph.node("Mul", z, _hard_sigmoid(graph, z)),
    "exp": _operator("Exp"),
    "step": lambda f: _step,
    "softmax": _operator("Softmax", axis=1),
}
