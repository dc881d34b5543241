"""Multi-layer perceptrons with scikit-learn's interface and results, compiled by Numba.

>>> from fastmlp import MLPClassifier
>>> MLPClassifier(hidden_layer_sizes=(16,))
MLPClassifier(hidden_layer_sizes=(16,))
"""

from __future__ import annotations

from .common.lazy_names import lazy_names

__version__ = "0.1.0"

# fmt: off
#: Public names by module. A module is imported when one of its names is first used, so that importing fastmlp loads
#: neither NumPy nor Numba.
_LAZY_MODULES = {
    ".estimators.classifier": ["MLPClassifier"],
    ".estimators.regressor": ["MLPRegressor"],
    ".network": ["Network", "NetworkEnsemble"],
    ".tabular.classifier": ["TabularMLPClassifier"],
    ".tabular.regressor": ["TabularMLPRegressor"],
    ".activations": ["BaseActivation"],
    ".activations.custom": ["Activation"],
    ".activations.builtin": ["CELU", "ELU", "LeakyReLU", "SiLU", "Softplus"],
    ".losses": [
        "AbsoluteError", "BaseLoss", "Focal", "Gamma", "HalfSquaredError", "Hinge", "Huber", "LogCosh", "LogLoss",
        "Loss", "Perceptron", "Poisson", "Quantile", "SquaredError", "SquaredHinge", "SumSquaredError", "Tweedie",
    ],
    ".optimizers": [
        "SGD", "AMSGrad", "AdaDelta", "AdaGrad", "AdaMax", "Adam", "AdamW", "LAMB", "LayerWise", "Lion", "NAdam",
        "Optimizer", "RAdam", "RMSProp", "RunningOptimizer",
    ],
    ".schedules": [
        "Adaptive", "Constant", "Cosine", "CosineRestarts", "Exponential", "FlatCosine", "InverseScaling",
        "InverseTime", "LogCosine", "OneCycle", "Polynomial", "Schedule", "StepDecay", "WarmUp", "count_steps",
    ],
    ".initializers": ["GivenArrays", "Initializer", "Orthogonal", "Uniform"],
    ".regularization": ["Regularization"],
    ".engine.layout": ["Layout"],
    ".persistence": ["load", "save"],
}
# fmt: on
_MODULE_OF = {name: module for module, names in _LAZY_MODULES.items() for name in names}
__all__ = ["__version__", *_MODULE_OF]

__getattr__, __dir__ = lazy_names(__name__, _MODULE_OF)
