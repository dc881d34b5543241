"""Losses of probabilities, for classes and labels: `LogLoss`, with or without label smoothing, and `Focal`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np

from ..activations import BaseActivation
from ..common.frozen_params import Decay, NotNegative, Range
from ..compiler.kernel import Kernel, KernelModule
from .base import ClassLoss
from .outputs import is_elementwise, is_probability, name_of

if TYPE_CHECKING:
    from ..kernels.losses import canonical as _sklearn_kernels
    from ..kernels.losses import classification as _kernels
else:
    _sklearn_kernels = KernelModule("losses.canonical")
    _kernels = KernelModule("losses.classification")


def logistic(z: np.ndarray) -> np.ndarray:
    """Compute 1 / (1 + exp(−z)), without overflow."""
    e = np.exp(-np.abs(z))
    p: np.ndarray = np.where(z > 0, 1, e) / (1 + e)
    return p


def log_softmax(z: np.ndarray) -> np.ndarray:
    """Compute the logarithm of each row's softmax."""
    z = z - z.max(axis=1, keepdims=True)
    log_p: np.ndarray = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return log_p


def one_hot(target: np.ndarray, n_classes: int) -> np.ndarray:
    """Return class numbers (n, 1) as rows of zeros and a one, (n, n_classes)."""
    hot: np.ndarray = (target == np.arange(n_classes)).astype(np.float64)
    return hot


def clipped(p: np.ndarray) -> np.ndarray:
    """Clip p to [ε, 1 − ε]."""
    epsilon = np.finfo(p.dtype).eps
    inside: np.ndarray = np.clip(p, epsilon, 1 - epsilon)
    return inside


@dataclass(frozen=True)
class _ClassWeights:
    """The rule of `Focal`'s alpha."""

    def __str__(self) -> str:
        return "None, a number in [0, 1], or a sequence of weights of at least 0"

    def allows(self, value: Any) -> bool:
        if isinstance(value, tuple):
            return all(Range(0).allows(weight) for weight in value)
        return value is None or Range(0, 1).allows(value)

    def convert(self, value: Any) -> Any:
        return value


class ProbabilityLoss(ClassLoss):
    """Base of losses of probabilities."""

    natural: ClassVar[dict[str, str]] = {"binary": "logistic", "multi-label": "logistic", "multi-class": "softmax"}

    def _check_output(self, output: str | BaseActivation, n_outputs: int) -> None:
        self._require_output(output, "in [0, 1] with a derivative", is_probability)


@dataclass(frozen=True)
class LogLoss(ProbabilityLoss):
    r"""Log loss (cross-entropy), the negative log-likelihood of the classes.

    .. math:: -\sum_j t_j \log a_j \quad\text{behind softmax,}\qquad
              -\sum_j \left( t_j \log a_j + (1 - t_j) \log(1 - a_j) \right) \quad\text{for labels,}

    t being 1 for what is true and 0 else; with label smoothing s, (1 − s) t + s / K behind softmax with K classes, and
    (1 − s) t + s / 2 for labels. Its delta behind softmax or logistic is a − t.

    Without smoothing probabilities are clipped to [ε, 1 − ε] before the logarithm, as scikit-learn does, so that the
    loss of a row is at most 16 (float32) or 36 (float64). With smoothing it is computed from pre-activations and
    not clipped, behind softmax and logistic; behind other activations probabilities are clipped, for loss and
    derivative.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        In [0, 1).

    References
    ----------
    Szegedy et al. (2016), "Rethinking the Inception architecture for computer vision", section 7 (smoothing).

    Examples
    --------
    >>> import numpy as np
    >>> loss = LogLoss(label_smoothing=0.1)
    >>> delta, _ = loss.fused_derivatives("softmax", np.zeros((1, 2)), np.array([[1]]))
    >>> delta.round(6)
    array([[ 0.45, -0.45]])
    """

    label_smoothing: Decay = 0.0
    name: ClassVar[str] = "log_loss"
    score: ClassVar[str | None] = "accuracy"
    unfused: ClassVar[Kernel] = _kernels.log_loss_of_outputs

    @property
    def fused(self) -> dict[str, Kernel]:  # type: ignore[override]
        if self.label_smoothing:
            return {"softmax": _kernels.smoothed_softmax, "logistic": _kernels.smoothed_logistic}
        return {"softmax": _sklearn_kernels.softmax_log_loss, "logistic": _sklearn_kernels.logistic_log_loss}

    def validation_metric(self, output: str | BaseActivation, task: str) -> str:
        return "neg_loss" if self.label_smoothing else super().validation_metric(output, task)

    def constants(self, output: str | BaseActivation, n_outputs: int) -> tuple[float, ...]:
        return () if self.is_fused(output) and not self.label_smoothing else (float(self.label_smoothing),)

    def _smoothed(self, target: np.ndarray) -> np.ndarray:
        return target * (1 - self.label_smoothing) + self.label_smoothing / 2

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p, t = clipped(a), self._smoothed(target)
        return (p - t) / (p * (1 - p)), t / p**2 + (1 - t) / (1 - p) ** 2

    def fused_derivatives(
        self, output: str | BaseActivation, z: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        if name_of(output) == "logistic":
            a = logistic(z)
            return a - self._smoothed(target), lambda r: a * (1 - a) * r
        a, s = np.exp(log_softmax(z)), self.label_smoothing
        t = one_hot(target, z.shape[1]) * (1 - s) + s / z.shape[1]
        return a - t, lambda r: a * (r - (a * r).sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Focal(ProbabilityLoss):
    r"""Focal loss: log loss with less weight on rows that are already classified well.

    .. math:: -\alpha (1 - p)^\gamma \log p

    p is the probability of what is true: behind softmax that of the row's class; else, for each output, a where the
    label is 1 and 1 − a where it is 0, summed over the outputs. γ = 0 is the log loss, without clipping.

    Parameters
    ----------
    gamma : float, default=2.0
        Not negative.
    alpha : float or sequence of float, optional
        Weights. For labels a number in [0, 1]: that of label 1, label 0 has 1 − alpha. Or a weight for each class:
        two for labels (0, then 1), as many as outputs behind softmax.

    References
    ----------
    Lin et al. (2017), "Focal loss for dense object detection".

    Examples
    --------
    >>> Focal(gamma=2.0, alpha=0.25)
    Focal(gamma=2.0, alpha=0.25)
    >>> Focal(alpha=[1, 2, 5]).alpha
    (1, 2, 5)
    """

    gamma: NotNegative = 2.0
    alpha: Annotated[float | tuple[float, ...] | None, _ClassWeights()] = None
    name: ClassVar[str] = "focal"
    fused: ClassVar[dict[str, Kernel]] = {"softmax": _kernels.focal_softmax, "logistic": _kernels.focal_logistic}
    unfused: ClassVar[Kernel] = _kernels.focal_of_outputs

    def __post_init__(self) -> None:
        if isinstance(self.alpha, (list, np.ndarray)):
            object.__setattr__(self, "alpha", tuple(self.alpha))

    def _weights(self, n_classes: int) -> tuple[float, ...]:
        if self.alpha is None:
            return (1.0,) * n_classes
        if isinstance(self.alpha, tuple):
            return tuple(map(float, self.alpha))
        return (1.0 - self.alpha, float(self.alpha))

    def constants(self, output: str | BaseActivation, n_outputs: int) -> tuple[float, ...]:
        return (float(self.gamma), *self._weights(2 if is_elementwise(output) else n_outputs))

    def _check_output(self, output: str | BaseActivation, n_outputs: int) -> None:
        super()._check_output(output, n_outputs)
        n_classes = 2 if is_elementwise(output) else n_outputs
        if self.alpha is not None and len(self._weights(n_classes)) != n_classes:
            raise ValueError(f"alpha={self.alpha!r} does not fit {n_classes} classes: give a weight for each, or None.")

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        c, positive = self.gamma, target > 0
        p = clipped(np.where(positive, a, 1 - a))
        q, ratio = 1 - p, np.log(p) / (1 - p)
        power = np.where(positive, *self._weights(2)[::-1]) * q**c
        first = power * (c * ratio - 1 / p)
        second = power * (c * (2 / p - (c - 1) * ratio) / q + 1 / p**2)
        return np.where(positive, first, -first), second

    def fused_derivatives(
        self, output: str | BaseActivation, z: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        return self._of_labels(z, target) if name_of(output) == "logistic" else self._of_classes(z, target)

    def _of_labels(self, z: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """With v = ± z: d loss / d v = α q^γ (γ p log p − q)."""
        c, sign = self.gamma, np.where(target > 0, 1.0, -1.0)
        p, q, log_p = logistic(sign * z), logistic(-sign * z), -np.logaddexp(0, -sign * z)
        power = np.where(target > 0, *self._weights(2)[::-1]) * np.exp(-c * np.logaddexp(0, sign * z))
        diagonal = power * (c * p * (2 * q + (q - c * p) * log_p) + p * q)
        return sign * power * (c * p * log_p - q), lambda r: diagonal * r

    def _of_classes(self, z: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """Use d loss / d log p = α q^γ (γ p log p / q − 1), times d log p / d zⱼ = [j = y] − aⱼ."""
        c, hot, log_a = self.gamma, one_hot(target, z.shape[1]), log_softmax(z)
        a = np.exp(log_a)
        p, q = (a * hot).sum(axis=1, keepdims=True), (a * (1 - hot)).sum(axis=1, keepdims=True)
        with np.errstate(divide="ignore"):
            log_p = np.where(p > 0.5, -np.log1p(q / p), (log_a * hot).sum(axis=1, keepdims=True))
        safe = np.maximum(q, np.finfo(np.float64).tiny)
        ratio, power = log_p / safe, np.take(self._weights(z.shape[1]), target.astype(np.intp)) * safe**c
        derivative, away = power * (c * p * ratio - 1), np.where(hot > 0, q, -a)
        second_derivative = power * c * p * (2 + ratio * (1 - c * p)) / safe  # with respect to log p

        def times(r: np.ndarray) -> np.ndarray:
            along = (away * r).sum(axis=1, keepdims=True)
            product: np.ndarray = second_derivative * along * away - derivative * a * (
                r - (a * r).sum(axis=1, keepdims=True)
            )
            return product

        return derivative * away, times
