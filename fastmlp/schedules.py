"""Learning rates over time, as scikit-learn names them."""

from __future__ import annotations


class Constant:
    """η for ever."""

    def after_epoch(self, initial: float, rate: float, rows_seen: int) -> float:
        """The learning rate of the next epoch, `rows_seen` rows into the training."""
        return rate

    def after_plateau(self, rate: float) -> float | None:
        """The learning rate to go on with when nothing improves any more; None to stop."""
        return None


class InverseScaling(Constant):
    """η / (rows seen + 1)^power, from epoch to epoch."""

    def __init__(self, power: float) -> None:
        self.power = power

    def after_epoch(self, initial: float, rate: float, rows_seen: int) -> float:
        return initial / (rows_seen + 1) ** self.power


class Adaptive(Constant):
    """A fifth of the rate at each plateau, until it is 10⁻⁶ or less."""

    smallest = 1e-6

    def after_plateau(self, rate: float) -> float | None:
        return None if rate <= self.smallest else rate / 5.0


def schedule_by_name(name: str, power: float) -> Constant:
    """'constant', 'invscaling' (with its power) or 'adaptive'."""
    return {"constant": Constant(), "invscaling": InverseScaling(power), "adaptive": Adaptive()}[name]
