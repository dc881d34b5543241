"""`LayerWise`: an optimizer with factors of learning rate and decay for each layer, and for biases."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

import numpy as np

from ..common.checks import one_per_layer
from ..common.frozen_params import Range, with_values
from ..compiler.kernel import Kernel
from ..schedules import Rate, Schedule
from .base import Optimizer, Shrinking

#: Factors by name, from (fan_in, fan_out) of a layer.
FACTORS: dict[str, Callable[[int, int], float]] = {"ntk": lambda fan_in, fan_out: 1.0 / math.sqrt(fan_in)}
_FACTOR = Range(0)


@dataclass(frozen=True)
class _FactorRule:
    """A factor for all layers, a sequence of them, which becomes a tuple, or a name."""

    def __str__(self) -> str:
        return f"{_FACTOR}, a sequence of such, one for each layer, or one of {', '.join(map(repr, FACTORS))}"

    def allows(self, value: Any) -> bool:
        if isinstance(value, str):
            return value in FACTORS
        if isinstance(value, list | tuple | np.ndarray) and np.ndim(value) == 1:
            return all(_FACTOR.allows(each) for each in value)
        return _FACTOR.allows(value)

    def convert(self, value: Any) -> str | float | tuple[float, ...]:
        if isinstance(value, str):
            return str(value)
        return tuple(map(float, value)) if isinstance(value, list | tuple | np.ndarray) else float(value)


@dataclass(frozen=True)
class _OptimizerRule:
    """An optimizer that has no factors yet."""

    def __str__(self) -> str:
        return "an optimizer such as Adam(), which is no LayerWise itself"

    def allows(self, value: Any) -> bool:
        return isinstance(value, Optimizer) and not isinstance(value, LayerWise)

    def convert(self, value: Any) -> Any:
        return value


Factors = Annotated[float | tuple[float, ...] | str, _FactorRule()]


@dataclass(frozen=True)
class LayerWise(Optimizer):
    """Another optimizer, with factors of its learning rate and of all decay for each layer's weights and biases.

    Weights and biases of a layer are updated by the rule with learning rate f η(t), L2 penalty d `alpha` and weight
    decay d λ, as in a parameter group of PyTorch; decoupled weight decay is multiplied by its group's rate, so that it
    is f η(t) d λ there, too. The reported loss has the penalties with their factors.

    A rate factor of 0 freezes: these weights or biases keep their bits, whatever decay, `l1`, `max_norm`, clipping or
    `ema` do with others, and their gradient does not count for `clip_norm`. (They are updated in no step, but their
    gradient is computed all the same.) To thaw layers, change the factors between two fits with ``warm_start=True``:
    ``partial_fit`` continues with the optimizer of its first call.

    Parameters
    ----------
    optimizer : Optimizer
        Any other.
    weight_rates, bias_rates : float, sequence of float or str, default=1.0
        Factors f of the learning rate of weights and of biases, at least 0: one for all layers, or one for each from
        the first hidden layer to the output layer. 'ntk' is 1 / √fan_in of the layer: with a rule whose steps do not
        depend on the size of gradients (Adam, …) the training of a network in the neural tangent parametrization,
        whose layers compute a W / √fan_in + b.
    weight_decays, bias_decays : float, sequence of float or str, default=1.0, 0.0
        Factors d of `alpha` and of the optimizer's weight decay, at least 0, in the same form.

    References
    ----------
    Jacot, Gabriel and Hongler (2018), "Neural tangent kernel: convergence and generalization in neural networks"
    ('ntk'); Howard and Ruder (2018), "Universal language model fine-tuning for text classification" (discriminative
    rates).

    Examples
    --------
    The first layer is frozen, and the last one learns ten times as fast as the one before:

    >>> from fastmlp import MLPRegressor
    >>> from fastmlp.optimizers import Adam, LayerWise
    >>> rates = (0, 0.1, 1)
    >>> model = MLPRegressor(hidden_layer_sizes=(20, 10), solver=LayerWise(Adam(), rates, rates))
    >>> LayerWise(Adam(1e-2), "ntk").factors([(4, 20), (25, 1)])[:, 0, 0].tolist()
    [0.5, 0.2]
    """

    optimizer: Annotated[Optimizer, _OptimizerRule()]
    weight_rates: Factors = 1.0
    bias_rates: Factors = 1.0
    weight_decays: Factors = 1.0
    bias_decays: Factors = 0.0
    learning_rate: Rate = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.optimizer, Optimizer):
            object.__setattr__(self, "learning_rate", self.optimizer.learning_rate)
        super().__post_init__()

    def factors(self, shapes: Sequence[tuple[int, int]]) -> np.ndarray:
        """Return the factors of each layer, see `Optimizer.factors`.

        Raises
        ------
        ValueError
            If there is another number of factors than of layers.
        """
        names = (("weight_rates", "weight_decays"), ("bias_rates", "bias_decays"))
        each = [[self._each(name, shapes) for name in pair] for pair in names]
        return np.moveaxis(np.array(each), -1, 0)

    def _each(self, name: str, shapes: Sequence[tuple[int, int]]) -> list[float]:
        value = getattr(self, name)
        if isinstance(value, str):
            return [FACTORS[value](*shape) for shape in shapes]
        return one_per_layer(name, value, len(shapes), "layers")

    # All else is the optimizer's.

    @property
    def needs_layers(self) -> bool:
        return True

    @property
    def weight_decay(self) -> float | Schedule:
        """The optimizer's weight decay; there is no such attribute if it has none."""
        decay: float | Schedule = self.optimizer.weight_decay  # type: ignore[attr-defined]
        return decay

    def with_learning_rate(self, learning_rate: float | Schedule) -> Self:
        return with_values(self, optimizer=self.optimizer.with_learning_rate(learning_rate))

    def with_weight_decay(self, weight_decay: float | Schedule) -> Self:
        return with_values(self, optimizer=self.optimizer.with_weight_decay(weight_decay))

    @property
    def n_moments(self) -> int:
        return self.optimizer.n_moments

    def kernel(self) -> Kernel:
        return self.optimizer.kernel()

    @property
    def phases(self) -> tuple[Kernel, ...]:
        return self.optimizer.phases

    def hyperparameters(self) -> np.ndarray:
        return self.optimizer.hyperparameters()

    def step_rates(self, t: np.ndarray, eta: np.ndarray) -> np.ndarray:
        return self.optimizer.step_rates(t, eta)

    @property
    def shrinking(self) -> Shrinking:
        return self.optimizer.shrinking
