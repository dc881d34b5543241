"""Images of four pixels
=====================

Classification of images of four pixels, from −1 (black) to 1 (white): solid, vertical, diagonal or horizontal.

Run it: ``python examples/four_pixel_images.py``. It draws a picture, too; ``--out`` names its file.
"""

import numpy as np
from pictures import run, save
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


def draw_picture(figure, net):
    """Draw the images with their probabilities, and the weights of each hidden unit as an image."""
    top, middle, bottom = figure.subplots(3, 8, height_ratios=[1.0, 0.8, 1.0])
    images = np.concatenate([PATTERNS, -PATTERNS])
    largest = np.abs(net.coefs[0]).max()
    for number, (image, p) in enumerate(zip(images, net.forward(images), strict=True)):
        top[number].imshow(image.reshape(2, 2), cmap="gray", vmin=-1.3, vmax=1.3)
        middle[number].bar(range(4), p, color="#0b5fa5")
        middle[number].set(ylim=(0, 1.05), yticks=[])
        middle[number].set_xticks(range(4), KINDS, rotation=90, fontsize=7)
        weights = net.coefs[0][:, number].reshape(2, 2)
        shown = bottom[number].imshow(weights, cmap="PuOr_r", vmin=-largest, vmax=largest)
        bottom[number].set_title(f"unit {number + 1}", fontsize=8)
    for axes in (*top, *bottom):
        axes.set(xticks=[], yticks=[])
    middle[0].set_ylabel("probability", fontsize=8)
    top[0].set_ylabel("image", fontsize=8)
    bottom[0].set_ylabel("weights", fontsize=8)
    figure.colorbar(shown, ax=bottom, shrink=0.8, pad=0.01).ax.tick_params(labelsize=7)


def main(out=None):
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
    save(out, lambda figure: draw_picture(figure, net), figsize=(8.0, 4.2))
    return table.rows


if __name__ == "__main__":
    run(main, __doc__, "four_pixel_images.png")
