"""What all displays have in common: every kind of model, errors, styles, matplotlib imported late."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn.neural_network
from helpers.drawn_models import KINDS, X
from helpers.merged import in_one_test
from matplotlib import pyplot
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastmlp.inspection
from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.inspection import (
    GradientFlowDisplay,
    LearningRateDisplay,
    LossCurveDisplay,
    LossSurfaceDisplay,
    NetworkDisplay,
    UnitDisplay,
)
from fastmlp.inspection.drawing import axes_for, colours_of

DRAW = {
    "LossCurveDisplay": lambda model, X, y, **given: LossCurveDisplay.from_estimator(model, **given),
    "NetworkDisplay": lambda model, X, y, **given: NetworkDisplay.from_estimator(model, **given),
    "UnitDisplay": lambda model, X, y, **given: UnitDisplay.from_estimator(
        model, X, y, grid_resolution=9, max_units=1, **given
    ),
    "UnitDisplay, plane": lambda model, X, y, **given: UnitDisplay.from_estimator(
        model, X, y, grid_resolution=9, kind="plane", **given
    ),
    "LossSurfaceDisplay": lambda model, X, y, **given: LossSurfaceDisplay.from_estimator(
        model, X, y, grid_resolution=5, **given
    ),
    "LearningRateDisplay": lambda model, X, y, **given: LearningRateDisplay.from_estimator(model, **given),
}
#: What cannot be drawn, with the message.
REFUSED = {
    ("LossCurveDisplay", "full batch"): "no loss curve",
    ("LearningRateDisplay", "full batch"): "no learning rate",
    ("UnitDisplay, plane", "no hidden layer"): "has none",
}


@in_one_test(shared=("models",))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", DRAW)
def test_every_kind_of_model_is_drawn_or_refused(name, kind, models):
    pyplot.close("all")
    if (name, kind) in REFUSED:
        with pytest.raises(ValueError, match=REFUSED[name, kind]):
            DRAW[name](*models[kind])
        assert not pyplot.get_fignums()
        return
    display = DRAW[name](*models[kind])
    assert display.figure_ is display.ax_.figure
    if kind == "multi-class":  # the layout takes longer than all the rest
        display.figure_.draw_without_rendering()


@in_one_test(shared=("models",))
@pytest.mark.parametrize("name", [*DRAW, "GradientFlowDisplay"])
def test_a_display_is_drawn_again_in_given_axes(name, models):
    display = GradientFlowDisplay([[1.0]]) if name == "GradientFlowDisplay" else DRAW[name](*models["binary"])
    figure, axes = pyplot.subplots(1, 2)
    assert display.plot(ax=axes[1]) is display and display.ax_ is axes[1] and display.figure_ is figure
    assert not axes[0].has_data()


@in_one_test()
@pytest.mark.parametrize("name", DRAW)
def test_a_model_that_is_not_fitted_is_refused(name):
    with pytest.raises(NotFittedError):
        DRAW[name](MLPClassifier(), X, X[:, 0] > 0)
    assert not pyplot.get_fignums()


@in_one_test()
@pytest.mark.parametrize("name", [*DRAW, "GradientFlowDisplay"])
def test_other_estimators_are_refused(name):
    draw = {**DRAW, "GradientFlowDisplay": GradientFlowDisplay.from_estimator}[name]
    with pytest.raises(TypeError, match=r"needs an MLPClassifier(,| or) MLPRegressor.*, got MLPClassifier"):
        draw(sklearn.neural_network.MLPClassifier(), X, X[:, 0] > 0)
    with pytest.raises(TypeError, match="got Pipeline: pass its last step"):
        draw(make_pipeline(StandardScaler(), MLPClassifier()), X, X[:, 0] > 0)


@in_one_test(shared=("models",))
@pytest.mark.parametrize("name", DRAW)
def test_missing_matplotlib_is_reported(name, models, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    display = name.partition(",")[0]
    with pytest.raises(ImportError, match=rf"{display}\.from_estimator needs .*pip install 'fastmlp\[plot\]'"):
        DRAW[name](*models["binary"])


def test_missing_matplotlib_is_reported_by_plot(monkeypatch):
    display = GradientFlowDisplay([[1.0]])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"GradientFlowDisplay\.plot needs"):
        display.plot()


def test_matplotlib_is_not_imported_before_something_is_drawn():
    code = (
        "import sys; from fastmlp.inspection import *; from fastmlp import inspection; dir(inspection)\n"
        "GradientFlowDisplay([[1.0]]); print([name for name in sys.modules if 'matplotlib' in name])"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_page_of_pictures_links_each_display():
    page = (Path(__file__).parents[2] / "docs" / "pictures.md").read_text(encoding="utf-8")
    for name in fastmlp.inspection.__all__:
        (module,) = re.findall(rf"\[`{name}`\]\(\.\./(fastmlp/inspection/\w+)\.py\)", page)
        assert getattr(fastmlp.inspection, name).__module__ == module.replace("/", ".")


def test_an_unknown_display_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"'fastmlp\.inspection' has no attribute 'ConfusionDisplay'"):
        _ = fastmlp.inspection.ConfusionDisplay


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_colours_show_on_the_background(style):
    with pyplot.style.context(style):
        colours = colours_of(axes_for(None, "a test"))
    assert colours.is_dark == (style == "dark_background")
    dark = 0.0 if colours.is_dark else 1.0
    assert np.abs(np.array(colours.text) - dark).min() > 0.9
    for shown in (*colours.in_order(7)[:, :3], *(np.array(colours.diverging()(at)[:3]) for at in (0.0, 1.0))):
        assert np.abs(shown @ [0.2126, 0.7152, 0.0722] - dark) > 0.15
    assert np.allclose(colours.diverging()(0.5)[:3], dark, atol=0.02)


def test_axes_of_a_dark_figure_have_light_text_in_the_default_style():
    ax = pyplot.subplots()[1]
    ax.set_facecolor("black")
    assert colours_of(ax).text == (1.0, 1.0, 1.0)


def test_the_estimator_is_not_changed(models):
    model, X, y = models["multi-class"]
    coefs, names = [coef.copy() for coef in model.coefs_], set(vars(model))
    for name in ("NetworkDisplay", "UnitDisplay", "LossSurfaceDisplay"):
        DRAW[name](model, X, y)
    assert set(vars(model)) == names and all(map(np.array_equal, coefs, model.coefs_))


def test_names_with_dollar_signs_are_no_equations():
    names = ["price in $ (US$)", "$^$"]
    values = [np.ones((2, 2, 2))] * 2
    for kind in ("maps", "plane"):
        display = UnitDisplay(
            [0, 1], [0, 1], values, values, ["hidden", "output"], feature_names=names,
            output_names=names, points=[np.ones((2, 2))] * 3, labels=names, classes=names,
        ).plot(kind=kind)  # fmt: skip
        display.figure_.draw_without_rendering()
    shown = [text.get_text().replace("\\$", "$") for text in display.ax_.get_legend().get_texts()]
    assert shown == names
    NetworkDisplay([np.ones((2, 2))], feature_names=names, output_names=names).plot().figure_.draw_without_rendering()


def test_float32_models_are_drawn():
    model = MLPRegressor(hidden_layer_sizes=(3,), solver="lbfgs", max_iter=300, random_state=0).fit(
        X.astype(np.float32), X[:, 0]
    )
    for name in ("NetworkDisplay", "UnitDisplay", "LossSurfaceDisplay"):
        DRAW[name](model, X.astype(np.float32), X[:, 0])
