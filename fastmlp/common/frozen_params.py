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
import sys
import types
from dataclasses import Field, dataclass, fields
from typing import Annotated, Any, Self, TypeVar, Union, get_args, get_origin

from .parameter_rules import (
    Bool,
    Count,
    Decay,
    Finite,
    IsBool,
    NotNegative,
    OfKind,
    OrNone,
    Positive,
    Range,
    UnitInterval,
    is_float,
)

__all__ = [
    "Bool",
    "Count",
    "Decay",
    "Finite",
    "FrozenParams",
    "IsBool",
    "NotNegative",
    "OfKind",
    "OrNone",
    "Positive",
    "Range",
    "UnitInterval",
    "check_defines",
    "check_params",
    "is_float",
    "with_values",
]


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
