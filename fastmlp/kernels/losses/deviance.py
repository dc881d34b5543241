"""Half deviances of outputs a > 0: one kernel each, with the signature and the two kinds that `canonical` describes.

Fused with exp, or of outputs; target, weight and loss have a column for each output. `poisson`, scikit-learn's own, is
in `canonical`. Everything here is computed in float64, whatever the element: the terms of a deviance cancel where a is
close to y, and its powers overflow float32 while a is far from doing so. An output that has underflowed to zero counts
as 10⁻²⁰⁰, so that f′, zero as well, makes a zero of the delta and not a NaN.
"""

import numpy as np

from ...compiler.numba_backend import inline_llvm, kernel
from ..lowlevel.pointers import carray
from ..math.elementary import exp, log
from ..math.lanes import prefer_wide_vectors
from .canonical import SIGNATURE, per_output


@inline_llvm
def positive(a):
    """a in float64 and not below 10⁻²⁰⁰; NaN stays NaN."""
    a = np.float64(a)
    return 1e-200 if a < 1e-200 else a


@kernel(*SIGNATURE)
def poisson_of_outputs(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """loss = y log(y / a) − y + a (y log y = 0 at y = 0), derivative 1 − y / a."""
    prefer_wide_vectors()
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    for i in range(n):
        mean, t = positive(a[i]), np.float64(y[i])
        losses[i] = (t * log(t / mean if t > 0.0 else 1.0) - t + mean) * np.float64(w[i])
        d[i] = np.float64(d[i]) * (1.0 - t / mean) * np.float64(w[i])


@kernel(*SIGNATURE)
def gamma(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """Fused with exp: loss = log(a / y) + y / a − 1, delta = 1 − y / a, y > 0."""
    prefer_wide_vectors()
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    for i in range(n):
        v = np.float64(a[i])
        ratio = np.float64(y[i]) * exp(-v)
        losses[i] = (v - log(np.float64(y[i])) + ratio - 1.0) * np.float64(w[i])
        d[i] = (1.0 - ratio) * np.float64(w[i])
    for i in range(n):
        a[i] = exp(a[i])


@kernel(*SIGNATURE)
def gamma_of_outputs(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """loss = log(a / y) + y / a − 1, derivative (1 − y / a) / a, y > 0."""
    prefer_wide_vectors()
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    for i in range(n):
        mean, t = positive(a[i]), np.float64(y[i])
        ratio = t / mean
        losses[i] = (ratio - log(ratio) - 1.0) * np.float64(w[i])
        d[i] = np.float64(d[i]) / mean * (1.0 - ratio) * np.float64(w[i])


@inline_llvm
def tweedie_terms(log_mean, y, p):
    """Return (loss, its derivative with respect to log a) for y and log a in float64."""
    lower, upper = exp((1.0 - p) * log_mean), exp((2.0 - p) * log_mean)  # a^(1 − p), a^(2 − p)
    constant = exp((2.0 - p) * log(y)) if y > 0.0 else 0.0  # y^(2 − p)
    loss = constant / ((1.0 - p) * (2.0 - p)) - y * lower / (1.0 - p) + upper / (2.0 - p)
    return loss, upper - y * lower


@kernel(*SIGNATURE)
def tweedie(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """Fused with exp: loss = max(y, 0)^(2 − p) / ((1 − p)(2 − p)) − y a^(1 − p) / (1 − p) + a^(2 − p) / (2 − p).

    delta = a^(2 − p) − y a^(1 − p); constants: the power p, neither 0, 1 nor 2.
    """
    prefer_wide_vectors()
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    p = carray(constants, 1)[0]
    for i in range(n):
        value, derivative = tweedie_terms(np.float64(a[i]), np.float64(y[i]), p)
        losses[i] = value * np.float64(w[i])
        d[i] = derivative * np.float64(w[i])
    for i in range(n):
        a[i] = exp(a[i])


@kernel(*SIGNATURE)
def tweedie_of_outputs(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """The same loss as `tweedie`, derivative (a^(2 − p) − y a^(1 − p)) / a; constants: the power p, not 0, 1 or 2."""
    prefer_wide_vectors()
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    p = carray(constants, 1)[0]
    for i in range(n):
        mean = positive(a[i])
        value, derivative = tweedie_terms(log(mean), np.float64(y[i]), p)
        losses[i] = value * np.float64(w[i])
        d[i] = np.float64(d[i]) / mean * derivative * np.float64(w[i])
