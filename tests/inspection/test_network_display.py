"""`NetworkDisplay`: edges by weight, names, and what is left out of large layers."""

import numpy as np
import pandas as pd
import pytest
from helpers.drawn_models import SIGN, X
from matplotlib.colors import to_rgba

from fastmlp import MLPClassifier, Network
from fastmlp.inspection import NetworkDisplay
from fastmlp.inspection.network import MOST_EDGES


def texts(display):
    return [text.get_text() for text in display.ax_.texts]


def test_width_and_colour_show_weight_and_sign():
    net = Network([2, 1, 1], ["tanh", "identity"], "half_squared_error")
    net.set_weights([[[1.0], [-2.0]], [[0.5]]], [[0], [0]])
    display = NetworkDisplay.from_network(net)
    weights, widths = display.edges_.get_array(), display.edges_.get_linewidths()
    assert weights.tolist() == [0.5, 1.0, -2.0]  # the largest is drawn last, on top
    assert (np.diff(widths) > 0).all()
    display.figure_.draw_without_rendering()
    red, blue = display.edges_.get_colors()[:, [0, 2]].T
    assert (red[:2] > blue[:2]).all() and blue[2] > red[2]
    assert {"0.50", "1.00", "−2.00", "x0", "x1", "y", "hidden 1\ntanh"} <= set(texts(display))


def test_a_weight_of_zero_has_the_background_colour():
    display = NetworkDisplay([[[0.0, 1.0]]]).plot()
    display.figure_.draw_without_rendering()
    assert np.allclose(display.edges_.get_colors()[0], to_rgba("white"), atol=0.02)


def test_edges_lead_from_each_unit_to_each_unit_of_the_next_layer():
    display = NetworkDisplay([np.arange(6.0).reshape(2, 3)]).plot()
    ends = {(x0, y0, x1, y1) for (x0, y0), (x1, y1) in display.edges_.get_segments()}
    assert len(ends) == 6 and {end[::2] for end in ends} == {(0.0, 1.0)}
    heights = sorted({end[1] for end in ends}, reverse=True), sorted({end[3] for end in ends}, reverse=True)
    weight = {(y0, y1): w for ((_, y0), (_, y1)), w in zip(
        display.edges_.get_segments(), display.edges_.get_array(), strict=True
    )}  # fmt: skip
    assert [[weight[y0, y1] for y1 in heights[1]] for y0 in heights[0]] == [[0, 1, 2], [3, 4, 5]]


def test_names_are_those_of_features_and_classes():
    frame = pd.DataFrame(X, columns=["mass", "a name that is much too long", "colour"])
    y = np.where(SIGN, "yes", "no")
    model = MLPClassifier((2,), max_iter=300, tol=1.0, random_state=0).fit(frame, y)
    assert {"mass", "a name that is mu…", "colour", "yes", "output\nlogistic"} <= set(
        texts(NetworkDisplay.from_estimator(model))
    )
    several = MLPClassifier((2,), max_iter=300, tol=1.0, random_state=0).fit(
        frame, np.digitize(X[:, 0], [-0.5, 0.5]) + 7
    )
    assert {"7", "8", "9", "output\nsoftmax"} <= set(texts(NetworkDisplay.from_estimator(several)))


def test_large_layers_show_the_units_with_the_largest_weights():
    rng = np.random.RandomState(0)
    first, second = rng.standard_normal((3, 100)), np.ones((100, 2))
    strong = [3, 50, 71, 99]
    first[:, strong] *= 10
    display = NetworkDisplay([first, second]).plot(max_units=4)
    assert display.units_[1].tolist() == strong
    assert len(display.edges_.get_segments()) == 3 * 4 + 4 * 2
    assert {"4 of 100", "⋮", "drawn: the units with the largest weights"} <= set(texts(display))


def test_many_edges_are_thinned_out_to_the_largest():
    coef = np.random.RandomState(0).standard_normal((60, 50))
    display = NetworkDisplay([coef]).plot(max_units=None)
    drawn = np.abs(display.edges_.get_array())
    assert drawn.min() >= np.sort(np.abs(coef), axis=None)[-MOST_EDGES]
    assert f"drawn: the {MOST_EDGES} of 3000 edges with the largest weights" in texts(display)
    assert [len(units) for units in display.units_] == [60, 50]


def test_no_text_overlaps_another_or_leaves_the_figure():
    rng = np.random.RandomState(0)
    for shapes in ([(4, 10), (10, 3)], [(64, 100), (100, 100), (100, 10)], [(2, 8), *[(8, 8)] * 5, (8, 1)]):
        display = NetworkDisplay(
            [rng.standard_normal(shape) for shape in shapes], estimator_name="MLPClassifier"
        ).plot()
        display.figure_.draw_without_rendering()
        boxes = [text.get_window_extent() for text in (*display.ax_.texts, display.ax_.title) if text.get_text()]
        outer = display.figure_.bbox
        assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= outer.x1 and box.y1 <= outer.y1 for box in boxes)
        pairs = [(one, other) for at, one in enumerate(boxes) for other in boxes[:at]]
        assert not [pair for pair in pairs if pair[0].overlaps(pair[1])]


@pytest.mark.parametrize("coefs", [[], [[1.0]], [np.ones((2, 3)), np.ones((2, 1))]])
def test_weights_that_do_not_fit_are_refused(coefs):
    with pytest.raises(ValueError, match="coefs must be matrices"):
        NetworkDisplay(coefs)


def test_weights_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="coefs must be finite"):
        NetworkDisplay([[[np.nan]]])


def test_max_units_is_checked():
    with pytest.raises(ValueError, match="max_units must be 1 or more"):
        NetworkDisplay([np.ones((2, 2))]).plot(max_units=0)
    with pytest.raises(TypeError, match="max_units must be an integer"):
        NetworkDisplay([np.ones((2, 2))]).plot(max_units=1.5)


def test_a_network_is_needed():
    with pytest.raises(TypeError, match="needs a Network, got MLPClassifier: see from_estimator"):
        NetworkDisplay.from_network(MLPClassifier())
