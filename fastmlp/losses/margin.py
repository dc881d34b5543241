"""Losses of the margin between the right class and the others: `Hinge`, `SquaredHinge`, `Perceptron`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..activations import BaseActivation
from ..compiler.kernel import Kernel, KernelModule
from .base import ClassLoss
from .outputs import has_both_signs, name_of

if TYPE_CHECKING:
    from ..kernels.losses import margin as _kernels
else:
    _kernels = KernelModule("losses.margin")


class MarginLoss(ClassLoss):
    """Base of losses of margins: one label a row, and outputs of both signs."""

    natural: ClassVar[dict[str, str]] = {"binary": "identity", "multi-class": "identity"}
    unfused: ClassVar[Kernel] = _kernels.margin
    margin: ClassVar[float] = 1.0
    squared: ClassVar[bool] = False

    def _reads_classes(self, output: str | BaseActivation, n_outputs: int) -> bool:
        return n_outputs > 1

    def constants(self, output: str | BaseActivation, n_outputs: int) -> tuple[float, ...]:
        return (self.margin, float(self.squared))

    def default_output_activation(self, task: str) -> str:
        if task == "multi-label":
            raise ValueError(
                f"loss={self.as_written()} takes one class a row, not several labels: use loss='log_loss' or 'focal', "
                "or fit a model for each label."
            )
        return super().default_output_activation(task)

    def _check_output(self, output: str | BaseActivation, n_outputs: int) -> None:
        self._require_output(output, "of both signs", has_both_signs)

    def _wrong_width(self, y: np.ndarray, output: str | BaseActivation, n_outputs: int, expected: int) -> str:
        return (
            f"loss={self.as_written()} takes one class a row, y (n, 1), but y has shape {y.shape}: for several labels "
            "use loss='log_loss' or 'focal', or fit a model for each label."
        )

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = np.arange(len(a))
        if a.shape[1] == 1:
            sign = np.where(target > 0, 1.0, -1.0)
            derivative, second_derivative = self._derivatives(self.margin - sign * a)
            return -sign * derivative, second_derivative
        own = target[:, 0].astype(np.intp)
        others = a.astype(np.float64)
        others[rows, own] = -np.inf
        rival = others.argmax(axis=1)
        derivative, second_derivative = self._derivatives(self.margin + a[rows, rival] - a[rows, own])
        direction = np.zeros(a.shape)
        direction[rows, rival], direction[rows, own] = 1.0, -1.0
        return direction * derivative[:, None], np.einsum("n,ni,nj->nij", second_derivative, direction, direction)

    def _derivatives(self, violation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and second derivative with respect to the violation."""
        missed = (violation >= 0) * 1.0
        return (2 * violation * missed, 2 * missed) if self.squared else (missed, 0 * missed)


@dataclass(frozen=True)
class Hinge(MarginLoss):
    r"""Hinge loss, as in support vector machines: zero for rows that are right by a margin of 1.

    .. math:: \max(0, 1 - y a) \quad\text{for two classes, } y = \pm 1,\qquad
              \max(0, 1 + \max_{j \ne y} a_j - a_y) \quad\text{for several}

    For several classes it is Crammer and Singer's, as `sklearn.metrics.hinge_loss` reports it: the class counts against
    its strongest rival alone. At the corner the derivative is that of a row that misses the margin, as in scikit-learn.

    References
    ----------
    Cortes and Vapnik (1995), "Support-vector networks". Crammer and Singer (2001), "On the algorithmic implementation
    of multiclass kernel-based vector machines".

    Examples
    --------
    >>> import numpy as np
    >>> g, h = Hinge().output_derivatives(np.array([[0.5], [2.0]]), np.array([[1], [1]]))
    >>> g.ravel() + 0.0
    array([-1.,  0.])
    """

    name: ClassVar[str] = "hinge"


@dataclass(frozen=True)
class SquaredHinge(MarginLoss):
    r"""The square of the hinge loss: differentiable where the margin is just reached.

    .. math:: \max(0, 1 - y a)^2 \quad\text{for two classes, } y = \pm 1,\qquad
              \max(0, 1 + \max_{j \ne y} a_j - a_y)^2 \quad\text{for several}

    References
    ----------
    Crammer and Singer (2001), see `Hinge`; Tang (2013), "Deep learning using linear support vector machines".

    Examples
    --------
    >>> import numpy as np
    >>> g, h = SquaredHinge().output_derivatives(np.array([[0.5], [2.0]]), np.array([[1], [1]]))
    >>> g.ravel() + 0.0, h.ravel()
    (array([-1.,  0.]), array([2., 0.]))
    """

    name: ClassVar[str] = "squared_hinge"
    squared: ClassVar[bool] = True


@dataclass(frozen=True)
class Perceptron(MarginLoss):
    r"""The perceptron criterion: zero for rows that are right, by any margin.

    .. math:: \max(0, -y a) \quad\text{for two classes, } y = \pm 1,\qquad
              \max(0, \max_{j \ne y} a_j - a_y) \quad\text{for several}

    A row on the border counts as wrong, so that training can begin with weights of zero. Behind the output activation
    'step' every output is a perceptron with a label of its own: the loss is |a − y|, 1 for a mistake, and delta is
    a − y, which makes gradient descent Rosenblatt's rule, w ← w + η (y − a) x.

    References
    ----------
    Rosenblatt (1958), "The perceptron". Collins (2002), "Discriminative training methods for hidden Markov models",
    for several classes.

    Examples
    --------
    >>> import numpy as np
    >>> g, h = Perceptron().output_derivatives(np.array([[0.5, 2.0, -1.0]]), np.array([[0]]))
    >>> g + 0.0
    array([[-1.,  1.,  0.]])
    """

    name: ClassVar[str] = "perceptron"
    margin: ClassVar[float] = 0.0

    def _reads_classes(self, output: str | BaseActivation, n_outputs: int) -> bool:
        return n_outputs > 1 and name_of(output) != "step"

    def kernel(self, output: str | BaseActivation) -> Kernel:
        return _kernels.perceptron_rule if name_of(output) == "step" else _kernels.margin

    def _check_output(self, output: str | BaseActivation, n_outputs: int) -> None:
        if name_of(output) != "step":
            super()._check_output(output, n_outputs)
