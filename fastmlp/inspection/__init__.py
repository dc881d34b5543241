"""Pictures of networks and trainings, in the form of scikit-learn's displays; they need matplotlib.

Each class has `from_estimator`, which computes what is drawn and draws it, and stores the data as attributes, so that
``display.plot(ax=...)`` draws it again. ``pip install "fastmlp[plot]"`` installs matplotlib, which is imported when
something is drawn.

>>> from sklearn.datasets import load_iris
>>> from fastmlp import MLPClassifier
>>> from fastmlp.inspection import LossCurveDisplay
>>> X, y = load_iris(return_X_y=True)
>>> model = MLPClassifier(random_state=0, learning_rate_init=0.01, early_stopping=True).fit(X, y)
>>> display = LossCurveDisplay.from_estimator(model)
>>> display.best_epoch == model.best_epoch_
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common.lazy_names import lazy_names

if TYPE_CHECKING:
    from .feature_scales import FeatureScalesDisplay
    from .gradient_flow import GradientFlowDisplay
    from .learning_rate import LearningRateDisplay
    from .loss_curve import LossCurveDisplay
    from .loss_surface import LossSurfaceDisplay
    from .network import NetworkDisplay
    from .units import UnitDisplay

__all__ = [
    "FeatureScalesDisplay", "GradientFlowDisplay", "LearningRateDisplay", "LossCurveDisplay", "LossSurfaceDisplay",
    "NetworkDisplay", "UnitDisplay",
]  # fmt: skip

_MODULE_OF = {
    "FeatureScalesDisplay": ".feature_scales", "GradientFlowDisplay": ".gradient_flow",
    "LearningRateDisplay": ".learning_rate",
    "LossCurveDisplay": ".loss_curve", "LossSurfaceDisplay": ".loss_surface", "NetworkDisplay": ".network",
    "UnitDisplay": ".units",
}  # fmt: skip

__getattr__, __dir__ = lazy_names(__name__, _MODULE_OF)
