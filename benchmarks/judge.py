"""Check of a fit's result.

The losses that peers report are not used. The training loss is computed from each peer's weights by the same code, in
float64 with NumPy. A result is correct if the network has the requested layers and was trained for the requested
epochs, and if its loss is finite, within the case's band, and equal to that of the other peers up to `TOLERANCE`.
"""

import numpy as np
from scipy.special import log_expit, log_softmax

from .cases import Case
from .peers import Answer

# Maximum relative difference of two correct results. Measured by moving the input of scikit-learn's fits by one
# rounding (1e-7, 1e-15): float32 moved by up to 5e-3 in eight layers with ReLU (Adam divides even the
# smallest gradient by its own size, so rounding in it counts in full) and 6e-4 elsewhere, float64 by 1e-15
# (there Adam's epsilon hides it).
TOLERANCE = {"float32": 1e-2, "float64": 1e-8}

ACTIVATIONS = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "logistic": lambda z: np.exp(log_expit(z)),
    "identity": lambda z: z,
}


def judge(case: Case, answer: Answer, epochs: int, X, y) -> tuple[float, str | None]:
    """Return the final loss of a result, and what is wrong with it (None if nothing is)."""
    wrong = wrong_network(case, answer, epochs)
    if wrong:
        return np.nan, wrong
    loss = final_loss(case, answer, X, y)
    return loss, wrong_loss(case, loss, epochs)


def final_loss(case: Case, answer: Answer, X, y) -> float:
    """Return the mean training loss of the trained network: log loss, or half the squared error."""
    f = ACTIVATIONS[case.activation]
    out = X.astype(np.float64)
    layers = list(zip(answer.weights, answer.biases, strict=True))
    for depth, (weight, bias) in enumerate(layers, start=1):
        out = out @ weight.astype(np.float64) + bias
        if depth < len(layers):
            out = f(out)
    if case.task == "regression":
        return 0.5 * float(np.mean((out - y.reshape(out.shape)) ** 2))
    if case.outputs == 1:
        return -float(np.mean(log_expit(np.where(y == 1, out[:, 0], -out[:, 0]))))
    return -float(np.mean(log_softmax(out, axis=1)[np.arange(len(y)), y]))


def wrong_network(case: Case, answer: Answer, epochs: int) -> str | None:
    """Return how the network or its number of epochs differs from the request, or None."""
    shapes = [weight.shape for weight in answer.weights]
    wanted = list(zip(case.widths[:-1], case.widths[1:], strict=True))
    if shapes != wanted:
        return f"layers of shape {shapes}, asked for {wanted}"
    if [bias.shape for bias in answer.biases] != [(fan_out,) for _, fan_out in wanted]:
        return "biases do not fit the layers"
    if answer.epochs != epochs:
        return f"{answer.epochs} epochs, asked for {epochs}"
    return None


def wrong_loss(case: Case, loss: float, epochs: int) -> str | None:
    """Return what is wrong with the final loss, or None; the band is for the case's own number of epochs."""
    if not np.isfinite(loss):
        return f"final loss is {loss}"
    low, high = case.loss_band
    if epochs == case.epochs and not low <= loss <= high:
        return f"final loss {loss:.4f} outside {low:g} to {high:g}"
    return None


def difference(losses: list[float], others: list[float]) -> float:
    """Return the largest relative difference between the final losses of two peers, over all fits."""
    return max(abs(a - b) / max(abs(b), np.finfo(float).tiny) for a in losses for b in others)
