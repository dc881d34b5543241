"""Folders and files that no other user can write: machine code is read from these alone, and written to these alone.

A user who can write a file of machine code, or replace a folder on the way to it, can run code as the user who loads
it. So a path is followed from the root down, a component at a time, links included. Each must belong to this process's
effective user or to root and be writable by no other user: then none can replace what has passed while the next
component is checked. A folder in which others may write is allowed on the way only if it is sticky, as ``/tmp`` is:
then no other user can rename this user's entries in it. Where there are no owners (Windows), only the kind and the size
of files are checked.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

#: No entry is larger: the largest kernels, with debug information, have a few megabytes.
MAX_SIZE = 1 << 26
#: A link is not followed; a FIFO or a device does not block; a child process does not inherit it.
SAFE = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"))
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_MAX_LINKS = 40
#: The folders that have passed, by path, effective user and where the walk began, and what they are without links.
_passed: dict[tuple[str, int | None, str], str] = {}


class UntrustedPathError(OSError):
    """A path that another user could have written, or that may lead elsewhere later."""


def effective_user() -> int | None:
    """Return the number of the user whose rights this process has; None where there are no such numbers."""
    return os.geteuid() if hasattr(os, "geteuid") else None


def trusted_folder(path: str, base: str = "/") -> str:
    """Return the folder's path without links, checked once a process.

    Parameters
    ----------
    path : str
    base : str
        A folder above it whose writers are trusted, since they choose what this process runs anyway.

    Raises
    ------
    UntrustedPathError
        If another user could have written it, or anything on the way to it; if the path is relative.
    OSError
        If it is not there, or no folder.
    """
    key = path, effective_user(), base
    if key not in _passed:
        _passed[key] = _follow(path, base, make=False, shared=False)
    return _passed[key]


def make_folder(path: str, shared: bool, base: str = "/") -> str:
    """As `trusted_folder`, but made if it is not there, and checked anew: it may have been removed.

    New folders are for this user alone (0700) or, if `shared`, as readable as the folder in which each is made,
    whatever the umask. No other user can write them at any time. Below a `base` only its owner makes any: a folder of
    another user would keep the owner from making one.
    """
    return _follow(path, base, make=True, shared=shared)


def read_file(folder: str, name: str) -> bytes:
    """Return the content of a file in a trusted folder.

    Raises
    ------
    OSError
        If it cannot be read, is no plain file, is too large, or could have been written by another user.
    """
    path = os.path.join(folder, name)
    descriptor = os.open(path, os.O_RDONLY | SAFE)
    try:
        status = os.fstat(descriptor)  # of the open file, which cannot be swapped any more
        refuse_foreign_file(path, status)
        if status.st_size > MAX_SIZE:
            raise UntrustedPathError(f"{path} is larger than {MAX_SIZE} bytes")
        parts, missing = [], status.st_size
        while missing > 0 and (part := os.read(descriptor, missing)):
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def refuse_foreign_file(path: str, status: os.stat_result) -> None:
    """Raise unless it is a plain file that no other user can write.

    If a file of this user's has a second name, the one that is read may come from another user, who could once
    write the folder. (Root's may have several: images are stored like that.)
    """
    if not stat.S_ISREG(status.st_mode):
        raise UntrustedPathError(f"{path} is no plain file")
    _refuse_others(path, status)
    if status.st_nlink > 1 and status.st_uid == effective_user():
        raise UntrustedPathError(f"{path} has {status.st_nlink} names")


def readable_mode(status: os.stat_result) -> int:
    """Return the bits of a folder's mode by which others may read it and enter it."""
    return stat.S_IMODE(status.st_mode) & 0o055


def _refuse_others(path: str, status: os.stat_result) -> None:
    user = effective_user()
    if user is None:
        return
    if status.st_uid not in (user, 0):
        raise UntrustedPathError(f"{path} belongs to another user, {status.st_uid}")
    if status.st_mode & _WRITABLE_BY_OTHERS:
        raise UntrustedPathError(f"{path} can be written by others: chmod go-w")


def _follow(path: str, base: str, make: bool, shared: bool) -> str:
    """Walk down from the root, or from `base`; see the module's docstring."""
    if not os.path.isabs(path):
        raise UntrustedPathError(f"{path} is not an absolute path")
    if effective_user() is None:
        return _without_owners(path, make)
    here, to_do, n_links = os.path.realpath(base), path.removeprefix(base).split("/")[::-1], 0
    status = os.lstat(here)
    begin = None if base == "/" else status
    while True:
        parts_left = any(part not in ("", ".") for part in to_do)
        if not (parts_left and _is_step(status, begin)):
            _refuse_others(here, status)
        if not parts_left:
            return here
        part = to_do.pop()
        if part in ("", "."):
            continue
        below = os.path.dirname(here) if part == ".." else os.path.join(here, part)
        if make and not os.path.lexists(below):
            _make(below, status, shared, begin is not None)
        below_status = os.lstat(below)
        if stat.S_ISLNK(below_status.st_mode):
            if below_status.st_uid not in (effective_user(), 0):
                raise UntrustedPathError(f"{below} is a link of another user, {below_status.st_uid}")
            begin, n_links = None, n_links + 1
            if n_links > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            target = os.readlink(below)
            to_do += target.split("/")[::-1]
            if not target.startswith("/"):
                continue
            below, below_status = "/", os.lstat("/")
        elif not stat.S_ISDIR(below_status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), below)
        here, status = below, below_status


def _is_step(status: os.stat_result, begin: os.stat_result | None) -> bool:
    """Whether a folder will do on the way, although others may write in it; `begin` is where the walk began."""
    if status is begin:
        return True
    if status.st_uid not in (effective_user(), 0):
        return False
    if status.st_mode & stat.S_ISVTX:
        return True
    if begin is None or begin.st_mode & stat.S_ISVTX:
        return False
    # All who can write in it can write where the walk began.
    writers = status.st_mode & _WRITABLE_BY_OTHERS
    if begin.st_mode & stat.S_IWOTH:
        return True
    return not writers & ~begin.st_mode and status.st_gid == begin.st_gid


def _make(path: str, above: os.stat_result, shared: bool, only_by_owner: bool) -> None:
    """Make a new folder."""
    if only_by_owner and above.st_uid != effective_user():
        raise UntrustedPathError(f"{path} is for the owner of the folder above to make, user {above.st_uid}")
    with contextlib.suppress(FileExistsError):  # another process was faster: it is checked like any other
        os.mkdir(path, 0o700)
        os.chmod(path, 0o700 | (readable_mode(above) if shared else 0))


def _without_owners(path: str, make: bool) -> str:
    if make:
        os.makedirs(path, exist_ok=True)
    if not os.path.isdir(path):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    return os.path.realpath(path)
