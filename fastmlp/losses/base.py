"""`BaseLoss`: what every loss offers, and what an output activation must offer for a loss to go with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, ClassVar, Self

import numpy as np

from ..activations import ACTIVATIONS, BaseActivation, as_written
from ..common.checks import counted
from ..common.frozen_params import check_defines, check_params
from ..compiler.kernel import Kernel
from .outputs import is_elementwise, is_probability, name_of, range_of

#: The kinds of task, as far as a loss is concerned; classes and labels are targets 0, 1, …
TASKS = ("binary", "multi-label", "multi-class", "regression")


class _OutputError(ValueError):
    """The output activation has another range than the loss needs; `gives` tells which activations fit."""

    def __init__(self, message: str, gives: Callable[[str | BaseActivation], bool]) -> None:
        super().__init__(message)
        self.gives = gives


class BaseLoss:
    """Base of all losses: a number for each row, whose weighted mean over the rows is what training minimizes.

    A loss is immutable, equal to others with the same numbers, and can be pickled and cloned. In its methods `output`
    is the activation of the output layer, or its name; outputs a are (n, n_outputs), targets (n, n_targets).

    Attributes
    ----------
    name : str
        As users write it.
    natural : dict of str to str
        For each task that it is for ('binary', 'multi-label', 'multi-class', 'regression'): the default output
        activation.
    fused : dict of str to Kernel
        For some output activations, by name: the kernel from pre-activations to outputs, losses and delta.
    unfused : Kernel
        The kernel for every other output activation: from outputs and f′ to losses and delta.
    """

    name: ClassVar[str]
    natural: ClassVar[dict[str, str]]
    fused: ClassVar[dict[str, Kernel]] = {}
    unfused: ClassVar[Kernel]
    #: 'accuracy' or 'r2', where scikit-learn has the loss and its early stopping goes by that score.
    score: ClassVar[str | None] = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        check_defines(cls, BaseLoss, ("name", "natural"), "a loss such as Huber() or Loss(value, derivative)")
        return super().__new__(cls)

    def as_written(self) -> str:
        """Return the code that stands for the loss: its name in quotes, or what makes an object with other numbers.

        Examples
        --------
        >>> from fastmlp.losses import Huber
        >>> Huber().as_written(), Huber(delta=2.0).as_written()
        ("'huber'", 'Huber(delta=2.0)')
        """
        kind: Any = type(self)
        if not kind.__module__.startswith(__package__):  # a user's class, whatever its name is
            return repr(self)
        usual = all(getattr(self, field.name) == field.default for field in fields(kind) if field.init)
        return repr(self.name) if usual else repr(self)

    # Called by the network.

    def is_fused(self, output: str | BaseActivation) -> bool:
        """Return whether its kernel starts from pre-activations, and includes the output activation."""
        return name_of(output) in self.fused

    def kernel(self, output: str | BaseActivation) -> Kernel:
        """Return the kernel for this output activation."""
        return self.fused.get(name_of(output)) or self.unfused

    def evaluation_kernel(self, output: str | BaseActivation) -> Kernel:
        """Return the kernel for rows that are only evaluated: the loss of what `arrange` returns."""
        return self.kernel(output)

    def arrange(self, outputs: np.ndarray) -> np.ndarray:
        """Return predictions from outputs (n, n_outputs): the outputs, unless the loss rearranges them."""
        return outputs

    def constants(self, output: str | BaseActivation, n_outputs: int) -> tuple[float, ...]:
        """Return the loss's own numbers, as its kernel for this output activation reads them."""
        return ()

    def n_targets(self, output: str | BaseActivation, n_outputs: int) -> int:
        """Return the columns of the targets: one for each output, or one that holds the number of the class."""
        return n_outputs

    # Called by the estimators.

    def validation_metric(self, output: str | BaseActivation, task: str) -> str:
        """Return what early stopping monitors: `score`, where scikit-learn has this loss and output, or 'neg_loss'.

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
        """The estimators that it is a loss of: 'classifier', 'regressor' or both."""
        kinds = ("classifier", "binary"), ("regressor", "regression")
        return tuple(kind for kind, task in kinds if task in self.natural)

    def default_output_activation(self, task: str) -> str:
        """Return the name of the default output activation for this task, one of `TASKS`.

        Raises
        ------
        ValueError
            If the loss is not for this task.
        """
        if task not in self.natural:
            tasks = ", ".join(self.natural)
            raise ValueError(
                f"loss={self.as_written()} is not for {task} targets, but for {tasks}: choose another loss."
            )
        return self.natural[task]

    def n_outputs(self, task: str, width: int) -> int:
        """Return the number of outputs for this many classes ('multi-class'), or columns of targets (else)."""
        return width

    def suits(self, output: str | BaseActivation, task: str, n_outputs: int) -> bool:
        """Return whether outputs of this activation mean what the task needs, whatever else the loss asks of them.

        Several labels per row are not for outputs that sum to one, nor are several classes for probabilities apart.
        """
        couples = not is_elementwise(output)
        apart = is_probability(output) and not couples
        if task == "multi-label":
            return not couples
        return not (task == "multi-class" and apart and self.n_targets(output, n_outputs) > 1)

    def check(
        self, output: str | BaseActivation, n_outputs: int, y: np.ndarray | None = None, task: str | None = None
    ) -> None:
        """Check that loss, output activation and targets are compatible.

        Parameters
        ----------
        output : str or BaseActivation
        n_outputs : int
        y : ndarray of shape (n, n_targets), optional
            Targets as the kernels read them: classes as numbers 0, 1, …
        task : str, optional
            One of `TASKS`: the message then proposes what suits it.

        Raises
        ------
        ValueError
            If they are not; the message says what is.
        """
        self._check_numbers()
        try:
            self._check_output(output, n_outputs)
        except _OutputError as error:
            fitting = (name for name in ACTIVATIONS if error.gives(name))
            names = sorted(name for name in fitting if task is None or self.suits(name, task, n_outputs))
            several = "one of " if len(names) > 1 else ""
            raise ValueError(f"{error}: use {several}{', '.join(map(repr, names))}, or another loss.") from None
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
            f"y has shape {y.shape}, but loss={self.as_written()} with {counted(n_outputs, 'output')} behind "
            f"{as_written(output)} reads {counted(expected, 'column')}, {what}: give y that shape, or another number "
            "of outputs."
        )

    def _require_output(
        self, output: str | BaseActivation, needs: str, gives: Callable[[str | BaseActivation], bool]
    ) -> None:
        """Refuse an output activation that is known not to give what the loss needs; `check` adds what does."""
        if gives(output) or range_of(output) is None:
            return
        raise _OutputError(
            f"loss={self.as_written()} needs outputs {needs}, which the output activation {as_written(output)} does "
            "not give",
            gives,
        )

    # Derivatives in NumPy, for solvers of second order.

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute first and second derivatives of each row's loss with respect to its outputs, without weights.

        Parameters
        ----------
        a : ndarray of shape (n, n_outputs)
        target : ndarray of shape (n, n_targets)

        Returns
        -------
        g : ndarray of shape (n, n_outputs)
            d loss / d a; 0 at a corner of the loss, except for hinge and perceptron.
        h : ndarray of shape (n, n_outputs), or (n, n_outputs, n_outputs)
            d² loss / d a²: its diagonal where everything else is zero, else the matrix. See `second_derivative_times`.
        """
        raise NotImplementedError  # pragma: no cover

    def fused_derivatives(
        self, output: str | BaseActivation, z: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """Compute the same with respect to pre-activations, where `is_fused`: exact for saturated outputs too.

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
    """Base of losses of classes: targets are class numbers where each row has one class, else zeros and ones."""

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
                f"loss={self.as_written()} with {counted(n_outputs, 'output')} behind {as_written(output)} reads "
                f"{what}, but y holds values from {y.min()} to {y.max()}, or fractions: encode y so."
            )


class DifferenceLoss(BaseLoss):
    """Base of losses of the difference a − y: behind any output activation, by default none."""

    natural: ClassVar[dict[str, str]] = {"regression": "identity"}


def second_derivative_times(h: np.ndarray, r: np.ndarray) -> np.ndarray:
    """Compute h r row by row, for h as `BaseLoss.output_derivatives` gives it and r (n, n_outputs).

    Examples
    --------
    >>> import numpy as np
    >>> second_derivative_times(np.array([[2.0, 3.0]]), np.array([[1.0, 2.0]]))
    array([[2., 6.]])
    >>> second_derivative_times(np.array([[[2.0, 1.0], [1.0, 3.0]]]), np.array([[1.0, 2.0]]))
    array([[4., 7.]])
    """
    product: np.ndarray = h * r if h.ndim == 2 else np.einsum("nij,nj->ni", h, r)
    return product
