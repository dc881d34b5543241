"""Deck 001: backpropagation by hand
=================================

Backpropagation on two small networks of logistic units: forward pass, backward pass and one step.

Run it: ``python examples/deck_001_backpropagation.py``.
"""

import numpy as np
from side_by_side import SideBySide

from fastmlp import Network
from fastmlp.optimizers import SGD


def two_two_one():
    """Network A: 2-2-1 without biases, one row, learning rate 0.7."""
    table = SideBySide("Network A: 2-2-1, logistic, ½ (y − t)²")
    X, t = [[0.23, 0.82]], [1]
    W1, W2 = [[0.1, 0.5], [0.4, 0.3]], [[0.2], [0.6]]

    net = Network([2, 2, 1], activations=["logistic", "logistic"], loss="half_squared_error")
    net.set_weights([W1, W2], [[0, 0], [0]])
    pre_activations, activations = net.activations_of(X)
    table.exact("z1", pre_activations[0], [[0.351, 0.361]])
    table.exact("h", activations[0], [[0.5868600552894299, 0.5892824842873394]])
    table.exact("y", net.forward(X), [[0.6156065729784533]])

    loss, coef_grads, _ = net.loss_and_gradients(X, t)
    table.exact("loss", loss, 0.07387915336868456)
    table.rounded("loss, slide", loss, 0.0739, 4)
    table.exact("dW2", coef_grads[1], [[-0.053381368592202], [-0.0536017151195561]])
    table.note("The slide prints dW2 = −0.0533, −0.0535: cut off, not rounded.")
    dW1 = [[-0.0010144828807628, -0.0030380925315142], [-0.0036168520096761, -0.0108314603297463]]
    table.exact("dW1", coef_grads[0], dW1)

    net.train(X, t, SGD(0.7))  # moves the biases too, which the slide leaves out
    table.rounded("W1, one step on", net.coefs[0], [[0.1007, 0.5021], [0.4025, 0.3075]], 4)
    table.rounded("W2, one step on", net.coefs[1], [[0.2373], [0.6375]], 4)
    table.note("The slide prints 0.6374, from the gradient that was cut off.")
    table.exact("W1, more digits", net.coefs[0], W1 - 0.7 * np.array(dW1))
    table.holds("the loss falls", net.loss(X, t) < loss)
    return table.rows


def three_two_two():
    """Network B: 3-2-2 with biases, one row, learning rate 0.01."""
    table = SideBySide("Network B: 3-2-2, logistic, ½ Σ (y − t)²")
    X, t = [[1, 4, 5]], [[0.1, 0.05]]
    W1, W2 = [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], [[0.7, 0.8], [0.9, 0.1]]

    net = Network([3, 2, 2], activations=["logistic", "logistic"], loss="half_squared_error")
    net.set_weights([W1, W2], [[0.5, 0.5], [0.5, 0.5]])
    pre_activations, activations = net.activations_of(X)
    table.exact("z1", pre_activations[0], [[4.3, 5.3]])
    table.exact("h", activations[0], [[0.9866130821723351, 0.995033198349943]])
    table.exact("y", net.forward(X), [[0.889550613969795, 0.8003996080673895]])

    loss, coef_grads, intercept_grads = net.loss_and_gradients(X, t)
    table.exact("loss", loss, 0.593244871903886)
    dW2 = [[0.0765351284058738, 0.1182790221280746], [0.0771883071286074, 0.1192884584772252]]
    table.exact("dW2", coef_grads[1], dW2)
    table.exact("db2", intercept_grads[1], [0.0775735998121553, 0.1198838980197248])
    dW1 = [
        [0.0019839118724015, 0.0004042893213301],
        [0.0079356474896061, 0.0016171572853203],
        [0.0099195593620076, 0.0020214466066504],
    ]
    table.exact("dW1", coef_grads[0], dW1)
    table.note("The slide prints 0.0012, 0.0050, 0.0063 for dW1's first column: a wrong sum.")
    table.exact("db1", intercept_grads[0], [0.0019839118724015, 0.0004042893213301])

    net.train(X, t, SGD(0.01))
    table.exact("W1, one step on", net.coefs[0], W1 - 0.01 * np.array(dW1))
    table.exact("W2, one step on", net.coefs[1], W2 - 0.01 * np.array(dW2))
    table.holds("the loss falls", net.loss(X, t) < loss)
    return table.rows


def main():
    return two_two_one() + three_two_two()


if __name__ == "__main__":
    main()
