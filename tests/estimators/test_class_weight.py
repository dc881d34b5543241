"""Class weights: sample weights by class, in fits, validation and `partial_fit`."""

import numpy as np
import pytest
from helpers.early_stopping_data import NUMBERS, X
from helpers.merged import in_one_test
from sklearn.utils import compute_class_weight, compute_sample_weight
from sklearn.utils._param_validation import InvalidParameterError

from fastmlp import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSES = (NUMBERS > 0).astype(int) + (NUMBERS > 1)
NAMES = np.array(["few", "many", "none"])[CLASSES]
LABELS = np.column_stack([X[:, 0] > 0, X[:, 1] > 0.5, NUMBERS > 0]).astype(int)
WEIGHTS = np.linspace(0.5, 2.0, len(X))
SMALL = {"hidden_layer_sizes": (7,), "max_iter": 6, "batch_size": 32, "random_state": 0}
EACH_LABEL = [{0: 1.0, 1: 3.0}, {0: 0.5, 1: 2.0}, {0: 2.0, 1: 2.0}]

#: name → (class_weight, targets, parameters)
CASES = {
    "dict": ({0: 1.0, 1: 4.0, 2: 0.5}, CLASSES, {}),
    "names": ({"few": 1, "many": 4, "none": 0.5}, NAMES, {}),
    "two classes": ({False: 0.25, True: 3.0}, CLASSES > 0, {}),
    "balanced": ("balanced", CLASSES, {}),
    "balanced names": ("balanced", NAMES, {"loss": "focal"}),
    "labels": (EACH_LABEL, LABELS, {}),
    "balanced labels": ("balanced", LABELS, {}),
    "hinge": ({0: 1.0, 1: 4.0, 2: 0.5}, CLASSES, {"loss": "hinge"}),
    "squared errors": ({0: 1.0, 1: 4.0, 2: 0.5}, CLASSES, {"solver": "lbfgs"}),
    "softmax of two": ({0: 1.0, 1: 4.0}, CLASSES > 0, {"output_activation": "softmax"}),
    "zero": ({0: 1.0, 1: 0.0, 2: 2.0}, CLASSES, {"solver": "sgd"}),
}


def bits(model):
    return [array.tobytes() for array in (*model.coefs_, *model.intercepts_)]


@in_one_test()
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_class_weights_are_sample_weights(name, weighted, early_stopping):
    class_weight, y, parameters = CASES[name]
    expected = compute_sample_weight(class_weight, y)
    if weighted:
        expected = expected * WEIGHTS
    model = MLPClassifier(**SMALL, **parameters, class_weight=class_weight, early_stopping=early_stopping)
    model.fit(X, y, sample_weight=WEIGHTS if weighted else None)
    other = MLPClassifier(**SMALL, **parameters, early_stopping=early_stopping).fit(X, y, sample_weight=expected)
    for ours, theirs in zip((*model.coefs_, *model.intercepts_), (*other.coefs_, *other.intercepts_), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-12)
    if early_stopping and name != "squared errors":
        assert model.validation_scores_ == pytest.approx(other.validation_scores_, rel=1e-12)


@pytest.mark.parametrize("balanced", [False, True])
def test_given_validation_rows_have_the_weights_of_the_training_rows(balanced):
    """Also 'balanced', whose counts are those of the training rows."""
    weights = dict(enumerate(compute_class_weight("balanced", classes=np.arange(3), y=CLASSES[:150])))
    model = MLPClassifier(**SMALL, class_weight="balanced" if balanced else weights)
    model.fit(X[:150], CLASSES[:150], X_val=X[150:], y_val=CLASSES[150:])
    other = MLPClassifier(**SMALL)
    rows = [weights[label] for label in CLASSES]
    held = {"X_val": X[150:], "y_val": CLASSES[150:], "sample_weight_val": rows[150:]}
    other.fit(X[:150], CLASSES[:150], sample_weight=rows[:150], **held)
    assert model.validation_loss_curve_ == pytest.approx(other.validation_loss_curve_, rel=1e-12)


@pytest.mark.parametrize("name", ["dict", "names", "two classes", "labels", "hinge"])
def test_partial_fit_weighs_classes_also_where_a_batch_lacks_some(name):
    class_weight, y, parameters = CASES[name]
    model = MLPClassifier(**SMALL, **parameters, class_weight=class_weight)
    other = MLPClassifier(**SMALL, **parameters)
    weights = compute_sample_weight(class_weight, y)
    some = y[:, 0] == 0 if y.ndim == 2 else y == y[0]
    classes = {"classes": np.arange(3) if y.ndim == 2 else np.unique(y)}
    for rows in (slice(0, 40), slice(40, 80), np.flatnonzero(some)[:40], slice(80, 120)):
        model.partial_fit(X[rows], y[rows], **classes)
        other.partial_fit(X[rows], y[rows], sample_weight=weights[rows], **classes)
        assert bits(model) == bits(other)


def test_classes_that_are_digits_in_strings():
    """scikit-learn's own function looks for the integers, and does not find them."""
    y = CLASSES.astype(str)
    model = MLPClassifier(**SMALL, class_weight={"0": 1.0, "1": 4.0, "2": 0.5}).fit(X, y)
    other = MLPClassifier(**SMALL).fit(X, y, sample_weight=np.array([1.0, 4.0, 0.5])[CLASSES])
    assert bits(model) == bits(other)


def test_unlisted_classes_weigh_one():
    """By scikit-learn's rule for dicts: all keys must be classes then."""
    model = MLPClassifier(**SMALL, class_weight={1: 3.0}).fit(X, CLASSES)
    other = MLPClassifier(**SMALL).fit(X, CLASSES, sample_weight=np.where(CLASSES == 1, 3.0, 1.0))
    assert bits(model) == bits(other)


#: name → (class_weight, targets, message)
REFUSED = {
    "a list for one label": ([{0: 1}], CLASSES, "for several labels per row"),
    "a dict for several labels": ({0: 1}, LABELS, "is one dict, but y has 3 labels per row"),
    "a list of another length": (EACH_LABEL[:2], LABELS, "2 entries, but y has 3 labels"),
    "no dict in the list": ([{0: 1}, 2.0, {0: 1}], LABELS, "must hold a dict or 'balanced' for each label"),
    "a negative weight": ({0: -1.0}, CLASSES, "finite number and not negative"),
    "an infinite weight": ({0: np.inf}, CLASSES, "finite number and not negative"),
    "no number": ({0: "many"}, CLASSES, "finite number and not negative"),
    "an unknown class": ({7: 2.0}, CLASSES, "weights for 7, but y has the classes"),
    "a wrong word in a list": (["blanced", {0: 1}, {0: 1}], LABELS, "must hold a dict or 'balanced'"),
    "no float": ({0: 10**400}, CLASSES, "finite number and not negative"),
    "another name": ("weighted", CLASSES, "'class_weight' parameter"),
    "zero for all": ({0: 0, 1: 0, 2: 0}, CLASSES, "class_weight .* sums to zero"),
}


@in_one_test()
@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("partial", [False, True])
def test_refused_class_weights_leave_the_model_unchanged(case, partial):
    class_weight, y, message = REFUSED[case]
    model = MLPClassifier(**SMALL).fit(X, y)
    before = bits(model)
    fit = model.partial_fit if partial else model.fit
    if partial:
        fit(X, y)
        before = bits(model)
    with pytest.raises(ValueError, match=message):
        model.set_params(class_weight=class_weight) and fit(X, y)
    assert bits(model) == before


def test_partial_fit_refuses_balanced():
    model = MLPClassifier(**SMALL, class_weight="balanced")
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        model.partial_fit(X, CLASSES, classes=[0, 1, 2])
    assert not hasattr(model, "coefs_")


def test_refusals_of_kinds_are_parameter_errors():
    with pytest.raises(InvalidParameterError):
        MLPClassifier(**SMALL, class_weight={0: -1.0}).fit(X, CLASSES)
