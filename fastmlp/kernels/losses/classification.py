"""Losses of probabilities: one kernel each, with the signature and the two kinds that `canonical` describes.

`canonical` has scikit-learn's log loss, which clips probabilities. Kernels that are fused here never do: with
log σ(z) = −ln(1 + e⁻ᶻ) the loss of a certain and wrong output is finite, and grows as z does. Kernels of outputs read
a probability that may have rounded to 0 or 1, and clip it to [ε, 1 − ε], ε the type's epsilon, for loss and derivative.
"""

import numpy as np

from ...compiler.numba_backend import inline_llvm, kernel
from ..activations.basic import softmax_rows
from ..lowlevel.pointers import carray
from ..math.elementary import exp, log, log1p, logistic
from ..math.lanes import epsilon_of, prefer_wide_vectors
from .canonical import SIGNATURE, clip, constant_like, per_output


@inline_llvm
def smoothed(y, smoothing):
    """0 and 1 as ½ smoothing and 1 − ½ smoothing."""
    one, half = type(y)(1), type(y)(0.5)
    return y * (one - smoothing) + half * smoothing


@kernel(*SIGNATURE)
def smoothed_logistic(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """Fused with logistic: loss = −(t log a + (1 − t) log(1 − a)), delta = a − t, t = (1 − s) y + ½ s; constants: s.

    In terms of z the loss is (1 − t) z + ln(1 + e⁻ᶻ) where z > 0, and −t z + ln(1 + eᶻ) elsewhere.
    """
    prefer_wide_vectors()
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    zero, one = w.dtype.type(0), w.dtype.type(1)
    smoothing = constant_like(w, constants, 0)
    for i in range(n):
        v, t = a[i], smoothed(y[i], smoothing)
        value = (one - t if v > zero else -t) * v + log1p(exp(-abs(v)))
        losses[i] = np.float64(value * w[i])
    for i in range(n):
        a[i] = logistic(a[i])
    for i in range(n):
        d[i] = (a[i] - smoothed(y[i], smoothing)) * w[i]


@inline_llvm
def largest_of(a, begin, end):
    """The largest of a[begin : end]."""
    largest = a[begin]
    for j in range(begin + 1, end):
        largest = a[j] if a[j] > largest else largest
    return largest


@kernel(*SIGNATURE)
def smoothed_softmax(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """Fused with softmax: loss = −Σⱼ tⱼ log aⱼ, delta = a − t, tⱼ = (1 − s) [j = y] + s / columns; constants: s.

    With zⱼ counted from the row's largest, log aⱼ = zⱼ + log(largest a), and the largest a is no less than 1 / columns.
    """
    prefer_wide_vectors()
    y, w, row_loss = carray(target, rows), carray(weight, rows), carray(loss, rows)
    a, d = carray(z, rows * columns), carray(delta, rows * columns)
    smoothing = carray(constants, 1)[0]
    share, rest = w.dtype.type(smoothing / columns), w.dtype.type(1.0 - smoothing)
    for i in range(rows):
        begin, end = i * columns, (i + 1) * columns
        largest, total = np.float64(largest_of(a, begin, end)), 0.0
        for j in range(begin, end):
            total += np.float64(a[j]) - largest
        own = np.float64(a[begin + int(y[i])]) - largest
        row_loss[i] = (1.0 - smoothing) * own + smoothing / columns * total  # Σ tⱼ zⱼ
    softmax_rows(a, rows, columns)
    for i in range(rows):
        begin, end = i * columns, (i + 1) * columns
        row_loss[i] = -(row_loss[i] + log(np.float64(largest_of(a, begin, end)))) * np.float64(w[i])
        for j in range(begin, end):
            d[j] = (a[j] - share) * w[i]
        d[begin + int(y[i])] = (a[begin + int(y[i])] - share - rest) * w[i]


@kernel(*SIGNATURE)
def log_loss_of_outputs(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """loss = −(t log p + (1 − t) log(1 − p)), p = a clipped, t = (1 − s) y + ½ s; derivative (p − t) / (p (1 − p)).

    constants: s.
    """
    prefer_wide_vectors()
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    epsilon, one = epsilon_of(w.dtype.type(0)), w.dtype.type(1)
    smoothing = constant_like(w, constants, 0)
    for i in range(n):
        p, t = clip(a[i], epsilon), smoothed(y[i], smoothing)
        q = one - p
        d[i] *= (p - t) / (p * q) * w[i]
        losses[i] = -np.float64((t * log(p) + (one - t) * log(q)) * w[i])


# Focal loss. Below, p is the probability of what is true and q = 1 − p; constants: γ, then a weight for each class
# (where outputs are labels: for 0 and for 1).


@kernel(*SIGNATURE)
def focal_logistic(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """Fused with logistic: loss = −α q^γ log p, delta = ∓ α q^γ (q − γ p log p), − where y is 1.

    With v = z where y is 1 and −z elsewhere: −log p = ln(1 + e⁻ᵛ) and −log q = ln(1 + eᵛ).
    """
    prefer_wide_vectors()
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    zero, one = w.dtype.type(0), w.dtype.type(1)
    gamma, alpha_0 = constant_like(w, constants, 0), constant_like(w, constants, 1)
    alpha_1 = constant_like(w, constants, 2)
    for i in range(n):
        sign = one if y[i] > zero else -one
        alpha = (alpha_1 if y[i] > zero else alpha_0) * w[i]
        v = sign * a[i]
        e = exp(-abs(v))
        common, larger = log1p(e), one / (one + e)
        minus_log_p, minus_log_q = common + (zero if v > zero else -v), common + (v if v > zero else zero)
        p, q = larger if v > zero else e * larger, e * larger if v > zero else larger
        power = alpha * exp(-gamma * minus_log_q)
        losses[i] = np.float64(power * minus_log_p)
        d[i] = -sign * power * (q + gamma * p * minus_log_p)
    for i in range(n):
        a[i] = logistic(a[i])


@inline_llvm
def power_and_ratio(log_p, q, gamma, smallest):
    """q^γ and log p / q (−1 where q vanishes)."""
    q = smallest if q < smallest else q
    return exp(gamma * log(q)), log_p / q


@kernel(*SIGNATURE)
def focal_softmax(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """Fused with softmax, p = a_y: loss = −α q^γ log p, deltaⱼ = G ([j = y] − aⱼ), G = α q^γ (γ p log p / q − 1)."""
    prefer_wide_vectors()
    y, w, row_loss = carray(target, rows), carray(weight, rows), carray(loss, rows)
    a, d, numbers = carray(z, rows * columns), carray(delta, rows * columns), carray(constants, 1 + columns)
    half, one, smallest = w.dtype.type(0.5), w.dtype.type(1), np.finfo(w.dtype).tiny
    gamma = w.dtype.type(numbers[0])
    for i in range(rows):
        begin = i * columns
        row_loss[i] = a[begin + int(y[i])] - largest_of(a, begin, begin + columns)
    softmax_rows(a, rows, columns)
    for i in range(rows):
        begin, own = i * columns, i * columns + int(y[i])
        q = w.dtype.type(0)
        for j in range(begin, begin + columns):
            q += a[j] if j != own else w.dtype.type(0)
        p = a[own]
        log_a = w.dtype.type(row_loss[i]) + log(largest_of(a, begin, begin + columns))
        log_p = -log1p(q / p) if p > half else log_a
        alpha = w.dtype.type(numbers[1 + int(y[i])]) * w[i]
        power, ratio = power_and_ratio(log_p, q, gamma, smallest)
        row_loss[i] = -np.float64(alpha * power * log_p)
        derivative = alpha * power * (gamma * p * ratio - one)
        for j in range(begin, begin + columns):
            d[j] = -derivative * a[j]
        d[own] = derivative * q


@kernel(*SIGNATURE)
def focal_of_outputs(z, delta, target, weight, loss, rows, columns, n_targets, constants):
    """loss = −α q^γ log p, derivative ± α q^γ (γ log p / q − 1 / p), + where y is 1.

    p is a where y is 1, else 1 − a; clipped.
    """
    prefer_wide_vectors()
    n = rows * columns
    a, d, y, w, losses = per_output(z, delta, target, weight, loss, n)
    epsilon, zero, one = epsilon_of(w.dtype.type(0)), w.dtype.type(0), w.dtype.type(1)
    gamma, alpha_0 = constant_like(w, constants, 0), constant_like(w, constants, 1)
    alpha_1 = constant_like(w, constants, 2)
    for i in range(n):
        sign = one if y[i] > zero else -one
        alpha = (alpha_1 if y[i] > zero else alpha_0) * w[i]
        p = clip(a[i] if y[i] > zero else one - a[i], epsilon)
        log_p = log(p)
        power, ratio = power_and_ratio(log_p, one - p, gamma, epsilon)
        losses[i] = -np.float64(alpha * power * log_p)
        d[i] *= sign * alpha * power * (gamma * ratio - one / p)
