"""From JSON and arrays to values: `Decoder`, which trusts nothing that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..initializers import GivenArrays
from .encoding import MAX_CHARACTERS
from .kinds import CUSTOM, NAMED, make

#: How deep values may be nested; those of `save` are hardly deeper than five.
MAX_DEPTH = 32
_MISSING = object()


class Decoder:
    """What `Encoder` has encoded; whatever else a file holds is a ValueError, and nothing is called by its name.

    Parameters
    ----------
    arrays : dict of str to ndarray
    given : mapping of str to mapping
        For each parameter of `load` the users' own objects, by name.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], given: Mapping[str, Mapping[str, Any]]) -> None:
        self.arrays, self.given = arrays, given
        self._types = {
            "float": self._float, "tuple": self._tuple, "dict": self._dict, "array": self._array,
            "strings": self._strings, "random state": self._random_state, "object": self._object,
            "given arrays": self._given_arrays, "custom": self._custom,
            **dict.fromkeys(NAMED, self._named),
        }  # fmt: skip

    def decode(self, tree: Any, place: str, depth: int = 0) -> Any:
        """Return a value; `place` is its name for messages.

        Raises
        ------
        ValueError
            If it is not what `Encoder` writes, or a user's own object was not given.
        """
        if depth > MAX_DEPTH:
            raise ValueError(f"{place:.80} is nested too deeply")
        if isinstance(tree, bool | str | int | float) or tree is None:
            return tree
        if isinstance(tree, list):
            return [self.decode(each, f"{place}[{number}]", depth + 1) for number, each in enumerate(tree)]
        kind = tree.get("type")
        if not isinstance(kind, str) or kind not in self._types:
            raise ValueError(f"{place} has the type {kind!r:.80}, which this version does not know")
        return self._types[kind](tree, place, depth + 1)

    def array_named(self, name: Any, place: str) -> np.ndarray:
        """Return one of the file's arrays."""
        if not isinstance(name, str) or name not in self.arrays:
            raise ValueError(f"{place} is the array {name!r:.80}, which is not there")
        return self.arrays[name]

    def _part(self, tree: dict[str, Any], name: str, kind: type, place: str) -> Any:
        part = tree.get(name, _MISSING)
        if type(part) is not kind:
            found = "missing" if part is _MISSING else f"{part!r:.80}"
            raise ValueError(f"{place}: {name!r} must be of the type {kind.__name__}, but is {found}")
        return part

    def _float(self, tree: dict[str, Any], place: str, depth: int) -> float:
        value = tree.get("value")
        if value not in ("nan", "inf", "-inf"):
            raise ValueError(f"{place} is the float {value!r:.80}")
        return float(value)

    def _tuple(self, tree: dict[str, Any], place: str, depth: int) -> tuple[Any, ...]:
        return tuple(self.decode(self._part(tree, "items", list, place), place, depth))

    def _dict(self, tree: dict[str, Any], place: str, depth: int) -> dict[Any, Any]:
        keys, values = (self.decode(self._part(tree, name, list, place), place, depth) for name in ("keys", "values"))
        if len(keys) != len(values):
            raise ValueError(f"{place} has {len(keys)} keys and {len(values)} values")
        try:
            return dict(zip(keys, values, strict=True))
        except TypeError as error:
            raise ValueError(f"{place} has a key that no dict can have: {error}") from None

    def _array(self, tree: dict[str, Any], place: str, depth: int) -> np.ndarray:
        return self.array_named(tree.get("name"), place)

    def _strings(self, tree: dict[str, Any], place: str, depth: int) -> np.ndarray:
        items = self.decode(self._part(tree, "items", list, place), place, depth)
        shape, width = self._part(tree, "shape", list, place), self._part(tree, "width", int, place)
        kind = self._part(tree, "kind", str, place)
        sizes = all(type(size) is int and 0 <= size <= len(items) for size in shape)
        if not sizes or len(shape) > 2 or (shape[0] if len(shape) == 1 else np.prod(shape, dtype=object)) != len(items):
            raise ValueError(f"{place} has {len(items)} items and the shape {shape!r:.80}")
        if kind == "O":
            array = np.empty(len(items), object)
            array[:] = [
                each if isinstance(each, str | int | float) or each is None else _refuse(place) for each in items
            ]
            return array.reshape(shape)
        if kind not in ("U", "S") or not all(isinstance(each, str) for each in items):
            raise ValueError(f"{place} is no array of strings")
        longest = max(map(len, items), default=1)
        if not 1 <= width <= max(longest, 256) or max(width, longest) * len(items) > MAX_CHARACTERS:
            raise ValueError(f"{place} asks for {width} characters in each of {len(items)} strings")
        try:
            encoded = items if kind == "U" else [each.encode("latin-1") for each in items]
            return np.array(encoded, f"{kind}{max(width, longest)}").reshape(shape)
        except UnicodeError as error:
            raise ValueError(f"{place} holds no bytes: {error}") from None

    def _random_state(self, tree: dict[str, Any], place: str, depth: int) -> np.random.RandomState:
        key, pos = self.array_named(tree.get("key"), place), self._part(tree, "pos", int, place)
        has_gauss, gauss = (self.decode(tree.get(name), place, depth) for name in ("has_gauss", "gauss"))
        valid = key.dtype == np.uint32 and key.shape == (624,) and 0 <= pos <= 624  # NumPy does not check the position
        if not valid or has_gauss not in (0, 1) or type(gauss) is not float:
            raise ValueError(f"{place} is no state of MT19937")
        generator = np.random.RandomState()
        generator.set_state(("MT19937", key, pos, int(has_gauss), gauss))
        return generator

    def _object(self, tree: dict[str, Any], place: str, depth: int) -> Any:
        name, fields = self._part(tree, "class", str, place), self._part(tree, "fields", dict, place)
        values = {each: self.decode(value, f"{place}.{each:.80}", depth) for each, value in fields.items()}
        try:
            return make(name, values)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from error

    def _named(self, tree: dict[str, Any], place: str, depth: int) -> Any:
        name = self._part(tree, "name", str, place)
        named = NAMED[tree["type"]]
        if name not in named:
            raise ValueError(f"{place} is {name!r:.80}, but this version has {', '.join(named)}")
        return named[name]

    def _given_arrays(self, tree: dict[str, Any], place: str, depth: int) -> GivenArrays:
        lists = [self.decode(self._part(tree, name, list, place), place, depth) for name in ("coefs", "intercepts")]
        if not all(isinstance(array, np.ndarray) for each in lists for array in each):
            raise ValueError(f"{place} must hold arrays")
        return GivenArrays(*lists)

    def _custom(self, tree: dict[str, Any], place: str, depth: int) -> Any:
        kind, name = self._part(tree, "kind", str, place), self._part(tree, "name", str, place)
        if kind != "scorers" and kind not in CUSTOM:
            raise ValueError(f"{place} is of the kind {kind!r:.80}, which this version does not know")
        given = self.given.get(kind, {})
        if name not in given:
            raise ValueError(
                f"{place} is {name!r:.200}, an object of your own, whose code is not in the file: pass it as "
                f"{kind}={{{name!r:.200}: …}}"
            )
        return given[name]


def _refuse(place: str) -> Any:
    raise ValueError(f"{place} holds something else than strings and numbers")
