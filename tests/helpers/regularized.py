"""Epochs with all options of a step, in compiled code and by references."""

from functools import partial

import numpy as np
from helpers.guarded import assert_lines_are_zero
from helpers.guarded_rows import GuardedRows, assert_nothing_written_beside, take_step
from helpers.problems import assert_weight_copies_are_current, batches_with_weight
from oracles import reference_regularization as plain
from oracles.optimizer_case import FALLING, RATE
from oracles.reference_optimizers import CASES, threshold

from fastmlp.optimizers import LAMB, SGD
from fastmlp.training.dropout_keys import DropoutKeys
from fastmlp.training.epoch import EpochRunner

SEED = 12345678901234567890
L2 = 0.05

#: Each option alone, and all together.
EACH = {
    "l1": {"l1": 0.2},
    "clip_value": {"clip_value": 0.01},
    "clip_norm": {"clip_norm": 0.05},
    "max_norm": {"max_norm": 0.6},
    "dropout": {"dropout": 0.4},
    "input_dropout": {"input_dropout": 0.3},
    "all": {"l1": 0.2, "clip_value": 0.02, "clip_norm": 0.05, "max_norm": 0.6, "dropout": 0.4, "input_dropout": 0.3},
}
OPTIMIZERS = {"momentum": SGD(RATE, momentum=0.9), "lamb": LAMB(RATE, 0.8, 0.95, 1e-3, 0.1)}
#: Every update rule, some with a falling learning rate.
RULES = {
    **{name: case.in_training for name, case in CASES.items()},
    **OPTIMIZERS,
    "falling momentum": SGD(FALLING, momentum=0.7),
    "momentum that stays": SGD(RATE / 9, momentum=1.0),
}


def make_epoch(problem, constants, optimizer="momentum", batch_size=None, threads=1, rows=None, masks=None):
    """An epoch over all rows of the problem, in a fixed random order."""
    order = shuffled(problem)
    rows, masks = rows or problem.dataset, masks or DropoutKeys(SEED)
    optimizer = RULES.get(optimizer, optimizer)
    return EpochRunner(problem.network, rows, optimizer, order, batch_size or len(order), threads, constants, masks)


def shuffled(problem):
    return np.random.RandomState(3).permutation(len(problem.X)).astype(np.int64)


def strides_of(epoch):
    return [int(stride) for stride in epoch.workspace.layers["input_stride"]]


def masks_of_step(constants, layer_sizes, strides, step, rows):
    """The reference's masks of each layer's inputs, (rows, columns), or None."""
    rates = constants.input_rates(len(layer_sizes) - 2)
    return [
        plain.mask(plain.mask_key(SEED, step, layer), rate, rows, columns, stride) if rate else None
        for layer, (rate, columns, stride) in enumerate(zip(rates, layer_sizes[:-1], strides, strict=True))
    ]


def train_plainly(problem, constants, optimizer, batch_size, strides, epochs=1):
    """(losses of the epochs, coefs, intercepts) by references only."""
    coefs, intercepts, data = problem.in_float64()
    moments = [[0.0, 0.0, 0.0] for _ in range(2 * len(coefs))]
    rule, etas, lambdas = RULES.get(optimizer, optimizer), [], []

    def shrink(strength):
        lambdas.append(strength)
        return lambda before, after, kept: plain.soft(after, threshold(rule, before, kept, etas, lambdas))

    order, layer_sizes, losses, t = shuffled(problem), problem.network.layout.layer_sizes, [], 0
    for _ in range(epochs):
        sum_of_losses, rows_counted = 0.0, 0
        for batch in batches_with_weight(data, order, batch_size):
            n_rows = len(batch[0])
            masks = masks_of_step(constants, layer_sizes, strides, t, n_rows)
            etas.append(float(rule.schedule(t)))
            t += 1
            update = partial(take_step, rule, t, etas[-1])
            loss = plain.train_step(
                coefs, intercepts, moments, update, shrink, batch, L2, constants, masks, problem.activation,
                problem.loss, np.finfo(problem.network.dtype).eps,
            )  # fmt: skip
            sum_of_losses += loss * n_rows
            rows_counted += n_rows
        losses.append(sum_of_losses / max(rows_counted, 1))
    return losses, coefs, intercepts


def check_training(problem, constants, optimizer="momentum", batch_size=16, threads=1):
    """Compare two epochs in compiled code with references; inputs and targets are in guarded memory."""
    batch_size = min(batch_size, len(problem.X))
    guarded = GuardedRows(problem)
    before = problem.in_float64()
    epoch = make_epoch(problem, constants, optimizer, batch_size, threads, guarded.dataset)
    expected, coefs, intercepts = train_plainly(problem, constants, optimizer, batch_size, strides_of(epoch), epochs=2)
    losses = [epoch.run(L2), epoch.run(L2)]
    tolerance = 1e-9 if problem.network.dtype == np.float64 else 2e-5
    np.testing.assert_allclose(losses, expected, rtol=tolerance)
    network = problem.network
    for ours, reference in zip([*network.coefs, *network.intercepts], [*coefs, *intercepts], strict=True):
        np.testing.assert_allclose(ours, reference, rtol=tolerance, atol=tolerance)
    assert any(np.any(coef != old) for coef, old in zip(network.coefs, before[0], strict=True))
    assert_nothing_written_beside(network, epoch.workspace)
    assert_lines_are_zero(epoch.team.barrier)
    guarded.assert_untouched()
    assert_weight_copies_are_current(epoch.workspace)
    return epoch


def results(problem, constants, optimizer="momentum", batch_size=16, threads=1, epochs=2):
    """Losses and the bits of all parameters and moments."""
    epoch = make_epoch(problem, constants, optimizer, batch_size, threads)
    losses = [epoch.run(L2) for _ in range(epochs)]
    return losses, problem.network.params.tobytes(), epoch.state.tobytes()
