"""Deck 002: one step of gradient descent
======================================

One step of gradient descent on a 2-2-2 network: all gradients, and the new weights.

Run it: ``python examples/deck_002_one_step.py``.
"""

import numpy as np
from side_by_side import SideBySide

from fastmlp import Network
from fastmlp.optimizers import SGD


def main():
    table = SideBySide("2-2-2, logistic, ½ Σ (y − t)², learning rate 0.5")
    X, t = [[0.05, 0.10]], [[0.01, 0.99]]
    W1, W2 = [[0.15, 0.25], [0.20, 0.30]], [[0.40, 0.50], [0.45, 0.55]]

    net = Network([2, 2, 2], activations=["logistic", "logistic"], loss="half_squared_error")
    net.set_weights([W1, W2], [[0.35, 0.35], [0.60, 0.60]])
    pre_activations, activations = net.activations_of(X)
    table.exact("z1", pre_activations[0], [[0.3775, 0.3925]])
    table.exact("h", activations[0], [[0.5932699921071872, 0.596884378259767]])
    table.exact("y", net.forward(X), [[0.7513650695523157, 0.7729284653214625]])

    loss, coef_grads, _ = net.loss_and_gradients(X, t)
    table.exact("loss", loss, 0.2983711087600027)
    dW2 = [[0.0821670405642308, -0.0226025404774751], [0.0826676278475333, -0.0227402422159782]]
    table.exact("dW2", coef_grads[1], dW2)
    dW1 = [[0.0004385677344743, 0.0004977127352609], [0.0008771354689487, 0.0009954254705217]]
    table.exact("dW1", coef_grads[0], dW1)

    net.train(X, t, SGD(0.5))  # the biases too, which the slide leaves
    table.rounded("W2, one step on", net.coefs[1], [[0.35891648, 0.51130127], [0.40866619, 0.56137012]], 8)
    table.note("The slide cuts them off: 0.358, 0.511, 0.408, 0.561.")
    table.exact("W1, one step on", net.coefs[0], W1 - 0.5 * np.array(dW1))
    table.holds("the loss falls", net.loss(X, t) < loss)
    return table.rows


if __name__ == "__main__":
    main()
