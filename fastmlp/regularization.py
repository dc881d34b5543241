"""`Regularization`: L1 penalty, dropout, max-norm, gradient clipping, and the average of the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any

from .common.checks import one_per_layer
from .common.frozen_params import FrozenParams, NotNegative, Range
from .schedules import NumberOrSchedule, Schedule

#: Values of a dropout rate.
DROPOUT_RATE = Range(0, 1, "[)")
_RATE, _LIMIT = NumberOrSchedule(0, 1, "[)"), Range(0, brackets="()")


@dataclass(frozen=True)
class _OneOrEach:
    """A dropout rate, or a sequence of them, which becomes a tuple; each may be a schedule."""

    def __str__(self) -> str:
        return f"{_RATE}, or a sequence of such, one for each hidden layer"

    def allows(self, value: Any) -> bool:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return all(_RATE.allows(rate) for rate in value)
        return _RATE.allows(value)

    def convert(self, value: Any) -> Any:
        return tuple(map(_RATE.convert, value)) if isinstance(value, Sequence) else _RATE.convert(value)


@dataclass(frozen=True)
class _LimitOrNone:
    """A positive upper limit, or None for no limit."""

    def __str__(self) -> str:
        return f"{_LIMIT}, or None"

    def allows(self, value: Any) -> bool:
        return value is None or _LIMIT.allows(value)

    def convert(self, value: Any) -> float | None:
        return None if value is None else float(value)


@dataclass(frozen=True)
class _RateOrNone:
    """A number in [0, 1), or None."""

    def __str__(self) -> str:
        return f"{DROPOUT_RATE}, or None"

    def allows(self, value: Any) -> bool:
        return value is None or DROPOUT_RATE.allows(value)

    def convert(self, value: Any) -> float | None:
        return None if value is None else float(value)


Limit = Annotated[float | None, _LimitOrNone()]


@dataclass(frozen=True)
class Regularization(FrozenParams):
    r"""L1 penalty, dropout, max-norm, gradient clipping and averaging of the weights; all are off by default.

    With the L2 penalty α of every training, the loss of a batch is
    (Σ wᵢ lossᵢ + α / 2 Σ p² + l1 Σ \|p\|) / Σ wᵢ, over its rows i with weights wᵢ and over all weights p of the layers
    (not the biases).

    Parameters
    ----------
    l1 : float, default=0.0
        Factor of Σ \|p\|, at least 0. Weights become exactly zero by a proximal step, which follows the optimizer's
        step on the gradient of all other terms: w ← sign(w) max(\|w\| − τ, 0). With λ = l1 / Σ wᵢ, τ is the length of
        the optimizer's steps for a constant gradient λ: η λ for plain gradient descent, η λ / (1 − μ) with momentum,
        η λ / (√v̂ + ε) for Adam. (With τ = η λ for all of them, training would converge to the minimum of another
        penalty.) For optimizers that divide by the size of the gradients, τ is at most 2 η.
    dropout : float, Schedule, or sequence of these, default=0.0
        Probability p in [0, 1) with which an output of a hidden layer is set to zero, for one row of one step; the
        others are multiplied by 1 / (1 − p). One for all hidden layers, or one for each; a schedule is p as a function
        of the step. Not used in predictions.
    input_dropout : float or Schedule, default=0.0
        The same for inputs.
    max_norm : float, default=None
        Maximum Euclidean norm of the weights into each unit (a column of a weight matrix), in every layer; longer ones
        are scaled to it after each step. Greater than 0.
    clip_norm : float, default=None
        Maximum Euclidean norm of the gradient of all weights and biases together, L2 penalty included; a longer one is
        scaled to it before each update, and the step of l1 with it. Greater than 0.
    clip_value : float, default=None
        Each element of the gradient, L2 penalty included, is clipped to ± this value, before `clip_norm`. Greater
        than 0.
    ema : float, default=None
        Decay d in [0, 1) of an exponential moving average of weights and biases, which is what is evaluated, and kept
        in the end: average ← d average + (1 − d) p after each step; it begins with the parameters after the first.

    Raises
    ------
    ValueError
        If a value is not allowed.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), "Dropout: a simple way to prevent neural
    networks from overfitting" (max-norm too); Pascanu, Mikolov and Bengio (2013), "On the difficulty of training
    recurrent neural networks" (clipping by norm); Polyak and Juditsky (1992), "Acceleration of stochastic approximation
    by averaging" (ema); Yun, Lozano and Yang (2021), "Adaptive proximal gradient methods for
    structured neural networks" (l1's step in the metric of the rule).

    Examples
    --------
    >>> Regularization(dropout=(0.5, 0.2), input_dropout=0.1).input_rates(hidden_layers=2)
    (0.1, 0.5, 0.2)
    >>> Regularization(input_dropout=1.5)  # doctest: +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
    ...
    ValueError: Regularization: input_dropout must be a number in [0, 1), or a schedule (see fastmlp.schedules), but
    1.5 was given.
    """

    l1: NotNegative = 0.0
    dropout: Annotated[float | Schedule | Sequence[float | Schedule], _OneOrEach()] = 0.0
    input_dropout: Annotated[float | Schedule, _RATE] = 0.0
    max_norm: Limit = None
    clip_norm: Limit = None
    clip_value: Limit = None
    ema: Annotated[float | None, _RateOrNone()] = None

    def _each_dropout(self) -> tuple[float | Schedule, ...]:
        return tuple(self.dropout) if isinstance(self.dropout, Sequence) else (self.dropout,)

    @property
    def drops(self) -> bool:
        """Whether there is dropout, so that random bits are needed."""
        return any((*self._each_dropout(), self.input_dropout))

    @property
    def scheduled(self) -> dict[str, Schedule]:
        """The rates that have a schedule, by name: 'input_dropout', and 'dropout' of each hidden layer."""
        rates = {"input_dropout": self.input_dropout}
        many = isinstance(self.dropout, Sequence)
        rates |= {f"dropout[{number}]" if many else "dropout": rate for number, rate in enumerate(self._each_dropout())}
        return {name: rate for name, rate in rates.items() if isinstance(rate, Schedule)}

    def input_rates(self, hidden_layers: int) -> tuple[float | Schedule, ...]:
        """Return the dropout rate of each layer's inputs: of X, then of each hidden layer's outputs.

        Parameters
        ----------
        hidden_layers : int
            Number of hidden layers.

        Returns
        -------
        rates : tuple of float

        Raises
        ------
        ValueError
            If there is another number of rates.
        """
        return (self.input_dropout, *one_per_layer("dropout", self.dropout, hidden_layers))

    def check_full_batch(self, solver: str) -> None:
        """Check that nothing is on, for solvers with all rows in each step, which minimize one smooth function.

        Parameters
        ----------
        solver : str
            Name of the solver, for the message.

        Raises
        ------
        ValueError
            If a parameter is not its default.

        Examples
        --------
        >>> Regularization().check_full_batch("lbfgs")
        >>> Regularization(l1=0.1, max_norm=3.0).check_full_batch("lbfgs")  # doctest: +NORMALIZE_WHITESPACE
        Traceback (most recent call last):
        ...
        ValueError: solver='lbfgs' minimizes one smooth function of all rows, and does not support l1=0.1, max_norm=3.0:
        omit them, or use a solver with mini-batches such as 'adam'. (alpha, the L2 penalty, works with both.)
        """
        asked = [f"{field.name}={getattr(self, field.name)!r}" for field in fields(self) if self._asks_for(field.name)]
        if asked:
            omit = "omit it" if len(asked) == 1 else "omit them"
            raise ValueError(
                f"solver={solver!r} minimizes one smooth function of all rows, and does not support "
                f"{', '.join(asked)}: {omit}, or use a solver with mini-batches such as 'adam'. (alpha, the L2 "
                "penalty, works with both.)"
            )

    def _asks_for(self, name: str) -> bool:
        return any(self._each_dropout()) if name == "dropout" else bool(getattr(self, name))
