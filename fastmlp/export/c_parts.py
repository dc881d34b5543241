"""Pieces of C: constants, activations, layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..activations import SELU_ALPHA, SELU_SCALE, BaseActivation
from .description import translate

#: Numbers in a line of a table.
_IN_A_LINE = 8

_C = 2 * math.sqrt(2 / math.pi)

#: For each activation the C expression of f(z) from z, a `real`; R(…) is a constant and M(…) a function of that type.
EXPRESSIONS: dict[str, Callable[[Any], str]] = {
    "identity": lambda f: "z",
    "logistic": lambda f: _logistic("z"),
    "tanh": lambda f: "M(tanh)(z)",
    "relu": lambda f: "z <= R(0.0) ? R(0.0) : z",
    "leaky_relu": lambda f: f"z > R(0.0) ? z : z * {constant(f.slope)}" if f.slope else EXPRESSIONS["relu"](f),
    "elu": lambda f: _exponential(f.alpha),
    "celu": lambda f: _exponential(f.alpha, rate=1 / f.alpha),
    "selu": lambda f: _exponential(SELU_ALPHA * SELU_SCALE, scale=SELU_SCALE),
    "gelu": lambda f: f"R(0.5) * z * M(erfc)(z * {constant(-math.sqrt(0.5))})",
    "gelu_tanh": lambda f: f"z * {_logistic(f'z * ({constant(_C)} + {constant(_C * 0.044715)} * z * z)')}",
    "silu": lambda f: f"z * {_logistic('z' if f.beta == 1 else f'{constant(f.beta)} * z')}",
    "mish": lambda f: f"z * M(tanh)({_softplus('z')})",
    "softplus": lambda f: (
        _softplus("z") if f.beta == 1 else f"{_softplus(f'{constant(f.beta)} * z')} / {constant(f.beta)}"
    ),
    "softsign": lambda f: "z / (R(1.0) + M(fabs)(z))",
    "relu6": lambda f: _clipped("0.0", "6.0"),
    "hard_tanh": lambda f: _clipped("-1.0", "1.0"),
    "hard_sigmoid": lambda f: f"(({_clipped('-3.0', '3.0')}) + R(3.0)) / R(6.0)",
    "hard_swish": lambda f: "z <= R(-3.0) ? R(0.0) : z >= R(3.0) ? z : z * (z + R(3.0)) / R(6.0)",
    "exp": lambda f: "M(exp)(z)",
    "step": lambda f: "z > R(0.0) ? R(1.0) : R(0.0)",
}


def constant(value: float) -> str:
    """Return a number of type real."""
    return f"R({float(value)!r})"


def _logistic(u: str) -> str:
    return f"(R(1.0) / (R(1.0) + M(exp)(-({u}))))"


def _softplus(u: str) -> str:
    return f"((({u}) > R(0.0) ? ({u}) : R(0.0)) + M(log1p)(M(exp)(-M(fabs)({u}))))"


def _exponential(depth: float, scale: float = 1.0, rate: float = 1.0) -> str:
    u = "z" if rate == 1 else f"z * {constant(rate)}"
    above = "z" if scale == 1 else f"z * {constant(scale)}"
    return f"z > R(0.0) ? {above} : {constant(depth)} * M(expm1)({u})"


def _clipped(low: str, high: str) -> str:
    return f"z < R({low}) ? R({low}) : z > R({high}) ? R({high}) : z"


SOFTMAX = """
static void {name}_softmax(real *a, int n) {{
  real largest = a[0], total = R(0.0);
  for (int j = 1; j < n; j++) largest = a[j] > largest ? a[j] : largest;
  for (int j = 0; j < n; j++) {{
    a[j] = M(exp)(a[j] - largest);
    total += a[j];
  }}
  for (int j = 0; j < n; j++) a[j] /= total;
}}
"""
DENSE = """
/* y = x w + b, with w (n_in, n_out) row by row. */
static void {name}_dense(const real *x, int n_in, const real *w, const real *b, int n_out, real *y) {{
  for (int j = 0; j < n_out; j++) y[j] = b[j];
  for (int i = 0; i < n_in; i++)
    for (int j = 0; j < n_out; j++) y[j] += x[i] * w[i * n_out + j];
}}
"""


def constants(name: str, array: np.ndarray) -> str:
    """Return an array of real or int numbers; each is what the decimal number is in this type, bit by bit."""
    if array.dtype.kind == "i":
        kind, numbers = "int", [str(number) for number in array.tolist()]
    else:
        suffix = "" if array.dtype == np.float64 else "f"
        kind, numbers = "real", [_decimal(number) + suffix for number in array.ravel()]
    lines = (", ".join(numbers[at : at + _IN_A_LINE]) for at in range(0, len(numbers), _IN_A_LINE))
    body = ",\n  ".join(lines)
    return f"\nstatic const {kind} {name}[{array.size}] = {{\n  {body}\n}};\n"


def _decimal(number: Any) -> str:
    """Return the shortest decimal that is this very number; it has a point or an exponent."""
    return repr(number.item()) if number.dtype == np.float64 else _single(number)


def _single(number: Any) -> str:
    text = str(number)
    return text if "." in text or "e" in text else f"{text}.0"


def helpers(name: str, activations: Sequence[BaseActivation]) -> list[str]:
    """Return the functions that layers call."""
    has_softmax = any(each.name == "softmax" for each in activations)
    return [DENSE.format(name=name), *([SOFTMAX.format(name=name)] if has_softmax else [])]


def apply_activation(name: str, activation: BaseActivation, a: str, width: int, slopes: str = "") -> list[str]:
    """Return the lines that put f(a) in the place of an array a, or α f(z) + (1 − α) z with an array of slopes α."""
    if activation.name == "softmax":
        return [f"  {name}_softmax({a}, {width});"]
    expression = translate(activation, EXPRESSIONS, "C")
    if expression == "z":
        return []
    lines = [f"  for (int j = 0; j < {width}; j++) {{", f"    const real z = {a}[j];"]
    if slopes:
        lines += [f"    const real f = {expression}, slope = {slopes}[j];"]
        return [*lines, f"    {a}[j] = slope * f + (R(1.0) - slope) * z;", "  }"]
    return [*lines, f"    {a}[j] = {expression};", "  }"]


def layer_constants(prefix: str, coefs: Sequence[np.ndarray], intercepts: Sequence[np.ndarray]) -> list[str]:
    """Return the weights and biases of each layer."""
    code = []
    for layer, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        code += [constants(f"{prefix}_w{layer}", coef), constants(f"{prefix}_b{layer}", intercept)]
    return code


def layers(
    name: str, prefix: str, widths: Sequence[int], activations: Sequence[BaseActivation], has_slopes: bool = False
) -> list[str]:
    """Return the lines that compute `outputs` from `x`: widths are those of x and of each layer.

    Parameters
    ----------
    name, prefix : str
        Of the functions that are called, and of the constants that are read.
    widths : sequence of int
    activations : sequence of BaseActivation
    has_slopes : bool, default=False
        Whether each hidden layer has an array of slopes.
    """
    lines, last = [f"  real a{layer}[{width}];" for layer, width in enumerate(widths[1:-1])], len(widths) - 2
    inputs = "x"
    for layer, activation in enumerate(activations):
        a, width = "outputs" if layer == last else f"a{layer}", widths[layer + 1]
        arrays = f"{prefix}_w{layer}, {prefix}_b{layer}"
        lines.append(f"  {name}_dense({inputs}, {widths[layer]}, {arrays}, {width}, {a});")
        slopes = f"{prefix}_slopes{layer}" if has_slopes and layer < last else ""
        lines += apply_activation(name, activation, a, width, slopes)
        inputs = a
    return lines
