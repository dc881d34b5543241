"""`FullBatch`: loss and gradient over all rows; and L-BFGS on top of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import OptimizeResult

from ..common.user_warnings import warn_user
from ..compiler.kernel import KernelModule
from ..engine.cores import Threads
from ..engine.dataset import Dataset
from ..engine.model import Model, TrainableModel
from ..engine.slicing import Slicer, Stopped
from ..engine.threads import Team, useful_threads
from ..engine.training_workspace import TrainingWorkspace
from .iteration_callbacks import IterationCallbacks
from .lbfgs import minimize
from .placed_inputs import place_inputs
from .progress import Progress
from .sparse_gradient import scatter_many_rows

if TYPE_CHECKING:
    from ..kernels.loop import full_batch as _kernels
else:
    _kernels = KernelModule("loop.full_batch")

#: Number of rows whose activations are held at a time; more for a network with many weights, because the gradient goes
#: through memory for every chunk; at most the second number, with buffers no larger than the weights.
CHUNK_ROWS, MOST_CHUNK_ROWS = 512, 4096
#: How many parameters a pass over all of them handles at a time, so that they stay in the near caches.
PASS = 1 << 14


class FullBatch:
    """Loss and gradient of a network over all rows.

    loss = Σ wᵢ lossᵢ / Σ wᵢ + α / (2 Σ wᵢ) Σ weight², in float64; the gradient in the network's type.

    Where `is_over` answers True, an evaluation raises `Stopped`; it is asked between slices of the rows.
    """

    def __init__(
        self,
        network: TrainableModel,
        dataset: Dataset,
        l2: float,
        n_threads: Threads = 1,
        is_over: Callable[[], bool] | None = None,
    ) -> None:
        self.is_over = is_over
        self.network, self.l2 = network, l2 / dataset.weight_divisor
        chunk = chunk_rows(network, dataset)
        self.steps = -(-dataset.n_rows // chunk)
        self.order = np.arange(dataset.n_rows, dtype=np.int64)
        self.team = Team(useful_threads(network, chunk, n_threads, dataset.n_rows))
        self.workspace = TrainingWorkspace(network, dataset, chunk, n_threads=self.team.size)
        self.workspace.use_order(self.order, chunk)
        scatter_many_rows(self.workspace)
        close_up_single_outputs(self.workspace.layers)
        self.inputs = place_inputs(self.workspace, chunk)
        self.layers = np.tile(self.workspace.layers, (self.team.size, 1))
        self.team.attach(self.workspace.tasks)
        self.slicer = Slicer()
        self.add_gradients = _kernels.add_gradients.entry(network.dtype)
        self.gradient = np.zeros(network.layout.size, network.dtype)
        self.scratch = np.empty(min(PASS, network.layout.size), network.dtype)

    def __call__(self, params: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss and the gradient at `params`, which are copied into the network."""
        gradient = np.empty_like(self.gradient)
        return self.evaluate(params, gradient), gradient

    def evaluate(self, params: np.ndarray, out: np.ndarray) -> float:
        """Return the loss at `params`, copied into the network; out (n_params,) is overwritten with the gradient."""
        if self.is_over is not None and self.is_over():
            raise Stopped
        network, task = self.network, self.workspace.task
        network.params[...] = params
        self.workspace.refresh_weight_copies()
        self.gradient[...] = 0
        self.workspace.reset_results()
        if not self.slicer.run(self._chunks, self.steps, self.is_over):
            raise Stopped
        total = float(task["weight_sum"])
        squares = 0.0
        for coef in network.coefs:
            squares += float(np.vdot(coef, coef))
        self._complete(out, self.gradient.dtype.type(total))
        return (float(task["loss_sum"]) + 0.5 * self.l2 * squares) / total

    def _complete(self, out: np.ndarray, total: np.floating) -> None:
        """Overwrite out with the mean gradient, L2 included, piece by piece: it goes through memory once."""
        layout, params = self.network.layout, self.network.params
        places = zip(layout.weight_offsets, layout.bias_offsets, layout.layer_sizes[1:], strict=True)
        for weights, biases, fan_out in places:
            for start in range(weights, biases, PASS):
                piece = slice(start, min(start + PASS, biases))
                mean = self.scratch[: piece.stop - start]
                np.multiply(params[piece], self.l2, out=mean)
                np.add(self.gradient[piece], mean, out=mean)
                np.divide(mean, total, out=mean)
                out[piece] = mean
            piece = slice(biases, biases + fan_out)
            out[piece] = self.gradient[piece] / total

    def _chunks(self, start: int, stop: int) -> None:
        gradient = self.gradient.ctypes.data

        def chunks_of(thread: int) -> None:
            task, layers = self.workspace.arguments(thread)[0], self.layers[thread].ctypes.data
            self.add_gradients(task, layers, start, stop, gradient)

        self.team.run(chunks_of, self.is_over)


def close_up_single_outputs(layers: np.ndarray) -> None:
    """Let the outputs and deltas of hidden layers with one output follow one another: each has a cache line else.

    In a mini-batch they must not: dropout's masks depend on where a number lies.
    """
    for layer, following in itertools.pairwise(layers):
        if layer["fan_out"] == 1:
            layer["stride"] = following["input_stride"] = 1


def chunk_rows(network: Model, dataset: Dataset) -> int:
    """Rows of a chunk, which depend on the sizes of network and dataset alone."""
    layer_sizes = network.layout.layer_sizes
    numbers_of_a_row = 2 * sum(layer_sizes[1:]) + (0 if dataset.sparse else layer_sizes[0])
    as_large_as_the_weights = min(network.layout.size // numbers_of_a_row, MOST_CHUNK_ROWS)
    return int(min(max(CHUNK_ROWS, as_large_as_the_weights), dataset.n_rows))


def lbfgs(
    network: TrainableModel,
    dataset: Dataset,
    *,
    l2: float,
    max_iter: int,
    max_fun: int,
    tol: float,
    progress: Progress,
    n_threads: Threads = 1,
    callbacks: IterationCallbacks | None = None,
) -> Any:
    """Minimize the loss over all rows by L-BFGS; the network holds the result, or the last iterate after an error.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        With one more entry, `interrupted`: whether Ctrl-C or a callback has ended it, with the last iterate. If that
        was before the first loss was known, `fun` is NaN.
    """
    is_over = None if callbacks is None else callbacks.is_over
    loss_and_gradient = FullBatch(network, dataset, l2, n_threads, is_over)
    x = network.params.astype(np.float64)
    latest = OptimizeResult(x=x.copy(), fun=np.nan, nit=0, interrupted=True)
    modes = np.geterr()  # `minimize` ignores what NumPy reports; callbacks do not

    def before_iteration(loss: float) -> None:
        if not latest.nit:
            latest.fun = loss
        if callbacks is not None:
            with np.errstate(**modes):
                callbacks.begin_iteration()

    def after_iteration(params: np.ndarray, loss: float) -> None:
        latest.x[...], latest.fun = params, loss
        latest.nit += 1
        progress.epoch(latest.nit, latest.fun)
        if callbacks is not None:
            network.params[...] = params
            with np.errstate(**modes):
                if callbacks.end_iteration(latest.nit, latest.fun):
                    raise Stopped

    try:
        with loss_and_gradient.team:
            result = minimize(
                loss_and_gradient.evaluate, x, max_iter=max_iter, max_fun=max_fun, tol=tol,
                after_iteration=after_iteration, before_iteration=before_iteration,
            )  # fmt: skip
        result.interrupted = False
    except KeyboardInterrupt:
        warn_user("Training interrupted by user.")
        result = latest
    except Stopped:
        result = latest
    except BaseException:
        network.params[...] = latest.x
        raise
    network.params[...] = result.x
    return result
