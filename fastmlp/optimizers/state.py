"""`RunningOptimizer`: an optimizer in the middle of a training."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.frozen_params import Range
from ..compiler.kernel import Kernel
from ..kernels.lowlevel.records import GIVEN, LEARNING_RATE, MOST, N_STEP_RATES, SCALE, WEIGHT_DECAY
from ..schedules import Schedule, values_at

if TYPE_CHECKING:
    from .base import Optimizer, Shrinking


class RunningOptimizer:
    """The state of an optimizer in training: moments, number of steps, schedule.

    It may be pickled at any time; training continues with the same bits.

    Parameters
    ----------
    optimizer : Optimizer
        Is not changed.

    Attributes
    ----------
    t : int
        Steps made.
    schedule : Schedule
        The learning rate as a function of the step; epochs and plateaus may replace it.
    state : ndarray of shape (n_moments * n_params,) or None
        The moments, one after the other; None before the first step.
    length : int or None
        Steps of the training, as long as which schedules may last; None if it is not known.
    mean_shrinkage : float
        The running mean of L1's strength, as the rule's moments are of the gradients.

    Examples
    --------
    Two steps down the parabola ½ Σ p², whose gradient is p:

    >>> import numpy as np
    >>> from fastmlp.optimizers import SGD
    >>> running, params = SGD(0.5, momentum=0.5).begin(), np.array([4.0, -8.0])
    >>> for _ in range(2):
    ...     running.step(params, gradient=params.copy())
    ...     print(params)
    [ 2. -4.]
    [0. 0.]
    >>> running.t, running.state
    (2, array([-2.,  4.]))
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not hasattr(optimizer, "schedule"):
            raise TypeError(f"an optimizer such as SGD(0.1) must be given, got {optimizer!r}.")
        self.optimizer = optimizer
        self.schedule: Schedule = optimizer.schedule
        self.t = self._exchanged = 0
        self.state: np.ndarray | None = None
        self.mean_shrinkage = 0.0
        self.length: int | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.mean_shrinkage, self.length = 0.0, None  # pickles of version 0.1 have none
        self.__dict__.update(state)
        if "settings" in state:  # its name until version 0.1
            self.optimizer = self.__dict__.pop("settings")

    def copy(self) -> RunningOptimizer:
        """Return an independent copy, moments included."""
        copied = copy.copy(self)
        copied.state = None if self.state is None else self.state.copy()
        return copied

    def begin(self) -> RunningOptimizer:
        """Return itself: training continues."""
        return self

    def kernel(self) -> Kernel:
        """Return the kernel of the update."""
        return self.optimizer.kernel()

    @property
    def phases(self) -> tuple[Kernel, ...]:
        """Kernels that follow once the rule has run for all parameters."""
        return self.optimizer.phases

    @property
    def shrinking(self) -> Shrinking:
        """How L1 shrinks the weights after a step of this rule."""
        return self.optimizer.shrinking

    def hyperparameters(self) -> np.ndarray:
        """Return the hyperparameters, (2, N_HYPERPARAMETERS): for weights and for biases."""
        return self.optimizer.hyperparameters()

    @property
    def weight_decay(self) -> float | Schedule:
        """The decoupled weight decay, 0 for rules that have none."""
        decay: float | Schedule = getattr(self.optimizer, "weight_decay", 0.0)
        return decay

    def decays(self, steps: int) -> np.ndarray:
        """Compute the decoupled weight decay of the next `steps` steps, (steps,)."""
        decay = self.weight_decay
        if not isinstance(decay, Schedule):  # as the rule has it: a user's rule may have it elsewhere
            return np.full(steps, self.hyperparameters()[0, WEIGHT_DECAY])
        t = np.arange(self.t, self.t + steps, dtype=np.float64)
        return values_at(decay, t, self.length, "weight_decay", Range(0))

    def begin_training(self, steps: int) -> None:
        """Let what lasts as long as the training end after `steps` more steps, unless that was said before."""
        if self.length is None:
            self.length = self.t + steps
        self.schedule = self.schedule.for_training(self.length)

    def prepare(self, n_params: int, dtype: np.dtype) -> np.ndarray:
        """Return the moments of a network with `n_params` parameters: zeros, or those of the training so far.

        Raises
        ------
        ValueError
            If steps were made with a network of another size.
        """
        size = self.optimizer.n_moments * n_params
        if self.state is not None and self.state.size != size and self.t:
            raise ValueError(
                f"this optimizer has made {self.t} steps with {self.state.size // max(self.optimizer.n_moments, 1)} "
                f"parameters and cannot continue with {n_params}: create another one, {self.optimizer!r}.begin()."
            )
        if self.state is None or self.state.size != size:
            self.state = np.zeros(size, dtype)
        self.state = np.require(self.state, dtype, ["C", "A", "W", "O"])
        return self.state

    def step_rates(self, steps: int, shrinks: bool = False, factor: float = 1.0) -> np.ndarray:
        """Compute what changes from step to step, for the next `steps` steps, (steps, N_STEP_RATES); η comes first.

        With `shrinks` also what L1's thresholds need; `factor` is one of the learning rate.
        """
        t = np.arange(self.t, self.t + steps, dtype=np.float64)
        eta = self.schedule.at(t) * factor
        step_rates = self.optimizer.step_rates(t + 1.0, eta)
        shrinking = self.shrinking if shrinks else None
        if shrinking is not None and shrinking.kernel is not None:
            step_rates[:, GIVEN] = eta if shrinking.given is None else shrinking.given
            step_rates[:, MOST] = shrinking.limit * eta if np.isfinite(shrinking.limit) else np.inf
        return step_rates

    def advance(self, steps: int) -> None:
        """Count this many steps."""
        self.t += steps

    @property
    def learning_rate(self) -> float:
        """The learning rate of the last step.

        As the kernel was given it: for Adam and its variants it includes the correction of the moments' bias, as in
        scikit-learn. If an epoch or a plateau has just changed the schedule, the η of the next step.
        """
        if self.t == self._exchanged:
            return float(self.schedule(self.t))
        last = np.array([self.t], np.float64)
        return float(self.optimizer.step_rates(last, self.schedule.at(last - 1.0))[0, LEARNING_RATE])

    def after_epoch(self, rows_seen: int) -> None:
        """Update the schedule after an epoch, `rows_seen` rows into the training."""
        self._continue_with(self.schedule.after_epoch(rows_seen))

    def after_plateau(self) -> bool:
        """Lower the learning rate when training no longer improves; return False to stop."""
        lowered = self.schedule.after_plateau()
        if lowered is not None:
            self._continue_with(lowered)
        return lowered is not None

    def _continue_with(self, schedule: Schedule) -> None:
        if schedule is not self.schedule:
            self.schedule, self._exchanged = schedule, self.t

    def step(self, params: np.ndarray, gradient: np.ndarray) -> None:
        """Make one step with a given gradient; weight decay applies to all of `params`.

        Parameters
        ----------
        params : ndarray of float32 or float64 of shape (n,)
            Updated in place, in compiled code.
        gradient : ndarray of the same type and shape

        Raises
        ------
        TypeError
            For anything but arrays.
        ValueError
            For arrays of other types or shapes, and for those that compiled code cannot read or write as they lie; and
            if the rule needs to know which parameters are which layer's (LAMB, LayerWise), or if a schedule lasts as
            long as a training.
        """
        if self.optimizer.needs_layers:
            raise ValueError(
                f"{type(self.optimizer).__name__} scales its step layer by layer, and a vector of parameters has none: "
                "train a network with it, or take a rule that needs no layers, such as AdamW."
            )
        if not isinstance(params, np.ndarray) or not isinstance(gradient, np.ndarray):
            raise TypeError(f"params and gradient must be arrays, got {params!r:.80} and {gradient!r:.80}.")
        if params.dtype not in (np.float32, np.float64) or params.ndim != 1 or not params.flags.carray:
            raise ValueError("params must be one contiguous, writable vector of float32 or float64.")
        readable = gradient.flags.c_contiguous and gradient.flags.aligned
        if gradient.dtype != params.dtype or gradient.shape != params.shape or not readable:
            raise ValueError(f"gradient must be a contiguous vector of {params.dtype}, {params.shape}, as params is.")
        hyperparameters = self.hyperparameters()
        hyperparameters[:, :N_STEP_RATES], hyperparameters[:, SCALE] = self.step_rates(1), 1.0
        hyperparameters[0, WEIGHT_DECAY] = self.decays(1)[0]
        state = self.prepare(params.size, params.dtype)
        pointers = (array.ctypes.data for array in (params, gradient, state))
        self.kernel().entry(params.dtype)(*pointers, params.size, params.size, hyperparameters.ctypes.data)
        self.advance(1)
