"""The objects that a file may name: only these classes are made when a file is read."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from .. import activations, initializers, losses, optimizers, schedules
from ..activations import ACTIVATIONS, BaseActivation, NamedActivation
from ..common.frozen_params import check_params
from ..initializers import INITIALIZERS, Initializer
from ..losses import BaseLoss
from ..losses.regression import SquaredErrorByHand
from ..optimizers import Optimizer
from ..schedules import Schedule

#: The kinds of objects that users may make themselves, by the name of `load`'s parameter.
CUSTOM = {
    "activations": BaseActivation,
    "losses": BaseLoss,
    "optimizers": Optimizer,
    "schedules": Schedule,
    "initializers": Initializer,
}
#: Classes of users' own functions and of arrays, which are no fields that JSON has.
_OMITTED = {"Loss", "GivenArrays"}


def _classes() -> dict[str, type]:
    found = {}
    for module in (activations, losses, optimizers, schedules, initializers):
        for name in module.__all__:
            kind = getattr(module, name)
            is_object = isinstance(kind, type) and issubclass(kind, tuple(CUSTOM.values()))
            if (
                is_object
                and "__dataclass_fields__" in vars(kind)
                and kind not in CUSTOM.values()
                and name not in _OMITTED
            ):
                found[name] = kind
    return found


#: Every class of the package whose objects are stored by their fields.
CLASSES: dict[str, type] = {**_classes(), "SquaredErrorByHand": SquaredErrorByHand}
#: Activations and initializers without fields, by name.
NAMED: dict[str, dict[str, Any]] = {
    "activation": {name: one for name, one in ACTIVATIONS.items() if isinstance(one, NamedActivation)},
    "initializer": {name: one for name, one in INITIALIZERS.items() if type(one).__name__ not in CLASSES},
}


def kind_of(value: Any) -> str | None:
    """Return the name of `load`'s parameter for a user's own object; None if it is of no kind that users may make."""
    return next((kind for kind, base in CUSTOM.items() if isinstance(value, base)), None)


def names_of_fields(kind: type) -> list[str]:
    """Return the fields by which an object is stored: those of its constructor."""
    return [field.name for field in fields(kind) if field.init]


def make(name: str, values: dict[str, Any]) -> Any:
    """Return an object of the package.

    Raises
    ------
    ValueError
        If there is no such class, or it does not allow these fields.
    """
    kind = CLASSES.get(name)
    if kind is None:
        raise ValueError(f"{name!r:.80} is no class of this version: it is one of {', '.join(sorted(CLASSES))}")
    unknown = sorted(values.keys() - set(names_of_fields(kind)))
    if unknown:
        raise ValueError(f"{name} has no fields {', '.join(unknown):.80}")
    try:
        made = kind(**values)
        check_params(made)  # losses check their fields when they are used
    except (TypeError, ArithmeticError, AttributeError, LookupError) as error:
        raise ValueError(f"{name} cannot be made of its fields: {error}") from error
    return made
