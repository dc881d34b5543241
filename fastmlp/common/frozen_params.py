"""Frozen parameters: objects that users create, such as ``AdamW(1e-3, weight_decay=1e-2)`` or ``Cosine(1e-3, 500)``.

Their classes are frozen dataclasses; the type of each field says which values are allowed::

    UnitInterval = Annotated[float, Range(0, 1)]

    @dataclass(frozen=True)
    class SGD(FrozenParams):
        momentum: UnitInterval = 0.0

In a class of your own plain types are enough: a ``float``, ``int``, ``bool`` or ``str`` (or None, by ``float | None``)
is checked for its type, any other type is not. A field that a base class has already keeps the rule that it has there.

Training does not change these objects: they may be shared by estimators, compared, hashed, pickled and cloned.
"""

from __future__ import annotations

import copy
import functools
import math
import sys
import types
from dataclasses import Field, dataclass, fields
from numbers import Integral, Real
from typing import Annotated, Any, Self, TypeVar, Union, get_args, get_origin

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


@dataclass(frozen=True)
class FrozenParams:
    """Base of all classes with frozen parameters: each field is checked, and converted to a plain number.

    Raises
    ------
    ValueError
        If a parameter is not what the type of its field allows.
    """

    def __post_init__(self) -> None:
        for name, value in check_params(self).items():
            object.__setattr__(self, name, value)

    def __sklearn_clone__(self) -> Self:
        """Return the object itself: scikit-learn's clone of an immutable object."""
        return self


P = TypeVar("P", bound=FrozenParams)


def with_values(params: P, **values: Any) -> P:
    """Return a copy in which some fields have other values, which are checked.

    `dataclasses.replace` would call `__init__`, which takes other arguments in some classes of users.

    Raises
    ------
    ValueError
        If a value is not allowed.

    Examples
    --------
    >>> from fastmlp.optimizers import SGD
    >>> with_values(SGD(0.1), momentum=0.5)
    SGD(learning_rate=0.1, momentum=0.5, nesterov=False)
    """
    changed = copy.copy(params)
    for name, value in values.items():
        object.__setattr__(changed, name, value)
    changed.__post_init__()
    return changed


def check_defines(kind: type, base: type, names: tuple[str, ...], instead: str) -> None:
    """Refuse to make an object of a class that does not define what its base class leaves open.

    Parameters
    ----------
    kind : type
        The class of the object.
    base : type
    names : tuple of str
        The attributes and methods that are left open.
    instead : str
        What to use in place of the base class, for the message.

    Raises
    ------
    TypeError
        If one of them is missing.
    """
    missing = [name for name in names if getattr(kind, name, None) is getattr(base, name, None)]
    if missing:
        raise TypeError(
            f"{kind.__name__} is a base class, which does not define {' and '.join(missing)}: use {instead}, or a "
            "subclass that does."
        )


def check_params(params: Any) -> dict[str, Any]:
    """Check the fields of a dataclass object by the rules in their types.

    Parameters
    ----------
    params : object
        Of a dataclass, see the module's docstring.

    Returns
    -------
    dict of str
        The fields that have a rule, converted to plain numbers.

    Raises
    ------
    ValueError
        If a value is not allowed.
    """
    kind: Any = type(params)
    converted = {}
    for name, rule in _rules(kind):
        value = getattr(params, name)
        if not rule.allows(value):
            raise ValueError(f"{kind.__name__}: {name} must be {rule}, but {value!r} was given.")
        converted[name] = rule.convert(value)
    return converted


@functools.cache
def _rules(kind: Any) -> tuple[tuple[str, Any], ...]:
    """Return (name, rule) of each field that has one, from its type."""
    found = [(field.name, _rule_of(kind, field.name)) for field in fields(kind)]
    return tuple((name, rule) for name, rule in found if rule is not None)


def _rule_of(kind: Any, name: str) -> Any:
    """Return the nearest class's rule in `Annotated`, else the nearest plain type's, else None."""
    plain = None
    for hint in _hints(kind, name):
        if get_origin(hint) is Annotated:
            stated = [data for data in hint.__metadata__ if hasattr(data, "allows") and hasattr(data, "convert")]
            if stated:
                return stated[-1]
            hint = hint.__origin__
        plain = plain or _plain_rule(hint)
    return plain


def _plain_rule(hint: Any) -> Any:
    if hint is bool:
        return IsBool()
    if hint in (float, int, str):
        return OfKind(hint)
    if get_origin(hint) in (Union, types.UnionType):
        others = [one for one in get_args(hint) if one is not type(None)]
        if len(others) == 1 < len(get_args(hint)) and (rule := _plain_rule(others[0])):
            return OrNone(rule)
    return None


def _hints(kind: Any, name: str) -> list[Any]:
    """Return the field's types in `kind` and its bases, the nearest first."""
    declared: list[tuple[Field[Any], Any]] = []
    for base in kind.__mro__:
        field = vars(base).get("__dataclass_fields__", {}).get(name)
        if field is None:
            continue
        if declared and declared[-1][0] is field:  # inherited as it is
            declared.pop()
        declared.append((field, base))
    return [_evaluate(field.type, base) for field, base in declared]


def _evaluate(hint: Any, owner: Any) -> Any:
    """Return the type that a string names where the class was defined; None where that is not known.

    (`typing.get_type_hints` gives up on the whole class if one type is the name of a function's variable, say.)
    """
    if not isinstance(hint, str):
        return hint
    try:
        return eval(hint, vars(sys.modules[owner.__module__]), dict(vars(owner)))
    except (NameError, AttributeError, LookupError, TypeError, SyntaxError):  # what a name out of reach raises
        return None
