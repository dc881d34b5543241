"""What the outputs of a model mean in C: labels, probabilities, predictions."""

from __future__ import annotations

import numpy as np

from .c_parts import constant, constants
from .description import OutputDescription

_SORT = """  for (int first = 0; first < {n_outputs}; first += {n}) /* each group in ascending order */
    for (int i = first + 1; i < first + {n}; i++)
      for (int j = i; j > first && outputs[j] < outputs[j - 1]; j--) {{
        const real lower = outputs[j];
        outputs[j] = outputs[j - 1];
        outputs[j - 1] = lower;
      }}
"""


def classes(d: OutputDescription, name: str) -> str:
    """Return the labels as an array."""
    labels = d.classes.tolist()
    if all(isinstance(label, str) for label in labels):
        kind, items = "char *const", [quote(label) for label in labels]
    elif all(isinstance(label, bool | int) and abs(label) < 1 << 63 for label in labels):
        kind, items = "long long", [f"{int(label)}LL" for label in labels]
    elif all(isinstance(label, bool | int | float) for label in labels):
        kind, items = "double", [repr(float(label)) for label in labels]
    else:
        raise ValueError(f"The classes {labels!r:.80} are neither numbers nor strings, which C could name.")
    return f"\nconst {kind} {name}_classes[{len(items)}] = {{{', '.join(items)}}};\n"


def quote(text: str) -> str:
    """Return a string of C in UTF-8; what is not plain is escaped."""
    plain = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}" for byte in text.encode("utf-8")
    )
    return f'"{plain}"'


def predict_class(d: OutputDescription, name: str) -> str:
    """Return the function of the class, or of the labels."""
    above = f"outputs[0] > R({d.threshold})"
    if d.is_multilabel:
        return (
            f"\nvoid {name}_predict(const real *x, int *labels) {{\n  real outputs[{d.n_outputs}];\n"
            f"  {name}_outputs(x, outputs);\n"
            f"  for (int j = 0; j < {d.n_outputs}; j++) labels[j] = outputs[j] > R({d.threshold});\n}}\n"
        )
    n = min(d.n_outputs, d.classes.size)
    if n == 1:
        answer = f"  return {above};\n" if d.classes.size > 1 else "  return 0; /* there is one class */\n"
    else:
        answer = (
            f"  int best = 0;\n  for (int j = 1; j < {n}; j++)\n"
            "    if (outputs[j] > outputs[best]) best = j;\n  return best;\n"
        )
    return (
        f"\nint {name}_predict(const real *x) {{\n  real outputs[{d.n_outputs}];\n  {name}_outputs(x, outputs);\n"
        f"{answer}}}\n"
    )


def predict_proba(d: OutputDescription, name: str) -> str:
    """Return the function of the probabilities, if there are any."""
    if not d.has_probabilities:
        return ""
    helper = ""
    if d.smoothing is not None:
        helper, body = _undo_smoothing(d, name)
    elif d.has_one_output_for_two_classes:
        body = f"  {name}_outputs(x, p + 1);\n  p[0] = R(1.0) - p[1];\n"
    else:
        body = f"  {name}_outputs(x, p);\n"
    counted = f"\n/* p has {d.n_estimates} elements. */\n"
    return f"{helper}{counted}void {name}_predict_proba(const real *x, real *p) {{\n{body}}}\n"


def _undo_smoothing(d: OutputDescription, name: str) -> tuple[str, str]:
    """Return a function of an estimate, and the body of `predict_proba`: see `tabular.classifier.undo_smoothing`."""
    if d.classes.size == 1 and not d.is_multilabel:
        return "", "  (void)x;\n  p[0] = R(1.0);\n"
    exponent = d.exponent
    power = f"M(pow)(q, {constant(exponent)})" if exponent != 1.0 else "q"
    helper = (
        f"\nstatic real {name}_unsmoothed(real q) {{ /* to be divided by the sum over the classes */\n"
        f"  return {power};\n}}\n"
    )
    body = f"  real outputs[{d.n_outputs}];\n  {name}_outputs(x, outputs);\n"
    if d.is_multilabel:
        body += f"  for (int j = 0; j < {d.n_outputs}; j++) {{\n    p[j] = {name}_unsmoothed(outputs[j]);\n"
        return helper, body + f"    p[j] /= p[j] + {name}_unsmoothed(R(1.0) - outputs[j]);\n  }}\n"
    body += f"  real total = R(0.0);\n  for (int j = 0; j < {d.classes.size}; j++)\n"
    body += f"    total += p[j] = {name}_unsmoothed(outputs[j]);\n"
    return helper, body + f"  for (int j = 0; j < {d.classes.size}; j++) p[j] /= total;\n"


def target_constants(d: OutputDescription, name: str) -> list[str]:
    """Return the arrays that `finish` reads."""
    if d.target_scale is None or d.target_mean is None:
        return []
    arrays = {"scale": d.target_scale, "mean": d.target_mean}
    if d.target_range is not None:
        arrays |= {"least": d.target_range[0], "most": d.target_range[1]}
    return [constants(f"{name}_target_{each}", array.astype(np.float32)) for each, array in arrays.items()]


def finish(d: OutputDescription, name: str) -> str:
    """Return what `outputs` becomes at the end: predictions in the units of the targets, sorted quantiles."""
    code = ""
    if d.target_scale is not None:
        code = f"  for (int j = 0; j < {d.n_outputs}; j++) {{\n"
        code += f"    outputs[j] = outputs[j] * {name}_target_scale[j] + {name}_target_mean[j];\n"
        if d.target_range is not None:
            code += f"    if (outputs[j] < {name}_target_least[j]) outputs[j] = {name}_target_least[j];\n"
            code += f"    if (outputs[j] > {name}_target_most[j]) outputs[j] = {name}_target_most[j];\n"
        code += "  }\n"
    return code + (_SORT.format(n_outputs=d.n_outputs, n=d.n_sorted) if d.n_sorted else "")
