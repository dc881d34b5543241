"""What training does against overfitting and against steps too long, beside the L2 penalty: settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any


@dataclass(frozen=True)
class Regularisation:
    """Penalty, dropout, max-norm and clipping; nothing of it unless asked for.

    With the L2 penalty α, which every training has, a batch's loss is
    (Σ wᵢ lossᵢ + α / 2 Σ p² + l1 Σ \\|p\\|) / Σ wᵢ, over its rows i of weight wᵢ and all weights p but the biases.

    Parameters
    ----------
    l1 : float, default=0.0
        Weight of Σ \\|p\\|, at least 0. The slope of \\|p\\| at 0 counts as 0. Weights that nothing needs come within a
        step of zero; exactly zero they become by chance alone.
    dropout : float or sequence of float, default=0.0
        Probability p in [0, 1) with which an output of a hidden layer is left out for one row of one step; what is kept
        counts 1 / (1 − p) times. One for all hidden layers, or one for each. Predictions leave out nothing.
    input_dropout : float, default=0.0
        The same of the inputs.
    max_norm : float, optional
        After each step, what comes into a unit (a column of a weight matrix, in every layer) is scaled to this
        Euclidean norm if it is longer. Greater than 0.
    clip_norm : float, optional
        Before each update, the gradient of all weights and biases together, penalties included, is scaled to this
        Euclidean norm if it is longer. Greater than 0.
    clip_value : float, optional
        Each element of the gradient, penalties included, is clipped to ± this. Greater than 0. It comes before
        `clip_norm`.

    Raises
    ------
    ValueError
        If a number is not what it may be.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), "Dropout: a simple way to prevent neural
    networks from overfitting" (max-norm too); Pascanu, Mikolov and Bengio (2013), "On the difficulty of training
    recurrent neural networks" (clipping by norm).

    Examples
    --------
    >>> Regularisation(dropout=(0.5, 0.2), input_dropout=0.1).input_rates(hidden_layers=2)
    (0.1, 0.5, 0.2)
    >>> Regularisation(dropout=1.5)
    Traceback (most recent call last):
    ...
    ValueError: dropout=1.5, but a rate of dropout is a number of at least 0 and below 1.
    """

    l1: float = 0.0
    dropout: float | Sequence[float] = 0.0
    input_dropout: float = 0.0
    max_norm: float | None = None
    clip_norm: float | None = None
    clip_value: float | None = None

    def __post_init__(self) -> None:
        if not (_is_number(self.l1) and 0 <= self.l1 < math.inf):
            raise ValueError(f"l1={self.l1!r}, but the weight of a penalty is a finite number of at least 0.")
        dropout = self.dropout
        if isinstance(dropout, Sequence) and not isinstance(dropout, str):
            object.__setattr__(self, "dropout", tuple(dropout))  # so that it can be hashed
        for name, rates in (("dropout", self._each_dropout()), ("input_dropout", (self.input_dropout,))):
            if not all(_is_number(rate) and 0 <= rate < 1 for rate in rates):
                given = getattr(self, name)
                raise ValueError(f"{name}={given!r}, but a rate of dropout is a number of at least 0 and below 1.")
        for name in ("max_norm", "clip_norm", "clip_value"):
            limit = getattr(self, name)
            if limit is not None and not (_is_number(limit) and 0 < limit < math.inf):
                raise ValueError(f"{name}={limit!r}, but a limit is a finite number greater than 0; None sets none.")

    def _each_dropout(self) -> tuple:
        return self.dropout if isinstance(self.dropout, tuple) else (self.dropout,)

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
        rates = self._each_dropout()
        if not isinstance(self.dropout, tuple):
            rates *= hidden_layers
        if len(rates) != hidden_layers:
            raise ValueError(
                f"dropout={self.dropout!r} has {len(rates)} rates, but there are {hidden_layers} hidden layers: give "
                "one number for all of them, or one for each."
            )
        return (self.input_dropout, *rates)

    def check_full_batch(self, solver: str) -> None:
        """Whether a solver on the whole gradient can do without: it descends one smooth function of all rows.

        Raises
        ------
        ValueError
            If anything is asked for.

        Examples
        --------
        >>> Regularisation().check_full_batch("lbfgs")
        >>> Regularisation(l1=0.1, max_norm=3.0).check_full_batch("lbfgs")  # doctest: +NORMALIZE_WHITESPACE
        Traceback (most recent call last):
        ...
        ValueError: solver='lbfgs' descends one smooth function of all rows, and cannot take l1=0.1, max_norm=3.0: leave
        them out, or take a solver that goes batch by batch, such as 'adam'. (alpha, the L2 penalty, goes with both.)
        """
        asked = [f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__ if self._asks_for(name)]
        if asked:
            raise ValueError(
                f"solver={solver!r} descends one smooth function of all rows, and cannot take {', '.join(asked)}: "
                "leave them out, or take a solver that goes batch by batch, such as 'adam'. (alpha, the L2 penalty, "
                "goes with both.)"
            )

    def _asks_for(self, name: str) -> bool:
        return any(self._each_dropout()) if name == "dropout" else bool(getattr(self, name))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
