"""From values to JSON and arrays: `Encoder`."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ..common.parameter_rules import is_float
from .kinds import CLASSES, NAMED, kind_of, names_of_fields

#: Types of arrays that are stored as arrays; strings and objects become JSON.
TENSOR_TYPES = {np.dtype(name) for name in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")}
#: Types that array elements in JSON may have.
LABEL_TYPES = (str, int, float, bool, type(None))
#: Characters of an array of strings all together, each as wide as the longest.
MAX_CHARACTERS = 1 << 26


class Encoder:
    """Values as JSON: numbers, strings, lists as they are, everything else as a dict with a "type".

    Attributes
    ----------
    arrays : dict of str to ndarray
        The arrays of all values so far, by the place where each was found.
    custom : dict of str to dict
        For each parameter of `load` the users' own objects so far, by name.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.custom: dict[str, dict[str, Any]] = {}

    def encode(self, value: Any, place: str) -> Any:
        """Return a value as JSON; `place` is its name for messages, and that of its array if it is one.

        Raises
        ------
        ValueError
            If a value of this kind cannot be stored.
        """
        if isinstance(value, np.generic) and value.dtype.kind in "biufU":
            value = value.item()
        if isinstance(value, bool | str) or value is None:
            return value
        if isinstance(value, int | float) and type(value) in (int, float):
            return self._number(value, place)
        if isinstance(value, list | tuple | range):
            items = [self.encode(each, f"{place}[{number}]") for number, each in enumerate(value)]
            return {"type": "tuple", "items": items} if isinstance(value, tuple) else items
        if isinstance(value, dict):
            keys = [self.encode(each, f"a key of {place}") for each in value]
            values = [self.encode(each, f"{place}[{key!r}]") for key, each in value.items()]
            return {"type": "dict", "keys": keys, "values": values}
        if isinstance(value, np.ndarray):
            return self.array(value, place)
        if isinstance(value, np.random.RandomState):
            return self._random_state(value, place)
        return self._object(value, place)

    def array(self, array: np.ndarray, place: str) -> Any:
        """Return what stands for an array, which is kept beside; one of strings or objects is JSON as a whole."""
        native = array.dtype.newbyteorder("=")
        if native in TENSOR_TYPES:
            self.arrays[place] = array.astype(native, copy=False)
            return {"type": "array", "name": place}
        if array.dtype.kind not in "USO":
            raise ValueError(f"{place} is an array of {array.dtype}, which cannot be stored.")
        items = array.ravel().tolist()
        if array.dtype.kind == "S":
            items = [each.decode("latin-1") for each in items]
        other = next((each for each in items if not isinstance(each, LABEL_TYPES)), None)
        if other is not None:
            raise ValueError(f"{place} holds {other!r:.80}, which cannot be stored: use strings or numbers.")
        width = 0
        if array.dtype.kind in "US":
            longest = max(map(len, items), default=1)
            width = array.dtype.itemsize // (4 if array.dtype.kind == "U" else 1)
            width = width if width <= max(longest, 256) else longest  # a file cannot ask for more memory than it has
            if width * len(items) > MAX_CHARACTERS:
                raise ValueError(f"{place} has {len(items)} strings of {width} characters, too many to be stored.")
        encoded = [self.encode(each, place) for each in items]
        return {
            "type": "strings",
            "kind": array.dtype.kind,
            "width": width,
            "shape": list(array.shape),
            "items": encoded,
        }

    def _number(self, value: float, place: str) -> Any:
        if isinstance(value, int):
            if not is_float(value):
                raise ValueError(f"{place} is an integer too large to be stored.")
            return value
        return value if math.isfinite(value) else {"type": "float", "value": str(value)}

    def _random_state(self, generator: np.random.RandomState, place: str) -> Any:
        state: Any = generator.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            raise ValueError(
                f"{place} is a generator of {state['bit_generator']}, but only RandomState's usual one, MT19937, can "
                "be stored: use RandomState(seed), or an integer."
            )
        self.arrays[place] = state["state"]["key"]
        numbers = {name: self.encode(state[name], place) for name in ("has_gauss", "gauss")}
        return {"type": "random state", "key": place, "pos": int(state["state"]["pos"]), **numbers}

    def _object(self, value: Any, place: str) -> Any:
        kind, name = type(value), getattr(value, "name", None)
        if CLASSES.get(kind.__name__) is kind:
            values = {each: self.encode(getattr(value, each), f"{place}.{each}") for each in names_of_fields(kind)}
            return {"type": "object", "class": kind.__name__, "fields": values}
        for which, named in NAMED.items():
            if isinstance(name, str) and type(named.get(name)) is kind and named[name] == value:
                return {"type": which, "name": name}
        if kind.__name__ == "GivenArrays" and kind.__module__.startswith(f"{__package__.partition('.')[0]}."):
            arrays = [self.encode(list(one), f"{place}.{at}") for at, one in enumerate((value.coefs, value.intercepts))]
            return {"type": "given arrays", "coefs": arrays[0], "intercepts": arrays[1]}
        which_parameter = kind_of(value) or ("scorers" if callable(value) else None)
        if which_parameter is None:
            raise ValueError(f"{place}={value!r:.80} cannot be stored.")
        return {"type": "custom", "kind": which_parameter, "name": self._name_of(value, which_parameter)}

    def _name_of(self, value: Any, kind: str) -> str:
        """Return the name of a user's own object: its code, and a number if another one has that already."""
        known = self.custom.setdefault(kind, {})
        for name, other in known.items():
            if other is value or (type(other) is type(value) and other == value):
                return name
        name, number = name_of(value), 1
        while name in known:
            number += 1
            name = f"{name_of(value)} ({number})"
        known[name] = value
        return name


def name_of(value: Any) -> str:
    """Return the name by which a file knows a user's own object: that of a function, else the code of the object.

    Examples
    --------
    >>> from fastmlp.schedules import Schedule
    >>> class Halved(Schedule):
    ...     def at(self, t):
    ...         return 0.1 / 2**t
    >>> name_of(Halved()), name_of(len)
    ('Halved()', 'len')
    """
    code = getattr(value, "__qualname__", None) or repr(value)
    return re.sub(r" at 0x[0-9a-fA-F]+", "", code).replace("<locals>.", "")
