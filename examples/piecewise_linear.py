"""Piecewise-linear functions
==========================

A piecewise-linear function as a sum of shifted ReLUs, each of which changes the slope at its kink.

Run it: ``python examples/piecewise_linear.py``. It draws a picture, too; ``--out`` names its file.
"""

import numpy as np
from pictures import run, save
from side_by_side import SideBySide

from fastmlp import Network

#: The corners of the function.
X = np.array([0.0, 1.0, 2.5, 3.0, 5.0])
Y = np.array([1.0, 3.0, 0.5, 2.0, 2.0])


def make_network():
    """Return a 1-4-1 network: y₀ + Σ (slope i − slope i−1) · relu(x − xᵢ)."""
    slopes = np.diff(Y) / np.diff(X)
    net = Network([1, len(slopes), 1], activations=["relu", "identity"], loss="half_squared_error")
    net.set_weights([np.ones((1, 4)), np.diff(slopes, prepend=0.0)[:, np.newaxis]], [-X[:-1], Y[:1]])
    return net


def draw(figure):
    """Draw what each unit adds, and the function with its sums: one unit more in each."""
    net, x = make_network(), np.linspace(0, 5, 501)
    parts = net.activations_of(x[:, np.newaxis])[1][0] * net.coefs[1][:, 0]
    left, right = figure.subplots(1, 2)
    colours = ["#08407e", "#3f8ccc", "#f0953a", "#9a3d00"]
    for unit, colour in enumerate(colours):
        name = f"{net.coefs[1][unit, 0]:+.2f} · relu(x − {X[unit]:g})".replace("-", "−")
        left.plot(x, parts[:, unit], color=colour, label=name)
        right.plot(x, Y[0] + parts[:, : unit + 1].sum(axis=1), color=colour, label=f"{unit + 1} of 4 units")
    right.plot(X, Y, "ko", label="corners")
    right.set_ylim(Y.min() - 1.5, Y.max() + 1.5)
    left.set_title("what each unit adds", fontsize=10)
    right.set_title("their sum", fontsize=10)
    for axes in (left, right):
        axes.legend(fontsize=8)


def main(out=None):
    table = SideBySide("A piecewise-linear function as four ReLUs")
    net = make_network()
    table.exact("changes of slope", net.coefs[1].ravel(), [2, -2 - 5 / 3 + 0, 3 + 5 / 3, -3])
    table.exact("at the corners", net.forward(X[:, np.newaxis]).ravel(), Y)
    x = np.linspace(0, 5, 201)
    table.holds("and between them", np.allclose(net.forward(x[:, np.newaxis]).ravel(), np.interp(x, X, Y), rtol=1e-12))
    middles = (X[:-1] + X[1:]) / 2
    table.exact("slopes", net.jacobian(middles[:, np.newaxis]).ravel(), [2, -5 / 3, 3, 0])
    table.note("  x = 0.5   " + "  ".join(f"relu(x − {b:g}) = {max(0.5 - b, 0):g}" for b in X[:-1]))
    save(out, draw, figsize=(8.0, 3.6))
    return table.rows


if __name__ == "__main__":
    run(main, __doc__, "piecewise_linear.png")
