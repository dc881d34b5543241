"""Plain references of the update rules, and `CASES`: the table that all tests of optimizers read.

A reference is NumPy in float64, as the paper writes the rule. It takes the parameters p, the gradient g, the moments so
far, the step t = 1, 2, …, the rate η(t) and the optimizer's parameters by name, and returns new parameters and moments.
It shares nothing with the kernels: bias corrections are where the paper has them.

A threshold is how far L1's proximal step shrinks the weights after such a step, see `reference_thresholds`.
"""

from dataclasses import fields

import numpy as np
from oracles.optimizer_case import FALLING, RATE, Case
from oracles.reference_thresholds import (
    adadelta_threshold,
    adagrad_threshold,
    adam_threshold,
    adamax_threshold,
    amsgrad_threshold,
    lamb_threshold,
    lion_threshold,
    nadam_threshold,
    radam_threshold,
    rmsprop_threshold,
    sgd_threshold,
)

from fastmlp.optimizers import (
    LAMB,
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdaMax,
    AdamW,
    AMSGrad,
    Lion,
    NAdam,
    RAdam,
    RMSProp,
)
from fastmlp.schedules import Polynomial


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
    """Adam's means of the gradient and of its square."""
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


def adamw(p, g, moments, t, eta, beta_1, beta_2, epsilon, weight_decay):
    stepped, kept = adam(p, g, moments, t, eta, beta_1, beta_2, epsilon)
    return stepped - eta * weight_decay * p, kept


def lion(p, g, moments, t, eta, beta_1, beta_2, weight_decay):
    c = beta_1 * moments[0] + (1 - beta_1) * g
    return p - eta * (np.sign(c) + weight_decay * p), [beta_2 * moments[0] + (1 - beta_2) * g]


def lamb_of_biases(p, g, moments, t, eta, beta_1, beta_2, epsilon, weight_decay):
    """One vector of biases: the direction is not scaled; without decay it is Adam's step."""
    m, v = means(g, moments, beta_1, beta_2)
    u = m / (1 - beta_1**t) / (np.sqrt(v / (1 - beta_2**t)) + epsilon) + weight_decay * p
    return p - eta * u, [m, v]


def lamb(p, g, moments, t, eta, beta_1, beta_2, epsilon, weight_decay):
    """One weight matrix: the step is scaled to its norm; the direction is a step of rate 1."""
    stepped, kept = lamb_of_biases(p, g, moments, t, 1.0, beta_1, beta_2, epsilon, weight_decay)
    u = p - stepped
    norms = np.sqrt((p**2).sum()), np.sqrt((u**2).sum())
    return p - eta * (norms[0] / norms[1] if all(norms) else 1.0) * u, kept


# The table

#: ε where PyTorch has it in another place (or squared, under a root): so small that its place does not matter.
TINY = 1e-16
#: Readable name → case; a name of `OPTIMIZERS` is that of its case.
CASES = {
    "sgd": Case(
        SGD(0.125), sgd, sgd_threshold, (0.1, 0.003, 0.3), lasso_rate=0.05, torch=(SGD(0.3), "SGD", {"lr": 0.3})
    ),
    "momentum": Case(
        SGD(0.125, momentum=0.75), sgd, sgd_threshold, (0.03, 0.001, 0.1), trained=SGD(FALLING, momentum=0.7),
        converging=SGD(momentum=0.9), lasso_rate=0.005, torch=(SGD(0.1, 0.8), "SGD", {"lr": 0.1, "momentum": 0.8}),
    ),
    "nesterov": Case(
        SGD(0.125, momentum=0.75, nesterov=True), sgd, sgd_threshold, (0.03, 0.001, 0.1),
        trained=SGD(FALLING, momentum=0.7, nesterov=True), converging=SGD(momentum=0.9, nesterov=True),
        lasso_rate=0.005, torch=(SGD(0.1, 0.8, True), "SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True}),
    ),
    "adagrad": Case(
        AdaGrad(0.125, 2**-10), adagrad, adagrad_threshold, (2.0, 0.1, 1.0), lasso_rate=0.5,
        torch=(AdaGrad(0.1, 1e-3), "Adagrad", {"lr": 0.1, "eps": 1e-3}),
    ),
    "adadelta": Case(
        AdaDelta(0.125, 0.75, 2**-10), adadelta, adadelta_threshold, (0.3, 0.01, 1.0),
        trained=AdaDelta(Polynomial(0.5, steps=9, final=0.1), epsilon=1e-3),
        converging=AdaDelta(epsilon=1e-2),  # its first steps are as small as ε's root
        lasso_rate=1.0, torch=(AdaDelta(0.9, 0.8, 1e-3), "Adadelta", {"lr": 0.9, "rho": 0.8, "eps": 1e-3}),
    ),
    "rmsprop": Case(
        RMSProp(0.125, 0.75, epsilon=2**-10), rmsprop, rmsprop_threshold, (0.1, 0.003, 0.03),
        torch=(RMSProp(0.01, 0.8, epsilon=TINY**2), "RMSprop", {"lr": 0.01, "alpha": 0.8, "eps": TINY}),
    ),
    "rmsprop, momentum": Case(
        RMSProp(0.125, 0.75, 0.5, 2**-10), rmsprop, rmsprop_threshold, (0.01, 0.001, 0.01),
        trained=RMSProp(FALLING, momentum=0.7, epsilon=1e-3), converging=RMSProp(momentum=0.9),
        torch=(
            RMSProp(0.01, 0.8, 0.7, TINY**2), "RMSprop", {"lr": 0.01, "alpha": 0.8, "momentum": 0.7, "eps": TINY},
        ),
    ),
    "rmsprop, centred": Case(
        RMSProp(0.125, 0.75, epsilon=2**-10, centred=True), rmsprop, rmsprop_threshold, (0.03, 0.003, 0.03),
        trained=RMSProp(FALLING, momentum=0.7, epsilon=1e-3, centred=True), converging=RMSProp(centred=True),
        torch=(
            RMSProp(0.01, 0.8, 0.7, TINY**2, True), "RMSprop",
            {"lr": 0.01, "alpha": 0.8, "momentum": 0.7, "eps": TINY, "centered": True},
        ),
    ),
    "rmsprop, centred, momentum": Case(
        RMSProp(0.125, 0.75, 0.5, 2**-10, centred=True), rmsprop, rmsprop_threshold, (0.01, 0.001, 0.01),
        converging=RMSProp(momentum=0.5, centred=True),
    ),
    "adam": Case(
        Adam(0.125, 0.75, 0.96875, 2**-10), adam, adam_threshold, (0.3, 0.03, 0.1),
        torch=(Adam(0.01, 0.8, 0.95, TINY), "Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": TINY}),
    ),
    "amsgrad": Case(
        AMSGrad(0.125, 0.75, 0.96875, 2**-10), amsgrad, amsgrad_threshold, (0.3, 0.03, 0.1),
        torch=(
            AMSGrad(0.01, 0.8, 0.75, TINY), "Adam", {"lr": 0.01, "betas": (0.8, 0.75), "eps": TINY, "amsgrad": True},
        ),
    ),
    "adamax": Case(
        AdaMax(0.125, 0.75, 0.96875, 2**-10), adamax, adamax_threshold, (0.3, 0.03, 0.1),
        torch=(AdaMax(0.01, 0.8, 0.95, 1e-3), "Adamax", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3}),
    ),
    "nadam": Case(
        NAdam(0.125, 0.75, 0.96875, 2**-10), nadam, nadam_threshold, (0.3, 0.01, 0.1),
        torch=(
            NAdam(0.01, 0.8, 0.95, TINY, 0.4), "NAdam",
            {"lr": 0.01, "betas": (0.8, 0.95), "eps": TINY, "momentum_decay": 0.4},
        ),
        forbidden={"momentum_decay": ("a number of at least 0", [-1e-9, np.inf])},
    ),
    "radam": Case(
        RAdam(0.125, 0.75, 0.96875, 2**-10), radam, radam_threshold, (0.3, 0.01, 0.1),
        torch=(RAdam(0.05, 0.8, 0.999, 1e-3), "RAdam", {"lr": 0.05, "betas": (0.8, 0.999), "eps": 1e-3}),
    ),
    "adamw": Case(
        AdamW(0.125, 0.75, 0.96875, 2**-10, 0.5), adamw, adam_threshold, (0.3, 0.01, 0.1),
        converging=AdamW(weight_decay=1e-3),  # decay moves the minimum
        torch=(
            AdamW(0.01, 0.8, 0.95, TINY, 0.5), "AdamW",
            {"lr": 0.01, "betas": (0.8, 0.95), "eps": TINY, "weight_decay": 0.5},
        ),
    ),
    "lion": Case(
        Lion(0.125, 0.75, 0.96875, 0.5), lion, lion_threshold, (0.3, 0.01, 0.03), trained=Lion(FALLING, 0.8, 0.95, 0.1),
    ),
    "lamb": Case(
        LAMB(0.125, 0.75, 0.96875, 2**-10, 0.5), lamb, lamb_threshold, (None, None, 0.03), of_biases=lamb_of_biases,
        trained=LAMB(RATE, 0.8, 0.95, 1e-3, 0.1),
    ),
}  # fmt: skip
#: Those that update parameters in one pass, independent of layers.
RULES = {name: case.optimizer for name, case in CASES.items() if case.rates[0]}


def case_of(optimizer):
    """Return the case of an optimizer of this class."""
    return next(case for case in CASES.values() if type(case.optimizer) is type(optimizer))


def update(optimizer, p, g, moments, t, eta, weights=True):
    """Take a step of the reference with the optimizer's numbers; the decay is for weights alone."""
    numbers = {field.name: getattr(optimizer, field.name) for field in fields(optimizer)}
    del numbers["learning_rate"]
    if "weight_decay" in numbers and not weights:
        numbers["weight_decay"] = 0.0
    case = case_of(optimizer)
    reference = case.reference if weights else case.of_biases or case.reference
    return reference(p, g, moments, t, eta, **numbers)


def threshold(optimizer, weight, moments, etas, lambdas):
    """Return P λ: the length of the rule's last step for a mean gradient of λ."""
    return case_of(optimizer).threshold(optimizer, weight, moments, etas, lambdas)
