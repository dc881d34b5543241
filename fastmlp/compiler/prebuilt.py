"""Kernels that a wheel carries: machine code for this processor's level, compiled when the wheel was built.

``prebuilt/<level>.bin`` beside the package's sources holds every kernel for float32 and float64 (`prebuild` writes it).
It is used if it was compiled from the sources that are installed, as its key says, with Numba's default flags, and if
the environment does not say ``FASTMLP_PREBUILT=0``; else kernels come from the cache or from the compiler. So an edited
source, another processor or a checkout never runs code that is not its own. Nothing here loads Numba.

An archive is a line of JSON (key, versions, and where each entry is), and then the entries, compressed one by one: a
process reads the file once (a quarter of a megabyte), and decompresses the few kernels that it needs.
"""

from __future__ import annotations

import functools
import json
import os
import pkgutil
import zlib
from collections.abc import Mapping
from typing import Any

from . import cpu as host
from . import flags, interrupts, source_hash
from .levels import Level, best_for

FOLDER = "prebuilt"
SWITCH = "FASTMLP_PREBUILT"
_PACKAGE = __package__.partition(".")[0]


class Archive:
    """The content of an archive.

    Parameters
    ----------
    content : bytes

    Attributes
    ----------
    key : str
        As `Level.key` makes it.
    versions : dict of str to str
        What it was built with.
    names : set of str
        The entries, named as in the cache.
    """

    def __init__(self, content: bytes) -> None:
        header, _, self._entries = content.partition(b"\n")
        described = json.loads(header)
        self.key: str = described["key"]
        self.versions: dict[str, str] = described["versions"]
        self._places: dict[str, tuple[int, int]] = described["entries"]
        self.names = set(self._places)

    def read(self, name: str) -> bytes | None:
        """Return an entry, None if there is none of this name; raise if it is damaged, as its checksum tells."""
        if name not in self._places:
            return None
        start, size = self._places[name]
        return zlib.decompress(self._entries[start : start + size])


def packed(key: str, versions: Mapping[str, str], entries: Mapping[str, bytes]) -> bytes:
    """Return the content of an archive."""
    places, compressed, start = {}, [], 0
    for name, content in entries.items():
        compressed.append(zlib.compress(content, 9))
        places[name] = start, len(compressed[-1])
        start += len(compressed[-1])
    header: dict[str, Any] = {"key": key, "versions": dict(versions), "entries": places}
    return json.dumps(header).encode() + b"\n" + b"".join(compressed)


def host_level() -> Level | None:
    """Return the best level that this processor can use, as restricted by NUMBA_CPU_FEATURES."""
    return best_for(host.TRIPLE, host.FEATURES)


def archive() -> Archive | None:
    """Return the archive of this process, None if there is none that it may use."""
    return _opened()[0]


def why_not() -> str:
    """Return why this process uses no archive, for people; empty if it uses one."""
    return _opened()[1]


@functools.cache
def _opened() -> tuple[Archive | None, str]:
    """Return the archive or, if there is none, why; once a process."""
    try:
        return _open()
    except Exception:  # whatever a damaged file raises, or sources that cannot be read: kernels are compiled instead
        interrupts.check()
        return None, "they cannot be read"


def _open() -> tuple[Archive | None, str]:
    level = host_level()
    if level is None:
        return None, "there are none for this processor"
    if os.environ.get(SWITCH) == "0":
        return None, f"they are switched off by {SWITCH}=0"
    if not flags.are_default():
        return None, "options of Numba that change code are set"
    try:
        content = pkgutil.get_data(_PACKAGE, f"{FOLDER}/{level.name}.bin")
    except OSError:
        content = None
    if content is None:
        return None, "this installation has none"
    found = Archive(content)
    if found.key != level.key(source_hash.of_sources()):
        return None, "the sources are not those that they were compiled from"
    return found, ""


def read(name: str) -> bytes | None:
    """Return the machine code of this name; None if there is none, or if it is damaged."""
    found = archive()
    try:
        return found.read(name) if found else None
    except Exception:
        interrupts.check()
        return None
