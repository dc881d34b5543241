"""What `Regularization` accepts, what it refuses, and which solvers refuse it."""

import numpy as np
import pytest
from helpers.merged import in_one_test
from helpers.problems import make_problem
from helpers.regularized import EACH

from fastmlp.optimizers import SGD
from fastmlp.regularization import Regularization
from fastmlp.training.epoch import EpochRunner


@in_one_test()
@pytest.mark.parametrize("name", ["dropout", "input_dropout"])
@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, np.nan, "half", None, True])
def test_invalid_rates_are_refused(name, rate):
    with pytest.raises(ValueError, match=rf"^Regularization: {name} must be a number in \[0, 1\).*, but {rate!r} was"):
        Regularization(**{name: rate})


@pytest.mark.parametrize("rates", [(0.1, 1.0), [0.5, "x"], (0.5, None)])
def test_invalid_rates_in_lists_are_refused(rates):
    with pytest.raises(
        ValueError, match=r"dropout must be a number in \[0, 1\), or a schedule .*, or a sequence of such"
    ):
        Regularization(dropout=rates)


@pytest.mark.parametrize("l1", [-1e-9, np.nan, np.inf, "1", None])
def test_invalid_penalties_are_refused(l1):
    with pytest.raises(ValueError, match=r"l1 must be a number of at least 0, but .* was given"):
        Regularization(l1=l1)


@in_one_test()
@pytest.mark.parametrize("name", ["max_norm", "clip_norm", "clip_value"])
@pytest.mark.parametrize("limit", [0, -1.0, np.nan, np.inf, "1", False])
def test_invalid_limits_are_refused(name, limit):
    with pytest.raises(ValueError, match=rf"^Regularization: {name} must be a number greater than 0, or None, but "):
        Regularization(**{name: limit})


def test_rates_of_each_layer():
    assert Regularization().input_rates(2) == (0.0, 0.0, 0.0)
    assert Regularization(dropout=0.5).input_rates(3) == (0.0, 0.5, 0.5, 0.5)
    assert Regularization(dropout=0.5).input_rates(0) == (0.0,)
    assert Regularization(dropout=[0.5, 0], input_dropout=0.2).input_rates(2) == (0.2, 0.5, 0)
    with pytest.raises(ValueError, match=r"dropout=\(0.5, 0.2\) has 2 entries, but there is 1 hidden layer:"):
        Regularization(dropout=(0.5, 0.2)).input_rates(1)


def test_equal_parameters_make_equal_objects():
    assert Regularization(dropout=[0.5]) == Regularization(dropout=(0.5,))
    assert hash(Regularization(dropout=[0.5], l1=1)) == hash(Regularization(dropout=(0.5,), l1=1.0))
    with pytest.raises(AttributeError):
        Regularization().l1 = 1.0


@in_one_test()
@pytest.mark.parametrize("name", EACH)
def test_full_batch_solvers_refuse_it(name):
    settings = Regularization(**EACH[name])
    with pytest.raises(ValueError, match=f"solver='lbfgs' .* does not support .*{'l1' if name == 'all' else name}="):
        settings.check_full_batch("lbfgs")
    Regularization(dropout=(0.0, 0.0)).check_full_batch("lbfgs")


def test_dropout_needs_keys():
    problem = make_problem("poisson")
    with pytest.raises(ValueError, match="Dropout needs keys"):
        EpochRunner(problem.network, problem.dataset, SGD(), np.arange(7), 7, 1, Regularization(dropout=0.5))
