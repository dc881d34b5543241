"""What estimators for Dask have as parameters beside those of the plain ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

DASK_PARAMETERS: dict[str, Any] = {"client": None, "sync": "epoch", "outer_learning_rate": 1.0, "outer_momentum": 0.0}

CONSTRAINTS: dict[str, list[Any]] = {
    "sync": [StrOptions({"epoch"}), Interval(Integral, 1, None, closed="left")],
    "outer_learning_rate": [Interval(Real, 0, None, closed="neither")],
    "outer_momentum": [Interval(Real, 0, 1, closed="left")],
}


def constructor(plain: type) -> Callable[..., None]:
    """Return an ``__init__`` with the parameters of a plain estimator and those for Dask, by keyword.

    Examples
    --------
    >>> import inspect
    >>> from fastmlp import MLPClassifier
    >>> list(inspect.signature(constructor(MLPClassifier)).parameters)[-4:]
    ['client', 'sync', 'outer_learning_rate', 'outer_momentum']
    """
    original: Callable[..., None] = vars(plain)["__init__"]

    def initialize(self: Any, *arguments: Any, **parameters: Any) -> None:
        own = {name: parameters.pop(name, default) for name, default in DASK_PARAMETERS.items()}
        original(self, *arguments, **parameters)
        self.__dict__.update(own)

    signature = inspect.signature(original)
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in DASK_PARAMETERS.items()
    ]
    initialize.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), *added]
    )
    initialize.__name__ = "__init__"
    return initialize
