"""Initial parameters of a network for tables, from the data or from distributions alone."""

from __future__ import annotations

import numpy as np

from ..kernels.lowlevel.records import FREQUENCIES, PERIODIC_OUTPUTS
from ..losses.deviance import DevianceLoss
from .layout import TableLayout
from .model import TableModel

#: Rows of the table that deviations are computed of, and those that a bias is a mean of.
INITIAL_ROWS, BIAS_ROWS = 2048, 5
#: The least deviation of a neuron, relative to the one that random weights lead to. Where rows have few different
#: values it is that of few random numbers, and may be next to zero.
LEAST_DEVIATION = 0.3
#: Standard deviation of frequencies; bound of the weights behind the cosines.
FREQUENCY_DEVIATION, PERIODIC_BOUND = 0.1, 0.25


def initialize(
    model: TableModel, X: np.ndarray, rows: np.ndarray, random_state: np.random.RandomState, from_data: bool
) -> None:
    """Overwrite all parameters with initial ones.

    W̃ = W / √fan_in with W from N(0, 1). Scales and slopes are 1, frequencies from N(0, 0.1²), phases from U(−π, π),
    what follows the cosines from U(−¼, ¼), tables from N(0, 1). With `from_data`, layer by layer: each column of W is
    divided by the deviation of h W̃ (at least `LEAST_DEVIATION` of the expected one), and the bias of a neuron is
    −Σ_j e_j z_j over five random rows, with e from Exp(1) divided by their sum. Else biases are from N(0, 1). The last
    layer is zero without `from_data`, and for losses of positive outputs, which then begin with the mean of the
    targets.

    Parameters
    ----------
    model : TableModel
    X : ndarray of shape (n, n_features)
        The inputs of the dataset.
    rows : ndarray of int
        The training rows, of which at most `INITIAL_ROWS` are read.
    random_state : RandomState
    from_data : bool
    """
    layout, params = model.layout, model.params
    layout.scales(params)[...] = 1.0
    for slopes in layout.slopes(params):
        slopes[...] = 1.0
    periodic = layout.periodic(params)
    size = len(periodic)
    periodic[:, :FREQUENCIES] = random_state.normal(0.0, FREQUENCY_DEVIATION, (size, FREQUENCIES))
    periodic[:, FREQUENCIES : 2 * FREQUENCIES] = random_state.uniform(-np.pi, np.pi, (size, FREQUENCIES))
    rest = periodic[:, 2 * FREQUENCIES :]
    rest[...] = random_state.uniform(-PERIODIC_BOUND, PERIODIC_BOUND, rest.shape)
    for table in layout.tables(params):
        table[...] = random_state.normal(size=table.shape)
    if len(rows) > INITIAL_ROWS:
        rows = rows[random_state.choice(len(rows), INITIAL_ROWS, replace=False)]
    h = inputs_of(layout, params, X[rows]) if from_data else None
    zero_last = not from_data or isinstance(model.loss_function, DevianceLoss)
    for number, (coef, intercept) in enumerate(zip(model.coefs, model.intercepts, strict=True)):
        last = number + 1 == len(model.coefs)
        if last and zero_last:
            coef[...], intercept[...] = 0.0, 0.0
            return
        coef[...] = random_state.normal(size=coef.shape) / np.sqrt(len(coef))
        if h is not None:
            z = _fit_to_rows(coef, intercept, h, random_state)
            h = None if last else model.activations[number](z)
        else:
            intercept[...] = random_state.normal(size=intercept.shape)


def _fit_to_rows(
    coef: np.ndarray, intercept: np.ndarray, h: np.ndarray, random_state: np.random.RandomState
) -> np.ndarray:
    """Scale a layer's weights to deviation 1 over rows h, and choose biases; return its pre-activations."""
    z = h @ coef
    deviation = (z - z[0]).std(axis=0, dtype=np.float64)
    rounding = 16 * np.finfo(h.dtype).eps * np.maximum(np.abs(h).max(axis=0) @ np.abs(coef), 1.0)
    expected = np.sqrt((h - h[0]).var(axis=0, dtype=np.float64).mean())
    np.maximum(deviation, LEAST_DEVIATION * expected, out=deviation)
    deviation[deviation <= rounding] = 1.0  # rows that are alike, but for rounding errors
    coef /= deviation
    z /= deviation
    shares = random_state.exponential(size=(BIAS_ROWS, coef.shape[1]))
    chosen = random_state.randint(len(z), size=shares.shape)
    intercept[...] = -(shares / shares.sum(axis=0) * np.take_along_axis(z, chosen, axis=0)).sum(axis=0)
    pre_activation: np.ndarray = z + intercept
    return pre_activation


def inputs_of(layout: TableLayout, params: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Compute the inputs of the first layer before the scaling, (n, n_inputs), for rows of the dataset."""
    numbers, codes = X[:, : layout.n_numbers], X[:, layout.n_numbers :].astype(np.intp)
    parts = [_plain_inputs(layout, numbers, codes[:, len(layout.table_sizes) :])]
    if layout.n_periodic:
        periodic = layout.periodic(params)
        frequencies, phases = periodic[:, :FREQUENCIES], periodic[:, FREQUENCIES : 2 * FREQUENCIES]
        weights = periodic[:, 2 * FREQUENCIES : -PERIODIC_OUTPUTS].reshape(-1, PERIODIC_OUTPUTS, FREQUENCIES)
        cosines = np.cos(2.0 * np.pi * numbers[:, : layout.n_periodic, None] * frequencies + phases)
        outputs = np.einsum("nck,cmk->ncm", cosines, weights) + periodic[:, -PERIODIC_OUTPUTS:]
        parts.append(outputs.reshape(len(X), -1))
    parts += [table[codes[:, column]] for column, table in enumerate(layout.tables(params))]
    return np.concatenate(parts, axis=1, dtype=params.dtype)


def _plain_inputs(layout: TableLayout, numbers: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the plain inputs, (n, n_plain): the numbers, and those that are looked up, by their category numbers."""
    look_ups = layout.look_ups
    if look_ups is None:
        return numbers
    plain = np.empty((len(numbers), layout.n_plain), numbers.dtype)
    plain[:, np.delete(np.arange(layout.n_plain), look_ups.rows)] = numbers
    look_ups.fill(plain, look_ups.rows, codes)
    return plain
