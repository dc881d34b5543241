"""Gradients by central differences."""

import numpy as np


def central_differences(loss, params, step=1e-5):
    """(loss(params + step eᵢ) − loss(params − step eᵢ)) / (2 step) for every i."""
    gradient = np.empty(params.size)
    for number in range(params.size):
        shift = np.zeros_like(params)
        shift[number] = step
        gradient[number] = (loss(params + shift) - loss(params - shift)) / (2 * step)
    return gradient
