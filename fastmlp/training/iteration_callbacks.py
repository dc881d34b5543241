"""`IterationCallbacks`: what solvers with all rows in each step tell of their iterations."""

from __future__ import annotations

from typing import Protocol

from ..engine.slicing import Stopped


class IterationCallbacks(Protocol):
    """What a solver tells of its iterations; its network has the parameters of the last one."""

    def begin_iteration(self) -> None:
        """Before an iteration; one that finds no step does not end."""

    def is_over(self) -> bool:
        """Whether to end within an iteration."""

    def end_iteration(self, number: int, loss: float) -> bool:
        """After an iteration; True ends the training."""


class NoCallbacks:
    """Nobody is told."""

    def begin_iteration(self) -> None:
        """Tell nobody."""

    def is_over(self) -> bool:
        """Never."""
        return False

    def end_iteration(self, number: int, loss: float) -> bool:
        """Go on."""
        return False


def end_if_over(callbacks: IterationCallbacks) -> None:
    """Leave what takes long if a callback asks for it.

    Raises
    ------
    Stopped
        If it does.
    """
    if callbacks.is_over():
        raise Stopped
