"""`fit`: training on windows."""

from __future__ import annotations

import inspect
from typing import Any

from ..common.checks import check_count


def fit(model: Any, windows: Any, epochs: int = 1, classes: Any = None) -> Any:
    """Train a model by its `partial_fit`, epoch after epoch, window after window.

    Parameters
    ----------
    model : MLPClassifier or MLPRegressor
        Or any estimator with `partial_fit`. It is trained further if it was trained before; its `max_iter`, `tol` and
        `early_stopping` are not used. As rows are shuffled within a window already, ``shuffle=False`` saves time.
    windows : Windows or iterable
        What `from_parquet` and `from_arrays` return, or anything that yields ``(X, y)`` or ``(X, y, sample_weight)``
        each time it is iterated over: a list, but no generator, which ends after one epoch.
    epochs : int, default=1
        Passes over all windows.
    classes : array-like, default=None
        All classes of a classifier. None are those that it has been trained with, else ``windows.classes()``, a pass
        over the targets alone.

    Returns
    -------
    model : object
        The model itself; it has one entry in `loss_curve_` for each window of each epoch.

    Raises
    ------
    TypeError
        If the model has no `partial_fit`; if `windows` is a generator or iterator.
    ValueError
        If `epochs` is less than 1; as by `partial_fit`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import MLPClassifier
    >>> X = np.random.RandomState(0).randn(100, 2)
    >>> model = fit(MLPClassifier(random_state=0), [(X[:50], X[:50, 0] > 0), (X[50:], X[50:, 0] > 0)], 2, [False, True])
    >>> len(model.loss_curve_)
    4
    """
    check_count("epochs", epochs)
    if not hasattr(model, "partial_fit"):
        raise TypeError(f"{model!r:.200} has no partial_fit: use an MLPClassifier or MLPRegressor with mini-batches.")
    if iter(windows) is windows:
        raise TypeError(
            f"windows must begin anew with each epoch, but {type(windows).__name__} ends after the first: give a list, "
            "or what from_parquet or from_arrays returns."
        )
    options = {}
    if "classes" in inspect.signature(model.partial_fit).parameters and not hasattr(model, "classes_"):
        options["classes"] = windows.classes() if classes is None and hasattr(windows, "classes") else classes
    for _ in range(epochs):
        for X, y, *sample_weight in windows:
            model.partial_fit(X, y, **({"sample_weight": sample_weight[0]} if sample_weight else {}), **options)
    return model
