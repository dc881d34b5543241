"""Losses of the difference between output and target: squares, absolute values, what lies between, and quantiles."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..activations import Activation
from ..compiler.kernel import Kernel, KernelModule
from .base import BaseLoss, is_number

if TYPE_CHECKING:
    from ..kernels.losses import canonical as _sklearn_kernels
    from ..kernels.losses import regression as _kernels
else:
    _sklearn_kernels = KernelModule("losses.canonical")
    _kernels = KernelModule("losses.regression")


class DifferenceLoss(BaseLoss):
    """What losses of a difference share: any output activation, and by nature none."""

    natural: ClassVar[dict[str, str]] = {"regression": "identity"}


class SquareLoss(DifferenceLoss):
    """What squares share: loss = s Σ (a − y)², delta that of s′ Σ (a − y)² / 2."""

    fused: ClassVar[dict[str, Kernel]] = {"identity": _kernels.squares}
    unfused: ClassVar[Kernel] = _kernels.squares_of_outputs
    scale: ClassVar[float] = 0.5
    delta_scale: ClassVar[float] = 1.0

    def constants(self, output: str | Activation, n_outputs: int) -> tuple[float, ...]:
        return (self.scale, self.delta_scale)

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.delta_scale * (a - target), np.full(a.shape, self.delta_scale)

    def fused_derivatives(
        self, output: str | Activation, z: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        return self.delta_scale * (z - target), lambda r: self.delta_scale * r


@dataclass(frozen=True)
class SquaredError(SquareLoss):
    r"""Squared error with scikit-learn's habit: it reports the mean over the outputs, and descends their sum.

    .. math:: \text{reported } \frac{1}{2K} \sum_{j=1}^K (a_j - y_j)^2,\qquad
              \text{descended } \frac12 \sum_{j=1}^K (a_j - y_j)^2

    With one output the two are the same, and the same as `HalfSquaredError`.

    Examples
    --------
    >>> SquaredError() == SquaredError()
    True
    """

    name: ClassVar[str] = "squared_error"
    score: ClassVar[str | None] = "r2"
    fused: ClassVar[dict[str, Kernel]] = {"identity": _sklearn_kernels.squared_error}

    def constants(self, output: str | Activation, n_outputs: int) -> tuple[float, ...]:
        return () if self.is_fused(output) else (self.scale / n_outputs, self.delta_scale)


class SquaredErrorByHand(SquaredError):
    """`SquaredError` behind an output activation that was set by hand in `out_activation_`.

    As in scikit-learn, whose backward pass knows of none: delta is a − y, without the activation's derivative.
    """

    unfused: ClassVar[Kernel] = _sklearn_kernels.squared_error

    def constants(self, output: str | Activation, n_outputs: int) -> tuple[float, ...]:
        return ()


@dataclass(frozen=True)
class HalfSquaredError(SquareLoss):
    r"""Half the squared error, summed over the outputs: the loss of the lectures, whose delta is a − y.

    .. math:: \frac12 \sum_j (a_j - y_j)^2

    Examples
    --------
    >>> import numpy as np
    >>> g, h = HalfSquaredError().output_derivatives(np.array([[3.0]]), np.array([[1.0]]))
    >>> g, h
    (array([[2.]]), array([[1.]]))
    """

    name: ClassVar[str] = "half_squared_error"


@dataclass(frozen=True)
class SumSquaredError(SquareLoss):
    r"""The squared error, summed over the outputs.

    .. math:: \sum_j (a_j - y_j)^2

    Examples
    --------
    >>> import numpy as np
    >>> g, h = SumSquaredError().output_derivatives(np.array([[3.0]]), np.array([[1.0]]))
    >>> g, h
    (array([[4.]]), array([[2.]]))
    """

    name: ClassVar[str] = "sum_squared_error"
    scale: ClassVar[float] = 1.0
    delta_scale: ClassVar[float] = 2.0


@dataclass(frozen=True)
class AbsoluteError(DifferenceLoss):
    r"""The absolute error, summed over the outputs, whose best constant is the median.

    .. math:: \sum_j |a_j - y_j|

    Where a = y the slope is 0.

    Examples
    --------
    >>> import numpy as np
    >>> g, h = AbsoluteError().output_derivatives(np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]]))
    >>> g, h
    (array([[1., 0.]]), array([[0., 0.]]))
    """

    name: ClassVar[str] = "absolute_error"
    unfused: ClassVar[Kernel] = _kernels.absolute

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.sign(a - target), np.zeros(a.shape)


@dataclass(frozen=True)
class Huber(DifferenceLoss):
    r"""Huber's loss, summed over the outputs: half the square near the target, linear far from it.

    .. math:: \sum_j \begin{cases} \frac12 r_j^2 & |r_j| \le \delta \\
              \delta \left( |r_j| - \frac12 \delta \right) & \text{else} \end{cases}
              \qquad r_j = a_j - y_j

    Parameters
    ----------
    delta : float, default=1.0
        Where the one becomes the other, in the unit of y; greater than 0.

    References
    ----------
    Huber (1964), "Robust estimation of a location parameter".

    Examples
    --------
    >>> import numpy as np
    >>> g, h = Huber(delta=2.0).output_derivatives(np.array([[9.0, 1.5]]), np.array([[1.0, 1.0]]))
    >>> g, h
    (array([[2. , 0.5]]), array([[0., 1.]]))
    """

    delta: float = 1.0
    name: ClassVar[str] = "huber"
    unfused: ClassVar[Kernel] = _kernels.huber

    def constants(self, output: str | Activation, n_outputs: int) -> tuple[float, ...]:
        return (float(self.delta),)

    def _check_numbers(self) -> None:
        if not is_number(self.delta, low=0):
            raise ValueError(f"delta must be a number > 0, got {self.delta!r}.")

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r = a - target
        return np.clip(r, -self.delta, self.delta), (np.abs(r) <= self.delta) * 1.0


@dataclass(frozen=True)
class LogCosh(DifferenceLoss):
    r"""The logarithm of the hyperbolic cosine, summed over the outputs: a smooth Huber loss.

    .. math:: \sum_j \ln \cosh(a_j - y_j)

    About half the square near the target, and |a − y| − ln 2 far from it, which is how it never overflows.

    References
    ----------
    Chen et al. (2018), "Log hyperbolic cosine loss improves variational auto-encoder".

    Examples
    --------
    >>> import numpy as np
    >>> g, h = LogCosh().output_derivatives(np.array([[1000.0, 1.0]]), np.array([[1.0, 1.0]]))
    >>> g, h
    (array([[1., 0.]]), array([[0., 1.]]))
    """

    name: ClassVar[str] = "log_cosh"
    unfused: ClassVar[Kernel] = _kernels.log_cosh

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        t = np.tanh(a - target)
        return t, (1 - t) * (1 + t)


@dataclass(frozen=True)
class Quantile(DifferenceLoss):
    r"""The pinball loss of one quantile, or of several at once, summed over them and over the targets.

    .. math:: \sum_j \sum_q \max\bigl( q \, (y_j - a_{jq}),\; (q - 1) (y_j - a_{jq}) \bigr)

    The network has an output for each target and quantile, those of a target side by side: ``outputs.reshape(n,
    n_targets, n_quantiles)``. Nothing keeps them from crossing; `count_crossings` says how often they do. Where a = y
    the slope is 0.

    With ``crossing=False`` the estimators sort the quantiles of each row and target, in `predict`, in `score` and for
    the loss by which early stopping judges. Sorted quantiles are never further from the true ones, and their loss is
    never larger. Training is the same, and so are `Network.forward` and the derivatives.

    Parameters
    ----------
    quantiles : float or sequence of float, default=0.5
        In (0, 1), ascending.
    crossing : bool, default=True
        Whether a prediction may have a quantile below a lower one.

    References
    ----------
    Koenker and Bassett (1978), "Regression quantiles"; Chernozhukov, Fernández-Val and Galichon (2010), "Quantile and
    probability curves without crossing" (sorting: their rearrangement).

    Examples
    --------
    >>> import numpy as np
    >>> loss = Quantile((0.1, 0.5, 0.9))
    >>> loss
    Quantile(quantiles=(0.1, 0.5, 0.9))
    >>> Quantile((0.1, 0.9), crossing=False).arrange(np.array([[3.0, 2.0]]))
    array([[2., 3.]])
    >>> loss.n_targets("identity", 6)
    2
    >>> g, h = loss.output_derivatives(np.array([[1.0, 2.0, 4.0]]), np.array([[3.0]]))
    >>> g.round(6)
    array([[-0.1, -0.5,  0.1]])
    """

    quantiles: float | tuple[float, ...] = 0.5
    crossing: bool = True
    name: ClassVar[str] = "quantile"
    unfused: ClassVar[Kernel] = _kernels.quantile

    def __post_init__(self) -> None:
        if isinstance(self.quantiles, (list, np.ndarray)):
            object.__setattr__(self, "quantiles", tuple(self.quantiles))
        if isinstance(self.crossing, np.bool_):
            object.__setattr__(self, "crossing", bool(self.crossing))

    def __repr__(self) -> str:
        return (
            f"Quantile(quantiles={self.quantiles!r}{'' if self.crossing is True else f', crossing={self.crossing!r}'})"
        )

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update({"crossing": True, **state})  # pickles from before it could be chosen

    @property
    def _each(self) -> tuple[float, ...]:
        return self.quantiles if isinstance(self.quantiles, tuple) else (self.quantiles,)

    def judging_unit(self, output: str | Activation) -> Kernel:
        return self.kernel(output) if self.crossing else _kernels.quantile_in_order

    def arrange(self, outputs: np.ndarray) -> np.ndarray:
        if self.crossing or len(self._each) == 1:
            return outputs
        return np.sort(outputs.reshape(len(outputs), -1, len(self._each)), axis=2).reshape(outputs.shape)

    def constants(self, output: str | Activation, n_outputs: int) -> tuple[float, ...]:
        return tuple(map(float, self._each))

    def n_targets(self, output: str | Activation, n_outputs: int) -> int:
        return n_outputs // len(self._each)

    def n_outputs(self, task: str, width: int) -> int:
        return width * len(self._each)

    def _check_numbers(self) -> None:
        q = self._each
        within = q and all(is_number(one, 0, 1) for one in q)
        if not within or any(low >= high for low, high in itertools.pairwise(q)):
            raise ValueError(
                f"quantiles must lie in (0, 1), in ascending order, got {self.quantiles!r}: write "
                "Quantile((0.1, 0.5, 0.9)), for instance."
            )
        if not isinstance(self.crossing, bool):
            raise ValueError(
                f"crossing must be True (quantiles as they come) or False (sorted), got {self.crossing!r}."
            )

    def _check_output(self, output: str | Activation, n_outputs: int) -> None:
        if n_outputs % len(self._each):
            raise ValueError(
                f"loss={self!r} needs an output for each target and quantile, a multiple of {len(self._each)} outputs, "
                f"got {n_outputs}."
            )

    def output_derivatives(self, a: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r = np.repeat(target, len(self._each), axis=1) - a
        q = np.tile(self._each, target.shape[1])
        return np.where(r > 0, -q, 1 - q) * (r != 0), np.zeros(a.shape)

    def count_crossings(self, outputs: np.ndarray) -> int:
        """How many rows and targets have a quantile below a lower one.

        Parameters
        ----------
        outputs : array-like of shape (n, n_targets * n_quantiles)

        Returns
        -------
        int
            Of n * n_targets.

        Examples
        --------
        >>> Quantile((0.1, 0.5, 0.9)).count_crossings([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]])
        1
        """
        outputs = np.asarray(outputs)
        steps = np.diff(outputs.reshape(len(outputs), -1, len(self._each)), axis=2)
        return int((steps < 0).any(axis=2).sum())
