"""`LearningRateDisplay`: the rates are those that training uses."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers.drawn_models import SIGN, X
from helpers.merged import in_one_test
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from fastmlp import SGD, Adam, MLPClassifier, schedules
from fastmlp.callbacks import History
from fastmlp.inspection import LearningRateDisplay


@pytest.mark.parametrize(
    "schedule",
    [schedules.OneCycle(0.1, 40), schedules.WarmUp(schedules.Cosine(0.1, 30), 10), schedules.Cosine(0.1, 20)],
)
def test_a_schedule_is_drawn_beyond_its_end(schedule):
    display = LearningRateDisplay.from_schedule(schedule)
    x, y = display.line_.get_data()
    assert x.tolist() == list(range(len(x))) and len(x) > schedule.ends_at
    assert y.tolist() == schedule(np.arange(len(x))).tolist()
    assert display.ax_.get_xlabel() == "step" and display.ax_.get_ylabel() == "learning rate"


def test_a_schedule_without_end_needs_a_number_of_steps():
    schedule = schedules.CosineRestarts(0.1, steps=10)
    with pytest.raises(ValueError, match="pass n_steps"):
        LearningRateDisplay.from_schedule(schedule)
    assert len(LearningRateDisplay.from_schedule(schedule, 33).rates) == 33


ARGUMENTS = {
    "Adaptive": (0.1,), "Constant": (0.1,), "Exponential": (0.1, 0.9), "InverseScaling": (0.1,),
    "WarmUp": (schedules.Constant(0.1), 5),
}  # fmt: skip
CLASSES = [
    name for name in schedules.__all__ if name != "Schedule" and issubclass(type(getattr(schedules, name)), type)
    and issubclass(getattr(schedules, name), schedules.Schedule)
]  # fmt: skip


@in_one_test()
@pytest.mark.parametrize("name", CLASSES)
def test_every_schedule_can_be_drawn(name):
    schedule = getattr(schedules, name)(*ARGUMENTS.get(name, (0.1, 20)))
    display = LearningRateDisplay.from_schedule(schedule, 50, log_scale=True)
    assert display.rates.tolist() == schedule(np.arange(50)).tolist()


@pytest.mark.parametrize("schedule", [schedules.Cosine(0.1), schedules.WarmUp(schedules.OneCycle(0.1), 0.2)], ids=repr)
def test_schedules_that_last_as_long_as_the_training(schedule):
    with pytest.raises(ValueError, match="lasts as long as the training: pass n_steps"):
        LearningRateDisplay.from_schedule(schedule)
    expected = schedule.for_training(60)(np.arange(60)).tolist()
    assert LearningRateDisplay.from_schedule(schedule, 60).rates.tolist() == expected
    model = MLPClassifier((3,), solver=SGD(schedule), batch_size=20, max_iter=20, random_state=0, n_iter_no_change=99)
    assert LearningRateDisplay.from_estimator(model, 60).rates.tolist() == expected
    with pytest.raises(NotFittedError):
        LearningRateDisplay.from_estimator(model)
    with pytest.warns(ConvergenceWarning):
        model.fit(X[:60], SIGN[:60])
    assert LearningRateDisplay.from_estimator(model).rates.tolist() == expected


def test_a_history_of_a_solver_without_rates_is_refused():
    history = History()
    MLPClassifier((3,), solver="lbfgs", random_state=0).set_callbacks(history).fit(X, SIGN)
    with pytest.raises(ValueError, match="without a learning rate"):
        LearningRateDisplay.from_history(history)


def test_many_steps_are_drawn_by_some():
    schedule = schedules.Cosine(0.1, steps=10**6)
    display = LearningRateDisplay.from_schedule(schedule)
    assert len(display.rates) == 4000 and display.steps[-1] == 1_250_000
    assert display.rates.tolist() == schedule(display.steps.astype(int)).tolist()


def test_the_rates_of_an_estimator_are_those_of_its_training():
    history = History()
    model = MLPClassifier(
        (3,), solver="sgd", learning_rate="invscaling", learning_rate_init=0.5, max_iter=7, batch_size=25, tol=0.0,
        n_iter_no_change=100, random_state=0,
    )  # fmt: skip
    with pytest.warns(match="Maximum iterations"):
        model.set_callbacks(history).fit(X, SIGN)
    display = LearningRateDisplay.from_estimator(model)
    assert len(display.rates) == 7 * 3
    np.testing.assert_allclose(display.rates, np.repeat(0.5 / np.sqrt(60 * np.arange(7) + 1), 3), rtol=1e-12)
    by_epoch = LearningRateDisplay.from_history(history)
    assert by_epoch.line_.get_xdata().tolist() == list(range(1, 8)) and by_epoch.ax_.get_xlabel() == "epoch"
    assert by_epoch.rates.tolist() == [row["learning_rate"] for row in history.rows]


def test_an_optimizers_schedule_needs_no_fit():
    display = LearningRateDisplay.from_estimator(MLPClassifier(solver=Adam(schedules.Cosine(0.1, 20))), 30)
    assert display.rates.tolist() == schedules.Cosine(0.1, 20)(range(30)).tolist()
    assert display.ax_.get_title().startswith("Adam(")
    assert set(LearningRateDisplay.from_estimator(MLPClassifier(solver=SGD(0.2)), 5).rates) == {0.2}


def test_what_has_no_rates_before_the_fit_is_refused():
    with pytest.raises(NotFittedError):
        LearningRateDisplay.from_estimator(MLPClassifier())
    with pytest.raises(NotFittedError):
        LearningRateDisplay.from_estimator(MLPClassifier(solver="sgd", learning_rate="invscaling"), 10)
    with pytest.raises(ValueError, match=r"depends on the losses.*from_history"):
        LearningRateDisplay.from_estimator(MLPClassifier(solver="sgd", learning_rate="adaptive"), 10)
    with pytest.raises(TypeError, match="schedule must be one such as"):
        LearningRateDisplay.from_schedule(0.1)


def test_a_range_test_is_drawn_by_rate():
    finder = SimpleNamespace(rates=[1e-4, 1e-3, 1e-2, 1e-1, 1.0], losses=[2.0, 1.5, 1.0, 50.0, np.inf], suggestion=1e-3)
    display = LearningRateDisplay.from_finder(finder)
    assert display.ax_.get_xscale() == "log" and display.ax_.get_xlabel() == "learning rate"
    assert display.line_.get_xdata().tolist() == finder.rates and display.line_.get_ydata().tolist() == finder.losses
    low, high = display.ax_.get_ylim()
    assert low < 1.0 and 2.0 < high < 10.0  # the divergence does not press the rest flat
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["suggestion: 0.001"]


def test_a_range_test_without_suggestion_or_result():
    finder = SimpleNamespace(rates=[1e-4, 1e-3], losses=[np.nan, np.inf], suggestion=np.nan)
    display = LearningRateDisplay.from_finder(finder)
    display.figure_.draw_without_rendering()
    assert display.ax_.get_legend() is None
    with pytest.raises(ValueError, match="has tried no learning rates"):
        LearningRateDisplay.from_finder(SimpleNamespace(rates=[], losses=[], suggestion=None))


def test_data_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="hold none"):
        LearningRateDisplay([])
    with pytest.raises(ValueError, match="losses must be 2 numbers"):
        LearningRateDisplay([0.1, 0.2], losses=[1.0])
