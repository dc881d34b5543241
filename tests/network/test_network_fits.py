"""`Network.train` with everything that an estimator's `fit` has: the same bits for the same seed."""

import copy
import io
import pickle
import sys

import numpy as np
import pytest
import scipy.sparse
from helpers.early_stopping_data import NUMBERS, X
from helpers.merged import in_one_test

from fastmlp import SGD, Adam, Adaptive, Cosine, MLPClassifier, MLPRegressor, Network, Regularization, Schedule
from fastmlp.callbacks import Callback
from fastmlp.optimizers import LayerWise, RunningOptimizer
from fastmlp.training import progress_bar

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSES = (NUMBERS > 0).astype(int) + (NUMBERS > 1)
WEIGHTS = np.linspace(0.5, 2.0, len(X))
ROWS, HELD = slice(150), slice(150, None)
EPOCHS, BATCH = 6, 32
#: name → (the estimator's parameters, regularization)
OPTIONS = {
    "plain": ({}, {}),
    "l2": ({"alpha": 0.5}, {}),
    "dropout": ({"dropout": [0.3, 0.1], "input_dropout": 0.1}, {"dropout": (0.3, 0.1), "input_dropout": 0.1}),
    "l1": ({"l1": 0.01}, {"l1": 0.01}),
    "max norm": ({"max_norm": 0.7}, {"max_norm": 0.7}),
    "clipping": ({"clip_norm": 0.1, "clip_value": 0.05}, {"clip_norm": 0.1, "clip_value": 0.05}),
    "average": ({"ema": 0.9}, {"ema": 0.9}),
    "schedules": ({"alpha": Cosine(0.5), "dropout": Cosine(0.3)}, {"dropout": Cosine(0.3)}),
    "all": (
        {"l1": 0.01, "dropout": 0.2, "max_norm": 1.0, "clip_norm": 0.5, "ema": 0.5, "alpha": 0.1},
        {"l1": 0.01, "dropout": 0.2, "max_norm": 1.0, "clip_norm": 0.5, "ema": 0.5},
    ),
}
#: name → (estimator, activation of the outputs, loss, number of outputs, y for both)
TASKS = {
    "regressor": (MLPRegressor, "identity", "squared_error", 1, NUMBERS),
    "classes": (MLPClassifier, "softmax", "log_loss", 3, CLASSES),
    "two classes": (MLPClassifier, "logistic", "log_loss", 1, CLASSES > 0),
    "labels": (MLPClassifier, "logistic", "log_loss", 2, np.column_stack([NUMBERS > 0, NUMBERS > 1])),
}


def state_of(generator):
    """Its words, and how many of them are used."""
    return generator.get_state()[1].tobytes(), generator.get_state()[2]


def make_network(task, hidden=(7, 5), dtype="float64"):
    _, output, loss, n_outputs, _ = TASKS[task]
    generator = np.random.RandomState(0)
    net = Network([X.shape[1], *hidden, n_outputs], [*["relu"] * len(hidden), output], loss, dtype)
    net.initialize(random_state=generator)
    return net, generator


def fit_both(task, option="plain", rows=X, weights=None, estimator=None, network=None, hidden=(7, 5), held=False):
    """The estimator, and the network, trained alike."""
    (kind, *_, y), (parameters, regularization) = TASKS[task], OPTIONS[option]
    parameters = {
        "hidden_layer_sizes": hidden, "batch_size": BATCH, "max_iter": EPOCHS, "random_state": 0, "alpha": 0.0,
        "n_iter_no_change": np.inf, **parameters, **(estimator or {}),
    }  # fmt: skip
    model, options = kind(**parameters), dict(network or {})
    given = {}
    if held:
        given = {"X_val": rows[HELD], "y_val": y[HELD]}
        if weights is not None:
            given["sample_weight_val"] = weights[HELD]
        rows, y, weights = rows[ROWS], y[ROWS], None if weights is None else weights[ROWS]
    model.fit(rows, y, sample_weight=weights, **given)
    net, generator = make_network(task, hidden, rows.dtype)
    epochs = options.pop("epochs", EPOCHS)
    optimizer = options.pop("optimizer", Adam(0.001))
    losses = net.train(
        rows, y, optimizer, epochs, BATCH, True, weights, generator, l2=parameters["alpha"],
        regularization=Regularization(**regularization), **given, **options,
    )  # fmt: skip
    assert losses == net.loss_curve_
    return model, net


def assert_same(model, net):
    assert [array.tobytes() for array in net.coefs] == [array.tobytes() for array in model.coefs_]
    assert [array.tobytes() for array in net.intercepts] == [array.tobytes() for array in model.intercepts_]
    for name in ("n_iter_", "loss_", "best_loss_", "loss_curve_", "validation_loss_curve_", "best_epoch_"):
        assert getattr(net, name) == getattr(model, name), name
    assert net.validation_scores_ == model.validation_scores_
    assert net.best_validation_score_ == model.best_validation_score_
    assert net.validation_metric_ == model.validation_metric_


@in_one_test()
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("task", TASKS)
def test_bits_of_a_fit(task, option):
    assert_same(*fit_both(task, option))


@pytest.mark.parametrize("option", ["plain", "all"])
@pytest.mark.parametrize("optimizer", [LayerWise(Adam(Cosine(1e-3)), weight_rates=(0, 1, 2), bias_decays=1)], ids=str)
def test_bits_of_a_fit_with_parameter_groups_and_whole_batches(option, optimizer):
    estimator, network = {"solver": optimizer, "drop_last": True}, {"optimizer": optimizer, "drop_last": True}
    assert_same(*fit_both("classes", option, estimator=estimator, network=network))


@in_one_test()
@pytest.mark.parametrize("option", ["plain", "all"])
@pytest.mark.parametrize("kind", ["float32", "sparse", "sparse float32"])
@pytest.mark.parametrize("weighted", [False, True])
def test_bits_of_a_fit_on_other_rows(kind, option, weighted):
    rows = X.astype(np.float32 if "float32" in kind else np.float64)
    rows = scipy.sparse.csr_matrix(rows) if "sparse" in kind else rows
    assert_same(*fit_both("classes", option, rows, WEIGHTS if weighted else None, held=True))


@pytest.mark.parametrize("scale", [1e-200, 1.0, 2.0**300])
def test_penalties_count_against_the_weights_as_given(scale):
    """Also where the weights are huge or tiny, so that they are divided by a power of two."""
    model, net = fit_both("regressor", weights=WEIGHTS * scale, estimator={"alpha": 0.5 * scale})
    assert_same(model, net)
    usual, _ = fit_both("regressor", weights=WEIGHTS, estimator={"alpha": 0.5})
    for ours, theirs in zip(net.coefs, usual.coefs_, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-9)


@in_one_test()
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", TASKS)
def test_validation_loss(task, weighted):
    model, net = fit_both(task, weights=WEIGHTS if weighted else None, held=True)
    assert_same(model, net)
    assert len(net.validation_loss_curve_) == EPOCHS
    y = TASKS[task][-1]
    assert net.validation_loss_curve_[-1] == pytest.approx(
        net.loss(X[HELD], y[HELD], WEIGHTS[HELD] if weighted else None), rel=1e-12
    )


@in_one_test()
@pytest.mark.parametrize("option", ["plain", "average", "dropout"])
@pytest.mark.parametrize("task", TASKS)
def test_early_stopping(task, option):
    stops = {"early_stopping": True, "tol": 1e-3, "n_iter_no_change": 2}
    model, net = fit_both(
        task, option, held=True,
        estimator={**stops, "scoring": "loss", "max_iter": 300, "learning_rate_init": 0.02},
        network={**stops, "epochs": 300, "optimizer": Adam(0.02)},
    )  # fmt: skip
    assert_same(model, net)
    assert 0 < net.best_epoch_ <= net.n_iter_ < 300
    least = min(net.validation_loss_curve_)
    assert net.validation_loss_curve_[net.best_epoch_ - 1] == least
    y = TASKS[task][-1]
    assert net.loss(X[HELD], y[HELD]) == pytest.approx(least, rel=1e-12)


@pytest.mark.parametrize("ties", ["first", "last"])
def test_ties(ties):
    """A network that does not learn: all epochs are equal."""
    net, _ = make_network("regressor")
    net.train(
        X, NUMBERS, SGD(1e-300), 5, early_stopping=True, X_val=X, y_val=NUMBERS, validation_ties=ties,
        n_iter_no_change=9,
    )  # fmt: skip
    assert net.best_epoch_ == (1 if ties == "first" else 5)


def test_plateaus_of_the_training_loss():
    model, net = fit_both(
        "regressor", estimator={"n_iter_no_change": 2, "tol": 0.1, "max_iter": 100},
        network={"n_iter_no_change": 2, "tol": 0.1, "epochs": 100},
    )  # fmt: skip
    assert_same(model, net)
    assert net.n_iter_ < 100


@pytest.mark.parametrize("early_stopping", [False, True])
def test_adaptive_rates(early_stopping):
    stops = {"early_stopping": early_stopping, "tol": 1e-2, "n_iter_no_change": 1}
    model, net = fit_both(
        "classes", held=True, estimator={**stops, "scoring": "loss", "max_iter": 200, "solver": SGD(Adaptive(0.1))},
        network={**stops, "epochs": 200, "optimizer": SGD(Adaptive(0.1))},
    )  # fmt: skip
    assert_same(model, net)
    assert net.n_iter_ < 200


@pytest.mark.parametrize("n_jobs", [1, 2, None])
def test_threads_change_no_bit(n_jobs):
    one, _ = make_network("classes", (300, 200))
    other, _ = make_network("classes", (300, 200))
    for net, threads in ((one, 1), (other, n_jobs)):
        net.train(X, CLASSES, Adam(), 2, 100, n_jobs=threads, X_val=X, y_val=CLASSES)
    assert one.params.tobytes() == other.params.tobytes()
    assert one.validation_loss_curve_ == other.validation_loss_curve_


def test_every_option_off_is_the_plain_training():
    plain, _ = make_network("classes")
    net, _ = make_network("classes")
    losses = plain.train(X, CLASSES, "adam", 3, BATCH, True, random_state=5)
    assert losses == net.train(
        X, CLASSES, "adam", 3, BATCH, True, random_state=5, X_val=X, y_val=CLASSES, regularization=Regularization(),
        verbose=False,
    )  # fmt: skip
    assert plain.params.tobytes() == net.params.tobytes()
    assert plain.validation_loss_curve_ is plain.validation_metric_ is plain.best_epoch_ is None


def test_each_call_is_described_by_itself():
    net, _ = make_network("classes")
    assert not hasattr(net, "loss_curve_")
    first = net.train(X, CLASSES, Adam(), 3, X_val=X, y_val=CLASSES)
    second = net.train(X, CLASSES, Adam(), 2)
    assert (len(first), len(second), net.n_iter_, net.loss_) == (3, 2, 2, second[-1])
    assert net.loss_curve_ == second
    assert net.validation_loss_curve_ is None
    second.append(0.0)
    assert len(net.loss_curve_) == 2


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_keep_the_record(copied):
    net, _ = make_network("classes")
    net.train(X, CLASSES, Adam(), 2)
    other = copied(net)
    assert (other.n_iter_, other.loss_curve_) == (2, net.loss_curve_)
    other.train(X, CLASSES, Adam(), 1)
    assert (net.n_iter_, len(net.loss_curve_)) == (2, 2)
    assert not any(isinstance(value, RunningOptimizer) for value in vars(net).values())


@pytest.mark.parametrize("early_stopping", [False, True])
def test_verbose_prints_scikit_learns_lines(early_stopping, capsys):
    net, _ = make_network("classes")
    net.train(X, CLASSES, Adam(), 2, X_val=X, y_val=CLASSES, verbose=True, early_stopping=early_stopping)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        line
        for number, (loss, held) in enumerate(zip(net.loss_curve_, net.validation_loss_curve_, strict=True), start=1)
        for line in (f"Iteration {number}, loss = {loss:.8f}", f"Validation loss: {held:.8f}")
    ]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_of_progress(monkeypatch, capsys):
    stream = Terminal()
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setattr(progress_bar, "REDRAW", 0.0)
    monkeypatch.setattr(progress_bar, "output", lambda: stream)
    net, _ = make_network("classes")
    losses = net.train(X, CLASSES, Adam(0.01), 3, verbose="progress")
    for number, loss in enumerate(losses, start=1):
        assert f"{number}/3  loss {loss:.4g}  learning rate 0.00" in stream.getvalue()
    assert capsys.readouterr() == ("", "")


class TestDivergence:
    def test_is_an_error(self):
        net, _ = make_network("regressor")
        with pytest.raises(ValueError, match=r"became infinite or NaN in epoch \d+"):
            net.train(X, NUMBERS, SGD(1e150), 9, BATCH, X_val=X, y_val=NUMBERS)
        assert np.isnan(net.validation_loss_curve_[-1])
        assert net.n_iter_ == len(net.loss_curve_)

    @pytest.mark.parametrize("ema", [None, 0.5])
    def test_with_early_stopping_the_best_parameters_are_kept(self, ema):
        net, _ = make_network("regressor")
        before = net.params.copy()
        with pytest.warns(UserWarning, match="the best finite parameters, the initial ones, are restored"):
            net.train(
                X, NUMBERS, SGD(1e150), 9, BATCH, X_val=X, y_val=NUMBERS, early_stopping=True,
                regularization=Regularization(ema=ema),
            )  # fmt: skip
        assert net.params.tobytes() == before.tobytes()
        assert net.best_epoch_ == 0


#: name → (arguments, error, message)
REFUSED = {
    "no y_val": ({"X_val": X}, ValueError, "both X_val and y_val, but train was called without y_val"),
    "no X_val": ({"y_val": CLASSES}, ValueError, "without X_val"),
    "weights alone": ({"sample_weight_val": WEIGHTS}, ValueError, "without X_val and y_val"),
    "features": ({"X_val": X[:, :1], "y_val": CLASSES}, ValueError, r"X_val must have shape \(n, "),
    "length": ({"X_val": X, "y_val": CLASSES[1:]}, ValueError, "y_val must have shape .* rows of X_val"),
    "a new class": ({"X_val": X, "y_val": CLASSES + 7}, ValueError, "class"),
    "NaN": ({"X_val": X * np.nan, "y_val": CLASSES}, ValueError, "X_val must be finite"),
    "no rows": ({"X_val": X[:0], "y_val": CLASSES[:0]}, ValueError, "X_val has no rows"),
    "words": ({"X_val": [["a"] * X.shape[1]], "y_val": [0]}, TypeError, "X_val must hold real numbers"),
    "few weights": (
        {"X_val": X, "y_val": CLASSES, "sample_weight_val": WEIGHTS[1:]}, ValueError, "sample_weight_val must have"
    ),
    "no weight": (
        {"X_val": X, "y_val": CLASSES, "sample_weight_val": WEIGHTS * 0}, ValueError, "sample_weight_val sums to zero"
    ),
    "nothing to stop by": ({"early_stopping": True}, ValueError, "pass X_val and y_val"),
    "no switch": ({"early_stopping": "yes"}, TypeError, "early_stopping must be True or False"),
    "no count": ({"n_iter_no_change": 2.5}, TypeError, "n_iter_no_change must be an integer"),
    "zero": ({"n_iter_no_change": 0}, ValueError, "n_iter_no_change must be 1 or more"),
    "tol": ({"tol": -1}, ValueError, "tol must be a number of at least 0"),
    "tol of words": ({"tol": "small"}, TypeError, "tol must be a number"),
    "ties": ({"validation_ties": "both"}, ValueError, "validation_ties must be 'first' or 'last'"),
    "l2": ({"l2": -1.0}, ValueError, "l2 must be a number of at least 0"),
    "infinite l2": ({"l2": np.inf}, ValueError, "l2 must be a number of at least 0"),
    "regularization": ({"regularization": 0.2}, TypeError, r"such as Regularization\(dropout=0.2\), got 0.2"),
    "rates": ({"regularization": Regularization(dropout=(0.1,) * 5)}, ValueError, "dropout=.* has 5 entries"),
    "verbose": ({"verbose": "bar"}, ValueError, "verbose must be True, False, an integer of at least 0 or 'progress'"),
    "no verbose": ({"verbose": 1.5}, TypeError, "verbose must be"),
    "threads": ({"n_jobs": 0}, ValueError, "n_jobs=0 has no meaning"),
    "adaptive": ({"optimizer": SGD(Adaptive(0.1))}, ValueError, "n_iter_no_change=10 .* or early_stopping=True"),
}  # fmt: skip


@in_one_test()
@pytest.mark.parametrize("case", REFUSED)
def test_refused_trainings_change_nothing(case):
    arguments, error, message = REFUSED[case]
    net, generator = make_network("classes")
    net.train(X, CLASSES, "adam")
    before, drawn, attributes = net.params.copy(), state_of(generator), dict(vars(net))
    options = {"optimizer": "adam", "regularization": Regularization(dropout=0.5), **arguments}
    with pytest.raises(error, match=message):
        net.train(X, CLASSES, random_state=generator, **options)
    assert net.params.tobytes() == before.tobytes()
    assert vars(net).keys() == attributes.keys()
    assert all(vars(net)[name] is value for name, value in attributes.items())
    assert state_of(generator) == drawn


class Broken(Schedule):
    def at(self, t):
        if np.max(t) > 2:
            raise ArithmeticError("no rate")
        return np.full(np.shape(t), 0.1)


class Refuses(Callback):
    def on_training_begin(self, estimator, training):
        raise ValueError("no training")


def test_a_schedule_that_raises_changes_nothing():
    net, generator = make_network("classes")
    before, drawn = net.params.copy(), state_of(generator)
    with pytest.raises(ArithmeticError, match="no rate"):
        net.train(
            X, CLASSES, SGD(Broken()), 1, BATCH, random_state=generator, regularization=Regularization(dropout=0.5)
        )
    assert net.params.tobytes() == before.tobytes()
    assert state_of(generator) == drawn
    assert not hasattr(net, "n_iter_")


#: name → (optimizer, arguments, message)
REFUSED_LATE = {
    "a rate of 1": (SGD(Cosine(0.1)), {"regularization": Regularization(dropout=Cosine(1.0))}, "is 1 in step 0"),
    "a callback": (SGD(Cosine(0.1)), {"callbacks": [Refuses()]}, "no training"),
    "layers": (LayerWise(SGD(Cosine(0.1)), (1,) * 9), {}, "9 entries"),
}


@pytest.mark.parametrize("case", REFUSED_LATE)
def test_a_refused_training_does_not_set_the_length_of_the_next_one(case):
    optimizer, arguments, message = REFUSED_LATE[case]
    net, _ = make_network("classes")
    running = optimizer.begin()
    with pytest.raises(ValueError, match=message):
        net.train(X, CLASSES, running, epochs=2, **arguments)
    assert (running.length, running.schedule, running.t) == (None, Cosine(0.1), 0)


def test_read_only_parameters_are_refused():
    net, _ = make_network("classes")
    net.params.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        net.train(X, CLASSES, "adam")
