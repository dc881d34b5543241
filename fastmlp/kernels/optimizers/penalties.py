"""Clipping by value, and the sum that L1 adds to the loss.

`clip_by_value` is an update rule that calls another one, so that neither phase two nor the rules depend on it::

    row 0, 1   what `clip_by_value` reads, for weights and biases; L2 and SCALE of the step are written here
    row 2, 3   what the rule that follows reads: L2 = 0, SCALE = 1

Penalties are of the weights and not of the biases, divided as L2 is by the sum of the batch's weights:
``loss = (Σ wᵢ lossᵢ + l2 / 2 Σ p² + l1 Σ |p|) / Σ wᵢ``. The step that L1 takes is in `shrinkage`.
"""

from ...compiler.numba_backend import inline_reduction, kernel
from ..lowlevel.barrier import thread_range
from ..lowlevel.calls import PHASE_SIGNATURE, UPDATE_RULE_SIGNATURE, call_update_rule
from ..lowlevel.pointers import carray, doubles_at, load_int64, min_size, pointer_at, shift
from ..lowlevel.records import BEHIND, FLAT_TILE, LARGEST, N_STEP_RATES, RULE
from ..math.lanes import prefer_wide_vectors
from .hyperparameters import number_like, step_numbers


@kernel(*UPDATE_RULE_SIGNATURE)
def clip_by_value(param, d_param, state, n_params, n, hyperparameters):
    """d_param (n,) is overwritten with the gradient, each element clipped, and passed to the rule that follows.

    g = (d_param + L2 p) SCALE within ±LARGEST. NaN stays NaN. The step rates of the rule that follows are overwritten
    with this one's.
    """
    prefer_wide_vectors()
    p, d = carray(param, n), carray(d_param, n)
    _, l2, scale = step_numbers(p, hyperparameters)
    largest = number_like(p, hyperparameters, LARGEST)
    for i in range(n):
        g = (d[i] + l2 * p[i]) * scale
        g = largest if g > largest else g
        d[i] = -largest if g < -largest else g
    for i in range(N_STEP_RATES):
        hyperparameters[BEHIND + i] = hyperparameters[i]
    rule = load_int64(hyperparameters, RULE)
    call_update_rule(rule, param, d_param, state, n_params, n, shift(hyperparameters, BEHIND))


@kernel(*PHASE_SIGNATURE)
def store_magnitudes(task_record, layer_records, dtype_ptr):
    """magnitudes is overwritten with Σ |w| of this thread's tiles of the weights, FLAT_TILE numbers or fewer each."""
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    to = carray(doubles_at(task.magnitudes), task.n_magnitudes)
    at = 0
    for number in range(task.n_layers):
        size = layers[number].fan_in * layers[number].fan_out
        begin, end = thread_range(size, FLAT_TILE, task.thread, task.n_threads)
        for first in range(begin, end, FLAT_TILE):
            weight = shift(pointer_at(layers[number].weight, dtype_ptr), first)
            to[at + first // FLAT_TILE] = sum_of_magnitudes(weight, min_size(FLAT_TILE, end - first))
        at += (size + FLAT_TILE - 1) // FLAT_TILE


@inline_reduction
def sum_of_magnitudes(pointer, n):
    """Σ |x|, added up in the element's type."""
    values = carray(pointer, n)
    total = values.dtype.type(0)
    for i in range(n):
        total += abs(values[i])
    return total
