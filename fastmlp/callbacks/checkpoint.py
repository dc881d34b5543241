"""`Checkpoint`: store a training while it runs, and continue it in another process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..common.checks import check_count
from ..common.tensor_files import import_safetensors, read_tensors, write_tensors
from ..common.user_warnings import warn_user
from .base import Callback

if TYPE_CHECKING:
    from ..training.running import RunningTraining

#: Name of the files' format, in their headers; a later format has another number.
FORMAT = "fastmlp training 1"
PATTERN = "epoch-*.safetensors"


class Checkpoint(Callback):
    """Store the training after epochs, and continue from there if the fit is repeated.

    A fit that is killed at any moment, and then repeated with the same data, parameters and folder, continues after the
    last epoch that was stored, and ends with the same bits as a fit that was not interrupted. A fit that has ended is
    restored without training; with a larger `max_iter` it goes on. (With early stopping, pass an integer
    `random_state`: the split is drawn again.)

    Each file holds weights, moments, order and generator of the rows, and history, in the safetensors format with a
    JSON header: no file can run code when it is read. A file is written under another name first, so that it is there
    as a whole or not at all. Solvers with all rows in each step ('lbfgs', …) refuse it: they keep a state of their own.
    So do `TabularMLPClassifier` and `TabularMLPRegressor`, which train several networks together.

    Parameters
    ----------
    folder : str or path
        Where the files are; it is made if it is missing. One folder is for one training.
    every : int, default=1
        Epochs between two files. The last epoch is always stored.
    keep : int, default=2
        How many files are kept, the latest.

    Raises
    ------
    ImportError
        If the package safetensors is not installed.
    ValueError
        If `every` or `keep` is less than 1; during a fit, if the folder holds files, but none that this training could
        continue from, because they are damaged or belong to another one.
    TypeError
        If `every` or `keep` is not an integer.

    Warns
    -----
    UserWarning
        If a file cannot be used and an earlier one is.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from fastmlp import MLPRegressor
    >>> X = np.linspace(-1, 1, 100)[:, np.newaxis]
    >>> folder = tempfile.TemporaryDirectory()
    >>> model = MLPRegressor(random_state=0).set_callbacks(Checkpoint(folder.name)).fit(X, X[:, 0])
    >>> again = MLPRegressor(random_state=0).set_callbacks(Checkpoint(folder.name)).fit(X, X[:, 0])
    >>> again.n_iter_ == model.n_iter_ and bool((again.coefs_[0] == model.coefs_[0]).all())
    True
    >>> folder.cleanup()
    """

    needs_minibatches = True
    needs_one_network = "store the fitted model by fastmlp.save; warm_start=True then adds members to it"

    def __init__(self, folder: str | os.PathLike[str], *, every: int = 1, keep: int = 2) -> None:
        _safetensors()
        self.folder, self.every, self.keep = Path(folder), check_count("every", every), check_count("keep", keep)

    def on_training_begin(self, estimator: Any, training: RunningTraining) -> None:
        """Continue from the latest file that can be used."""
        self.state.training, self.state.identity = training, training.identity()
        self.folder.mkdir(parents=True, exist_ok=True)
        for draft in self.folder.glob("epoch-*.draft"):  # of a fit that was killed while it wrote
            draft.unlink(missing_ok=True)
        refused = []
        for path in sorted(self.folder.glob(PATTERN), reverse=True):
            try:
                arrays, numbers = self._read(path)
            except ValueError as error:
                refused.append(str(error))
                continue
            if refused:
                warn_user(f"Continuing from {path}, because {'; '.join(refused)}.")
            training.restore(arrays, numbers)
            return
        if refused:
            raise ValueError(
                f"No checkpoint can be used: {'; '.join(refused)}. Use another folder, or delete the files to begin "
                "anew."
            )

    def on_epoch_end(self, estimator: Any) -> None:
        """Store the training after every `every` epochs and after the last one."""
        training: RunningTraining | None = getattr(self.state, "training", None)
        if training is None or not training.runner.complete:
            return
        epoch = training.state.history.n_iter
        if epoch % self.every == 0 or not training.epochs_left:
            self._write(self.folder / f"epoch-{epoch:08d}.safetensors", *training.save())
            for path in sorted(self.folder.glob(PATTERN))[: -self.keep]:
                path.unlink(missing_ok=True)

    def _write(self, path: Path, arrays: dict[str, np.ndarray], numbers: dict[str, Any]) -> None:
        header = {"format": FORMAT, "identity": json.dumps(self.state.identity), "numbers": json.dumps(numbers)}
        write_tensors(_safetensors(), path, arrays, header)

    def _read(self, path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return arrays and numbers of a file; a ValueError says why it cannot be used."""
        try:
            arrays, header = read_tensors(_safetensors(), path)
        except (ValueError, OSError) as error:
            raise ValueError(f"{path} is damaged ({error})") from error
        if header.get("format") != FORMAT:
            raise ValueError(f"{path} is no checkpoint of this version (format {header.get('format')!r})")
        try:
            identity, numbers = json.loads(header["identity"]), json.loads(header["numbers"])
        except (KeyError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is damaged (its header has no valid {error})") from error
        for name, value in self.state.identity.items():
            if identity.get(name) != value:
                raise ValueError(f"{path} is of another training ({name}: {identity.get(name)}, now {value})")
        return arrays, numbers

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.folder)!r}, every={self.every}, keep={self.keep})"


def _safetensors() -> Any:
    return import_safetensors("Checkpoint", "checkpoint")
