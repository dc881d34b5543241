"""What solvers with second derivatives share: the objective in float64, and the loop around their steps."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import scipy.optimize

from ..common.user_warnings import warn_user
from ..engine.dataset import Dataset
from ..engine.model import TrainableModel
from ..engine.slicing import Stopped
from ..losses import HalfSquaredError, SquaredError
from .iteration_callbacks import IterationCallbacks, NoCallbacks
from .progress import Progress


class Objective:
    """(Σ wᵢ lossᵢ + ½ α Σ weight²) / Σ wᵢ on a copy of the network in float64, whatever the network's own type.

    Solvers with second derivatives reach losses for which float32 is not precise enough.

    Parameters
    ----------
    network : TrainableModel
    dataset : Dataset
    l2 : float
        α, for weights and not for biases.
    callbacks : IterationCallbacks, optional

    Attributes
    ----------
    model : TrainableModel
        The copy. Its loss is one whose value and derivative agree: half_squared_error in place of squared_error.
    X, y, weights : arrays
        (n, n_features), dense or CSR; (n, n_targets); (n,).
    l2 : float
        α, divided as the rows' weights are.
    """

    def __init__(
        self, network: TrainableModel, dataset: Dataset, l2: float, callbacks: IterationCallbacks | None = None
    ) -> None:
        assert dataset.y is not None
        self.callbacks: IterationCallbacks = callbacks or NoCallbacks()
        self.model = network.astype(np.float64)
        # For k outputs, scikit-learn reports a k-th of the loss that it minimizes.
        self.parts = network.layout.layer_sizes[-1] if isinstance(network.loss_function, SquaredError) else 1
        if self.parts > 1:
            self.model.loss_function = HalfSquaredError()
        self.X = dataset.matrix().astype(np.float64, copy=False)
        self.y = dataset.y.astype(np.float64, copy=False)
        ones = np.ones(dataset.n_rows)
        self.weights = ones if dataset.sample_weight is None else dataset.sample_weight.astype(np.float64, copy=False)
        self.total = float(self.weights.sum())
        self.l2 = l2 / dataset.weight_divisor

    @property
    def dataset(self) -> Dataset:
        """The rows in float64, for kernels."""
        return Dataset(self.X, self.y, self.weights, np.float64)

    def penalty(self) -> float:
        """½ α Σ weight² / Σ wᵢ, of the model's weights."""
        return 0.5 * self.l2 / self.total * sum(float(np.vdot(coef, coef)) for coef in self.model.coefs)

    def reported(self, loss: float) -> float:
        """Return the loss as the network's own loss function defines it."""
        return loss if self.parts == 1 else (loss - self.penalty()) / self.parts + self.penalty()


class Solver(Protocol):
    """A solver between two steps: `loss` is the loss at the parameters of the objective's model."""

    objective: Objective
    loss: float
    evaluations: int

    def begin(self) -> None:
        """Compute what the first step needs."""

    def step(self) -> str | None:
        """Make one step that lowers the loss, or say why there is none."""


#: What is not finite ends the search, without warnings on the way.
QUIET: dict[str, Any] = {"over": "ignore", "invalid": "ignore"}


def iterate(solver: Solver, network: TrainableModel, max_iter: int, progress: Progress) -> Any:
    """Step until no step lowers the loss or the maximum number of iterations is reached; the network holds the result.

    After an error it holds the last iterate.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        x, fun (as the network's loss defines it), nit, nfev, status (0 converged, 1 maximum number of iterations
        reached, 2 no finite loss at the start), success, message, and `interrupted`: whether Ctrl-C or a callback has
        ended it; the network then holds the last iterate.
    """
    result = scipy.optimize.OptimizeResult(
        nit=0, status=1, message=f"All {max_iter} iterations are used up.", interrupted=True
    )
    params = solver.objective.model.params.copy()
    try:
        with np.errstate(**QUIET):
            solver.begin()
        _iterate(solver, network, max_iter, progress, params, result)
        result.interrupted = False
    except KeyboardInterrupt:
        warn_user("Training interrupted by user.")
    except Stopped:
        pass
    finally:
        solver.objective.model.params[...] = params
        network.params[...] = params
    result.x, result.fun = params, solver.objective.reported(solver.loss)
    result.nfev, result.success = solver.evaluations, result.status == 0
    return result


def _iterate(
    solver: Solver, network: TrainableModel, max_iter: int, progress: Progress, params: np.ndarray, result: Any
) -> None:
    """Make the iterations of `iterate`: params and result hold the last one that was complete."""
    objective, callbacks = solver.objective, solver.objective.callbacks
    if not np.isfinite(solver.loss):
        result.status, result.message = 2, "The loss is not finite where the training begins."
        return
    while result.nit < max_iter:
        callbacks.begin_iteration()
        with np.errstate(**QUIET):
            outcome = solver.step()
        if outcome is not None:
            result.status, result.message = 0, outcome
            return
        params[...] = objective.model.params
        result.nit += 1
        loss = objective.reported(solver.loss)
        progress.epoch(result.nit, loss)
        network.params[...] = params
        if callbacks.end_iteration(result.nit, loss):
            raise Stopped
