"""`to_c`: a model as one C99 file without dependencies."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..common.checks import counted
from ..tabular.base import BaseTabularMLP
from .c_outputs import classes, finish, predict_class, predict_proba
from .c_parts import helpers, layer_constants, layers
from .c_tables import describe_inputs, table_code
from .description import Description, OutputDescription, describe
from .table_description import describe_table
from .table_ranges import check_ranges


def to_c(model: Any, name: str = "model") -> str:
    """Return a fitted model as the text of one C99 file, with its weights as constants.

    The file needs the C library's ``math.h`` alone, allocates nothing, and can be called by any number of threads. All
    names begin with the model's, so that files of several models can be included in one. With ``name="model"`` it
    defines `model_real`, which is float, or double if the weights are, and for one row x of inputs:

    - ``void model_outputs(const model_real *x, model_real *outputs)``: the outputs of the network, or of an ensemble
      their mean;
    - of a classifier ``int model_predict(const model_real *x)``: the number of the class, whose label is
      ``model_classes[number]``; with several labels ``void model_predict(const model_real *x, int *labels)``, 0 or 1
      each;
    - of a classifier with probabilities ``void model_predict_proba(const model_real *x, model_real *p)``, one for each
      class or label;
    - of a regressor ``void model_predict(const model_real *x, model_real *y)``, one number for each output (that is,
      the outputs).

    The sizes are the constants ``MODEL_N_FEATURES``, ``MODEL_N_OUTPUTS`` and ``MODEL_N_CLASSES``.

    Of a table, x has a number for each column: the number itself, NaN where it is missing, or the code of a category,
    0 where it is missing or was not there in the fit. The comment at the head of the file lists columns and codes.

    Parameters
    ----------
    model : MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor or Network
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
        fitted, or if `name` is no name in C; or if numbers of a table are out of the range of float.

    Examples
    --------
    >>> from fastmlp import Network
    >>> from fastmlp.export import to_c
    >>> net = Network([2, 1], ["tanh"], "half_squared_error")
    >>> net.set_weights([[[0.5], [-1]]], [[0.25]])
    >>> print(to_c(net, "tiny").partition("static const")[2].partition(";")[0])
     tiny_real tiny_w0[2] = {
      0.5, -1.0
    }
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"name must be a name in C, such as 'model', got {name!r}.")
    d: OutputDescription
    if isinstance(model, BaseTabularMLP):
        d = table = describe_table(model)
        check_ranges(table, table.dtype)
        parts = [_head(d, table.dtype, len(table.names), describe_inputs(table, type(model).__name__), name)]
        parts += table_code(table, name)
    else:
        d = network = describe(model)
        what = f"{type(model).__name__} with {counted(network.n_features, 'feature')}"
        comment = f"/* {what} and {counted(d.n_outputs, 'output')}, written by fastmlp.export.to_c. */\n"
        parts = [_head(d, network.dtype, network.n_features, comment, name), *_network_code(network, name)]
    if d.kind == "classifier":
        parts += [classes(d, name), predict_class(d, name), predict_proba(d, name)]
    elif d.kind == "regressor":
        parts.append(f"\nvoid {name}_predict(const real *x, real *y) {{ {name}_outputs(x, y); }}\n")
    return _with_own_names("".join(parts), name)


def _with_own_names(code: str, name: str) -> str:
    """Return C with the type `real` and the macros R and M under names of their own: files can be included together.

    Comments and strings, which hold columns and labels, stay as they are.
    """

    def renamed(found: re.Match[str]) -> str:
        return f"{name}_{found[0]}" if found[0] in ("real", "R", "M") else found[0]

    return re.sub(r'/\*.*?\*/|"(?:[^"\\]|\\.)*"|\breal\b|\b[RM](?=\()', renamed, code, flags=re.DOTALL)


def _head(d: OutputDescription, dtype: np.dtype, n_features: int, comment: str, name: str) -> str:
    double, upper = dtype == np.float64, name.upper()
    real, constant, function = ("double", "x", "g") if double else ("float", "x##f", "g##f")
    n_classes = f"#define {upper}_N_CLASSES {d.classes.size}\n" if d.kind == "classifier" else ""
    return (
        f"{comment}#include <math.h>\n\n#define {upper}_N_FEATURES {n_features}\n"
        f"#define {upper}_N_OUTPUTS {d.n_outputs}\n{n_classes}\ntypedef {real} real;\n#define R(x) {constant}\n"
        f"#define M(g) {function}\n"
    )


def _network_code(d: Description, name: str) -> list[str]:
    body = layers(name, name, [d.n_features, *map(len, d.intercepts)], d.activations)
    lines = "\n".join([f"\nvoid {name}_outputs(const real *x, real *outputs) {{", *body])
    return [
        *layer_constants(name, d.coefs, d.intercepts),
        *helpers(name, d.activations),
        f"{lines}\n{finish(d, name)}}}\n",
    ]
