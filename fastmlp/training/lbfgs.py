"""L-BFGS: quasi-Newton steps from the last changes of parameters and gradient, with few passes over the parameters.

::

    the last m changes   s = Δ params, y = Δ gradient     direction = −H gradient, by two loops over the pairs
    ┌───────────────────────┐                             newest → oldest:  a = (s·q) / (s·y),  q −= a y
    │ s₁  y₁  s₂  y₂  …     │                             q *= (s·y) / (y·y) of the newest
    └───────────────────────┘                             oldest → newest:  q += (a − (y·q) / (s·y)) s

Source: Nocedal (1980); Byrd, Lu, Nocedal and Zhu (1995). Without bounds, L-BFGS-B, which SciPy and scikit-learn call,
is this method: the same steps (up to rounding), line search, restarts and ends, decided by the same numbers. What is
saved is its code for bounds, and SciPy's copies of all parameters around each evaluation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg.blas import daxpy
from scipy.optimize import OptimizeResult

from .line_search import LONGEST, LineSearch

#: Pairs that are remembered; evaluations of one line search at most; the end comes where an iteration lowers the loss
#: by less than this share. SciPy's numbers.
MEMORY, MOST_TRIES, LEAST_DECREASE = 10, 20, 2.2204460492503131e-09
#: Length of the pieces of vectors whose products are added up, too short for a BLAS to use several threads.
PIECE = 1 << 13
EPSILON = float(np.finfo(np.float64).eps)
#: Why it ended, in SciPy's words.
FLAT = "CONVERGENCE: NORM OF PROJECTED GRADIENT <= PGTOL"
SLOW = "CONVERGENCE: RELATIVE REDUCTION OF F <= FACTR*EPSMCH"
ITERATIONS = "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT"
EVALUATIONS = "STOP: TOTAL NO. OF F,G EVALUATIONS EXCEEDS LIMIT"
ABNORMAL = "ABNORMAL: "

Evaluate = Callable[[np.ndarray, np.ndarray], float]


class Memory:
    """The last changes of the parameters and of the gradient.

    There is one row more than changes that count: the direction is computed in the free one, and the pair that begins
    there replaces the oldest.

    Parameters
    ----------
    n_params : int
    """

    def __init__(self, n_params: int) -> None:
        self.steps, self.changes = (np.empty((MEMORY + 1, n_params)) for _ in range(2))
        self.products = [0.0] * (MEMORY + 1)  # s·y
        self.clear()

    def clear(self) -> None:
        """Forget all pairs: the next direction is that of steepest descent."""
        self.rows: list[int] = []  # oldest first
        self.scale, self.free = 1.0, 0

    def descend(self, gradient: np.ndarray) -> np.ndarray:
        """Return −H gradient, (n_params,), in the free row of `steps`."""
        q: np.ndarray = self.steps[self.free]
        factors: list[float] = []
        np.negative(gradient, out=q)
        for row in reversed(self.rows):
            factors.append(dot(self.steps[row], q) / self.products[row])
            add_multiple(self.changes[row], -factors[-1], q)
        if self.rows:
            q *= self.scale
        for row in self.rows:
            add_multiple(self.steps[row], factors.pop() - dot(self.changes[row], q) / self.products[row], q)
        return q

    def keep(self, step: float, first_slope: float, slope: float) -> None:
        """Count the pair in the free row, whose `steps` holds a direction, unless the slope did not rise along it.

        Parameters
        ----------
        step : float
            The step along the direction.
        first_slope, slope : float
            At its beginning and at its end.
        """
        product = (slope - first_slope) * step  # s·y
        if not product > EPSILON * -first_slope * step:
            return
        pair, change = self.steps[self.free], self.changes[self.free]
        if step != 1:
            pair *= step
        self.products[self.free], self.scale = product, float(product / np.float64(dot(change, change)))
        self.rows.append(self.free)
        self.free = self.rows.pop(0) if len(self.rows) > MEMORY else len(self.rows)


@np.errstate(all="ignore")  # a loss that is not finite ends the search, without warnings on the way
def minimize(
    evaluate: Evaluate,
    x: np.ndarray,
    *,
    max_iter: int,
    max_fun: int,
    tol: float,
    after_iteration: Callable[[np.ndarray, float], None],
    before_iteration: Callable[[float], None] | None = None,
) -> Any:
    """Minimize a smooth function of many parameters.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(params, gradient)`` returns the loss and overwrites the gradient, (n_params,) in float64.
    x : ndarray of shape (n_params,)
        Where it begins, in float64; overwritten with each point that is tried, in the end with the last iterate.
    max_iter, max_fun : int
        It ends after so many iterations, or in the iteration that exceeds so many evaluations.
    tol : float
        It ends where no element of the gradient exceeds this.
    after_iteration : callable
        Called with the iterate and its loss after each iteration.
    before_iteration : callable, optional
        Called with the loss before each iteration.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        With x, fun, nit, nfev, success, status and message, as from SciPy's L-BFGS-B.
    """
    gradient, start = np.empty_like(x), np.empty_like(x)
    memory = Memory(x.size)
    loss, n_evaluations, iteration, begun = evaluate(x, gradient), 1, 0, 0
    reason = FLAT if largest(gradient) <= tol else ""
    while not reason:
        if before_iteration is not None and begun == iteration:  # a search without a memory belongs to the same one
            before_iteration(loss)
            begun += 1
        direction, change = memory.descend(gradient), memory.changes[memory.free]
        start[...], change[...], before = x, gradient, loss
        first_slope = dot(gradient, direction)
        search = LineSearch(1.0 if iteration else first_step(direction), loss, first_slope)
        found, loss, slope, evaluations = follow(search, evaluate, x, start, direction, gradient)
        n_evaluations += evaluations
        if not found:  # rounding, or a loss that is not finite, leaves no way down
            x[...], gradient[...] = start, change
            if not memory.rows:
                reason = ABNORMAL  # SciPy's result, too, holds the last loss that was tried
                break
            loss = before
            memory.clear()
            continue
        iteration += 1
        after_iteration(x, loss)
        np.subtract(gradient, change, out=change)
        reason = decide(iteration >= max_iter, n_evaluations > max_fun, before, loss, gradient, tol)
        if not reason:
            memory.keep(search.step, first_slope, slope)
    converged = reason in (FLAT, SLOW)
    status = 0 if converged else 2 if reason is ABNORMAL else 1
    return OptimizeResult(
        x=x, fun=loss, nit=iteration, nfev=n_evaluations, status=status, success=converged, message=reason
    )


def follow(
    search: LineSearch,
    evaluate: Evaluate,
    x: np.ndarray,
    start: np.ndarray,
    direction: np.ndarray,
    gradient: np.ndarray,
) -> tuple[bool, float, float, int]:
    """Try the steps of a search; x and gradient are overwritten with the last one's.

    Returns
    -------
    found : bool
        Whether the search ended; if not, it tried too often, or the direction leads upwards.
    loss, slope : float
        At x.
    evaluations : int
    """
    loss, slope, step, evaluations = search.start.loss, search.start.slope, -1.0, 0
    if slope >= 0:
        return False, loss, slope, 0
    for _ in range(MOST_TRIES):
        if search.step != step:  # it may return to where it has just been
            step = search.step
            np.multiply(direction, step, out=x)
            x += start
            loss, evaluations = evaluate(x, gradient), evaluations + 1
            slope = dot(gradient, direction)
        if search.advance(loss, slope):
            return True, loss, slope, evaluations
    return False, loss, slope, evaluations


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """Return Σ a b of vectors (n,), added up in pieces: the bits do not depend on the number of a BLAS's threads."""
    whole = a.size // PIECE * PIECE
    if not whole:
        return float(np.dot(a, b))
    pieces = np.vecdot(a[:whole].reshape(-1, PIECE), b[:whole].reshape(-1, PIECE))
    return float(pieces.sum() + np.dot(a[whole:], b[whole:]))


def add_multiple(x: np.ndarray, factor: float, out: np.ndarray) -> None:
    """Add factor · x (n,) to out (n,), in pieces as well: where a BLAS cuts a long vector, it may round otherwise."""
    for start in range(0, x.size, PIECE):
        daxpy(x[start : start + PIECE], out[start : start + PIECE], a=factor)


def first_step(direction: np.ndarray) -> float:
    """Return the step of the first search, to a point at distance one."""
    length = float(np.sqrt(dot(direction, direction)))
    return min(1 / length, LONGEST) if length else LONGEST


def decide(last: bool, too_many: bool, before: float, loss: float, gradient: np.ndarray, tol: float) -> str:
    """Return why an iteration is the last one, or "": the limits come first, as in SciPy."""
    if last:
        return ITERATIONS
    if too_many:
        return EVALUATIONS
    if largest(gradient) <= tol:
        return FLAT
    return SLOW if before - loss <= LEAST_DECREASE * max(abs(before), abs(loss), 1.0) else ""


def largest(gradient: np.ndarray) -> float:
    """Return the largest magnitude, NaN if there is one."""
    return max(float(gradient.max()), -float(gradient.min()))
