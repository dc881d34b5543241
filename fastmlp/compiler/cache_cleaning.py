"""Removes from the cache what is no longer needed: drafts of dead processes, folders of old keys.

Each version of the package, of Numba, each processor and each set of flags has a folder of its own, so an update
leaves one behind. Whether it will be used again cannot be known (two environments may share the parent folder), but the
time of its last use can: a process stores it in the folder's time stamp, at most once a day, and files have times of
access where the file system keeps them. A folder that was not used for 30 days is removed by a process that has just
compiled something. In the worst case a kernel is compiled again: a folder that holds anything else than entries and
drafts of the cache is not changed, whatever its name.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import stat
import time

from . import drafts
from .trusted_paths import effective_user

_DAY = 86400.0
UNUSED = 30 * _DAY
_NAME = re.compile(r"fastmlp-[0-9a-f]{16}")


@functools.cache
def note_use(folder: str) -> None:
    """Update the folder's time stamp, which says when it was used."""
    with contextlib.suppress(OSError):
        if time.time() - os.lstat(folder).st_mtime > _DAY:
            os.utime(folder)


@functools.cache
def clean(folder: str) -> None:
    """Remove old drafts in this trusted folder and old folders beside it, once in each process."""
    with contextlib.suppress(OSError):
        drafts.remove_dead(folder)
    with contextlib.suppress(OSError):
        for entry in os.scandir(os.path.dirname(folder)):
            if _NAME.fullmatch(entry.name) and entry.name != os.path.basename(folder):
                with contextlib.suppress(OSError):
                    _remove_if_unused(entry.path)


def _remove_if_unused(folder: str) -> None:
    """Remove a folder that is this user's and holds nothing but files of the cache; follow no link."""
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode) or effective_user() not in (None, status.st_uid):
        return
    entries = list(os.scandir(folder))
    if not all(map(drafts.is_ours, entries)):
        return
    files = [entry.stat(follow_symlinks=False) for entry in entries]
    used = [status.st_mtime, *(max(each.st_mtime, each.st_atime) for each in files)]
    if time.time() - max(used) <= UNUSED:
        return
    for entry in entries:
        os.unlink(entry.path)
    os.rmdir(folder)
