"""Newton's method for networks of any size: steps by conjugate gradients on exact Hessian-vector products."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..derivatives.hessian import Hessian, check_twice_differentiable
from ..engine.cores import Threads
from ..engine.dataset import Dataset
from ..engine.model import TrainableModel
from .full_batch_loss import FullBatch
from .iteration_callbacks import IterationCallbacks, end_if_over
from .progress import Progress
from .second_order import Objective, iterate

#: If the quadratic model predicts a smaller relative decrease of the loss, rounding hides it: the gradient decides.
ROUNDING = 100 * np.finfo(np.float64).eps
#: Maximum number of products with the Hessian for one step.
MOST_PRODUCTS = 200
#: The region's initial and largest radius.
FIRST_RADIUS, LARGEST_RADIUS = 1.0, 1000.0


def newton_cg(
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
    """Minimize the loss over all rows by truncated Newton steps in a trust region; the network holds the result.

    Each step goes towards the minimum of g s + ½ s H s within a radius: conjugate gradients from s = 0 until the
    residual is small relative to the gradient (the smaller the gradient has become, the smaller), the boundary is
    reached, or a direction of negative curvature is found, which is followed to the boundary. The radius depends on how
    well the quadratic model predicted the loss. Computed in float64; all rows' values are kept between the products.

    Made for smooth activations. Across the kinks of ReLUs no quadratic model predicts well: steps get short, and lbfgs
    reaches a lower loss.

    Source: Steihaug (1983), "The conjugate gradient method and trust regions in large scale optimization"; Nocedal and
    Wright, "Numerical Optimization", 2nd edition (2006), algorithms 4.1 and 7.2. SciPy's trust-ncg is the same method
    and takes about twice the time on small networks.

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
        Training stops once no entry of the gradient is larger.
    progress : Progress
        Told of every step.
    n_threads : int
        Maximum number of threads for losses and gradients.
    callbacks : IterationCallbacks, optional
        Told of every step; they may end the training.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        As of `iterate`, and `nhev`, the number of Hessian-vector products.

    Raises
    ------
    ValueError
        If an activation or the loss has no second derivative.
    """
    check_twice_differentiable(network)
    solver = TrustRegion(Objective(network, dataset, l2, callbacks), tol, n_threads)
    with solver.loss_and_gradient.team:
        result = iterate(solver, network, max_iter, progress)
    result.nhev, result.jac = solver.products, solver.gradient
    return result


class TrustRegion:
    """Truncated Newton steps from the parameters of the objective's model; see `newton_cg`."""

    def __init__(self, objective: Objective, tol: float, n_threads: Threads) -> None:
        self.objective, self.tol, self.loss = objective, tol, np.nan
        is_over = objective.callbacks.is_over
        self.loss_and_gradient = FullBatch(objective.model, objective.dataset, objective.l2, n_threads, is_over)
        self.gradient = np.zeros_like(objective.model.params)
        self.radius = FIRST_RADIUS
        self.evaluations, self.products = 0, 0

    def begin(self) -> None:
        """Compute loss and gradient where the training begins."""
        self.loss, self.gradient = self.loss_and_gradient(self.objective.model.params)
        self.first_norm = float(np.linalg.norm(self.gradient))
        self.evaluations = 1

    def step(self) -> str | None:
        """Make one step that lowers the loss, shrinking the region until there is one; or say why there is none."""
        objective, params = self.objective, self.objective.model.params.copy()
        if not np.abs(self.gradient).max() > self.tol:
            return f"The gradient's largest entry is at most {self.tol:g}."
        hessian = Hessian(objective.model, objective.X, objective.y, objective.weights, objective.l2)
        while True:
            step, change, on_boundary = self._solve(hessian)
            promised = -float(self.gradient @ step + 0.5 * (step @ change))
            loss, gradient = self.loss_and_gradient(params + step)
            self.evaluations += 1
            if not promised > ROUNDING * abs(self.loss):
                if np.linalg.norm(gradient) < 0.5 * np.linalg.norm(self.gradient):
                    self.loss, self.gradient = loss, gradient
                    return None
                objective.model.params[...] = params
                return "No step lowers the loss by more than its rounding."
            ratio = (self.loss - loss) / promised
            if not ratio > 0.25:  # NaN too
                self.radius = 0.25 * min(self.radius, float(np.linalg.norm(step)))
            elif ratio > 0.75 and on_boundary:
                self.radius = min(2 * self.radius, LARGEST_RADIUS)
            if ratio > 1e-4:
                self.loss, self.gradient = loss, gradient
                return None

    def _solve(self, hessian: Hessian) -> tuple[np.ndarray, np.ndarray, bool]:
        """Steihaug's conjugate gradients: the step s, H s, and whether it ends on the region's boundary."""
        step, change, residual = np.zeros_like(self.gradient), np.zeros_like(self.gradient), self.gradient
        direction, square = -residual, float(residual @ residual)
        # ‖residual‖ ≤ min(½, ‖g‖ / ‖g₀‖) ‖g‖; rounding hides parts smaller than a millionth
        enough = square * float(np.clip(square / self.first_norm**2, 1e-12, 0.25))
        for _ in range(MOST_PRODUCTS):
            end_if_over(self.objective.callbacks)
            turned = hessian @ direction
            self.products += 1
            curvature = float(direction @ turned)
            length = square / curvature if curvature > 0 else 0.0
            further = step + length * direction
            if not (curvature > 0 and further @ further < self.radius**2):  # NaN too
                length = _to_boundary(step, direction, self.radius)
                return step + length * direction, change + length * turned, True
            step, turned = further, length * turned
            change, residual = change + turned, residual + turned
            previous, square = square, float(residual @ residual)
            if square <= enough:
                break
            direction = (square / previous) * direction - residual
        return step, change, False


def _to_boundary(step: np.ndarray, direction: np.ndarray, radius: float) -> float:
    """Return the positive root τ of ‖step + τ direction‖ = radius."""
    a, b, c = float(direction @ direction), float(step @ direction), float(step @ step) - radius**2
    return float((-b + np.sqrt(b * b - a * c)) / a)
