"""The error and the log loss of a prediction."""

import numpy as np

#: Probabilities are clipped to this for all methods: what float32 can tell from 0.
LEAST_PROBABILITY = float(np.finfo(np.float32).eps)


def normalized_rmse(y: np.ndarray, predicted: np.ndarray) -> float:
    """Return the root mean squared error divided by the standard deviation (ddof 0) of these targets."""
    difference = np.asarray(predicted, np.float64).ravel() - y
    return float(np.sqrt(np.mean(difference**2)) / np.std(y))


def score_classes(y: np.ndarray, probabilities: np.ndarray, classes: np.ndarray) -> tuple[float, float]:
    """Return the share of wrong labels, and the log loss.

    `probabilities` (n_rows, n_classes) has a column for each of the sorted `classes`; a class of `y` that is not there
    has the least probability.
    """
    P = np.asarray(probabilities, np.float64)
    P = P / P.sum(axis=1, keepdims=True)
    column = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    known = classes[column] == y
    of_label = np.where(known, P[np.arange(len(y)), column], 0.0)
    wrong = float(np.mean(classes[P.argmax(axis=1)] != y))
    return wrong, float(-np.log(of_label.clip(LEAST_PROBABILITY)).mean())
