"""`r_squared`: scikit-learn's R² of each epoch's outputs, without checking arrays that the library itself has made."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import r2_score


def r_squared(y: np.ndarray, outputs: np.ndarray, sample_weight: np.ndarray | None = None) -> float:
    """Return R² of finite outputs (n, n_targets) for targets y (n, n_targets), averaged over the targets.

    R² = 1 − Σ w (y − output)² / Σ w (y − ȳ)² with the weighted mean ȳ; 1 where each output is right, and 0 where only
    the targets are all equal. The additions are those of `sklearn.metrics.r2_score` in the same order, so the result
    has the same bits. That function takes 0.4 to 0.7 ms for any number of rows, more than an epoch of a small network.

    Parameters
    ----------
    y, outputs : ndarray of shape (n, n_targets)
    sample_weight : ndarray of shape (n,), optional

    Returns
    -------
    float
        NaN for fewer than two rows, with scikit-learn's warning.

    Examples
    --------
    >>> import numpy as np
    >>> r_squared(np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [2.0]]))
    0.5
    """
    if len(y) < 2:
        return float(r2_score(y, outputs, sample_weight=sample_weight))
    arrays = [array for array in (y, outputs, sample_weight) if array is not None]
    dtype = np.result_type(*arrays)
    y, outputs = y.astype(dtype, copy=False), outputs.astype(dtype, copy=False)
    weights = None if sample_weight is None else sample_weight.astype(dtype, copy=False)
    weight = 1.0 if weights is None else weights[:, None]
    scores = np.ones(y.shape[1], dtype)
    with np.errstate(over="ignore", invalid="ignore"):  # of outputs that are nearly infinite
        unexplained = np.sum(weight * (y - outputs) ** 2, axis=0)
        total = np.sum(weight * (y - np.average(y, axis=0, weights=weights)) ** 2, axis=0)
        wrong, varies = unexplained != 0, total != 0
        scores[wrong & varies] = 1 - unexplained[wrong & varies] / total[wrong & varies]
    scores[wrong & ~varies] = 0
    score = float(np.average(scores))
    if dtype == np.float32 and not np.isfinite(score):  # squares beyond 10³⁸
        return r_squared(y.astype(np.float64), outputs, sample_weight)
    return score
