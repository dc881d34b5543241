"""The hot loop: gather → forward → backward → update, for a run of mini-batch steps.

::

    for each step:
        phase one    for each block of rows: forward and backward              (rows are independent)
        barrier
        phase two    for each tile of weights: gradient over the whole batch,
                     then its update in place                                  (tiles are independent)
        barrier
        global phases, for steps that need the whole gradient: see `global_phases`

Each thread runs this loop with its own task record, on its own rows and tiles. Every number is computed by one thread
in a fixed order, so the results have the same bits for any number of threads. No memory is allocated.
"""

from ...compiler.numba_backend import POINTER, SIZE, inline_ir, kernel
from ..lowlevel.barrier import barrier_wait, thread_range
from ..lowlevel.calls import call_batch, call_ordered_rows, call_phase, call_update_layer
from ..lowlevel.pointers import carray, doubles_at, integers_at, min_size, shift
from ..lowlevel.records import L2, LAYER_POINTER, N_HYPERPARAMETERS, N_STEP_RATES, ROW_TILE, SCALE, TASK_POINTER
from ..lowlevel.subnormals import flush_subnormals, restore_mode
from .forward_backward import sum_losses, sum_weights


@kernel(TASK_POINTER, LAYER_POINTER, SIZE, SIZE, POINTER)
def train_steps(task_record, layer_records, first_step, stop_step, dtype_ptr):
    """Make steps first_step … stop_step of one epoch: weights, biases and optimizer state are updated in place.

    Accumulated in the task record: loss_sum (each batch's mean loss times its rows; by thread 0 only), rows_counted,
    steps_made. A batch whose sample weights sum to zero makes no step and is not counted.
    """
    task = carray(task_record, 1)[0]
    mode = flush_subnormals()
    for step in range(first_step, stop_step):
        start = step * task.batch_size
        rows = min_size(task.batch_size, task.n_rows - start)
        order = shift(integers_at(task.order), start)
        total_weight = sum_weights(task, order, rows, dtype_ptr)
        if total_weight == 0.0:
            continue
        if task.before_step != 0:
            call_phase(task.before_step, task_record, layer_records, dtype_ptr)
        if task.microbatch_rows > 0:
            call_batch(task.microbatch_gradients, task_record, layer_records, order, rows, dtype_ptr)
        else:
            compute_deltas(task_record, layer_records, order, rows, dtype_ptr)
        if not barrier_wait(task.team, task.n_threads):
            break
        set_hyper(task, total_weight)
        if task.set_groups != 0:
            call_phase(task.set_groups, task_record, layer_records, dtype_ptr)
        for number in range(task.n_layers):
            call_update_layer(task.update_layer, task_record, layer_records, number, order, rows, dtype_ptr)
        task.steps_made += 1
        task.rows_counted += rows
        losses = sum_losses(task, rows) if task.thread == 0 else 0.0  # overwritten after the next barrier
        if task.run_global_phases != 0:
            call_phase(task.run_global_phases, task_record, layer_records, dtype_ptr)
        if not barrier_wait(task.team, task.n_threads):
            break
        if task.thread == 0:
            loss = (losses + 0.5 * task.l2 * sum_squares(task) + task.penalty) / total_weight
            task.loss_sum += loss * rows
    restore_mode(mode)


@inline_ir
def compute_deltas(task_record, layer_records, order, rows, dtype_ptr):
    """Phase one: the outputs and deltas of all layers are overwritten in this thread's rows of the batch."""
    task = carray(task_record, 1)[0]
    begin, end = thread_range(rows, ROW_TILE, task.thread, task.n_threads)
    call_ordered_rows(task.pass_rows, task_record, layer_records, order, begin, end, dtype_ptr)


@inline_ir
def set_hyper(task, total_weight):
    """hyperparameters (2, N_HYPERPARAMETERS) get this step's rates and 1 / Σ sample weights.

    Row 0 is for weights, row 1 for biases, whose L2 stays zero; `set_groups` writes the rows of parameter groups.
    """
    hyperparameters = carray(doubles_at(task.hyperparameters), 2 * N_HYPERPARAMETERS)
    step_rates = carray(doubles_at(task.step_rates), (task.steps_made + 1) * N_STEP_RATES)
    for i in range(N_STEP_RATES):
        hyperparameters[i] = hyperparameters[N_HYPERPARAMETERS + i] = step_rates[task.steps_made * N_STEP_RATES + i]
    hyperparameters[L2] = task.l2
    hyperparameters[SCALE] = hyperparameters[N_HYPERPARAMETERS + SCALE] = 1.0 / total_weight


@inline_ir
def sum_squares(task):
    """Return Σ w² over the weights of all layers, added in a fixed order."""
    squares = carray(doubles_at(task.squares), task.n_squares)
    total = 0.0
    for i in range(task.n_squares):
        total += squares[i]
    return total
