"""The encoding of tables, and their networks, in C.

::

    x (n_features)  ──►  encode  ──►  u: plain numbers, then codes  ──►  member0, member1, …  ──►  outputs: their mean
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..common.checks import counted
from .c_outputs import finish, quote, target_constants
from .c_parts import constant, constants, helpers, layer_constants, layers
from .table_description import MemberDescription, TableDescription, TableEncoding
from .table_ranges import as_pair, limit_of_share

_SCALED = """
  for (int j = 0; j < {n}; j++) {{ /* numbers, scaled and smoothly limited; 0 where missing */
    const real v = x[{name}_scaled_at[j]];
    real s = ((v - {name}_center[j]) - {name}_center_rest[j]) * {name}_scale[j];
    s = s < -{bound} ? -{bound} : s > {bound} ? {bound} : s;
    *u++ = v != v ? R(0.0) : {limit} * s / M(sqrt)(R(1.0) + s * s);
  }}"""
_BINS = """
  for (int j = 0; j < {n}; j++) {{ /* how much of each bin is below the number, minus 1/2; 0 where missing */
    const real v = x[{name}_bin_at[j]];
    real e = ((v - {name}_lower[j]) - {name}_lower_rest[j]) / {name}_width[j];
    e = e < {name}_least[j] ? {name}_least[j] : e > {name}_most[j] ? {name}_most[j] : e;
    *u++ = v != v ? R(0.0) : e - R(0.5);
  }}"""
_BINARY = """
  for (int j = 0; j < {n}; j++) {{ /* two categories */
    const real v = x[{name}_binary_at[j]];
    *u++ = v == R(1.0) ? R(-1.0) : v == R(2.0) ? R(1.0) : R(0.0);
  }}"""
_ONE_HOT = """
  for (int j = 0; j < {n}; j++) /* a column for each category */
    *u++ = x[{name}_one_hot_at[j]] == (real){name}_one_hot_code[j] ? {name}_of_one[j] : {name}_of_zero[j];"""
_GAPS = """
  for (int j = 0; j < {n}; j++) *u++ = x[{name}_gap_at[j]] != x[{name}_gap_at[j]] ? R(1.0) : R(-1.0); /* missing? */"""
_CODES = """
  for (int j = 0; j < {n}; j++) {{ /* rows of the embeddings */
    const real v = x[{name}_code_at[j]];
    *u++ = v >= R(1.0) && v <= (real){name}_n_codes[j] ? v : R(0.0);
  }}"""
_PERIODIC = """
/* y = V cos(2 pi (w u + c)) + d for each of n numbers u, with parameters w, c, V, d of each number. */
static void {name}_periodic(const real *u, int n, const real *p, real *y) {{
  for (int i = 0; i < n; i++, p += {size}, y += {outputs}) {{
    for (int m = 0; m < {outputs}; m++) y[m] = p[{size} - {outputs} + m];
    for (int k = 0; k < {frequencies}; k++) {{
      const real turns = p[k] * u[i] + p[{frequencies} + k];
      const real c = M(cos)({turn} * (turns - M(floor)(turns + R(0.5))));
      for (int m = 0; m < {outputs}; m++) y[m] += p[{frequencies} * (2 + m) + k] * c;
    }}
  }}
}}
"""


def describe_inputs(d: TableDescription, kind: str) -> str:
    """Return the comment at the head of the file: what x holds, with the code of each category."""
    lines = [
        f"/* {kind} with {counted(len(d.names), 'column')}, {counted(len(d.members), 'network')} and "
        f"{counted(d.n_outputs, 'output')}, written by fastmlp.export.to_c.",
        "",
        "   x has a number for each column of the table. A missing number is NAN; a category is its code, 0 if it is",
        "   missing or not listed.",
        "",
    ]
    for column, (name, categories) in enumerate(zip(d.names, d.categories, strict=True)):
        what = "a number" if categories is None else "a category"
        if column not in d.encoding.columns:
            what = "not used"
        lines.append(f"   x[{column}]  {_in_comment(name)}: {what}")
        if what == "a category":
            lines += [f"       {code}  {_in_comment(value)}" for code, value in enumerate(categories or [], 1)]
    return "\n".join(lines) + "\n*/\n"


def _in_comment(value: Any) -> str:
    """Return a value in ASCII, which does not end a comment."""
    text = quote(value if isinstance(value, str) else repr(value)).replace("*", "\\052")
    return text if isinstance(value, str) else text[1:-1]


def table_code(d: TableDescription, name: str) -> list[str]:
    """Return constants and functions up to the one that computes the outputs."""
    e, activations = d.encoding, [each for member in d.members for each in member.activations]
    parts = [*_encoding_constants(d, name), *helpers(name, activations)]
    periodic = next((member for member in d.members if member.n_periodic), None)
    if periodic is not None:
        frequencies, outputs = periodic.frequencies.shape[1], periodic.offsets.shape[1]
        size = frequencies * (2 + outputs) + outputs
        numbers = {"size": size, "outputs": outputs, "frequencies": frequencies, "turn": constant(2.0 * np.pi)}
        parts.append(_PERIODIC.format(name=name, **numbers))
    parts.append(_encode(e, name))
    for number, member in enumerate(d.members):
        parts += _member(e, member, name, f"{name}_m{number}", number)
    parts += target_constants(d, name)
    calls = "".join(
        f"  {name}_member{number}(u, each);\n  for (int j = 0; j < {d.n_outputs}; j++) outputs[j] += each[j];\n"
        for number in range(len(d.members))
    )
    n_encoded = e.n_plain + len(e.codes)
    return [
        *parts,
        f"\nvoid {name}_outputs(const real *x, real *outputs) {{\n  real u[{n_encoded}], each[{d.n_outputs}];\n"
        f"  {name}_encode(x, u);\n  for (int j = 0; j < {d.n_outputs}; j++) outputs[j] = R(0.0);\n{calls}"
        f"  for (int j = 0; j < {d.n_outputs}; j++) outputs[j] /= {constant(len(d.members))};\n{finish(d, name)}}}\n",
    ]


def _encoding_constants(d: TableDescription, name: str) -> list[str]:
    e = d.encoding
    arrays: dict[str, np.ndarray] = {}
    if e.scaled.size:
        center, rest = as_pair(e.centers)
        arrays |= {
            "scaled_at": e.number_columns[e.scaled], "center": center, "center_rest": rest,
            "scale": e.scales.astype(np.float32),
        }  # fmt: skip
    if e.bins.size:
        lower, rest = as_pair(e.lower)
        numbers = {"width": e.widths, "least": e.least, "most": e.most}
        arrays |= {"bin_at": e.number_columns[e.bins], "lower": lower, "lower_rest": rest}
        arrays |= {key: each.astype(np.float32) for key, each in numbers.items()}
    if e.binary:
        arrays["binary_at"] = np.array(e.binary)
    if e.one_hot:
        sizes = [of_zero.size for _, of_zero, _ in e.one_hot]
        arrays["one_hot_at"] = np.repeat([column for column, _, _ in e.one_hot], sizes)
        arrays["one_hot_code"] = np.concatenate([np.arange(1, size + 1) for size in sizes])
        arrays["of_zero"] = np.concatenate([each for _, each, _ in e.one_hot]).astype(np.float32)
        arrays["of_one"] = np.concatenate([each for _, _, each in e.one_hot]).astype(np.float32)
    if e.gaps.size:
        arrays["gap_at"] = e.number_columns[e.gaps]
    if e.codes:
        arrays["code_at"] = np.array(e.codes)
        arrays["n_codes"] = np.array([len(d.categories[column] or []) for column in e.codes])
    return [constants(f"{name}_{key}", array) for key, array in arrays.items()]


def _encode(e: TableEncoding, name: str) -> str:
    """Return the function that writes u, of a row x."""
    n_one_hot = sum(of_zero.size for _, of_zero, _ in e.one_hot)
    counts = {
        _SCALED: e.scaled.size, _BINS: e.bins.size, _BINARY: len(e.binary), _ONE_HOT: n_one_hot, _GAPS: e.gaps.size,
        _CODES: len(e.codes),
    }  # fmt: skip
    numbers = {"name": name, "bound": constant(limit_of_share(np.float32)), "limit": constant(e.limit)}
    body = "".join(part.format(n=n, **numbers) for part, n in counts.items() if n)
    return f"\nstatic void {name}_encode(const real *x, real *u) {{{body}\n}}\n"


def _member(e: TableEncoding, member: MemberDescription, name: str, prefix: str, number: int) -> list[str]:
    """Return the constants and the function of a network: outputs from the encoded row u."""
    parts = layer_constants(prefix, member.scaled_coefs, member.intercepts)
    parts += [constants(f"{prefix}_slopes{layer}", each) for layer, each in enumerate(member.slopes)]
    copies = [(0, e.n_plain)] if member.reads_bins else [(0, e.scaled.size), (e.scaled.size + e.bins.size, e.n_plain)]
    lines, at = [f"\nstatic void {name}_member{number}(const real *u, real *outputs) {{"], 0
    lines.append(f"  real x[{member.n_inputs}];")
    for start, stop in copies:
        if start < stop:
            lines.append(f"  for (int j = {start}; j < {stop}; j++) x[{_plus('j', at - start)}] = u[j];")
            at += stop - start
    if member.n_periodic:
        phases = member.phases_in_turns
        periodic = [member.frequencies, phases, member.projections.reshape(member.n_periodic, -1), member.offsets]
        parts.append(constants(f"{prefix}_periodic", np.concatenate(periodic, axis=1)))
        lines.append(f"  {name}_periodic(u, {member.n_periodic}, {prefix}_periodic, {_plus('x', at)});")
        at += member.offsets.size
    for column, table in enumerate(member.tables):
        parts.append(constants(f"{prefix}_table{column}", table))
        width, code = table.shape[1], f"(int)u[{e.n_plain + column}]"
        lines.append(f"  for (int j = 0; j < {width}; j++)")
        lines.append(f"    x[{_plus('j', at)}] = {prefix}_table{column}[{code} * {width} + j];")
        at += width
    widths = [member.n_inputs, *map(len, member.intercepts)]
    lines += layers(name, prefix, widths, member.activations, bool(member.slopes))
    return [*parts, "\n".join([*lines, "}\n"])]


def _plus(name: str, number: int) -> str:
    return name if not number else f"{name} {'+' if number > 0 else '-'} {abs(number)}"
