"""PyInstaller finds this folder by the package's entry point, and the hook in it by its name."""

from pathlib import Path


def get_hook_dirs() -> list[str]:
    """Where hooks lie."""
    return [str(Path(__file__).parent)]
