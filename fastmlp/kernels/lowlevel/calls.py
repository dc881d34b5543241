"""The signatures of all kernels that other kernels call through addresses, and the functions that call them.

Task and layer records hold the addresses of kernels (see `records`), so that one compiled loop serves every activation,
loss and update rule. Each kind of address has one signature, which stands here and is used on both sides::

    @kernel(*LOSS_SIGNATURE)                          call_loss(task.loss, z, delta, target, ...)
    def squared_error(z, delta, target, ...):

A call whose arguments differ from the signature in number or in type is refused with a TypingError when the calling
kernel is compiled. POINTER is a pointer to float32 or float64, the same type throughout one call. The docstrings of the
kernels say which arguments are read, overwritten and accumulated.
"""

from __future__ import annotations

from ...compiler.kernel import DOUBLES, INDICES, INTEGERS, POINTER, SIZE
from .pointers import Signature, caller_of
from .records import LAYER_POINTER, TASK_POINTER

# What a network is made of: one kernel for each activation, loss and optimizer

#: layer.activation. See `activations.basic`.
ACTIVATION_SIGNATURE = Signature(z=POINTER, derivative=POINTER, rows=SIZE, stride=SIZE, columns=SIZE, constants=DOUBLES)
call_activation = caller_of("call_activation", ACTIVATION_SIGNATURE)

#: task.loss. See `losses.canonical`.
LOSS_SIGNATURE = Signature(
    z=POINTER, delta=POINTER, target=POINTER, weight=POINTER, loss=DOUBLES, rows=SIZE, columns=SIZE, n_targets=SIZE,
    constants=DOUBLES,
)  # fmt: skip
call_loss = caller_of("call_loss", LOSS_SIGNATURE)

#: task.output_backward. See `activations.softmax`.
OUTPUT_BACKWARD_SIGNATURE = Signature(outputs=POINTER, delta=POINTER, rows=SIZE, columns=SIZE)
call_output_backward = caller_of("call_output_backward", OUTPUT_BACKWARD_SIGNATURE)

#: task.update, task.rule, task.shrink, and the rule behind `clip_by_value`. See `optimizers.sgd_adam`.
UPDATE_RULE_SIGNATURE = Signature(
    param=POINTER, d_param=POINTER, state=POINTER, n_params=SIZE, n=SIZE, hyperparameters=DOUBLES
)
call_update_rule = caller_of("call_update_rule", UPDATE_RULE_SIGNATURE)

# Matrices

#: task.multiply: `linalg.dense.multiply`.
MULTIPLY_SIGNATURE = Signature(
    out=POINTER, out_stride=SIZE, rectified=POINTER, a=POINTER, a_row=SIZE, a_step=SIZE, b=POINTER, b_stride=SIZE,
    b_panel=SIZE, bias=POINTER, rows=SIZE, columns=SIZE, depth=SIZE, mode=SIZE, scratch=POINTER,
)  # fmt: skip
call_multiply = caller_of("call_multiply", MULTIPLY_SIGNATURE)

#: task.transpose: `linalg.dense.transpose`.
TRANSPOSE_SIGNATURE = Signature(out=POINTER, out_stride=SIZE, inp=POINTER, inp_stride=SIZE, rows=SIZE, columns=SIZE)
call_transpose = caller_of("call_transpose", TRANSPOSE_SIGNATURE)

#: task.copy_panels: `linalg.packing.copy_panels`.
COPY_PANELS_SIGNATURE = Signature(
    panels=POINTER, depth=SIZE, b=POINTER, b_stride=SIZE, first=SIZE, count=SIZE, columns=SIZE
)
call_copy_panels = caller_of("call_copy_panels", COPY_PANELS_SIGNATURE)

#: task.sparse_forward: `linalg.sparse.sparse_forward`.
SPARSE_FORWARD_SIGNATURE = Signature(
    out=POINTER, stride=SIZE, indptr=INTEGERS, indices=INDICES, values=POINTER, order=INTEGERS, rows=SIZE,
    weight=POINTER, bias=POINTER, fan_out=SIZE,
)  # fmt: skip
call_sparse_forward = caller_of("call_sparse_forward", SPARSE_FORWARD_SIGNATURE)

#: task.sort_by_feature: `linalg.sparse.sort_by_feature`.
SORT_BY_FEATURE_SIGNATURE = Signature(
    starts=INTEGERS, entry_rows=INDICES, entry_values=POINTER, indptr=INTEGERS, indices=INDICES, values=POINTER,
    order=INTEGERS, rows=SIZE, first=SIZE, count=SIZE,
)  # fmt: skip
call_sort_by_feature = caller_of("call_sort_by_feature", SORT_BY_FEATURE_SIGNATURE)

#: task.sparse_weight_gradient: `linalg.sparse.sparse_weight_gradient`.
SPARSE_WEIGHT_GRADIENT_SIGNATURE = Signature(
    d_weight=POINTER, first=SIZE, count=SIZE, starts=INTEGERS, entry_rows=INDICES, entry_values=POINTER, delta=POINTER,
    stride=SIZE, fan_out=SIZE,
)  # fmt: skip
call_sparse_weight_gradient = caller_of("call_sparse_weight_gradient", SPARSE_WEIGHT_GRADIENT_SIGNATURE)

# One layer

#: layer.mask, layer.in_blocks: rows first ... first + rows of the batch that `order` names. See `loop.dropout`,
#: `loop.blocks` and `loop.csc`.
LAYER_ROWS_SIGNATURE = Signature(
    task_record=TASK_POINTER, layer_records=LAYER_POINTER, number=SIZE, order=INTEGERS, first=SIZE, rows=SIZE,
    dtype_ptr=POINTER,
)  # fmt: skip
call_layer_rows = caller_of("call_layer_rows", LAYER_ROWS_SIGNATURE)

#: task.weight_gradient: `loop.weight_gradient.weight_gradient`.
WEIGHT_GRADIENT_SIGNATURE = Signature(
    task_record=TASK_POINTER, layer_records=LAYER_POINTER, number=SIZE, sorted_from=SIZE, base=SIZE, first=SIZE,
    count=SIZE, column=SIZE, columns=SIZE, rows=SIZE, dtype_ptr=POINTER,
)  # fmt: skip
call_weight_gradient = caller_of("call_weight_gradient", WEIGHT_GRADIENT_SIGNATURE)

#: task.add_squares: `loop.gradient_norms.add_squares`.
ADD_SQUARES_SIGNATURE = Signature(
    task_record=TASK_POINTER, layer_records=LAYER_POINTER, number=SIZE, first=SIZE, count=SIZE, column=SIZE,
    columns=SIZE, dtype_ptr=POINTER,
)  # fmt: skip
call_add_squares = caller_of("call_add_squares", ADD_SQUARES_SIGNATURE)

#: task.update_layer: `loop.update.update_layer`.
UPDATE_LAYER_SIGNATURE = Signature(
    task_record=TASK_POINTER, layer_records=LAYER_POINTER, number=SIZE, order=INTEGERS, rows=SIZE, dtype_ptr=POINTER
)
call_update_layer = caller_of("call_update_layer", UPDATE_LAYER_SIGNATURE)

#: task.copy_weights: `linalg.packing.copy_weights`.
COPY_WEIGHTS_SIGNATURE = Signature(
    task_record=TASK_POINTER, layer_records=LAYER_POINTER, number=SIZE, first=SIZE, count=SIZE, dtype_ptr=POINTER
)
call_copy_weights = caller_of("call_copy_weights", COPY_WEIGHTS_SIGNATURE)

#: task.add_microbatches: `loop.microbatches.add_microbatches`.
ADD_MICROBATCHES_SIGNATURE = Signature(
    task_record=TASK_POINTER, out=POINTER, offset=SIZE, count=SIZE, columns=SIZE, stride=SIZE, rows=SIZE
)
call_add_microbatches = caller_of("call_add_microbatches", ADD_MICROBATCHES_SIGNATURE)

# All layers

#: task.forward (rows first ... first + count) and task.pass_rows (rows first ... stop) of the batch that `order` names.
#: See `loop.forward_backward`.
ORDERED_ROWS_SIGNATURE = Signature(
    task_record=TASK_POINTER, layer_records=LAYER_POINTER, order=INTEGERS, first=SIZE, rows=SIZE, dtype_ptr=POINTER
)
call_ordered_rows = caller_of("call_ordered_rows", ORDERED_ROWS_SIGNATURE)

#: task.backward: rows first ... first + rows of the batch, which `forward` has left in the buffers.
BACKWARD_SIGNATURE = Signature(
    task_record=TASK_POINTER, layer_records=LAYER_POINTER, first=SIZE, rows=SIZE, dtype_ptr=POINTER
)
call_backward = caller_of("call_backward", BACKWARD_SIGNATURE)

#: task.microbatch_gradients (`loop.microbatches`), task.multiply_fortran (`loop.fortran`) and task.scatter
#: (`loop.scatter`, whose last argument is the gradient): the rows that `order` names.
BATCH_SIGNATURE = Signature(
    task_record=TASK_POINTER, layer_records=LAYER_POINTER, order=INTEGERS, rows=SIZE, dtype_ptr=POINTER
)
call_batch = caller_of("call_batch", BATCH_SIGNATURE)

#: task.predict_rows: `loop.predict.predict_rows`.
PREDICT_ROWS_SIGNATURE = Signature(
    task_record=TASK_POINTER, layer_records=LAYER_POINTER, x=SIZE, x_row_stride=SIZE, first=SIZE, stop=SIZE, out=POINTER
)
call_predict_rows = caller_of("call_predict_rows", PREDICT_ROWS_SIGNATURE)

#: task.run_global_phases, task.before_step, task.store_magnitudes, task.set_groups, and each address in task.phases.
#: See `loop.global_phases` and `loop.parameter_groups`.
PHASE_SIGNATURE = Signature(task_record=TASK_POINTER, layer_records=LAYER_POINTER, dtype_ptr=POINTER)
call_phase = caller_of("call_phase", PHASE_SIGNATURE)
