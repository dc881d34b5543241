"""`GradientFlowDisplay`: lines and maps of what a history has recorded."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.drawn_models import SIGN, X
from helpers.merged import in_one_test
from matplotlib.colors import LogNorm

from fastmlp import MLPClassifier
from fastmlp.inspection import GradientFlowDisplay

NORMS = np.array([[1e-5, 1e-2, 1.0], [1e-4, 2e-2, 0.5]])
HISTORY = SimpleNamespace(
    rows=[{"epoch": 1, "gradient_norms": (1e-5, 1e-2, 1.0)}, {"epoch": 2, "gradient_norms": (1e-4, 2e-2, 0.5)}]
)


def test_there_is_a_line_for_each_layer():
    display = GradientFlowDisplay.from_history(HISTORY)
    assert display.ax_.get_yscale() == "log" and display.image_ is None
    assert [line.get_ydata().tolist() for line in display.lines_] == NORMS.T.tolist()
    assert display.lines_[0].get_xdata().tolist() == [1, 2]
    shown = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert shown == ["output", "hidden 2", "hidden 1"]


def test_the_map_has_a_row_for_each_layer():
    display = GradientFlowDisplay.from_history(HISTORY, kind="heatmap")
    assert np.array_equal(display.image_.get_array().reshape(3, 2), NORMS.T)
    assert isinstance(display.image_.norm, LogNorm)
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["hidden 1", "hidden 2", "output"]


@in_one_test()
@pytest.mark.parametrize("kind", ["lines", "heatmap"])
@pytest.mark.parametrize("norms", [[[0.0, 1.0], [np.inf, 2.0]], [[0.0]], [[np.nan, 0.0]]])
def test_norms_without_logarithm_are_left_out(kind, norms):
    display = GradientFlowDisplay(norms).plot(kind=kind)
    if kind == "lines":
        assert not any((line.get_ydata() <= 0).any() for line in display.lines_)
    else:
        display.figure_.draw_without_rendering()
        assert display.image_.get_array().mask.any()
        assert "grey: zero, or not finite" in [text.get_text() for text in display.ax_.texts]


def test_a_hundred_layers_have_labels_apart():
    display = GradientFlowDisplay(np.ones((2, 100))).plot(kind="heatmap")
    display.figure_.draw_without_rendering()
    boxes = [label.get_window_extent() for label in display.ax_.get_yticklabels()]
    assert len(boxes) == 20 and not any(one.overlaps(other) for one, other in pairwise(boxes))


def test_a_history_without_norms_is_refused():
    for rows in ([], [{"epoch": 1, "gradient_norms": None}], [{"epoch": 1}]):
        with pytest.raises(ValueError, match=f"no gradient norms in {len(rows)} epochs"):
            GradientFlowDisplay.from_history(SimpleNamespace(rows=rows))


@pytest.mark.parametrize("norms", [[], [1.0], [[]], np.ones((1, 2, 3))])
def test_norms_of_another_shape_are_refused(norms):
    with pytest.raises(ValueError, match=r"must have shape \(n_epochs, n_layers\)"):
        GradientFlowDisplay(norms)


def test_names_and_kind_are_checked():
    with pytest.raises(ValueError, match="must hold 2 names"):
        GradientFlowDisplay([[1.0, 2.0]], layer_names=["one"])
    with pytest.raises(ValueError, match="kind must be 'lines' or 'heatmap', got 'map'"):
        GradientFlowDisplay([[1.0]]).plot(kind="map")


def test_a_copy_of_the_estimator_is_fitted():
    model = MLPClassifier((4, 3), activation="logistic", max_iter=300, tol=1.0, random_state=0)
    display = GradientFlowDisplay.from_estimator(model, X, SIGN, sample_weight=np.ones(len(X)))
    assert not hasattr(model, "coefs_") and not hasattr(model, "_skl_callbacks")
    fitted = model.fit(X, SIGN)
    assert display.gradient_norms.shape == (fitted.n_iter_, 3)
    assert (display.gradient_norms > 0).all() and display.estimator_name == "MLPClassifier"


def test_a_solver_without_epochs_is_refused():
    with pytest.raises(ValueError, match="lbfgs"):
        GradientFlowDisplay.from_estimator(MLPClassifier(solver="lbfgs"), X, SIGN)
