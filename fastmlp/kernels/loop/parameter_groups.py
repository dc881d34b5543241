"""Parameter groups: rates, L2 and decay of each layer's weights and biases, which may change from step to step.

::

    group_rates       (steps, n_groups, 2, N_GROUP_RATES)   step rates, L2 and decay; computed in Python for many steps
    hyperparameters   (n_groups, 2, N_HYPERPARAMETERS)      weights and biases of each group, group_size apart
    layer.rule_offset                                       where a layer's group begins

There is one group for each layer, or one for all where only decay has a schedule. A step without groups does not call
this module: its hyperparameters are one group, whose rates `set_hyper` writes.
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..linalg.norms import sum_of_squares_in_double
from ..lowlevel.barrier import thread_range
from ..lowlevel.calls import PHASE_SIGNATURE, call_phase
from ..lowlevel.pointers import carray, doubles_at, min_size, pointer_at, shift
from ..lowlevel.records import (
    FLAT_TILE,
    GROUP_DECAY,
    GROUP_L2,
    L2,
    N_GROUP_RATES,
    N_HYPERPARAMETERS,
    N_STEP_RATES,
    SCALE,
    WEIGHT_DECAY,
)


@inline_ir
def rates_of_row(task, row):
    """Return this step's N_GROUP_RATES numbers of a row: 2 g for the weights of group g, 2 g + 1 for its biases."""
    return shift(doubles_at(task.group_rates), (task.steps_made * 2 * task.n_groups + row) * N_GROUP_RATES)


@kernel(*PHASE_SIGNATURE)
def set_groups(task_record, layer_records, dtype_ptr):
    """hyperparameters of all groups get this step's rates, L2 and SCALE, the latter from the first row.

    rule_hyperparameters get their decay: the same rows, or those behind `clip_by_value`. Where one L2 is for all
    weights, l2 is overwritten with it; else thread 0 overwrites squares (1,) with the sum of penalties.
    """
    task = carray(task_record, 1)[0]
    scale = doubles_at(task.hyperparameters)[SCALE]
    for row in range(2 * task.n_groups):
        at = row // 2 * task.group_size + row % 2 * N_HYPERPARAMETERS
        rates = carray(rates_of_row(task, row), N_GROUP_RATES)
        hyperparameters = carray(shift(doubles_at(task.hyperparameters), at), N_HYPERPARAMETERS)
        for i in range(N_STEP_RATES):
            hyperparameters[i] = rates[i]
        hyperparameters[L2], hyperparameters[SCALE] = rates[GROUP_L2], scale
        shift(doubles_at(task.rule_hyperparameters), at)[WEIGHT_DECAY] = rates[GROUP_DECAY]
    if task.penalties == 0:
        task.l2 = rates_of_row(task, 0)[GROUP_L2]
    elif task.thread == 0:
        penalties = carray(doubles_at(task.penalties), task.n_penalties)
        total = 0.0
        for i in range(task.n_penalties):
            total += penalties[i]
        carray(doubles_at(task.squares), 1)[0] = total


@kernel(*PHASE_SIGNATURE)
def store_penalties(task_record, layer_records, dtype_ptr):
    """penalties is overwritten with L2 Σ p² of this thread's tiles of weights, and of each layer's biases (thread 0).

    For groups with another L2 each; l2 is 1 then. `store_magnitudes` follows, if there is L1.
    """
    task = carray(task_record, 1)[0]
    layers = carray(layer_records, task.n_layers)
    to = carray(doubles_at(task.penalties), task.n_penalties)
    at = 0
    for number in range(task.n_layers):
        layer = layers[number]
        size = layer.fan_in * layer.fan_out
        l2 = rates_of_row(task, 2 * number)[GROUP_L2]
        begin, end = thread_range(size, FLAT_TILE, task.thread, task.n_threads)
        for first in range(begin, end, FLAT_TILE):
            weight = shift(pointer_at(layer.weight, dtype_ptr), first)
            to[at + first // FLAT_TILE] = l2 * sum_of_squares_in_double(weight, min_size(FLAT_TILE, end - first))
        at += (size + FLAT_TILE - 1) // FLAT_TILE
        if task.thread == 0:
            squares = sum_of_squares_in_double(pointer_at(layer.bias, dtype_ptr), layer.fan_out)
            to[at] = rates_of_row(task, 2 * number + 1)[GROUP_L2] * squares
        at += 1
    if task.store_magnitudes != 0:
        call_phase(task.store_magnitudes, task_record, layer_records, dtype_ptr)
