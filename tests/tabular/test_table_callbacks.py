"""Callbacks of the estimators for tables: an epoch of all members together is a task."""

import io

import numpy as np
import pytest
from helpers import knobs
from helpers.tabular_models import MODELS, N, T, X, Y, bits, classifier, regressor
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from fastmlp.callbacks import Callback, Checkpoint, EarlyStopping, History, LearningRateFinder, TimeLimit
from fastmlp.tabular import ensemble
from fastmlp.tabular.epoch import TableRunner
from fastmlp.tabular.results import feature_scales
from fastmlp.training import progress_bar

SCORING = {"classifier": "accuracy", "regressor": "r2"}
WEIGHTS = np.linspace(0.5, 2.0, N)


class Noted(Callback):
    """List what was called; end the fit after some epochs; compare the attributes with one another."""

    def __init__(self, epochs=10**9):
        self.epochs, self.calls = epochs, []

    def setup(self, estimator, context):
        super().setup(estimator, context)
        self.calls.append("setup")

    def teardown(self, estimator, context):
        super().teardown(estimator, context)
        self.calls.append("teardown")

    def on_fit_begin(self, estimator):
        self.calls.append("fit")

    def on_training_begin(self, estimator, training):
        self.calls.append("training")
        assert estimator.n_iter_ == 0 and estimator.loss_curve_ == [] and len(training.members) <= estimator.n_members

    def on_epoch_begin(self, estimator):
        self.calls.append("epoch")

    def on_epoch_end(self, estimator):
        self.calls.append(estimator.n_iter_)
        assert len(estimator.loss_curve_) == estimator.n_iter_ and estimator.loss_ == estimator.loss_curve_[-1]
        assert len(estimator.predict(X)) == N
        return estimator.n_iter_ >= self.epochs

    def on_fit_end(self, estimator):
        self.calls.append("end")
        assert len(estimator.members_) == estimator.n_members == len(estimator.best_epochs_)


class Within(Callback):
    """Ask to end within an epoch, after some times of asking."""

    def __init__(self, times=0):
        self.times = times

    def is_over(self, estimator):
        self.times -= 1
        return self.times < 0


class AfterTwo(Callback):
    """Ask to end within an epoch after the second one."""

    def is_over(self, estimator):
        return estimator.n_iter_ >= 2


def described(model):
    """Everything that a fit has set."""
    return {name: value for name, value in vars(model).items() if name.endswith("_") and name[0] != "_"}


def test_callbacks_change_no_bit_and_are_called_in_order():
    mixed = {"n_members": 3, "numeric_encoding": "auto"}
    cases = (mixed, {"validation_fraction": 0.25, "refit": True, **mixed}, {"n_members": 1, "dropout": 0.2},
             {"n_jobs": 2, "scoring": None})  # fmt: skip
    for name, (make, y) in MODELS.items():
        for case in cases:
            given = {**case, "scoring": SCORING[name], "validation_fraction": 0.2} if "scoring" in case else case
            noted, history, monitor = Noted(), History(), ScoringMonitor(scoring=SCORING[name])
            watched = make(noted, history, monitor, TimeLimit(1e6), Within(10**9), **given).fit(X, y)
            plain, where = make(**given).fit(X, y), f"{name}, {given}"
            assert bits(watched) == bits(plain), where
            found, expected = described(watched), described(plain)
            assert found.keys() == expected.keys(), where
            for attribute in expected.keys() - {"members_", "encoder_"}:
                assert np.array_equal(found[attribute], expected[attribute]), (where, attribute)
            each = [step for epoch in range(1, 5) for step in ("epoch", epoch)]
            assert noted.calls == ["setup", "fit", "training", *each, "end", "teardown"], where
            assert [row["epoch"] for row in history.rows] == [1, 2, 3, 4]
            if not given.get("refit"):
                assert [row["loss"] for row in history.rows] == plain.loss_curve_, where
                assert len(monitor.get_logs().data) == 5
            judged = plain.validation_loss_curve_ or [None] * 4
            assert [row["validation_loss"] for row in history.rows] == judged, where
            assert [row["validation_score"] for row in history.rows] == (plain.validation_scores_ or [None] * 4), where
            assert plain.validation_metric_ == (SCORING[name] if "scoring" in case else None)
            assert history.rows[1]["learning_rate"] > 0 and history.rows[0]["gradient_norms"] is None
    assert history.to_frame().shape == (4, 6)


def test_monitors_score_the_networks_of_each_epoch():
    """Which do not change when the training continues; a warm start scores all members."""
    for name, (make, y) in MODELS.items():
        for given in ({}, {"validation_fraction": 0.25}):
            monitor = ScoringMonitor(scoring=SCORING[name])
            model = make(monitor, **given).fit(X, y, sample_weight=WEIGHTS)
            whole, *rows = monitor.get_logs().data
            assert whole["task_name"] == "fit" and [row["task_name"] for row in rows] == ["epoch"] * 4
            assert whole[SCORING[name]] == model.score(X, y, WEIGHTS)
            for epoch, row in enumerate(rows[:3], start=1) if not given else ():
                ended = make(Noted(epoch)).fit(X, y, sample_weight=WEIGHTS)
                assert row[SCORING[name]] == ended.score(X, y, WEIGHTS)
        model = make(monitor, warm_start=True, **given).fit(X, y).set_params(n_members=3).fit(X, y)
        assert monitor.get_logs().data[0][SCORING[name]] == model.score(X, y)
        once = make(n_members=3, warm_start=True, **given).fit(X, y)
        assert bits(model) == bits(once) and model.best_epochs_ == once.best_epochs_


def test_pipelines_searches_with_two_processes_and_progress_bars(capsys):
    monitor = ScoringMonitor(scoring="r2")
    model = regressor(monitor, max_iter=2)
    pipeline = make_pipeline(clone(model)).set_callbacks(ProgressBar()).fit(X, T)
    assert bits(pipeline[-1]) == bits(regressor(max_iter=2).fit(X, T))
    assert "100%" in capsys.readouterr().out
    search = GridSearchCV(model, {"learning_rate": [0.05, 0.1]}, n_jobs=2, cv=2).set_callbacks(ProgressBar())
    search.fit(X, T)
    assert "TabularMLPRegressor - fit" in capsys.readouterr().out
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == 2 * (2 * 2 + 1) and np.isfinite([row["r2"] for row in rows]).all()
    assert search.best_estimator_.n_iter_ == 2
    for around in (pipeline, search):
        with pytest.raises(TypeError, match=f"TabularMLPRegressor or Network: .* {type(around).__name__} around it"):
            around.set_callbacks(History()).fit(X, T)


def test_a_callback_ends_the_fit():
    """Without a warning; members are then trained again to their best epochs, if `refit` says so."""
    for make, y in MODELS.values():
        for n_members in (1, 3):
            model = make(Noted(2), n_members=n_members).fit(X, y)
            assert model.n_iter_ == 2 and model.best_epochs_ == [2] * n_members
        ended = make(Noted(2), validation_fraction=0.3, refit=True).fit(X, y)
        before = make(Noted(2), validation_fraction=0.3).fit(X, y)
        assert ended.best_epochs_ == before.best_epochs_ and bits(ended) != bits(before)
        assert ended.validation_loss_curve_ == before.validation_loss_curve_ and len(before.loss_curve_) == 2


def test_early_stopping():
    """Without validation rows the model is that of the best epoch of all members; with them each has its own."""
    stopping = EarlyStopping("loss", patience=3)
    model = regressor(stopping, learning_rate=0.9, max_iter=40).fit(X, T)
    best = int(np.argmin(model.loss_curve_)) + 1
    assert (stopping.best_epoch_, model.n_iter_) == (best, best + 3) and model.best_epochs_ == [best] * 2
    assert stopping.best_ == min(model.loss_curve_)
    shorter = regressor(Noted(best), learning_rate=0.9, max_iter=40).fit(X, T)
    assert bits(model) == bits(shorter) and np.array_equal(model.feature_scales_, shorter.feature_scales_)
    last = regressor(EarlyStopping("loss", patience=3, restore_best_weights=False), learning_rate=0.9, max_iter=40)
    assert last.fit(X, T).best_epochs_ == [best + 3] * 2 and bits(last) != bits(model)
    for monitor, given in (("validation_loss", {}), ("validation_score", {"scoring": "accuracy"})):
        stopping = EarlyStopping(monitor, patience=2)
        judged = {"validation_fraction": 0.3, "learning_rate": 0.5, "max_iter": 40, **given}
        model = classifier(stopping, **judged).fit(X, Y)
        assert model.n_iter_ == stopping.best_epoch_ + 2 < 40
        assert bits(model) == bits(classifier(Noted(model.n_iter_), **judged).fit(X, Y)), monitor
        assert all(1 <= epoch <= model.n_iter_ for epoch in model.best_epochs_)
        with pytest.raises(ValueError, match=f"monitors '{monitor}', but this fit has none: pass"):
            classifier(EarlyStopping(monitor)).fit(X, Y)


def test_a_fit_ends_within_an_epoch(monkeypatch):
    """Epochs count for the members that are through with them; in the first one, all keep their last step."""
    knobs.set_slice(monkeypatch)
    knobs.set_interrupt_latency(monkeypatch, 1e-4)
    for n_members in (1, 3):
        given = {"n_members": n_members, "batch_size": 4, "max_iter": 10**6, "hidden_layer_sizes": (64,), "n_jobs": 2}
        for make, y in MODELS.values():
            first = {**given, "max_iter": 5}
            model = make(Within(3), **first).fit(X, y)  # the rate of the first step is 0
            if model.n_iter_ == 0:  # an epoch may be through before the first question
                assert model.best_epochs_ == [0] * n_members and model.loss_curve_ == [] and np.isnan(model.loss_)
            if n_members == 1:
                initial, stepped = make(Within(0), **first).fit(X, y), make(Within(3), **first).fit(X, y)
                assert model.n_iter_ == initial.n_iter_ == 0 and bits(initial) != bits(model) == bits(stepped)
            later = make(AfterTwo(), **given).fit(X, y)
            assert min(later.best_epochs_) >= 2 and max(later.best_epochs_) == later.n_iter_ == len(later.loss_curve_)
            assert later.n_iter_ - min(later.best_epochs_) <= 1 and (n_members > 1 or later.n_iter_ == 2)
            judged = make(AfterTwo(), **given, validation_fraction=0.2, refit=True).fit(X, y)
            epochs = len(judged.validation_loss_curve_)
            made = {epochs, max(judged.best_epochs_)}  # the second if all members ended one, and were trained again
            assert epochs >= 2 and judged.n_iter_ in made and len(judged.predict(X)) == N


def test_a_refit_that_ends_between_two_epochs_is_not_kept(monkeypatch):
    """`is_over` may be True while the last member ends an epoch, which is then made."""
    run_epoch, calls = ensemble._run_epoch, []

    def ends_in_the_fourth_call(*args):
        calls.append(run_epoch(*args))
        return len(calls) != 4

    given = {"max_iter": 2, "validation_fraction": 0.3}
    for make, y in MODELS.values():
        once, again = make(**given).fit(X, y), make(refit=True, **given).fit(X, y)
        assert max(again.best_epochs_) == 2 and bits(once) != bits(again)
        with monkeypatch.context() as patch:
            patch.setattr(ensemble, "_run_epoch", ends_in_the_fourth_call)
            calls[:] = [True]  # so that it is the first epoch of the second training
            ended = make(refit=True, **given).fit(X, y)
        assert len(calls) == 4 and bits(ended) == bits(once) and ended.n_iter_ == 2


def test_time_limit(monkeypatch):
    """A clock that goes by a second an epoch; no time is left for `refit`, which ends without a warning."""
    now = [0.0]
    monkeypatch.setattr("fastmlp.callbacks.time_limit.time.monotonic", lambda: now[0])
    knobs.set_slice(monkeypatch)

    class Clock(Callback):
        def on_epoch_begin(self, estimator):
            now[0] += 1.0

    given = {"n_members": 1, "max_iter": 9, "validation_fraction": 0.2, "batch_size": 16}
    model = regressor(Clock(), TimeLimit(3.5), refit=True, **given).fit(X, T)
    assert model.n_iter_ == 3 or model.n_iter_ == 4
    assert bits(model) == bits(regressor(Noted(model.n_iter_), **given).fit(X, T))


class Halve(Callback):
    def on_epoch_end(self, estimator):
        for each in estimator.members_:
            each.params[...] *= 0.5


def test_parameters_changed_by_a_callback_are_trained_on_and_kept(monkeypatch):
    changed = classifier(Halve()).fit(X, Y)
    run = TableRunner.run

    def run_and_halve(self, l2, is_over=None):
        self.workspace.refresh_weight_copies()
        loss = run(self, l2, is_over)
        self.network.params[...] *= 0.5
        return loss

    monkeypatch.setattr(TableRunner, "run", run_and_halve)
    expected = classifier().fit(X, Y)
    assert bits(changed) == bits(expected) and changed.loss_curve_ == expected.loss_curve_
    assert np.array_equal(changed.feature_scales_, feature_scales(expected))


class Fails(Noted):
    def __init__(self, hook):
        super().__init__()
        self.hook = hook

    def on_epoch_end(self, estimator):
        if self.hook == "epoch":
            estimator.fit(X, T)
        super().on_epoch_end(estimator)

    def on_fit_end(self, estimator):
        raise KeyError("end")


def test_a_fit_that_fails_changes_nothing():
    """By an error in a callback, by one that fits its own model anew, by a divergence, by Ctrl-C before an epoch."""
    before = regressor(max_iter=2).fit(X, T)
    for hook, error, message in (("epoch", RuntimeError, "called by a callback of this very"), ("", KeyError, "end")):
        for fitted in (False, True):
            fails = Fails(hook)
            model = regressor(max_iter=2)
            model = model.fit(X, T) if fitted else model
            state, generator = dict(vars(model)), np.random.RandomState(3)
            model.set_callbacks(fails).random_state, drawn = generator, str(generator.get_state())
            with pytest.raises(error, match=message):
                model.fit(X, T)
            assert {**vars(model.set_callbacks()), "random_state": 0} == {**state, "random_state": 0}
            assert fails.calls[0] == "setup" and fails.calls[-1] == "teardown" and "_states" in vars(fails)
            assert not vars(fails)["_states"] and str(generator.get_state()) == drawn
            assert not fitted or bits(model) == bits(before)
    diverging = regressor(Noted(), EarlyStopping("loss"), learning_rate=1e30, max_iter=9)
    with pytest.raises(ValueError, match="member 0 diverged"):
        diverging.fit(X, T)
    assert not hasattr(diverging, "members_")
    noted = Noted()
    with pytest.warns(ConvergenceWarning, match="best epoch are kept"):
        model = regressor(noted, History(), learning_rate=1e20, max_iter=9, validation_fraction=0.2).fit(X, T)
    assert noted.calls[-2:] == ["end", "teardown"] and np.isfinite(model.predict(X)).all()


def test_callbacks_of_a_single_network_are_refused_before_training(monkeypatch, tmp_path):
    monkeypatch.setattr(TableRunner, "run", lambda *arguments: pytest.fail("training began"))
    checkpoint = Checkpoint(tmp_path / "new")
    for callback, cure in ((checkpoint, r"fastmlp\.save"), (LearningRateFinder(), "in a search")):
        for make, y in MODELS.values():
            model = make(callback)
            with pytest.raises(ValueError, match=rf"several together: remove it with set_callbacks\(\); .*{cure}"):
                model.fit(X, y)
            assert not hasattr(model, "members_") and not (tmp_path / "new").exists()
    with pytest.raises(ValueError, match="trains several together"):
        LearningRateFinder().find(regressor(), X, T)


def test_a_bar_shows_the_progress(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    monkeypatch.setattr(progress_bar, "REDRAW", 0.0)
    monkeypatch.setattr(progress_bar, "make_line", lambda output, total: progress_bar.TextLine(stream, total))
    model = regressor(verbose="progress", validation_fraction=0.2).fit(X, T)
    shown = stream.getvalue()
    assert "4/4" in shown and f"validation loss {model.validation_loss_curve_[-1]:.4g}" in shown
    assert f"loss {model.loss_curve_[-1]:.4g}" in shown and "left at most" in shown and shown.endswith("\n")
