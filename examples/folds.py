"""How a network folds the plane
=============================

How a network folds the plane: what its units compute, and where a grid of lines lies after each layer.

Run it: ``python examples/folds.py``. It draws a picture, too; ``--out`` names its file.
"""

import numpy as np
from pictures import run, save
from side_by_side import SideBySide

from fastmlp import MLPClassifier


def make_rings(n):
    """Return n points within a disc or in a ring around it, (n, 2), and which."""
    rng = np.random.RandomState(0)
    outside = np.arange(n) % 2
    radius, angle = rng.uniform(0, 0.7, n) + outside, rng.uniform(0, 2 * np.pi, n)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), outside


def values_of_layers(model, X):
    """Return X and the activations of each hidden layer."""
    values = [X]
    for coef, intercept in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        values.append(np.tanh(values[-1] @ coef + intercept))
    return values


def main(out=None):
    table = SideBySide("A disc in a ring: 2-4-2-1, tanh and logistic")
    X, outside = make_rings(300)
    y = np.where(outside, "ring", "disc")
    model = MLPClassifier(
        (4, 2), activation="tanh", learning_rate_init=0.02, alpha=0.1, random_state=2, tol=1e-3, max_iter=500
    ).fit(X, y)
    scores = []
    for name, values in zip(("the input", "hidden 1", "hidden 2"), values_of_layers(model, X), strict=True):
        line = MLPClassifier((), solver="lbfgs", random_state=0, max_iter=500).fit(values, y)
        scores.append(line.score(values, y))
        shape = "line" if values.shape[1] == 2 else "plane"
        table.note(f"a {shape} in {name} puts {scores[-1]:.1%} on the right side")
    table.holds("folded until a line is enough", scores[0] < 0.7 and scores[2] > 0.99)
    save(out, lambda figure: draw(figure, model, X, y), figsize=(8.4, 7.0), layout="none")
    return table.rows


def draw(figure, model, X, y):
    """Draw the bent plane above, and the maps of the units below."""
    from fastmlp.inspection import UnitDisplay

    above, below = figure.add_axes([0.02, 0.57, 0.96, 0.42]), figure.add_axes([0.02, 0.01, 0.96, 0.52])
    UnitDisplay.from_estimator(model, X, y, kind="plane", grid_resolution=121, ax=above)
    UnitDisplay.from_estimator(model, X, y, ax=below)


if __name__ == "__main__":
    run(main, __doc__, "folds.png")
