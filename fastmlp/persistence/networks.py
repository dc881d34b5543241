"""`Network` and `RunningOptimizer` in files."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..network import Network
from ..optimizers import RunningOptimizer
from .decoding import Decoder
from .encoding import Encoder
from .trainings import decode_history, decode_optimizer, encode_history, encode_optimizer


def encode_network(network: Network, encoder: Encoder) -> dict[str, Any]:
    """Return a network as JSON; its parameters become an array."""
    network.check_memory()
    return {
        "layer sizes": list(network.layout.layer_sizes),
        "activations": [encoder.encode(each, "activations") for each in network.activations],
        "loss": encoder.encode(network.loss_function, "loss"),
        "params": encoder.array(network.params, "params"),
        "matmul precision": network.matmul_precision,
        "training": encode_history(vars(network), encoder),
    }


def decode_network(tree: dict[str, Any], decoder: Decoder) -> Network:
    """Return what `encode_network` has encoded."""
    params = decoder.decode(tree.get("params"), "params")
    sizes = tree.get("layer sizes")
    if not isinstance(sizes, list) or len(sizes) < 2 or not all(type(size) is int and size > 0 for size in sizes):
        raise ValueError(f"the layer sizes are {sizes!r:.80}")
    if not isinstance(params, np.ndarray) or params.dtype not in (np.float32, np.float64):
        raise ValueError("params is no array of float32 or float64")
    n_params = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))
    if params.shape != (n_params,):
        raise ValueError(f"layers {sizes!r:.80} have {n_params} parameters, but params has the shape {params.shape}")
    activations, loss = (decoder.decode(tree.get(name), name) for name in ("activations", "loss"))
    try:
        network = Network(sizes, activations, loss, params.dtype, tree.get("matmul precision", "float32"))
    except TypeError as error:
        raise ValueError(str(error)) from error
    network.params = params
    vars(network).update(decode_history(tree.get("training"), decoder))
    return network


def encode_running_optimizer(running: RunningOptimizer, encoder: Encoder) -> dict[str, Any]:
    """Return an optimizer that a `Network` was trained with, as JSON."""
    return {"state": encode_optimizer(running, encoder)}


def decode_running_optimizer(tree: dict[str, Any], decoder: Decoder) -> RunningOptimizer:
    """Return what `encode_running_optimizer` has encoded."""
    return decode_optimizer(tree.get("state"), decoder)
