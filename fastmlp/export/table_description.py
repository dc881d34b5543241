"""`describe_table`: what a fitted model for tables computes, its encoding of columns included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..activations import BaseActivation
from ..kernels.lowlevel.records import FREQUENCIES, PERIODIC_OUTPUTS
from ..losses import Quantile
from ..tabular import parts
from ..tabular.base import BaseTabularMLP
from ..tabular.classifier import TabularMLPClassifier
from ..tabular.encodings import PIECEWISE_LINEAR
from ..tabular.model import TableModel
from .description import OutputDescription, refuse_infinite


@dataclass(frozen=True)
class TableEncoding:
    """How columns become the encoded array: numbers, bins, two categories, one-hot, indicators, and codes.

    Columns are counted in the table; "places" in `number_columns`. All numbers are float64.

    Attributes
    ----------
    number_columns : ndarray of int
        The columns that are read as numbers.
    scaled : ndarray of int
        Places of the numbers that are scaled: with s = (x − `centers`) `scales`, they become
        `limit` s / √(1 + s²), or 0 where missing.
    bins : ndarray of int
        The place of each bin, which becomes clip((x − `lower`) / `widths`, `least`, `most`) − ½, or 0 where missing.
    binary : list of int
        Columns of two categories: −1 and 1, and 0 for any other value.
    one_hot : list of (int, ndarray, ndarray)
        A column of k categories; what 0 and what 1 become in each of its k columns.
    gaps : ndarray of int
        Places of the numbers with an indicator: 1 where missing, else −1.
    codes : list of int
        Columns of category numbers, 1 to k, and 0 for any other value.
    """

    number_columns: np.ndarray
    scaled: np.ndarray
    centers: np.ndarray
    scales: np.ndarray
    limit: float
    bins: np.ndarray
    lower: np.ndarray
    widths: np.ndarray
    least: np.ndarray
    most: np.ndarray
    binary: list[int]
    one_hot: list[tuple[int, np.ndarray, np.ndarray]]
    gaps: np.ndarray
    codes: list[int]

    @property
    def n_plain(self) -> int:
        """Columns of the encoded array but for codes, which are the last ones."""
        one_hot = sum(of_zero.size for _, of_zero, _ in self.one_hot)
        return self.scaled.size + self.bins.size + len(self.binary) + one_hot + self.gaps.size

    @property
    def columns(self) -> set[int]:
        """All columns that are read."""
        return {*self.number_columns.tolist(), *self.binary, *(column for column, _, _ in self.one_hot), *self.codes}


@dataclass(frozen=True)
class MemberDescription:
    """A network of an ensemble.

    Attributes
    ----------
    reads_bins : bool
        If not, it reads the encoded array without the columns of bins.
    n_periodic : int
        The first encoded columns, which are embedded as well.
    frequencies, phases : ndarray of shape (n_periodic, 16)
    projections : ndarray of shape (n_periodic, 3, 16)
    offsets : ndarray of shape (n_periodic, 3)
    tables : list of ndarray of shape (k + 1, 8)
        Of each column of codes.
    scales : ndarray of shape (n_inputs,)
    coefs, intercepts : list of ndarray
    slopes : list of ndarray of shape (width,)
        One for each hidden layer, or none.
    activations : list of BaseActivation
    """

    reads_bins: bool
    n_periodic: int
    frequencies: np.ndarray
    phases: np.ndarray
    projections: np.ndarray
    offsets: np.ndarray
    tables: list[np.ndarray]
    scales: np.ndarray
    coefs: list[np.ndarray]
    intercepts: list[np.ndarray]
    slopes: list[np.ndarray]
    activations: list[BaseActivation]

    @property
    def phases_in_turns(self) -> np.ndarray:
        """The phases divided by 2π."""
        turns: np.ndarray = (self.phases / (2.0 * np.pi)).astype(self.phases.dtype)
        return turns

    @property
    def n_inputs(self) -> int:
        """Inputs of the first layer."""
        return int(self.scales.size)

    @property
    def scaled_coefs(self) -> list[np.ndarray]:
        """The weights of each layer, those of the first one with the scaling layer."""
        return [_scaled(self.coefs[0], self.scales), *self.coefs[1:]]


@dataclass(frozen=True, kw_only=True)
class TableDescription(OutputDescription):
    """An ensemble of networks for tables, and what their mean outputs mean.

    Attributes
    ----------
    dtype : numpy type
        Of all parameters.
    names : list of str
        Of the columns; x0, x1, … if the table had none that are all strings.
    categories : list of (list or None)
        Of each column, ascending; None for numbers.
    encoding : TableEncoding
    members : list of MemberDescription
    """

    dtype: np.dtype
    names: list[str]
    categories: list[list[Any] | None]
    encoding: TableEncoding
    members: list[MemberDescription]


def describe_table(model: BaseTabularMLP, dtype: Any = None) -> TableDescription:
    """Return what a fitted model for tables computes.

    Parameters
    ----------
    model : TabularMLPClassifier or TabularMLPRegressor
    dtype : numpy type, default=None
        Of the networks' parameters; None is the model's, float32.

    Raises
    ------
    NotFittedError
        If it was not fitted.
    ValueError
        If a parameter is not finite.
    """
    check_is_fitted(model)
    encoder = model.encoder_
    dtype = np.dtype(model.members_[0].dtype if dtype is None else dtype)
    names = getattr(encoder, "feature_names_in_", None)
    members = [
        _describe_member(each, encoding == PIECEWISE_LINEAR, dtype)
        for each, encoding in zip(model.members_, model._encodings, strict=True)
    ]
    return TableDescription(
        dtype=dtype,
        names=[f"x{number}" for number in range(encoder.n_features_in_)] if names is None else list(map(str, names)),
        categories=[None if values is None else list(values) for values in encoder._plan.categories],
        encoding=_describe_encoding(encoder._plan),
        members=members,
        n_outputs=int(model.n_outputs_),
        **(_describe_classes(model) if isinstance(model, TabularMLPClassifier) else _describe_targets(model)),
    )


def _describe_classes(model: Any) -> dict[str, Any]:
    return {
        "kind": "classifier", "classes": np.asarray(model.classes_), "is_multilabel": model._is_multilabel(),
        "has_probabilities": True, "smoothing": float(model.label_smoothing_),
    }  # fmt: skip


def _describe_targets(model: Any) -> dict[str, Any]:
    n_outputs, loss = int(model.n_outputs_), model._loss
    times = n_outputs // model.n_targets_
    is_sorted = isinstance(loss, Quantile) and not loss.crossing and times > 1
    limits = np.repeat(model.target_range_, times, axis=1) if model.recipe_.clip_predictions else None
    return {
        "kind": "regressor", "n_sorted": times if is_sorted else 0,
        "shape": () if n_outputs == 1 and model._one_column else (n_outputs,),
        "target_scale": np.repeat(model.target_scale_, times), "target_mean": np.repeat(model.target_mean_, times),
        "target_range": limits,
    }  # fmt: skip


def _describe_encoding(plan: Any) -> TableEncoding:
    """Return the parts of an `EncodingPlan` as arrays."""
    by_kind = {type(part): part for part in plan.parts}
    numbers, bins, one_hot = (by_kind.get(kind) for kind in (parts.SquashedNumbers, parts.Bins, parts.OneHotCategories))
    scaler, encoder = getattr(numbers, "_scaler", None), getattr(bins, "_encoder", None)
    none, limit = np.zeros(0), 3.0 if scaler is None else float(scaler.max_absolute_value)
    edges = [] if encoder is None else encoder.bin_edges_
    lower, upper = (np.concatenate([none, *(each[part] for each in edges)]) for part in (slice(-1), slice(1, None)))
    least, most = np.zeros(lower.size), np.ones(lower.size)
    sizes = np.array([each.size - 1 for each in edges], np.intp)
    ends = np.cumsum(sizes)
    if bins is not None:  # only the first bin of a column goes on below its edge, and only the last one above
        least[ends - sizes], most[ends - 1] = 0.5 - bins.limit, 0.5 + bins.limit
    return TableEncoding(
        number_columns=plan.number_features,
        scaled=by_kind[parts.SquashedNumbers].positions,
        centers=none if scaler is None else scaler.center_,
        scales=none if scaler is None else scaler.scale_ / limit,
        limit=limit,
        bins=np.zeros(0, np.intp) if bins is None else np.repeat(bins.positions, bins.widths),
        lower=lower,
        widths=2.0 * (upper / 2.0 - lower / 2.0),
        least=least,
        most=most,
        binary=plan.code_features[by_kind[parts.BinaryCategories].positions].tolist(),
        one_hot=_describe_one_hot(one_hot, plan.code_features),
        gaps=by_kind[parts.MissingIndicators].positions,
        codes=plan.code_features[by_kind[parts.CategoryNumbers].positions].tolist(),
    )


def _describe_one_hot(part: Any, features: np.ndarray) -> list[tuple[int, np.ndarray, np.ndarray]]:
    ends = np.cumsum(part.widths)
    return [
        (int(features[position]), part._of_zero[end - width : end], part._of_one[end - width : end])
        for position, width, end in zip(part.positions, part.widths, ends, strict=True)
    ]


def _scaled(coef: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Return the weights of the first layer with the scaling layer."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled: np.ndarray = scales[:, np.newaxis] * coef
    return scaled


def _describe_member(model: TableModel, reads_bins: bool, dtype: np.dtype) -> MemberDescription:
    layout = model.layout
    with np.errstate(over="ignore"):
        params = model.params.astype(dtype)
    views = layout.coefs(params), layout.intercepts(params)
    refuse_infinite([params, _scaled(views[0][0], layout.scales(params))], dtype)
    periodic, size = layout.periodic(params), layout.n_periodic
    return MemberDescription(
        reads_bins=reads_bins,
        n_periodic=size,
        frequencies=periodic[:, :FREQUENCIES],
        phases=periodic[:, FREQUENCIES : 2 * FREQUENCIES],
        projections=periodic[:, 2 * FREQUENCIES : -PERIODIC_OUTPUTS].reshape(size, PERIODIC_OUTPUTS, FREQUENCIES),
        offsets=periodic[:, -PERIODIC_OUTPUTS:],
        tables=layout.tables(params),
        scales=layout.scales(params),
        coefs=views[0],
        intercepts=views[1],
        slopes=layout.slopes(params),
        activations=list(model.activations),
    )
