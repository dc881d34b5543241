"""From the columns of a table to the inputs of the first layer: periodic embeddings of numbers, tables of categories.

::

    X, as the dataset has it    [ n_plain numbers, the first n_periodic of them embedded | n_codes category numbers ]
    inputs of the first layer   [ the same numbers | PERIODIC_OUTPUTS for each embedded | CODE_WIDTH for each category ]

Behind these X may have category numbers of one-hot columns (see `look_ups`), whose inputs are not among these.

A category is looked up: a row of its column's table is copied. Rows of a batch are next to one another in
embedded_columns (n_periodic PERIODIC_OUTPUTS, column_stride) and numbers (n_periodic, column_stride), where the
periodic embeddings are computed.
"""

from ...compiler.numba_backend import inline_ir, kernel
from ..linalg.rows import copy_row
from ..lowlevel.barrier import thread_range
from ..lowlevel.calls import BATCH_SIGNATURE, ORDERED_ROWS_SIGNATURE, call_transpose, call_update_rule
from ..lowlevel.pointers import carray, doubles_at, integers_at, pointer_at, shift
from ..lowlevel.records import CODE_WIDTH, PERIODIC_OUTPUTS, PERIODIC_PARAMS
from ..math.lanes import prefer_wide_vectors
from .periodic import column_gradient, embed_column


@kernel(*ORDERED_ROWS_SIGNATURE)
def embed_rows(task_record, layer_records, order, first, rows, dtype_ptr):
    """The embedded columns of rows first … first + rows of inputs are overwritten; the plain ones are read.

    So are these rows of numbers and embedded_columns. order names the rows of X, of which the categories are read.
    """
    prefer_wide_vectors()
    task = carray(task_record, 1)[0]
    stride, width = task.column_stride, task.n_periodic
    inputs = shift(pointer_at(task.inputs, dtype_ptr), first * task.input_stride)
    if width > 0:
        numbers = shift(pointer_at(task.numbers, dtype_ptr), first)
        columns = shift(pointer_at(task.embedded_columns, dtype_ptr), first)
        params = pointer_at(task.periodic, dtype_ptr)
        call_transpose(task.transpose, numbers, stride, inputs, task.input_stride, rows, width)
        for column in range(width):
            out, x = shift(columns, column * PERIODIC_OUTPUTS * stride), shift(numbers, column * stride)
            embed_column(out, stride, x, rows, shift(params, column * PERIODIC_PARAMS))
        to = shift(inputs, task.n_plain)
        call_transpose(task.transpose, to, task.input_stride, columns, stride, width * PERIODIC_OUTPUTS, rows)
    which = shift(order, first)
    at = task.n_plain + width * PERIODIC_OUTPUTS
    for column in range(task.n_codes):
        table = pointer_at(integers_at(task.code_tables)[2 * column], dtype_ptr)
        for i in range(rows):
            to = shift(inputs, i * task.input_stride + at + column * CODE_WIDTH)
            code = code_of(task, carray(which, rows)[i], column, dtype_ptr)
            copy_row(to, shift(table, code * CODE_WIDTH), CODE_WIDTH)


@inline_ir
def code_of(task, row, column, dtype_ptr):
    """Return the category number of a row of X, which is stored as a floating-point number."""
    address = task.x + row * task.x_row_stride + (task.n_plain + column) * task.x_column_stride
    return int(carray(pointer_at(address, dtype_ptr), 1)[0])


@kernel(*BATCH_SIGNATURE)
def update_embeddings(task_record, layer_records, order, rows, dtype_ptr):
    """A thread's columns: their embeddings' parameters and moments are updated in place.

    embedded_columns holds the gradient of the periodic outputs, d_embedded (rows, d_embedded_stride) that of all
    embedded inputs. d_periodic and d_table, buffers for gradients, are overwritten.
    """
    prefer_wide_vectors()
    task = carray(task_record, 1)[0]
    begin, end = thread_range(task.n_periodic, 1, task.thread, task.n_threads)
    gradient = shift(pointer_at(task.d_periodic, dtype_ptr), begin * PERIODIC_PARAMS)
    for column in range(begin, end):
        at = column * PERIODIC_PARAMS
        x = shift(pointer_at(task.numbers, dtype_ptr), column * task.column_stride)
        d_out = shift(pointer_at(task.embedded_columns, dtype_ptr), column * PERIODIC_OUTPUTS * task.column_stride)
        d_params, params = (
            shift(pointer_at(task.d_periodic, dtype_ptr), at),
            shift(pointer_at(task.periodic, dtype_ptr), at),
        )
        column_gradient(d_params, params, d_out, task.column_stride, x, rows)
    if begin < end:
        at = begin * PERIODIC_PARAMS
        params = shift(pointer_at(task.periodic, dtype_ptr), at)
        moments = shift(pointer_at(task.state, dtype_ptr), task.periodic_offset + at)
        n = (end - begin) * PERIODIC_PARAMS
        hyperparameters = shift(doubles_at(task.hyperparameters), task.periodic_rule)
        call_update_rule(task.update, params, gradient, moments, task.n_params, n, hyperparameters)
    begin, end = thread_range(task.n_codes, 1, task.thread, task.n_threads)
    for column in range(begin, end):
        update_table(task, order, column, rows, dtype_ptr)


@inline_ir
def update_table(task, order, column, rows, dtype_ptr):
    """The table of a category column and its moments are updated; d_table is overwritten with its gradient."""
    address, categories = integers_at(task.code_tables)[2 * column], integers_at(task.code_tables)[2 * column + 1]
    n = categories * CODE_WIDTH
    d_table = carray(pointer_at(task.d_table, dtype_ptr), n)
    for i in range(n):
        d_table[i] = d_table.dtype.type(0)
    at = task.n_periodic * PERIODIC_OUTPUTS + column * CODE_WIDTH
    for i in range(rows):
        code = code_of(task, carray(order, rows)[i], column, dtype_ptr)
        d = carray(shift(pointer_at(task.d_embedded, dtype_ptr), i * task.d_embedded_stride + at), CODE_WIDTH)
        for j in range(CODE_WIDTH):
            d_table[code * CODE_WIDTH + j] += d[j]
    item = carray(dtype_ptr, 1).itemsize
    offset = task.periodic_offset + (address - task.periodic) // item
    moments = shift(pointer_at(task.state, dtype_ptr), offset)
    hyperparameters = shift(doubles_at(task.hyperparameters), task.table_rule)
    call_update_rule(
        task.update, pointer_at(address, dtype_ptr), pointer_at(task.d_table, dtype_ptr), moments, task.n_params, n,
        hyperparameters,
    )  # fmt: skip
