"""The check of sample weights that estimators and networks share."""

from __future__ import annotations

import numpy as np

from .dataset import balance


def check_sum_of_weights(weights: np.ndarray, dtype: np.dtype, name: str = "sample_weight") -> None:
    """Check that finite weights (n,) do not sum to zero: losses are divided by their sum.

    Negative weights are allowed, as in scikit-learn.

    Raises
    ------
    ValueError
        If the sum is zero, or a subnormal number of this type, which kernels count as zero.
    """
    total = balance(weights)[0].sum(dtype=np.float64)
    if abs(total) < np.finfo(dtype).tiny:
        raise ValueError(
            f"{name} sums to zero over {weights.size} rows, and the loss is divided by this sum: give some rows "
            "positive weights, or omit them."
        )
