"""Seeds and choices that depend on a case's name alone: adding a case changes nothing for the others."""

import zlib


def seed_of(name, below=2**32):
    """Return a number in [0, below) that belongs to this name."""
    return zlib.crc32(name.encode()) % below


def choose(name, choices):
    """Return one of the choices, always the same for this name."""
    return choices[seed_of(name, len(choices))]
