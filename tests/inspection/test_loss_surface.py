"""`LossSurfaceDisplay`: the losses are those of the model, along the directions that are asked for."""

import numpy as np
import pytest
import scipy.sparse as sp
from helpers.drawn_models import SIGN, X
from matplotlib import pyplot
from sklearn.base import clone
from sklearn.metrics import log_loss

from fastmlp import SGD, MLPClassifier, MLPRegressor, Network
from fastmlp.callbacks import Callback, Checkpoint, EarlyStopping, History
from fastmlp.inspection import LossSurfaceDisplay
from fastmlp.inspection.directions import filter_normalized

SMALL = {"grid_resolution": 5}


@pytest.fixture(scope="module")
def network():
    net = Network([3, 2, 1], ["tanh", "logistic"], "log_loss")
    net.initialize(random_state=0)
    net.train(X, SIGN, SGD(0.5), epochs=20)
    return net


def test_the_loss_in_the_middle_is_that_of_the_model(models, network):
    for kind in ("binary", "multi-class"):
        model, rows, y = models[kind]
        display = LossSurfaceDisplay.from_estimator(model, rows, y, **SMALL)
        np.testing.assert_allclose(display.losses[2, 2], log_loss(y, model.predict_proba(rows)), rtol=1e-9)
    model, rows, y = models["regression"]
    display = LossSurfaceDisplay.from_estimator(model, rows, y, **SMALL)
    np.testing.assert_allclose(display.losses[2, 2], ((model.predict(rows) - y) ** 2).mean() / 2, rtol=1e-9)
    display = LossSurfaceDisplay.from_network(network, X, SIGN, **SMALL)
    np.testing.assert_allclose(display.losses[2, 2], network.loss(X, SIGN), rtol=1e-12)


def test_losses_are_those_of_the_displaced_weights(network):
    rng = np.random.RandomState(0)
    directions = rng.standard_normal((2, network.params.size))
    display = LossSurfaceDisplay.from_network(network, X, SIGN, directions=directions, span=0.5, **SMALL)
    moved = Network([3, 2, 1], ["tanh", "logistic"], "log_loss")
    for row, column in ((0, 0), (1, 4), (3, 2)):
        step = display.x[column] * directions[0] + display.y[row] * directions[1]
        moved.params = network.params + step
        np.testing.assert_allclose(display.losses[row, column], moved.loss(X, SIGN), rtol=1e-12)
    assert display.x.tolist() == [-0.5, -0.25, 0.0, 0.25, 0.5] and display.axis_names == ("direction 1", "direction 2")


def test_directions_may_be_given_by_layer(network):
    vector = np.random.RandomState(0).standard_normal(network.params.size)
    pair = network.layout.coefs(vector), network.layout.intercepts(vector)
    displays = [LossSurfaceDisplay.from_network(network, X, SIGN, directions=[one], **SMALL) for one in (vector, pair)]
    assert np.array_equal(displays[0].losses, displays[1].losses) and displays[0].losses.shape == (5,)
    assert displays[0].surface_.get_ydata().tolist() == displays[0].losses.tolist()


def test_random_directions_are_normalized_by_unit(network):
    direction = filter_normalized(network.layout, network.params, np.random.RandomState(0))
    for part, values in zip(network.layout.blocks(direction), network.layout.blocks(network.params), strict=True):
        np.testing.assert_allclose(np.linalg.norm(part, axis=0), np.linalg.norm(values, axis=0), rtol=1e-12)
    draw = [LossSurfaceDisplay.from_network(network, X, SIGN, random_state=seed, **SMALL) for seed in (0, 0, 1)]
    assert np.array_equal(draw[0].losses, draw[1].losses) and not np.array_equal(draw[0].losses, draw[2].losses)


def test_the_normalized_surface_does_not_depend_on_the_scale_of_a_relu_unit():
    """Weights into a unit doubled, weights out of it halved: the same function, and the same surface."""
    net = Network([3, 2, 1], ["relu", "identity"], "half_squared_error")
    net.initialize(random_state=0)
    one = LossSurfaceDisplay.from_network(net, X, SIGN, n_directions=1, **SMALL)
    for array in (net.coefs[0], net.intercepts[0]):
        array[...] *= 2.0
    net.coefs[1][...] /= 2.0
    other = LossSurfaceDisplay.from_network(net, X, SIGN, n_directions=1, **SMALL)
    assert not np.array_equal(one.losses, other.losses)  # the output unit's bias is not halved
    np.testing.assert_allclose(one.losses[2], other.losses[2], rtol=1e-12)


def test_a_path_is_projected_onto_its_components(network):
    rng = np.random.RandomState(0)
    first, second = np.linalg.qr(rng.standard_normal((network.params.size, 2)))[0].T
    steps = [(-4.0, 0.0), (-2.0, 1.0), (-1.0, -1.0), (0.0, 0.0)]
    path = [network.params + a * first + b * second for a, b in steps]
    display = LossSurfaceDisplay.from_network(network, X, SIGN, path=path, **SMALL)
    np.testing.assert_allclose(display.path[-1], 0.0, atol=1e-12)
    distances = np.linalg.norm(display.path, axis=1)
    np.testing.assert_allclose(distances, np.linalg.norm(steps, axis=1), atol=1e-12)
    assert np.array_equal(np.transpose(display.path_.get_data()), display.path)
    low, high = display.path.min(axis=0), display.path.max(axis=0)
    assert (np.array([display.x[0], display.y[0]]) < low).all() and (
        np.array([display.x[-1], display.y[-1]]) > high
    ).all()
    assert display.axis_names[0].startswith("component 1 of the path (")


def test_one_direction_of_a_path_leads_from_its_beginning_to_its_end(network):
    path = [np.zeros(network.params.size), network.params.copy()]
    display = LossSurfaceDisplay.from_network(network, X, SIGN, path=path, n_directions=1, grid_resolution=9)
    np.testing.assert_allclose(display.path.ravel(), [-1.0, 0.0], atol=1e-12)
    moved = Network([3, 2, 1], ["tanh", "logistic"], "log_loss")
    for at, loss in zip(display.x, display.losses, strict=True):
        moved.params = network.params * (1 + at)
        np.testing.assert_allclose(loss, moved.loss(X, SIGN), rtol=1e-12)


class Weights(Callback):
    def on_fit_begin(self, estimator):
        self.points = []

    def on_epoch_end(self, estimator):
        self.points.append([coef.copy() for coef in estimator.coefs_])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_path_of_a_fit_is_that_of_its_epochs(early_stopping):
    model = MLPClassifier((3,), max_iter=300, tol=1.0, random_state=0, early_stopping=early_stopping)
    weights = Weights()
    model.set_callbacks(weights).fit(X, SIGN)
    display = LossSurfaceDisplay.from_estimator(model, X, SIGN, path="refit", **SMALL)
    assert len(display.path) == model.n_iter_ + 1 == len(weights.points) + 1
    assert model._skl_callbacks == [weights]
    given = [(coefs, [np.zeros(len(b)) for b in model.intercepts_]) for coefs in weights.points]
    assert len(LossSurfaceDisplay.from_estimator(model, X, SIGN, path=given, **SMALL).path) == model.n_iter_


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "levenberg-marquardt"])
def test_the_path_of_a_solver_without_epochs_is_that_of_its_iterations(solver):
    y = X[:, 0]
    model = MLPRegressor("half_squared_error", (2,), "tanh", solver=solver, random_state=0, max_iter=300, tol=1e-2)
    model.fit(X, y)
    display = LossSurfaceDisplay.from_estimator(model, X, y, path="refit", **SMALL)
    assert len(display.path) == model.n_iter_ + 1 >= 3
    np.testing.assert_allclose(display.path[-1], display.weights, atol=1e-12)
    initial = clone(model).set_params(solver="sgd", learning_rate_init=1e-300).fit(X, y)
    losses = [
        LossSurfaceDisplay.from_estimator(each, X, y, n_directions=1, **SMALL).losses[2] for each in (initial, model)
    ]
    line = LossSurfaceDisplay.from_estimator(model, X, y, path="refit", n_directions=1, span=1e-9, **SMALL)
    np.testing.assert_allclose(line.losses[[0, -1]], losses, rtol=1e-6)


def test_a_refit_leaves_the_estimators_callbacks_alone(tmp_path):
    history = History()
    model = MLPClassifier((3,), max_iter=300, tol=1.0, random_state=0)
    model.set_callbacks(history, Checkpoint(tmp_path)).fit(X, SIGN)
    rows, files = list(history.rows), sorted(tmp_path.iterdir())
    display = LossSurfaceDisplay.from_estimator(model, X, SIGN, path="refit", **SMALL)
    assert len(display.path) == model.n_iter_ + 1  # it does not continue from the checkpoint, which has ended
    assert history.rows == rows and sorted(tmp_path.iterdir()) == files


def test_a_refit_ends_as_the_fit_did():
    model = MLPClassifier((3,), max_iter=300, random_state=0)
    model.set_callbacks(EarlyStopping("loss", patience=1, min_delta=1.0)).fit(X, SIGN)
    assert model.n_iter_ == 2
    assert len(LossSurfaceDisplay.from_estimator(model, X, SIGN, path="refit", **SMALL).path) == 3


def test_weights_of_classes_and_rows_count():
    y = SIGN
    rows = np.random.RandomState(0).uniform(0.5, 2.0, len(y))
    model = MLPClassifier((3,), max_iter=300, tol=1.0, random_state=0, class_weight={0: 1.0, 1: 5.0}).fit(X, y)
    weights = rows * np.where(y, 5.0, 1.0)
    display = LossSurfaceDisplay.from_estimator(model, X, y, sample_weight=rows, **SMALL)
    expected = log_loss(y, model.predict_proba(X), sample_weight=weights)
    np.testing.assert_allclose(display.losses[2, 2], expected, rtol=1e-9)


def test_sparse_rows_give_the_same_losses(models):
    model, rows, y = models["multi-output"]
    dense, sparse = (LossSurfaceDisplay.from_estimator(model, each, y, **SMALL) for each in (rows, sp.csc_matrix(rows)))
    np.testing.assert_allclose(dense.losses, sparse.losses, rtol=1e-12)


def shown(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_weights_and_the_ends_of_the_path_are_marked(network):
    beginning, middle = np.random.RandomState(0).standard_normal((2, network.params.size))
    assert shown(LossSurfaceDisplay.from_network(network, X, SIGN, **SMALL)) == ["the weights"]
    for n in (1, 2):
        given = {"n_directions": n, **SMALL}
        whole = LossSurfaceDisplay.from_network(network, X, SIGN, path=[beginning, middle, network.params], **given)
        assert shown(whole) == ["beginning of the path", "its end: the weights"]
        other = LossSurfaceDisplay.from_network(network, X, SIGN, path=[beginning, network.params, middle], **given)
        assert shown(other) == ["beginning of the path", "its end", "the weights"]
    own = LossSurfaceDisplay(np.ones((2, 2)), [0, 1], [0, 1], path=[[0, 0], [1, 1]]).plot()
    assert shown(own) == ["beginning of the path", "its end"]


def test_losses_that_are_not_finite_are_left_out():
    losses = np.array([[1.0, np.inf], [np.nan, 2.0]])
    figure, axes = pyplot.subplots(1, 3)
    for ax, each in zip(axes, (losses, np.full((2, 2), np.nan), np.ones((2, 2))), strict=True):
        LossSurfaceDisplay(each, [0, 1], [0, 1]).plot(ax=ax)
    figure.draw_without_rendering()


def test_the_network_is_not_changed(network):
    before = network.params.copy()
    LossSurfaceDisplay.from_network(network, X, SIGN, **SMALL)
    assert np.array_equal(before, network.params)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"directions": [np.ones(3)]}, r"directions\[0\] must be a vector of 11 parameters"),
        ({"directions": [np.ones(11), np.ones(11)]}, "linearly independent"),
        ({"directions": []}, "one or two directions, got 0"),
        ({"n_directions": 3}, "n_directions must be 1 or 2"),
        ({"span": 0.0}, "span"),
        ({"path": [np.ones(11)]}, "at least two points"),
        ({"path": [np.zeros(11), np.ones(11)]}, "has no second direction: use n_directions=1"),
        ({"path": [np.ones(11), np.ones(11)], "n_directions": 1}, "begins at the model's weights"),
        ({"path": [([np.ones((3, 2))], [np.ones(2)])] * 2}, r"path\[0\]: coefs holds 1 array"),
        ({"grid_resolution": 0}, "grid_resolution must be 1 or more"),
        ({"grid_resolution": 1}, "grid_resolution must be 2 or more"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(given, message):
    net = Network([3, 2, 1], ["tanh", "logistic"], "log_loss")
    net.params = np.ones(11)
    with pytest.raises(ValueError, match=message):
        LossSurfaceDisplay.from_network(net, X, SIGN, **given)


def test_an_unknown_word_for_a_path_is_refused(models):
    with pytest.raises(ValueError, match="'refit' or None, got 'fit'"):
        LossSurfaceDisplay.from_estimator(*models["binary"], path="fit")
    assert LossSurfaceDisplay([1.0, 2.0], [0.0, 1.0]).plot().ax_.get_legend() is None
    with pytest.raises(ValueError, match="losses must have shape"):
        LossSurfaceDisplay([1.0], [0.0, 1.0])
