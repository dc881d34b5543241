"""Whose callbacks are being called: a model must not be trained anew by a callback of its own training."""

from __future__ import annotations

import threading
from typing import Any

_THREAD = threading.local()


def _models() -> list[Any]:
    """Return the models whose callbacks this thread is calling, the outermost first."""
    models: list[Any] = _THREAD.__dict__.setdefault("models", [])
    return models


def depth() -> int:
    """Return in how many callbacks, one called within the training of the other, this thread is."""
    return len(_models())


class CallingCallbacks:
    """A context, entered as often as needed: within, this thread calls callbacks of a model.

    Parameters
    ----------
    model : object
    attributes : dict, optional
        Attributes that the model gets again afterwards, whatever a callback has done to them.
    """

    def __init__(self, model: Any, attributes: dict[str, Any] | None = None) -> None:
        self.model, self.attributes = model, attributes or {}

    def __enter__(self) -> None:
        _models().append(self.model)

    def __exit__(self, *error: object) -> None:
        _models().pop()
        if self.attributes:
            self.model.__dict__.update(self.attributes)


def is_called_by_own_callback(model: Any) -> bool:
    """Return whether this thread is in a callback of the model."""
    return any(each is model for each in _models())


def check_not_nested(model: Any, method: str) -> None:
    """Refuse a training that a callback begins on the model that it follows.

    Raises
    ------
    RuntimeError
        If this thread is in a callback of the model.
    """
    if is_called_by_own_callback(model):
        raise RuntimeError(
            f"{method} was called by a callback of this very {type(model).__name__}, which is being trained: train "
            "another one, such as a copy without callbacks, or end this training by returning True from on_epoch_end."
        )
