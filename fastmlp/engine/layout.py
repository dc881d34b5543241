"""`Layout`: where each layer's weights and biases are in the flat vector of parameters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..common.checks import counted


class Layout:
    """The network's parameters in one vector: each layer's weights (fan_in, fan_out), then its biases (fan_out,).

    Parameters
    ----------
    layer_sizes : sequence of int
        Width of every layer: features, hidden layers, outputs.

    Examples
    --------
    >>> layout = Layout([2, 3, 1])
    >>> layout.size, layout.weight_offsets, layout.bias_offsets
    (13, [0, 9], [6, 12])
    >>> [coef.shape for coef in layout.coefs(np.zeros(13))]
    [(2, 3), (3, 1)]
    """

    def __init__(self, layer_sizes: Sequence[int]) -> None:
        self.layer_sizes = [int(width) for width in layer_sizes]
        self.shapes = list(pairwise(self.layer_sizes))
        self.weight_offsets: list[int] = []
        self.bias_offsets: list[int] = []
        self.size = 0
        for fan_in, fan_out in self.shapes:
            self.weight_offsets.append(self.size)
            self.bias_offsets.append(self.size + fan_in * fan_out)
            self.size += (fan_in + 1) * fan_out

    def coefs(self, vector: np.ndarray) -> list[np.ndarray]:
        """Return views of the weight matrices in `vector`."""
        places = zip(self.weight_offsets, self.shapes, strict=True)
        return [vector[at : at + shape[0] * shape[1]].reshape(shape) for at, shape in places]

    def intercepts(self, vector: np.ndarray) -> list[np.ndarray]:
        """Return views of the bias vectors in `vector`."""
        places = zip(self.bias_offsets, self.shapes, strict=True)
        return [vector[at : at + fan_out] for at, (_, fan_out) in places]

    def blocks(self, vector: np.ndarray) -> list[np.ndarray]:
        """Return views of each layer's weights and, in one more row, its biases: (fan_in + 1, fan_out)."""
        places = zip(self.weight_offsets, self.shapes, strict=True)
        return [vector[at : at + (i + 1) * o].reshape(i + 1, o) for at, (i, o) in places]

    def fill(
        self,
        vector: np.ndarray,
        coefs: Sequence[Any],
        intercepts: Sequence[Any],
        names: tuple[str, str] = ("coefs_", "intercepts_"),
    ) -> None:
        """Copy lists of arrays, as a user may have edited them, into `vector`; raises what `check` raises."""
        self.check(coefs, intercepts, names)
        for array, view in zip((*coefs, *intercepts), (*self.coefs(vector), *self.intercepts(vector)), strict=True):
            view[...] = array

    def check(
        self, coefs: Sequence[Any], intercepts: Sequence[Any], names: tuple[str, str] = ("coefs_", "intercepts_")
    ) -> None:
        """Check that lists of arrays have this network's shapes; `names` are what the user knows them by.

        Raises
        ------
        TypeError
            If one of them is not a list of arrays.
        ValueError
            If the number of arrays or the shape of one is not the network's.
        """
        bias_shapes = [(fan_out,) for _, fan_out in self.shapes]
        for name, arrays, shapes in ((names[0], coefs, self.shapes), (names[1], intercepts, bias_shapes)):
            if isinstance(arrays, str | bytes) or not isinstance(arrays, Sequence | np.ndarray):
                raise TypeError(f"{name} must be a list of arrays, one for each layer, got {arrays!r}.")
            if len(arrays) != len(shapes):
                raise ValueError(
                    f"{name} holds {counted(len(arrays), 'array')}; a network of layers {self.layer_sizes} needs "
                    f"{len(shapes)}."
                )
            for number, (array, shape) in enumerate(zip(arrays, shapes, strict=True)):
                if _shape(f"{name}[{number}]", array) != shape:
                    raise ValueError(
                        f"{name}[{number}] has shape {np.shape(array)}; layers {self.layer_sizes} need {shape}."
                    )


def _shape(name: str, array: Any) -> tuple[int, ...]:
    try:
        return np.shape(array)
    except ValueError:  # rows of different lengths
        raise ValueError(f"{name} has rows of different lengths, got {array!r}.") from None
