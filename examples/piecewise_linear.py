"""A piecewise-linear function as a sum of shifted ReLUs, each of which changes the slope at its kink.

Run it: ``python examples/piecewise_linear.py``.
"""

import numpy as np
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


def main():
    table = SideBySide("A piecewise-linear function as four ReLUs")
    net = make_network()
    table.exact("changes of slope", net.coefs[1].ravel(), [2, -2 - 5 / 3 + 0, 3 + 5 / 3, -3])
    table.exact("at the corners", net.forward(X[:, np.newaxis]).ravel(), Y)
    x = np.linspace(0, 5, 201)
    table.holds("and between them", np.allclose(net.forward(x[:, np.newaxis]).ravel(), np.interp(x, X, Y), rtol=1e-12))
    middles = (X[:-1] + X[1:]) / 2
    table.exact("slopes", net.jacobian(middles[:, np.newaxis]).ravel(), [2, -5 / 3, 3, 0])
    table.note("  x = 0.5   " + "  ".join(f"relu(x − {b:g}) = {max(0.5 - b, 0):g}" for b in X[:-1]))
    return table.rows


if __name__ == "__main__":
    main()
