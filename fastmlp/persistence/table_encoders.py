"""The encoder of a table's columns in files: categories, bins, statistics of numbers."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from ..preprocessing import SquashingScaler
from ..tabular.encoder import TableEncoder
from ..tabular.parts import (
    FORMER_BIN_LIMIT,
    BinaryCategories,
    Bins,
    CategoryNumbers,
    MissingIndicators,
    OneHotCategories,
    Part,
    SquashedNumbers,
)
from ..tabular.plan import EncodingPlan
from .decoding import Decoder
from .encoding import Encoder
from .estimators import decode_names

#: Parameters of the encoder that are stored; its type is always float32.
_PARAMETERS = ("categorical_features", "max_one_hot_categories", "numeric_encoding", "n_bins", "bin_strategy")
#: Types of categories that JSON has.
_CATEGORY_TYPES = (str, bool, int, float)
AnyPart = TypeVar("AnyPart", bound=Part)


def encode_table_encoder(table: TableEncoder, encoder: Encoder) -> dict[str, Any]:
    """Return the fitted encoder of an estimator for tables as JSON.

    Raises
    ------
    ValueError
        If categories of a column are neither strings nor numbers nor booleans.
    """
    plan = table._plan
    parts: dict[type, Any] = {type(each): each for each in plan.parts}
    scaler, one_hot = parts[SquashedNumbers]._scaler, parts[OneHotCategories]
    places = {
        "number_features": plan.number_features, "code_features": plan.code_features, "varying": plan._varying,
        "missing": plan._gaps,
    }  # fmt: skip
    statistics = {"center_": np.zeros(0), "scale_": np.zeros(0)} if scaler is None else vars(scaler)
    encoded = {
        "parameters": {name: encoder.encode(getattr(table, name), f"encoder_.{name}") for name in _PARAMETERS},
        "n_features_in_": int(table.n_features_in_),
        "categories": [_encode_categories(table, number, encoder) for number in range(table.n_features_in_)],
        **{name: encoder.array(np.asarray(value, np.int64), f"encoder_.{name}") for name, value in places.items()},
        **{name: encoder.array(statistics[name], f"encoder_.{name}") for name in ("center_", "scale_")},
        "of_zero": encoder.array(one_hot._of_zero, "encoder_.of_zero"),
        "of_one": encoder.array(one_hot._of_one, "encoder_.of_one"),
    }
    if Bins in parts:
        encoded["bin_limit"] = parts[Bins].limit
        if parts[Bins]._encoder is not None:
            encoded["bin_edges_"] = encoder.encode(list(parts[Bins]._encoder.bin_edges_), "encoder_.bin_edges_")
    if hasattr(table, "feature_names_in_"):
        encoded["feature_names_in_"] = encoder.encode(np.asarray(table.feature_names_in_), "feature_names_in_")
    return encoded


def _encode_categories(table: TableEncoder, number: int, encoder: Encoder) -> Any:
    values = table._plan.categories[number]
    names = getattr(table, "feature_names_in_", None)
    other = next((each for each in values or () if type(each) not in _CATEGORY_TYPES), None)
    if other is not None:
        column = number if names is None else repr(names[number])
        raise ValueError(
            f"Column {column} has categories of type {type(other).__name__}, such as {other!r:.80}, which cannot be "
            "stored: turn them into strings before the fit."
        )
    return None if values is None else [encoder.encode(each, "a category") for each in values]


def decode_table_encoder(tree: Any, decoder: Decoder) -> TableEncoder:
    """Return what `encode_table_encoder` has encoded; whatever does not fit together is a ValueError."""
    if not isinstance(tree, dict) or not isinstance(tree.get("parameters"), dict):
        raise ValueError("encoder_ is missing")
    parameters = {name: decoder.decode(value, f"encoder_.{name:.80}") for name, value in tree["parameters"].items()}
    unknown = sorted(parameters.keys() - set(_PARAMETERS))
    if unknown:
        raise ValueError(f"encoder_ has no parameter {', '.join(unknown):.80} in this version")
    table, described = TableEncoder(**parameters), TableEncoder()
    try:
        table._validate_params()
    except TypeError as error:
        raise ValueError(str(error)) from error
    plan = _decode_plan(tree, decoder)
    plan.set_parts(_decode_parts(tree, table, plan, decoder))
    if "feature_names_in_" in tree:
        described.feature_names_in_ = decode_names(tree["feature_names_in_"], len(plan.categories), decoder)
    table._store(plan, described)
    return table


def _decode_plan(tree: dict[str, Any], decoder: Decoder) -> EncodingPlan:
    """Return categories and places of the columns that are encoded."""
    categories = _decode_categories(tree, decoder)
    numbers, codes = (_places(tree, name, len(categories), decoder) for name in ("number_features", "code_features"))
    if any(categories[at] is not None for at in numbers) or any(not categories[at] for at in codes):
        raise ValueError("encoder_: number_features and code_features do not fit the categories")
    if not numbers.size + codes.size:
        raise ValueError("encoder_ encodes no column")
    varying, gaps = (_places(tree, name, numbers.size, decoder) for name in ("varying", "missing"))
    plan = object.__new__(EncodingPlan)
    plan.__setstate__(
        {
            "categories": categories, "number_features": numbers, "code_features": codes, "_varying": varying,
            "_gaps": gaps,
        }
    )  # fmt: skip
    return plan


def _decode_categories(tree: dict[str, Any], decoder: Decoder) -> list[list[Any] | None]:
    categories, n_features = decoder.decode(tree.get("categories"), "encoder_.categories"), tree.get("n_features_in_")
    if not isinstance(categories, list) or type(n_features) is not int or len(categories) != n_features:
        raise ValueError(f"encoder_.categories are not those of {n_features!r:.80} columns")
    for values in categories:
        if values is None:
            continue
        if not isinstance(values, list) or not all(type(each) in _CATEGORY_TYPES for each in values):
            raise ValueError("encoder_.categories holds something else than strings, numbers and booleans")
        if len(set(values)) != len(values):
            raise ValueError("encoder_.categories has a category twice")
    return categories


def _places(tree: dict[str, Any], name: str, size: int, decoder: Decoder) -> np.ndarray:
    """Return ascending indices below `size`."""
    found = decoder.decode(tree.get(name), f"encoder_.{name}")
    if not isinstance(found, np.ndarray) or found.dtype != np.int64 or found.ndim != 1:
        raise ValueError(f"encoder_.{name} is no list of columns")
    if found.size and not (found[0] >= 0 and found[-1] < size and (np.diff(found) > 0).all()):
        raise ValueError(f"encoder_.{name} are not columns of {size} in ascending order")
    return found.astype(np.intp)


def _decode_parts(tree: dict[str, Any], table: TableEncoder, plan: EncodingPlan, decoder: Decoder) -> list[Part]:
    binary, one_hot, coded = plan.split_categories(table.max_one_hot_categories)
    widths = plan.sizes[one_hot]
    hot = _part(OneHotCategories, one_hot, widths)
    hot._of_zero, hot._of_one = (_numbers(tree, name, int(widths.sum()), decoder) for name in ("of_zero", "of_one"))
    squashed = _part(SquashedNumbers, plan._varying)
    squashed._scaler = _decode_scaler(tree, plan._varying.size, decoder)
    parts = [
        squashed,
        _part(BinaryCategories, binary),
        hot,
        _part(MissingIndicators, plan._gaps),
        _part(CategoryNumbers, coded),
    ]
    if table.numeric_encoding is not None:
        parts.insert(1, _decode_bins(tree, table, plan._varying, decoder))
    return parts


def _part(kind: type[AnyPart], positions: np.ndarray, widths: Any = 1) -> AnyPart:
    """Return a part without what it has learnt."""
    part = object.__new__(kind)
    Part.__init__(part, positions, widths)
    return part


def _decode_scaler(tree: dict[str, Any], size: int, decoder: Decoder) -> SquashingScaler | None:
    center, scale = (_numbers(tree, name, size, decoder) for name in ("center_", "scale_"))
    if not size:
        return None
    scaler = SquashingScaler()
    scaler.set_output(transform="default")
    scaler.n_features_in_, scaler.center_, scaler.scale_ = size, center, scale
    return scaler


def _decode_bins(tree: dict[str, Any], table: TableEncoder, positions: np.ndarray, decoder: Decoder) -> Bins:
    edges = decoder.decode(tree.get("bin_edges_", []), "encoder_.bin_edges_")
    if not isinstance(edges, list) or len(edges) != positions.size:
        raise ValueError(f"encoder_.bin_edges_ are not those of {positions.size} columns")
    for each in edges:
        if not isinstance(each, np.ndarray) or each.dtype != np.float64 or each.ndim != 1 or each.size < 2:
            raise ValueError("encoder_.bin_edges_ holds something else than edges")
        if not np.isfinite(each).all() or not (np.diff(each) > 0).all():
            raise ValueError("encoder_.bin_edges_ do not ascend")
    part = _part(Bins, positions, [each.size - 1 for each in edges])
    part._encoder = None
    part.limit = tree.get("bin_limit", FORMER_BIN_LIMIT)
    if type(part.limit) is not float or not 0.5 <= part.limit <= FORMER_BIN_LIMIT:
        raise ValueError(f"encoder_.bin_limit is {part.limit!r:.80}")
    if edges:
        part._encoder = made = table._make_bins()
        if made is None:
            raise ValueError("encoder_ has no bins")
        made.bin_edges_, made.n_features_in_ = edges, len(edges)
        made.n_bins_ = np.array([each.size - 1 for each in edges])
    return part


def _numbers(tree: dict[str, Any], name: str, size: int, decoder: Decoder) -> np.ndarray:
    """Return finite numbers, (size,)."""
    found = decoder.decode(tree.get(name), f"encoder_.{name}")
    if not isinstance(found, np.ndarray) or found.dtype != np.float64 or found.shape != (size,):
        raise ValueError(f"encoder_.{name} is no list of {size} numbers")
    if not np.isfinite(found).all():
        raise ValueError(f"encoder_.{name} holds infinite numbers or NaN")
    return found
