"""The roofline: the arithmetic of a training step over the rate of the host's own best tile.

    share = operations of the step's matrix products / seconds of the step / best rate of one tile on operands in cache

`whole step` counts every second of an epoch: the shuffle, gathering, activations, loss, update. `products alone` runs
the same products on the same memory, without what a step does between them.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np

from .calls import SECONDS, measure_calls
from .cases import Case
from .data import make_data
from .findings import Finding
from .ratios import Spread, paired_ratio

SHAPES = ((8, 256), (16, 128), (32, 64), (32, 128), (64, 64))  # rows, depth of a product one tile wide: all in L1
REPEATS = 100
STEPS = 4


def measure_roofline(case: Case, dtype: str, pairs: int, threads: int, seconds: float = SECONDS) -> Iterator[Finding]:
    """Yield the share of the whole step, the share of the products, and the best rate. One thread, dense rows."""
    tiles = {f"tile {shape}": make_tile_call(dtype, *shape) for shape in SHAPES}
    epoch, products = make_step_calls(case, dtype)
    rates = measure_calls({name: call for name, (call, _) in tiles.items()}, 1, seconds)
    best = min(tiles, key=lambda name: min(rates[name]) / tiles[name][1])
    call, operations = tiles[best]
    times = measure_calls({"tile": call, "epoch": epoch[0], "products": products[0]}, pairs, seconds)
    gigaflops = [operations / t / 1e9 for t in times["tile"]]
    yield Finding("best tile in cache", dtype, threads, _spread(gigaflops), "GFLOP/s")
    per_operation = [t / operations for t in times["tile"]]
    for what, name, count in (("whole step", "epoch", epoch[1]), ("products alone", "products", products[1])):
        inverse = [t / count for t in times[name]]
        ratio = paired_ratio(inverse, per_operation)
        share = Spread(*(100 * part for part in (ratio.median, ratio.low, ratio.high)))
        yield Finding(f"{case.name}: {what}", dtype, threads, share, "%", "the best tile's rate")


def _spread(values: list[float]) -> Spread:
    return Spread(float(np.median(values)), min(values), max(values))


def make_tile_call(dtype: str, rows: int, depth: int):
    """Return a call that multiplies REPEATS times with one full tile's columns, and its number of operations."""
    from fastmlp.compiler.cpu import VECTOR_BITS
    from fastmlp.engine.buffers import aligned
    from fastmlp.kernels.linalg.dense import multiply
    from fastmlp.kernels.lowlevel.records import TILE_VECTORS

    from .kernels import multiply_often

    columns = TILE_VECTORS * VECTOR_BITS // (8 * np.dtype(dtype).itemsize)
    rng = np.random.default_rng(0)
    arrays = [aligned(shape, dtype) for shape in ((rows, columns), (rows, depth), (depth, columns), columns)]
    for array in arrays:
        array[...] = rng.standard_normal(array.shape)
    addresses = [array.ctypes.data for array in arrays]
    entry = multiply_often.entry(dtype)

    def call():
        assert arrays  # the addresses are theirs
        entry(multiply.address(dtype), *addresses, rows, columns, depth, REPEATS)

    return call, 2 * rows * columns * depth * REPEATS


def make_step_calls(case: Case, dtype: str):
    """Return two calls with their numbers of operations: an epoch of training, and the products of STEPS batches."""
    from fastmlp.training.shuffling import shuffle

    from .kernels import products_of_steps

    epoch, order, random_state = make_epoch(case, dtype)

    def one_epoch():
        shuffle(order, random_state)
        epoch.run(1e-4)

    one_epoch()  # the buffers hold what a step leaves there
    arguments = (*epoch.workspace.arguments(), case.batch, STEPS, epoch.workspace.network.params.ctypes.data)
    products = partial(products_of_steps.entry(dtype), *arguments)
    return (one_epoch, case.operations() * case.rows), (products, case.operations() * case.batch * STEPS)


def make_epoch(case: Case, dtype: str):
    """Return what fastmlp's fit runs once an epoch, with the row order and its generator."""
    import fastmlp

    X, y = make_data(case, dtype)
    kind = fastmlp.MLPClassifier if case.task == "classification" else fastmlp.MLPRegressor
    model = kind(
        hidden_layer_sizes=case.hidden, activation=case.activation, batch_size=case.batch, random_state=0, n_jobs=1
    )
    fitting = model._prepare(X, y, None, incremental=False, classes=None)
    return fitting.runner, fitting.state.order, fitting.state.random_state
