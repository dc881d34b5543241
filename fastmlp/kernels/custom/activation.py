"""A user's own activation: two plain functions of a number, put in by `plain_functions`."""

from ..lowlevel.pointers import carray
from ..math.lanes import prefer_wide_vectors

#: The gaps.
function = derivative_of = None


def activate(z, derivative, rows, stride, columns, constants):
    """f(z) = function(z), f′ = derivative_of(z); constants are not used."""
    prefer_wide_vectors()
    a, d = carray(z, rows * stride), carray(derivative, rows * stride)
    for i in range(rows * stride):
        v = a[i]
        a[i] = function(v)
        d[i] = derivative_of(v)
