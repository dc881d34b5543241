"""What the update rules read first: hyperparameters, stored in float64, in the type of the parameters."""

from ...compiler.numba_backend import inline_ir
from ..lowlevel.records import EPSILON, L2, LEARNING_RATE, SCALE


@inline_ir
def number_like(p, hyperparameters, place):
    """Return the number at this place in the type of p's elements."""
    return p.dtype.type(hyperparameters[place])


@inline_ir
def step_numbers(p, hyperparameters):
    """Return (learning rate, L2, SCALE), with which every rule begins: ``g = (d_param + L2 param) SCALE``."""
    return (
        p.dtype.type(hyperparameters[LEARNING_RATE]),
        p.dtype.type(hyperparameters[L2]),
        p.dtype.type(hyperparameters[SCALE]),
    )


@inline_ir
def epsilon_like(p, hyperparameters):
    """Return ε, what a rule adds to its denominator."""
    return p.dtype.type(hyperparameters[EPSILON])


@inline_ir
def decay_rates(p, hyperparameters, place):
    """Return (β, 1 − β) of the running mean whose β is at this place; 1 − β is rounded from float64."""
    return p.dtype.type(hyperparameters[place]), p.dtype.type(1.0 - hyperparameters[place])
