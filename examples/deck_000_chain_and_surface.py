"""Deck 000: chain rule and surface of the loss
============================================

A chain of units, differentiated with the chain rule, and gradient descent on the surface of the loss.

Run it: ``python examples/deck_000_chain_and_surface.py``.
"""

import numpy as np
from side_by_side import SideBySide

from fastmlp import Network
from fastmlp.optimizers import SGD


def chain():
    """A 1-1-1-1 network: the derivative of the output for each parameter is a product along the chain."""
    table = SideBySide("A chain of three ReLUs: gradients of the output itself")
    net = Network([1, 1, 1, 1], activations=["relu", "relu", "relu"], loss="half_squared_error")
    net.set_weights([[[0.1]], [[-0.2]], [[-0.1]]], [[0], [0.1], [0.2]])
    pre_activations, _ = net.activations_of([[1]])
    table.exact("z", np.ravel(pre_activations), [0.1, 0.08, 0.192])
    y = net.forward([[1]])

    coef_grads, intercept_grads, input_gradients = net.backward([[1]], output_delta=[[1]])  # dy / dy = 1
    table.exact("dy/dw", np.ravel(coef_grads), [0.02, -0.01, 0.08])
    table.exact("dy/db", np.ravel(intercept_grads), [0.02, -0.1, 1])
    table.exact("dy/dx", input_gradients, [[0.1 * -0.2 * -0.1]])
    table.exact("dy/dx again", net.jacobian([[1]]), [[[0.002]]])

    for coef, grad in zip(net.coefs, coef_grads, strict=True):  # a little uphill
        coef += 0.01 * grad
    table.rounded("y rises by", net.forward([[1]]) - y, [[0.01 * (0.02**2 + 0.01**2 + 0.08**2)]], 6)
    return table.rows


def surface():
    """One logistic unit, b = −½: its loss as a function of the weight, and gradient descent from w = −2."""
    table = SideBySide("The loss is a surface: Σ (y − t)² over four rows, for each w")
    X, t = [[0.1], [0.2], [0.6], [0.9]], [0, 0, 1, 1]
    net = Network([1, 1], activations=["logistic"], loss="sum_squared_error")
    expected = [1.7346, 1.6040, 1.4420, 1.2555, 1.0600, 0.8776, 0.7288, 0.6242, 0.5627]
    for w, value in zip(np.arange(-2, 2.5, 0.5), expected, strict=True):
        net.set_weights([[[w]]], [[-0.5]])
        loss = len(X) * net.loss(X, t)  # a network's loss is the mean over its rows
        table.rounded(f"w = {w:4.1f}  {'#' * round(20 * loss):<36}", loss, value, 4)
    table.note("(The slide sums outputs that were rounded to two decimals: 1.7436, 1.5913, …)")

    net.set_weights([[[-2]]], [[-0.5]])
    losses = net.train(X, t, SGD(2.0), epochs=200)
    w, b = net.coefs[0].item(), net.intercepts[0].item()
    table.note(
        f"200 steps down from w = −2 to w = {w:.2f}, b = {b:.2f}: {4 * losses[0]:.4f} → {4 * net.loss(X, t):.4f}"
    )
    table.holds("downhill at each step", all(np.diff(losses) < 0))
    return table.rows


def main():
    return chain() + surface()


if __name__ == "__main__":
    main()
