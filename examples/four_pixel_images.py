"""Classification of images of four pixels, from −1 (black) to 1 (white): solid, vertical, diagonal or horizontal.

Run it: ``python examples/four_pixel_images.py``.
"""

import numpy as np
from side_by_side import SideBySide

from fastmlp import Network
from fastmlp.optimizers import Adam

KINDS = ["solid", "vertical", "diagonal", "horizontal"]
#: Left above, right above, left below, right below; each with its negative.
PATTERNS = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, -1, -1, 1], [1, 1, -1, -1]])


def draw(rng, n):
    """Return n images of each pattern and of its negative with random contrast, (8 n, 4), and their classes."""
    pure = np.concatenate([PATTERNS, -PATTERNS])
    X = np.repeat(pure, n, axis=0) * rng.uniform(0.3, 1.0, (8 * n, 4))
    return X, np.repeat(np.tile(np.arange(4), 2), n)


def main():
    table = SideBySide("Four pixels, four kinds of picture: 4-8-4, tanh and softmax")
    rng = np.random.RandomState(0)
    X, kinds = draw(rng, 25)
    net = Network([4, 8, 4], activations=["tanh", "softmax"], loss="log_loss")
    net.initialize(random_state=0)
    losses = net.train(X, kinds, Adam(0.02), epochs=60, batch_size=20, shuffle=True, random_state=0)
    table.note(f"log loss {losses[0]:.3f} in the first epoch, {losses[-1]:.3f} in the last")
    for pattern in (*PATTERNS, *-PATTERNS):
        above, below = ("".join("█" if pixel > 0 else "·" for pixel in pattern[rows]) for rows in ([0, 1], [2, 3]))
        probabilities = net.forward([pattern])[0]
        answers = "  ".join(f"{kind} {p:.2f}" for kind, p in zip(KINDS, probabilities, strict=True))
        table.note(f"{above}\n  {below}  {answers}")
    X, kinds = draw(rng, 100)
    right = (net.forward(X).argmax(axis=1) == kinds).mean()
    table.note(f"{right:.1%} of {len(X)} new pictures are named rightly")
    table.holds("nearly all", right > 0.97)
    return table.rows


if __name__ == "__main__":
    main()
