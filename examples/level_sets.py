"""Level sets
==========

Level sets of networks, drawn as text: half planes of hidden units, and layers that fold the plane.

Run it: ``python examples/level_sets.py``. It draws a picture, too; ``--out`` names its file.
"""

import numpy as np
from pictures import run, save
from side_by_side import SideBySide

from fastmlp import Network
from fastmlp.optimizers import Adam

COLUMNS, LINES = 41, 17
#: The square from (−1, −1) to (1, 1), line by line from above.
PLANE = np.array([(x, y) for y in np.linspace(1, -1, LINES) for x in np.linspace(-1, 1, COLUMNS)])


def draw(table, values):
    """Draw # where the output is above zero."""
    for line in (values > 0).reshape(LINES, COLUMNS):
        table.note("".join("#" if above else "·" for above in line))


def inside_a_circle():
    """Each hidden unit divides the plane, and the output combines four half planes to nearly a circle."""
    table = SideBySide("Trained: is a point within 0.6 of the middle? 2-4-1, tanh and logistic")
    rng = np.random.RandomState(0)
    X = rng.uniform(-1, 1, (400, 2))
    inside = np.hypot(*X.T) < 0.6
    net = Network([2, 4, 1], activations=["tanh", "logistic"], loss="log_loss")
    net.initialize(random_state=0)
    net.train(X, inside, Adam(0.05), epochs=400, batch_size=50, shuffle=True, random_state=0)
    pre_activations, _ = net.activations_of(PLANE)
    for unit in range(4):
        w, b = net.coefs[0][:, unit], net.intercepts[0][unit]
        table.note(f"hidden unit {unit + 1}: {w[0]:.2f} x {w[1]:+.2f} y {b:+.2f} > 0")
        draw(table, pre_activations[0][:, unit])
    table.note("the output")
    draw(table, pre_activations[1][:, 0])
    right = ((net.forward(X)[:, 0] > 0.5) == inside).mean()
    table.note(f"{right:.1%} of the training points are on the right side")
    table.holds("nearly all", right > 0.95)
    return table.rows, net, X, inside


def make_folds(n):
    """Return n layers that fold the plane along both axes, x ← |x| − 2⁻ⁱ and y likewise, and a diamond as output.

    |u| is relu(u) + relu(−u): four units a layer.
    """
    widths = [2, *[4] * n, 1]
    net = Network(widths, activations=["relu"] * n + ["identity"], loss="half_squared_error")
    ends = np.array([[1, -1, 0, 0], [0, 0, 1, -1]])  # x, −x, y, −y
    for layer in range(n):
        net.coefs[layer] = ends if layer == 0 else np.abs(ends.T) @ ends
        net.intercepts[layer] = np.zeros(4) if layer == 0 else -(2.0**-layer) * (np.ones(2) @ ends)
    net.coefs[n] = -np.ones((4, 1))
    net.intercepts[n] = [2.0**-n]
    return net


def folds():
    """Each layer doubles the number of pieces along every line."""
    table = SideBySide("Made by hand: each layer of four ReLUs folds the plane once more along both axes")
    crossings = []
    for n in (1, 2, 3):
        net = make_folds(n)
        table.note(f"{n} folding layer{'s' if n > 1 else ''}")
        draw(table, net.forward(PLANE)[:, 0])
        middle = sum(2.0**-i for i in range(1, n)) if n > 1 else 0.0  # through the middles of the diamonds
        line = np.column_stack([np.linspace(-1, 1, 4001), np.full(4001, middle)])
        crossings.append(int(np.abs(np.diff(net.forward(line)[:, 0] > 0)).sum()))
    table.exact("edges on a line", crossings, [2, 4, 8])
    table.note("They double with each layer, while units grow by four.")
    return table.rows


def draw_picture(figure, net, X, inside):
    """Draw what the units of the trained network compute, and the level sets of the networks made by hand."""
    from fastmlp.inspection import UnitDisplay

    above, below = figure.subfigures(2, 1, height_ratios=[1.5, 1.0])
    UnitDisplay.from_network(net, X, inside, ax=above.add_axes([0.02, 0.0, 0.96, 0.97]))
    line = np.linspace(-1, 1, 241)
    plane = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    for n, axes in zip((1, 2, 3), below.subplots(1, 3), strict=True):
        values = make_folds(n).forward(plane).reshape(line.size, line.size)
        axes.contourf(line, line, values, levels=[values.min() - 1, 0, values.max() + 1], colors=["#a9d6ff", "#d9730d"])
        axes.set_title(f"{n} folding layer{'s' if n > 1 else ''}", fontsize=9)
        axes.set(aspect="equal", xticks=[], yticks=[])


def main(out=None):
    rows, *trained = inside_a_circle()
    rows += folds()
    save(out, lambda figure: draw_picture(figure, *trained), figsize=(7.0, 7.0))
    return rows


if __name__ == "__main__":
    run(main, __doc__, "level_sets.png")
