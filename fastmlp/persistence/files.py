"""`save` and `load`: models in files that run no code."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..common.tensor_files import import_safetensors, read_tensors, write_tensors
from .decoding import Decoder
from .encoding import Encoder, name_of
from .kinds import CUSTOM

#: The format of the files; a later one has another number, and every version reads all earlier ones.
FORMAT = 1
#: The entry of the header. It is the only one: safetensors does not order several, and files would differ.
_ENTRY = "fastmlp model"


def save(model: Any, path: str | os.PathLike[str]) -> None:
    """Write a model to a file that runs no code when it is read.

    The file is in the safetensors format: arrays, and a header of JSON with everything else. It holds the parameters
    and, if the model was fitted, weights, classes, names of the features, losses, and the state of the training, so
    that ``partial_fit`` and warm start continue with the same bits; of an estimator for tables also categories, which
    must be strings, numbers or booleans, bins and scales. Activations, losses, optimizers, schedules and initializers
    of this package are named with their fields. Your own are code: the file holds the name only, and `load` takes the
    object from its arguments.

    The file is written as a whole or not at all. Callbacks, metadata requests and attributes that you have added are
    not stored.

    Parameters
    ----------
    model : MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor, Network or RunningOptimizer
        A `RunningOptimizer` is what a `Network` is trained with; save both to continue.
    path : str or path
        A file that is there already is replaced. The usual suffix is ``.safetensors``.

    Raises
    ------
    ImportError
        If the package safetensors is not installed.
    TypeError
        If it is another kind of model, or an object of a subclass.
    ValueError
        If something in it cannot be stored; nothing is written then.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import load_iris
    >>> import fastmlp
    >>> X, y = load_iris(return_X_y=True)
    >>> model = fastmlp.MLPClassifier((8,), max_iter=5, solver="adamw", random_state=0, tol=0)
    >>> for _ in range(5):
    ...     model = model.partial_fit(X, y, classes=[0, 1, 2])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "iris.safetensors")
    ...     fastmlp.save(model, path)
    ...     again = fastmlp.load(path)
    >>> bool((again.partial_fit(X, y).coefs_[0] == model.partial_fit(X, y).coefs_[0]).all())
    True
    """
    safetensors = import_safetensors("fastmlp.save", "persistence")
    encoder, name = Encoder(), type(model).__name__
    if name not in _KINDS or _KINDS[name]()[0] is not type(model):
        raise TypeError(f"save takes an object of {', '.join(_KINDS)}, not of a subclass, got {model!r:.80}.")
    kind, encode, decode = _KINDS[name]()
    tree = {"format": FORMAT, "class": name, "model": encode(model, encoder)}
    try:
        decode(kind, _json(tree)["model"], Decoder(encoder.arrays, encoder.custom))  # what is written can be read
    except ValueError as error:
        raise ValueError(f"This {name} cannot be saved, because it could not be loaded: {error}.") from error
    write_tensors(safetensors, Path(path), encoder.arrays, {_ENTRY: json.dumps(tree, allow_nan=False)})


def load(
    path: str | os.PathLike[str],
    *,
    activations: Any = None,
    losses: Any = None,
    optimizers: Any = None,
    schedules: Any = None,
    initializers: Any = None,
    scorers: Any = None,
) -> Any:
    """Read a model that `save` has written. No code in the file is run, whatever it holds.

    Parameters
    ----------
    path : str or path
    activations, losses, optimizers, schedules, initializers, scorers : list or dict, default=None
        Your own objects that the model uses, such as ``activations=[Activation(f, derivative)]``: a list, which is
        matched by their names, each once, or a dict from the names in the file. The message says which are missing. (A
        scorer is a function that was given as `scoring`.)

    Returns
    -------
    model : MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor, Network or RunningOptimizer
        As it was saved.

    Raises
    ------
    ImportError
        If the package safetensors is not installed.
    ValueError
        If the file is damaged or of a later version, or an object of your own is missing. The message says which.
    TypeError
        If an object of your own is of another kind.
    OSError
        If the file cannot be opened.

    Examples
    --------
    >>> import os, tempfile
    >>> import fastmlp
    >>> network = fastmlp.Network([2, 3, 1], ["tanh", "identity"], fastmlp.Huber(2.0))
    >>> network.initialize(random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fastmlp.save(network, os.path.join(folder, "network.safetensors"))
    ...     fastmlp.load(os.path.join(folder, "network.safetensors"))
    Network([2, 3, 1], activations=['tanh', 'identity'], loss=Huber(delta=2.0), dtype='float64')
    """
    safetensors = import_safetensors("fastmlp.load", "persistence")
    given = {
        "activations": activations, "losses": losses, "optimizers": optimizers, "schedules": schedules,
        "initializers": initializers, "scorers": scorers,
    }  # fmt: skip
    named = {kind: _named(kind, objects) for kind, objects in given.items()}
    path = Path(path)
    try:
        arrays, header = read_tensors(safetensors, path)
        if _ENTRY not in header:
            raise ValueError("it is no model of fastmlp")
        tree = _parse(header[_ENTRY])
        _check_format(tree.get("format") if isinstance(tree, dict) else None)
        if not isinstance(tree.get("model"), dict):
            raise ValueError("its header does not describe a model")
        name = tree.get("class")
        if not isinstance(name, str) or name not in _KINDS:
            raise ValueError(f"it holds an object of {name!r:.80}, but this version reads {', '.join(_KINDS)}")
        kind, _, decode = _KINDS[name]()
        return decode(kind, tree["model"], Decoder(arrays, named))
    except RecursionError:
        raise ValueError(f"{path} cannot be loaded: its header is nested too deeply.") from None
    except ValueError as error:
        raise ValueError(f"{path} cannot be loaded: {error}.") from error


def _estimator(name: str) -> tuple[Any, Any, Any]:
    from .estimators import ESTIMATORS, decode_estimator, encode_estimator

    return ESTIMATORS[name], encode_estimator, decode_estimator


def _table_estimator(name: str) -> tuple[Any, Any, Any]:
    from .tables import ESTIMATORS, decode_table_estimator, encode_table_estimator

    return ESTIMATORS[name], encode_table_estimator, decode_table_estimator


def _network() -> tuple[Any, Any, Any]:
    from ..network import Network
    from .networks import decode_network, encode_network

    return Network, encode_network, lambda kind, *arguments: decode_network(*arguments)


def _running_optimizer() -> tuple[Any, Any, Any]:
    from ..optimizers import RunningOptimizer
    from .networks import decode_running_optimizer, encode_running_optimizer

    return RunningOptimizer, encode_running_optimizer, lambda kind, *arguments: decode_running_optimizer(*arguments)


#: The models that can be stored: for each name what returns its class, encoder(model, Encoder) and
#: decoder(class, tree, Decoder).
_KINDS = {
    "MLPClassifier": lambda: _estimator("MLPClassifier"),
    "MLPRegressor": lambda: _estimator("MLPRegressor"),
    "TabularMLPClassifier": lambda: _table_estimator("TabularMLPClassifier"),
    "TabularMLPRegressor": lambda: _table_estimator("TabularMLPRegressor"),
    "Network": _network,
    "RunningOptimizer": _running_optimizer,
}


def _named(kind: str, objects: Any) -> dict[str, Any]:
    """Return a user's own objects by the names that a file has for them."""
    if objects is None:
        return {}
    if isinstance(objects, str) or not isinstance(objects, Iterable):
        raise TypeError(f"{kind} must be a list of objects, or a dict from names to objects, got {objects!r:.80}.")
    named = dict(objects) if isinstance(objects, Mapping) else _by_name(kind, list(objects))
    for name, each in named.items():
        fits = callable(each) if kind == "scorers" else isinstance(each, CUSTOM[kind])
        if not fits:
            wanted = "functions" if kind == "scorers" else f"objects of {CUSTOM[kind].__name__}"
            raise TypeError(f"{kind} must be {wanted}, got {each!r:.80} for {name!r:.80}.")
    return named


def _by_name(kind: str, objects: list[Any]) -> dict[str, Any]:
    """Return a list of objects by their names, which must differ: functions of one name can't be told apart."""
    named: dict[str, Any] = {}
    for each in objects:
        if named.setdefault(name_of(each), each) is not each:
            raise ValueError(
                f"{kind} has several objects named {name_of(each)!r:.80}, so that it is open which one a file means: "
                f"pass a dict from the names in the file to objects, {kind}={{name: object}}."
            )
    return named


def _check_format(written: Any) -> None:
    if type(written) is not int or written < 1:
        raise ValueError(f"its format is {written!r:.80}")
    if written > FORMAT:
        raise ValueError(f"it has format {written!r:.20}, of a later version of fastmlp: this one reads up to {FORMAT}")


def _parse(text: str) -> Any:
    """Return JSON; NaN and infinity, which are no JSON, are refused."""

    def refuse(constant: str) -> Any:
        raise ValueError(f"its header holds {constant}")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"its header is no JSON: {error}") from None


def _json(tree: Any) -> Any:
    """Return a tree as it is read from a file."""
    return json.loads(json.dumps(tree, allow_nan=False))
