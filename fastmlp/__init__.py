"""fastmlp: the same model as scikit-learn's multi-layer perceptron, compiled from end to end.

>>> from fastmlp import MLPClassifier
>>> MLPClassifier(hidden_layer_sizes=(16,))
MLPClassifier(hidden_layer_sizes=(16,))
"""

import importlib

__version__ = "0.1.0"

#: Public name → the module it lives in, imported when the name is first used; importing fastmlp compiles nothing.
_HOMES = {
    "MLPClassifier": ".classifier", "MLPRegressor": ".regressor", "Network": ".network",
    **dict.fromkeys(
        (
            "AbsoluteError", "Focal", "Gamma", "HalfSquaredError", "Hinge", "Huber", "LogCosh", "LogLoss", "Loss",
            "Perceptron", "Poisson", "Quantile", "SquaredError", "SquaredHinge", "SumSquaredError", "Tweedie",
        ),
        ".losses",
    ),
}  # fmt: skip
__all__ = ["__version__", *_HOMES]


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *_HOMES])
