"""Rules for parameters: which values a field of `FrozenParams` may have, and the types that state them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Annotated, Any

import numpy as np


def is_float(number: Any) -> bool:
    """Whether a number can be converted to float: not an integer beyond its range.

    Examples
    --------
    >>> is_float(10**300), is_float(10**400)
    (True, False)
    """
    try:
        float(number)
    except OverflowError:
        return False
    return True


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; brackets as in mathematics, round where the end itself is left out."""

    low: float
    high: float = math.inf
    brackets: str = "[]"
    whole: bool = False

    def __str__(self) -> str:
        kind = "an integer" if self.whole else "a number"
        if self.low == -math.inf and self.high == math.inf:
            return f"{kind}, and finite" if self.whole else "a finite number"
        if self.high == math.inf:
            return f"{kind}{' greater than' if self.brackets[0] == '(' else ' of at least'} {self.low:g}"
        return f"{kind} in {self.brackets[0]}{self.low:g}, {self.high:g}{self.brackets[1]}"

    def allows(self, value: Any) -> bool:
        """Return whether the value obeys the rule."""
        if not isinstance(value, Integral if self.whole else Real) or isinstance(value, bool) or not is_float(value):
            return False
        number = float(value)
        above = number > self.low or (number == self.low and self.brackets[0] == "[")
        below = number < self.high or (number == self.high and self.brackets[1] == "]")
        return above and below and math.isfinite(number)

    def convert(self, value: Any) -> Any:
        """Return an allowed value in the type in which it is stored."""
        return int(value) if self.whole else float(value)

    def contains(self, other: Range) -> bool:
        """Return whether all numbers of the other range are in this one.

        Examples
        --------
        >>> Range(0, 1).contains(Range(0, 1, "()")), Range(0, 1, "()").contains(Range(0, 1))
        (True, False)
        """
        above = other.low > self.low or (other.low == self.low and self.brackets[0] + other.brackets[0] != "([")
        below = other.high < self.high or (other.high == self.high and self.brackets[1] + other.brackets[1] != ")]")
        return above and below


@dataclass(frozen=True)
class IsBool:
    """True or False, Python's or NumPy's."""

    def __str__(self) -> str:
        return "True or False"

    def allows(self, value: Any) -> bool:
        """Return whether the value obeys the rule."""
        return isinstance(value, bool | np.bool_)

    def convert(self, value: Any) -> bool:
        """Return an allowed value in the type in which it is stored."""
        return bool(value)


@dataclass(frozen=True)
class OfKind:
    """The rule of a plain type: any number, NaN and infinity included, any integer, any string."""

    kind: type

    def __str__(self) -> str:
        return {float: "a number", int: "an integer", str: "a string"}[self.kind]

    def allows(self, value: Any) -> bool:
        """Return whether the value obeys the rule."""
        abstract = {float: Real, int: Integral, str: str}[self.kind]
        fits = self.kind is not float or not isinstance(value, Real) or is_float(value)
        return fits and isinstance(value, abstract) and not isinstance(value, bool)

    def convert(self, value: Any) -> Any:
        """Return an allowed value in the type in which it is stored."""
        return self.kind(value)


@dataclass(frozen=True)
class OrNone:
    """None, or what another rule allows."""

    rule: Any

    def __str__(self) -> str:
        return f"None or {self.rule}"

    def allows(self, value: Any) -> bool:
        """Return whether the value obeys the rule."""
        return value is None or self.rule.allows(value)

    def convert(self, value: Any) -> Any:
        """Return an allowed value in the type in which it is stored."""
        return None if value is None else self.rule.convert(value)


Positive = Annotated[float, Range(0, brackets="()")]
Finite = Annotated[float, Range(-math.inf, brackets="()")]
NotNegative = Annotated[float, Range(0)]
UnitInterval = Annotated[float, Range(0, 1)]
#: How much of a running mean is kept at each step.
Decay = Annotated[float, Range(0, 1, "[)")]
Count = Annotated[int, Range(1, whole=True)]
Bool = Annotated[bool, IsBool()]
