"""Rows with numbers, classes and labels, for fits with early stopping."""

import numpy as np

TYPES = [np.float32, np.float64]


RNG = np.random.RandomState(0)


X = RNG.standard_normal((300, 4))


NUMBERS = X[:, 0] - X[:, 1] * X[:, 2] + 0.3 * RNG.standard_normal(300)
