"""Activations as objects: equality, copies, pickling, repr, names, and the parameters that they refuse."""

import copy
import pickle

import numpy as np
import pytest
from helpers import custom_functions
from helpers.custom_functions import PAIRS
from helpers.merged import in_one_test
from sklearn.base import clone

import fastmlp
from fastmlp import Activation
from fastmlp.activations import ACTIVATIONS, BaseActivation, as_activation, as_hidden_activation
from fastmlp.activations.builtin import ELU


def parametric():
    return [ELU(0.5), fastmlp.CELU(2), fastmlp.LeakyReLU(0.3), fastmlp.SiLU(2.0), fastmlp.Softplus(3)]


def own():
    return [Activation(*pair) for pair in PAIRS.values()]


def everyone():
    return [*ACTIVATIONS.values(), *parametric(), *own()]


@in_one_test()
@pytest.mark.parametrize("number", range(len(everyone())))
def test_copies_are_equal(number):
    one, again = everyone()[number], everyone()[number]
    copies = copy.copy(one), copy.deepcopy(one), clone(one, safe=False), pickle.loads(pickle.dumps(one)), again
    for other in copies:
        assert other == one and hash(other) == hash(one) and repr(other) == repr(one)
        assert other.kernel is one.kernel and other.constants == one.constants and other.name == one.name
        assert other.is_elementwise == one.is_elementwise and (other.second_derivative is None) == (
            one.second_derivative is None
        )
    assert sum(other == one for other in everyone()) == 1 + (one.name == "silu" and one == ACTIVATIONS["swish"])
    assert one != one.name and one != (one,)
    assert isinstance(one, BaseActivation) and isinstance(one, Activation) == (one in own())


def test_repr_is_code_that_recreates_them():
    names = {**vars(fastmlp), **vars(custom_functions), "as_activation": as_activation}
    names.update({name: getattr(fastmlp, name) for name in fastmlp.__all__})
    for activation in everyone():
        assert eval(repr(activation), names) == activation
    assert repr(ELU(np.float64(2))) == "ELU(alpha=2.0)"


def test_they_are_immutable():
    for activation in everyone():
        for name in ("name", "kernel", "constants", "alpha", "anything"):
            with pytest.raises(AttributeError):
                setattr(activation, name, 1)
        with pytest.raises(AttributeError):
            del activation.kernel


@in_one_test()
@pytest.mark.parametrize("made", [
    lambda: ELU(-1), lambda: ELU(np.nan), lambda: fastmlp.CELU(0), lambda: fastmlp.SiLU(0.0), lambda: fastmlp.SiLU(-2),
    lambda: fastmlp.Softplus(np.inf), lambda: fastmlp.Softplus("1"), lambda: fastmlp.LeakyReLU(None),
    lambda: fastmlp.LeakyReLU(True), lambda: fastmlp.LeakyReLU(np.inf),
])  # fmt: skip
def test_invalid_parameters_are_refused(made):
    with pytest.raises(
        ValueError,
        match=r"^\w+: (alpha|beta|slope) must be a (finite )?number( of at least| greater than)?.* was given\.$",
    ):
        made()


def test_unknown_names_are_refused():
    for name in ("rely", "", None, 3, ["relu"], np.tanh):
        with pytest.raises(ValueError, match=r"it is one of identity, logistic, tanh, relu, .*softmax") as caught:
            as_activation(name)
        assert isinstance(caught.value, KeyError)
        assert str(caught.value).startswith(f"activation={name!r} is unknown")


def test_softmax_is_refused_in_hidden_layers():
    with pytest.raises(ValueError, match=r"'softmax' can only be an output activation.*Hidden layers take identity, "):
        as_hidden_activation("softmax")
    for name, activation in ACTIVATIONS.items():
        assert activation.is_elementwise == (name != "softmax")
        assert name == "softmax" or as_hidden_activation(name) is activation
    own = Activation(*PAIRS["tanh"])
    assert as_hidden_activation(own) is own is as_activation(own)
    with pytest.raises(ValueError, match="is a matrix"):
        ACTIVATIONS["softmax"].derivative([[1.0, 2.0]])


def test_call_keeps_shape_and_type():
    """Any shape, any type; nothing is changed in place; softmax along the last axis."""
    z = np.random.RandomState(0).standard_normal((2, 3, 4))
    before = z.copy()
    for activation in (ACTIVATIONS["mish"], ELU(2), Activation(*PAIRS["silu"])):
        flat = activation(z.ravel())
        np.testing.assert_array_equal(activation(z), flat.reshape(z.shape))
        np.testing.assert_array_equal(activation(np.asfortranarray(z)), flat.reshape(z.shape))
        assert activation(z.astype(np.float32)).dtype == np.float32
        assert activation(0).shape == () and activation([]).shape == (0,)
        assert activation([1, 2]).dtype == np.float64
    np.testing.assert_allclose(ACTIVATIONS["softmax"](z).sum(axis=2), 1)
    assert ACTIVATIONS["softmax"](np.zeros((0, 3))).shape == (0, 3)
    np.testing.assert_array_equal(z, before)


def test_other_parameters_compile_nothing():
    """Objects of one class with other parameters share one kernel."""
    assert ELU(0.5).kernel is ELU(2).kernel is fastmlp.CELU().kernel is ACTIVATIONS["selu"].kernel
    assert ELU(0.5).constants != ELU(2).constants
