"""`to_c`: a model as one C99 file without dependencies."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ..activations import SELU_ALPHA, SELU_SCALE
from ..common.checks import counted
from .description import Description, describe, translate

#: Numbers in a line of a table.
_IN_A_LINE = 8

_C = 2 * math.sqrt(2 / math.pi)

#: For each activation the C expression of f(z) from z, a `real`; R(…) is a constant and M(…) a function of that type.
_EXPRESSIONS: dict[str, Callable[[Any], str]] = {
    "identity": lambda f: "z",
    "logistic": lambda f: _logistic("z"),
    "tanh": lambda f: "M(tanh)(z)",
    "relu": lambda f: "z <= R(0.0) ? R(0.0) : z",
    "leaky_relu": lambda f: f"z > R(0.0) ? z : z * {_constant(f.slope)}" if f.slope else _EXPRESSIONS["relu"](f),
    "elu": lambda f: _exponential(f.alpha),
    "celu": lambda f: _exponential(f.alpha, rate=1 / f.alpha),
    "selu": lambda f: _exponential(SELU_ALPHA * SELU_SCALE, scale=SELU_SCALE),
    "gelu": lambda f: f"R(0.5) * z * M(erfc)(z * {_constant(-math.sqrt(0.5))})",
    "gelu_tanh": lambda f: f"z * {_logistic(f'z * ({_constant(_C)} + {_constant(_C * 0.044715)} * z * z)')}",
    "silu": lambda f: f"z * {_logistic('z' if f.beta == 1 else f'{_constant(f.beta)} * z')}",
    "mish": lambda f: f"z * M(tanh)({_softplus('z')})",
    "softplus": lambda f: (
        _softplus("z") if f.beta == 1 else f"{_softplus(f'{_constant(f.beta)} * z')} / {_constant(f.beta)}"
    ),
    "softsign": lambda f: "z / (R(1.0) + M(fabs)(z))",
    "relu6": lambda f: _clipped("0.0", "6.0"),
    "hard_tanh": lambda f: _clipped("-1.0", "1.0"),
    "hard_sigmoid": lambda f: f"(({_clipped('-3.0', '3.0')}) + R(3.0)) / R(6.0)",
    "hard_swish": lambda f: "z <= R(-3.0) ? R(0.0) : z >= R(3.0) ? z : z * (z + R(3.0)) / R(6.0)",
    "exp": lambda f: "M(exp)(z)",
    "step": lambda f: "z > R(0.0) ? R(1.0) : R(0.0)",
}


def _constant(value: float) -> str:
    return f"R({float(value)!r})"


def _logistic(u: str) -> str:
    return f"(R(1.0) / (R(1.0) + M(exp)(-({u}))))"


def _softplus(u: str) -> str:
    return f"((({u}) > R(0.0) ? ({u}) : R(0.0)) + M(log1p)(M(exp)(-M(fabs)({u}))))"


def _exponential(depth: float, scale: float = 1.0, rate: float = 1.0) -> str:
    u = "z" if rate == 1 else f"z * {_constant(rate)}"
    above = "z" if scale == 1 else f"z * {_constant(scale)}"
    return f"z > R(0.0) ? {above} : {_constant(depth)} * M(expm1)({u})"


def _clipped(low: str, high: str) -> str:
    return f"z < R({low}) ? R({low}) : z > R({high}) ? R({high}) : z"


_SOFTMAX = """
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
_DENSE = """
/* y = x w + b, with w (n_in, n_out) row by row. */
static void {name}_dense(const real *x, int n_in, const real *w, const real *b, int n_out, real *y) {{
  for (int j = 0; j < n_out; j++) y[j] = b[j];
  for (int i = 0; i < n_in; i++)
    for (int j = 0; j < n_out; j++) y[j] += x[i] * w[i * n_out + j];
}}
"""
_SORT = """
  for (int first = 0; first < {n_outputs}; first += {n}) /* each group in ascending order */
    for (int i = first + 1; i < first + {n}; i++)
      for (int j = i; j > first && outputs[j] < outputs[j - 1]; j--) {{
        const real lower = outputs[j];
        outputs[j] = outputs[j - 1];
        outputs[j - 1] = lower;
      }}
"""


def to_c(model: Any, name: str = "model") -> str:
    """Return a fitted model as the text of one C99 file, with its weights as constants.

    The file needs the C library's ``math.h`` alone, allocates nothing, and can be called by any number of threads. Its
    type `real` is float, or double if the weights are. With ``name="model"`` it defines, for one row x of inputs:

    - ``void model_outputs(const real *x, real *outputs)``: the outputs of the network;
    - of a classifier ``int model_predict(const real *x)``: the number of the class, whose label is
      ``model_classes[number]``; with several labels ``void model_predict(const real *x, int *labels)``, 0 or 1 each;
    - of a classifier with probabilities ``void model_predict_proba(const real *x, real *p)``, one for each class or
      label;
    - of a regressor ``void model_predict(const real *x, real *y)``, one number for each output (that is, the outputs).

    The sizes are the constants ``MODEL_N_FEATURES``, ``MODEL_N_OUTPUTS`` and ``MODEL_N_CLASSES``.

    Parameters
    ----------
    model : MLPClassifier, MLPRegressor or Network
    name : str, default='model'
        What all names in the file begin with.

    Returns
    -------
    code : str
        Compile it with ``cc -O3 -std=c99 -c``, and link with ``-lm``.

    Raises
    ------
    TypeError, ValueError, NotFittedError
        If it is no such model, has an activation of your own or labels that are neither numbers nor strings, was not
        fitted, or if `name` is no name in C.

    Examples
    --------
    >>> from fastmlp import Network
    >>> from fastmlp.export import to_c
    >>> net = Network([2, 1], ["tanh"], "half_squared_error")
    >>> net.set_weights([[[0.5], [-1]]], [[0.25]])
    >>> print(to_c(net, "tiny").partition("static const")[2].partition(";")[0])
     real tiny_w0[2] = {
      0.5, -1.0
    }
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"name must be a name in C, such as 'model', got {name!r}.")
    d = describe(model)
    parts = [_head(d, type(model).__name__, name), *_tables(d, name)]
    parts.append(_DENSE.format(name=name))
    if any(each.name == "softmax" for each in d.activations):
        parts.append(_SOFTMAX.format(name=name))
    parts.append(_outputs(d, name))
    if d.kind == "classifier":
        parts += [_classes(d, name), _predict_class(d, name), _predict_proba(d, name)]
    elif d.kind == "regressor":
        parts.append(f"\nvoid {name}_predict(const real *x, real *y) {{ {name}_outputs(x, y); }}\n")
    return "".join(parts)


def _head(d: Description, kind: str, name: str) -> str:
    double, upper = d.dtype == np.float64, name.upper()
    real, constant, function = ("double", "x", "g") if double else ("float", "x##f", "g##f")
    n_classes = f"#define {upper}_N_CLASSES {d.classes.size}\n" if d.kind == "classifier" else ""
    return (
        f"/* {kind} with {counted(d.n_features, 'feature')} and {counted(d.n_outputs, 'output')}, written by "
        "fastmlp.export.to_c. */\n"
        f"#include <math.h>\n\n#define {upper}_N_FEATURES {d.n_features}\n#define {upper}_N_OUTPUTS {d.n_outputs}\n"
        f"{n_classes}\ntypedef {real} real;\n#define R(x) {constant}\n#define M(g) {function}\n"
    )


def _tables(d: Description, name: str) -> list[str]:
    """Return the constants; each is what the decimal number is in this type, bit by bit."""
    suffix, tables = "" if d.dtype == np.float64 else "f", []
    for layer, (coef, intercept) in enumerate(zip(d.coefs, d.intercepts, strict=True)):
        for letter, array in (("w", coef), ("b", intercept)):
            numbers = [_decimal(number) + suffix for number in array.ravel()]
            lines = (", ".join(numbers[at : at + _IN_A_LINE]) for at in range(0, len(numbers), _IN_A_LINE))
            body = ",\n  ".join(lines)
            tables.append(f"\nstatic const real {name}_{letter}{layer}[{array.size}] = {{\n  {body}\n}};\n")
    return tables


def _decimal(number: Any) -> str:
    """Return the shortest decimal that is this very number; it has a point or an exponent."""
    return repr(number.item()) if number.dtype == np.float64 else _single(number)


def _single(number: Any) -> str:
    text = str(number)
    return text if "." in text or "e" in text else f"{text}.0"


def _outputs(d: Description, name: str) -> str:
    widths = [len(intercept) for intercept in d.intercepts]
    lines = [f"\nvoid {name}_outputs(const real *x, real *outputs) {{"]
    lines += [f"  real a{layer}[{width}];" for layer, width in enumerate(widths[:-1])]
    inputs, n_in = "x", d.n_features
    for layer, (width, activation) in enumerate(zip(widths, d.activations, strict=True)):
        a = "outputs" if layer == len(widths) - 1 else f"a{layer}"
        lines.append(f"  {name}_dense({inputs}, {n_in}, {name}_w{layer}, {name}_b{layer}, {width}, {a});")
        if activation.name == "softmax":
            lines.append(f"  {name}_softmax({a}, {width});")
        elif (expression := translate(activation, _EXPRESSIONS, "C")) != "z":
            lines += [f"  for (int j = 0; j < {width}; j++) {{", f"    const real z = {a}[j];"]
            lines += [f"    {a}[j] = {expression};", "  }"]
        inputs, n_in = a, width
    body = "\n".join(lines)
    return body + (_SORT.format(n_outputs=d.n_outputs, n=d.n_sorted) if d.n_sorted else "\n") + "}\n"


def _classes(d: Description, name: str) -> str:
    """Return the labels as an array."""
    labels = d.classes.tolist()
    if all(isinstance(label, str) for label in labels):
        kind, items = "char *const", [_quote(label) for label in labels]
    elif all(isinstance(label, bool | int) and abs(label) < 1 << 63 for label in labels):
        kind, items = "long long", [f"{int(label)}LL" for label in labels]
    elif all(isinstance(label, bool | int | float) for label in labels):
        kind, items = "double", [repr(float(label)) for label in labels]
    else:
        raise ValueError(f"The classes {labels!r:.80} are neither numbers nor strings, which C could name.")
    return f"\nconst {kind} {name}_classes[{len(items)}] = {{{', '.join(items)}}};\n"


def _quote(text: str) -> str:
    """Return a string of C in UTF-8; what is not plain is escaped."""
    plain = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}" for byte in text.encode("utf-8")
    )
    return f'"{plain}"'


def _predict_class(d: Description, name: str) -> str:
    above = f"outputs[0] > R({d.threshold})"
    if d.is_multilabel:
        return (
            f"\nvoid {name}_predict(const real *x, int *labels) {{\n  real outputs[{d.n_outputs}];\n"
            f"  {name}_outputs(x, outputs);\n"
            f"  for (int j = 0; j < {d.n_outputs}; j++) labels[j] = outputs[j] > R({d.threshold});\n}}\n"
        )
    if d.n_outputs == 1:
        answer = f"  return {above};\n" if d.classes.size > 1 else "  return 0; /* there is one class */\n"
    else:
        answer = (
            f"  int best = 0;\n  for (int j = 1; j < {d.n_outputs}; j++)\n"
            "    if (outputs[j] > outputs[best]) best = j;\n  return best;\n"
        )
    return (
        f"\nint {name}_predict(const real *x) {{\n  real outputs[{d.n_outputs}];\n  {name}_outputs(x, outputs);\n"
        f"{answer}}}\n"
    )


def _predict_proba(d: Description, name: str) -> str:
    if not d.has_probabilities:
        return ""
    if d.has_one_output_for_two_classes:
        body = f"  {name}_outputs(x, p + 1);\n  p[0] = R(1.0) - p[1];\n"
    else:
        body = f"  {name}_outputs(x, p);\n"
    return f"\n/* p has {2 if d.has_one_output_for_two_classes else d.n_outputs} elements. */\n" + (
        f"void {name}_predict_proba(const real *x, real *p) {{\n{body}}}\n"
    )
