"""`UnitDisplay`: the maps show what the network computes, and the plane is bent as its layers bend it."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from helpers.drawn_models import SIGN, X
from helpers.merged import in_one_test
from matplotlib import pyplot

from fastmlp import MLPClassifier, Network
from fastmlp.inspection import UnitDisplay


@pytest.fixture(scope="module")
def network():
    net = Network([2, 3, 2, 1], ["relu", "tanh", "identity"], "half_squared_error")
    net.initialize("he_normal", random_state=1)
    return net


PLANE = np.array([[-1.0, -2.0], [1.0, 2.0]])


def test_maps_show_the_activations(network):
    display = UnitDisplay.from_network(network, PLANE, grid_resolution=7)
    assert display.x[[0, -1]].tolist() == [-1.2, 1.2] and display.y[[0, -1]].tolist() == [-2.4, 2.4]
    for row, line in ((0, 0), (3, 5), (6, 2)):
        point = [[display.x[line], display.y[row]]]
        for shown, values in zip(display.activations, network.activations_of(point)[1], strict=True):
            np.testing.assert_allclose(shown[row, line], values[0], rtol=1e-12)
    for row, width in enumerate((3, 2, 1)):
        for unit in range(3):
            axes = display.axes_[row, unit]
            assert (axes is None) == (unit >= width)
            if axes is not None:
                drawn = axes.collections[0].get_array().reshape(7, 7)
                assert np.array_equal(drawn, display.activations[row][:, :, unit])


def test_a_line_shows_where_the_pre_activation_is_zero():
    net = Network([2, 2], ["relu"], "half_squared_error")
    net.set_weights([[[1.0, 1.0], [0.0, 0.0]]], [[-0.5, 9.0]])
    display = UnitDisplay.from_network(net, PLANE, grid_resolution=9)
    line, none = (axes.collections[1:] for axes in display.axes_[0])
    assert np.allclose(line[0].get_paths()[0].vertices[:, 0], 0.5) and not none


def test_output_probabilities_are_centred_at_one_half(models):
    display = UnitDisplay.from_estimator(models["binary"][0], X, grid_resolution=9)
    norm = display.axes_[-1, 0].collections[0].norm
    assert (norm.vmin, norm.vmax) == (0, 1)
    norm = display.axes_[0, 0].collections[0].norm
    assert norm.vmin == -norm.vmax == -np.abs(display.activations[0]).max()


def test_the_line_of_a_class_is_where_its_probability_is_one_half():
    net = Network([2, 3], ["softmax"], "log_loss")
    net.set_weights([[[3.0, 0.0, 0.0], [0.0, 0.0, 0.0]]], [[0.0, 0.0, 0.0]])  # p of the first: 1 / (1 + 2 exp(−3 x))
    display = UnitDisplay.from_network(net, PLANE, grid_resolution=121)
    line = display.axes_[0, 0].collections[1].get_paths()[0].vertices
    assert np.allclose(line[:, 0], np.log(2) / 3, atol=1e-3)
    assert len(display.axes_[0, 1].collections) == 1  # at most one half, and nowhere above


def test_other_features_are_at_their_means(models):
    model = models["regression"][0]
    display = UnitDisplay.from_estimator(model, X, features=(2, 0), grid_resolution=5, max_units=1)
    point = [[display.y[1], X[:, 1].mean(), display.x[3]]]
    np.testing.assert_allclose(display.activations[-1][1, 3, 0], model.predict(point)[0], rtol=1e-12)
    assert display.note == "x2 to the right, x0 upward, other features at their means"


def test_features_are_named():
    frame = pd.DataFrame(X, columns=["mass", "size", "age"])
    model = MLPClassifier((2,), max_iter=300, tol=1.0, random_state=0).fit(frame, SIGN)
    display = UnitDisplay.from_estimator(model, frame, features=("age", -3), grid_resolution=5)
    assert display.feature_names == ("age", "mass")


def test_sparse_rows_are_drawn(models):
    model, rows, y = models["multi-class"]
    dense = UnitDisplay.from_estimator(model, rows, y, grid_resolution=5, max_units=1)
    sparse = UnitDisplay.from_estimator(model, sp.csr_matrix(rows), y, grid_resolution=5, max_units=1)
    assert all(map(np.allclose, dense.activations, sparse.activations))
    assert all(map(np.allclose, dense.points, sparse.points))


def test_sparse_rows_of_a_network_are_drawn(network):
    rows = sp.random(30, 2, density=0.5, random_state=0, format="csc")
    dense = UnitDisplay.from_network(network, rows.toarray(), np.arange(30) % 2, grid_resolution=5, max_units=1)
    sparse = UnitDisplay.from_network(network, rows, np.arange(30) % 2, grid_resolution=5, max_units=1)
    assert all(map(np.array_equal, dense.activations, sparse.activations))
    assert all(map(np.allclose, dense.points, sparse.points))


def test_many_features_are_handled_some_lines_at_a_time(models, monkeypatch):
    model = models["multi-class"][0]
    whole = UnitDisplay.from_estimator(model, X, grid_resolution=7, max_units=1)
    monkeypatch.setattr("fastmlp.inspection.plane.MOST_NUMBERS", 2 * 7 * 3)
    parts = UnitDisplay.from_estimator(model, X, grid_resolution=7, max_units=1)
    assert all(map(np.array_equal, whole.activations, parts.activations))
    assert all(map(np.array_equal, whole.pre_activations, parts.pre_activations))


def test_of_many_units_those_are_drawn_that_vary_most():
    coefs = np.ones((2, 30)) * 0.01
    strong = [4, 5, 17, 29]
    coefs[:, strong] = 1.0
    net = Network([2, 30, 1], ["tanh", "identity"], "half_squared_error")
    net.set_weights([coefs, np.ones((30, 1))], [np.zeros(30), [0]])
    display = UnitDisplay.from_network(net, PLANE, grid_resolution=5, max_units=4)
    assert display.units_[0].tolist() == strong and display.axes_.shape == (2, 4)
    assert [axes.get_title() for axes in display.axes_[0]] == ["5", "6", "18", "30"]
    shown = [text.get_text() for text in display.ax_.texts]
    assert "hidden 1\ntanh\n4 of 30" in shown and shown[-1].endswith("drawn: the units that vary most")


def test_points_are_drawn_on_the_maps_of_the_outputs(network):
    points = np.random.RandomState(0).uniform(-1, 1, (1000, 2))
    y = (points[:, 0] > 0).astype(int)
    display = UnitDisplay.from_network(network, points, y, grid_resolution=5)
    drawn = [len(each.get_offsets()) for each in display.axes_[-1, 0].collections[-2:]]
    assert sum(drawn) == 300 and min(drawn) > 100
    assert len(display.axes_[0, 0].collections) <= 2  # the map and its line
    few = UnitDisplay.from_network(network, points[:7], y[:7], grid_resolution=5)
    assert sum(len(each.get_offsets()) for each in few.axes_[-1, 0].collections[-2:]) == 7


def test_layers_of_two_units_are_drawn_by_their_activations(network):
    points = np.array([[0.1, 0.2], [0.3, -0.4], [-0.5, 0.6]])
    display = UnitDisplay.from_network(network, points, [0, 1, 1], grid_resolution=13, kind="plane")
    assert [axes.get_title().split("\n")[0] for axes in display.axes_] == [
        "input", "hidden 1, relu, 3 units", "hidden 2, tanh",
    ]  # fmt: skip
    values = network.activations_of(points)[1]
    drawn = np.concatenate([each.get_offsets() for each in display.axes_[2].collections[-2:]])
    np.testing.assert_allclose(drawn, values[1][[0, 1, 2]], rtol=1e-12)
    lines = display.axes_[2].collections[0].get_segments()
    np.testing.assert_allclose(lines[0], display.activations[1][0], rtol=1e-12)
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["0", "1"]


def test_narrow_panels_do_not_overlap(network):
    figure, axes = pyplot.subplots(2, 3, figsize=(12, 7))
    display = UnitDisplay.from_network(network, PLANE, [0, 1], grid_resolution=13, kind="plane", ax=axes[1, 0])
    figure.draw_without_rendering()
    boxes = [each.get_tightbbox() for each in display.axes_]
    assert not any(one.overlaps(other) for at, one in enumerate(boxes) for other in boxes[:at])
    assert not any(each.get_xlabel() for each in display.axes_)


def test_wide_layers_are_drawn_by_principal_components(network):
    display = UnitDisplay.from_network(network, PLANE, grid_resolution=13, kind="plane")
    values = display.activations[0].reshape(-1, 3)
    centred = values - values.mean(axis=0)
    drawn = np.concatenate(display.axes_[1].collections[0].get_segments())
    variances = np.linalg.eigvalsh(centred.T @ centred)[::-1]
    np.testing.assert_allclose((drawn**2).sum(axis=0), variances[:2], rtol=1e-9)
    share = round(100 * variances[:2].sum() / variances.sum())
    assert display.axes_[1].get_title() == f"hidden 1, relu, 3 units\n{share} % of the plane's variance"


def test_points_of_a_regression_are_coloured_by_value(models):
    model, rows, y = models["regression"]
    display = UnitDisplay.from_estimator(model, rows, y, grid_resolution=5, kind="plane")
    assert display.axes_[0].collections[-1].get_array().tolist() == y.tolist()
    assert display.ax_.get_legend() is None
    assert (
        display.ax_.texts[-1].get_text()
        == f"points: their targets, from {y.min():.3g} (dark) to {y.max():.3g} (bright)"
    )


def test_dead_units_and_constant_features_are_drawn():
    net = Network([2, 3, 1], ["relu", "relu"], "half_squared_error")
    net.set_weights([np.zeros((2, 3)), np.zeros((3, 1))], [[-1.0] * 3, [-1.0]])
    for kind in ("maps", "plane"):
        UnitDisplay.from_network(net, [[1.0, 1.0]], [0], grid_resolution=5, kind=kind).figure_.draw_without_rendering()


def test_a_large_constant_feature_has_a_plane():
    """Half of one more or less is the same number."""
    net = Network([2, 1], ["identity"], "half_squared_error")
    display = UnitDisplay.from_network(net, [[1e17, 0.0], [1e17, 1.0]], grid_resolution=5)
    assert (np.diff(display.x) > 0).all()


def test_sparse_labels_are_drawn():
    y = np.stack([SIGN, 1 - SIGN, SIGN], axis=1)
    model = MLPClassifier((2,), max_iter=300, tol=1.0, random_state=0).fit(X, y)
    for kind in ("maps", "plane"):
        display = UnitDisplay.from_estimator(model, X, sp.csr_matrix(y), grid_resolution=5, kind=kind)
        assert display.labels.tolist() == SIGN.tolist()


@in_one_test(shared=("models",))
@pytest.mark.parametrize("features", [(0, 0), (0, 3), (0, "x9"), (0,), (0, 1, 2), (0, 1.5), (0, -3)])
def test_features_that_do_not_exist_are_refused(features, models):
    with pytest.raises(ValueError, match=r"features must be two different features, by number \(0 to 2\) or name"):
        UnitDisplay.from_estimator(models["binary"][0], X, features=features)


def test_a_single_feature_is_refused():
    net = Network([1, 1], ["identity"], "half_squared_error")
    with pytest.raises(ValueError, match="this network has one"):
        UnitDisplay.from_network(net, [[1.0]])


def test_arguments_are_checked(network, models):
    with pytest.raises(ValueError, match="kind must be 'maps' or 'plane'"):
        UnitDisplay.from_network(network, PLANE, kind="map", grid_resolution=3)
    with pytest.raises(ValueError, match="max_units must be 1 or more"):
        UnitDisplay.from_network(network, PLANE, max_units=0, grid_resolution=3)
    with pytest.raises(ValueError, match="grid_resolution must be 2 or more"):
        UnitDisplay.from_network(network, PLANE, grid_resolution=1)
    with pytest.raises(ValueError, match="y must hold classes of the model"):
        UnitDisplay.from_estimator(models["multi-class"][0], X, np.arange(len(X)), grid_resolution=3)
    with pytest.raises(ValueError, match="a row for each of the 2 rows of X, got 3"):
        UnitDisplay.from_network(network, PLANE, [0, 1, 1])
    with pytest.raises(ValueError, match="activations must be an array of shape"):
        UnitDisplay([0, 1], [0, 1], [np.ones((2, 2, 1))], [np.ones((2, 3, 1))], ["output"])
