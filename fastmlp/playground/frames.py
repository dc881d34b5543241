"""What is sent to the page: replies as JSON, pictures as a binary frame.

A frame is the length of its header in four bytes (little endian), the header in JSON, and three arrays: the maps of all
units (int8), then the lines and the points of the folded plane (float32, if there is one).
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np

from .choices import ACTIVATIONS, DATA_SETS, MAX_LAYERS, MAX_UNITS, OWN_DATA, SOLVERS
from .csv_data import MAX_CHARACTERS
from .data_sets import EDGE, PlaneData, make_data
from .loss_curve import LossCurve
from .pictures import FOLD_LINES, FOLD_POINTS, MAP_SIZE, Fold, Maps
from .trainer import Trainer


def encode(reply: dict[str, Any]) -> str:
    """Return a reply as JSON, in which numbers that are not finite are null."""
    return json.dumps(_finite(reply), allow_nan=False, separators=(",", ":"))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def describe_page() -> dict[str, Any]:
    """Return what never changes: the lists to choose from, limits, and previews of the data, targets in [−1, 1]."""
    previews = {
        name: _points(data.X_train, data.y_train if data.is_regression else 2 * data.y_train - 1)
        for name in DATA_SETS
        if name != OWN_DATA
        for data in [make_data(name, 200, 0.05, 0.1, 0)]
    }
    return {
        "type": "page",
        "activations": ACTIVATIONS,
        "solvers": SOLVERS,
        "max_layers": MAX_LAYERS,
        "max_units": MAX_UNITS,
        "max_characters": MAX_CHARACTERS,
        "edge": EDGE,
        "map_size": MAP_SIZE,
        "fold_lines": FOLD_LINES,
        "fold_points": FOLD_POINTS,
        "previews": previews,
    }


def describe_data(data: PlaneData) -> dict[str, Any]:
    """Return the points: x₁, x₂ and target of each training and test row."""
    return {
        "type": "data",
        "names": data.names,
        "labels": data.labels,
        "scales": data.scales,
        "is_regression": data.is_regression,
        "train": _points(data.X_train, data.y_train),
        "test": _points(data.X_test, data.y_test),
    }


def _points(X: np.ndarray, y: np.ndarray) -> list[list[float]]:
    points: list[list[float]] = np.column_stack([X, y]).round(4).tolist()
    return points


def encode_frame(trainer: Trainer, playing: bool, curve: LossCurve, maps: Maps, fold: Fold | None) -> bytes:
    """Return what changes while the network is trained."""
    network, data = trainer.network, trainer.data
    header = {
        "type": "frame",
        "playing": playing,
        "epochs": trainer.epochs,
        "steps": trainer.steps,
        "progress": trainer.progress,
        "curve": {"epochs": curve.epochs, "train": curve.train, "test": curve.test},
        "accuracy": None if data.is_regression else [_accuracy(network.forward(X), y) for X, y in _both(data)],
        "coefs": [coef.tolist() for coef in network.coefs],
        "intercepts": [intercept.tolist() for intercept in network.intercepts],
        "scales": maps.scales,
        "fold": None if fold is None else {"layer": fold.layer, "units": fold.units},
    }
    text = encode(header).encode()
    arrays = [maps.values.tobytes()]
    if fold is not None:
        arrays += [fold.grid.astype("<f4").tobytes(), fold.points.astype("<f4").tobytes()]
    return b"".join([struct.pack("<I", len(text)), text, *arrays])


def _both(data: PlaneData) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(data.X_train, data.y_train), (data.X_test, data.y_test)]


def _accuracy(outputs: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean((outputs[:, 0] > 0.5) == (y > 0.5)))
