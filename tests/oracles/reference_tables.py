"""Plain reference of networks for tables: a whole step in NumPy and float64, one formula a line.

It shares nothing with the kernels: there are names in place of a flat vector, all rows at once, and W and s apart.
Parameters are a dict: "scales" (I,); "weight 0", "bias 0", … of each layer; "slope 0", … of hidden layers that have
them; "periodic 0", … of each embedded column, w (16,), c (16,), V (3, 16), d (3,) one behind the other;
"table 0", … (categories, 8).
"""

import math
from dataclasses import dataclass, field

import numpy as np
from oracles import reference_losses, reference_optimizers
from oracles.reference_activations import CASES as ACTIVATIONS

from fastmlp.losses import LOSSES, BaseLoss

FREQUENCIES = 16


@dataclass(frozen=True)
class Network:
    """What is computed: the first `n_periodic` of `n_plain` columns are embedded too, category columns come last.

    Each of `look_ups` is a category column that becomes one-hot inputs: how many of the numbers stand before these, and
    what each of them is for other categories, and for its own.
    """

    n_plain: int
    n_periodic: int = 0
    table_sizes: tuple[int, ...] = ()
    hidden: tuple[int, ...] = ()
    n_outputs: int = 1
    activation: str = "tanh"
    learn_slopes: bool = False
    loss: BaseLoss = field(default_factory=lambda: LOSSES["squared_error"])
    output: str = "identity"
    look_ups: tuple[tuple[int, tuple[float, ...], tuple[float, ...]], ...] = ()

    @property
    def n_plain_inputs(self):
        return self.n_plain + sum(len(of_zero) for _, of_zero, _ in self.look_ups)

    @property
    def widths(self):
        embedded = 3 * self.n_periodic + 8 * len(self.table_sizes)
        return [self.n_plain_inputs + embedded, *self.hidden, self.n_outputs]


def params_of(model):
    """The parameters of a `TableModel` by name, in float64."""
    layout, params = model.layout, model.params
    groups = {
        "weight": model.coefs, "bias": model.intercepts, "slope": layout.slopes(params),
        "periodic": layout.periodic(params), "table": layout.tables(params),
    }  # fmt: skip
    named = {f"{name} {i}": array for name, arrays in groups.items() for i, array in enumerate(arrays)}
    return {name: np.array(array, np.float64) for name, array in {"scales": layout.scales(params), **named}.items()}


def parts_of(periodic):
    """w, c, V, d of one column."""
    w, c = periodic[:FREQUENCIES], periodic[FREQUENCIES : 2 * FREQUENCIES]
    return w, c, periodic[2 * FREQUENCIES : -3].reshape(3, FREQUENCIES), periodic[-3:]


def codes_of(network, X, column):
    return X[:, network.n_plain + column].astype(int)


def inputs_of(network, params, X):
    """u (B, I): the numbers and one-hot inputs, the embeddings of the first numbers, the rows of the tables."""
    parts, done = [], 0
    for j, (at, of_zero, of_one) in enumerate(network.look_ups):
        is_one = codes_of(network, X, len(network.table_sizes) + j)[:, None] == np.arange(1, len(of_zero) + 1)
        parts += [X[:, done:at], np.where(is_one, of_one, of_zero)]
        done = at
    parts.append(X[:, done : network.n_plain])
    for j in range(network.n_periodic):
        w, c, v, d = parts_of(params[f"periodic {j}"])
        parts.append(np.cos(2 * np.pi * X[:, [j]] * w + c) @ v.T + d)
    parts += [params[f"table {j}"][codes_of(network, X, j)] for j in range(len(network.table_sizes))]
    return np.concatenate(parts, axis=1)


def forward(network, params, X, masks=None):
    """u, and for each layer its inputs; for each hidden layer z, f(z) and f′(z); and the outputs' pre-activations."""
    u, hidden = inputs_of(network, params, X), []
    h = u * params["scales"]
    inputs = [h]
    for i in range(len(network.hidden)):
        z = h @ params[f"weight {i}"] + params[f"bias {i}"]
        f, derivative = ACTIVATIONS[network.activation].reference(z)
        hidden.append((z, f, derivative))
        h = z + params[f"slope {i}"] * (f - z) if network.learn_slopes else f
        h = h if masks is None or masks[i + 1] is None else h * masks[i + 1]
        inputs.append(h)
    last = len(network.hidden)
    return u, inputs, hidden, h @ params[f"weight {last}"] + params[f"bias {last}"]


def loss_and_gradients(network, params, batch, masks=None):
    """Σ wᵢ lossᵢ / Σ wᵢ, and its gradient for each parameter, by name."""
    X, y, w = batch
    u, inputs, hidden, z = forward(network, params, X, masks)
    _, losses, delta = reference_losses.through(network.loss, network.output, z, y)
    delta = delta * w[:, None] / w.sum()
    gradients = {}
    for i in reversed(range(len(network.hidden) + 1)):
        gradients[f"weight {i}"] = inputs[i].T @ delta
        gradients[f"bias {i}"] = delta.sum(axis=0)
        g = delta @ params[f"weight {i}"].T
        if i == 0:
            break
        pre, f, derivative = hidden[i - 1]
        g = g if masks is None or masks[i] is None else g * masks[i]
        if network.learn_slopes:
            gradients[f"slope {i - 1}"] = (g * (f - pre)).sum(axis=0)
            derivative = 1 + params[f"slope {i - 1}"] * (derivative - 1)
        delta = g * derivative
    gradients["scales"] = (g * u).sum(axis=0)
    gradients.update(embedding_gradients(network, params, X, g * params["scales"]))
    return (losses.sum(axis=1) * w).sum() / w.sum(), gradients


def embedding_gradients(network, params, X, d_u):
    """From d_u (B, I), ∂loss / ∂u."""
    gradients = {}
    for j in range(network.n_periodic):
        w, c, v, _ = parts_of(params[f"periodic {j}"])
        at = network.n_plain_inputs + 3 * j
        g, angle = d_u[:, at : at + 3], 2 * np.pi * X[:, [j]] * w + c
        d_angle = -np.sin(angle) * (g @ v)
        parts = (d_angle * 2 * np.pi * X[:, [j]]).sum(axis=0), d_angle.sum(axis=0), (g.T @ np.cos(angle)).ravel()
        gradients[f"periodic {j}"] = np.concatenate([*parts, g.sum(axis=0)])
    for j, size in enumerate(network.table_sizes):
        at = network.n_plain_inputs + 3 * network.n_periodic + 8 * j
        one_hot = codes_of(network, X, j)[:, None] == np.arange(size)
        gradients[f"table {j}"] = one_hot.T.astype(float) @ d_u[:, at : at + 8]
    return gradients


def factors_of(name, rates, fan_in):
    """(factor of the learning rate, decay of a step in multiples of η λ), with the tangent kernel's 1 / √I."""
    kind = name.split()[0]
    if kind == "weight":
        return 1 / math.sqrt(fan_in), 1.0
    if kind == "bias":
        return rates.bias_rate, 0.0
    if kind == "scales":
        return rates.scale_rate, rates.scale_decay
    factor = {"slope": rates.slope_rate, "periodic": rates.periodic_rate, "table": rates.table_rate}[kind]
    return factor, factor**2


def train_step(network, params, moments, t, batch, rates, eta, decay, masks=None):
    """One step of AdamW, t = 1, 2, …, with rate η and decay λ; dicts are changed in place. The batch's loss."""
    loss, gradients = loss_and_gradients(network, params, batch, masks)
    assert gradients.keys() == params.keys()
    for name, gradient in gradients.items():
        p = params[name]
        factor, decays = factors_of(name, rates, len(p))
        numbers = rates.beta_1, rates.beta_2, rates.epsilon
        stepped, moments[name] = reference_optimizers.adam(p, gradient, moments[name], t, eta * factor, *numbers)
        params[name] = stepped - eta * decay * decays * p
    return loss
