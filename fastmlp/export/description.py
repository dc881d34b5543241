"""`describe`: what a fitted model computes, without its parameters of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..activations import ACTIVATIONS, BaseActivation, as_written
from ..estimators.base import BaseMLP
from ..estimators.classifier import MLPClassifier
from ..estimators.parameters import gives_probabilities
from ..losses import Quantile, as_loss
from ..network import Network
from ..tabular.classifier import exponent_of

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class OutputDescription:
    """What the outputs of a network, or the mean outputs of several, mean.

    Attributes
    ----------
    kind : {'classifier', 'regressor', 'network'}
    n_outputs : int
    classes : ndarray
        Of a classifier; of others it is empty.
    is_multilabel : bool
        Whether a row has several labels, each an output.
    threshold : float
        Above which a single output means the second class, or a label is present.
    has_probabilities : bool
        Whether a classifier's outputs are probabilities: there is `predict_proba`.
    n_sorted : int
        Outputs that are sorted together, such as the quantiles of a target; 0 for none.
    shape : tuple of int
        Of a row's prediction: () for one output of a regressor.
    smoothing : float or None
        The label smoothing s that is undone to get probabilities, which are then divided by their sum; None if the
        outputs are the probabilities.
    target_scale, target_mean : ndarray of shape (n_outputs,) or None
        A prediction is the output times the scale plus the mean.
    target_range : ndarray of shape (2, n_outputs) or None
        What predictions are clipped to.
    """

    kind: str
    n_outputs: int
    classes: np.ndarray = field(default_factory=lambda: np.zeros(0))
    is_multilabel: bool = False
    threshold: float = 0.5
    has_probabilities: bool = False
    n_sorted: int = 0
    shape: tuple[int, ...] = ()
    smoothing: float | None = None
    target_scale: np.ndarray | None = None
    target_mean: np.ndarray | None = None
    target_range: np.ndarray | None = None

    @property
    def has_one_output_for_two_classes(self) -> bool:
        """Whether a single output p stands for the probabilities 1 − p and p."""
        return self.kind == "classifier" and not self.is_multilabel and self.n_outputs == 1

    @property
    def exponent(self) -> float:
        """The power by which label smoothing is undone: see `tabular.classifier.undo_smoothing`."""
        return exponent_of(self.smoothing or 0.0, 2 if self.is_multilabel else self.n_outputs)

    @property
    def n_estimates(self) -> int:
        """Number of a row's probabilities, or margins."""
        if self.has_one_output_for_two_classes and self.has_probabilities:
            return 2
        return self.n_outputs if self.smoothing is None else self.classes.size


@dataclass(frozen=True, kw_only=True)
class Description(OutputDescription):
    """A network, and what its outputs mean.

    Attributes
    ----------
    coefs, intercepts : list of ndarray
        (fan_in, fan_out) and (fan_out,) of each layer, in one type; copies.
    activations : list of BaseActivation
        One for each layer.
    """

    coefs: list[np.ndarray]
    intercepts: list[np.ndarray]
    activations: list[BaseActivation]

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64."""
        return self.coefs[0].dtype

    @property
    def n_features(self) -> int:
        """Number of inputs."""
        return int(self.coefs[0].shape[0])


def describe(model: Any, dtype: Any = None) -> Description:
    """Return what a fitted model computes.

    Parameters
    ----------
    model : MLPClassifier, MLPRegressor or Network
    dtype : numpy type, default=None
        Of weights and biases; None is the model's.

    Raises
    ------
    TypeError
        If it is no such model.
    NotFittedError
        If it was not fitted.
    ValueError
        If `loss` or `output_activation` was changed since, or a weight is not finite.
    """
    if isinstance(model, Network):
        model.check_memory()
        coefs, intercepts = _arrays(model.coefs, model.intercepts, dtype or model.dtype)
        n_outputs = len(intercepts[-1])
        return Description(
            kind="network", n_outputs=n_outputs, coefs=coefs, intercepts=intercepts,
            activations=list(model.activations), shape=(n_outputs,),
        )  # fmt: skip
    if not isinstance(model, BaseMLP):
        raise TypeError(
            "an MLPClassifier, an MLPRegressor, a TabularMLPClassifier, a TabularMLPRegressor or a Network can be "
            f"exported, got {model!r:.80}."
        )
    check_is_fitted(model)
    model._check_output_unchanged()
    arrays = model._arrays()
    view = arrays.view(np.dtype(np.float32))  # float32 if the weights are
    coefs, intercepts = _arrays(view.coefs, view.intercepts, dtype or view.dtype)
    common: dict[str, Any] = {
        "n_outputs": len(intercepts[-1]),
        "coefs": coefs,
        "intercepts": intercepts,
        "activations": list(arrays.activations),
    }
    if isinstance(model, MLPClassifier):
        try:
            has_probabilities = gives_probabilities(model)
        except AttributeError:
            has_probabilities = False
        multilabel, threshold = model._is_multilabel(), float(model._threshold())
        return Description(
            kind="classifier", **common, classes=np.asarray(model.classes_), is_multilabel=multilabel,
            threshold=threshold, has_probabilities=has_probabilities,
        )  # fmt: skip
    return Description(kind="regressor", **common, **_regression(model, len(intercepts[-1])))


def _regression(model: BaseMLP, n_outputs: int) -> dict[str, Any]:
    """Return how the outputs of a regressor are sorted and shaped."""
    loss, n_sorted = as_loss(model.loss), 0
    n_targets = loss.n_targets(model.out_activation_, n_outputs)
    if isinstance(loss, Quantile) and not loss.crossing and n_outputs > n_targets:
        n_sorted = n_outputs // n_targets
    each = (n_targets, n_outputs // n_targets)
    shape = () if n_outputs == 1 else (n_outputs,) if 1 in each else each
    return {"n_sorted": n_sorted, "shape": shape}


def _arrays(coefs: Any, intercepts: Any, dtype: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return copies in one type, all finite."""
    with np.errstate(over="ignore"):
        copies = tuple([np.array(array, dtype, order="C") for array in arrays] for arrays in (coefs, intercepts))
    refuse_infinite([*copies[0], *copies[1]], dtype)
    return copies[0], copies[1]


def refuse_infinite(arrays: list[np.ndarray], dtype: Any) -> None:
    """Raise a ValueError if a parameter is infinite or NaN in the type that was asked for."""
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError(f"A weight or bias is infinite or NaN in {np.dtype(dtype)}: such a model cannot be exported.")


def translate(activation: BaseActivation, table: Mapping[str, Callable[[Any], T]], target: str) -> T:
    """Return what a table has for an activation of the package.

    Parameters
    ----------
    activation : BaseActivation
    table : mapping of str to callable
        For each name, a function of the activation.
    target : str
        For the message.

    Raises
    ------
    ValueError
        If it is an activation of a user's own.
    """
    name = activation.name
    if name not in table or not isinstance(activation, type(ACTIVATIONS.get(name))):
        raise ValueError(
            f"The activation {as_written(activation)} cannot be written for {target}, as an activation of your own "
            f"never can: use one of {', '.join(table)}."
        )
    return table[name](activation)
