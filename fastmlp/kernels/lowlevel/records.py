"""The records that kernels read their arguments from: one for the task, one for each layer.

Their fields are 64-bit integers (sizes, flags, addresses of arrays and of kernels) and float64 numbers. Kernels have
the same argument types for any depth of the network, any strides and any kind of input, so nothing is compiled again
when these change. `engine.workspace` fills the records in and keeps the arrays alive. Each thread has its own task
record.

In the comments, n is the number of samples, B the number of rows in a batch (in prediction, in a block), I the fan-in
of a layer and O its fan-out. An address is 0 where nothing is needed.
"""

import numpy as np

from ...compiler.kernel import Argument

#: Indices into a row of hyperparameters (N_HYPERPARAMETERS,). The first N_STEP_RATES of them change from step to step;
#: each update rule defines the meaning of RATE_1 to RATE_3. Rules without betas use BETA_1 and BETA_2 for other
#: numbers.
LEARNING_RATE, RATE_1, RATE_2, RATE_3, L2, SCALE, BETA_1, BETA_2, WEIGHT_DECAY, EPSILON = range(10)
MOMENTUM, RHO = BETA_1, BETA_2
N_STEP_RATES, N_HYPERPARAMETERS = 4, 16
#: Of `penalties`, in rows 0 and 1: the largest magnitude of a gradient's element; the address of the rule that follows,
#: an int64 in the last 8 bytes of the row; and how many numbers further on that rule's row is.
LARGEST, RULE = BETA_1, N_HYPERPARAMETERS - 1
BEHIND = 2 * N_HYPERPARAMETERS
#: L1 (see `shrinkage`) uses two of the step rates and four more indices of the rule's first row.
GIVEN, MOST, SHRINKAGE, MEAN, KEPT, MOMENT = RATE_2, RATE_3, 10, 11, 12, 13
#: Buffers have a multiple of ROW_TILE rows. Threads divide weights into multiples of ROW_TILE rows, or of COLUMN_TILE
#: columns.
ROW_TILE = 8
COLUMN_TILE = 64
#: Modes of a product: what becomes of out.
#:
#: - OVERWRITE: out = a @ b
#: - MULTIPLY: out *= a @ b
#: - MULTIPLY_BY_DERIVATIVE: out = a @ b where the output of a rectifier is positive, else 0
#: - FROM_BIAS: out = bias + a @ b
#: - RECTIFY: out = max(bias + a @ b, 0), applied in registers
#: - FROM_OUT: out += a @ b, continuing the chains of multiply-adds of the previous block of depth
#: - RECTIFY_FROM_OUT: out = max(out + a @ b, 0), for the last block of depth
OVERWRITE, MULTIPLY, MULTIPLY_BY_DERIVATIVE, FROM_BIAS, RECTIFY, FROM_OUT, RECTIFY_FROM_OUT = range(7)
#: Width of a full tile, in vectors.
TILE_VECTORS = 3
#: Vectors of weights by which a column of CSC input is multiplied at once.
ENTRY_VECTORS = 4
#: A team's barrier (see `barrier`): the distance of its words in bytes, the offset of each word, the size of all.
WORD_STRIDE = 64
ARRIVED, GENERATION, CANCELLED = 0, WORD_STRIDE, 2 * WORD_STRIDE
TEAM_BYTES = 3 * WORD_STRIDE
#: Offsets in the C struct of a NumPy array (``PyArrayObject_fields``): the address of its data, and that of its shape.
#: `fastmlp.engine.prediction` verifies them before it calls `predict_few`.
DATA_AT, SHAPE_AT = 16, 32
#: Elements of a tile where threads divide a flat vector: a whole weight matrix, or all parameters.
FLAT_TILE = 4096

_TASK_FIELDS = [
    # Inputs X (n, n_features): dense (address of element (0, 0), strides in bytes), CSR or CSC (three addresses).
    ("sparse", "i8"), ("n_features", "i8"),
    ("x", "i8"), ("x_row_stride", "i8"), ("x_column_stride", "i8"),
    ("indptr", "i8"), ("indices", "i8"), ("values", "i8"),
    # Targets (n, n_targets) and sample weights (n,), contiguous.
    ("y", "i8"), ("n_targets", "i8"), ("weights", "i8"),
    # Row numbers in the order of processing: int64 (n_rows,). Rows of a batch; rows of a block within it.
    ("order", "i8"), ("n_rows", "i8"), ("batch_size", "i8"), ("block_rows", "i8"),
    # The network: number of layers, of outputs and of parameters; the optimizer's state (n_moments, n_params).
    ("n_layers", "i8"), ("n_outputs", "i8"), ("n_params", "i8"), ("state", "i8"),
    # The gathered batch: inputs (B, input_stride); targets, their sample weights, losses (B, n_targets).
    ("inputs", "i8"), ("input_stride", "i8"), ("targets", "i8"), ("target_weights", "i8"), ("losses", "i8"),
    # Buffers for the weight gradient of a block of weights, for its transpose, and for packed columns of the inputs;
    # the sparse entries of a batch, sorted by feature.
    ("d_tile", "i8"), ("d_transposed", "i8"), ("packed_inputs", "i8"),
    ("feature_starts", "i8"), ("entry_rows", "i8"), ("entry_values", "i8"),
    # Microbatches: rows of each (0 if the batch is not split), their gradients (n_microbatches, n_params), their losses
    # (n_microbatches,); two kernels.
    ("microbatch_rows", "i8"), ("partial_gradients", "i8"), ("microbatch_losses", "i8"),
    ("microbatch_gradients", "i8"), ("add_microbatches", "i8"),
    # The number of this record's thread, the number of threads, the words of their barrier.
    ("thread", "i8"), ("n_threads", "i8"), ("team", "i8"),
    # Kernels; `lowlevel.calls` has their signatures.
    ("multiply", "i8"), ("transpose", "i8"), ("forward", "i8"), ("backward", "i8"), ("pass_rows", "i8"),
    ("weight_gradient", "i8"), ("copy_weights", "i8"),
    ("update_layer", "i8"), ("loss", "i8"), ("update", "i8"),
    ("sparse_forward", "i8"), ("sort_by_feature", "i8"), ("sparse_weight_gradient", "i8"),
    # The loss: 1 if it reads outputs and f′, 0 if it reads pre-activations; the kernel that turns d loss / d output
    # into d loss / d pre-activation if the output activation mixes a row's outputs; the constants of the loss.
    ("activate_output", "i8"), ("output_backward", "i8"), ("loss_constants", "i8"),
    # hyperparameters (2, N_HYPERPARAMETERS), for weights and for biases; step_rates (n_steps, N_STEP_RATES); the
    # penalty.
    ("hyperparameters", "i8"), ("step_rates", "i8"), ("l2", "f8"),
    # Prediction: a buffer for the row numbers of a block; the most rows that a small first layer reads at a time (0 for
    # no limit); 1 if the columns 1 - p and p are made of one output p; an int64 that counts rows that are not finite;
    # a kernel.
    ("block_order", "i8"), ("input_rows", "i8"), ("both_classes", "i8"), ("not_finite", "i8"), ("predict_rows", "i8"),
    # Prediction with large layers (see `blocks`): a buffer for packed weights, its columns, the kernel that packs; the
    # smallest number of rows for which weights are packed.
    ("packed", "i8"), ("strip_columns", "i8"), ("copy_panels", "i8"), ("pack_rows", "i8"),
    # Prediction with CSC input (see `csc`): the products of a group of rows (product_rows, product_stride); columns of
    # a tile; the first row of the group and the end of its rows; the end of all rows; for each column, the entry at
    # which the next group begins (not needed for a single group).
    ("products", "i8"), ("product_stride", "i8"), ("product_rows", "i8"), ("product_tile", "i8"),
    ("product_first", "i8"), ("product_stop", "i8"), ("last_row", "i8"), ("positions", "i8"),
    # Full-batch gradients of dense input: 1 if inputs are not gathered; the number of chunks that are read in X.
    ("placed", "i8"), ("placed_steps", "i8"),
    # The full-batch gradient of a narrow first layer on CSR input (see `scatter`): a buffer (fan_in, stride); a kernel.
    ("scattered", "i8"), ("scattered_stride", "i8"), ("scatter", "i8"),
    # Prediction with a narrow first layer and inputs in Fortran order (see `fortran`): sums (n_sums, chain_stride); a
    # kernel.
    ("chains", "i8"), ("chain_stride", "i8"), ("multiply_fortran", "i8"),
    # Results: steps made and rows counted in an epoch; sums of losses and of sample weights; Σ w² of each tile.
    ("steps_made", "i8"), ("rows_counted", "i8"), ("loss_sum", "f8"), ("weight_sum", "f8"),
    ("squares", "i8"), ("n_squares", "i8"),
    # L1 (`training.step_options`): the penalty's factor; the kernel that stores Σ |w| of each tile, where, and the
    # number of tiles; the penalty in the loss of a batch; the update rule that shrinks weights; l1 / Σ sample weights
    # of a batch, and its running mean.
    ("l1", "f8"), ("store_magnitudes", "i8"), ("magnitudes", "i8"), ("n_magnitudes", "i8"), ("penalty", "f8"),
    ("shrink", "i8"), ("shrinkage", "f8"), ("mean_shrinkage", "f8"),
    # Global phases (`training.step_options`): the kernel that runs them, the addresses of the phases, their number; the
    # whole gradient (n_params,), the update rule that is applied to it, its hyperparameters and its moments; sums of
    # tiles, and of columns; the largest norms of the gradient and of a column of weights.
    ("run_global_phases", "i8"), ("phases", "i8"), ("n_phases", "i8"),
    ("gradient", "i8"), ("rule", "i8"), ("rule_hyperparameters", "i8"), ("moments", "i8"),
    ("sums", "i8"), ("column_sums", "i8"), ("clip_norm", "f8"), ("max_norm", "f8"),
    # Dropout: a key for each layer of each step; the row of the batch in the first row of the buffers (0 without
    # microbatches); the unmasked values of sparse inputs.
    ("mask_keys", "i8"), ("first_row", "i8"), ("given_values", "i8"),
]  # fmt: skip

_LAYER_FIELDS = [
    # Weights (I, O) and biases (O,), and their positions in the vector of all parameters.
    ("fan_in", "i8"), ("fan_out", "i8"),
    ("weight", "i8"), ("bias", "i8"), ("weight_offset", "i8"), ("bias_offset", "i8"),
    # The transposed weights (O, I) with rows transposed_stride elements apart; the first layer has none.
    ("transposed", "i8"), ("transposed_stride", "i8"),
    # input (B, input_stride), output and delta (B, stride); delta holds f′, then d loss / d pre-activation.
    ("input", "i8"), ("input_stride", "i8"), ("output", "i8"), ("delta", "i8"), ("stride", "i8"),
    # The activation's kernel and constants; the mode of the forward product, which may apply a rectifier itself.
    ("activation", "i8"), ("activation_constants", "i8"), ("mode", "i8"),
    # The weights of a large layer packed in panels; then `transposed` is packed in panels too.
    ("panels", "i8"),
    # Prediction: the kernel of the product, if it is not `multiply`; the depth of its blocks if the weights are read in
    # place, and if they are packed (0: never).
    ("in_blocks", "i8"), ("depth_in_place", "i8"), ("packed_depth", "i8"),
    # Rows of weights whose gradient is computed before they are updated; 1 if there are few outputs, so that the
    # gradient is computed transposed; 1 if threads divide the weights by columns; Σ w² of each tile.
    ("update_rows", "i8"), ("narrow_output", "i8"), ("split_by_columns", "i8"), ("squares", "i8"),
    # Dropout of the layer's inputs: a kernel; an input is kept if its 32 random bits are at least keep_threshold, and
    # is then multiplied by keep_scale.
    ("mask", "i8"), ("keep_threshold", "i8"), ("keep_scale", "f8"),
]  # fmt: skip

TASK = np.dtype(_TASK_FIELDS)
LAYER = np.dtype(_LAYER_FIELDS)
TASK_POINTER, LAYER_POINTER = Argument(TASK, "Task"), Argument(LAYER, "Layer")
