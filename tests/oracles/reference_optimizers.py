"""Plain references of the update rules: NumPy in float64, as the papers write them, with their step numbers t = 1, 2, …

Each takes the parameters p, the gradient g, the moments so far, t, the rate η(t) and the optimizer's numbers by name;
it gives new parameters and new moments. They share nothing with the kernels: corrections of bias and the like stand
where the papers have them.
"""

from dataclasses import fields

import numpy as np


def sgd(p, g, moments, t, eta, momentum, nesterov):
    if momentum == 0:
        return p - eta * g, []
    v = momentum * moments[0] - eta * g
    return p + (momentum * v - eta * g if nesterov else v), [v]


def adagrad(p, g, moments, t, eta, epsilon):
    s = moments[0] + g**2
    return p - eta * g / (np.sqrt(s) + epsilon), [s]


def adadelta(p, g, moments, t, eta, decay, epsilon):
    v = decay * moments[0] + (1 - decay) * g**2
    step = np.sqrt(moments[1] + epsilon) / np.sqrt(v + epsilon) * g
    u = decay * moments[1] + (1 - decay) * step**2
    return p - eta * step, [v, u]


def rmsprop(p, g, moments, t, eta, decay, momentum, epsilon, centred):
    v = decay * moments[0] + (1 - decay) * g**2
    m = decay * moments[1] + (1 - decay) * g if centred else 0
    step = -eta * g / np.sqrt(v - m**2 + epsilon)
    if centred or momentum:
        step = momentum * moments[2 if centred else 1] + step
    kept = [v, m, step] if centred else [v, step] if momentum else [v]
    return p + step, kept


def means(g, moments, beta_1, beta_2):
    """Adam's two: of the gradient and of its square."""
    return beta_1 * moments[0] + (1 - beta_1) * g, beta_2 * moments[1] + (1 - beta_2) * g**2


def adam(p, g, moments, t, eta, beta_1, beta_2, epsilon):
    m, v = means(g, moments, beta_1, beta_2)
    alpha = eta * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return p - alpha * m / (np.sqrt(v) + epsilon), [m, v]


def amsgrad(p, g, moments, t, eta, beta_1, beta_2, epsilon):
    m, v = means(g, moments, beta_1, beta_2)
    h = np.maximum(moments[2], v)
    alpha = eta * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return p - alpha * m / (np.sqrt(h) + epsilon), [m, v, h]


def adamax(p, g, moments, t, eta, beta_1, beta_2, epsilon):
    m = beta_1 * moments[0] + (1 - beta_1) * g
    u = np.maximum(beta_2 * moments[1], np.abs(g) + epsilon)
    return p - eta / (1 - beta_1**t) * m / u, [m, u]


def nadam(p, g, moments, t, eta, beta_1, beta_2, epsilon, momentum_decay):
    m, v = means(g, moments, beta_1, beta_2)
    mu = [beta_1 * (1 - 0.5 * 0.96 ** (i * momentum_decay)) for i in range(1, t + 2)]
    m_hat = mu[t] * m / (1 - np.prod(mu)) + (1 - mu[t - 1]) * g / (1 - np.prod(mu[:t]))
    return p - eta * np.sqrt(1 - beta_2**t) * m_hat / (np.sqrt(v) + epsilon), [m, v]


def radam(p, g, moments, t, eta, beta_1, beta_2, epsilon):
    m, v = means(g, moments, beta_1, beta_2)
    m_hat = m / (1 - beta_1**t)
    rho_inf = 2 / (1 - beta_2) - 1
    rho = rho_inf - 2 * t * beta_2**t / (1 - beta_2**t)
    if rho <= 5:
        return p - eta * m_hat, [m, v]
    r = np.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
    return p - eta * r * m_hat * np.sqrt(1 - beta_2**t) / (np.sqrt(v) + epsilon), [m, v]


def denominator(optimizer, size, t):
    """What Adam and its kin divide m̂ by, where `size` is the second moment."""
    return (np.sqrt(size) + optimizer.epsilon) / np.sqrt(1 - optimizer.beta_2**t)


def rectification(optimizer, t):
    """RAdam's r(t); None as long as it steps by the first moment alone."""
    rho_inf = 2 / (1 - optimizer.beta_2) - 1
    rho = rho_inf - 2 * t * optimizer.beta_2**t / (1 - optimizer.beta_2**t)
    if rho <= 5:
        return None
    return np.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))


def adamw(p, g, moments, t, eta, beta_1, beta_2, epsilon, weight_decay):
    stepped, kept = adam(p, g, moments, t, eta, beta_1, beta_2, epsilon)
    return stepped - eta * weight_decay * p, kept


def lion(p, g, moments, t, eta, beta_1, beta_2, weight_decay):
    c = beta_1 * moments[0] + (1 - beta_1) * g
    return p - eta * (np.sign(c) + weight_decay * p), [beta_2 * moments[0] + (1 - beta_2) * g]


def lamb_of_biases(p, g, moments, t, eta, beta_1, beta_2, epsilon, weight_decay):
    """One vector of biases, which take the direction as it is; with no decay, the update of an Adam."""
    m, v = means(g, moments, beta_1, beta_2)
    u = m / (1 - beta_1**t) / (np.sqrt(v / (1 - beta_2**t)) + epsilon) + weight_decay * p
    return p - eta * u, [m, v]


def lamb(p, g, moments, t, eta, beta_1, beta_2, epsilon, weight_decay):
    """One weight matrix, whose step is as long as it is itself; the direction is found by a step of rate 1."""
    stepped, kept = lamb_of_biases(p, g, moments, t, 1.0, beta_1, beta_2, epsilon, weight_decay)
    u = p - stepped
    norms = np.sqrt((p**2).sum()), np.sqrt((u**2).sum())
    return p - eta * (norms[0] / norms[1] if all(norms) else 1.0) * u, kept


TWINS = {
    reference.__name__: reference
    for reference in (
        sgd, adagrad, adadelta, rmsprop, adam, amsgrad, adamax, nadam, radam, adamw, lion, lamb, lamb_of_biases
    )
}  # fmt: skip


def update(optimizer, p, g, moments, t, eta, weights=True):
    """A step of the reference that has the optimizer's name, with its numbers; nothing decays but weights."""
    numbers = {field.name: getattr(optimizer, field.name) for field in fields(optimizer)}
    del numbers["learning_rate"]
    if "weight_decay" in numbers and not weights:
        numbers["weight_decay"] = 0.0
    name = type(optimizer).__name__.lower()
    reference = TWINS[name] if weights else TWINS.get(f"{name}_of_biases", TWINS[name])
    return reference(p, g, moments, t, eta, **numbers)
