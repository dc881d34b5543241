"""Settings: the frozen objects that users name, such as ``AdamW(1e-3, weight_decay=1e-2)`` or ``Cosine(1e-3, 500)``.

A class of settings is a frozen dataclass; what each field may hold stands in its type::

    Share = Annotated[float, Range(0, 1)]

    @dataclass(frozen=True)
    class SGD(Settings):
        momentum: Share = 0.0

Training changes none of it, so an object may be shared by estimators, compared, hashed, pickled and cloned.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Annotated, Any, get_type_hints

import numpy as np


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; brackets as in mathematics, round where the end itself is left out."""

    low: float
    high: float = math.inf
    brackets: str = "[]"
    whole: bool = False

    def __str__(self) -> str:
        kind = "an integer" if self.whole else "a number"
        if self.high == math.inf:
            return f"{kind}{' greater than' if self.brackets[0] == '(' else ' of at least'} {self.low:g}"
        return f"{kind} in {self.brackets[0]}{self.low:g}, {self.high:g}{self.brackets[1]}"

    def allows(self, value: Any) -> bool:
        if not isinstance(value, Integral if self.whole else Real) or isinstance(value, bool):
            return False
        number = float(value)
        above = number > self.low or (number == self.low and self.brackets[0] == "[")
        below = number < self.high or (number == self.high and self.brackets[1] == "]")
        return above and below and math.isfinite(number)

    def convert(self, value: Any) -> Any:
        return int(value) if self.whole else float(value)


@dataclass(frozen=True)
class YesOrNo:
    """True or False, Python's or NumPy's."""

    def __str__(self) -> str:
        return "True or False"

    def allows(self, value: Any) -> bool:
        return isinstance(value, bool | np.bool_)

    def convert(self, value: Any) -> bool:
        return bool(value)


Positive = Annotated[float, Range(0, brackets="()")]
NotNegative = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]
#: How much of a running mean is kept at each step.
Kept = Annotated[float, Range(0, 1, "[)")]
Count = Annotated[int, Range(1, whole=True)]
Switch = Annotated[bool, YesOrNo()]


@dataclass(frozen=True)
class Settings:
    """What all classes of settings share: each field is checked, and becomes a plain number.

    Raises
    ------
    ValueError
        If a setting is not what its field may hold; it says what is.
    """

    def __post_init__(self) -> None:
        kind: Any = type(self)
        for name, rule in _rules(kind):
            value = getattr(self, name)
            if not rule.allows(value):
                raise ValueError(f"{kind.__name__}: {name} must be {rule}, but {value!r} was given.")
            object.__setattr__(self, name, rule.convert(value))

    def __sklearn_clone__(self) -> Settings:
        """scikit-learn's clone of what nobody can change is the same object."""
        return self


@functools.cache
def _rules(kind: Any) -> tuple[tuple[str, Any], ...]:
    """(name, rule) of each field, from its annotated type."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple((field.name, hints[field.name].__metadata__[-1]) for field in fields(kind))
