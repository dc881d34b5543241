"""Initial parameters, by name or as an object.

=================  ==========================================  ======  =================================================
name               weights                                     biases  source
=================  ==========================================  ======  =================================================
sklearn            U(−b, b), b = √(6 / (fan_in + fan_out)),    same    as scikit-learn, see `glorot_uniform`
                   √(2 / …) in logistic layers
glorot_uniform     U(−b, b), b = √(6 / (fan_in + fan_out))     0       Glorot and Bengio (2010), "Understanding the
glorot_normal      N(0, 2 / (fan_in + fan_out))                0       difficulty of training deep feedforward networks"
he_uniform         U(−b, b), b = √(6 / fan_in)                 0       He, Zhang, Ren and Sun (2015), "Delving deep into
he_normal          N(0, 2 / fan_in)                            0       rectifiers"
lecun_uniform      U(−b, b), b = √(3 / fan_in)                 0       LeCun, Bottou, Orr and Müller (1998), "Efficient
lecun_normal       N(0, 1 / fan_in)                            0       backprop"; for SELU, Klambauer et al. (2017)
orthogonal         orthonormal rows or columns, times a gain   0       `Orthogonal`
uniform            U(low, high), U(−1, 1) by name              same    `Uniform`
=================  ==========================================  ======  =================================================

fan_in and fan_out are the widths of the layer below and of the layer itself; N(0, v) has variance v. The uniform and
the normal distribution of the same name have the same variance, b² / 3. All numbers are drawn in float64, layer by
layer, weights row by row before biases, and then rounded to the type of the parameters: the same seed gives the same
network in both types.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from .common.checks import one_per_layer
from .common.frozen_params import Finite, FrozenParams, Positive, check_defines
from .common.lookup import look_up
from .common.random_state import as_random_state
from .engine.layout import Layout


def glorot_uniform(
    layout: Layout, activation: str | Sequence[str], random_state: np.random.RandomState, params: np.ndarray
) -> None:
    """Fill `params` as scikit-learn does: U(−b, b) with b = √(6 / (fan_in + fan_out)), √(2 / …) for logistic.

    `activation` is one name for all layers, or a list with the name of each hidden layer, which decides its scale. The
    output layer has the scale of the last hidden layer, as in scikit-learn, whatever its own activation.

    The same seed draws scikit-learn's numbers, in float64, before they are rounded to the type of `params`.

    Source: Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks".
    """
    names = _one_for_each_layer(activation, len(layout.shapes))
    for coef, intercept, name in zip(layout.coefs(params), layout.intercepts(params), names, strict=True):
        bound = np.sqrt((2.0 if name == "logistic" else 6.0) / sum(coef.shape))
        coef[...] = random_state.uniform(-bound, bound, coef.shape)
        intercept[...] = random_state.uniform(-bound, bound, intercept.shape)


def _one_for_each_layer(activation: str | Sequence[str], n_layers: int) -> list[str]:
    """Return the activation that decides each layer's scale; without hidden layers it is 'relu'."""
    if isinstance(activation, str):
        return [activation] * n_layers
    hidden = one_per_layer("activation", list(activation), n_layers - 1)
    return [*hidden, (hidden or ["relu"])[-1]]


class Initializer:
    """Base of all initializers: what fills a network's parameters."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        if cls.__call__ is Initializer.__call__:
            check_defines(cls, Initializer, ("_draw",), "an initializer such as Uniform(-1, 1)")
        return super().__new__(cls)

    def __call__(self, layout: Layout, activation: str | Sequence[str], random_state: Any, params: np.ndarray) -> None:
        """Overwrite all parameters.

        Parameters
        ----------
        layout : Layout
        activation : str or sequence of str
            Name of the hidden layers' activation, or of each one's, on which scikit-learn's scale depends.
        random_state : int, RandomState or None
        params : ndarray of shape (layout.size,)
        """
        generator = as_random_state(random_state)
        for coef, intercept in zip(layout.coefs(params), layout.intercepts(params), strict=True):
            self._draw(coef, intercept, generator)

    def _draw(self, coef: np.ndarray, intercept: np.ndarray, generator: np.random.RandomState) -> None:
        """Overwrite one layer's weights (fan_in, fan_out) and biases (fan_out,)."""
        raise NotImplementedError  # pragma: no cover


@dataclass(frozen=True)
class _Named(Initializer):
    """An initializer without parameters; there is one object for each name."""

    name: str

    def __repr__(self) -> str:
        return f"as_initializer({self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return as_initializer, (self.name,)


class _ScikitLearns(_Named):
    def __call__(self, layout: Layout, activation: str | Sequence[str], random_state: Any, params: np.ndarray) -> None:
        glorot_uniform(layout, activation, as_random_state(random_state), params)


class _Scaled(_Named):
    """Weights with mean 0 and variance numerator / fans, as named, and biases of 0."""

    def _draw(self, coef: np.ndarray, intercept: np.ndarray, generator: np.random.RandomState) -> None:
        scheme, distribution = self.name.split("_")
        numerator = {"glorot": 2.0, "he": 2.0, "lecun": 1.0}[scheme]
        fan_in, fan_out = coef.shape
        deviation = math.sqrt(numerator / (fan_in + fan_out if scheme == "glorot" else fan_in))
        if distribution == "normal":
            coef[...] = generator.normal(0.0, deviation, coef.shape)
        else:
            bound = math.sqrt(3) * deviation
            coef[...] = generator.uniform(-bound, bound, coef.shape)
        intercept[...] = 0


@dataclass(frozen=True)
class Orthogonal(FrozenParams, Initializer):
    """A random orthogonal matrix times a gain; biases 0.

    The rows or columns of the weight matrix, whichever are fewer, are orthonormal (times the gain), so that the layer
    preserves lengths, forward or backward. The matrix is Q of the QR decomposition of a normally distributed matrix,
    with each column multiplied by the sign of R's diagonal: this distribution is uniform over orthogonal matrices.

    Parameters
    ----------
    gain : float, default=1.0
        √2 compensates for the half that ReLU sets to zero.

    Raises
    ------
    ValueError
        If `gain` is not a finite number greater than 0.

    References
    ----------
    Saxe, McClelland and Ganguli (2013), "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks"; Mezzadri (2006), "How to generate random matrices from the classical compact groups".

    Examples
    --------
    >>> import numpy as np
    >>> layout = Layout([2, 3])
    >>> params = np.zeros(layout.size)
    >>> Orthogonal(gain=2.0)(layout, "relu", 0, params)
    >>> weight = layout.coefs(params)[0]
    >>> (weight @ weight.T).round(12)
    array([[4., 0.],
           [0., 4.]])
    """

    gain: Positive = 1.0

    def _draw(self, coef: np.ndarray, intercept: np.ndarray, generator: np.random.RandomState) -> None:
        long, short = max(coef.shape), min(coef.shape)
        q, r = np.linalg.qr(generator.normal(size=(long, short)))
        q *= np.copysign(self.gain, np.diag(r))
        coef[...] = q if coef.shape == q.shape else q.T
        intercept[...] = 0


@dataclass(frozen=True)
class Uniform(FrozenParams, Initializer):
    """Weights and biases drawn from U(low, high) in every layer: for networks small enough to follow by hand.

    Parameters
    ----------
    low : float, default=-1.0
        Lower bound.
    high : float, default=1.0
        Upper bound.

    Raises
    ------
    ValueError
        If they are not finite numbers, or `low` is not less than `high`.

    Examples
    --------
    >>> import numpy as np
    >>> params = np.zeros(3)
    >>> Uniform(0.5, 0.75)(Layout([2, 1]), "tanh", 0, params)
    >>> params.round(3)
    array([0.637, 0.679, 0.651])
    """

    low: Finite = -1.0
    high: Finite = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.low < self.high:
            raise ValueError(
                f"Uniform: low must be less than high, but low={self.low!r}, high={self.high!r} were given."
            )

    def _draw(self, coef: np.ndarray, intercept: np.ndarray, generator: np.random.RandomState) -> None:
        coef[...] = generator.uniform(self.low, self.high, coef.shape)
        intercept[...] = generator.uniform(self.low, self.high, intercept.shape)


@dataclass(frozen=True, eq=False, repr=False)
class GivenArrays(Initializer):
    """Given arrays as initial parameters.

    Parameters
    ----------
    coefs : sequence of array-like
        Weights of each layer, (fan_in, fan_out); copied.
    intercepts : sequence of array-like
        Biases of each layer, (fan_out,); copied.

    Raises
    ------
    ValueError
        If one of them is not an array of finite real numbers; when the network is initialized, if their shapes are not
        those of the network.

    Examples
    --------
    >>> import numpy as np
    >>> params = np.zeros(3)
    >>> GivenArrays([[[0.1], [0.5]]], [[0.25]])(Layout([2, 1]), "tanh", None, params)
    >>> params
    array([0.1 , 0.5 , 0.25])
    """

    coefs: Sequence[Any]
    intercepts: Sequence[Any]

    def __post_init__(self) -> None:
        vars(self).update(coefs=_copies("coefs", self.coefs), intercepts=_copies("intercepts", self.intercepts))

    def __call__(self, layout: Layout, activation: str | Sequence[str], random_state: Any, params: np.ndarray) -> None:
        layout.fill(params, self.coefs, self.intercepts, ("coefs", "intercepts"))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GivenArrays) or len(self.coefs) != len(other.coefs):
            return False
        pairs = zip((*self.coefs, *self.intercepts), (*other.coefs, *other.intercepts), strict=False)
        return len(self.intercepts) == len(other.intercepts) and all(np.array_equal(*pair) for pair in pairs)

    def __hash__(self) -> int:
        return hash(tuple(array.tobytes() for array in (*self.coefs, *self.intercepts)))

    def __repr__(self) -> str:
        coefs, intercepts = ([array.tolist() for array in arrays] for arrays in (self.coefs, self.intercepts))
        return f"GivenArrays({coefs}, {intercepts})"


def _copies(name: str, arrays: Any) -> tuple[np.ndarray, ...]:
    """Return read-only copies in float64."""
    copies = []
    try:
        for array in arrays:
            copies.append(np.array(array, np.float64))
            copies[-1].flags.writeable = False
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a sequence of arrays of real numbers: {error}.") from error
    if not all(np.isfinite(array).all() for array in copies):
        raise ValueError(f"{name} holds NaN or infinity: initial parameters must be finite.")
    return tuple(copies)


INITIALIZERS: dict[str, Initializer] = {
    "sklearn": _ScikitLearns("sklearn"),
    **{name: _Scaled(name) for name in ("glorot_uniform", "glorot_normal", "he_uniform", "he_normal")},
    **{name: _Scaled(name) for name in ("lecun_uniform", "lecun_normal")},
    "orthogonal": Orthogonal(),
    "uniform": Uniform(),
}


def as_initializer(initializer: str | Initializer) -> Initializer:
    """Return the initializer of this name, or the object itself.

    Raises
    ------
    UnknownNameError
        A ValueError and a KeyError, if there is no such initializer.

    Examples
    --------
    >>> as_initializer("orthogonal")
    Orthogonal(gain=1.0)
    """
    if isinstance(initializer, Initializer):
        return initializer
    return look_up("initializer", initializer, INITIALIZERS, "Orthogonal(gain), Uniform(low, high), GivenArrays(…)")
