"""Estimators for tables: validation rows, scorers, weights, warm start, refit, divergence, and Ctrl-C."""

import _thread
import contextlib
import io
import multiprocessing
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, make_scorer, roc_auc_score

from fastmlp import TabularMLPClassifier, TabularMLPRegressor
from fastmlp.tabular.encoder import TableEncoder
from fastmlp.tabular.epoch import TableRunner
from fastmlp.tabular.results import feature_scales
from fastmlp.tabular.workspace import PREDICTED_ROWS

N = 96
RNG = np.random.RandomState(0)
X = pd.DataFrame({"a": RNG.normal(size=N), "b": RNG.normal(size=N), "c": RNG.choice(list("xyz"), N)})
T = 3 * X["a"].to_numpy() + 2 * (X["c"] == "x").to_numpy() + 1
Y = (T > 1.5).astype(int)
SMALL = {
    "recipe": "fast", "n_members": 2, "hidden_layer_sizes": (8,), "numeric_encoding": "periodic", "max_iter": 3,
    "validation_fraction": 0.0, "random_state": 0,
}  # fmt: skip


def classifier(**parameters):
    return TabularMLPClassifier(**{**SMALL, **parameters})


def regressor(**parameters):
    return TabularMLPRegressor(**{**SMALL, **parameters})


def same(one, other):
    return np.array_equal(*(m.predict_proba(X) if hasattr(m, "predict_proba") else m.predict(X) for m in (one, other)))


# Validation rows


def test_given_validation_rows():
    """Unknown categories and missing values are allowed; weights, also of classes, count; X is trained on whole."""
    for make, y in ((classifier, Y), (regressor, T)):
        plain = make(validation_fraction=0.0).fit(X, y)
        model = make(validation_fraction=0.5).fit(X, y, X_val=X[:30], y_val=y[:30])
        assert model.loss_curve_ == plain.loss_curve_ and len(model.validation_loss_curve_) == 3
        assert plain.validation_loss_curve_ is None and plain.best_epochs_ == [3, 3]
        weights = np.arange(30) < 20
        weighted = make().fit(X, y, X_val=X[:30], y_val=y[:30], sample_weight_val=weights)
        alone = make().fit(X, y, X_val=X[:20], y_val=y[:20])
        np.testing.assert_allclose(weighted.validation_loss_curve_, alone.validation_loss_curve_, rtol=1e-6)
        odd = make().fit(X, y, X_val=X[:30].assign(c="new", a=np.nan), y_val=y[:30])
        assert np.isfinite(odd.validation_loss_curve_).all()
    of_classes = classifier(class_weight={0: 0.0}).fit(X, Y, X_val=X, y_val=Y)
    ones = classifier(class_weight={0: 0.0}).fit(X, Y, X_val=X[Y == 1], y_val=Y[Y == 1])
    np.testing.assert_allclose(of_classes.validation_loss_curve_, ones.validation_loss_curve_, rtol=1e-6)


def test_validation_fractions_of_few_rows():
    for n_rows in (2, 3, 5, 10):
        rows = X[["a", "b"]][:n_rows]
        for fraction in (0.0, 0.2, 0.5, 0.9):
            for make, y in ((classifier, np.arange(n_rows) % 3), (regressor, T[:n_rows])):
                model = make(validation_fraction=fraction)
                try:
                    model.fit(rows, y)
                except ValueError as error:
                    assert "training or the validation set is empty" in str(error) and fraction, (n_rows, fraction)
                    assert (n_rows < 10 or fraction == 0.9) and not hasattr(model, "members_")
                else:
                    assert np.isfinite(model.predict(rows)).all()
                    assert model.feature_scales_.shape == (2,) and all(model.best_epochs_)


def of_column(model, X, y):
    """A scorer that looks at the columns."""
    return float((model.predict(X) == y)[X["c"] == "x"].mean())


def of_weights(model, X, y, sample_weight=None):
    return -1.0 if sample_weight is None else sample_weight.sum()


def test_scorers_by_name_and_callables():
    threshold = make_scorer(roc_auc_score, response_method=("decision_function", "predict_proba"))
    for scoring in ("accuracy", "neg_log_loss", "roc_auc", "f1", threshold, of_column, of_weights):
        model = classifier(scoring=scoring, validation_fraction=0.25).fit(X, Y, np.ones(N))
        assert np.isfinite(model.validation_scores_).all() and len(model.validation_scores_) == 3, scoring
        given = classifier(scoring=scoring, n_members=3, n_jobs=3).fit(X, Y, X_val=X, y_val=Y)
        one = classifier(scoring=scoring, n_members=3, n_jobs=1).fit(X, Y, X_val=X, y_val=Y)
        assert given.validation_scores_ == one.validation_scores_, scoring
    assert model.validation_scores_ == [24.0, 24.0, 24.0] and given.validation_scores_ == [-1.0] * 3
    last = classifier(scoring="accuracy", n_members=1, max_iter=8).fit(X, Y, X_val=X, y_val=Y)
    best = np.flatnonzero(np.array(last.validation_scores_) == max(last.validation_scores_))[-1] + 1
    assert last.best_epochs_ == [best] and last.score(X, Y) == max(last.validation_scores_)
    for scoring, loss, y in (
        ("r2", "squared_error", T), ("r2", "squared_error", np.c_[T, -T]),
        ("neg_mean_poisson_deviance", "poisson", np.maximum(np.round(T), 0)),
    ):  # fmt: skip
        model = regressor(scoring=scoring, loss=loss, n_members=1).fit(X, y, X_val=X, y_val=y)
        assert np.isfinite(model.validation_scores_).all()
        if scoring == "r2":
            assert max(model.validation_scores_) == pytest.approx(model.score(X, y), abs=1e-6)


def test_scorers_that_cannot_work_are_refused_before_training(monkeypatch):
    def subset(model, X, y):
        return accuracy_score(y[:3], model.predict(X[:3]))

    def overwriting(model, X, y):
        y[:] = 0
        return 0.0

    monkeypatch.setattr(TableRunner, "run", lambda *arguments: pytest.fail("training began"))
    for scoring, kind, message in (
        (subset, ValueError, "predictions of the X that it is given"),
        (lambda model, X, y: "good", TypeError, "must return a number"),
        (overwriting, ValueError, "read-only"),
        (lambda model, X, y: 1 / 0, ZeroDivisionError, "division"),
        ("neg_mean_gamma_deviance", ValueError, "strictly positive"),
    ):  # fmt: skip
        for given in ({}, {"X_val": X, "y_val": Y}):
            with pytest.raises(kind, match=message):
                classifier(scoring=scoring, validation_fraction=0.2).fit(X, Y, **given)


def test_scores_that_are_nan_never_win():
    scores = iter([0.0, np.nan, 2.0, np.nan, 1.0])  # the first is that of the trial
    model = classifier(n_members=1, max_iter=4, scoring=lambda *arguments: next(scores)).fit(X, Y, X_val=X, y_val=Y)
    assert model.best_epochs_ == [2]
    nothing = classifier(n_members=1, scoring=lambda *arguments: np.nan).fit(X, Y, X_val=X, y_val=Y)
    assert nothing.best_epochs_ == [3] and same(nothing, classifier(n_members=1).fit(X, Y))


# Weights


def test_rows_of_weight_zero_teach_nothing():
    counts = np.arange(N) % 3 > 0
    for make, y, outlier in ((classifier, Y, 7), (regressor, T, 1e30)):
        model = make(max_iter=20).fit(X, np.where(counts, y, outlier), counts.astype(float))
        np.testing.assert_allclose(model.predict(X)[counts].mean(), y[counts].mean(), atol=1.0)
        assert make is classifier or model.target_range_[1] < 20
        for factor in (2.0**100, 2.0**-100, 1e300):
            found = make().fit(X, y, np.full(N, factor))
            assert factor == 1e300 or same(found, make().fit(X, y, np.ones(N))), factor
        for weights, message in (
            (np.ones(5), "expected"), (np.full(N, np.nan), "NaN"), (np.c_[counts, counts], "1D array"),
        ):  # fmt: skip
            with pytest.raises(ValueError, match=message):
                make().fit(X, y, weights)


def test_class_weights():
    labels = np.c_[Y, 1 - Y]
    for weight, y, sample in (
        ("balanced", Y, N / (2 * np.bincount(Y))[Y]), ({0: 2, 1: 5}, Y, np.array([2.0, 5.0])[Y]),
        ({1: 5}, Y, np.array([1.0, 5.0])[Y]), ([{0: 1, 1: 2}, {1: 3}], labels, np.array([3.0, 2.0])[Y]),
    ):  # fmt: skip
        assert same(classifier(class_weight=weight).fit(X, y), classifier().fit(X, y, sample)), weight
        assert same(classifier(class_weight=weight).fit(X, y, sample), classifier().fit(X, y, sample**2)), weight
    for weight, y, message in (
        ({7: 2}, Y, "has weights for 7"), ({0: -1}, Y, "not negative"), ([{0: 1}], Y, "is a list"),
        ({0: 1}, labels, "is one dict"), ({0: 0, 1: 0}, Y, "sums to zero"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            classifier(class_weight=weight).fit(X, y)
    with pytest.raises(ValueError, match="exceeds the range"):
        classifier(class_weight={0: 1e300, 1: 1e300}).fit(X, Y, np.full(N, 1e300))


# Warm start, refit


def test_warm_start_keeps_members_and_adds_new_ones():
    for make, y in ((classifier, Y), (regressor, T)):
        model = make(warm_start=True, validation_fraction=0.2).fit(X, y)
        first, predicted = model.members_[0], model.predict(X)
        model.set_params(n_members=4).fit(X, y)
        assert model.members_[0] is first and len(model.members_) == len(model.best_epochs_) == 4
        assert same(model, make(n_members=4, validation_fraction=0.2).fit(X, y))
        model.set_params(n_members=5, hidden_layer_sizes=(4, 5), max_iter=2, numeric_encoding=None).fit(X[::2], y[::2])
        assert len(model.members_) == 5 and model.n_iter_ == 2 and model.feature_scales_.shape == (3,)
        assert predicted.shape == model.predict(X).shape
        with pytest.warns(UserWarning, match="without increasing n_members"):
            model.fit(X, y)
    mixed = TabularMLPRegressor(n_members=1, hidden_layer_sizes=(8,), max_iter=2, warm_start=True, random_state=0)
    mixed.fit(X, T).set_params(n_members=4).fit(X, T)
    assert same(mixed, TabularMLPRegressor(hidden_layer_sizes=(8,), n_members=4, max_iter=2, random_state=0).fit(X, T))
    wider = regressor(warm_start=True).fit(X, T).set_params(n_members=3).fit(X, 3 * T)
    assert np.array_equal(wider.target_range_.ravel(), [(3 * T).min(), (3 * T).max()])


def test_warm_start_without_new_members_changes_nothing():
    model = regressor(warm_start=True).fit(X, T)
    far = pd.DataFrame({"a": [1e3, -1e3], "b": [0.0, 0.0], "c": ["x", "x"]})
    before = model.predict(far), model.target_range_.copy()
    with pytest.warns(UserWarning, match="does not train new members"):
        model.fit(X, 1000 * T)
    assert model.predict(far).tobytes() == before[0].tobytes()
    assert np.array_equal(model.target_range_, before[1])


def test_warm_start_refuses_what_does_not_fit():
    cases = [
        ({"n_members": 1}, X, Y, r"n_members=1 must be larger or equal to len\(members_\)=2"),
        ({}, X[["a", "b"]], Y, "feature names"), ({}, X, Y + 1, r"y has classes \[2\]"),
        ({}, X, np.c_[Y, Y], "2 labels a row"), ({"loss": "focal"}, X, Y, "with the loss of the first ones"),
        ({"label_smoothing": 0.3}, X, Y, "with the loss of the first ones"),
        ({"numeric_encoding": "piecewise-linear"}, X, Y, "numeric_encoding changed"),
        ({"categorical_features": ["c"]}, X, Y, "categorical_features changed"),
    ]  # fmt: skip
    for parameters, rows, y, message in cases:
        model = classifier(warm_start=True).fit(X, Y)
        members, recipe = model.members_, model.recipe_
        with pytest.raises(ValueError, match=message):
            model.set_params(**{"n_members": 3, **parameters}).fit(rows, y)
        assert model.members_ is members and model.recipe_ is recipe
    with pytest.raises(ValueError, match="y has 2 columns, but the fit had 1"):
        regressor(warm_start=True).fit(X, T).set_params(n_members=3).fit(X, np.c_[T, T])


def test_refit_trains_on_all_rows_to_the_best_epoch():
    model = regressor(validation_fraction=0.3, refit=True, max_iter=6, n_members=3).fit(X, T)
    before = regressor(validation_fraction=0.3, max_iter=6, n_members=3).fit(X, T)
    whole = regressor(validation_fraction=0.0, max_iter=6, n_members=3).fit(X, T)
    assert model.best_epochs_ == before.best_epochs_ and not same(model, before)
    assert model.validation_loss_curve_ == before.validation_loss_curve_
    for number, epoch in enumerate(model.best_epochs_):
        assert (epoch == 6) == np.array_equal(model.members_[number].params, whole.members_[number].params)


def test_verbose_prints_each_epoch():
    for fraction, line in ((0.0, r"Epoch 1, loss = "), (0.2, ", validation loss = ")):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            classifier(verbose=True, validation_fraction=fraction).fit(X, Y)
        lines = printed.getvalue().splitlines()
        assert len(lines) == 3 and line in lines[0] and lines[2].startswith("Epoch 3")


def test_scales_belong_to_their_columns():
    """Of numbers with and without bins, of one and of two categories, of codes; a constant column has none."""
    table = X.assign(constant=1.0, word=np.arange(N) % 12, flag=Y == 1).astype({"word": str})
    for encoding in ("periodic", "piecewise-linear", None):
        model = regressor(numeric_encoding=encoding).fit(table, T)
        for member in model.members_:
            scales = member.layout.scales(member.params)
            scales[...] = 0.0
            width = {"periodic": 0, "piecewise-linear": 32, None: 0}[encoding]
            scales[0], scales[2 + width] = 1.0, 2.0  # a, flag: binary categories follow numbers and bins
            scales[member.layout.n_plain + 3 * member.layout.n_periodic :] = -3.0  # the embedding of word
        found = feature_scales(model)
        of_a = {"periodic": 1 / 4, "piecewise-linear": 1 / 17, None: 1.0}[encoding]
        np.testing.assert_allclose(found, [of_a, 0.0, 0.0, 0.0, 3.0, 2.0], err_msg=str(encoding))


def test_a_prediction_during_a_fit_is_that_of_one_state(monkeypatch):
    """While the table of the prediction is encoded, the model is fitted to other columns and classes."""
    encode = TableEncoder.encode
    for make, y, method in ((classifier, Y, "predict"), (classifier, Y, "predict_proba"), (regressor, T, "predict")):
        model = make().fit(X, y)
        expected = getattr(model, method)(X)

        def encode_and_fit(self, table, model=model, **given):
            encoded = encode(self, table, **given)
            monkeypatch.setattr(TableEncoder, "encode", encode)
            model.set_params(n_members=1, numeric_encoding=None).fit(X[["a"]], np.arange(N) % 3)
            return encoded

        monkeypatch.setattr(TableEncoder, "encode", encode_and_fit)
        assert np.array_equal(getattr(model, method)(X), expected) and len(model.members_) == 1


# Divergence, Ctrl-C, fork


def test_divergence():
    for make, y in ((classifier, Y), (regressor, T)):
        for rate in (1e10, 1e20, 1e30):
            with pytest.raises(ValueError, match="member 0 diverged: parameters or loss became infinite or NaN"):
                make(learning_rate=rate, max_iter=10).fit(X, y)
            with pytest.warns(ConvergenceWarning, match="best epoch are kept. Lower learning_rate"):
                model = make(learning_rate=rate, max_iter=10, validation_fraction=0.2).fit(X, y)
            assert np.isfinite(model.predict_proba(X) if make is classifier else model.predict(X)).all()


def interrupt_at(monkeypatch, epoch):
    """Ctrl-C while this epoch, counted over all members, is made: it is not complete."""
    run, made = TableRunner.run, []

    def interrupted(self, l2, is_over=None):
        made.append(self)
        if len(made) != epoch:
            return run(self, l2, is_over)
        _thread.interrupt_main()
        while not is_over():  # the main thread raises KeyboardInterrupt within its next lines, or while it waits
            pass
        self.complete = False
        return 0.0

    monkeypatch.setattr(TableRunner, "run", interrupted)
    return made


def test_ctrl_c_keeps_the_best_parameters_so_far(monkeypatch):
    for n_members, epoch, kept in ((1, 3, [2]), (3, 8, [2, 2, 2]), (3, 5, [1, 1, 1])):
        for fraction in (0.0, 0.2):
            with monkeypatch.context() as patched:
                made = interrupt_at(patched, epoch)
                parameters = {"n_members": n_members, "n_jobs": 1, "validation_fraction": fraction}
                with pytest.warns(UserWarning, match=r"^Training interrupted by user\.$"):
                    model = regressor(max_iter=9, refit=True, **parameters).fit(X, T)
            assert len(made) == epoch
            shorter = [min(9, each) for each in kept]
            assert fraction or (
                model.best_epochs_[1:] == shorter[1:] and model.best_epochs_[0] in (kept[0], kept[0] + 1)
            )
            assert np.isfinite(model.predict(X)).all() and model.n_iter_ == len(model.loss_curve_)


def test_ctrl_c_in_the_first_epoch_changes_nothing(monkeypatch):
    for n_members, epoch in ((1, 1), (3, 3)):
        for model in (regressor(), regressor(n_members=1).fit(X, T)):
            before = dict(vars(model.set_params(n_members=n_members)))
            with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
                interrupt_at(patched, epoch)
                model.fit(X, T)
            assert vars(model) == before


def test_ctrl_c_in_a_refit_keeps_the_members_before_it(monkeypatch):
    expected = regressor(validation_fraction=0.2).fit(X, T)
    for epoch in (7, 10):
        with monkeypatch.context() as patched:
            interrupt_at(patched, epoch)
            with pytest.warns(UserWarning, match="trained without the validation rows are kept"):
                model = regressor(validation_fraction=0.2, refit=True, n_jobs=1).fit(X, T)
        assert same(model, expected)


def predict_in_child(model, rows, expected, queue):
    queue.put(np.array_equal(model.predict(rows), expected) and same(regressor(n_jobs=2).fit(X, T), model))


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_predicts_and_trains():
    rows = pd.concat([X] * (PREDICTED_ROWS // N + 1))
    model = regressor(n_jobs=2).fit(X, T)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=predict_in_child, args=(model, rows, model.predict(rows), queue))
    child.start()
    assert queue.get(timeout=60)
    child.join()
