"""What messages say: objects as code, proposals that are accepted, and no error of the inside."""

import math
import pickle
import re

import numpy as np
import pytest
from helpers.fits import draw, ignores_max_iter, make
from helpers.merged import in_one_test

from fastmlp import (
    SGD,
    Activation,
    AdamW,
    Focal,
    Huber,
    LeakyReLU,
    Loss,
    MLPClassifier,
    MLPRegressor,
    Network,
    Quantile,
    Tweedie,
)
from fastmlp.activations import ACTIVATIONS
from fastmlp.estimators.parameters import choose_output
from fastmlp.losses import LOSSES, TASKS

pytestmark = ignores_max_iter

TANH = Activation(math.tanh, lambda z: 1 - math.tanh(z) ** 2)
WIDTHS = {"binary": 1, "multi-label": 3, "multi-class": 3, "regression": 3}


def proposals(message):
    """Yield (loss, output activation) of what a message proposes, None where it is that of the call."""
    named = re.search(r"use (?:one of )?('.*?), or another loss", message)
    if named:
        names = re.findall(r"'(\w+)'", named.group(1))
        assert names, f"proposes nothing: {message}"
        yield from ((None, name) for name in names)
    for name in re.findall(r"[uU]se output_activation=None or '(\w+)'", message):
        yield from ((None, None), (None, name))
    for names in re.findall(r"use loss='(\w+)' or '(\w+)'", message):
        yield from ((name, "default") for name in names)


@in_one_test()
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("loss", [*LOSSES, Focal(1.0), Huber(2.0), Tweedie(1.7), Quantile((0.1, 0.9))], ids=str)
def test_proposals_are_accepted(loss, task):
    """Of a loss with every output activation, for every kind of targets."""
    refused = 0
    for output in (*ACTIVATIONS, LeakyReLU(0.0), LeakyReLU(0.5)):
        try:
            choose_output(loss, output, task, WIDTHS[task])
        except ValueError as error:
            refused += 1
            for other_loss, other in proposals(str(error)):
                chosen = (other_loss or loss, None if other == "default" else other)
                choose_output(*chosen, task, WIDTHS[task])
    assert refused or task == "regression"


@pytest.mark.parametrize(("task", "wrong"), [("classes", "tanh"), ("labels", "tanh"), ("binary", "relu")])
def test_proposed_outputs_can_be_fitted(task, wrong):
    X, y = draw(task)
    with pytest.raises(ValueError, match=r"needs outputs .* or another loss") as error:
        make(task, output_activation=wrong).fit(X, y)
    names = [name for _, name in proposals(str(error.value))]
    both = ["hard_sigmoid", "logistic"]
    assert names == {"classes": ["softmax"], "labels": both, "binary": [*both, "softmax"]}[task]
    for name in names:
        make(task, output_activation=name, max_iter=1).fit(X, y)


#: (call on X and y of three classes, what the message says of the object)
OBJECTS = {
    "output": (
        lambda X, y: MLPClassifier(output_activation=LeakyReLU(0.5)).fit(X, y), "activation LeakyReLU(slope=0.5)",
    ),
    "label": (
        lambda X, y: MLPClassifier(output_activation=LeakyReLU(0.5)).fit(X, y > 0), "activation LeakyReLU(slope=0.5)",
    ),
    "default number": (lambda X, y: MLPClassifier(output_activation=LeakyReLU()).fit(X, y), "activation 'leaky_relu'"),
    "loss": (lambda X, y: MLPClassifier(loss=Huber(2.0)).fit(X, y), "loss=Huber(delta=2.0) is not for multi-class"),
    "focal": (lambda X, y: MLPRegressor(loss=Focal(1.5)).fit(X, y), "loss=Focal(gamma=1.5, alpha=None) is not for"),
    "custom loss": (
        lambda X, y: MLPClassifier(loss=Loss(square, difference), output_activation="logistic").fit(X, y),
        "with loss=Loss(square, difference) use",
    ),
    "quantiles": (
        lambda X, y: Network([20, 3], ["tanh"], Quantile((0.1, 0.9))), "loss=Quantile(quantiles=(0.1, 0.9)) needs",
    ),
    "targets": (lambda X, y: MLPRegressor(loss=Tweedie(1.7)).fit(X, -1.0 - y), "loss=Tweedie(power=1.7) needs targets"),
    "shape": (
        lambda X, y: Network([20, 1], ["tanh"], Huber(2.0)).loss(X, y[:, None] == [0, 1]), "1 output and loss=Huber(",
    ),
    "hidden": (lambda X, y: Network([20, 2, 1], [TANH, "identity"], "huber").hessian_vector_product(X, y, np.ones(45)),
               "activation=Activation(tanh, <lambda>) has no second"),
    "by hand": (lambda X, y: set_output(MLPRegressor(loss="poisson").fit(X, y), LeakyReLU(0.5)).partial_fit(X, y),
                "out_activation_ was set to LeakyReLU(slope=0.5), with which training with loss='poisson'"),
    "probabilities": (lambda X, y: MLPClassifier(output_activation=TANH, loss="focal").fit(X, y > 0).predict_proba(X),
                      "output activation Activation(tanh, <lambda>) are not"),
    "decay of adam": (lambda X, y: MLPClassifier(weight_decay=0.1).fit(X, y), "but solver='adam' has no decoupled"),
    "decay of an object": (
        lambda X, y: MLPClassifier(solver=SGD(0.5), weight_decay=0.1).fit(X, y), "but solver=SGD(learning_rate=0.5, ",
    ),
}  # fmt: skip


def square(a, y):
    return (a - y) ** 2


def difference(a, y):
    return 2 * (a - y)


def set_output(model, activation):
    model.out_activation_ = activation
    return model


@in_one_test()
@pytest.mark.parametrize("name", OBJECTS)
def test_objects_are_written_as_code(name):
    call, words = OBJECTS[name]
    with pytest.raises((ValueError, AttributeError)) as error:
        call(*draw("classes", rows=60))
    message = f"{error.value} {error.value.__cause__}"
    assert words in message
    assert not re.search(r"'(Loss|Activation|\w+\()", message), message


@in_one_test()
@pytest.mark.parametrize(("parameters", "words"), [
    ({"activation": ["relu", "tanh"]}, "has 2 entries, but there is 1 hidden layer: give one"),
    ({"activation": ["relu"], "hidden_layer_sizes": (2, 2)}, "has 1 entry, but there are 2 hidden layers: give one"),
    ({"dropout": [0.1, 0.2]}, "has 2 entries, but there is 1 hidden layer: give one"),
    ({"solver": "lbfgs", "l1": 0.5}, "l1=0.5: omit it, or use"),
    ({"solver": "lbfgs", "l1": 0.5, "max_norm": 1.0}, "l1=0.5, max_norm=1.0: omit them, or use"),
    ({"output_activation": "tanh"}, "does not give: use 'softmax', or another loss"),
], ids=str)  # fmt: skip
def test_numbers_and_their_nouns(parameters, words):
    with pytest.raises(ValueError, match=words):
        make("classes", **parameters).fit(*draw("classes"))


# Attributes and parameters that are set to anything

WORD = np.array(["a", "b"])
SET = {
    "coefs_": [
        None, 3, "ab", [], {}, iter([1]), [None, None], ["a", "b"], [[[1, 2], [3]], [[1]]], np.zeros(3),
        [np.zeros((20, 5))], [np.zeros(20), np.zeros(5)], [np.zeros((20, 5), complex), np.zeros((5, 3))],
        [np.zeros((20, 0)), np.zeros((0, 3))], [np.zeros((20, 5)), None], [np.zeros((5, 20)), np.zeros((5, 3))],
    ],
    "intercepts_": [None, "ab", [], [None, None], [1, 2], [np.zeros(5)], [np.zeros((5, 1)), np.zeros(3)], [WORD, WORD]],
    "out_activation_": [None, "auto", 3, WORD, np.array("relu"), [], Activation],
    "activation": [None, "auto", 3, WORD, np.array("tanh"), [], ["relu", "tanh"], {}, Activation, "softmax"],
    "n_jobs": ["2", 2.5, [], WORD, 0, object()],
    "loss": [None, "auto", 3, WORD, Huber],
    "output_activation": ["auto", 3, WORD, [], Activation],
    "solver": [None, "auto", WORD, AdamW],
}  # fmt: skip
#: Words of errors that come from inside.
INSIDE = re.compile(
    "NoneType|truth value|has no len|not iterable|unsupported|not subscriptable|tuple index|must be real number|0-d|"
    "could not convert|Value after|unhashable|object has no attribute '(name|shape|dtype|ndim)"
)


@in_one_test()
@pytest.mark.parametrize("name", SET)
@pytest.mark.parametrize("task", ["classes", "regression"])
def test_what_is_set_to_anything_is_refused_with_its_name(task, name):
    """By predictions that it belongs to, the first and a later one, and by `partial_fit`, which changes nothing."""
    X, y = draw(task, rows=60)
    fitted = make(task, batch_size=50).fit(X, y)
    fitted.predict(X[:1])
    methods = ["predict", "partial_fit", "score", *(["predict_proba"] if task == "classes" else [])]
    reads = {"predict", "score", "predict_proba"} if name != "solver" else set()
    for value in SET[name]:
        for method in methods:
            for model in (pickle.loads(pickle.dumps(fitted)), fitted):
                usual, before = getattr(model, name), pickle.dumps(model)
                setattr(model, name, value)
                arguments = (X, y) if method in ("partial_fit", "score") else (X[:2],)
                try:
                    getattr(model, method)(*arguments)
                except (TypeError, ValueError, AttributeError) as error:
                    message = f"{error} {error.__cause__ or ''}"
                    assert not INSIDE.search(message), f"{name}={value!r} in {method}: {message}"
                    named = name in message or (name == "coefs_" and "intercepts_" in message)
                    assert named or method == "predict_proba", f"{name}={value!r} in {method}: {message}"
                else:
                    assert method not in ("partial_fit", *reads), f"{method} accepts {name}={value!r}"
                setattr(model, name, usual)
                assert pickle.dumps(model) == before, f"{method} with {name}={value!r} changed the model"
