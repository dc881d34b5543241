"""Levenberg–Marquardt: least squares on small networks, by the Jacobian of the residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from ..derivatives.recorded_forward import RecordedForward
from ..engine.cores import Threads
from ..engine.dataset import Dataset
from ..engine.model import TrainableModel
from ..losses import LOSSES
from ..losses.regression import SquareLoss
from .iteration_callbacks import IterationCallbacks, end_if_over
from .progress import Progress
from .second_order import Objective, iterate

#: Maximum number of parameters: the normal equations hold its square, and a step costs its cube.
MOST_PARAMS = 3000
#: How many numbers of the Jacobian are held at a time.
CHUNK_NUMBERS = 1 << 22
#: Initial and largest damping, relative to the largest entry on the diagonal; beyond it no step lowers the loss.
FIRST_DAMPING, LARGEST_DAMPING = 1e-3, 1e12


def levenberg_marquardt(
    network: TrainableModel,
    dataset: Dataset,
    *,
    l2: float,
    max_iter: int,
    tol: float,
    progress: Progress,
    n_threads: Threads = 1,
    callbacks: IterationCallbacks | None = None,
) -> Any:
    """Minimize a squared error over all rows by damped Gauss–Newton steps; the network holds the result.

    With residuals r = √(c w) (a − y), where c is 1 for half the squares and 2 for all of them, and their Jacobian J,
    each step s solves (JᵀJ + μ I) s = −Jᵀr. The damping μ falls if the linear model predicted the loss well, and
    rises until a step lowers it. The penalty α adds a residual √α W for each weight. Computed in float64.

    Source: Marquardt (1963), "An algorithm for least-squares estimation of nonlinear parameters"; Hagan and Menhaj
    (1994), "Training feedforward networks with the Marquardt algorithm". The damping follows Nielsen (1999), "Damping
    parameter in Marquardt's method": of three rules tried on a sine it has the lowest loss after fifty steps;
    Marquardt's own scaling reaches it after some hundreds, factors of ten do not.

    Parameters
    ----------
    network : TrainableModel
        What is trained.
    dataset : Dataset
        What it is trained on.
    l2 : float
        Penalty on weights.
    max_iter : int
        Maximum number of steps.
    tol : float
        Training stops once no entry of the loss's gradient is larger.
    progress : Progress
        Told of every step.
    n_threads : int
        Not used: small networks.
    callbacks : IterationCallbacks, optional
        Told of every step; they may end the training.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        As of `iterate`, and `njev`, the number of Jacobians.

    Raises
    ------
    ValueError
        If the loss is not a squared error, the network has too many parameters, or a weight is negative.
    """
    check_least_squares(network, dataset)
    solver = DampedSteps(Objective(network, dataset, l2, callbacks), tol)
    result = iterate(solver, network, max_iter, progress)
    result.njev = solver.jacobians
    return result


def check_least_squares(network: TrainableModel, dataset: Dataset) -> None:
    """Raise ValueError unless this is a least-squares problem of a size that can be solved."""
    loss, n_params = network.loss_function, network.layout.size
    if not isinstance(loss, SquareLoss):
        squares = ", ".join(name for name, other in LOSSES.items() if isinstance(other, SquareLoss))
        raise ValueError(
            f"Levenberg-Marquardt minimizes sums of squares, got loss={loss.as_written()}: use one of {squares}, or "
            "another solver (newton-cg, lbfgs)."
        )
    if n_params > MOST_PARAMS:
        raise ValueError(
            f"Levenberg-Marquardt solves a system as large as the network at each step; {n_params} parameters are more "
            f"than {MOST_PARAMS}: use another solver (newton-cg, lbfgs) or smaller layers."
        )
    if dataset.sample_weight is not None and (dataset.sample_weight < 0).any():
        raise ValueError(
            f"Levenberg-Marquardt takes the root of the sample weights, and one is {dataset.sample_weight.min():g}: "
            "use weights that are not negative, or another solver."
        )


class DampedSteps:
    """Damped steps from the parameters of the objective's model; see `levenberg_marquardt`."""

    def __init__(self, objective: Objective, tol: float) -> None:
        self.objective, self.tol = objective, tol
        n_rows, layout = len(objective.y), objective.model.layout
        chunk = max(1, CHUNK_NUMBERS // (layout.size * layout.layer_sizes[-1]))
        self.chunks = [slice(start, start + chunk) for start in range(0, n_rows, chunk)]
        loss = objective.model.loss_function
        assert isinstance(loss, SquareLoss)
        self.roots = np.sqrt(loss.delta_scale * objective.weights)
        penalty = np.zeros(layout.size)
        for coef in layout.coefs(penalty):
            coef[...] = objective.l2
        self.penalty = penalty
        self.evaluations, self.jacobians = 0, 0
        self.traces, self.loss = list[RecordedForward](), np.nan
        self.damping = 0.0

    def begin(self) -> None:
        """Compute residuals and loss where the training begins."""
        self.traces, self.loss = self._evaluate()

    def step(self) -> str | None:
        """Make one step that lowers the loss, raising the damping until there is one; or say why there is none."""
        model, total = self.objective.model, self.objective.total
        params = model.params.copy()
        matrix, gradient = self._normal_equations()
        if not np.abs(gradient).max() > self.tol * total:
            return f"The gradient's largest entry is at most {self.tol:g}."
        diagonal = matrix.diagonal().copy()
        largest = float(diagonal.max())
        self.damping = self.damping or FIRST_DAMPING * largest
        growth = 2.0
        while self.damping <= LARGEST_DAMPING * largest:
            np.fill_diagonal(matrix, diagonal + self.damping)
            _, step, failed = scipy.linalg.lapack.dposv(matrix, -gradient)
            if not failed:
                promised = 0.5 * float(step @ (self.damping * step - gradient)) / total
                model.params[...] = params + step
                traces, loss = self._evaluate()
                ratio = (self.loss - loss) / promised
                if ratio > 0:
                    self.traces, self.loss = traces, loss
                    self.damping *= max(1 / 3, 1 - (2 * ratio - 1) ** 3)
                    return None
            self.damping *= growth
            growth *= 2
        model.params[...] = params
        return "No step lowers the loss any more."

    def _evaluate(self) -> tuple[list[RecordedForward], float]:
        """Run a forward pass over all rows at the model's parameters, and compute the loss."""
        objective, total = self.objective, 0.0
        traces = []
        for chunk in self.chunks:
            end_if_over(objective.callbacks)
            traces.append(RecordedForward(objective.model, objective.X[chunk]))
            residuals = self._residuals(traces[-1], chunk)
            total += 0.5 * float(residuals @ residuals)
        self.evaluations += 1
        return traces, total / objective.total + objective.penalty()

    def _residuals(self, trace: RecordedForward, chunk: slice) -> np.ndarray:
        """√(c w) (a − y), output by output, (n_outputs * rows of the chunk,)."""
        return ((trace.outputs[-1] - self.objective.y[chunk]).T * self.roots[chunk]).ravel()

    def _normal_equations(self) -> tuple[np.ndarray, np.ndarray]:
        """JᵀJ and Jᵀr with the penalty's part, (n_params, n_params) and (n_params,)."""
        matrix, gradient = np.diag(self.penalty), self.penalty * self.objective.model.params
        for trace, chunk in zip(self.traces, self.chunks, strict=True):
            end_if_over(self.objective.callbacks)
            transposed = residual_jacobian(trace, self.roots[chunk])
            matrix += transposed @ transposed.T
            gradient += transposed @ self._residuals(trace, chunk)
        self.jacobians += 1
        return matrix, gradient


def residual_jacobian(trace: RecordedForward, scale: np.ndarray) -> np.ndarray:
    """Jᵀ: d (scaleᵢ a of row i and output k) / d params, (n_params, n_outputs * B), rows running fastest.

    Parameters first and rows last, so that every product runs along the rows. With the derivatives of all K outputs
    kept apart, delta (O, K, B) goes back from layer to layer, and each layer's weights get a below (I, B) times it::

        d a / d W = a below (I, 1, 1, B) * delta (1, O, K, B)          d a / d b = delta

    Parameters
    ----------
    trace : RecordedForward
    scale : ndarray of shape (B,)
    """
    model, layout, n_rows = trace.model, trace.model.layout, len(scale)
    n_outputs = layout.layer_sizes[-1]
    jacobian = np.empty((layout.size, n_outputs * n_rows), model.dtype)
    each = np.eye(n_outputs, dtype=model.dtype)
    delta = trace.output_delta(scale[:, np.newaxis, np.newaxis] * each).transpose(2, 1, 0)
    for number in reversed(range(len(layout.shapes))):
        fan_in, fan_out = layout.shapes[number]
        below = trace.inputs[number]
        below = np.ascontiguousarray((below.toarray() if scipy.sparse.issparse(below) else below).T)
        start, end = layout.weight_offsets[number], layout.bias_offsets[number]
        to = jacobian[start:end].reshape(fan_in, fan_out, n_outputs, n_rows)
        np.multiply(below[:, np.newaxis, np.newaxis], delta, out=to)
        jacobian[end : end + fan_out].reshape(fan_out, n_outputs, n_rows)[...] = delta
        if number:
            delta = np.tensordot(model.coefs[number], delta, 1)
            delta *= trace.derivatives[number - 1].T[:, np.newaxis]
    return jacobian
