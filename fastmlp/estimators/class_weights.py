"""Class weights as sample weights."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import InvalidParameterError

from ..common.frozen_params import is_float

LABEL_VALUES = np.array([0, 1])


def weights_of_rows(class_weight: Any, classes: np.ndarray, codes: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the weight of each row: that of its class or, with several labels, the product over the labels.

    'balanced' is n / (number of classes × rows of the class), with the counts of `reference`.

    Parameters
    ----------
    class_weight : dict, list of dict or 'balanced'
        From class to weight, 1 for classes that are left out; with several labels a dict from 0 and 1 for each label.
    classes : ndarray of shape (n_classes,)
    codes : ndarray of int of shape (n,) or (n, n_labels)
        The numbers of the rows' classes, or 0 and 1 for each label.
    reference : ndarray of int
        As `codes`: the rows that are trained on.

    Raises
    ------
    ValueError
        If a dict leaves classes out and has keys that are not classes; or a list has another length.
    InvalidParameterError
        If the kind does not fit the targets, or a weight is not a finite number from 0 on.
    """
    if codes.ndim == 1:
        if isinstance(class_weight, list):
            raise InvalidParameterError(
                f"class_weight={class_weight!r} is a list, which is for several labels per row: with one class per row "
                "use a dict such as {class: weight}, 'balanced' or None."
            )
        return _weights_of_classes(class_weight, classes, reference).take(codes)
    n_labels = codes.shape[1]
    if isinstance(class_weight, dict):
        raise InvalidParameterError(
            f"class_weight={class_weight!r} is one dict, but y has {n_labels} labels per row: use a list with a dict "
            "such as {0: 1, 1: 5} for each label, 'balanced' or None."
        )
    each = class_weight if isinstance(class_weight, list) else [class_weight] * n_labels
    if len(each) != n_labels:
        raise ValueError(f"class_weight has {len(each)} entries, but y has {n_labels} labels per row: give as many.")
    weights = np.ones(len(codes))
    for label, of_label in enumerate(each):
        weights *= _weights_of_classes(of_label, LABEL_VALUES, reference[:, label]).take(codes[:, label])
    return weights


def _weights_of_classes(class_weight: Any, classes: np.ndarray, reference: np.ndarray) -> np.ndarray:
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(reference, minlength=len(classes))
        present = counts > 0
        return np.where(present, reference.size / (present.sum() * np.maximum(counts, 1)), 1.0)
    if not isinstance(class_weight, dict):
        raise InvalidParameterError(
            f"class_weight must hold a dict or 'balanced' for each label, got {class_weight!r}."
        )
    for label, weight in class_weight.items():
        if not isinstance(weight, Real) or not is_float(weight) or not 0 <= float(weight) < np.inf:
            raise InvalidParameterError(
                f"class_weight[{label!r}] must be a finite number and not negative, got {weight!r:.80}."
            )
    unknown = [label for label in class_weight if label not in set(classes.tolist())]
    if unknown and len(unknown) + len(classes) > len(class_weight):  # scikit-learn's rule
        raise ValueError(
            f"class_weight has weights for {', '.join(map(repr, unknown))}, but y has the classes {classes.tolist()}: "
            "use these, or give each of them a weight."
        )
    return np.array([float(class_weight.get(label, 1.0)) for label in classes.tolist()])
