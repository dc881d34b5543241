"""What every test stands on."""

import signal

import pytest


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_interrupts():
    """A shell starts its background jobs deaf to Ctrl-C, and Python leaves it at that; tests of it must not hang."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
