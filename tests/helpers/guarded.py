"""Arrays in guarded memory: a kernel that reads or writes beside them is detected.

::

    ff ff ff ff ff ff ff ff ff ff      every byte outside the array is 0xff: NaN as float32 and as float64, −1 as an
    ff ff  0  1  2  3 ff ff ff ff      integer. Read into a result, it makes the result NaN; written, it is no longer
    ff ff  4  5  6  7 ff ff ff ff      what it was. That holds before, after, and in the gap from row to row.
    ff ff ff ff ff ff ff ff ff ff
"""

import functools
import inspect

import numpy as np

from fastmlp.engine.buffers import LINE

#: Bytes before and after: more than a tile of a few columns.
GUARD = 1024


class Guarded:
    """`values`, (n,) or (rows, columns), in guarded memory that is not aligned to cache lines.

    Parameters
    ----------
    values : array_like
    dtype : numpy type
    stride : int, optional
        Elements from row to row.
    spare_rows : int, default=0
        Rows after the last that a kernel may use as scratch.
    """

    def __init__(self, values, dtype, stride=None, spare_rows=0):
        values = np.asarray(values, dtype)
        rows, columns = values.shape if values.ndim == 2 else (1, values.size)
        self.shape, self.stride = (rows, columns), columns if stride is None else stride
        item = values.itemsize
        self.memory = np.full(2 * GUARD + (rows + spare_rows) * self.stride * item, 0xFF, np.uint8)
        offset = GUARD // 2 + item
        self.body = self.memory[offset : len(self.memory) - 2 * GUARD + offset].view(values.dtype)
        self.body = self.body.reshape(rows + spare_rows, self.stride)
        self.array = self.body[:rows, :columns] if values.ndim == 2 else self.body[0, :columns]
        self.array[...] = values
        self.before = self.memory.copy()
        self.address = self.memory.ctypes.data + offset

    def assert_only_inside_written(self, rows=None, columns=None):
        """Nothing has changed but the array itself, or as many `rows` and `columns` as are given."""
        inside = slice(self.shape[0] if rows is None else rows), slice(self.shape[1] if columns is None else columns)
        after = self.body[inside].copy()
        body_before = self.before[self.address - self.memory.ctypes.data :][: self.body.nbytes]
        self.body[inside] = body_before.view(self.body.dtype).reshape(self.body.shape)[inside]
        outside = np.flatnonzero(self.memory != self.before)
        self.body[inside] = after
        assert not outside.size, f"{outside.size} bytes outside were written, the first at {outside[0]}"

    def assert_untouched(self):
        """Nothing has changed at all."""
        assert np.array_equal(self.memory, self.before)


@functools.cache
def parameters_of(kernel):
    return tuple(inspect.signature(kernel.source.function).parameters)


def call(kernel, dtype, **arguments):
    """Call a kernel through its address, with arguments by name: arrays in guarded memory, or numbers.

    C does not check arguments, so their names are compared with the kernel's signature here.
    """
    names = parameters_of(kernel)
    assert arguments.keys() == set(names), f"{kernel.__name__} takes {names}"
    values = (arguments[name] for name in names)
    kernel.entry(dtype)(*(value.address if isinstance(value, Guarded) else int(value) for value in values))


def assert_lines_are_zero(buffer):
    """Nothing was written beside a buffer of `fastmlp.engine.buffers.aligned`."""
    if not buffer.size:  # NumPy does not keep its address
        return
    memory = buffer.base
    start = buffer.ctypes.data - memory.ctypes.data
    before, after = memory[:start], memory[start + buffer.nbytes :]
    assert before.size >= LINE and after.size >= LINE
    assert not before.any() and not after.any(), "something was written beside a buffer"
