"""`BaseLoss`: what every loss offers, and what an output activation must offer for a loss to go with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ..activations import ACTIVATIONS, BaseActivation
from ..common.frozen_params import Range, check_params
from ..compiler.kernel import Kernel

#: The kinds of task, as far as a loss is concerned; classes and labels are targets 0, 1, …
TASKS = ("binary", "multi-label", "multi-class", "regression")

#: Ranges that losses ask of outputs.
UNIT, POSITIVE = Range(0, 1), Range(0, brackets="()")


def name_of(output: str | BaseActivation) -> str:
    """Return an activation's name."""
    return output if isinstance(output, str) else output.name


def is_elementwise(output: str | BaseActivation) -> bool:
    """Return whether each output depends on its own pre-activation alone, as everywhere but behind softmax."""
    known = ACTIVATIONS.get(output) if isinstance(output, str) else output
    return known is None or known.is_elementwise


def range_of(output: str | BaseActivation) -> Range | None:
    """Return where the outputs lie, or None where that is not known, as of a user's own activation."""
    known = ACTIVATIONS.get(output) if isinstance(output, str) else output
    return None if known is None else known.output_range


def is_probability(output: str | BaseActivation) -> bool:
    """Return whether outputs are known to be probabilities: in [0, 1], with a derivative."""
    known = ACTIVATIONS.get(output) if isinstance(output, str) else output
    if known is None or known.output_range is None:
        return False
    return UNIT.contains(known.output_range) and known.is_differentiable


def is_positive(output: str | BaseActivation) -> bool:
    """Return whether outputs are known to be greater than 0."""
    output_range = range_of(output)
    return output_range is not None and POSITIVE.contains(output_range)


def has_both_signs(output: str | BaseActivation) -> bool:
    """Return whether outputs are known to be negative for some rows and positive for others."""
    output_range = range_of(output)
    return output_range is not None and output_range.low < 0 < output_range.high


class BaseLoss:
    """What training makes small: a number for each row, whose weighted mean over the rows is the loss.

    A loss is immutable, equal to others with the same numbers, and can be pickled and cloned. In its methods `output`
    is the activation of the output layer, or its name; outputs a are (n, n_outputs), targets (n, n_targets).

    Attributes
    ----------
    name : str
        What users say.
    natural : dict of str to str
        For each kind of task that it serves ('binary', 'multi-label', 'multi-class', 'regression'): the output
        activation that it goes with by nature.
    fused : dict of str to Unit
        For some output activations, by name: the kernel from pre-activations to outputs, losses and delta.
    of_outputs : Kernel
        The kernel behind every other activation: from outputs and f′ to losses and delta.
    """

    name: ClassVar[str]
    natural: ClassVar[dict[str, str]]
    fused: ClassVar[dict[str, Kernel]] = {}
    unfused: ClassVar[Kernel]
    #: 'accuracy' or 'r2', where scikit-learn has the loss and its early stopping goes by that score.
    score: ClassVar[str | None] = None

    # What the network asks.

    def is_fused(self, output: str | BaseActivation) -> bool:
        """Whether its kernel begins with pre-activations, and does the output activation's work too."""
        return name_of(output) in self.fused

    def kernel(self, output: str | BaseActivation) -> Kernel:
        """The kernel for this output activation."""
        return self.fused.get(name_of(output)) or self.unfused

    def judging_unit(self, output: str | BaseActivation) -> Kernel:
        """The kernel for rows that are not trained on, whose deltas nobody reads: the loss of what `arrange` gives."""
        return self.kernel(output)

    def arrange(self, outputs: np.ndarray) -> np.ndarray:
        """What the network predicts, from its outputs (n, n_outputs): these themselves, if the loss wants no more."""
        return outputs

    def constants(self, output: str | BaseActivation, n_outputs: int) -> tuple[float, ...]:
        """The loss's own numbers, as its kernel for this output activation reads them."""
        return ()

    def n_targets(self, output: str | BaseActivation, n_outputs: int) -> int:
        """Columns of the targets: one for each output, or one that holds the number of the class."""
        return n_outputs

    # What the estimators ask.

    def validation_metric(self, output: str | BaseActivation, task: str) -> str:
        """What early stopping judges by: `score` as in scikit-learn, where it has this loss and output, or 'neg_loss'.

        Examples
        --------
        >>> from fastmlp.losses import LOSSES
        >>> LOSSES["squared_error"].validation_metric("identity", "regression")
        'r2'
        >>> LOSSES["huber"].validation_metric("identity", "regression")
        'neg_loss'
        """
        as_in_scikit_learn = self.score is not None and name_of(output) == self.natural.get(task)
        return self.score if self.score is not None and as_in_scikit_learn else "neg_loss"

    @property
    def kinds(self) -> tuple[str, ...]:
        """'classifier', 'regressor' or both: whose losses it is one of."""
        kinds = ("classifier", "binary"), ("regressor", "regression")
        return tuple(kind for kind, task in kinds if task in self.natural)

    def default_output_activation(self, task: str) -> str:
        """The name of the output activation that goes with this loss in this kind of task, one of `TASKS`.

        Raises
        ------
        ValueError
            If the loss does not serve such tasks.
        """
        if task not in self.natural:
            tasks = ", ".join(self.natural)
            raise ValueError(f"loss={self.name!r} does not serve {task} targets, but {tasks}: choose another loss.")
        return self.natural[task]

    def n_outputs(self, task: str, width: int) -> int:
        """How many outputs a network needs for so many classes ('multi-class'), or columns of targets (else)."""
        return width

    def check(self, output: str | BaseActivation, n_outputs: int, y: np.ndarray | None = None) -> None:
        """Make sure that loss, output activation and targets fit together.

        Parameters
        ----------
        output : str or BaseActivation
        n_outputs : int
        y : ndarray of shape (n, n_targets), optional
            Targets as the kernels read them: classes as numbers 0, 1, …

        Raises
        ------
        ValueError
            If they do not, with a message that says what does.
        """
        self._check_numbers()
        self._check_output(output, n_outputs)
        if y is None:
            return
        expected = self.n_targets(output, n_outputs)
        if y.ndim != 2 or y.shape[1] != expected:
            raise ValueError(self._wrong_width(y, output, n_outputs, expected))
        if not np.isfinite(y).all():
            raise ValueError("y holds NaN or infinity: targets must be finite numbers.")
        self._check_targets(y, output, n_outputs)

    def _check_numbers(self) -> None:
        """Refuse parameters that the types of its fields do not allow."""
        check_params(self)

    def _check_output(self, output: str | BaseActivation, n_outputs: int) -> None:
        """Refuse the output activation."""

    def _check_targets(self, y: np.ndarray, output: str | BaseActivation, n_outputs: int) -> None:
        """Refuse targets, finite and of the right width."""

    def _wrong_width(self, y: np.ndarray, output: str | BaseActivation, n_outputs: int, expected: int) -> str:
        what = "the number of the class" if expected == 1 < n_outputs else "a target for each output"
        return (
            f"y has shape {y.shape}, but loss={self.name!r} with {n_outputs} outputs behind {name_of(output)!r} reads "
            f"{expected} column{'s' if expected > 1 else ''}, {what}: give y that shape, or another number of outputs."
        )

    def _require_output(
        self, output: str | BaseActivation, needs: str, gives: Callable[[str | BaseActivation], bool]
    ) -> None:
        """Refuse an output activation that is known not to give what the loss needs."""
        if gives(output) or range_of(output) is None:
            return
        names = ", ".join(repr(name) for name in sorted(filter(gives, ACTIVATIONS)))
        raise ValueError(
            f"loss={self.name!r} needs outputs {needs}, which the output activation {name_of(output)!r} does not give: "
            f"use one of {names}, or another loss."
        )

    # Derivatives in NumPy, for what needs second ones.

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and second derivatives of each row's loss with respect to its outputs, without weights.

        Parameters
        ----------
        a : ndarray of shape (n, n_outputs)
        target : ndarray of shape (n, n_targets)

        Returns
        -------
        g : ndarray of shape (n, n_outputs)
            d loss / d a; 0 where the loss has a corner, but for hinge and perceptron.
        h : ndarray of shape (n, n_outputs), or (n, n_outputs, n_outputs)
            d² loss / d a²: its diagonal where everything else is zero, else the matrix. See `second_derivative_times`.
        """
        raise NotImplementedError  # pragma: no cover

    def fused_derivatives(
        self, output: str | BaseActivation, z: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """The same with respect to pre-activations, where `is_fused`: exact also where outputs have saturated.

        Parameters
        ----------
        output : str or BaseActivation
        z : ndarray of shape (n, n_outputs)
        target : ndarray of shape (n, n_targets)

        Returns
        -------
        delta : ndarray of shape (n, n_outputs)
            d loss / d z.
        times : callable
            r (n, n_outputs) ↦ (d² loss / d z²) r, of the same shape.
        """
        raise NotImplementedError  # pragma: no cover


class ClassLoss(BaseLoss):
    """What losses of classes share: targets are class numbers where outputs compete, else zeros and ones."""

    def _reads_classes(self, output: str | BaseActivation, n_outputs: int) -> bool:
        """Whether a row's target is the number of its class."""
        return not is_elementwise(output)

    def n_targets(self, output: str | BaseActivation, n_outputs: int) -> int:
        return 1 if self._reads_classes(output, n_outputs) else n_outputs

    def _check_targets(self, y: np.ndarray, output: str | BaseActivation, n_outputs: int) -> None:
        classes = self._reads_classes(output, n_outputs)
        highest = n_outputs - 1 if classes else 1
        if not np.all((y >= 0) & (y <= highest) & (y == np.floor(y))):
            what = f"class numbers 0 … {highest}" if classes else "labels 0 or 1"
            raise ValueError(
                f"loss={self.name!r} with {n_outputs} outputs behind {name_of(output)!r} reads {what}, but y holds "
                f"values from {y.min()} to {y.max()}, or fractions: encode y so."
            )


class DifferenceLoss(BaseLoss):
    """Base of losses of the difference a − y: behind any output activation, by default none."""

    natural: ClassVar[dict[str, str]] = {"regression": "identity"}


def second_derivative_times(h: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Row by row h r, for h as `BaseLoss.output_derivatives` gives it and r (n, n_outputs).

    Examples
    --------
    >>> import numpy as np
    >>> second_derivative_times(np.array([[2.0, 3.0]]), np.array([[1.0, 2.0]]))
    array([[2., 6.]])
    >>> second_derivative_times(np.array([[[2.0, 1.0], [1.0, 3.0]]]), np.array([[1.0, 2.0]]))
    array([[4., 7.]])
    """
    return h * r if h.ndim == 2 else np.einsum("nij,nj->ni", h, r)
