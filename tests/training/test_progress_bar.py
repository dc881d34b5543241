"""`verbose="progress"`: a bar in terminals, by rich or in plain characters; nothing elsewhere."""

import io
import sys

import numpy as np
import pytest
from helpers.early_stopping_data import NUMBERS, X

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.training import progress_bar

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {"hidden_layer_sizes": (7,), "max_iter": 12, "random_state": 0, "verbose": "progress"}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(params=["rich", "plain"])
def terminal(request, monkeypatch):
    """What is drawn in a terminal, at every epoch; and in which form."""
    if request.param == "plain":
        monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setattr(progress_bar, "REDRAW", 0.0)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    monkeypatch.setattr(progress_bar, "output", lambda: stream)
    return stream


def bits(model):
    return [array.tobytes() for array in (*model.coefs_, *model.intercepts_)]


def test_epochs_loss_rate_and_time_are_shown(terminal, capsys):
    model = MLPRegressor(**SMALL).fit(X, NUMBERS)
    drawn = terminal.getvalue()
    for number, loss in enumerate(model.loss_curve_, start=1):
        assert f"{number}/12  loss {loss:.4g}" in drawn
    assert "learning rate 0.00" in drawn
    assert "left at most" in drawn
    assert capsys.readouterr().out == ""
    assert bits(model) == bits(MLPRegressor(**{**SMALL, "verbose": False}).fit(X, NUMBERS))


def test_validation_is_shown(terminal):
    model = MLPClassifier(**SMALL, early_stopping=True).fit(X, NUMBERS > 0)
    assert f"validation score {model.validation_scores_[0]:.4g}" in terminal.getvalue()
    model.set_params(early_stopping=False).fit(X, NUMBERS > 0, X_val=X, y_val=NUMBERS > 0)
    assert f"validation loss {model.validation_loss_curve_[0]:.4g}" in terminal.getvalue()


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg"])
def test_iterations_of_solvers_with_all_rows(terminal, solver):
    MLPRegressor(**SMALL, activation="tanh", solver=solver).fit(X, NUMBERS)
    assert "12/12  loss" in terminal.getvalue()
    assert "learning rate" not in terminal.getvalue()


def test_the_line_is_left_after_an_error(terminal):
    with pytest.raises(ValueError, match="non-finite"):
        MLPRegressor(**SMALL, solver="sgd", learning_rate_init=1e200).fit(X, NUMBERS)
    assert terminal.getvalue().endswith(("\n", "\x1b[?25h"))


@pytest.mark.parametrize("with_rich", [False, True])
def test_nothing_is_drawn_in_a_pipe(with_rich, monkeypatch, capsys):
    if not with_rich:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setattr(progress_bar, "REDRAW", 0.0)
    MLPRegressor(**SMALL).fit(X, NUMBERS)
    assert capsys.readouterr() == ("", "")


def test_plain_lines_overwrite_longer_ones():
    stream = Terminal()
    line = progress_bar.TextLine(stream, 4)
    line.draw(1, "a long text")
    line.draw(4, "short")
    line.close()
    first, second = stream.getvalue().removeprefix("\r").split("\r")
    assert first == "[######------------------] a long text"
    assert second == "[########################] short      \n"


def test_other_words_are_refused():
    with pytest.raises(ValueError, match="'verbose' parameter"):
        MLPRegressor(verbose="bar").fit(np.zeros((3, 1)), np.zeros(3))
