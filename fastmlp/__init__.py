"""fastmlp: the same model as scikit-learn's multi-layer perceptron, compiled from end to end.

>>> from fastmlp import MLPClassifier
>>> MLPClassifier(hidden_layer_sizes=(16,))
MLPClassifier(hidden_layer_sizes=(16,))
"""

import importlib

__version__ = "0.1.0"

# fmt: off
#: Public names by the module they live in, imported when one is first used; importing fastmlp compiles nothing.
_LAZY_MODULES = {
    ".estimators.classifier": ["MLPClassifier"],
    ".estimators.regressor": ["MLPRegressor"],
    ".network": ["Network"],
    ".activations.custom": ["Activation"],
    ".activations.builtin": ["CELU", "ELU", "LeakyReLU", "SiLU", "Softplus"],
    ".losses": [
        "AbsoluteError", "Focal", "Gamma", "HalfSquaredError", "Hinge", "Huber", "LogCosh", "LogLoss", "Loss",
        "Perceptron", "Poisson", "Quantile", "SquaredError", "SquaredHinge", "SumSquaredError", "Tweedie",
    ],
    ".optimizers": [
        "SGD", "AMSGrad", "AdaDelta", "AdaGrad", "AdaMax", "Adam", "AdamW", "LAMB", "Lion", "NAdam", "RAdam", "RMSProp",
        "Optimizer",
    ],
    ".initializers": ["GivenArrays", "Initializer", "Orthogonal", "Uniform"],
    ".regularization": ["Regularization"],
    ".schedules": [
        "Constant", "Cosine", "CosineRestarts", "Exponential", "InverseTime", "OneCycle", "Polynomial", "StepDecay",
        "Schedule", "WarmUp", "count_steps",
    ],
}
# fmt: on
_MODULE_OF = {name: module for module, names in _LAZY_MODULES.items() for name in names}
__all__ = ["__version__", *_MODULE_OF]


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF[name], __name__), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *_MODULE_OF])
