"""Entries of the cache in the making: one process writes, the others wait, a reader sees all of a file or nothing.

An entry is written into a draft, ``<name>.draft``, which takes the entry's name when it is whole. Who makes an entry
holds a lock on its draft, so that others wait; the system releases it if the process dies. What a dead process leaves
is a draft without a lock, which the next process takes over, or removes. Where locks do not work (some network file
systems, Windows), or their holder does not get on, an entry is made by several: each has a draft of its own.

A draft reserves its space on the disk when it is opened: no process waits for an entry that cannot be kept in the end.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time

from .trusted_paths import SAFE, refuse_foreign_file

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".draft"
#: Of a draft that no lock protects, behind what makes its name its process's own.
_UNLOCKED = ".unlocked"
#: Names of entries, as `kernels` makes them, and of their drafts; other files in the folder are left alone.
_NAMES = re.compile(
    rf"\w+(\.\w+){{2,3}}(-[0-9a-f]{{12}})?\.o({re.escape(SUFFIX)}|\.[0-9a-f]{{16}}{re.escape(_UNLOCKED)})?"
)
#: Bytes that a draft takes at once: more than an entry has, unless it is compiled with debug information.
ROOM = 1 << 16
#: Seconds that one entry is waited for: its maker may have been stopped.
PATIENCE = 60.0
#: A draft without a lock that is older than this, in seconds, has been left by a dead process.
_DEAD_AFTER = 3600.0
#: Descriptors of the drafts that this process holds. A child must not keep its parent's locks alive.
_held: set[int] = set()


def _drop_parents_drafts() -> None:
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)  # no unlocking: it would unlock for the parent, too
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drop_parents_drafts)


class Draft:
    """A draft that this process has opened; see the module's docstring.

    Parameters
    ----------
    path : str
    descriptor : int
    locked : bool
    """

    _open = False

    def __init__(self, path: str, descriptor: int, locked: bool) -> None:
        self._path, self._descriptor, self._locked, self._process = path, descriptor, locked, os.getpid()
        self._open = True

    def __del__(self) -> None:
        """Discard it: a signal's handler may have raised at any line, and other processes would wait for this one."""
        if self._open and self._process == os.getpid():
            self.discard()

    def take_room(self) -> Draft:
        """Raise OSError and remove it if the disk is full, or a limit of the user's or the process's is reached."""
        try:
            self._write(bytes(ROOM))
        except BaseException:
            self.discard()
            raise
        return self

    def _write(self, content: bytes) -> None:
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def publish(self, name: str, content: bytes, mode: int) -> None:
        """Make this the content of the entry `name`, beside the draft."""
        try:
            self._write(content)
            os.ftruncate(self._descriptor, len(content))
            if hasattr(os, "fchmod"):
                os.fchmod(self._descriptor, mode)
            if not self._locked:
                self._close()  # Windows renames no open file
            os.replace(self._path, os.path.join(os.path.dirname(self._path), name))
        except BaseException:
            self.discard()
            raise
        self._close()

    def discard(self) -> None:
        """Remove it, unless it has been published."""
        if self._open and self._locked:
            self._remove()  # while it is locked: later it may be another's
        with contextlib.suppress(OSError):
            self._close()
        if not self._locked:
            self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._path)

    def _close(self) -> None:
        if not self._open:
            return
        self._open = False
        if self._locked:
            _unlock(self._descriptor)  # a child that was forked a moment ago may have a copy of the descriptor
        _held.discard(self._descriptor)
        os.close(self._descriptor)


def begin(folder: str, name: str) -> Draft:
    """Open a draft of this name in a trusted folder; wait while another process makes the same.

    Raises
    ------
    OSError
        If nothing can be written there.
    """
    until, pause = time.monotonic() + PATIENCE, 0.002
    while time.monotonic() < until:
        try:
            draft = _take(os.path.join(folder, name + SUFFIX))
        except BlockingIOError:
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
        except OSError:  # there are no locks, or something lies in the way
            break
        else:
            try:
                if draft:
                    return draft.take_room()
            except BaseException:
                if draft:
                    draft.discard()
                raise
    path = os.path.join(folder, f"{name}.{secrets.token_hex(8)}{_UNLOCKED}")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | SAFE, 0o600)
    return Draft(path, descriptor, locked=False).take_room()


def is_being_made(folder: str, name: str) -> bool:
    """Whether another process holds the draft of this name."""
    try:
        draft = _take(os.path.join(folder, name + SUFFIX), flags=0)
    except BlockingIOError:
        return True
    except OSError:
        return False
    if draft:
        draft.discard()
    return False


def is_ours(entry: os.DirEntry[str]) -> bool:
    """Whether it is an entry of the cache, or a draft of one: a plain file with such a name."""
    return bool(_NAMES.fullmatch(entry.name)) and entry.is_file(follow_symlinks=False)


def remove_dead(folder: str) -> None:
    """Remove the drafts of processes that have died."""
    for entry in filter(is_ours, os.scandir(folder)):
        with contextlib.suppress(OSError):
            if entry.name.endswith(SUFFIX):
                is_being_made(folder, entry.name.removesuffix(SUFFIX))  # removes it if no process holds it
            elif entry.name.endswith(_UNLOCKED) and _is_old(entry):
                os.unlink(entry.path)


def _is_old(entry: os.DirEntry[str]) -> bool:
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > _DEAD_AFTER


def _take(path: str, flags: int = os.O_CREAT) -> Draft | None:
    """Return the draft of this path, locked; None if it has been published or removed in between.

    Raises
    ------
    BlockingIOError
        If another process holds it.
    OSError
        If there are no locks, or something else lies there.
    """
    descriptor = os.open(path, os.O_RDWR | flags | SAFE, 0o600)
    draft = Draft(path, descriptor, locked=False)
    try:
        _held.add(descriptor)
        _lock(descriptor)
        draft._locked = True
        status = os.fstat(descriptor)
        if _is_still(path, status):
            refuse_foreign_file(path, status)
            return draft
        draft._close()
        return None
    except BlockingIOError:
        draft._close()
        raise
    except BaseException:
        draft.discard()
        raise


def _is_still(path: str, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.lstat(path), status)
    except FileNotFoundError:
        return False


def _lock(descriptor: int) -> None:
    if fcntl is None:
        raise OSError("no locks on this system")
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _unlock(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
