"""What one `partial_fit` keeps for the next: no reference to the caller's arrays, one call at a time."""

import copy
import gc
import weakref

import numpy as np
import pandas
import pytest
import scipy.sparse
from helpers.fits import assert_same_bits, draw, ignores_max_iter, make, results
from helpers.merged import in_one_test

from fastmlp.estimators.fitting import Continuation

pytestmark = ignores_max_iter


@in_one_test()
@pytest.mark.parametrize("container", [np.asarray, scipy.sparse.csr_array, pandas.DataFrame])
@pytest.mark.parametrize("calls", [1, 2, 3])
def test_arguments_are_not_referenced_after_the_call(container, calls):
    X, y = draw("outputs")
    model, weights = make("outputs", batch_size=32), np.linspace(1, 2, len(y))
    for _ in range(calls):
        given = [np.array(X), np.array(y), np.array(weights)]
        given[0] = container(given[0])
        alive = [weakref.ref(array) for array in given[1:]]
        alive.append(weakref.ref(given[0].data if scipy.sparse.issparse(given[0]) else given[0]))
        model.partial_fit(*given)
        del given
        gc.collect()
        assert [one() is None for one in alive] == [True] * 3


def test_arguments_are_not_referenced_after_a_refused_call():
    X, y = draw("regression")
    model = make("regression", batch_size=32).partial_fit(X, y).partial_fit(X, y)
    bad = np.full_like(X, np.nan)
    alive = weakref.ref(bad)
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(bad, y)
    del bad
    gc.collect()
    assert alive() is None
    again = make("regression", batch_size=32).partial_fit(X, y).partial_fit(X, y).partial_fit(X, y)
    assert_same_bits(results(model.partial_fit(X, y), X), results(again, X))


def test_shallow_copy_of_another_type_leaves_the_original_unchanged():
    X, y = draw("regression")
    model, reference = (make("regression", batch_size=32).partial_fit(X, y).partial_fit(X, y) for _ in range(2))
    other = copy.copy(model)
    other.coefs_ = [coef.astype(np.float32) for coef in model.coefs_]
    other.intercepts_ = [intercept.astype(np.float32) for intercept in model.intercepts_]
    other.partial_fit(X, y).partial_fit(X, y)
    for one in (model, reference):
        one.partial_fit(X, y)
    found = [results(one, X) for one in (model, reference)]
    for each in found:
        del each["loss_curve_"]  # shallow copies share the list
    assert_same_bits(*found)
    assert model._optimizer.t == reference._optimizer.t
    np.testing.assert_array_equal(model._optimizer.state, reference._optimizer.state)


def test_one_call_at_a_time_holds_the_continuation():
    """Other calls prepare everything again, with their own moments; one after the other they have the same bits."""
    X, y = draw("regression")
    model, other = (make("regression", batch_size=32).partial_fit(X, y).partial_fit(X, y) for _ in range(2))
    kept = Continuation.take(model)
    assert kept is not None and Continuation.take(model) is None
    states = kept.optimizer.state, kept.runner.workspace.task["n_rows"].copy()
    before = states[0].copy()
    model.partial_fit(X[:40], y[:40]).partial_fit(X[:40], y[:40])
    assert model._continuation is not kept and model._optimizer is not kept.optimizer
    np.testing.assert_array_equal(states[0], before)
    assert states[1] == kept.runner.workspace.task["n_rows"]
    kept.give_back()
    other.partial_fit(X[:40], y[:40]).partial_fit(X[:40], y[:40])
    assert_same_bits(results(model, X), results(other, X))


def test_models_that_share_their_attributes_take_turns():
    """``vars(other).update(vars(model))`` also copies the preparation of a call."""
    X, y = draw("regression")
    model = make("regression", batch_size=32).partial_fit(X, y).partial_fit(X, y)
    other = make("regression")
    vars(other).update(vars(model))
    kept = Continuation.take(other)
    assert kept is not None and Continuation.take(model) is None
    kept.give_back()
    again = Continuation.take(model)
    assert again is kept
    again.give_back()
