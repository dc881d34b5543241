"""Epochs with parameter groups and schedules of decay and dropout: in compiled code, and as plain NumPy."""

from dataclasses import fields, replace

import numpy as np
from helpers.guarded import assert_lines_are_zero
from helpers.guarded_rows import GuardedRows, assert_nothing_written_beside
from helpers.problems import assert_weight_copies_are_current, batches_with_weight
from helpers.regularized import SEED, make_epoch, shuffled, strides_of
from oracles import reference_regularization as plain
from oracles.reference_optimizers import case_of

from fastmlp.schedules import Polynomial, Schedule

#: Schedules that change in each of a training's first steps.
L2 = Polynomial(0.4, steps=7, final=0.02)
DECAY = Polynomial(0.7, steps=9, final=0.1)
DROPOUT = {
    "dropout": (Polynomial(0.6, steps=7, final=0.1), 0.3),
    "input_dropout": Polynomial(0.05, steps=11, final=0.5),
}


def value_of(value, t):
    return float(value(t)) if isinstance(value, Schedule) else value


def rates_of_step(regularization, n_hidden, t):
    """The dropout rate of each layer's inputs in step t."""
    dropout = regularization.dropout
    dropout = dropout if isinstance(dropout, tuple) else (dropout,) * n_hidden
    return [value_of(rate, t) for rate in (regularization.input_dropout, *dropout)]


def masks_of_step(regularization, layer_sizes, strides, t, rows):
    """The masks of each layer's inputs in step t, (rows, columns), or None; DropoutKeys have the seed SEED."""
    rates = rates_of_step(regularization, len(layer_sizes) - 2, t)
    return [
        plain.mask(plain.mask_key(SEED, t, layer), rate, rows, columns, stride) if rate else None
        for layer, (rate, columns, stride) in enumerate(zip(rates, layer_sizes[:-1], strides, strict=True))
    ]


class Group:
    """The weights of one layer, or its biases: factors, moments, and learning rates so far.

    The optimizer has a number as `weight_decay`, if any.
    """

    def __init__(self, optimizer, rate_factor, decay_factor, is_bias):
        self.optimizer, self.rate_factor, self.decay_factor, self.is_bias = (
            optimizer, rate_factor, decay_factor, is_bias
        )  # fmt: skip
        self.moments, self.etas = [0.0, 0.0, 0.0], []

    def step(self, p, g, t, eta, decay):
        """Step t = 0, 1, … of the papers' rule, with this group's learning rate and decay."""
        self.etas.append(eta * self.rate_factor)
        if hasattr(self.optimizer, "weight_decay"):
            self.optimizer = replace(self.optimizer, weight_decay=decay * self.decay_factor)
        numbers = {field.name: getattr(self.optimizer, field.name) for field in fields(self.optimizer)}
        del numbers["learning_rate"]
        case = case_of(self.optimizer)
        reference = (case.of_biases if self.is_bias else None) or case.reference
        stepped, self.moments = reference(p, g, self.moments, t + 1, self.etas[-1], **numbers)
        return stepped

    def shrink(self, before, after, lambdas):
        """L1's step."""
        case = case_of(self.optimizer)
        return plain.soft(after, case.threshold(self.optimizer, before, self.moments, self.etas, lambdas))


class PlainTraining:
    """The whole training in NumPy and float64.

    Parameters
    ----------
    problem : Problem
    optimizer : Optimizer
        Without factors.
    factors : array_like of shape (n_layers, 2, 2)
        See `Optimizer.factors`.
    l2 : float or Schedule
    regularization : Regularization
    strides : list of int
        The workspace's, on which masks depend.
    """

    def __init__(self, problem, optimizer, factors, l2, regularization, strides):
        self.problem, self.optimizer, self.l2, self.regularization = problem, optimizer, l2, regularization
        self.coefs, self.intercepts, self.data = problem.in_float64()
        self.strides, self.t, self.lambdas, self.average = strides, 0, [], None
        decay = getattr(optimizer, "weight_decay", 0.0)
        if isinstance(decay, Schedule):
            optimizer = replace(optimizer, weight_decay=0.0)
        self.decay = decay
        self.groups = [Group(optimizer, *factors[layer][0], False) for layer in range(len(self.coefs))]
        self.groups += [Group(optimizer, *factors[layer][1], True) for layer in range(len(self.coefs))]

    def epoch(self, batch_size):
        """Make an epoch; return its mean loss."""
        total, rows = 0.0, 0
        for batch in batches_with_weight(self.data, shuffled(self.problem), batch_size):
            total += self.step(batch) * len(batch[0])
            rows += len(batch[0])
        return total / max(rows, 1)

    def step(self, batch):
        """Make a step; return the batch's loss before it."""
        constants, problem, t = self.regularization, self.problem, self.t
        masks = masks_of_step(constants, problem.network.layout.layer_sizes, self.strides, t, len(batch[0]))
        epsilon, weight = np.finfo(problem.network.dtype).eps, batch[2].sum()
        value, d_coefs, d_intercepts = plain.masked_loss_and_gradients(
            self.coefs, self.intercepts, batch, 0.0, constants.l1, masks, problem.activation, problem.loss, epsilon
        )
        params, gradients, l2 = [*self.coefs, *self.intercepts], [*d_coefs, *d_intercepts], value_of(self.l2, t)
        penalties = [l2 * group.decay_factor for group in self.groups]
        value += sum(0.5 * each * (p**2).sum() for each, p in zip(penalties, params, strict=True)) / weight
        gradients = [g + each * p / weight for g, each, p in zip(gradients, penalties, params, strict=True)]
        gradients = [g * (group.rate_factor != 0) for g, group in zip(gradients, self.groups, strict=True)]
        strength = constants.l1 / weight
        if constants.clip_value is not None:
            gradients = plain.clip_by_value(gradients, constants.clip_value)
        if constants.clip_norm is not None:
            norm = np.sqrt(sum((g**2).sum() for g in gradients))
            strength *= min(1.0, constants.clip_norm / norm)
            gradients = plain.clip_by_norm(gradients, constants.clip_norm)
        self.lambdas.append(strength)
        eta, decay, after = float(self.optimizer.schedule(t)), value_of(self.decay, t), []
        for p, g, group in zip(params, gradients, self.groups, strict=True):
            if not group.rate_factor:
                after.append(p)
                continue
            stepped = group.step(p, g, t, eta, decay)
            if constants.l1 and not group.is_bias:
                stepped = group.shrink(p, stepped, self.lambdas)
            if constants.max_norm is not None and not group.is_bias:
                stepped = plain.limit_columns(stepped, constants.max_norm)
            after.append(stepped)
        self.coefs, self.intercepts = after[: len(self.coefs)], after[len(self.coefs) :]
        if constants.ema is not None:
            average = self.average or after
            self.average = [a + (1 - constants.ema) * (p - a) for a, p in zip(average, after, strict=True)]
        self.t += 1
        return value


def check_training(problem, optimizer, l2, regularization, batch_size=16, threads=1, epochs=2):
    """Compare epochs in compiled code with plain ones; inputs and targets are in guarded memory."""
    guarded, shapes = GuardedRows(problem), problem.network.layout.shapes
    epoch = make_epoch(problem, regularization, optimizer, batch_size, threads, guarded.dataset)
    factors = optimizer.factors(shapes)
    inner = optimizer if factors is None else optimizer.optimizer
    factors = np.array([[[1.0, 1.0], [1.0, 0.0]]] * len(shapes)) if factors is None else factors
    twin = PlainTraining(problem, inner, factors, l2, regularization, strides_of(epoch))
    losses, expected = zip(*[(epoch.run(l2), twin.epoch(batch_size)) for _ in range(epochs)], strict=True)
    tolerance = 1e-9 if problem.network.dtype == np.float64 else 2e-5
    np.testing.assert_allclose(losses, expected, rtol=tolerance)
    network = problem.network
    for ours, reference in zip([*network.coefs, *network.intercepts], [*twin.coefs, *twin.intercepts], strict=True):
        np.testing.assert_allclose(ours, reference, rtol=tolerance, atol=tolerance)
    if epoch.average is not None:
        layout = network.layout
        for ours, reference in zip(
            [*layout.coefs(epoch.average), *layout.intercepts(epoch.average)], twin.average, strict=True
        ):
            np.testing.assert_allclose(ours, reference, rtol=tolerance, atol=tolerance)
    assert_nothing_written_beside(network, epoch.workspace)
    assert_lines_are_zero(epoch.team.barrier)
    guarded.assert_untouched()
    assert_weight_copies_are_current(epoch.workspace)
    return epoch
