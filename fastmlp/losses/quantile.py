"""`Quantile`: the pinball loss of one quantile, or of several at once."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np

from ..activations import BaseActivation
from ..common.checks import as_real
from ..common.frozen_params import Bool, Range
from ..compiler.kernel import Kernel, KernelModule
from .base import DifferenceLoss

if TYPE_CHECKING:
    from ..kernels.losses import regression as _kernels
else:
    _kernels = KernelModule("losses.regression")


@dataclass(frozen=True)
class _Quantiles:
    """The rule of `Quantile`'s quantiles."""

    def __str__(self) -> str:
        return "numbers in (0, 1), in ascending order, such as 0.5 or (0.1, 0.5, 0.9)"

    def allows(self, value: Any) -> bool:
        each = value if isinstance(value, tuple) else (value,)
        within = each and all(Range(0, 1, "()").allows(one) for one in each)
        return bool(within) and all(low < high for low, high in itertools.pairwise(each))

    def convert(self, value: Any) -> Any:
        return value


@dataclass(frozen=True)
class Quantile(DifferenceLoss):
    r"""The pinball loss of one quantile, or of several at once, summed over them and over the targets.

    .. math:: \sum_j \sum_q \max\bigl( q \, (y_j - a_{jq}),\; (q - 1) (y_j - a_{jq}) \bigr)

    The network has an output for each target and quantile, those of a target side by side: ``outputs.reshape(n,
    n_targets, n_quantiles)``. Nothing keeps them from crossing; `count_crossings` says how often they do. Where a = y
    the derivative is 0.

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

    quantiles: Annotated[float | tuple[float, ...], _Quantiles()] = 0.5
    crossing: Bool = True
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

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({"crossing": True, **state})  # pickles from before it could be chosen

    @property
    def _each(self) -> tuple[float, ...]:
        return self.quantiles if isinstance(self.quantiles, tuple) else (self.quantiles,)

    def evaluation_kernel(self, output: str | BaseActivation) -> Kernel:
        return self.kernel(output) if self.crossing else _kernels.quantile_in_order

    def arrange(self, outputs: np.ndarray) -> np.ndarray:
        if self.crossing or len(self._each) == 1:
            return outputs
        return np.sort(outputs.reshape(len(outputs), -1, len(self._each)), axis=2).reshape(outputs.shape)

    def constants(self, output: str | BaseActivation, n_outputs: int) -> tuple[float, ...]:
        return tuple(map(float, self._each))

    def n_targets(self, output: str | BaseActivation, n_outputs: int) -> int:
        return n_outputs // len(self._each)

    def n_outputs(self, task: str, width: int) -> int:
        return width * len(self._each)

    def _check_output(self, output: str | BaseActivation, n_outputs: int) -> None:
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

        Raises
        ------
        TypeError, ValueError
            If `outputs` does not hold real numbers, or has another shape.

        Examples
        --------
        >>> Quantile((0.1, 0.5, 0.9)).count_crossings([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0]])
        1
        """
        outputs, each = as_real("outputs", outputs), len(self._each)
        if outputs.ndim != 2 or outputs.shape[1] % each:
            raise ValueError(f"outputs must have shape (n, n_targets * {each}), got {outputs.shape}.")
        steps = np.diff(outputs.reshape(len(outputs), -1, each), axis=2)
        return int((steps < 0).any(axis=2).sum())
