"""A fit by a solver with all rows in each step: it runs the solver, and describes its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.optimize import _check_optimize_result

from ..common.user_warnings import warn_user
from ..engine.cores import ask_threads
from ..training.full_batch_loss import lbfgs
from ..training.iteration_callbacks import IterationCallbacks
from ..training.levenberg_marquardt import levenberg_marquardt
from ..training.newton_cg import newton_cg
from .fitting import Fitting

if TYPE_CHECKING:
    from .base import BaseMLP

SOLVERS: dict[str, Callable[..., Any]] = {
    "lbfgs": lbfgs, "newton-cg": newton_cg, "levenberg-marquardt": levenberg_marquardt
}  # fmt: skip
NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)


def solve(estimator: BaseMLP, fitting: Fitting, callbacks: IterationCallbacks | None = None) -> Any:
    """Train an estimator's network; return the solver's result.

    Raises
    ------
    ValueError
        If the solver cannot make a step.
    """
    e, progress = estimator, estimator._progress()
    options: dict[str, Any] = {
        "l2": float(e.alpha), "max_iter": e.max_iter, "tol": float(e.tol),
        "progress": progress, "n_threads": ask_threads(e.n_jobs), "callbacks": callbacks,
    }  # fmt: skip
    if e.solver == "lbfgs":
        options["max_fun"] = e.max_fun
    try:
        result = SOLVERS[e.solver](fitting.network, fitting.dataset, **options)
    finally:
        progress.end()
    if e.solver != "lbfgs" and not result.interrupted and not np.isfinite(result.fun):
        raise ValueError(
            f"{e.solver} cannot make a step: at the initial weights, which are finite, loss={e.loss!r} is "
            f"{result.fun}. Scale y and X, for instance with StandardScaler, or correct a custom loss."
        )
    return result


def describe(estimator: BaseMLP, fitting: Fitting, result: Any) -> None:
    """Set the attributes that describe the solver's result, and issue its warnings."""
    e, network = estimator, fitting.network
    e.loss_ = float(result.fun)
    if result.interrupted:
        e.n_iter_ = int(result.nit)
        return
    if e.solver == "lbfgs":
        e.n_iter_ = _check_optimize_result("lbfgs", result, e.max_iter)
    else:
        e.n_iter_ = int(result.nit)
        if not result.success:
            warn_user(f"{e.solver}: {result.message}", ConvergenceWarning)
    if not np.isfinite(network.params).all():
        raise ValueError(
            f"{NON_FINITE} They became infinite or NaN within {e.n_iter_} iterations of {e.solver}: scale "
            "the inputs (and a regressor's targets), for instance with StandardScaler."
        )
    if not np.isfinite(result.fun):
        e._report_loss("loss", e.loss_, f"iteration {e.n_iter_} of {e.solver}", network.loss_function)
