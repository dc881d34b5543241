"""How far L1's proximal step shrinks weights with each update rule: NumPy in float64, by the papers' formulas.

A threshold takes the optimizer, the weight before the step, the moments after it, learning rates and λ = l1 / Σ w of
all steps so far, and returns P λ: the length of the rule's last step for a mean gradient of λ.
"""

import numpy as np


def filtered(values, kept):
    """Return the last value of s ← kept · s + value."""
    return sum(kept ** (len(values) - 1 - s) * value for s, value in enumerate(values))


def denominator(optimizer, size, t):
    """Return the divisor of m̂ in Adam and its variants; `size` is the second moment."""
    return (np.sqrt(size) + optimizer.epsilon) / np.sqrt(1 - optimizer.beta_2**t)


def rectification(optimizer, t):
    """Return RAdam's r(t), or None while it uses the first moment only."""
    rho_inf = 2 / (1 - optimizer.beta_2) - 1
    rho = rho_inf - 2 * t * optimizer.beta_2**t / (1 - optimizer.beta_2**t)
    if rho <= 5:
        return None
    return np.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))


def corrected_mean(optimizer, lambdas):
    """Return Adam's mean with bias correction, of λ instead of gradients."""
    mean = (1 - optimizer.beta_1) * filtered(lambdas, optimizer.beta_1)
    return mean / (1 - optimizer.beta_1 ** len(lambdas))


def sgd_threshold(optimizer, weight, moments, etas, lambdas):
    velocity = filtered(np.multiply(etas, lambdas), optimizer.momentum)
    return optimizer.momentum * velocity + etas[-1] * lambdas[-1] if optimizer.nesterov else velocity


def rmsprop_threshold(optimizer, weight, moments, etas, lambdas):
    velocity = filtered(np.multiply(etas, lambdas), optimizer.momentum)
    variance = moments[0] - (moments[1] ** 2 if optimizer.centred else 0.0)
    longest = np.inf if optimizer.centred else 2 * velocity / lambdas[-1]
    return np.minimum(velocity / np.sqrt(variance + optimizer.epsilon), longest)


def adagrad_threshold(optimizer, weight, moments, etas, lambdas):
    return etas[-1] * np.minimum(lambdas[-1] / (np.sqrt(moments[0]) + optimizer.epsilon), 2.0)


def adadelta_threshold(optimizer, weight, moments, etas, lambdas):
    v, u = (np.sqrt(moment + optimizer.epsilon) for moment in moments)
    return etas[-1] * u * np.minimum(lambdas[-1] / v, 2.0)


def lion_threshold(optimizer, weight, moments, etas, lambdas):
    mean = (1 - optimizer.beta_2) * filtered(lambdas, optimizer.beta_2)
    return etas[-1] * np.minimum(mean / np.maximum(np.abs(moments[0]), 1e-300), 2.0)


def adam_threshold(optimizer, weight, moments, etas, lambdas, size=1):
    """Adam's step for a gradient of λ in every step, at most 2 η; `size` is the index of the second moment."""
    of_mean = denominator(optimizer, moments[size], len(etas))
    return np.minimum(etas[-1] * corrected_mean(optimizer, lambdas) / of_mean, 2 * etas[-1])


def amsgrad_threshold(optimizer, weight, moments, etas, lambdas):
    return adam_threshold(optimizer, weight, moments, etas, lambdas, size=2)


def adamax_threshold(optimizer, weight, moments, etas, lambdas):
    return etas[-1] * np.minimum(corrected_mean(optimizer, lambdas) / moments[1], 2.0)


def nadam_threshold(optimizer, weight, moments, etas, lambdas):
    t, mean = len(etas), (1 - optimizer.beta_1) * filtered(lambdas, optimizer.beta_1)
    mu = [optimizer.beta_1 * (1 - 0.5 * 0.96 ** (i * optimizer.momentum_decay)) for i in range(1, t + 2)]
    look = mu[t] * mean / (1 - np.prod(mu)) + (1 - mu[t - 1]) * lambdas[-1] / (1 - np.prod(mu[:t]))
    return np.minimum(etas[-1] * look / denominator(optimizer, moments[1], t), 2 * etas[-1])


def radam_threshold(optimizer, weight, moments, etas, lambdas):
    t, mean = len(etas), corrected_mean(optimizer, lambdas)
    r = rectification(optimizer, t)
    if r is None:
        return etas[-1] * mean
    return np.minimum(etas[-1] * r * mean / denominator(optimizer, moments[1], t), 2 * etas[-1])


def lamb_threshold(optimizer, weight, moments, etas, lambdas):
    t, root = len(etas), np.sqrt(1 - optimizer.beta_2 ** len(etas))
    direction = moments[0] / (1 - optimizer.beta_1**t) / (np.sqrt(moments[1]) / root + optimizer.epsilon)
    direction = direction + optimizer.weight_decay * weight
    norms = np.sqrt((weight**2).sum()), np.sqrt((direction**2).sum())
    trust = norms[0] / norms[1] if all(norms) else 1.0
    size = np.sqrt(moments[1]) / root + optimizer.epsilon
    return trust * etas[-1] * np.minimum(corrected_mean(optimizer, lambdas) / size, 2.0)
