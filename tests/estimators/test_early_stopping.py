"""Early stopping uses scikit-learn's score for scikit-learn's losses, and else the training loss."""

import numpy as np
import pytest
import scipy.sparse
from helpers import knobs
from helpers.early_stopping_data import NUMBERS, TYPES, X
from helpers.guarded import assert_lines_are_zero
from helpers.loss_cases import CASES, make_problem
from helpers.merged import in_one_test
from oracles.reference_losses import QUARTIC
from sklearn.exceptions import ConvergenceWarning

from fastmlp import Focal, Gamma, Huber, LogLoss, MLPClassifier, MLPRegressor, Quantile, Tweedie
from fastmlp.engine.dataset import Dataset
from fastmlp.engine.threads import Worker
from fastmlp.training.full_batch_loss import FullBatch
from fastmlp.training.validation_loss import ValidationLoss

CLASSES = (NUMBERS > 0).astype(int) + (NUMBERS > 1)


LABELS = np.column_stack([X[:, 0] > 0, X[:, 1] > 0.5]).astype(int)


# The loss of some rows


@in_one_test()
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", CASES)
def test_validation_loss_is_the_training_loss(name, dtype):
    """Of the validation rows only, in any order, with the current parameters."""
    # Each loss once with weights and once without, in each type every other one.
    weighted = (list(CASES).index(name) + TYPES.index(dtype)) % 2 == 0
    problem = make_problem(CASES[name], rows=150, dtype=dtype, weighted=weighted)
    order = np.random.RandomState(1).permutation(150)[:131]
    loss = ValidationLoss(problem.network, problem.dataset, order)
    weights = problem.weights[order] if weighted else None
    for _ in range(2):
        rows = Dataset(problem.X[order], problem.y[order], weights)
        expected, _ = FullBatch(problem.network, rows, l2=0.0)(problem.network.params)
        assert loss() == pytest.approx(expected, rel=1e-5 if dtype == np.float32 else 1e-11)
        problem.network.params *= dtype(0.75)
    for workspace in loss.workspaces:
        for buffer in workspace.buffers.values():
            assert_lines_are_zero(buffer)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
def test_threads_and_layout_change_no_bit(dtype, sparse, monkeypatch):
    knobs.let_threads_pay(monkeypatch)
    problem = make_problem(CASES["Huber(delta=0.5), identity, 3"], hidden=(33, 70), rows=410, dtype=dtype)
    order = np.random.RandomState(1).permutation(410)[:333]
    inputs = scipy.sparse.csr_matrix(problem.X) if sparse else np.asfortranarray(problem.X)
    rows = Dataset(inputs, problem.y, problem.weights)
    losses = [ValidationLoss(problem.network, rows, order, threads) for threads in (1, 2, 3, 7)]
    assert [loss.team.size for loss in losses] == [1, 2, 3, 7]
    assert len({loss() for loss in losses}) == 1


@pytest.mark.parametrize("started", [0, 1, 2])
def test_threads_that_cannot_be_started(started, monkeypatch):
    """All parts are computed by any number of threads, with the current parameters."""
    knobs.let_threads_pay(monkeypatch)
    problem = make_problem(CASES["Huber(delta=0.5), identity, 3"], hidden=(33, 70), rows=410)
    order = np.random.RandomState(1).permutation(410)[:333]
    alone, together = (ValidationLoss(problem.network, problem.dataset, order, threads) for threads in (1, 4))
    assert together.team.size == 4
    start, asked = Worker.start, []

    def start_some(helper):
        asked.append(helper)
        return len(asked) <= started and start(helper)

    monkeypatch.setattr(Worker, "start", start_some)
    for _ in range(2):
        assert together() == alone()
        problem.network.params *= 0.75
    assert len(asked) > started


def test_validation_loss_that_is_not_finite_is_reported():
    problem = make_problem(CASES["Huber(delta=0.5), identity, 3"], rows=9)
    problem.network.params[0] = np.nan
    assert np.isnan(ValidationLoss(problem.network, problem.dataset, np.arange(9))())


# What decides

#: (estimator, its parameters, targets) → validation_metric_
METRICS = [
    (MLPClassifier, {}, CLASSES, "accuracy"),
    (MLPClassifier, {}, CLASSES > 0, "accuracy"),
    (MLPClassifier, {}, LABELS, "accuracy"),
    (MLPClassifier, {"loss": LogLoss()}, CLASSES, "accuracy"),
    (MLPClassifier, {"output_activation": "logistic"}, LABELS, "accuracy"),
    (MLPClassifier, {"output_activation": "softmax"}, CLASSES > 0, "neg_loss"),
    (MLPClassifier, {"output_activation": "hard_sigmoid"}, CLASSES > 0, "neg_loss"),
    (MLPClassifier, {"loss": LogLoss(0.1)}, CLASSES, "neg_loss"),
    (MLPClassifier, {"loss": Focal()}, CLASSES, "neg_loss"),
    (MLPClassifier, {"loss": "focal"}, LABELS, "neg_loss"),
    (MLPClassifier, {"loss": "hinge"}, CLASSES, "neg_loss"),
    (MLPClassifier, {"loss": "squared_hinge"}, CLASSES > 0, "neg_loss"),
    (MLPClassifier, {"loss": "perceptron"}, CLASSES, "neg_loss"),
    (MLPClassifier, {"loss": QUARTIC}, CLASSES, "neg_loss"),
    (MLPRegressor, {}, NUMBERS, "r2"),
    (MLPRegressor, {"loss": "poisson"}, NUMBERS**2, "r2"),
    (MLPRegressor, {"output_activation": "tanh"}, NUMBERS, "neg_loss"),
    (MLPRegressor, {"loss": "poisson", "output_activation": "softplus"}, NUMBERS**2, "neg_loss"),
    *(
        (MLPRegressor, {"loss": loss}, NUMBERS, "neg_loss")
        for loss in ("half_squared_error", "sum_squared_error", "absolute_error", Huber(2.0), "log_cosh", Quantile(0.9),
                     Quantile((0.1, 0.9)), Quantile((0.1, 0.9), crossing=False), QUARTIC)
    ),
    (MLPRegressor, {"loss": Gamma()}, NUMBERS**2 + 0.1, "neg_loss"),
    (MLPRegressor, {"loss": Tweedie(1.5)}, NUMBERS**2, "neg_loss"),
]  # fmt: skip


def fit_and_split(estimator, y, monkeypatch, X=X, **params):
    """Return a fitted model and its validation rows."""
    split = {}

    def remember(*arguments):
        from fastmlp.estimators.checks import split_rows

        split["train"], split["validation"] = split_rows(*arguments)
        return split["train"], split["validation"]

    monkeypatch.setattr("fastmlp.estimators.validation_rows.split_rows", remember)
    weights = params.pop("sample_weight", None)
    options = {"early_stopping": True, "validation_fraction": 0.3, "hidden_layer_sizes": (8,), "max_iter": 30}
    model = estimator(**{**options, "learning_rate_init": 0.01, "random_state": 0, "n_iter_no_change": 50, **params})
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y, weights)
    return model, split["validation"]


@in_one_test(pairs=True)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("estimator", "params", "y", "metric"), METRICS, ids=[f"{p or e.__name__} {m}" for e, p, _, m in METRICS]
)
def test_validation_scores_and_restored_weights(estimator, params, y, metric, weighted, dtype, monkeypatch):
    """The best score is that of the fitted model; for a loss it is the smallest loss."""
    weights = np.random.RandomState(2).uniform(0.5, 2.0, len(X)) if weighted else None
    model, validation = fit_and_split(
        estimator, y, monkeypatch, X=X.astype(dtype), alpha=0.5, l1=0.1, sample_weight=weights, **params
    )
    assert model.validation_metric_ == metric
    assert len(model.validation_scores_) == model.n_iter_ == 30
    assert model.best_validation_score_ == max(model.validation_scores_)
    inputs, weights = X[validation].astype(dtype), None if weights is None else weights[validation]
    if metric != "neg_loss":
        best = model.score(inputs, y[validation], weights)
    else:
        best = -loss_of(model, inputs, y[validation], weights)
        assert max(model.validation_scores_) < 0
    tolerance = 1e-4 if dtype == np.float32 else 1e-9
    assert model.best_validation_score_ == pytest.approx(best, rel=tolerance)


def loss_of(model, X, y, weights):
    """Return the model's loss of these rows, computed by `Network`, or for sorted quantiles by the formula."""
    from fastmlp import Network

    loss = model.loss
    if isinstance(loss, Quantile) and not loss.crossing:
        gap = y[:, np.newaxis] - model.predict(X)
        each = np.maximum(np.multiply(loss.quantiles, gap), (np.array(loss.quantiles) - 1) * gap).sum(axis=1)
        return float(np.average(each, weights=weights))
    if isinstance(model, MLPClassifier) and y.ndim == 1:
        y = np.searchsorted(model.classes_, y)
        if getattr(loss, "name", loss) == "Loss":
            y = y[:, np.newaxis] == np.arange(model.n_outputs_)
    layer_sizes = [X.shape[1], *(len(bias) for bias in model.intercepts_)]
    network = Network(layer_sizes, [model.activation, model.out_activation_], loss, X.dtype)
    network.set_weights(model.coefs_, model.intercepts_)
    return network.loss(X, np.asarray(y, X.dtype), weights)


def test_without_early_stopping_there_is_no_metric():
    with pytest.warns(ConvergenceWarning):
        model = MLPRegressor(max_iter=2).fit(X, NUMBERS)
    assert model.validation_metric_ is None
    assert model.validation_scores_ is None


@pytest.mark.parametrize("q", [0.05, 0.95])
def test_extreme_quantile_is_reached(q):
    """With R² as the score, the fit stopped as soon as the mean of the targets was reached."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((4000, 3))
    y = X[:, 0] + (1 + abs(X[:, 1])) * rng.standard_normal(4000)
    model = MLPRegressor(
        loss=Quantile(q), early_stopping=True, hidden_layer_sizes=(32,), max_iter=300, random_state=0, tol=1e-5
    ).fit(X[:3000], y[:3000])
    assert abs(np.mean(y[3000:] <= model.predict(X[3000:])) - q) < 0.03
    assert model.n_iter_ < 300


@pytest.mark.parametrize("loss", ["log_cosh", Quantile((0.1, 0.5, 0.9))], ids=str)
def test_training_stops_when_the_loss_is_constant(loss):
    """The loss must decrease by `tol`, as the training loss without early stopping."""
    params = {"loss": loss, "early_stopping": True, "hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 500}
    model = MLPRegressor(tol=0.02, n_iter_no_change=4, learning_rate_init=0.02, **params).fit(X, NUMBERS)
    losses = -np.array(model.validation_scores_)
    improved = [loss <= best - 0.02 for loss, best in zip(losses[1:], np.minimum.accumulate(losses)[:-1], strict=True)]
    assert model.n_iter_ < 500
    assert improved[-5:] == [False] * 5
    assert all(any(improved[start : start + 5]) for start in range(len(improved) - 5))


def test_verbose_output(capsys):
    model = MLPRegressor(loss="huber", early_stopping=True, max_iter=400, tol=0.1, n_iter_no_change=2, verbose=True)
    model.fit(X, NUMBERS)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == f"Validation loss: {-model.validation_scores_[0]:.8f}"
    assert lines[-1] == "Validation loss did not improve more than tol=0.100000 for 2 consecutive epochs. Stopping."


@pytest.mark.parametrize("before", ["squared_error", "huber"])
def test_continuing_with_another_loss_discards_scores_of_another_metric(before):
    """R² = 0.9 would be greater than any later negative loss, and no new weights would be kept."""
    params = {"hidden_layer_sizes": (8,), "random_state": 0, "learning_rate_init": 0.01}
    model = MLPRegressor(loss=before, early_stopping=True, warm_start=True, max_iter=60, **params)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, NUMBERS)
        first, coef = model.best_validation_score_, model.coefs_[0].copy()
        model.set_params(loss="absolute_error", max_iter=5).fit(X, NUMBERS)
    assert len(model.validation_scores_) == 5
    assert model.best_validation_score_ == max(model.validation_scores_) < first
    assert np.any(model.coefs_[0] != coef)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, NUMBERS)
    assert len(model.validation_scores_) == 10
