"""`to_sklearn` and `from_sklearn`: the same predictions, and trainings that go on alike."""

import copy
import importlib.util
import itertools
import sys

import numpy as np
import pytest
import sklearn.neural_network as theirs
from helpers.exported_models import assert_close, rows, targets
from sklearn.exceptions import NotFittedError

import fastmlp
from fastmlp import (
    Activation,
    AdamW,
    Cosine,
    MLPClassifier,
    MLPRegressor,
    Network,
    Quantile,
    TabularMLPClassifier,
    TabularMLPRegressor,
)
from fastmlp.export import from_sklearn, to_c, to_onnx, to_sklearn, to_torch

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
USUAL = {"hidden_layer_sizes": (5, 3), "max_iter": 6, "tol": 0.0, "random_state": 0}
TRAININGS = [
    {}, {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 1, "tol": 10.0},
    {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1, "nesterovs_momentum": False},
    {"solver": "lbfgs", "activation": "tanh"}, {"early_stopping": True, "activation": "logistic"},
    {"hidden_layer_sizes": (), "activation": "identity"},
]  # fmt: skip
TASKS = [("MLPClassifier", kind) for kind in ("binary", "multi-class", "multi-label", "strings")]
TASKS += [("MLPRegressor", kind) for kind in ("one output", "outputs", "positive")]


def pairs():
    """Yield (name, class name, parameters, X, y) of everything that both libraries have."""
    tasks = itertools.cycle(TASKS)
    for number, options in enumerate(TRAININGS):
        for name, kind in itertools.islice(tasks, 3 + (number == 0)):  # all tasks, and each with several trainings
            if options.get("early_stopping") and kind == "multi-label":
                continue  # scikit-learn stratifies by it, and refuses
            dtype = np.float32 if (number + len(kind)) % 2 else np.float64
            all_options = {**USUAL, **options, **({"loss": "poisson"} if kind == "positive" else {})}
            yield f"{kind} {options}", name, all_options, rows(dtype=dtype)[0], targets(kind)


def test_models_predict_the_same_and_trainings_go_on_alike():
    for what, name, options, X, y in pairs():
        ours = getattr(fastmlp, name)(**options).fit(X, y)
        first = getattr(theirs, name)(**options).fit(X, y)
        there, back, here = to_sklearn(ours), from_sklearn(to_sklearn(ours)), from_sklearn(first)
        tolerance = 1e-5 if X.dtype == np.float32 else 1e-9
        assert type(there) is getattr(theirs, name) and type(back) is type(here) is type(ours)
        assert there.get_params() == getattr(theirs, name)(**options).get_params()
        for one, other in ((there, ours), (back, ours), (here, first)):
            assert one.predict(X).tolist() == other.predict(X).tolist() or name == "MLPRegressor", what
            method = "predict_proba" if name == "MLPClassifier" else "predict"
            assert_close(getattr(one, method)(X), getattr(other, method)(X), what, tolerance)
            assert one.n_iter_ == other.n_iter_ and one.loss_ == other.loss_
        models = [ours, there, back, first, here]
        if options.get("solver") != "lbfgs" and not options.get("early_stopping"):
            for model in models:
                model.partial_fit(X, y)
            for one, other in ((there, ours), (back, ours), (here, first)):
                for a, b in zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True):
                    assert_close(a, b, ("partial_fit", what), 10 * tolerance)
                assert one.t_ == other.t_
        for model in models:
            model.set_params(warm_start=True).fit(X, y)
        assert_close(there.coefs_[0], ours.coefs_[0], ("warm start", what), 1000 * tolerance)


def test_unfitted_models_and_edits():
    assert repr(to_sklearn(MLPClassifier())) == repr(from_sklearn(theirs.MLPClassifier())) == "MLPClassifier()"
    assert to_sklearn(MLPRegressor(n_jobs=2, activation=["tanh", "tanh"], dropout=[0.0])).activation == "tanh"
    X, _ = rows()
    ours = MLPRegressor(**USUAL).fit(X, targets("outputs"))
    there = to_sklearn(ours)
    there.coefs_[0][...] = 0
    assert ours.coefs_[0].any()
    edited = copy.deepcopy(ours)
    edited.out_activation_ = "tanh"
    with pytest.raises(ValueError, match="out_activation_='tanh'"):
        to_sklearn(edited)


def test_what_scikit_learn_cannot_express():
    X, _ = rows()
    other = {
        "activation": ["gelu", ["tanh", "relu"]], "solver": ["adamw", AdamW()], "alpha": [Cosine(0.1, 5)], "l1": [0.1],
        "learning_rate": [Cosine(0.1)], "loss": ["focal"], "output_activation": ["softmax"], "dropout": [0.1, [0.1]],
        "initializer": ["he_normal"], "weight_decay": [0.1], "input_dropout": [0.5], "max_norm": [1.0], "ema": [0.9],
        "clip_norm": [1.0], "clip_value": [1.0], "scoring": ["accuracy"], "validation_ties": ["last"],
        "drop_last": [True], "class_weight": ["balanced"], "matmul_precision": ["bfloat16"],
    }  # fmt: skip
    ours, both = MLPClassifier().get_params(), theirs.MLPClassifier().get_params()
    assert ours.keys() - both.keys() <= other.keys() | {"n_jobs"}, "say what to_sklearn does with a new parameter"
    for name, values in other.items():
        for value in values:
            with pytest.raises(ValueError, match=f"scikit-learn's MLPClassifier has no {name}="):
                to_sklearn(MLPClassifier(**{name: value}))
            if name != "activation":
                assert to_sklearn(MLPClassifier(**{name: value}), for_prediction=True).get_params() == both
    model = MLPClassifier(**{**USUAL, "solver": "adamw"}, dropout=0.2, ema=0.9).fit(X, targets("multi-class"))
    served = to_sklearn(model, for_prediction=True)
    assert_close(served.predict_proba(X), model.predict_proba(X), "for prediction")
    for ours, kind in (
        (MLPClassifier(loss="focal", **USUAL), "binary"), (MLPRegressor("huber", **USUAL), "outputs"),
        (MLPRegressor("gamma", **USUAL), "positive"), (MLPRegressor(Quantile((0.3, 0.7)), **USUAL), "one output"),
    ):  # fmt: skip
        ours.fit(X, targets(kind))
        with pytest.raises(ValueError, match="has no loss="):
            to_sklearn(ours)
        served = to_sklearn(ours, for_prediction=True)
        assert_close(served.predict(X), ours.predict(X), kind)
    for ours, kind, message in (
        (MLPClassifier(loss="hinge", **USUAL), "binary", "no loss='hinge' with its predictions"),
        (MLPClassifier(output_activation="softmax", **USUAL), "binary", "no out_activation_='softmax' for this task"),
        (MLPRegressor("huber", output_activation="tanh", **USUAL), "outputs", "no out_activation_='tanh'"),
        (MLPRegressor(Quantile((0.3, 0.7), crossing=False), **USUAL), "one output", "no loss=Quantile"),
        (MLPRegressor(Quantile((0.3, 0.7)), **USUAL), "outputs", "no loss=Quantile"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            to_sklearn(ours.fit(X, targets(kind)), for_prediction=True)


def bent(z):
    return z if z > 0 else 0.5 * z


def bent_derivative(z):
    return 1.0 if z > 0 else 0.5


def test_refusals_of_all_exports(monkeypatch):
    X, _ = rows()
    own = MLPRegressor(activation=Activation(bent, bent_derivative), **USUAL).fit(X, targets("one output"))
    changed = MLPRegressor(**USUAL).fit(X, targets("one output")).set_params(loss="huber")
    infinite = MLPRegressor(**USUAL).fit(X, targets("one output"))
    infinite.coefs_[0][0, 0] = np.inf
    others = {"onnx": to_onnx, "torch": to_torch}
    installed = [function for name, function in others.items() if importlib.util.find_spec(name)]
    for function in (to_c, *installed):
        for error, message, model in (
            (TypeError, "can be exported", "model"), (NotFittedError, "not fitted", MLPRegressor()),
            (ValueError, "of your own never can", own), (ValueError, "set after", changed),
            (ValueError, "infinite", infinite),
        ):  # fmt: skip
            with pytest.raises(error, match=message):
                function(model)
    for function, wrong in ((to_sklearn, theirs.MLPClassifier()), (from_sklearn, MLPClassifier())):
        with pytest.raises(TypeError, match="must be given"):
            function(wrong)
    for of_tables in (TabularMLPClassifier(), TabularMLPRegressor()):
        with pytest.raises(TypeError, match=r"no networks for tables, such as Tabular.*: use to_onnx or to_c"):
            to_sklearn(of_tables)
        for function in (to_c, *installed):
            with pytest.raises(NotFittedError, match="not fitted"):
                function(of_tables)
    with pytest.raises(TypeError, match="must be given"):
        to_sklearn(Network([1, 1], ["identity"], "half_squared_error"))


def test_messages_without_the_libraries(monkeypatch):
    X, _ = rows()
    model = MLPRegressor(**USUAL).fit(X, targets("one output"))
    for name, call, message in (
        ("torch", lambda: to_torch(model), "pip install torch"), ("onnx", lambda: to_onnx(model), r"fastmlp\[onnx\]"),
        ("skl2onnx", fastmlp.export.register_converters, "pip install skl2onnx"),
    ):  # fmt: skip
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ImportError, match=message):
            call()
