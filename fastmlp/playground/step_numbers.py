"""The numbers of one step, as one would write them by hand: forward pass, deltas, gradients, update."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..derivatives.recorded_forward import activate
from .trainer import Trainer


def step_numbers(trainer: Trainer, rows: np.ndarray) -> dict[str, Any]:
    """Compute what a step on these rows does; the network is not changed.

    Parameters
    ----------
    trainer : Trainer
    rows : ndarray of int64
        Training rows; the forward pass shown is that of the first one.

    Returns
    -------
    numbers : dict
        Lists of plain numbers: 'rows'; 'inputs', 'target', 'output' of the first row; 'layers', one dictionary for each
        layer with 'activation', 'pre_activations', 'activations', 'derivatives' (f′(z)) and 'deltas' (∂ loss / ∂ z),
        all of the first row alone, 'coefs' and 'intercepts', their gradients 'coef_grads' and 'intercept_grads' (means
        over the rows, without penalties), and 'new_coefs' and 'new_intercepts' after the step; 'loss' of the rows
        before the step and 'new_loss' after it.

    Raises
    ------
    WeightsNotFiniteError
        If the step makes a weight infinite or NaN.
    """
    network, first = trainer.network, rows[:1]
    pre_activations, activations = network.activations_of(trainer.X[first])
    _, _, deltas = network.loss_and_gradients(trainer.X[first], trainer.y[first])  # for one row, ∂ loss / ∂ b = δ
    loss, coef_grads, intercept_grads = network.loss_and_gradients(trainer.X[rows], trainer.y[rows])
    after = _after(trainer, rows)
    layers = [
        {
            "activation": network.activations[layer].name,
            "pre_activations": pre_activations[layer][0].tolist(),
            "activations": activations[layer][0].tolist(),
            "derivatives": activate(network.activations[layer], pre_activations[layer])[1][0].tolist(),
            "deltas": deltas[layer].tolist(),
            "coefs": network.coefs[layer].tolist(),
            "intercepts": network.intercepts[layer].tolist(),
            "coef_grads": coef_grads[layer].tolist(),
            "intercept_grads": intercept_grads[layer].tolist(),
            "new_coefs": after.network.coefs[layer].tolist(),
            "new_intercepts": after.network.intercepts[layer].tolist(),
        }
        for layer in range(len(network.coefs))
    ]
    return {
        "rows": rows.tolist(),
        "inputs": trainer.X[first][0].tolist(),
        "target": float(trainer.y[first][0, 0]),
        "output": float(activations[-1][0, 0]),
        "layers": layers,
        "loss": loss,
        "new_loss": after.network.loss(trainer.X[rows], trainer.y[rows]),
    }


def _after(trainer: Trainer, rows: np.ndarray) -> Trainer:
    """Return a copy of the trainer that has made the step."""
    copied = trainer.copy()
    copied.step_on(rows)
    return copied
