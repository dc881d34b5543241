"""What displays read from a fitted estimator or a `Network`: arrays, values of all layers, losses, names."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from ..activations import BaseActivation
from ..callbacks import Callback, Checkpoint
from ..derivatives.recorded_forward import RecordedForward
from ..engine.dataset import Dataset
from ..engine.layout import Layout
from ..engine.model import TrainableModel
from ..estimators.base import BaseMLP
from ..estimators.checks import check_sample_weight
from ..network import Network
from ..training.mean_loss import mean_loss


@dataclass(frozen=True)
class Shown:
    """What a display reads from a model.

    Parameters
    ----------
    coefs : list of ndarray
        Weights of each layer, (fan_in, fan_out).
    activations : list of BaseActivation
        One for each layer after the input.
    feature_names, output_names : list of str
    name : str
        Of the model, for titles.
    values : callable
        From inputs (n, n_features), dense or CSR, to lists of pre-activations and of activations, (n, width) each.
    """

    coefs: list[np.ndarray]
    activations: list[BaseActivation]
    feature_names: list[str]
    output_names: list[str]
    name: str
    values: Callable[[Any], tuple[list[np.ndarray], list[np.ndarray]]]

    @property
    def layer_names(self) -> list[str]:
        """Names of the layers after the input."""
        n_hidden = len(self.coefs) - 1
        return [f"hidden {number + 1}" for number in range(n_hidden)] + ["output"]


def check_class(estimator: Any, caller: str) -> None:
    """Refuse what is not one of this package's estimators, with a TypeError."""
    if not isinstance(estimator, BaseMLP):
        _refuse(estimator, caller, "an MLPClassifier or MLPRegressor")


def check_class_or_table(estimator: Any, caller: str) -> bool:
    """Refuse what is not one of this package's estimators, with a TypeError; return whether it is one for tables."""
    if isinstance(estimator, BaseMLP):
        return False
    if not is_for_tables(estimator):
        _refuse(estimator, caller, "an MLPClassifier, MLPRegressor, TabularMLPClassifier or TabularMLPRegressor")
    return True


def is_for_tables(estimator: Any) -> bool:
    """Return whether it is an estimator for tables, whose modules are imported only if it may be one."""
    if not hasattr(estimator, "get_recipe"):
        return False
    from ..tabular.base import BaseTabularMLP

    return isinstance(estimator, BaseTabularMLP)


def _refuse(estimator: Any, caller: str, wanted: str) -> NoReturn:
    hint = ": pass its last step, and what the steps before it return" if hasattr(estimator, "steps") else ""
    if is_for_tables(estimator):
        hint = (
            ", whose members are networks behind an encoding of the table: FeatureScalesDisplay, LossCurveDisplay and "
            "LearningRateDisplay draw it"
        )
    raise TypeError(f"{caller} needs {wanted}, got {type(estimator).__name__}{hint}.")


def check_estimator(estimator: Any, caller: str) -> None:
    """Refuse what is not one of this package's estimators, fitted.

    Raises
    ------
    TypeError
        If it is something else.
    NotFittedError
        If it is not fitted.
    """
    check_class(estimator, caller)
    check_is_fitted(estimator)


def read_estimator(estimator: Any, caller: str) -> Shown:
    """Return what displays need of a fitted estimator; raises what `check_estimator` raises."""
    check_estimator(estimator, caller)
    arrays = estimator._arrays()
    model = arrays.view(np.dtype(np.float64))

    def values(X: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        recorded = RecordedForward(model, X)
        return recorded.pre_activations, recorded.outputs

    names = getattr(estimator, "feature_names_in_", None)
    features = default_names("x", model.layout.layer_sizes[0]) if names is None else list(map(str, names))
    outputs = _output_names(estimator, model.layout.layer_sizes[-1])
    coefs = [np.array(coef, np.float64) for coef in model.coefs]
    return Shown(coefs, list(model.activations), features, outputs, type(estimator).__name__, values)


def read_network(network: Any, caller: str) -> Shown:
    """Return what displays need of a `Network`.

    Raises
    ------
    TypeError
        If it is something else.
    """
    check_network(network, caller)
    widths = network.layout.layer_sizes
    coefs = [np.array(coef, np.float64) for coef in network.coefs]
    names = default_names("x", widths[0]), default_names("y", widths[-1])
    return Shown(coefs, list(network.activations), *names, "Network", network.activations_of)


def check_network(network: Any, caller: str) -> None:
    """Refuse what is not a `Network`, with a TypeError."""
    if not isinstance(network, Network):
        raise TypeError(f"{caller} needs a Network, got {type(network).__name__}: see from_estimator.")


def copy_to_fit(estimator: Any, callback: Callback) -> Any:
    """Return a copy that is not fitted, with a further callback.

    Of the estimator's own callbacks it has copies of those that may end the fit or change the weights: neither what
    they have recorded nor a checkpoint of the estimator is touched.
    """
    own = [each for each in getattr(estimator, "_skl_callbacks", ()) if isinstance(each, Callback)]
    copied = [copy.deepcopy(each) for each in own if not isinstance(each, Checkpoint)]
    return clone(estimator).set_callbacks(*copied, callback)


def default_names(letter: str, n: int) -> list[str]:
    """Return names with numbers from 0 on, as scikit-learn counts; a single output needs none.

    Examples
    --------
    >>> default_names("x", 2), default_names("y", 1)
    (['x0', 'x1'], ['y'])
    """
    return [letter] if n == 1 else [f"{letter}{number}" for number in range(n)]


def _output_names(estimator: Any, n_outputs: int) -> list[str]:
    """Return the classes or labels of the outputs; of two classes with one output, the second."""
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        return default_names("y", n_outputs)
    if n_outputs == 1:
        return [str(classes[-1])]
    return [str(each) for each in classes] if len(classes) == n_outputs else default_names("y", n_outputs)


class LossOf:
    """The loss of a model on some rows, without penalties, as a function of the parameters.

    Parameters
    ----------
    model : TrainableModel
        A copy of its own; its parameters are changed.
    dataset : Dataset
    """

    def __init__(self, model: TrainableModel, dataset: Dataset) -> None:
        self.model, self.dataset = model, dataset
        self.params = model.params.copy()

    @classmethod
    def estimator(cls, estimator: Any, X: Any, y: Any, sample_weight: Any) -> LossOf:
        """Return that of a fitted estimator, with its class weights, in float64."""
        arrays = estimator._arrays()
        view = arrays.view(np.dtype(np.float64))
        model = TrainableModel(view.layout.layer_sizes, view.activations, view.loss_function, np.float64)
        model.layout.fill(model.params, arrays.coefs, arrays.intercepts)
        X, encoded = estimator._encode_known(X, y)
        weights = estimator._weigh(encoded, check_sample_weight(sample_weight, X), encoded)
        weights = None if weights is None else weights.astype(np.float64)
        return cls(model, Dataset(X.astype(np.float64), encoded.astype(np.float64), weights, np.float64))

    @classmethod
    def network(cls, network: Network, X: Any, y: Any, sample_weight: Any) -> LossOf:
        """Return that of a network."""
        X, targets, weights = network._checked(X, y, sample_weight)
        return cls(network.astype(network.dtype), Dataset(X, targets, weights, network.dtype))

    def __call__(self, params: np.ndarray) -> float:
        """Compute the mean loss with these parameters, (n_params,)."""
        self.model.params = params
        return mean_loss(self.model, self.dataset)


def flat_params(layout: Layout, given: Any, name: str) -> np.ndarray:
    """Return parameters, a flat vector or a pair (coefs, intercepts), as a vector (n_params,) of float64.

    Raises
    ------
    ValueError
        If they have another shape.
    """
    if isinstance(given, tuple | list) and len(given) == 2 and not np.isscalar(given[0]):
        vector = np.empty(layout.size)
        layout.fill(vector, list(given[0]), list(given[1]), (f"{name}: coefs", f"{name}: intercepts"))
        return vector
    vector = np.array(given, np.float64)
    if vector.shape != (layout.size,):
        raise ValueError(
            f"{name} must be a vector of {layout.size} parameters or a pair (coefs, intercepts), got shape "
            f"{vector.shape}."
        )
    return vector


def curve(name: str, values: Sequence[float] | None, length: int | None = None) -> np.ndarray | None:
    """Return numbers, one for each epoch or step, as a vector; None for None.

    Raises
    ------
    ValueError
        If they are not a vector, or not of this length.
    """
    if values is None:
        return None
    array = np.array([np.nan if value is None else value for value in values], np.float64)
    if array.ndim != 1 or (length is not None and len(array) != length):
        wanted = "one number for each epoch" if length is None else f"{length} numbers"
        raise ValueError(f"{name} must be {wanted}, got shape {array.shape}.")
    return array
