"""`to_torch`: a model as a PyTorch module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..tabular.base import BaseTabularMLP
from .description import Description, OutputDescription, describe, translate
from .table_description import TableDescription, describe_table

#: From here on softplus(u) = u; PyTorch's usual 20 is visible in float64.
_LINEAR_FROM = 50.0


def to_torch(model: Any) -> Any:
    """Return a fitted model as a `torch.nn.Sequential`.

    Its output for inputs X is that of `predict_proba` of a classifier, of `decision_function` if the loss has margins,
    of `predict` of a regressor and of `forward` of a `Network`: (n, n_outputs), and (n,) for one output of an
    estimator. It may be trained further, stored and compiled as any module.

    Of a model for tables, the inputs are those of its networks, ``model.encoder_.transform(table)``: PyTorch has
    neither strings nor missing values. The first module has the networks as `members`, with scales, slopes and
    embeddings as parameters of their own.

    Parameters
    ----------
    model : MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor or Network

    Returns
    -------
    module : torch.nn.Sequential
        In the type of the model's weights, with copies of them.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    TypeError, ValueError, NotFittedError
        If it is no such model, has an activation of your own, or was not fitted.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fastmlp import MLPClassifier
    >>> from fastmlp.export import to_torch
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier((8,), random_state=0).partial_fit(X, y, classes=[0, 1, 2])
    >>> to_torch(model)(torch.from_numpy(X)).shape  # doctest: +SKIP
    torch.Size([150, 3])
    """
    if isinstance(model, BaseTabularMLP):
        ensemble = describe_table(model)
        return _ensemble_module(ensemble, _activations())
    described = describe(model)
    return _network_module(described, _activations())


def _network_module(described: Description, table: Mapping[str, Callable[[Any], Any]]) -> Any:
    activations = [translate(each, table, "PyTorch") for each in described.activations]
    import torch

    layers = []
    for coef, intercept, activation in zip(described.coefs, described.intercepts, activations, strict=True):
        layer = torch.nn.Linear(coef.shape[0], coef.shape[1], dtype=getattr(torch, described.dtype.name))
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(coef.T.copy()))
            layer.bias.copy_(torch.from_numpy(intercept))
        layers += [layer, activation]
    return torch.nn.Sequential(*layers, *_ending(described))


def _ensemble_module(described: TableDescription, table: Mapping[str, Callable[[Any], Any]]) -> Any:
    activations = [[translate(each, table, "PyTorch") for each in member.activations] for member in described.members]
    from torch import nn

    from .torch_tables import Ensemble, TableNetwork

    members = [
        TableNetwork(member, described.encoding, each)
        for member, each in zip(described.members, activations, strict=True)
    ]
    return nn.Sequential(Ensemble(members), *_ending(described))


def _ending(described: OutputDescription) -> list[Any]:
    """Return the modules behind the output activation."""
    from torch import nn

    from .torch_modules import BothClasses, Sorted, TargetUnits, Unsmoothed

    if described.kind == "classifier":
        if described.smoothing is not None:
            return [Unsmoothed(described.smoothing, described.classes.size, described.is_multilabel)]
        if described.has_one_output_for_two_classes:
            return [BothClasses()] if described.has_probabilities else [nn.Flatten(0)]
        return []
    ending: list[Any] = []
    if described.target_scale is not None and described.target_mean is not None:
        ending.append(TargetUnits(described.target_scale, described.target_mean, described.target_range))
    if described.n_sorted:
        ending.append(Sorted(described.n_sorted))
    if not described.shape:
        return [*ending, nn.Flatten(0)]
    return [*ending, nn.Unflatten(1, described.shape)] if len(described.shape) == 2 else ending


def _activations() -> dict[str, Callable[[Any], Any]]:
    """Return what makes a module of each activation."""
    try:
        from torch import nn
    except ImportError as error:
        raise ImportError("to_torch needs PyTorch: pip install torch.") from error
    from .torch_modules import Exp, Step, Swish

    return {
        "identity": lambda f: nn.Identity(),
        "logistic": lambda f: nn.Sigmoid(),
        "tanh": lambda f: nn.Tanh(),
        "relu": lambda f: nn.ReLU(),
        "leaky_relu": lambda f: nn.LeakyReLU(f.slope),
        "elu": lambda f: nn.ELU(f.alpha),
        "celu": lambda f: nn.CELU(f.alpha),
        "selu": lambda f: nn.SELU(),
        "gelu": lambda f: nn.GELU(),
        "gelu_tanh": lambda f: nn.GELU(approximate="tanh"),
        "silu": lambda f: nn.SiLU() if f.beta == 1 else Swish(f.beta),
        "mish": lambda f: nn.Mish(),
        "softplus": lambda f: nn.Softplus(f.beta, _LINEAR_FROM),
        "softsign": lambda f: nn.Softsign(),
        "relu6": lambda f: nn.ReLU6(),
        "hard_tanh": lambda f: nn.Hardtanh(),
        "hard_sigmoid": lambda f: nn.Hardsigmoid(),
        "hard_swish": lambda f: nn.Hardswish(),
        "exp": lambda f: Exp(),
        "step": lambda f: Step(),
        "softmax": lambda f: nn.Softmax(dim=1),
    }
