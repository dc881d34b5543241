"""`partial_fit` with schedules that end or fail, and fits that are refused late."""

import pickle
import warnings

import numpy as np
import pytest
from helpers.fits import draw, ignores_max_iter, make
from helpers.merged import in_one_test

from fastmlp import Cosine
from fastmlp.schedules import Schedule

pytestmark = ignores_max_iter


class Ending(Schedule):
    """A constant schedule with a given end."""

    end = None

    def at(self, t):
        return np.full(t.shape, 0.01)

    @property
    def ends_at(self):
        return type(self).end


@in_one_test()
@pytest.mark.parametrize("end", [7.5, 7, np.inf, np.float64(4.0), -1, None])
@pytest.mark.filterwarnings("ignore:.* ends after:UserWarning")
def test_a_schedule_may_end_at_any_number(end, monkeypatch):
    X, y = draw("regression")
    monkeypatch.setattr(Ending, "end", end)
    make("regression", learning_rate=Ending()).fit(X, y)


@pytest.mark.parametrize("end", ["7", float("nan"), [7]], ids=str)
def test_a_schedule_that_ends_at_no_number_is_refused(end, monkeypatch):
    X, y = draw("regression")
    model = make("regression").fit(X, y)
    before = pickle.dumps(model)
    monkeypatch.setattr(Ending, "end", end)
    with pytest.raises(ValueError, match="has ends_at="):
        model.set_params(learning_rate=Ending()).fit(X, -y)
    assert pickle.dumps(model.set_params(learning_rate="constant")) == before


class Breaking(Ending):
    """A schedule that raises."""

    def at(self, t):
        raise ZeroDivisionError("no rates")


def solver_without_memory(monkeypatch):
    def fail(*_, **__):
        raise MemoryError("no memory")

    monkeypatch.setattr("fastmlp.training.full_batch_loss.FullBatch.__init__", fail)
    monkeypatch.setattr("fastmlp.training.levenberg_marquardt.RecordedForward", fail)


#: Parameters, factor of y, what is raised.
LATE = {
    "newton-cg without a step": ({"solver": "newton-cg"}, 1e200, ValueError),
    "levenberg-marquardt without a step": ({"solver": "levenberg-marquardt"}, 1e200, ValueError),
    "lbfgs without memory": ({"solver": "lbfgs"}, 1.0, MemoryError),
    "newton-cg without memory": ({"solver": "newton-cg"}, 1.0, MemoryError),
    "levenberg-marquardt without memory": ({"solver": "levenberg-marquardt"}, 1.0, MemoryError),
    "a schedule that raises": ({"learning_rate": Breaking()}, 1.0, ZeroDivisionError),
    "the end of a schedule": ({"learning_rate": Cosine(0.01, steps=3)}, 1.0, UserWarning),
    "a clipped batch": ({"batch_size": 1000}, 1.0, UserWarning),
}


@in_one_test()
@pytest.mark.parametrize("what", LATE)
@pytest.mark.parametrize("fitted", [False, True])
def test_a_fit_that_is_refused_late_changes_nothing(what, fitted, monkeypatch):
    parameters, factor, raised = LATE[what]
    X, y = draw("regression")
    model = make("regression", random_state=np.random.RandomState(3))
    if fitted:
        model.fit(X, y)
    before = pickle.dumps(model)
    if raised is MemoryError:
        solver_without_memory(monkeypatch)
    given = model.get_params()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error", UserWarning)
        with pytest.raises(raised):
            model.set_params(**parameters).fit(X, -y * factor)
    model.set_params(**{name: given[name] for name in parameters})
    assert pickle.dumps(model) == before


def test_continued_call_is_validated_on_a_copy():
    """Attributes that a check sets do not appear on the model if the call is refused."""
    X, y = draw("classes")
    model = make("classes", batch_size="auto").partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y)
    del model.classes_
    before = pickle.dumps(model)
    with pytest.raises(ValueError):
        model.partial_fit(X[:, :7].tolist(), y, classes=[0, 1, 2])
    assert pickle.dumps(model) == before
