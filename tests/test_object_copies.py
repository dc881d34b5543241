"""What users name (losses, activations, optimizers, …) and subclasses of it: copied, pickled and cloned as it is."""

import copy
import pickle
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from helpers.custom_functions import tanh, tanh_derivative
from helpers.merged import in_one_test
from oracles.reference_losses import quartic, quartic_derivative
from sklearn.base import clone

import fastmlp
from fastmlp import CELU, SGD, Activation, AdamW, Cosine, Huber, LeakyReLU, Loss, MLPClassifier, MLPRegressor, Network
from fastmlp.activations import ACTIVATIONS
from fastmlp.common.frozen_params import with_values
from fastmlp.initializers import INITIALIZERS, GivenArrays, Initializer, Uniform
from fastmlp.losses import LOSSES, BaseLoss
from fastmlp.optimizers import OPTIMIZERS, Optimizer
from fastmlp.schedules import Adaptive, Constant, InverseScaling, Schedule, WarmUp

DUPLICATES = {
    "copy": copy.copy, "deepcopy": copy.deepcopy, "clone": lambda one: clone(one, safe=False),
    **{f"pickle {p}": lambda one, p=p: pickle.loads(pickle.dumps(one, p)) for p in (0, 2, pickle.HIGHEST_PROTOCOL)},
}  # fmt: skip


@pytest.fixture(params=DUPLICATES)
def duplicate(request):
    return DUPLICATES[request.param]


class Quartic(Loss):
    """A loss with an `__init__`, and an attribute, of its own."""

    def __init__(self, note):
        super().__init__(quartic, quartic_derivative)
        object.__setattr__(self, "note", note)


@dataclass(frozen=True)
class Noted(Loss):
    note: str = "none"


class Wide(Huber):
    def __init__(self, factor):
        super().__init__(delta=3.0 * factor)


class Bent(Activation):
    def __init__(self, note):
        super().__init__(tanh, tanh_derivative)
        vars(self)["note"] = note


class Steep(LeakyReLU):
    def __init__(self, tenths):
        super().__init__(slope=tenths / 10)
        vars(self)["note"] = tenths


@dataclass(frozen=True)
class Labelled(CELU):
    label: str = "none"


class Heavy(SGD):
    def __init__(self, rate):
        super().__init__(rate, momentum=0.95)
        object.__setattr__(self, "note", "heavy")


class Decayed(AdamW):
    def __init__(self, rate):
        super().__init__(rate)


class Lowered(Adaptive):
    def __init__(self, *, rate):
        super().__init__(rate)


class Scaled(InverseScaling):
    def __init__(self, *, rate):
        super().__init__(rate)


class Warm(WarmUp):
    def __init__(self, *, rate):
        super().__init__(Lowered(rate=rate), 2)


class Narrow(Uniform):
    def __init__(self, width):
        super().__init__(-width, width)


OWN = {
    "loss": Quartic("x"), "loss with a field": Noted(quartic, quartic_derivative, note="x"), "named loss": Wide(2),
    "activation": Bent("x"), "parametric": Steep(3), "parametric with a field": Labelled(2.0, "x"),
    "optimizer": Heavy(0.1), "decoupled": Decayed(Cosine(0.1, 20)), "schedule": Lowered(rate=0.1),
    "scaled": Scaled(rate=0.1), "warm-up": Warm(rate=0.1), "initializer": Narrow(0.5),
    "running optimizer": Heavy(0.1).begin(),
}  # fmt: skip


@in_one_test(shared=("duplicate",))
@pytest.mark.parametrize("name", OWN)
def test_subclasses_keep_their_type_and_attributes(name, duplicate):
    one = OWN[name]
    other = duplicate(one)
    assert type(other) is type(one)
    assert repr(other) == repr(one) or name == "running optimizer"
    for key, value in vars(one).items():
        if key not in ("_made", "kernel", "second_derivative", "settings", "schedule"):
            assert vars(other)[key] == value
    if name != "running optimizer":
        assert other == one
        assert hash(other) == hash(one)
    assert type(duplicate(other)) is type(one)


def test_copies_of_subclasses_train_alike(duplicate):
    X = np.random.RandomState(0).standard_normal((20, 2))
    results = []
    for again in (lambda one: one, duplicate):
        net = Network([2, 3, 1], [again(Bent("x")), again(Steep(3))], again(Quartic("x")))
        net.initialize(again(Narrow(0.5)), random_state=0)
        net.train(X, X[:, 0], again(Heavy(0.01)), epochs=3)
        results.append(net.params)
    np.testing.assert_array_equal(*results)


def test_every_named_object(duplicate):
    for table in (ACTIVATIONS, LOSSES, OPTIMIZERS, INITIALIZERS):
        for one in table.values():
            other = duplicate(one)
            assert type(other) is type(one)
            assert other == one
            assert repr(other) == repr(one)
    given = GivenArrays([[[1.0], [2.0]]], [[3.0]])
    assert duplicate(given) == given


def test_pickles_of_earlier_versions():
    """Custom functions and parameters were arguments of the functions and classes that are called here."""
    made = [
        (sys.modules[Activation.__module__]._restore, (tanh, tanh_derivative, None), Activation(tanh, tanh_derivative)),
        (sys.modules[Loss.__module__]._restore, (quartic, quartic_derivative, None), Loss(quartic, quartic_derivative)),
        (LeakyReLU, (0.3,), LeakyReLU(0.3)),
    ]
    for function, arguments, expected in made:
        assert pickle.loads(pickle.dumps(_Call(function, arguments))) == expected


class _Call:
    def __init__(self, function, arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("schedule", [Lowered(rate=0.1), Warm(rate=0.1), Scaled(rate=0.1)], ids=repr)
def test_schedules_of_subclasses_change_between_epochs(schedule):
    X = np.random.RandomState(0).standard_normal((30, 2))
    model = MLPRegressor(hidden_layer_sizes=(3,), solver=SGD(schedule), max_iter=30, tol=10.0, n_iter_no_change=2)
    model.fit(X, X[:, 0])
    changed = model._optimizer.schedule
    assert type(changed) is type(schedule)
    assert changed != schedule


def test_weight_decay_of_a_subclass():
    X = np.random.RandomState(0).standard_normal((30, 2))
    settings = {"hidden_layer_sizes": (3,), "random_state": 0, "weight_decay": 0.5}
    ours, expected = (
        MLPRegressor(solver=solver, **settings).partial_fit(X, X[:, 0]) for solver in (Decayed(0.1), AdamW(0.1))
    )
    np.testing.assert_array_equal(ours.coefs_[0], expected.coefs_[0])
    with pytest.raises(ValueError, match="Decayed: weight_decay must be"):
        with_values(Decayed(0.1), weight_decay=-1)


# Estimators


class Small(MLPClassifier):
    """Fewer parameters, and an attribute of its own."""

    def __init__(self, width=3, random_state=None):
        super().__init__(hidden_layer_sizes=(width,), max_iter=3, random_state=random_state)
        self.width = width


@in_one_test()
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", DUPLICATES)
def test_estimators(name):
    X = np.random.RandomState(0).standard_normal((20, 2))
    y = (X[:, 0] > 0).astype(int)
    for model in (Small(4, random_state=0), MLPClassifier(loss=LOSSES["focal"], max_iter=3, random_state=0)):
        assert type(DUPLICATES[name](model)) is type(model)
        model.fit(X, y)
        model.predict(X[:1])
        model.partial_fit(X, y)
        model.note = ["mine"]
        other = DUPLICATES[name](model)
        assert type(other) is type(model)
        if name == "clone":
            assert not hasattr(other, "coefs_")
            continue
        assert other.note == ["mine"]
        np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
        first = [array.copy() for array in model.coefs_]
        other.partial_fit(X, y)
        for array, before in zip(model.coefs_, first, strict=True):
            np.testing.assert_array_equal(array, before)
        model.partial_fit(X, y)
        for ours, theirs in zip(model.coefs_, other.coefs_, strict=True):
            np.testing.assert_array_equal(ours, theirs)


# Base classes


class NoRate(Schedule):
    pass


class NoKernel(Optimizer):
    n_moments = 0


class NoName(BaseLoss):
    natural = {"regression": "identity"}


@in_one_test()
@pytest.mark.parametrize(("kind", "message"), [
    (Schedule, "Schedule is a base class, which does not define at: use a schedule such as"),
    (NoRate, "NoRate is a base class, which does not define at"),
    (Optimizer, "Optimizer is a base class, which does not define n_moments and kernel: use an optimizer such as"),
    (NoKernel, "NoKernel is a base class, which does not define kernel"),
    (BaseLoss, "BaseLoss is a base class, which does not define name and natural: use a loss such as"),
    (NoName, "NoName is a base class, which does not define name"),
    (Initializer, "Initializer is a base class, which does not define _draw: use an initializer such as"),
])  # fmt: skip
def test_base_classes_are_not_objects(kind, message):
    with pytest.raises(TypeError, match=message):
        kind()


def test_every_public_name_can_be_pickled():
    for name in fastmlp.__all__:
        one = getattr(fastmlp, name)
        if not isinstance(one, type(sys)):
            assert pickle.loads(pickle.dumps(one)) is one or name == "__version__"
    assert Constant(1.0) == pickle.loads(pickle.dumps(Constant(1.0)))
