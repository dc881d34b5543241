"""Dask and its client, imported when they are used."""

from __future__ import annotations

import importlib
import pickle
from typing import Any

import numpy as np


def import_dask(name: str = "dask") -> Any:
    """Return a module of Dask or of its scheduler.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"fastmlp.dask needs {name} ({error}): pip install 'fastmlp[dask]', or pip install 'dask[array,dataframe]' "
            "distributed."
        ) from error


def is_collection(X: Any) -> bool:
    """Whether X is one of Dask's collections, which only Dask can make."""
    return hasattr(type(X), "__dask_graph__") and bool(import_dask().is_dask_collection(X))


def find_client(estimator: Any) -> Any:
    """Return the estimator's client, or the default one.

    Raises
    ------
    TypeError
        If `client` is something else.
    ValueError
        If there is none, or it is asynchronous.
    """
    distributed = import_dask("distributed")
    client = estimator.client
    if client is None:
        try:
            client = distributed.get_client()
        except ValueError as error:
            raise ValueError(
                f"{type(estimator).__name__} trains on the workers of a Dask cluster, and there is no client: make "
                "one, such as distributed.Client(), or pass client=...."
            ) from error
    if not isinstance(client, distributed.Client):
        raise TypeError(f"client must be a distributed.Client or None, got {client!r}.")
    if client.asynchronous:
        raise ValueError("client is asynchronous, but fit waits for its results: use Client(asynchronous=False).")
    return client


def send(client: Any, value: Any) -> Any:
    """Return a future of a value that all workers will need: it is sent once, and on from worker to worker.

    It is the argument of a task, which the scheduler keeps as bytes that it need not understand, so that it can be sent
    again when the worker that has it dies. Scattered data would be lost. As an array, these bytes travel beside the
    message of the task instead of within it, which saves a round 10 ms for 3 MB.
    """
    packed = np.frombuffer(import_dask("cloudpickle").dumps(value), np.uint8)
    with import_dask().config.set({"distributed.admin.large-graph-warning-threshold": "1 PB"}):
        return client.submit(pickle.loads, packed, pure=False)
