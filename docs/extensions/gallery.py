"""Configuration of the gallery: sphinx-gallery runs `examples/`, each of which writes its picture to a file."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "examples"
#: Helpers, which are imported by the examples.
HELPERS = r"(pictures|side_by_side)\.py$"
#: They train for minutes, or need another library, so they are shown, but not run.
NOT_RUN = ("demo", "optuna_search", "tables")


class PictureFiles:
    """A scraper that takes the pictures an example has written into its folder, in place of open figures."""

    def __repr__(self) -> str:
        return "PictureFiles()"  # part of what decides whether an example is run again

    def __call__(self, block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
        """Move new pictures to where the page wants them, and return the page's lines."""
        from sphinx_gallery.scrapers import figure_rst

        names = []
        written = Path(block_vars["src_file"]).with_suffix(".png")
        if written.exists():
            names.append(next(block_vars["image_path_iterator"]))
            shutil.move(written, names[-1])
        return str(figure_rst(names, gallery_conf["src_dir"]))


class PictureArgument:
    """The command line of an example that draws: its picture goes beside the script, where the scraper looks."""

    def __repr__(self) -> str:
        return "PictureArgument()"

    def __call__(self, gallery_conf: dict[str, Any], script_vars: dict[str, Any]) -> list[str]:
        """Return the arguments."""
        path = Path(script_vars["src_file"])
        return ["--out", path.with_suffix(".png").name] if draws(path) else []


def draws(path: Path) -> bool:
    """Whether an example draws a picture, and therefore takes its file as an argument."""
    return re.search(r"^    run\(main, ", path.read_text(encoding="utf-8"), flags=re.MULTILINE) is not None


def pictures_first(name: str) -> tuple[bool, str]:
    """Return the place of an example in the gallery."""
    return not draws(EXAMPLES / name), name


CONF: dict[str, Any] = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": rf"/(?!{'|'.join(NOT_RUN)})\w+\.py$",
    "ignore_pattern": HELPERS,
    "image_scrapers": (PictureFiles(),),
    "reset_modules": (),
    "reset_argv": PictureArgument(),
    "within_subsection_order": "extensions.gallery.pictures_first",
    "default_thumb_file": str(Path(__file__).parents[1] / "images" / "numbers.png"),
    "download_all_examples": False,
    "write_computation_times": False,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "only_warn_on_example_error": False,
}
