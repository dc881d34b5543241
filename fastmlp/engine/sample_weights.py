"""The checks of sample weights that estimators and networks share."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..schedules import Schedule
from .dataset import Dataset, balance


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


def check_penalties(dataset: Dataset, **penalties: Any) -> None:
    """Check that penalties, which are divided by the sum of the weights, can be written in the dataset's type.

    Parameters
    ----------
    dataset : Dataset
    **penalties : float or Schedule
        By the name of their parameter. Those that a schedule gives are not checked.

    Raises
    ------
    ValueError
        If weights are so small that a penalty divided by them is infinite.
    """
    if dataset.weight_divisor >= 1:
        return
    largest = float(np.finfo(dataset.dtype).max) * dataset.weight_divisor
    for name, penalty in penalties.items():
        if not isinstance(penalty, Schedule) and float(penalty) > largest:
            raise ValueError(
                f"{name}={penalty} is divided by the sum of sample_weight, but the weights are so small that the "
                f"quotient is infinite in {dataset.dtype}: multiply sample_weight by a constant, or set {name}=0."
            )
