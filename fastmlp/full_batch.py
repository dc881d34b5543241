"""Solvers on the whole gradient: L-BFGS, scipy's driver over our compiled loss and gradient."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.optimize

from .cores import Threads
from .data import Rows
from .interruptible import Slicer
from .model import TrainableModel
from .progress import Progress
from .team import Team, useful_threads
from .units import full_batch as _kernels
from .workspace import Workspace

#: Rows whose activations are held at a time.
CHUNK_ROWS = 512


class FullBatch:
    """Loss and gradient of a network over all rows.

    loss = Σ wᵢ lossᵢ / Σ wᵢ + α / (2 Σ wᵢ) Σ weight², in float64; the gradient in the network's type.
    """

    def __init__(self, network: TrainableModel, rows: Rows, l2: float, n_threads: Threads = 1) -> None:
        self.network, self.l2 = network, l2
        chunk = min(CHUNK_ROWS, rows.n_rows)
        self.steps = -(-rows.n_rows // chunk)
        self.order = np.arange(rows.n_rows, dtype=np.int64)
        self.team = Team(useful_threads(network, chunk, n_threads, rows.n_rows))
        self.workspace = Workspace(network, rows, chunk, training=True, n_threads=self.team.size)
        self.workspace.use_order(self.order)
        self.workspace.tasks["batch_size"] = chunk
        self.team.attach(self.workspace.tasks)
        self.slicer = Slicer()
        self.add_gradients = _kernels.add_gradients.entry(network.dtype)
        self.gradient = np.zeros(network.layout.size, network.dtype)

    def __call__(self, params: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss and the gradient at `params`, which become the network's."""
        network, task = self.network, self.workspace.task
        network.params[...] = params
        self.workspace.copy_twins()
        self.gradient[...] = 0
        self.workspace.tasks["loss_sum"] = self.workspace.tasks["weight_sum"] = 0
        self.slicer.run(self._chunks, self.steps)
        total = float(task["weight_sum"])
        squares = 0.0
        for coef, d_coef in zip(network.coefs, network.layout.coefs(self.gradient), strict=True):
            squares += float(np.vdot(coef, coef))
            d_coef += self.l2 * coef
        loss = (float(task["loss_sum"]) + 0.5 * self.l2 * squares) / total
        return loss, self.gradient / self.gradient.dtype.type(total)

    def _chunks(self, start: int, stop: int) -> None:
        gradient = self.gradient.ctypes.data

        def chunks_of(thread: int) -> None:
            self.add_gradients(*self.workspace.arguments(thread), start, stop, gradient)

        self.team.run(chunks_of)


def lbfgs(
    network: TrainableModel,
    rows: Rows,
    *,
    l2: float,
    max_iter: int,
    max_fun: int,
    tol: float,
    progress: Progress,
    n_threads: Threads = 1,
) -> Any:
    """Minimise the loss over all rows by L-BFGS; the network holds the result.

    Source: Byrd, Lu, Nocedal and Zhu (1995), as SciPy drives it.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        With one more entry, `interrupted`: Ctrl-C came, and the network holds the last iterate.
    """
    loss_and_gradient = FullBatch(network, rows, l2, n_threads)
    latest = scipy.optimize.OptimizeResult(x=network.params.astype(np.float64), fun=np.inf, nit=0)

    def in_float64(params: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = loss_and_gradient(params)
        return loss, gradient.astype(np.float64, copy=False)

    def after_iteration(intermediate_result: Any) -> None:
        latest.x, latest.fun = intermediate_result.x.copy(), float(intermediate_result.fun)
        latest.nit += 1
        progress.epoch(latest.nit, latest.fun)

    try:
        with loss_and_gradient.team:
            result = scipy.optimize.minimize(
                in_float64,
                latest.x,
                method="L-BFGS-B",
                jac=True,
                options={"maxfun": max_fun, "maxiter": max_iter, "gtol": tol},
                callback=after_iteration,
            )
        result.interrupted = False
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=6)
        result = latest
        result.interrupted = True
    network.params[...] = result.x
    return result
