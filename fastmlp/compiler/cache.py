"""Machine code on disk: its key, its folders, and how it is read and written without ever breaking a fit.

Numba's own cache looks at the time stamp of one source file: an edit in *another* file, or another value of
``NUMBA_BOUNDSCHECK``, would run old code. This cache has a key that hashes all kernel sources, the versions, the
processor and the flags; one file for each function and type, written whole and then renamed, with a checksum.
What cannot be read is compiled again, what cannot be written is kept in memory. Nothing here loads Numba.

Files are read only from folders that no other user can write (`trusted_paths`), and processes that need the same kernel
wait for the one that compiles it (`drafts`).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import llvmlite

from . import cache_cleaning, drafts, flags, interrupts, shown_warnings, source_hash, trusted_paths
from . import cpu as host

PACKAGE = Path(os.path.abspath(__file__)).parents[1]


@functools.cache
def cache_key() -> str:
    """Return a hash of what compiled code depends on: sources, versions, processor, flags."""
    digest = hashlib.sha256()
    digest.update(source_hash.of_sources())
    described = (
        importlib.metadata.version("numba"),
        llvmlite.__version__,
        sys.version_info[:2],
        (host.TRIPLE, host.NAME, host.FEATURES),
        *flags.described(),
    )
    digest.update(repr(described).encode())
    return digest.hexdigest()[:16]


def chosen_folder() -> str:
    """NUMBA_CACHE_DIR, or what the program has told Numba.

    Numba's configuration file is ignored: it is in the working directory, perhaps another user's or a download.
    """
    config = sys.modules.get("numba.core.config")
    told = getattr(config, "CACHE_DIR", "")
    found = getattr(getattr(config, "_env_reloader", None), "old_environ", {})  # by Numba, in files and environment
    if told and told != found.get("NUMBA_CACHE_DIR"):
        return told
    return os.environ.get("NUMBA_CACHE_DIR", "")


def cache_folders() -> list[Path]:
    """Where compiled code is looked for, in this order; it is written to the first that can be written.

    A path that is still relative here is refused when it is used, and the warning names it.
    """
    name = f"fastmlp-{cache_key()}"
    if chosen := chosen_folder():
        return [_from_here(chosen) / name]
    beside = [_beside_package() / name] if PACKAGE.is_dir() else []
    return [*beside, _users_cache() / "fastmlp" / name]


def _known_folders() -> list[Path]:
    """As `cache_folders`; none where the key cannot be made, as `keep` says then."""
    try:
        return cache_folders()
    except Exception:  # whatever the loaders of sources raise that have gone, or that cannot be opened just now
        interrupts.check()
        return []


@functools.cache
def _from_here(path: str) -> Path:
    """Return an absolute path, which stays the same when the process changes its working directory."""
    path = os.path.expanduser(path)
    if path.startswith("~"):
        return Path(path)
    try:
        return Path(os.getcwd(), path)
    except OSError:  # the working directory has been removed
        return Path(path)


def _beside_package() -> Path:
    """Return a folder outside the package, where pip would leave unknown files, which could be imported."""
    return PACKAGE.parent / "__pycache__"


def _base_of(folder: Path | str) -> str:
    """Where the check of a folder's path begins: who can write beside the package can replace its sources, too."""
    return str(PACKAGE.parent if Path(folder).parent == _beside_package() else Path("/"))


def _trusted(folder: Path | str) -> str:
    """Return the folder's path without links; raise OSError if another user can write it."""
    return trusted_paths.trusted_folder(str(folder), _base_of(folder))


def _users_cache() -> Path:
    """XDG_CACHE_HOME, which counts only if it is absolute, or the one in the home folder."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):
        return Path(given)
    return Path("~" if os.environ.get("HOME") == "" else os.path.expanduser("~"), ".cache")


def read(name: str) -> Iterator[bytes]:
    """Yield the whole files of this name, folder by folder, without those that another user could have written."""
    for folder in _known_folders():
        try:
            trusted = _trusted(folder)
            content = trusted_paths.read_file(trusted, name)
        except OSError:
            continue
        cache_cleaning.note_use(trusted)
        if hashlib.sha256(content[32:]).digest() == content[:32]:
            yield content[32:]


class Turn:
    """A process's turn to make an entry: a context in which other processes wait for it.

    It is entered when no other process makes the entry (any longer), which may therefore be there now.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._folders = _known_folders()
        self._reasons: list[str] = []
        self._draft: drafts.Draft | None = None

    def __enter__(self) -> Turn:
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        if self._draft:
            self._draft.discard()

    def _begin(self) -> None:
        """Open a draft in the next folder that can be written."""
        self._draft = None
        while self._folders and not self._draft:
            folder = self._folders.pop(0)
            try:
                self._folder = trusted_paths.make_folder(str(folder), _is_shared(folder), _base_of(folder))
                self._draft = drafts.begin(self._folder, self._name)
            except OSError as error:
                self._note(folder, error)

    def _note(self, folder: Path | str, error: OSError) -> None:
        self._reasons.append(f"{folder}: {error.strerror or error}")

    def keep(self, content: bytes) -> None:
        """Keep it for other processes, or say once that it cannot be kept."""
        try:
            if cache_key.__wrapped__() != cache_key():
                return  # sources or flags have changed since the process began: the code may be of either
        except Exception as error:  # nor if they cannot be read: the package has been removed, or no file can be opened
            _warn_uncached(f"the sources and flags they are made from cannot be read: {error}")
            return
        whole = hashlib.sha256(content).digest() + content
        while self._draft:
            try:
                self._draft.publish(self._name, whole, _file_mode(self._folder))
                cache_cleaning.clean(self._folder)
                return
            except OSError as error:
                self._draft.discard()
                interrupts.check()
                self._note(self._folder, error)
                self._begin()
        if self._reasons:
            _warn_uncached("; ".join(self._reasons))


def write(name: str, content: bytes) -> None:
    """Make an entry of what is there already."""
    with Turn(name) as turn:
        turn.keep(content)


def is_being_made(name: str) -> bool:
    """Whether another process makes the entry of this name just now."""
    for folder in _known_folders():
        with contextlib.suppress(OSError):
            if drafts.is_being_made(_trusted(folder), name):
                return True
    return False


def _file_mode(folder: str) -> int:
    """Return the mode of a new file: readable by those who can read the folder, writable by its owner alone."""
    return 0o600 | (trusted_paths.readable_mode(os.lstat(folder)) & 0o044)


#: Whether the chosen folder is meant for other users, too.
_sharing = False


def _is_shared(folder: Path) -> bool:
    """Whether new folders are as readable as their parents; others load only what is root's."""
    if trusted_paths.effective_user() != 0:
        return False
    return _sharing or folder.parent == _beside_package()


def share() -> None:
    """Make existing and future entries written by root readable by every user who can read the parent folder."""
    global _sharing
    _sharing = True
    for folder in map(str, cache_folders()):
        with contextlib.suppress(OSError):
            trusted = _trusted(folder)
            status = os.lstat(trusted)
            if trusted_paths.effective_user() != 0 or status.st_uid:
                continue
            os.chmod(trusted, 0o700 | trusted_paths.readable_mode(os.lstat(os.path.dirname(trusted))))
            for entry in os.scandir(trusted):
                if entry.is_file(follow_symlinks=False) and entry.name.endswith(".o"):
                    os.chmod(entry.path, _file_mode(trusted))


def kept_in() -> Iterator[tuple[str, str]]:
    """Yield the folders that hold compiled code, and who can load it."""
    for folder in map(str, cache_folders()):
        with contextlib.suppress(OSError):
            trusted = _trusted(folder)
            if _count_entries(trusted):
                yield trusted, _readers(trusted)


def described_folders() -> Iterator[tuple[str, str]]:
    """Yield the folders in which code is looked for, and what is there, for people."""
    for folder in map(str, cache_folders()):
        try:
            trusted = _trusted(folder)
            yield folder, f"{_count_entries(trusted)} kernels, for {_readers(trusted)}"
        except FileNotFoundError:
            yield folder, "not made yet"
        except OSError as error:
            yield folder, f"not used: {error.strerror or error}"


def _count_entries(folder: str) -> int:
    return sum(name.endswith(".o") for name in os.listdir(folder))


def _readers(folder: str) -> str:
    """Return who can load the entries of a trusted folder."""
    above = [folder, *map(str, Path(folder).parents)]
    everybody = all(os.lstat(each).st_mode & 0o005 == 0o005 for each in above)
    return "every user" if everybody and os.lstat(folder).st_uid == 0 else "this user alone"


@functools.cache
def _warn_uncached(reasons: str) -> None:
    interrupts.check()  # that may be the only reason
    shown_warnings.warn(
        f"fastmlp cannot keep its compiled kernels ({reasons}); they are compiled again in each process. "
        "Set NUMBA_CACHE_DIR to a folder of your own that no other user can write.",
        RuntimeWarning,
    )
