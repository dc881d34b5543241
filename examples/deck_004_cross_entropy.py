"""Deck 004: cross-entropy
=======================

Binary cross-entropy with a logistic output: the delta is y − t.

Run it: ``python examples/deck_004_cross_entropy.py``.
"""

from side_by_side import SideBySide

from fastmlp import Network
from fastmlp.optimizers import SGD


def main():
    table = SideBySide("2-2-1, logistic, −(t log y + (1 − t) log(1 − y)), learning rate 0.01")
    X, t = [[0.5, 0.1]], [1]

    net = Network([2, 2, 1], activations=["logistic", "logistic"], loss="log_loss")
    net.set_weights([[[0.2, 0.3], [0.4, 0.7]], [[0.6], [0.9]]], [[0.1, 0.2], [0.3]])
    pre_activations, _ = net.activations_of(X)
    table.exact("z1", pre_activations[0], [[0.24, 0.42]])
    table.note("The slide prints 0.25 and 0.41.")
    y = net.forward(X)
    table.exact("y", y, [[0.7647613177655476]])

    loss, coef_grads, intercept_grads = net.loss_and_gradients(X, t)
    table.exact("loss", loss, 0.26819149675949183)
    table.exact("db2 = y − t", intercept_grads[1], [-0.2352386822344524])
    table.exact("dW2", coef_grads[1], [[-0.131666301282251], [-0.141962604448743]])
    dW1 = [[-0.0173912625918146, -0.0253307477505397], [-0.0034782525183629, -0.0050661495501079]]
    table.exact("dW1", coef_grads[0], dW1)
    table.exact("db1", intercept_grads[0], [-0.0347825251836292, -0.0506614955010794])

    net.train(X, t, SGD(0.01))
    table.exact("b2, one step on", net.intercepts[1], [0.3 - 0.01 * -0.2352386822344524])
    table.exact("W2, one step on", net.coefs[1], [[0.60131666301282251], [0.90141962604448743]])
    table.holds("the loss falls", net.loss(X, t) < loss)
    return table.rows


if __name__ == "__main__":
    main()
