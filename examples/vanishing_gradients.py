"""Vanishing gradients
===================

Vanishing gradients: their norms in each layer of a deep network, for several activations.

Run it: ``python examples/vanishing_gradients.py``. It draws a picture, too; ``--out`` names its file.
"""

import numpy as np
from pictures import run, save
from side_by_side import SideBySide

from fastmlp import Network
from fastmlp.optimizers import SGD

#: Activations with the initializer that is usual for each.
ACTIVATIONS = {"logistic": "glorot_uniform", "tanh": "glorot_uniform", "relu": "he_normal"}
DEPTH, WIDTH, EPOCHS = 10, 16, 15


def make_rows():
    """Return points of the plane, (200, 2), and whether x y > 0."""
    X = np.random.RandomState(0).uniform(-1, 1, (200, 2))
    return X, X.prod(axis=1) > 0


def gradient_norms(activation, initializer, X, y):
    """Train a deep network, and return the norms of its gradient before each epoch, (EPOCHS, layers)."""
    net = Network([2, *[WIDTH] * DEPTH, 1], [activation] * DEPTH + ["logistic"], loss="log_loss")
    net.initialize(initializer, random_state=0)
    norms, optimizer = [], SGD(0.1).begin()
    for epoch in range(EPOCHS):
        _, gradients, _ = net.loss_and_gradients(X, y)
        norms.append([np.linalg.norm(gradient) for gradient in gradients])
        net.train(X, y, optimizer, batch_size=20, shuffle=True, random_state=epoch)
    return np.array(norms)


def main(out=None):
    table = SideBySide(f"{DEPTH} hidden layers: the gradient of the first one, relative to that of the output")
    X, y = make_rows()
    norms = {name: gradient_norms(name, initializer, X, y) for name, initializer in ACTIVATIONS.items()}
    ratios = {name: each[0, 0] / each[0, -1] for name, each in norms.items()}
    for name, ratio in ratios.items():
        table.note(f"{name:10} {ratio:.1e}")
    table.holds("logistic units let it vanish", ratios["logistic"] < 1e-6)
    table.holds("tanh and relu do not", min(ratios["tanh"], ratios["relu"]) > 1e-2)
    save(out, lambda figure: draw(figure, norms), figsize=(10.0, 3.8))
    return table.rows


def draw(figure, norms):
    """Draw a panel for each activation, on the same scale."""
    from fastmlp.inspection import GradientFlowDisplay

    panels = figure.subplots(1, len(norms), sharey=True)
    for axes, (name, each) in zip(panels, norms.items(), strict=True):
        GradientFlowDisplay(each, estimator_name=name).plot(ax=axes)
    for axes in panels[:-1]:
        axes.get_legend().remove()
    for axes in panels[1:]:
        axes.set_ylabel("")


if __name__ == "__main__":
    run(main, __doc__, "vanishing_gradients.png")
