"""What every test stands on."""

import shutil
import signal
import tempfile
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_interrupts():
    """A shell starts its background jobs deaf to Ctrl-C, and Python leaves it at that; tests of it must not hang."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def open_folder():
    """A folder that every user can enter and nobody else can write; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
