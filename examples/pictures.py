"""Pictures of the examples: drawn where matplotlib is installed, and saved to the file that ``--out`` names."""

import argparse
import importlib.util
from pathlib import Path


def run(main, description, default):
    """Run an example from the command line."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--out", default=default, help=f"file of the picture (default: {default})")
    main(parser.parse_args().out)


def make_small(path):
    """Write a PNG file again with 256 colours, which makes it a third of the size."""
    from PIL import Image

    with Image.open(path) as image:
        small = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def save(out, draw, **figure_options):
    """Call ``draw(figure)`` with a new figure, save it, and print the name of the file; nothing if `out` is None."""
    if out is None:
        return
    if importlib.util.find_spec("matplotlib") is None:
        print("  To draw the picture, install matplotlib: pip install matplotlib")
        return
    from matplotlib import pyplot

    figure = pyplot.figure(**{"layout": "constrained", **figure_options})
    draw(figure)
    figure.savefig(out, dpi=100)
    pyplot.close(figure)
    if Path(out).suffix == ".png":
        make_small(out)
    print(f"  picture: {out}")
