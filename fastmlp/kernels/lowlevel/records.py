"""The records that kernels read their arguments from: one for the task, one for each layer.

Addresses and sizes only, as 64-bit integers: whatever the depth, the strides or the kind of input, the type of the
arguments is the same, and nothing is compiled again. The arrays behind the addresses live as long as the workspace.

Each group of fields has one writer, named in the group's comment: a function, or a class and its subclasses.
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
#: L1 (see `shrinkage`) uses two of the step rates and five more indices of the rule's rows of weights.
GIVEN, MOST, SHRINKAGE, MEAN, KEPT, MOMENT, MEAN_FACTOR = RATE_2, RATE_3, 10, 11, 12, 13, 14
#: With parameter groups (see `parameter_groups`): the numbers of a row and step are the step rates, L2 and decay.
GROUP_L2, GROUP_DECAY = N_STEP_RATES, N_STEP_RATES + 1
N_GROUP_RATES = N_STEP_RATES + 2
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
#: Widest tiles of weights that prediction packs together: their panels (192 KB) stay in the second cache, and rows of
#: weights are read from memory in pieces of some cache lines. With few rows, packing takes as long as the product.
PANEL_TILES = 4
#: Vectors of weights by which a column of CSC input is multiplied at once.
ENTRY_VECTORS = 4
#: A team's barrier (see `barrier`): the distance of its words in bytes, the offset of each word, the size of all.
WORD_STRIDE = 64
ARRIVED, GENERATION, CANCELLED = 0, WORD_STRIDE, 2 * WORD_STRIDE
TEAM_BYTES = 3 * WORD_STRIDE
#: Offsets in the C struct of a NumPy array (``PyArrayObject_fields``): the address of its data, and that of its shape.
#: `fastmlp.engine.prediction` verifies them before it calls `predict_few`.
DATA_AT, SHAPE_AT = 16, 32
#: The numbers of a dropout mask, each in 64 bits: its key, the smallest of 32 random bits that keep a number, and the
#: factor that a kept number gets (float64).
MASK_KEY, KEEP_THRESHOLD, KEEP_SCALE = range(3)
N_MASK_NUMBERS = 3
#: Elements of a tile where threads divide a flat vector: a whole weight matrix, or all parameters.
FLAT_TILE = 4096

#: Networks for tables (see `kernels.tabular`): cosines of a periodic embedding, its outputs, the parameters of a
#: column; numbers that a category becomes.
FREQUENCIES, PERIODIC_OUTPUTS = 16, 3
PERIODIC_PARAMS = 2 * FREQUENCIES + PERIODIC_OUTPUTS * FREQUENCIES + PERIODIC_OUTPUTS
CODE_WIDTH = 8

#: Numbers of a product's scratch memory: rounded blocks of both operands, and sums. It belongs to the thread's
#: workspace: it would fill the stack of a small thread. See `linalg.reduced_precision` and `linalg.tiled_products`.
SCRATCH = 84_000

_TASK_FIELDS = [
    # Input: dense (address of element (0, 0), strides in bytes), CSR (three addresses), or CSC (see products).
    # Writer: engine.dataset.Dataset.describe. (`PredictionWorkspace.use_strides` replaces the strides for one call;
    # with dropout of sparse inputs `StepOptions` lets values point to a masked copy.)
    ("sparse", "i8"), ("n_features", "i8"),
    ("x", "i8"), ("x_row_stride", "i8"), ("x_column_stride", "i8"),
    ("indptr", "i8"), ("indices", "i8"), ("values", "i8"),
    # Targets (n, n_targets) and weights (n,), contiguous; weights is 0 where every row counts as one.
    # Writer: engine.dataset.Dataset.describe.
    ("y", "i8"), ("n_targets", "i8"), ("weights", "i8"),
    # Which rows, in which order: int64 row numbers. Writer: engine.workspace.Workspace.use_order; of block_rows, each
    # kind of workspace (TrainingWorkspace._choose_blocks, PredictionWorkspace._allocate_blocks).
    ("order", "i8"), ("n_rows", "i8"), ("batch_size", "i8"), ("block_rows", "i8"),
    # The network's shape and numbers. Writer: Workspace._describe_network; of state, the rule's moments or the whole
    # gradient, training.step_options.StepOptions.
    ("n_layers", "i8"), ("n_outputs", "i8"), ("n_params", "i8"), ("state", "i8"),
    # One batch, gathered: inputs (B, stride); targets, their weights and losses (B, n_targets).
    # Writers: each kind of workspace for the inputs, Workspace._allocate_losses for the rest.
    ("inputs", "i8"), ("input_stride", "i8"), ("targets", "i8"), ("target_weights", "i8"), ("losses", "i8"),
    # Rows of the batch that a weight gradient reads together. Writer: engine.training_workspace.TrainingWorkspace.
    ("gradient_rows", "i8"),
    # Buffers of each thread: weight gradients of a few rows, the inputs of these rows, and a batch of sparse input
    # sorted by feature. Writer: TrainingWorkspace._allocate_scratch.
    ("d_tile", "i8"), ("d_transposed", "i8"), ("packed_inputs", "i8"),
    ("feature_starts", "i8"), ("entry_rows", "i8"), ("entry_values", "i8"),
    # Of the first layer on sparse input (see `sparse_update`): Σ w² of its tiles before the next step; a kernel.
    # Writers: TrainingWorkspace._allocate_squares, StepOptions.
    ("next_squares", "i8"), ("update_sparse_weights", "i8"),
    # What products in reduced precision write between (0 in float32). Writer: engine.workspace.Workspace.
    ("scratch", "i8"),
    # A large batch in microbatches: rows of each (0: the batch is not cut), their gradients (MICROBATCHES, n_params)
    # and losses (MICROBATCHES,). Writer: TrainingWorkspace._allocate_microbatches.
    ("microbatch_rows", "i8"), ("partial_gradients", "i8"), ("microbatch_losses", "i8"),
    ("microbatch_gradients", "i8"), ("add_microbatches", "i8"),
    # Which thread of how many this record is for, and their barrier. Writer: Workspace._copy_to_threads; where threads
    # share a team, engine.threads.Team for its address, and for the number of threads that could be started.
    ("thread", "i8"), ("n_threads", "i8"), ("team", "i8"),
    # Kernels, by address. Writer: Workspace and its subclasses; of update_layer and update, StepOptions.
    ("multiply", "i8"), ("transpose", "i8"), ("forward", "i8"), ("backward", "i8"), ("pass_rows", "i8"),
    ("weight_gradient", "i8"), ("copy_weights", "i8"),
    ("update_layer", "i8"), ("loss", "i8"), ("update", "i8"),
    ("sparse_forward", "i8"), ("sort_by_feature", "i8"), ("sparse_weight_gradient", "i8"),
    # The loss: whether it reads outputs and f′ (else pre-activations); from d loss / d output to delta where that
    # mixes a row's outputs (a kernel, or 0); the loss's own numbers. Writers: Workspace._read_outputs_in_loss and
    # _allocate_losses.
    ("activate_output", "i8"), ("output_backward", "i8"), ("loss_constants", "i8"),
    # Hyperparameters: two rows of N_HYPERPARAMETERS (weights, biases) for each parameter group; N_STEP_RATES numbers
    # for each step. Writer: StepOptions, once and before each epoch; of l2, `set_groups` as well.
    ("hyperparameters", "i8"), ("step_rates", "i8"), ("l2", "f8"),
    # Parameter groups (see `parameter_groups`), where layers have rates of their own, or decay has a schedule: a kernel
    # or 0; how many groups; the distance of their hyperparameters; N_GROUP_RATES numbers for each row of each step;
    # where L2 Σ p² of tiles goes, if L2 is not the same for all weights (else 0), and how many. Writer: StepOptions.
    ("set_groups", "i8"), ("n_groups", "i8"), ("group_size", "i8"), ("group_rates", "i8"),
    ("penalties", "i8"), ("n_penalties", "i8"),
    # Prediction: a buffer for the row numbers of a block; how many rows a first layer reads at a time where its weights
    # are not packed (0: all); whether one output becomes two, 1 − p and p; where numbers that are not finite are
    # counted (0: nowhere); a kernel. Writer: engine.prediction_workspace.PredictionWorkspace.
    ("block_order", "i8"), ("input_rows", "i8"), ("both_classes", "i8"), ("not_finite", "i8"), ("predict_rows", "i8"),
    # Weights that are packed (see `blocks`): a buffer for some columns of them in panels, how many, a kernel; how many
    # rows are multiplied by them at a time. Writer: PredictionWorkspace._choose_depths; of copy_panels,
    # TrainingWorkspace as well.
    ("packed", "i8"), ("panel_columns", "i8"), ("copy_panels", "i8"), ("panel_rows", "i8"),
    # CSC input (see `csc`): the first layer's products of a group of rows, their stride, maximum number of rows; the
    # columns of a tile; the group's first row and the one after its last; the one after the last of all; where each
    # column's entries of the next group begin (0: there is one group). Writers: PredictionWorkspace for the buffers,
    # engine.csc_input.Columns.describe for the rows (PredictionWorkspace.use_groups ends a thread's part).
    ("products", "i8"), ("product_stride", "i8"), ("product_rows", "i8"), ("product_tile", "i8"),
    ("product_first", "i8"), ("product_stop", "i8"), ("last_row", "i8"), ("positions", "i8"),
    # Full-batch gradients of dense input: 1 if inputs are not gathered; the number of chunks that are read in X.
    # Writer: training.placed_inputs.place_inputs.
    ("placed", "i8"), ("placed_steps", "i8"),
    # The full-batch gradient of a narrow first layer on CSR input (see `scatter`): a buffer (fan_in, stride); a kernel.
    # Writer: training.sparse_gradient.scatter_sparse_rows.
    ("scattered", "i8"), ("scattered_stride", "i8"), ("scatter", "i8"),
    # A narrow first layer of inputs in Fortran order (see `fortran`): a buffer for sums, (sums, stride), or 0; a
    # kernel. Writer: PredictionWorkspace.use_fortran_order.
    ("chains", "i8"), ("chain_stride", "i8"), ("multiply_fortran", "i8"),
    # Results. Written by kernels; set to zero by TrainingWorkspace.reset_results; squares, a buffer for Σ w² of each
    # tile, by TrainingWorkspace._allocate_squares (if there are penalties, by StepOptions, for their sum).
    ("steps_made", "i8"), ("rows_counted", "i8"), ("loss_sum", "f8"), ("weight_sum", "f8"),
    ("squares", "i8"), ("n_squares", "i8"),
    # A kernel that adds up squares of the weight gradients, or 0. Writer: training.gradient_norms.GradientNorms.
    ("add_squares", "i8"),
    # Options of a step, 0 where unused. Writer of this and all groups below: training.step_options.StepOptions (penalty
    # and shrinkage are written by kernels). A kernel that runs before phase one, while no weight changes.
    ("before_step", "i8"),
    # L1: a kernel that stores Σ |w| of each tile, where to, how many tiles; what is added to the batch's loss; a kernel
    # that shrinks weights, l1 / Σ weights, its mean.
    ("l1", "f8"), ("store_magnitudes", "i8"), ("magnitudes", "i8"), ("n_magnitudes", "i8"), ("penalty", "f8"),
    ("shrink", "i8"), ("shrinkage", "f8"), ("mean_shrinkage", "f8"),
    # After phase two: a kernel that runs later phases, and these; the whole gradient (n_params,), the rule that reads
    # it, that rule's numbers and moments; sums of tiles, a buffer for those of a few columns; the largest norms of a
    # gradient and of the weights into one output.
    ("run_global_phases", "i8"), ("phases", "i8"), ("n_phases", "i8"),
    ("gradient", "i8"), ("rule", "i8"), ("rule_hyperparameters", "i8"), ("moments", "i8"),
    ("sums", "i8"), ("column_sums", "i8"), ("clip_norm", "f8"), ("max_norm", "f8"),
    # Dropout: a mask's numbers (see `dropout`) for each layer of each step; the batch's row that is the first in the
    # buffers (not 0 in later microbatches); the values of sparse input as they were given.
    ("masks", "i8"), ("first_row", "i8"), ("given_values", "i8"),
    # The moving average of the parameters (n_params,): an address, the share that a step's parameters get, and whether
    # it has begun (written by kernels).
    ("average", "i8"), ("average_share", "f8"), ("average_begun", "i8"),
    # Networks for tables, in `kernels.tabular`. Writers of this and the groups below: tabular.workspace; of the rules'
    # hyperparameters and of update_plain_layer, tabular.epoch.TableOptions.
    # The scaling layer: W and s in the parameters, where s begins there, its hyperparameters, a buffer for its
    # gradient; the kernel that updates all other layers.
    ("unscaled", "i8"), ("scales", "i8"), ("scale_offset", "i8"), ("scale_rule", "i8"), ("d_scales", "i8"),
    ("update_plain_layer", "i8"),
    # Learnt slopes: their hyperparameters; a thread's buffer for one block of rows.
    ("slope_rule", "i8"), ("slope_products", "i8"),
    # Embeddings: columns of X that are inputs as they are, those of them with a periodic embedding, category numbers;
    # two kernels, or 0; gradients of embedded inputs (B, d_embedded_stride); the forward pass behind embeddings.
    ("forward_layers", "i8"), ("n_plain", "i8"), ("n_periodic", "i8"), ("n_codes", "i8"), ("embed", "i8"),
    ("update_embeddings", "i8"), ("d_embedded", "i8"), ("d_embedded_stride", "i8"),
    # Periodic ones: parameters and where they begin, their hyperparameters, a buffer for their gradient; a batch's
    # numbers and outputs, or gradients, with rows side by side (columns, column_stride).
    ("periodic", "i8"), ("periodic_offset", "i8"), ("periodic_rule", "i8"), ("d_periodic", "i8"),
    ("numbers", "i8"), ("embedded_columns", "i8"), ("column_stride", "i8"),
    # Categories: (address, rows) of each table, their hyperparameters, a thread's buffer for the gradient of one.
    ("code_tables", "i8"), ("table_rule", "i8"), ("d_table", "i8"),
    # One-hot columns as look-ups (see `tabular.look_ups`): two kernels, or 0; the row of W of each row of W̃, or 0; how
    # many columns, the first row of each among the n_looked_up last ones of W̃, of_one − of_zero of each of these; those
    # whose of_zero is not 0, and of_zero; 0, 1, 2, … (B,); a thread's buffer (O,). The batch's entries are in indptr,
    # indices, values and the buffers for sparse input.
    ("look_up", "i8"), ("update_look_ups", "i8"), ("weight_rows", "i8"), ("n_look_ups", "i8"), ("look_ups", "i8"),
    ("n_looked_up", "i8"), ("look_up_values", "i8"), ("n_constants", "i8"), ("constants", "i8"),
    ("constant_values", "i8"), ("batch_order", "i8"), ("constant_row", "i8"),
]  # fmt: skip

_LAYER_FIELDS = [
    # The network's. Writer: Workspace._describe_network.
    ("fan_in", "i8"), ("fan_out", "i8"),
    ("weight", "i8"), ("bias", "i8"), ("weight_offset", "i8"), ("bias_offset", "i8"),
    # The transposed weights (O, I) with rows transposed_stride elements apart; the first layer has none.
    ("transposed", "i8"), ("transposed_stride", "i8"),
    # What comes in (B, input_stride) and goes out (B, stride); delta holds f′, then d loss / d pre-activation.
    # Writer: each kind of workspace.
    ("input", "i8"), ("input_stride", "i8"), ("output", "i8"), ("delta", "i8"), ("stride", "i8"),
    # A kernel and its own numbers; the forward product's mode, which says whether the product applies the activation
    # itself. Writer: Workspace._choose_modes; of softmax beside a loss that reads outputs, _read_outputs_in_loss.
    ("activation", "i8"), ("activation_constants", "i8"), ("mode", "i8"),
    # The weights once more, in panels (0 for none); then the transposed copy is in panels, too.
    # Writer: TrainingWorkspace._allocate_weight_copies, of transposed as well.
    ("panels", "i8"),
    # Prediction's product: a kernel, 0 where the task's `multiply` is used; the depth of its blocks, where the weights
    # are read in place and where they are packed (0: never); from how many rows on; 1 for a large layer, whose inputs
    # are gathered in any case. Writer: PredictionWorkspace.
    ("in_blocks", "i8"), ("depth_in_place", "i8"), ("packed_depth", "i8"), ("pack_rows", "i8"), ("large", "i8"),
    # Rows of weights whose gradient is computed before they are updated; whether the layer is narrower than a vector;
    # whether its weights are dealt by columns; where Σ w² of its tiles go. Writer: TrainingWorkspace._choose_blocks and
    # _allocate_squares.
    ("update_rows", "i8"), ("narrow_output", "i8"), ("split_by_columns", "i8"), ("squares", "i8"),
    # Where Σ g² of each tile of its weight gradient is added up over the steps of an epoch. Writer: GradientNorms.
    ("gradient_squares", "i8"),
    # Dropout of what comes in: a kernel or 0. Writer: StepOptions.
    ("mask", "i8"),
    # Its parameter group: where its two rows of hyperparameters begin (0 where all layers have the same); whether its
    # weights, and its biases, keep their values. Writer: StepOptions.
    ("rule_offset", "i8"), ("frozen_weights", "i8"), ("frozen_biases", "i8"),
    # Networks for tables: learnt slopes, where they begin in the parameters; f(z) − z, then its product with the
    # gradient (B, stride); a kernel that applies the activation, or 0. Writer: tabular.workspace.
    ("slopes", "i8"), ("slope_offset", "i8"), ("excess", "i8"), ("activate", "i8"),
]  # fmt: skip

TASK = np.dtype(_TASK_FIELDS)
LAYER = np.dtype(_LAYER_FIELDS)
TASK_POINTER, LAYER_POINTER = Argument(TASK, "Task"), Argument(LAYER, "Layer")
