"""`Case`: what the tests of optimizers know about one update rule."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from fastmlp.optimizers import Optimizer
from fastmlp.schedules import Polynomial

#: A learning rate so small that trainings do not diverge and rounding errors do not grow, and one that falls.
RATE = 0.002
FALLING = Polynomial(RATE, steps=9, final=RATE / 4)


@dataclass(frozen=True)
class Case:
    """One way through an update rule's kernel, as all tests of optimizers see it.

    Attributes
    ----------
    optimizer : Optimizer
        With numbers that are exact in float32.
    reference, threshold : callable
        See the docstring of `reference_optimizers`.
    of_biases : callable or None
        The reference for biases, if it differs.
    trained : Optimizer or None
        For whole trainings against references, with ε so large that rounding errors do not grow. By default `optimizer`
        with a falling learning rate.
    rates : tuple of float
        Learning rates with which it minimizes a parabola, Rosenbrock's function and a network's loss; None where it
        cannot, because it needs layers.
    converging : Optimizer or None
        The parameters for this; by default those of the class.
    lasso_rate : float
        The learning rate with which it finds the lasso's solution in 3000 steps.
    torch : tuple or None
        fastmlp's optimizer, PyTorch's class of the same rule, and its parameters.
    forbidden : dict
        For fields that no other optimizer has: (what the message says is allowed, values that are refused).
    """

    optimizer: Optimizer
    reference: Callable
    threshold: Callable
    rates: tuple[float | None, ...]
    of_biases: Callable | None = None
    trained: Optimizer | None = None
    converging: Optimizer | None = None
    lasso_rate: float = 0.02
    torch: tuple | None = None
    forbidden: dict | None = None

    @property
    def in_training(self):
        return self.trained or replace(self.optimizer, learning_rate=FALLING)
