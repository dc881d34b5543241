"""Predictions of many rows read and convert their input once."""

import numpy as np
import pandas
import pytest
from helpers.few_rows import FORMS, answers, assert_equal, fitted, without_fast_path
from helpers.fits import ignores_max_iter, make
from helpers.merged import in_one_test

from fastmlp.engine.small_batches import arrays_are_as_expected

pytestmark = [
    ignores_max_iter,
    pytest.mark.skipif(not arrays_are_as_expected(), reason="this interpreter has no fast path"),
]


# Many rows


#: Hidden widths, of which the last has a large layer, and rows: more than are converted together or fit a block.
MANY = {"none": ((), 60_000), "one": ((1,), 9_000), "narrow": ((7, 3), 9_000), "large": ((6000, 7), 150)}


@in_one_test(pairs=True)
@pytest.mark.parametrize("form", ["C", "fortran", "float32", "integers", "fortran integers", "list", "misaligned", *[
    form for form, (_, is_fast) in FORMS.items() if form.endswith("apart") and is_fast
]])  # fmt: skip
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("size", MANY)
def test_many_rows_are_validated_once(size, n_jobs, form, monkeypatch):
    """The kernels check the numbers, not scikit-learn; the bits are the same as with its validation."""
    hidden, rows = MANY[size]
    model, X = fitted("classes", hidden_layer_sizes=hidden, n_jobs=n_jobs, max_iter=1)
    X = np.resize(8 * X, (rows, X.shape[1]))
    forms = {
        "C": np.ascontiguousarray, "fortran": np.asfortranarray, "integers": FORMS["integers"][0],
        "fortran integers": lambda X: np.asfortranarray(np.rint(X).astype(int)),
    }  # fmt: skip
    given = (forms.get(form) or FORMS[form][0])(X)
    expected = without_fast_path(model, given)
    damaged = None
    if not isinstance(given, list) and given.dtype.kind == "f":
        damaged = given.copy(order="K")
        damaged[rows - 3, 4] = np.nan
    with monkeypatch.context() as patch:
        patch.setattr("fastmlp.estimators.forward.validate_inputs", None)  # not called
        assert_equal(answers(model, given), expected)
    if damaged is not None:
        with pytest.raises(ValueError, match="NaN"):
            model.predict(damaged)


def test_large_data_frame_is_validated_once(monkeypatch):
    X = pandas.DataFrame(np.random.RandomState(0).standard_normal((4_000, 300)))
    X.columns = [f"column {number}" for number in X.columns]
    model = make("classes", hidden_layer_sizes=(4,), max_iter=1, batch_size=20).fit(X[:90], np.arange(90) % 3)
    model.predict_proba(X[:2]), model.predict(X[:2])
    for frame in (X, (8 * X).astype(int)):
        expected = without_fast_path(model, frame)
        with monkeypatch.context() as patch:
            patch.setattr("fastmlp.estimators.forward.validate_inputs", None)
            assert_equal(answers(model, frame), expected)


def test_a_list_is_converted_once(monkeypatch):
    """For any number of rows, also with a large network."""
    model, X = fitted("classes", hidden_layer_sizes=(3000, 400))
    rows = np.resize(X, (460, 20)).tolist()
    expected = without_fast_path(model, rows)
    asarray, converted = np.asarray, []

    def remember(given, *args, **kwargs):
        converted.extend([given] if given is rows else [])
        return asarray(given, *args, **kwargs)

    monkeypatch.setattr(np, "asarray", remember)
    np.testing.assert_array_equal(model.predict_proba(rows), expected[1])
    assert len(converted) == 1
