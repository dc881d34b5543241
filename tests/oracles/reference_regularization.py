"""Plain references of penalties, clipping, L1's proximal steps, max-norm and dropout's random bits: NumPy in float64.

They share nothing with the kernels. The random bits are Python's integers.
"""

import numpy as np
from oracles import reference

# Random bits by counter


def _splitmix(x):
    """The output of SplitMix64 for the state x."""
    x = (x + 0x9E3779B97F4A7C15) % 2**64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


def mask_key(seed, step, layer):
    return _splitmix((_splitmix((_splitmix(seed) + step) % 2**64) + layer) % 2**64)


def random_bits(key, position):
    """MurmurHash3's finaliser of a position, with the key's low half before it and the high half in its middle."""
    x = (position ^ key) % 2**32
    x = (x ^ (x >> 16)) * 0x85EBCA6B % 2**32
    x = (x ^ (x >> 13) ^ (key >> 32)) * 0xC2B2AE35 % 2**32
    return x ^ (x >> 16)


def mask(key, rate, rows, columns, stride):
    """(rows, columns): 0 with probability `rate`, else 1 / (1 − rate)."""
    kept = [[random_bits(key, i * stride + j) >= rate * 2**32 for j in range(columns)] for i in range(rows)]
    return np.array(kept) / (1 - rate)


# The gradient


def masked_loss_and_gradients(coefs, intercepts, batch, l2, l1, masks, activation, loss, epsilon=reference.EPSILON):
    """(Σ wᵢ lossᵢ + l2 / 2 Σ p² + l1 Σ |p|) / Σ wᵢ, and its gradients without those of the L1 term.

    `masks` are those of the inputs of each layer.
    """
    inp, y, w = batch
    masks = [1.0 if m is None else m for m in masks or [None] * len(coefs)]
    inputs, derivatives = [inp * masks[0]], []
    for weight, bias, m in zip(coefs[:-1], intercepts[:-1], masks[1:], strict=True):
        a, derivative = reference.ACTIVATIONS[activation](reference.dense_forward(inputs[-1], weight, bias))
        inputs.append(a * m)
        derivatives.append(derivative * m)
    z = reference.dense_forward(inputs[-1], coefs[-1], intercepts[-1])
    _, delta, row_losses = reference.LOSSES[loss](z, y, w, epsilon)
    d_coefs, d_intercepts = [], []
    for layer in reversed(range(len(coefs))):
        penalty = l2 * coefs[layer]
        d_coefs.insert(0, (reference.dense_weight_gradient(inputs[layer], delta) + penalty) / w.sum())
        d_intercepts.insert(0, delta.sum(axis=0) / w.sum())
        if layer:
            delta = reference.dense_input_gradient(delta, coefs[layer], derivatives[layer - 1])
    penalty = sum(0.5 * l2 * (coef**2).sum() + l1 * abs(coef).sum() for coef in coefs)
    return (row_losses.sum() + penalty) / w.sum(), d_coefs, d_intercepts


def clip_by_value(gradients, largest):
    return [np.clip(g, -largest, largest) for g in gradients]


def clip_by_norm(gradients, largest):
    """All gradients together."""
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    return [g * min(1.0, largest / norm) if norm else g for g in gradients]


def limit_columns(weight, largest):
    norms = np.sqrt((weight**2).sum(axis=0))
    return weight * np.minimum(1.0, largest / np.maximum(norms, 1e-300))


# L1


def soft(w, threshold):
    return np.sign(w) * np.maximum(np.abs(w) - threshold, 0.0)


# A whole step


def train_step(coefs, intercepts, moments, rule, shrink, batch, l2, constants, masks, activation, loss, epsilon):
    """One step with `constants`, a Regularization; rule(p, g, moments, weights) updates weights or biases.

    shrink(λ)(p before, p after the rule, moments after it) is L1's step of weights. Lists are changed in place;
    `moments` holds one for each weight matrix, then for each bias vector. The batch's loss.
    """
    value, d_coefs, d_intercepts = masked_loss_and_gradients(
        coefs, intercepts, batch, l2, constants.l1, masks, activation, loss, epsilon
    )
    gradients = [*d_coefs, *d_intercepts]
    if constants.clip_value is not None:
        gradients = clip_by_value(gradients, constants.clip_value)
    strength = constants.l1 / batch[2].sum()
    if constants.clip_norm is not None:
        norm = np.sqrt(sum((g**2).sum() for g in gradients))
        gradients = clip_by_norm(gradients, constants.clip_norm)
        strength *= min(1.0, constants.clip_norm / norm) if norm else 1.0
    n_layers, before = len(coefs), list(coefs)
    for number, gradient in enumerate(gradients):
        is_bias = number >= n_layers
        where, layer = (intercepts, number - n_layers) if is_bias else (coefs, number)
        where[layer], moments[number] = rule(where[layer], gradient, moments[number], not is_bias)
    if constants.l1:
        shrunk = shrink(strength)
        coefs[:] = [shrunk(*each) for each in zip(before, coefs, moments[:n_layers], strict=True)]
    if constants.max_norm is not None:
        coefs[:] = [limit_columns(coef, constants.max_norm) for coef in coefs]
    return value
