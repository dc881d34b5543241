"""Deck 003: rectifiers
====================

A network of ReLU units with a distant target: where all units are active, gradients are products of weights.

Run it: ``python examples/deck_003_rectifiers.py``.
"""

from side_by_side import SideBySide

from fastmlp import Network
from fastmlp.optimizers import SGD


def main():
    table = SideBySide("2-2-2-1, ReLU everywhere, (y − t)²")
    X, t = [[3.5, 0.2]], [157]
    W1, W2, W3 = [[0.3, 0.5], [0.4, 2.0]], [[0.8, 0.1], [4.0, 0.4]], [[0.9], [3.0]]

    net = Network([2, 2, 2, 1], activations=["relu", "relu", "relu"], loss="sum_squared_error")
    net.set_weights([W1, W2, W3], [[2, 6], [0, 0.5], [1]])
    _, activations = net.activations_of(X)
    table.exact("a1", activations[0], [[3.13, 8.15]])
    table.exact("a2", activations[1], [[35.104, 4.073]])
    table.exact("y", net.forward(X), [[44.8126]])

    loss, coef_grads, intercept_grads = net.loss_and_gradients(X, t)
    table.exact("loss", loss, 12586.01271876)
    table.exact("dW3", coef_grads[2], [[-7876.45298], [-913.87856]])
    table.exact("db3", intercept_grads[2], [-224.3748])
    table.exact("dW2", coef_grads[1], [[-632.0638116, -2106.879372], [-1645.789158, -5485.96386]])
    table.note("The slide writes ∂z/∂w as a product with w; it is the activation below.")
    table.exact("db2", intercept_grads[1], [-201.93732, -673.1244])
    table.exact("dW1", coef_grads[0], [[-801.018036, -3769.49664], [-45.7724592, -215.399808]])
    table.exact("db1", intercept_grads[0], [-228.862296, -1076.99904])

    net.train(X, t, SGD(1e-6))
    table.exact("W3, one step on", net.coefs[2], [[0.90787645298], [3.00091387856]])
    table.exact("b1, one step on", net.intercepts[0], [2.000228862296, 6.00107699904])
    table.holds("the loss falls", net.loss(X, t) < loss)
    return table.rows + all_three_rows()


def all_three_rows():
    """One step for all rows of the slide's table, along the mean of their gradients."""
    table = SideBySide("All three rows of the slide")
    X, t = [[3.5, 0.2], [2.4, 6.5], [3.6, 19.8]], [157, 92, 207]
    net = Network([2, 2, 2, 1], activations=["relu", "relu", "relu"], loss="sum_squared_error")
    net.set_weights([[[0.3, 0.5], [0.4, 2.0]], [[0.8, 0.1], [4.0, 0.4]], [[0.9], [3.0]]], [[2, 6], [0, 0.5], [1]])
    table.exact("y, first row", net.forward(X)[0], [44.8126])
    losses = net.train(X, t, SGD(1e-6), epochs=2000)
    table.note(f"loss {losses[0]:.1f} before the first step, {net.loss(X, t):.1f} after {len(losses)}")
    table.holds("the loss falls", net.loss(X, t) < 0.5 * losses[0])
    return table.rows


if __name__ == "__main__":
    main()
