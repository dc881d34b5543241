"""What training does against overfitting and against steps too long, beside the L2 penalty: settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any

from .common.checks import one_per_layer
from .common.frozen_params import FrozenParams, NotNegative, Range

_RATE, _LIMIT = Range(0, 1, "[)"), Range(0, brackets="()")


@dataclass(frozen=True)
class _OneOrEach:
    """A rate of dropout, or a sequence of them, which becomes a tuple."""

    def __str__(self) -> str:
        return f"{_RATE}, or a sequence of such, one for each hidden layer"

    def allows(self, value: Any) -> bool:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return all(_RATE.allows(rate) for rate in value)
        return _RATE.allows(value)

    def convert(self, value: Any) -> float | tuple[float, ...]:
        return tuple(float(rate) for rate in value) if isinstance(value, Sequence) else float(value)


@dataclass(frozen=True)
class _LimitOrNone:
    """The largest that something may become; None where it may become anything."""

    def __str__(self) -> str:
        return f"{_LIMIT}, or None"

    def allows(self, value: Any) -> bool:
        return value is None or _LIMIT.allows(value)

    def convert(self, value: Any) -> float | None:
        return None if value is None else float(value)


Limit = Annotated[float | None, _LimitOrNone()]


@dataclass(frozen=True)
class Regularization(FrozenParams):
    """Penalty, dropout, max-norm and clipping; nothing of it unless asked for.

    With the L2 penalty α, which every training has, a batch's loss is
    (Σ wᵢ lossᵢ + α / 2 Σ p² + l1 Σ \\|p\\|) / Σ wᵢ, over its rows i of weight wᵢ and all weights p but the biases.

    Parameters
    ----------
    l1 : float, default=0.0
        Weight of Σ \\|p\\|, at least 0. Weights that nothing needs become exactly zero: after the rule's step on the
        gradient of everything else comes the proximal step w ← sign(w) max(\\|w\\| − τ, 0). With λ = l1 / Σ wᵢ, τ is
        η λ for plain descent, and for every other rule as far as it goes in the end with a gradient of λ:
        η λ / (1 − μ) with momentum, η λ / (√v̂ + ε) for Adam. A threshold of η λ for all would lose the minimum, by
        1 − μ and by √v̂. Where a rule divides by the gradients' size, a weight shrinks by 2 η a step at the most.
    dropout : float or sequence of float, default=0.0
        Probability p in [0, 1) with which an output of a hidden layer is left out for one row of one step; what is kept
        counts 1 / (1 − p) times. One for all hidden layers, or one for each. Predictions leave out nothing.
    input_dropout : float, default=0.0
        The same of the inputs.
    max_norm : float, optional
        After each step, what comes into a unit (a column of a weight matrix, in every layer) is scaled to this
        Euclidean norm if it is longer. Greater than 0.
    clip_norm : float, optional
        Before each update, the gradient of all weights and biases together, L2 penalty included, is scaled to this
        Euclidean norm if it is longer, and the step of l1 with it. Greater than 0.
    clip_value : float, optional
        Each element of the gradient, L2 penalty included, is clipped to ± this. Greater than 0. It comes before
        `clip_norm`.

    Raises
    ------
    ValueError
        If a number is not what it may be.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), "Dropout: a simple way to prevent neural
    networks from overfitting" (max-norm too); Pascanu, Mikolov and Bengio (2013), "On the difficulty of training
    recurrent neural networks" (clipping by norm); Yun, Lozano and Yang (2021), "Adaptive proximal gradient methods for
    structured neural networks" (l1's step in the metric of the rule).

    Examples
    --------
    >>> Regularization(dropout=(0.5, 0.2), input_dropout=0.1).input_rates(hidden_layers=2)
    (0.1, 0.5, 0.2)
    >>> Regularization(input_dropout=1.5)
    Traceback (most recent call last):
    ...
    ValueError: Regularization: input_dropout must be a number in [0, 1), but 1.5 was given.
    """

    l1: NotNegative = 0.0
    dropout: Annotated[float | Sequence[float], _OneOrEach()] = 0.0
    input_dropout: Annotated[float, _RATE] = 0.0
    max_norm: Limit = None
    clip_norm: Limit = None
    clip_value: Limit = None

    def _each_dropout(self) -> tuple[float, ...]:
        return tuple(self.dropout) if isinstance(self.dropout, Sequence) else (self.dropout,)

    @property
    def drops(self) -> bool:
        """Whether anything is left out, so that random bits are needed."""
        return any((*self._each_dropout(), self.input_dropout))

    def input_rates(self, hidden_layers: int) -> tuple[float, ...]:
        """The rate of dropout of what comes into each layer: of the inputs, then of each hidden layer's outputs.

        Raises
        ------
        ValueError
            If there are not as many rates as hidden layers.
        """
        return (self.input_dropout, *one_per_layer("dropout", self.dropout, hidden_layers))

    def check_full_batch(self, solver: str) -> None:
        """Whether a solver on the whole gradient can do without: it descends one smooth function of all rows.

        Raises
        ------
        ValueError
            If anything is asked for.

        Examples
        --------
        >>> Regularization().check_full_batch("lbfgs")
        >>> Regularization(l1=0.1, max_norm=3.0).check_full_batch("lbfgs")  # doctest: +NORMALIZE_WHITESPACE
        Traceback (most recent call last):
        ...
        ValueError: solver='lbfgs' descends one smooth function of all rows, and cannot take l1=0.1, max_norm=3.0: leave
        them out, or take a solver that goes batch by batch, such as 'adam'. (alpha, the L2 penalty, goes with both.)
        """
        asked = [f"{field.name}={getattr(self, field.name)!r}" for field in fields(self) if self._asks_for(field.name)]
        if asked:
            raise ValueError(
                f"solver={solver!r} descends one smooth function of all rows, and cannot take {', '.join(asked)}: "
                "leave them out, or take a solver that goes batch by batch, such as 'adam'. (alpha, the L2 penalty, "
                "goes with both.)"
            )

    def _asks_for(self, name: str) -> bool:
        return any(self._each_dropout()) if name == "dropout" else bool(getattr(self, name))
