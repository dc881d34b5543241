"""The encoding of tables, and their networks, as nodes of ONNX.

A difference x − c of float32 numbers is computed as (x − c₁) − c₂ with c ≈ c₁ + c₂, both float32: so it is as good as
one in float64, however far a column is from zero. Of float64 and int64 it is a difference in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tabular.values import ValueKind, as_number, kind_of
from .onnx_activations import Graph, add_activation
from .table_description import MemberDescription, TableDescription
from .table_ranges import as_pair, limit_of_share

#: The oldest version of the operators that has all that is needed.
TABLE_OPSET = 11
_INT, _FLOAT, _DOUBLE, _STRING = (np.dtype(kind) for kind in (np.int64, np.float32, np.float64, object))


@dataclass(frozen=True)
class Source:
    """Where a column of the table is in a graph.

    Parameters
    ----------
    name : str
        Of an input.
    dtype : numpy type
        Of the input: bool, int64, float32, float64, or object for strings.
    at : int or None
        Which column of the input it is; None if it is the only one.
    """

    name: str
    dtype: np.dtype
    at: int | None = None


def add_table(graph: Graph, d: TableDescription, sources: Sequence[Source]) -> str:
    """Add all networks of an ensemble; return the name of their mean outputs (n, n_outputs).

    Parameters
    ----------
    graph : Graph
    d : TableDescription
        In the type of the graph.
    sources : sequence of Source
        Of each column of the table.

    Raises
    ------
    ValueError
        If the input of a column does not fit its values; the message says what to do.
    """
    check_sources(graph.dtype, d, sources)
    encoded = _Encoded(graph, d, sources)
    outputs = [_add_member(graph, encoded, member) for member in d.members]
    if len(outputs) == 1:
        return outputs[0]
    return graph.node("Mul", graph.node("Sum", *outputs), graph.constant(1.0 / len(outputs)))


def kind_of_categories(categories: Sequence[Any]) -> str:
    """Return 'strings', 'numbers' (booleans included) or 'other' of the categories of a column."""
    if all(isinstance(each, str) for each in categories):
        return "strings"
    kinds = {kind_of(type(each)) for each in categories}
    return "numbers" if kinds <= {ValueKind.BOOLEAN, ValueKind.NUMBER} else "other"


def check_sources(dtype: np.dtype, d: TableDescription, sources: Sequence[Source]) -> None:
    """Refuse columns whose values their input cannot hold."""
    for column in sorted(d.encoding.columns):
        categories, source, name = d.categories[column], sources[column], d.names[column]
        kind = "numbers" if categories is None else kind_of_categories(categories)
        if kind == "other":
            types = ", ".join(sorted({type(each).__name__ for each in categories or []}))
            raise ValueError(
                f"Column {name!r} has categories of type {types}, but inputs of ONNX are numbers or strings: make all "
                "of them strings before the fit."
            )
        if (kind == "strings") != (source.dtype == _STRING):
            found = "strings" if source.dtype == _STRING else f"{source.dtype} numbers"
            raise ValueError(
                f"Column {name!r} had {kind} in the fit, but its input {source.name!r} has {found}: declare "
                f"{'StringTensorType' if kind == 'strings' else 'FloatTensorType'}([None, 1]) for it, and let no "
                "ColumnTransformer put numbers beside strings, which makes strings of them."
            )
        if kind == "numbers" and categories is not None and source.dtype in (_FLOAT, _DOUBLE):
            _check_rounding(name, categories, source.dtype)


def _check_rounding(name: str, categories: Sequence[Any], dtype: np.dtype) -> None:
    """Refuse categories that a type does not tell from other numbers."""
    with np.errstate(over="ignore"):
        rounded = np.array([as_number(each) for each in categories]).astype(dtype).tolist()
    inexact = [each for each, near in zip(categories, rounded, strict=True) if each // 1 == each != near]
    if inexact or len(set(rounded)) < len(rounded):
        example = f", such as {inexact[0]}" if inexact else ""
        wider = "use dtype='float64', or " if dtype == _FLOAT else ""
        raise ValueError(
            f"Column {name!r} has categories that {dtype} does not tell from other numbers{example}: {wider}make them "
            "strings before the fit."
        )


class _Encoded:
    """The parts of the encoded array in a graph, each added when it is asked for first."""

    def __init__(self, graph: Graph, d: TableDescription, sources: Sequence[Source]) -> None:
        self.graph, self.d, self.sources, self.encoding = graph, d, sources, d.encoding
        numbers = self.encoding.number_columns
        self.numbers = self.missing = self.scaled = ""
        if numbers.size:
            self.numbers = self._read_numbers(numbers)
            self.missing = graph.node("IsNaN", self.numbers)
        if self.encoding.scaled.size:
            self.scaled = self._add_scaled()
        bins = self._add_bins() if self.encoding.bins.size else None
        rest = [self._add_binary(column) for column in self.encoding.binary]
        rest += [self._add_one_hot(*each) for each in self.encoding.one_hot]
        rest += [self._add_indicators()] if self.encoding.gaps.size else []
        self._scaled_part = [self.scaled] if self.scaled else []
        self._bins, self._rest = [] if bins is None else [bins], rest
        self._plain: dict[bool, str] = {}
        self.codes = [self._add_codes(column) for column in self.encoding.codes]

    def plain(self, with_bins: bool) -> str:
        """Return the columns that are no codes; with none an empty name."""
        if with_bins not in self._plain:
            parts = [*self._scaled_part, *(self._bins if with_bins else []), *self._rest]
            self._plain[with_bins] = concatenate(self.graph, parts)
        return self._plain[with_bins]

    def periodic_inputs(self, n_periodic: int) -> str:
        """Return the scaled numbers as (n_periodic, n, 1)."""
        turned = self.graph.node("Transpose", self.scaled, perm=[1, 0])
        return self.graph.node("Reshape", turned, self.graph.constant(np.array([n_periodic, -1, 1])))

    def _read(self, column: int) -> str:
        """Return a column (n, 1) in the type of its input."""
        source = self.sources[column]
        if source.at is None:
            return source.name
        return self.graph.node("Gather", source.name, self.graph.constant(np.array([source.at])), axis=1)

    def _read_numbers(self, columns: np.ndarray) -> str:
        """Return columns of numbers, (n, n_columns): in float64 if any has more digits than float32."""
        graph, sources = self.graph, [self.sources[column] for column in columns]
        kinds = {source.dtype for source in sources}
        self.dtype = _DOUBLE if kinds & {_DOUBLE, _INT} or graph.dtype == _DOUBLE else _FLOAT
        if len({source.name for source in sources}) == 1 and sources[0].at is not None:
            places = graph.constant(np.array([source.at for source in sources]))
            numbers = graph.node("Gather", sources[0].name, places, axis=1)
            return numbers if kinds == {self.dtype} else graph.node("Cast", numbers, to=self.dtype)
        each = [
            self._read(column) if source.dtype == self.dtype else graph.node("Cast", self._read(column), to=self.dtype)
            for column, source in zip(columns.tolist(), sources, strict=True)
        ]
        return concatenate(graph, each)

    def _take(self, array: str, places: np.ndarray) -> str:
        """Return these columns of an array whose columns are all numbers."""
        if np.array_equal(places, np.arange(self.encoding.number_columns.size)):
            return array
        return self.graph.node("Gather", array, self.graph.constant(places.astype(_INT)), axis=1)

    def _difference(self, places: np.ndarray, centers: np.ndarray) -> str:
        """Return x − c of these numbers, in the type of the graph."""
        graph, numbers = self.graph, self._take(self.numbers, places)
        if self.dtype == _DOUBLE:
            difference = graph.node("Sub", numbers, graph.constant(centers))
            return difference if graph.dtype == _DOUBLE else graph.node("Cast", difference, to=graph.dtype)
        first, second = as_pair(centers)
        difference = graph.node("Sub", numbers, graph.constant(first))
        return graph.node("Sub", difference, graph.constant(second)) if second.any() else difference

    def _array(self, values: Any) -> str:
        return self.graph.constant(np.asarray(values).astype(self.graph.dtype))

    def _clip(self, array: str, least: Any, most: Any) -> str:
        return self.graph.node("Min", self.graph.node("Max", array, self._array(least)), self._array(most))

    def _add_scaled(self) -> str:
        graph, e = self.graph, self.encoding
        bound = limit_of_share(graph.dtype)
        share = graph.node("Mul", self._difference(e.scaled, e.centers), self._array(e.scales))
        share = self._clip(share, -bound, bound)
        root = graph.node("Sqrt", graph.node("Add", graph.node("Mul", share, share), graph.constant(1.0)))
        squashed = graph.node("Div", graph.node("Mul", share, graph.constant(e.limit)), root)
        return graph.node("Where", self._take(self.missing, e.scaled), graph.constant(0.0), squashed)

    def _add_bins(self) -> str:
        graph, e = self.graph, self.encoding
        share = graph.node("Div", self._difference(e.bins, e.lower), self._array(e.widths))
        within = graph.node("Sub", self._clip(share, e.least, e.most), graph.constant(0.5))
        return graph.node("Where", self._take(self.missing, e.bins), graph.constant(0.0), within)

    def _add_indicators(self) -> str:
        graph, missing = self.graph, self._take(self.missing, self.encoding.gaps)
        return graph.node("Where", missing, graph.constant(1.0), graph.constant(-1.0))

    def _matches(self, column: int) -> str:
        """Return which category a row has, (n, k) of truth values; none is true of other values."""
        graph, categories, dtype = self.graph, self.d.categories[column] or [], self.sources[column].dtype
        if dtype == _STRING:
            codes = np.arange(1, len(categories) + 1)
            return graph.node("Equal", self._add_codes(column), graph.constant(codes))
        whole = all(each // 1 == each and abs(each) < 1 << 63 for each in categories)
        kind = _INT if dtype == _INT and whole else _FLOAT if dtype in (_FLOAT, np.bool_) else _DOUBLE
        values = self._read(column) if dtype == kind else graph.node("Cast", self._read(column), to=kind)
        known = np.array([int(each) if kind == _INT else as_number(each) for each in categories]).astype(kind)
        return graph.node("Equal", values, graph.constant(known))

    def _weigh_matches(self, column: int, weights: Sequence[float]) -> str:
        """Return the number of a row's category, 0 for any other value, (n, 1)."""
        matches = self.graph.node("Cast", self._matches(column), to=self.graph.dtype)
        return self.graph.node("MatMul", matches, self._array(np.reshape(weights, (-1, 1))))

    def _add_binary(self, column: int) -> str:
        return self._weigh_matches(column, [-1.0, 1.0])

    def _add_one_hot(self, column: int, of_zero: np.ndarray, of_one: np.ndarray) -> str:
        return self.graph.node("Where", self._matches(column), self._array(of_one), self._array(of_zero))

    def _add_codes(self, column: int) -> str:
        """Return the number of a row's category, 0 for any other value, (n, 1) of int64."""
        categories = self.d.categories[column] or []
        codes = list(range(1, len(categories) + 1))
        if self.sources[column].dtype != _STRING:
            return self.graph.node("Cast", self._weigh_matches(column, codes), to=_INT)
        return self.graph.node(
            "LabelEncoder", self._read(column), keys_strings=categories, values_int64s=codes, default_int64=0
        )


def concatenate(graph: Graph, parts: Sequence[str]) -> str:
    """Return arrays side by side; of none an empty name."""
    if len(parts) < 2:
        return "".join(parts)
    return graph.node("Concat", *parts, axis=1)


def _add_member(graph: Graph, encoded: _Encoded, member: MemberDescription) -> str:
    """Add a network; return the name of its outputs."""
    parts = [encoded.plain(member.reads_bins)]
    if member.n_periodic:
        parts.append(_add_periodic(graph, encoded.periodic_inputs(member.n_periodic), member))
    for codes, table in zip(encoded.codes, member.tables, strict=True):
        which = graph.node("Reshape", codes, graph.constant(np.array([-1])))
        parts.append(graph.node("Gather", graph.constant(table), which, axis=0))
    h, last = concatenate(graph, [part for part in parts if part]), len(member.coefs) - 1
    for layer, (coef, intercept) in enumerate(zip(member.scaled_coefs, member.intercepts, strict=True)):
        z = graph.node("Gemm", h, graph.constant(coef), graph.constant(intercept))
        h = add_activation(graph, member.activations[layer], z)
        if layer < last and member.slopes and h != z:
            slopes = member.slopes[layer]  # z + α (f − z) would cancel, where |z| is large
            bent = graph.node("Mul", h, graph.constant(slopes))
            h = graph.node("Add", bent, graph.node("Mul", z, graph.constant(1 - slopes)))
    return h


def _add_periodic(graph: Graph, inputs: str, member: MemberDescription) -> str:
    """Add V cos(2π w x + c) + d of each number; return the name of the outputs (n, 3 n_periodic).

    The angle is computed in turns, without the whole ones: so its rounding error is the kernel's, not 2π times that.
    """
    frequencies, phases, offsets = (
        each[:, np.newaxis, :] for each in (member.frequencies, member.phases_in_turns, member.offsets)
    )
    turns = graph.node("Add", graph.node("Mul", inputs, graph.constant(frequencies)), graph.constant(phases))
    angles = graph.node("Mul", graph.node("Sub", turns, graph.node("Round", turns)), graph.constant(2.0 * np.pi))
    projections = graph.constant(np.ascontiguousarray(member.projections.transpose(0, 2, 1)))
    outputs = graph.node("MatMul", graph.node("Cos", angles), projections)
    by_rows = graph.node("Transpose", graph.node("Add", outputs, graph.constant(offsets)), perm=[1, 0, 2])
    return graph.node("Reshape", by_rows, graph.constant(np.array([-1, offsets.size])))
