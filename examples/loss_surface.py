"""Surfaces of the loss
====================

The loss as a surface over the weights, and the path that training takes down it.

Run it: ``python examples/loss_surface.py``. It draws a picture, too; ``--out`` names its file.
"""

import numpy as np
from pictures import run, save
from side_by_side import SideBySide

from fastmlp import Network
from fastmlp.optimizers import SGD, Adam

#: One logistic unit on four rows: the surface of lecture 000.
FOUR_ROWS = np.array([[0.1], [0.2], [0.6], [0.9]]), np.array([0, 0, 1, 1])


def train_along(net, X, y, optimizer, epochs, **options):
    """Train a network; return its parameters before the first epoch and after each, (epochs + 1, n_params)."""
    running, path = optimizer.begin(), [net.params.copy()]
    for _ in range(epochs):
        net.train(X, y, running, **options)
        path.append(net.params.copy())
    return np.array(path)


def one_unit(table):
    """Return the loss over weight and bias of a single unit, with their values, and the path of gradient descent."""
    net = Network([1, 1], activations=["logistic"], loss="sum_squared_error")
    w, b = np.linspace(-3, 9, 37), np.linspace(-5, 2, 29)
    losses = np.empty((b.size, w.size))
    for row, column in np.ndindex(losses.shape):
        net.params = [w[column], b[row]]
        losses[row, column] = 4 * net.loss(*FOUR_ROWS)
    net.params = [-2.0, -0.5]
    table.rounded("at w = −2, b = −½", 4 * net.loss(*FOUR_ROWS), 1.7346, 4)
    path = train_along(net, *FOUR_ROWS, SGD(2.0), epochs=200)
    table.note(f"200 steps down: {4 * net.loss(*FOUR_ROWS):.4f}, at w = {path[-1, 0]:.2f}, b = {path[-1, 1]:.2f}")
    return losses, w, b, path


def two_layers(table):
    """Return a network that has learned the sign of x y, its rows, and the path of its training."""
    rng = np.random.RandomState(0)
    X = rng.uniform(-1, 1, (200, 2))
    y = X.prod(axis=1) > 0
    net = Network([2, 8, 1], activations=["tanh", "logistic"], loss="log_loss")
    net.initialize(random_state=0)
    before = net.loss(X, y)
    path = train_along(net, X, y, Adam(0.03), epochs=60, batch_size=20, shuffle=True, random_state=rng)
    steps = path - path[-1]
    variances = np.linalg.svd(steps, compute_uv=False) ** 2
    share = variances[:2].sum() / variances.sum()
    table.note(f"from {before:.3f} to {net.loss(X, y):.3f} on a path in {net.params.size} dimensions")
    table.note(f"{share:.1%} of the path's variance is in a plane")
    table.holds("downhill", net.loss(X, y) < 0.5 * before)
    return net, X, y, path


def main(out=None):
    table = SideBySide("Two surfaces of loss, with the path down each")
    unit, trained = one_unit(table), two_layers(table)
    save(out, lambda figure: draw(figure, unit, *trained), figsize=(10.0, 4.2))
    return table.rows


def draw(figure, unit, net, X, y, path):
    """Draw both surfaces."""
    from fastmlp.inspection import LossSurfaceDisplay

    left, right = figure.subplots(1, 2)
    losses, w, b, down = unit
    name = "one logistic unit, four rows"
    LossSurfaceDisplay(losses, w, b, path=down, axis_names=("weight", "bias"), estimator_name=name).plot(ax=left)
    display = LossSurfaceDisplay.from_network(net, X, y, path=path, ax=right)
    display.ax_.set_title("2-8-1, in the plane of its path")


if __name__ == "__main__":
    run(main, __doc__, "loss_surface.png")
