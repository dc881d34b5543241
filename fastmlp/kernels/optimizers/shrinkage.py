"""L1 by a proximal step: after its update each weight goes towards zero by a threshold, and no further than zero.

A rule steps by P times a mean of the gradients g, P > 0 for each weight by itself. What follows it is the minimum of
``½ (w − w′)² / P + λ |w|``, w′ being where the rule has put the weight::

    w = soft(w′, P λ),    soft(w, τ) = sign(w) max(|w| − τ, 0),    λ = l1 / Σ wᵢ of the batch

with the same mean of λ as the rule takes of g (Adam's, or momentum's with its rates in it). Where training comes to
rest, the gradient is −λ sign(w), or within ±λ where w is zero: the minimum of loss and penalty together, whatever the
rule.

::

    threshold    RATE MEAN / D, at most MOST
    MEAN         KEPT MEAN + GIVEN λ, from step to step
    D            1, or what the rule divides by, from its moments

The limit matters where D is much less than λ, as at the minimum of the loss alone: without it a weight would jump to
zero from far away.

`shrink_weights` is a phase (see `phases`); the other kernels are what it calls, with the signature of update rules (of
which `d_param` is not read). hyperparameters holds SHRINKAGE = λ, MEAN, MOMENT (which of the rule's moments is read),
KEPT, and MEAN_FACTOR: a parameter group's factor of MEAN, that of its learning rate where GIVEN contains this; the step
rates GIVEN and MOST: see `RunningOptimizer.step_rates`.

Source: Yun, Lozano and Yang (2021), "Adaptive proximal gradient methods for structured neural networks"; for plain
descent Duchi and Singer (2009), "Efficient online and batch learning using forward backward splitting".
"""

import numpy as np

from ...compiler.numba_backend import inline_ir, inline_llvm, kernel
from ..lowlevel.barrier import thread_range
from ..lowlevel.calls import PHASE_SIGNATURE, call_update_rule
from ..lowlevel.pointers import carray, doubles_at, pointer_at, shift
from ..lowlevel.records import (
    BETA_1,
    EPSILON,
    FLAT_TILE,
    GIVEN,
    KEPT,
    LEARNING_RATE,
    MEAN,
    MEAN_FACTOR,
    MOMENT,
    MOMENTUM,
    MOST,
    N_HYPERPARAMETERS,
    N_STEP_RATES,
    RATE_1,
    RATE_2,
    SHRINKAGE,
)
from ..math.lanes import prefer_wide_vectors
from .lamb import trust_of
from .sgd_adam import SIGNATURE


@inline_llvm
def soft(w, threshold, zero):
    """w, nearer to zero by the threshold, and zero where it is no larger; NaN stays NaN."""
    kept = zero if abs(w) <= threshold else w
    kept = w - threshold if w > threshold else kept
    return w + threshold if w < -threshold else kept


@kernel(*PHASE_SIGNATURE)
def shrink_weights(task_record, layer_records, dtype_ptr):
    """A thread's tiles of the weights are shrunk.

    mean_shrinkage is updated, by the rates without a group's factors; the rates, SHRINKAGE and MEAN of the rows of
    weights in rule_hyperparameters are overwritten.
    """
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    kept = doubles_at(task.rule_hyperparameters)[KEPT]
    step_rates = carray(doubles_at(task.step_rates), task.steps_made * N_STEP_RATES)
    given = step_rates[(task.steps_made - 1) * N_STEP_RATES + GIVEN]  # phase two has counted this step
    task.mean_shrinkage = kept * task.mean_shrinkage + given * task.shrinkage
    for number in range(task.n_layers):
        layer = layers[number]
        if layer.frozen_weights != 0:
            continue
        rates, hyperparameters = (
            carray(shift(doubles_at(task.hyperparameters), layer.rule_offset), N_STEP_RATES),
            carray(shift(doubles_at(task.rule_hyperparameters), layer.rule_offset), N_HYPERPARAMETERS),
        )
        for i in range(N_STEP_RATES):  # who had no tile in phase two was not told
            hyperparameters[i] = rates[i]
        hyperparameters[SHRINKAGE] = task.shrinkage
        hyperparameters[MEAN] = task.mean_shrinkage * hyperparameters[MEAN_FACTOR]
        begin, end = thread_range(layer.fan_in * layer.fan_out, FLAT_TILE, task.thread, task.n_threads)
        weight = shift(pointer_at(layer.weight, dtype_ptr), begin)
        moments = shift(pointer_at(task.moments, dtype_ptr), layer.weight_offset + begin)
        call_update_rule(
            task.shrink, weight, weight, moments, task.n_params, end - begin,
            shift(doubles_at(task.rule_hyperparameters), layer.rule_offset),
        )  # fmt: skip


# D = 1


@inline_ir
def shrink_all(param, n, threshold):
    """param (n,) is shrunk by one threshold for all."""
    prefer_wide_vectors()
    p = carray(param, n)
    tau, zero = p.dtype.type(threshold), p.dtype.type(0)
    for i in range(n):
        p[i] = soft(p[i], tau, zero)


@kernel(*SIGNATURE)
def shrink(param, d_param, state, n_params, n, hyperparameters):
    """By MEAN, whose GIVEN is the learning rate: plain descent, and momentum."""
    shrink_all(param, n, hyperparameters[MEAN])


@kernel(*SIGNATURE)
def shrink_ahead(param, d_param, state, n_params, n, hyperparameters):
    """By μ MEAN + η λ: Nesterov's momentum, μ = MOMENTUM."""
    shrink_all(
        param,
        n,
        hyperparameters[MOMENTUM] * hyperparameters[MEAN] + hyperparameters[LEARNING_RATE] * hyperparameters[SHRINKAGE],
    )


# D = √s + ε


@inline_ir
def shrink_by_root_of(param, moment, n, reach, plain, hyperparameters):
    """param (n,) is shrunk by reach / (√s + ε), at most MOST, and by `plain` beside it; moment (n,) is s."""
    prefer_wide_vectors()
    p, s = carray(param, n), carray(moment, n)
    far, most, epsilon = (
        p.dtype.type(reach),
        p.dtype.type(hyperparameters[MOST]),
        p.dtype.type(hyperparameters[EPSILON]),
    )
    always, zero = p.dtype.type(plain), p.dtype.type(0)
    for i in range(n):
        threshold = far / (np.sqrt(s[i]) + epsilon)
        threshold = most if threshold > most else threshold
        p[i] = soft(p[i], threshold + always, zero)


@kernel(*SIGNATURE)
def shrink_by_root(param, d_param, state, n_params, n, hyperparameters):
    """By η MEAN / (√s + ε): Adam, AMSGrad, AdamW, AdaGrad."""
    moment = shift(state, np.int64(hyperparameters[MOMENT]) * n_params)
    shrink_by_root_of(param, moment, n, hyperparameters[LEARNING_RATE] * hyperparameters[MEAN], 0.0, hyperparameters)


@kernel(*SIGNATURE)
def shrink_by_root_ahead(param, d_param, state, n_params, n, hyperparameters):
    """By (η MEAN + RATE_1 λ) / (√v + ε): NAdam."""
    reach = (
        hyperparameters[LEARNING_RATE] * hyperparameters[MEAN] + hyperparameters[RATE_1] * hyperparameters[SHRINKAGE]
    )
    shrink_by_root_of(param, shift(state, n_params), n, reach, 0.0, hyperparameters)


@kernel(*SIGNATURE)
def shrink_by_root_or_plainly(param, d_param, state, n_params, n, hyperparameters):
    """By η MEAN / (√v + ε) + RATE_1 MEAN: RAdam, where one of the two rates is zero."""
    reach, plain = (
        hyperparameters[LEARNING_RATE] * hyperparameters[MEAN],
        hyperparameters[RATE_1] * hyperparameters[MEAN],
    )
    shrink_by_root_of(param, shift(state, n_params), n, reach, plain, hyperparameters)


# Other D


@kernel(*SIGNATURE)
def shrink_by_deviation(param, d_param, state, n_params, n, hyperparameters):
    """By MEAN / √(v + ε), GIVEN being the learning rate, at most 2 MEAN / λ: RMSProp.

    With MOMENT = 1, centred, by MEAN / √(v − m² + ε) without limit: so long may its steps become.
    """
    prefer_wide_vectors()
    p, v, m = carray(param, n), carray(state, n), carray(shift(state, np.int64(hyperparameters[MOMENT]) * n_params), n)
    longest = np.inf if hyperparameters[MOMENT] > 0.0 else 2.0 * (hyperparameters[MEAN] / hyperparameters[SHRINKAGE])
    reach, most, epsilon = (
        p.dtype.type(hyperparameters[MEAN]),
        p.dtype.type(longest),
        p.dtype.type(hyperparameters[EPSILON]),
    )
    centred, zero = p.dtype.type(hyperparameters[MOMENT]), p.dtype.type(0)
    for i in range(n):
        variance = v[i] - centred * (m[i] * m[i])
        variance = zero if variance < zero else variance
        threshold = reach / np.sqrt(variance + epsilon)
        p[i] = soft(p[i], most if threshold > most else threshold, zero)


@kernel(*SIGNATURE)
def shrink_by_size(param, d_param, state, n_params, n, hyperparameters):
    """By η MEAN / |s|, where s is zero by MOST: AdaMax; and Lion, whose η sign(c) is η / |c| times c, with m for c."""
    prefer_wide_vectors()
    p, s = carray(param, n), carray(shift(state, np.int64(hyperparameters[MOMENT]) * n_params), n)
    reach, most = (
        p.dtype.type(hyperparameters[LEARNING_RATE] * hyperparameters[MEAN]),
        p.dtype.type(hyperparameters[MOST]),
    )
    zero = p.dtype.type(0)
    for i in range(n):
        size = abs(s[i])
        threshold = most if reach >= most * size else reach / size
        p[i] = soft(p[i], threshold, zero)


@kernel(*SIGNATURE)
def shrink_by_steps(param, d_param, state, n_params, n, hyperparameters):
    """By η MEAN √(u + ε) / √(v + ε), at most MOST √(u + ε): AdaDelta."""
    prefer_wide_vectors()
    p, v, u = carray(param, n), carray(state, n), carray(shift(state, n_params), n)
    reach, epsilon = (
        p.dtype.type(hyperparameters[LEARNING_RATE] * hyperparameters[MEAN]),
        p.dtype.type(hyperparameters[EPSILON]),
    )
    most, zero = p.dtype.type(hyperparameters[MOST]), p.dtype.type(0)
    for i in range(n):
        threshold = reach / np.sqrt(v[i] + epsilon)
        threshold = most if threshold > most else threshold
        p[i] = soft(p[i], threshold * np.sqrt(u[i] + epsilon), zero)


# LAMB


@kernel(*PHASE_SIGNATURE)
def shrink_by_trust(task_record, layer_records, dtype_ptr):
    """LAMB's `shrink_weights`, r being a layer's trust ratio: by r η RATE_1 MEAN / (RATE_2 √v + ε), at most 2 r η.

    mean_shrinkage is updated.
    """
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    hyperparameters = carray(doubles_at(task.rule_hyperparameters), N_HYPERPARAMETERS)
    task.mean_shrinkage = (
        hyperparameters[BETA_1] * task.mean_shrinkage + (1.0 - hyperparameters[BETA_1]) * task.shrinkage
    )
    at = 0
    for number in range(task.n_layers):
        layer = layers[number]
        size = layer.fan_in * layer.fan_out
        step_rates = carray(shift(doubles_at(task.hyperparameters), layer.rule_offset), N_STEP_RATES)
        mean = step_rates[RATE_1] * task.mean_shrinkage
        eta = step_rates[LEARNING_RATE] * trust_of(shift(doubles_at(task.sums), at), size)
        begin, end = thread_range(size, FLAT_TILE, task.thread, task.n_threads)
        weight = shift(pointer_at(layer.weight, dtype_ptr), begin)
        moments = shift(pointer_at(task.moments, dtype_ptr), task.n_params + layer.weight_offset + begin)
        if layer.frozen_weights == 0:
            shrink_trusted(weight, moments, end - begin, eta, mean, step_rates[RATE_2], hyperparameters[EPSILON])
        at += 2 * ((size + FLAT_TILE - 1) // FLAT_TILE)


@inline_ir
def shrink_trusted(weight, moments, n, eta, mean, correction, epsilon):
    """weight (n,) is shrunk by η min(mean / (correction √v + ε), 2); moments (n,) are v."""
    prefer_wide_vectors()
    p, v = carray(weight, n), carray(moments, n)
    reach, most, zero = p.dtype.type(eta * mean), p.dtype.type(2.0 * eta), p.dtype.type(0)
    correct, small = p.dtype.type(correction), p.dtype.type(epsilon)
    for i in range(n):
        threshold = reach / (correct * np.sqrt(v[i]) + small)
        p[i] = soft(p[i], most if threshold > most else threshold, zero)
