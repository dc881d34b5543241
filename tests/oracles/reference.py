"""Plain references of the kernels: NumPy in float64, one formula a line, to be checked by reading.

They share nothing with the kernels: no flat vector, no strides, no blocks, no special order. A batch has B rows, a
layer has I inputs and O outputs, and `w` (B,) holds the sample weights.
"""

import numpy as np

EPSILON = np.finfo(np.float64).eps


# The affine layer in its three roles, and all modes of `multiply` in one


def dense_forward(inp, weight, bias):
    """(B, O) from (B, I), (I, O) and (O,)."""
    return inp @ weight + bias


def dense_input_gradient(delta, weight, derivative):
    """(B, I) from (B, O) and (I, O), times f′ of the layer below."""
    return delta @ weight.T * derivative


def dense_weight_gradient(inp, delta):
    """(I, O) from (B, I) and (B, O)."""
    return inp.T @ delta


MULTIPLY = {  # mode → new value of out, from out, the product, the bias and the outputs of a rectifier
    "FROM_BIAS": lambda out, product, bias, rectified: bias + product,
    "OVERWRITE": lambda out, product, bias, rectified: product,
    "MULTIPLY": lambda out, product, bias, rectified: out * product,
    "MULTIPLY_BY_DERIVATIVE": lambda out, product, bias, rectified: np.where(rectified > 0, product, 0),
    "RECTIFY": lambda out, product, bias, rectified: np.maximum(bias + product, 0),
    "FROM_OUT": lambda out, product, bias, rectified: out + product,
    "RECTIFY_FROM_OUT": lambda out, product, bias, rectified: np.maximum(out + product, 0),
}


def round_to_bits(x, bits):
    """The nearest numbers with so many significant bits, ties to even."""
    mantissa, exponent = np.frexp(np.asarray(x, np.float64))
    return np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits)


def to_panels(b, lanes, depth, padding=np.nan):
    """The panels of b, one after the other, with space for `depth` rows each, filled with `padding`."""
    panels, j, columns = [], 0, b.shape[1]
    while j < columns:
        left = columns - j
        vectors = 2 if 3 * lanes < left <= 4 * lanes else min(3, -(-left // lanes))
        panel = np.full((depth, vectors * lanes), padding, b.dtype)
        part = b[:, j : j + vectors * lanes]
        panel[: len(b), : part.shape[1]] = part
        panels.append(panel.ravel())
        j += vectors * lanes
    return np.concatenate(panels)


# Activations: name → z ↦ (f(z), f′(z))


def identity(z):
    return z, np.ones_like(z)


def relu(z):
    return np.maximum(z, 0), (z > 0) * 1.0


def logistic(z):
    a = 0.5 + 0.5 * np.tanh(z / 2)  # 1 / (1 + exp(-z)) that never overflows
    return a, a * (1 - a)


def tanh(z):
    return np.tanh(z), 1 / np.cosh(np.clip(z, -300, 300)) ** 2


def exponential(z):
    return np.exp(z), np.exp(z)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


ACTIVATIONS = {"identity": identity, "relu": relu, "logistic": logistic, "tanh": tanh, "exp": exponential}


# Losses: pre-activations z (B, O), targets y → outputs a, delta (B, O), loss of each row (B,)


def softmax_log_loss(z, y, w, epsilon=EPSILON):
    """y (B, 1) holds the class's number."""
    a = softmax(z)
    one_hot = y == np.arange(z.shape[1])
    p = np.clip(a[one_hot], epsilon, 1 - epsilon)
    return a, (a - one_hot) * w[:, None], -np.log(p) * w


def logistic_log_loss(z, y, w, epsilon=EPSILON):
    """y (B, O) holds zeros and ones."""
    a = logistic(z)[0]
    p = np.clip(a, epsilon, 1 - epsilon)
    return a, (a - y) * w[:, None], -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(axis=1) * w


def squared_error(z, y, w, epsilon=EPSILON):
    """As in scikit-learn, ½ of the mean over the outputs is reported, and the delta is that of ½ of the sum."""
    return z, (z - y) * w[:, None], 0.5 * ((z - y) ** 2).mean(axis=1) * w


def poisson(z, y, w, epsilon=EPSILON):
    """Half the deviance, with y log y = 0 at y = 0."""
    a = np.exp(z)
    deviance = y * np.log(np.where(y > 0, y / a, 1)) - y + a
    return a, (a - y) * w[:, None], deviance.sum(axis=1) * w


LOSSES = {
    ("log_loss", "softmax"): softmax_log_loss,
    ("log_loss", "logistic"): logistic_log_loss,
    ("squared_error", "identity"): squared_error,
    ("poisson", "exp"): poisson,
}


# The first layer on CSR input: the rows of X that `order` names


def sparse_forward(X, order, weight, bias):
    return dense_forward(X[order].toarray(), weight, bias)


def sort_by_feature(X, order, first, count):
    """starts (count + 1,), entry_rows, entry_values of features first …, by feature and then by row."""
    entries = []
    for row, number in enumerate(order):
        for e in range(X.indptr[number], X.indptr[number + 1]):
            if first <= X.indices[e] < first + count:
                entries.append((X.indices[e] - first, row, X.data[e]))
    entries.sort(key=lambda entry: entry[0])  # stable: keeps the order of the rows of a feature
    features, rows, values = (list(column) for column in zip(*entries, strict=True)) if entries else ([], [], [])
    return np.searchsorted(features, np.arange(count + 1)), rows, values


def sparse_weight_gradient(X, order, delta):
    return dense_weight_gradient(X[order].toarray(), delta)


# The whole network


def forward(coefs, intercepts, inp, activation):
    """The inputs of each layer, f′ of each hidden layer, and the pre-activations of the output."""
    inputs, derivatives = [inp], []
    for weight, bias in zip(coefs[:-1], intercepts[:-1], strict=True):
        a, derivative = ACTIVATIONS[activation](dense_forward(inputs[-1], weight, bias))
        inputs.append(a)
        derivatives.append(derivative)
    return inputs, derivatives, dense_forward(inputs[-1], coefs[-1], intercepts[-1])


def predict(coefs, intercepts, inp, activation, output_activation):
    """The network's outputs, (B, O)."""
    z = forward(coefs, intercepts, inp, activation)[2]
    return softmax(z) if output_activation == "softmax" else ACTIVATIONS[output_activation](z)[0]


def loss_and_gradients(coefs, intercepts, inp, y, w, l2, activation, loss, epsilon=EPSILON):
    """Σ wᵢ lossᵢ / Σ wᵢ + l2 / (2 Σ wᵢ) Σ weight², and its gradients (with the squared error's habit)."""
    inputs, derivatives, z = forward(coefs, intercepts, inp, activation)
    _, delta, row_losses = LOSSES[loss](z, y, w, epsilon)
    d_coefs, d_intercepts = [], []
    for layer in reversed(range(len(coefs))):
        d_coefs.insert(0, (dense_weight_gradient(inputs[layer], delta) + l2 * coefs[layer]) / w.sum())
        d_intercepts.insert(0, delta.sum(axis=0) / w.sum())
        if layer:
            delta = dense_input_gradient(delta, coefs[layer], derivatives[layer - 1])
    squares = sum((coef**2).sum() for coef in coefs)
    return (row_losses.sum() + 0.5 * l2 * squares) / w.sum(), d_coefs, d_intercepts


def train_step(coefs, intercepts, moments, rule, batch, l2, activation, loss, epsilon=EPSILON):
    """One step on the batch (inp, y, w); rule(p, g, moments, weights) gives new p, new moments, `weights` being whether
    p is a weight matrix. Lists are changed in place; the batch's loss.

    `moments` holds a list for each weight matrix, then for each bias vector.
    """
    value, d_coefs, d_intercepts = loss_and_gradients(coefs, intercepts, *batch, l2, activation, loss, epsilon)
    n_layers = len(coefs)
    for number, gradient in enumerate([*d_coefs, *d_intercepts]):
        weights = number < n_layers
        where, layer = (coefs, number) if weights else (intercepts, number - n_layers)
        where[layer], moments[number] = rule(where[layer], gradient, moments[number], weights)
    return value
