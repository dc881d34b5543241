"""Networks are copied and pickled as any Python object: subclasses, added attributes, pickles of earlier versions."""

import copy
import pickle

import numpy as np
import pytest
from helpers.merged import in_one_test

from fastmlp import Huber, LeakyReLU, Network
from fastmlp.initializers import Initializer

DUPLICATES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {p}": lambda net, p=p: pickle.loads(pickle.dumps(net, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)},
}
X = np.random.RandomState(0).standard_normal((5, 2))


@pytest.fixture(params=DUPLICATES)
def duplicate(request):
    return DUPLICATES[request.param]


class OfOneNumber(Network):
    """Its `__init__` takes other arguments."""

    def __init__(self, width):
        super().__init__([2, width, 1], ["tanh", "identity"], "half_squared_error")
        self.width, self.notes = width, ["made"]
        self.initialize(random_state=0)


class WithKeywords(Network):
    def __init__(self, *, dtype="float32", seed):
        super().__init__([2, 3, 1], ["tanh", LeakyReLU(0.3)], Huber(2.0), dtype)
        self.initialize(random_state=seed)


class ByDocs(OfOneNumber):
    """`__getstate__` and `__setstate__` as Python's documentation writes them."""

    def __init__(self, width):
        super().__init__(width)
        self.lines = iter("ab")

    def __getstate__(self):
        state = self.__dict__.copy()
        del state["lines"]
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.lines = iter("ab")


class Lean(OfOneNumber):
    """Only `__getstate__` is its own, and it asks its base class."""

    def __getstate__(self):
        return {**super().__getstate__(), "notes": ["came from a copy"]}


class Slotted(OfOneNumber):
    __slots__ = ("extra",)

    def __init__(self, width):
        super().__init__(width)
        self.extra = width + 1


class Rebuilt(OfOneNumber):
    """Its own `__reduce__` decides."""

    def __reduce__(self):
        return Rebuilt, (self.width,)


MAKERS = {
    "other arguments": lambda: OfOneNumber(4),
    "keywords only": lambda: WithKeywords(seed=1),
    "float64": lambda: WithKeywords(seed=1, dtype="float64"),
    "own state": lambda: ByDocs(3),
    "own getstate": lambda: Lean(3),
    "slots": lambda: Slotted(2),
    "own reduce": lambda: Rebuilt(3),
}


@in_one_test(shared=("duplicate",))
@pytest.mark.parametrize("name", MAKERS)
def test_subclasses(name, duplicate):
    net = MAKERS[name]()
    net.params[0] = 0.5 if name != "own reduce" else net.params[0]
    other = duplicate(net)
    assert type(other) is type(net)
    assert other.params.dtype == net.params.dtype
    np.testing.assert_array_equal(other.forward(X), net.forward(X))
    assert other.activations == net.activations
    assert other.loss_function == net.loss_function
    assert not np.shares_memory(other.params, net.params)
    assert all(np.shares_memory(array, other.params) for array in (*other.coefs, *other.intercepts))
    losses = [each.train(X, np.ones(5), "sgd", epochs=2) for each in (net, other)]
    assert losses[0] == losses[1]
    before = net.params.copy()
    other.coefs[0][...] = 7
    other.params[-1] = -3
    other.coefs = [array * 2 for array in other.coefs]
    assert other.params[0] == 14
    assert np.array_equal(net.params, before)
    assert getattr(other, "width", 3) == getattr(net, "width", 3)
    if name == "slots":
        assert other.extra == 3
    if name == "own getstate":
        assert other.notes == ["came from a copy"]
    assert type(duplicate(other)) is type(net)


def test_added_attributes(duplicate):
    net = Network([2, 1], ["identity"], "half_squared_error")
    net.history, net.best = [1.0], net
    other = duplicate(net)
    assert other.history == [1.0]
    assert (other.history is net.history) == (duplicate is copy.copy)
    assert other.best is (net if duplicate is copy.copy else other)
    other.params = 1
    assert not net.params.any()


class _Old:
    """Pickles to what earlier versions wrote for a network."""

    def __init__(self, net):
        self.net = net

    def __reduce__(self):
        net = self.net
        arguments = net.layout.layer_sizes, net.activations, net.loss_function, net.dtype.name
        return type(net), arguments, np.array(net.params)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pickles_of_earlier_versions(dtype):
    net = Network([2, 3, 1], ["tanh", LeakyReLU(0.3)], Huber(2.0), dtype)
    net.initialize(random_state=3)
    other = pickle.loads(pickle.dumps(_Old(net)))
    assert type(other) is Network
    assert repr(other) == repr(net)
    np.testing.assert_array_equal(other.forward(X), net.forward(X))
    other.coefs[0][...] = 0
    assert not other.params[:6].any()


def test_a_network_without_parameters_yet(duplicate):
    """As of any object whose `__init__` has not run, or not to its end."""
    assert vars(duplicate(Network.__new__(Network))) == {}
    unfinished = OfOneNumber.__new__(OfOneNumber)
    unfinished.width = 3
    assert vars(duplicate(unfinished)) == {"width": 3}


@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")  # from NumPy 2.5 on
def test_parameters_moved_in_memory_are_not_copied(duplicate):
    net = OfOneNumber(3)
    net.coefs[0].shape = (3, 2)
    with pytest.raises(ValueError, match="memory, shape or type was changed in place"):
        duplicate(net)


def test_read_only_parameters(duplicate):
    net = OfOneNumber(3)
    net.params.flags.writeable = False
    other = duplicate(net)
    other.params[0] = 9
    assert net.params[0] != 9


def test_what_defines_a_network_cannot_be_deleted():
    net = OfOneNumber(3)
    for name in ("params", "layout", "dtype", "activations", "loss_function", "coefs", "intercepts"):
        with pytest.raises(AttributeError, match=name):
            delattr(net, name)
    del net.notes
    assert not hasattr(net, "notes")
    assert net.forward(X).shape == (5, 1)


class Fails(Initializer):
    """Raises at the second layer."""

    def _draw(self, coef, intercept, generator):
        if coef.shape[1] == 1:
            raise ValueError("no rule for one output")
        coef[...] = intercept[...] = generator.uniform()


def test_an_initializer_that_fails_changes_nothing():
    net = OfOneNumber(3)
    before = net.params.copy()
    with pytest.raises(ValueError, match="no rule for one output"):
        net.initialize(Fails(), random_state=0)
    np.testing.assert_array_equal(net.params, before)


REFUSED = {
    "params": [None, "a", [["a"]], [1, [2]], object(), np.array(["x"] * 13)],
    "coefs": [None, 3, "ab", [None, None], [[[1, 2, 3]] * 2, "a"], {1: 2}],
    "intercepts": [None, 3, "ab", [None, None], [[1, 2, 3], ["b"]]],
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_assignments_change_nothing(name):
    net = OfOneNumber(3)
    before = net.params.copy()
    for value in REFUSED[name]:
        with pytest.raises((TypeError, ValueError), match=name):
            setattr(net, name, value)
        np.testing.assert_array_equal(net.params, before)
    with pytest.raises(TypeError, match="the array of layer 1 must be an array of real numbers, got 'a'"):
        net.coefs[1] = "a"
    with pytest.raises(TypeError, match="coefs must be a list of arrays, one for each layer, got None"):
        net.set_weights(None, net.intercepts)
    with pytest.raises(ValueError, match=r"coefs\[0\] has rows of different lengths"):
        net.set_weights([[[1, 2], [3]], [[1]]], net.intercepts)
    np.testing.assert_array_equal(net.params, before)


def test_repr_has_the_numbers_of_activations_and_loss():
    net = WithKeywords(seed=0)
    assert repr(net) == (
        "WithKeywords([2, 3, 1], activations=['tanh', LeakyReLU(slope=0.3)], loss=Huber(delta=2.0), dtype='float32')"
    )
    plain = Network([2, 3, 1], ["leaky_relu", LeakyReLU(0.01)], Huber())
    assert repr(plain) == "Network([2, 3, 1], activations=['leaky_relu', 'leaky_relu'], loss='huber', dtype='float64')"
    for each in (net, plain):
        again = eval(repr(each).replace("WithKeywords", "Network"))
        assert again.activations == each.activations
        assert again.loss_function == each.loss_function
