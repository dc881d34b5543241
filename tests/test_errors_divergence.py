"""Divergence is never silent, and does not take a usable model away when there is one."""

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.exceptions import ConvergenceWarning

import fastmlp

OPENING = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)
X = np.random.default_rng(0).normal(size=(40, 3))
TARGETS = {"MLPClassifier": (X[:, 0] > 0).astype(int), "MLPRegressor": X[:, 0]}
# A rate at which identity units run away, each epoch further.
RUNAWAY = {"solver": "sgd", "activation": "identity", "hidden_layer_sizes": (5,), "random_state": 0}


def assert_says_when_and_what_to_try(message):
    assert message.startswith(OPENING)
    advice = message.removeprefix(OPENING)
    assert "epoch" in advice
    assert any(character.isdigit() for character in advice)
    assert "learning_rate_init" in advice


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", TARGETS)
def test_diverging_fit_raises(kind, dtype):
    # A rate so high that the product of two layers overflows: the deltas of a classifier are never above one.
    model = getattr(fastmlp, kind)(learning_rate_init=float(np.finfo(dtype).max) ** 0.7, **RUNAWAY)
    with pytest.raises(ValueError) as caught:
        model.fit(X.astype(dtype), TARGETS[kind])
    assert_says_when_and_what_to_try(str(caught.value))


def test_diverging_partial_fit_raises():
    model = fastmlp.MLPRegressor(learning_rate_init=1e5, **RUNAWAY)
    with pytest.raises(ValueError) as caught:
        for _ in range(100):
            model.partial_fit(X, TARGETS["MLPRegressor"])
    assert str(caught.value).startswith(OPENING)


def test_features_near_the_largest_float_raise():
    with pytest.raises(ValueError) as caught:
        fastmlp.MLPRegressor().fit(np.finfo(float).max * np.abs(X / np.abs(X).max()), X[:, 0])
    assert str(caught.value).startswith(OPENING)


def fit_with_early_stopping(module, kind, learning_rate_init):
    """A diverged model and what it warned of."""
    params = {"early_stopping": True, "learning_rate_init": learning_rate_init, "max_iter": 200, **RUNAWAY}
    with np.errstate(all="ignore"), pytest.warns(ConvergenceWarning) as caught:
        model = getattr(module, kind)(**params).fit(X, TARGETS[kind])
    return model, [str(warning.message) for warning in caught]


def assert_says_that_the_best_were_restored(model, messages):
    assert any("diverged" in message and "best" in message and "epoch" in message for message in messages)
    assert isinstance(model.validation_scores_[-1], float)
    assert np.isnan(model.validation_scores_[-1])
    assert len(model.validation_scores_) == model.n_iter_ < model.max_iter
    assert all(np.isfinite(array).all() for array in model.coefs_ + model.intercepts_)


def test_early_stopping_ends_a_diverging_fit_at_its_best_weights():
    ours, messages = fit_with_early_stopping(fastmlp, "MLPRegressor", 2.0)
    theirs, _ = fit_with_early_stopping(sklearn.neural_network, "MLPRegressor", 2.0)
    assert_says_that_the_best_were_restored(ours, messages)
    assert np.isfinite(theirs.validation_scores_[0])
    np.testing.assert_allclose(ours.best_validation_score_, theirs.best_validation_score_)
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert np.isfinite(ours.predict(X)).all()


def test_early_stopping_keeps_the_initial_weights_when_no_epoch_was_finite():
    ours, messages = fit_with_early_stopping(fastmlp, "MLPRegressor", 1e300)
    theirs, _ = fit_with_early_stopping(sklearn.neural_network, "MLPRegressor", 1e300)
    assert_says_that_the_best_were_restored(ours, messages)
    assert np.isnan(ours.validation_scores_).all()
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_early_stopping_of_a_classifier_scores_no_network_that_is_not_finite():
    """Probabilities of NaN are no predictions: their accuracy must not pass for the best."""
    ours, messages = fit_with_early_stopping(fastmlp, "MLPClassifier", 1e50)
    assert_says_that_the_best_were_restored(ours, messages)
    assert ours.best_validation_score_ == np.nanmax(ours.validation_scores_)
