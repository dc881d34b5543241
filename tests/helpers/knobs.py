"""Internal numbers that tests change, one function each: small problems then take the paths of large ones.

Each function takes pytest's `monkeypatch`, which restores the number at the end of the test. No other test module
names the place of a number. `set_blocking` changes any of `fastmlp.engine.blocking`; the functions below it change
those that several modules need.
"""

from fastmlp.compiler import drafts, forking
from fastmlp.engine import blocking, buffers, cores, slicing, small_batch_engine, threads
from fastmlp.tabular import plan
from fastmlp.training import full_batch_loss, levenberg_marquardt


def _set(monkeypatch, module, **numbers):
    for name, number in numbers.items():
        monkeypatch.setattr(module, name, number)


# Threads

#: The same as `let_threads_pay`, for the beginning of a script that runs in a separate process.
LET_THREADS_PAY = "from fastmlp.engine import threads\nthreads.OPERATIONS_WORTH_A_THREAD = 1\n"


def let_threads_pay(monkeypatch, operations=1):
    """Use as many threads as are given, for any work of at least so many operations per thread."""
    _set(monkeypatch, threads, OPERATIONS_WORTH_A_THREAD=operations)


def set_max_threads(monkeypatch, number):
    """Set the maximum number of threads where there are fewer cores."""
    _set(monkeypatch, cores, MOST_THREADS=number)


def set_slice(monkeypatch, seconds=0.0):
    """Set the seconds of compiled work between two checks for Ctrl-C; 0 is one step (or block, or chunk) at a time."""
    _set(monkeypatch, slicing, SLICE=seconds)


def look_up(monkeypatch, categories):
    """Have networks for tables look up the one-hot columns of more categories than this."""
    _set(monkeypatch, plan, MOST_MULTIPLIED=categories)


# Blocks for the caches


def set_blocking(monkeypatch, **numbers):
    """Set numbers of `fastmlp.engine.blocking` by name."""
    _set(monkeypatch, blocking, **numbers)


def set_panel_bytes(monkeypatch, bytes_of_weights=1 << 16):
    """Set the bytes of weights above which layers are large, have panels in training and are packed in prediction."""
    set_blocking(monkeypatch, PANEL_BYTES=bytes_of_weights, PACKED_BYTES=bytes_of_weights, LARGE_BYTES=bytes_of_weights)


def set_block_bytes(monkeypatch, bytes_of_block):
    """Set the bytes of a training block's activations and deltas; 1 gives the smallest block."""
    set_blocking(monkeypatch, BLOCK_BYTES=bytes_of_block)


def set_large_batch_rows(monkeypatch, rows):
    """Cut batches of at least so many rows into microbatches."""
    set_blocking(monkeypatch, LARGE_BATCH_ROWS=rows)


def set_product_bytes(monkeypatch, bytes_of_products):
    """Set the bytes of a group's first products for CSC input; 1 gives groups of one block."""
    set_blocking(monkeypatch, PRODUCT_BYTES=bytes_of_products)


def set_short_operations(monkeypatch, operations):
    """Set how many operations a prediction makes between two checks for Ctrl-C."""
    _set(monkeypatch, small_batch_engine, SHORT_OPERATIONS=operations)


# Solvers on the whole gradient


def set_chunk_rows(monkeypatch, rows):
    """Set the rows of a chunk of a full-batch gradient, where the network is small."""
    _set(monkeypatch, full_batch_loss, CHUNK_ROWS=rows)


def set_all_chunk_rows(monkeypatch, rows):
    """Set the rows of a chunk of a full-batch gradient, for networks of any size."""
    _set(monkeypatch, full_batch_loss, CHUNK_ROWS=rows, MOST_CHUNK_ROWS=rows)


def set_full_batch_threads(monkeypatch, threads):
    """Set the number of threads of full-batch gradients."""
    _set(monkeypatch, full_batch_loss, useful_threads=lambda *arguments: threads)


def set_interrupt_latency(monkeypatch, seconds):
    """Set how long a caller waits for a step before it looks for interrupts."""
    _set(monkeypatch, threads, INTERRUPT_LATENCY=seconds)


def set_pass_size(monkeypatch, size):
    """Set how many numbers of a full-batch gradient are completed at a time."""
    _set(monkeypatch, full_batch_loss, PASS=size)


def set_jacobian_size(monkeypatch, size):
    """Set how many numbers of the Jacobian Levenberg-Marquardt holds at a time."""
    _set(monkeypatch, levenberg_marquardt, CHUNK_NUMBERS=size)


# Waiting


def set_fork_patience(monkeypatch, seconds):
    """Set how long a fork waits for threads that compile."""
    _set(monkeypatch, forking, PATIENCE=seconds, PATIENCE_WITH_OTHERS=seconds)


def set_draft_patience(monkeypatch, seconds):
    """Set how long a process waits for another that compiles the same kernel."""
    _set(monkeypatch, drafts, PATIENCE=seconds)


# Memory


def record_buffers(monkeypatch):
    """A list to which every buffer is added that is allocated for kernels from now on."""
    allocated, aligned = [], buffers.aligned

    def record(shape, dtype):
        allocated.append(aligned(shape, dtype))
        return allocated[-1]

    _set(monkeypatch, buffers, aligned=record)
    return allocated
