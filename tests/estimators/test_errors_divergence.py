"""Divergence is reported, and a usable model is kept if there is one."""

import math

import numpy as np
import pytest
import sklearn.neural_network
from helpers.merged import in_one_test
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


def test_a_score_beyond_float32_is_reported_as_divergence_alone():
    """R² of predictions near the largest float32 is computed in float64, without a warning of NumPy's."""
    rng = np.random.RandomState(0)
    y, _ = rng.standard_normal((2, 2))
    few = rng.standard_normal((2, 3)).astype(np.float32)
    model = fastmlp.MLPRegressor(hidden_layer_sizes=(1,), learning_rate_init=1e30, early_stopping=True, random_state=0)
    with pytest.warns(ConvergenceWarning, match="Training diverged") as caught:
        model.fit(few, y, X_val=few, y_val=y)
    assert len(caught) == 1 and -np.inf < model.validation_scores_[0] < -1e38


def fit_with_early_stopping(module, kind, learning_rate_init):
    """Return a diverged model and its warnings."""
    params = {"early_stopping": True, "learning_rate_init": learning_rate_init, "max_iter": 200, **RUNAWAY}
    with np.errstate(all="ignore"), pytest.warns(ConvergenceWarning) as caught:
        model = getattr(module, kind)(**params).fit(X, TARGETS[kind])
    return model, [str(warning.message) for warning in caught]


def assert_says_what_was_restored(model, messages):
    (message,) = (message for message in messages if "diverged" in message)
    assert f"in epoch {model.n_iter_}, with solver='sgd'" in message
    finite = np.flatnonzero(np.isfinite(model.validation_scores_))
    if finite.size:
        best = 1 + np.nanargmax(model.validation_scores_)
        assert f"the best finite weights, of epoch {best}, are restored." in message
    else:
        assert "no earlier epoch had a finite score, so the initial weights are restored." in message
        assert "best" not in message
    assert isinstance(model.validation_scores_[-1], float)
    assert np.isnan(model.validation_scores_[-1])
    assert len(model.validation_scores_) == model.n_iter_ < model.max_iter
    assert all(np.isfinite(array).all() for array in model.coefs_ + model.intercepts_)


def test_early_stopping_ends_a_diverging_fit_at_its_best_weights():
    ours, messages = fit_with_early_stopping(fastmlp, "MLPRegressor", 2.0)
    theirs, _ = fit_with_early_stopping(sklearn.neural_network, "MLPRegressor", 2.0)
    assert_says_what_was_restored(ours, messages)
    assert np.isfinite(theirs.validation_scores_[0])
    np.testing.assert_allclose(ours.best_validation_score_, theirs.best_validation_score_)
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert np.isfinite(ours.predict(X)).all()


def test_early_stopping_keeps_the_initial_weights_when_no_epoch_was_finite():
    ours, messages = fit_with_early_stopping(fastmlp, "MLPRegressor", 1e300)
    theirs, _ = fit_with_early_stopping(sklearn.neural_network, "MLPRegressor", 1e300)
    assert_says_what_was_restored(ours, messages)
    assert np.isnan(ours.validation_scores_).all()
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b)


def test_early_stopping_of_a_classifier_scores_no_network_that_is_not_finite():
    """The accuracy of NaN probabilities must not become the best score."""
    ours, messages = fit_with_early_stopping(fastmlp, "MLPClassifier", 1e50)
    assert_says_what_was_restored(ours, messages)
    assert ours.best_validation_score_ == np.nanmax(ours.validation_scores_)


def test_warm_start_that_diverges_at_once_keeps_the_initial_weights():
    params = {**RUNAWAY, "early_stopping": True, "warm_start": True, "max_iter": 3}
    model = fastmlp.MLPRegressor(learning_rate_init=1e-3, **params)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, TARGETS["MLPRegressor"])
    before = [array.copy() for array in (*model.coefs_, *model.intercepts_)]
    with pytest.warns(ConvergenceWarning, match="no earlier epoch had a finite score, so the initial weights"):
        model.set_params(learning_rate_init=1e300).fit(X, TARGETS["MLPRegressor"])
    for array, old in zip((*model.coefs_, *model.intercepts_), before, strict=True):
        np.testing.assert_array_equal(array, old)


# A loss that is not finite, with finite weights


def not_a_number(a, y):
    """A loss that is NaN for some targets."""
    return (a - y) ** 2 + 0.0 * math.sqrt(y)


def infinite(a, y):
    return (a - y) ** 2 / (0.0 if y < 0 else 1.0)


def slope(a, y):
    return 2 * (a - y)


#: name → (loss, targets, what is said)
LOSSES = {
    "NaN": (fastmlp.Loss(not_a_number, slope), X[:, 0], "NaN"),
    "infinite": (fastmlp.Loss(infinite, slope), X[:, 0], "infinite"),
    "squares that overflow": ("squared_error", X[:, 0] + 1e160, "infinite"),
    "half squares that overflow": ("half_squared_error", X[:, 0] + 1e160, "infinite"),
}


@in_one_test()
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("solver", ["adam", "lion"])
def test_loss_that_is_not_finite_warns_once(solver, name, early_stopping):
    loss, targets, what = LOSSES[name]
    model = fastmlp.MLPRegressor(
        loss=loss, solver=solver, early_stopping=early_stopping, hidden_layer_sizes=(5,), max_iter=4, random_state=0
    )
    with np.errstate(all="ignore"), pytest.warns(ConvergenceWarning) as caught:
        model.fit(X, targets)
    (message,) = (str(one.message) for one in caught if " loss was " in str(one.message))
    assert message.startswith(f"The training loss was {what} in epoch 1, with loss={loss!r} in float64, while")
    assert ("finite for every output and target" in message) == (name in ("NaN", "infinite"))
    assert model.n_iter_ == 4
    assert not np.isfinite(model.loss_curve_).any()
    assert np.isfinite(model.predict(X)).all()


def test_scikit_learn_continues_too():
    """With a loss that overflows; the weights are the same."""
    models = []
    for module in (fastmlp, sklearn.neural_network):
        model = module.MLPRegressor(hidden_layer_sizes=(5,), max_iter=4, random_state=0)
        with np.errstate(all="ignore"), pytest.warns(ConvergenceWarning):
            models.append(model.fit(X, X[:, 0] + 1e160))
    assert models[0].loss_curve_ == models[1].loss_curve_ == [np.inf] * 4
    for ours, theirs in zip(models[0].coefs_, models[1].coefs_, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_validation_loss_that_is_not_finite_warns():
    """The only row with a NaN loss is a validation row, so that the training loss is finite."""
    loss, y = fastmlp.Loss(not_a_number, slope), abs(X[:, 0])
    model = fastmlp.MLPRegressor(loss=loss, early_stopping=True, hidden_layer_sizes=(5,), max_iter=3, random_state=0)
    for row in range(len(y)):
        y_bad = y.copy()
        y_bad[row] *= -1
        with pytest.warns(ConvergenceWarning) as caught:
            model.fit(X, y_bad)
        said = [str(one.message) for one in caught if " loss was " in str(one.message)]
        assert len(said) == 1
        if "validation" in said[0]:
            break
    assert said[0].startswith("The validation loss was NaN in epoch 1, with loss=Loss(not_a_number, slope)")
    assert np.isfinite(model.loss_curve_).all()
    assert np.isnan(model.validation_scores_).all()


def test_partial_fit_warns_of_an_infinite_loss():
    model = fastmlp.MLPRegressor(loss=fastmlp.Loss(infinite, slope), hidden_layer_sizes=(5,))
    with pytest.warns(ConvergenceWarning, match="The training loss was infinite in epoch 1"):
        model.partial_fit(X, X[:, 0])


def test_lbfgs_warns_and_keeps_the_weights():
    """As in scikit-learn, which raises for non-finite weights only."""
    model = fastmlp.MLPRegressor(loss=fastmlp.Loss(infinite, slope), solver="lbfgs", hidden_layer_sizes=(5,))
    with pytest.warns(ConvergenceWarning) as caught:
        model.fit(X, X[:, 0])
    assert any("The loss was infinite in iteration" in str(one.message) for one in caught)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("solver", ["newton-cg", "levenberg-marquardt"])
def test_second_order_solvers_refuse_an_infinite_initial_loss(solver):
    model = fastmlp.MLPRegressor(
        loss="half_squared_error", solver=solver, activation="tanh", hidden_layer_sizes=(5,), random_state=0
    )
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=rf"^{solver} cannot make a step: .* is inf"):
        model.fit(X, X[:, 0] + 1e160)


def test_network_warns_of_an_infinite_loss():
    net = fastmlp.Network([3, 1], ["identity"], fastmlp.Loss(infinite, slope))
    with pytest.warns(UserWarning, match=r"The loss was infinite in epoch 1, with Loss\(infinite, slope\) in float64"):
        losses = net.train(X, X[:, :1], "sgd", epochs=3)
    assert not np.isfinite(losses).any()
    assert np.isfinite(net.params).all()
