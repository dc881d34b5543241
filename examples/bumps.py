"""Bumps
=====

Approximation of a function by a sum of bumps, each of which is the difference of two logistic units.

Run it: ``python examples/bumps.py``. It draws a picture, too; ``--out`` names its file.
"""

import numpy as np
from pictures import run, save
from side_by_side import SideBySide

from fastmlp import Network


def f(x):
    """The function to approximate, on [0, 1]."""
    return 0.5 + 0.4 * np.sin(2 * np.pi * x) * np.cos(5 * x)


def make_bumps(n, steepness):
    """Return a 1-2n-1 network: bump i is f(middle) · (σ(k (x − left)) − σ(k (x − right))).

    The first and the last reach far out, where nothing is asked.
    """
    edges = np.linspace(0, 1, n + 1)
    heights = f((edges[:-1] + edges[1:]) / 2)
    edges[[0, -1]] = -1, 2
    net = Network([1, 2 * n, 1], activations=["logistic", "identity"], loss="half_squared_error")
    net.coefs[0][0] = steepness
    net.intercepts[0][:n], net.intercepts[0][n:] = -steepness * edges[:-1], -steepness * edges[1:]
    net.coefs[1][:n, 0], net.coefs[1][n:, 0] = heights, -heights
    return net


def plot(table, wanted, built, columns=64, lines=12):
    """Draw the function (·) and its approximation (#)."""
    for line in reversed(range(lines)):
        at = [[int(values[i * (len(values) - 1) // (columns - 1)] * lines) for i in range(columns)]
              for values in (wanted, built)]  # fmt: skip
        table.note("".join("#" if b == line else "·" if a == line else " " for a, b in zip(*at, strict=True)))


def draw(figure):
    """Draw the bumps of networks with five and more of them, their sum, and the function."""
    x = np.linspace(0, 1, 501)[:, np.newaxis]
    for axes, n in zip(figure.subplots(2, 2, sharex=True, sharey=True).flat, (5, 10, 20, 40), strict=True):
        net = make_bumps(n, steepness=4.0 * n)
        units = net.activations_of(x)[1][0] * net.coefs[1][:, 0]
        axes.plot(x, units[:, :n] + units[:, n:], color="#8a8a8a", linewidth=0.7)
        axes.plot(x, f(x), color="#d9730d", linewidth=3, label="the function")
        axes.plot(x, net.forward(x), color="#0b5fa5", linewidth=1.5, label="the sum of the bumps")
        axes.set_title(f"{n} bumps: {2 * n} logistic units", fontsize=10)
    figure.legend(*axes.get_legend_handles_labels(), fontsize=9, loc="outside lower center", ncols=2)


def main(out=None):
    table = SideBySide("Bumps: the largest error falls with their number")
    x = np.linspace(0, 1, 1001)[:, np.newaxis]
    errors = []
    for n in (5, 10, 20, 40):
        net = make_bumps(n, steepness=4.0 * n)
        errors.append(abs(net.forward(x) - f(x)).max())
        table.note(f"{n:3} bumps, {2 * n:3} units: {errors[-1]:.4f}")
        if n == 10:
            plot(table, f(x).ravel(), net.forward(x).ravel())
    table.holds("by a third at least", all(np.array(errors[1:]) < 2 / 3 * np.array(errors[:-1])))

    _, activations = make_bumps(10, steepness=1000.0).activations_of([[0.55]])
    up, down = activations[0][0, :10], activations[0][0, 10:]
    table.exact("in the sixth bump", (up - down).round(12), np.eye(10)[5])
    table.exact("its height", make_bumps(10, 1000.0).forward([[0.55]]), [[f(0.55)]])
    save(out, draw, figsize=(8.0, 5.0))
    return table.rows


if __name__ == "__main__":
    run(main, __doc__, "bumps.png")
