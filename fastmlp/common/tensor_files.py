"""Files in the safetensors format: arrays by name, and a header of strings. Reading them runs no code."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

#: The largest header that is read: 64 MiB are a few million class labels.
MAX_HEADER = 1 << 26
#: The format's names of the types that NumPy has.
DTYPES = {"F64", "F32", "F16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"}


def import_safetensors(needed_by: str, extra: str) -> Any:
    """Return the package safetensors.

    Raises
    ------
    ImportError
        If it is not installed; the message names what needs it, and the extra that installs it.
    """
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(f"{needed_by} needs the package safetensors: pip install 'fastmlp[{extra}]'.") from error
    return safetensors


def write_tensors(safetensors: Any, path: Path, arrays: dict[str, np.ndarray], header: dict[str, str]) -> None:
    """Write a file as a whole or not at all: under another name first, in the same folder.

    Parameters
    ----------
    safetensors : module
        What `import_safetensors` returns.
    path : Path
        A file that is there already is replaced; its permissions stay.
    arrays : dict of str to ndarray
        In any memory order.
    header : dict of str to str

    Raises
    ------
    ValueError
        If the header is larger than `read_tensors` reads.
    """
    content = safetensors.numpy.save(
        {name: np.array(one, order="C", copy=None) for name, one in arrays.items()}, header
    )
    if (length := int.from_bytes(content[:8], "little")) > MAX_HEADER:
        raise ValueError(
            f"{path} would have {length} bytes of labels, categories and other text, but at most {MAX_HEADER} are read."
        )
    path = Path(os.path.realpath(path))  # a link stays one
    draft = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.draft")
    try:
        with draft.open("wb") as file:
            if path.exists():
                with suppress(OSError):  # of file systems without permissions
                    shutil.copymode(path, draft)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_tensors(safetensors: Any, path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read arrays and header of a file.

    Raises
    ------
    ValueError
        If it is not a file of this format: the message says what is wrong, but does not name the file.
    OSError
        If it cannot be opened.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(f"{path} is a folder, not a file.")
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its writer
        raise ValueError("it is no regular file")
    with path.open("rb") as begin:
        length = int.from_bytes(begin.read(8), "little")
    if status.st_size < 8 or length > min(status.st_size - 8, MAX_HEADER):
        raise ValueError(
            f"it has {status.st_size} bytes, and a header of {length} bytes, which is more than the file or the limit "
            f"of {MAX_HEADER}: it is truncated or not a safetensors file"
        )
    try:
        with safetensors.safe_open(path, framework="np") as file:
            arrays = {}
            for name in file.keys():  # noqa: SIM118
                dtype = file.get_slice(name).get_dtype()
                if dtype not in DTYPES:
                    raise ValueError(f"the array {name!r:.80} has the type {dtype}, which NumPy does not have")
                arrays[name] = file.get_tensor(name)
            return arrays, file.metadata() or {}
    except safetensors.SafetensorError as error:
        raise ValueError(f"it is no valid safetensors file: {error}") from error
