"""What users of scikit-learn's two classes rely on: parameters, attributes, copies, pipelines, editable weights.

What comes in is in `test_estimators_input.py`; what happens during a fit in `test_estimators_running.py`.
"""

import copy
import inspect
import pickle

import joblib
import numpy as np
import pytest
import sklearn.neural_network
from helpers.merged import in_one_test
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

import fastmlp
from fastmlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

KINDS = ["MLPClassifier", "MLPRegressor"]
X = np.random.default_rng(0).normal(size=(60, 4))
TARGETS = {"MLPClassifier": (X[:, 0] > X[:, 1]).astype(int), "MLPRegressor": X[:, 0] - X[:, 1] ** 2}


def make(kind, module=fastmlp, **params):
    return getattr(module, kind)(**{"hidden_layer_sizes": (7,), "max_iter": 5, "random_state": 0, **params})


def make_fitted(kind, **params):
    return make(kind, **params).fit(X, TARGETS[kind])


def answers(model):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


# Signatures and attributes


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_have_the_same_names_order_and_defaults(kind):
    ours, theirs = (
        [one.replace(annotation=one.empty) for one in inspect.signature(getattr(module, kind)).parameters.values()]
        for module in (fastmlp, sklearn.neural_network)
    )
    assert ours[: len(theirs)] == theirs
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in ours[len(theirs) :])


#: Parameters that scikit-learn's methods do not have.
VALIDATION_DATA = ("X_val", "y_val", "sample_weight_val")


@pytest.mark.parametrize("kind", KINDS)
def test_methods_have_the_same_names_and_parameters(kind):
    ours, theirs = getattr(fastmlp, kind), getattr(sklearn.neural_network, kind)
    public = [name for name, method in inspect.getmembers(theirs, callable) if not name.startswith("_")]
    assert {"fit", "partial_fit", "predict", "score", "get_params", "set_params"} <= set(public)
    more = {"fit": VALIDATION_DATA, "set_fit_request": VALIDATION_DATA}
    for name in public:
        own = inspect.signature(getattr(ours, name)).parameters
        expected = list(inspect.signature(getattr(theirs, name)).parameters)
        assert sorted(own) == sorted([*expected, *more.get(name, ())])
        if name not in more:
            assert list(own) == expected
        else:
            assert all(own[added].kind is inspect.Parameter.KEYWORD_ONLY for added in more[name])
            positional = [each for each in own if own[each].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
            assert positional == [each for each in expected if each in positional]


@pytest.mark.parametrize("kind", KINDS)
def test_classes_are_those_of_fastmlp(kind):
    assert not issubclass(getattr(fastmlp, kind), getattr(sklearn.neural_network, kind))
    assert get_tags(make(kind)) == get_tags(make(kind, sklearn.neural_network))


def public_fitted(model):
    return {name: value for name, value in vars(model).items() if name.endswith("_") and name[0] != "_"}


@in_one_test()
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_public_fitted_attribute(kind, solver, early_stopping):
    """All attributes of scikit-learn's models, with the same types; NumPy floats count as floats."""
    params = {"solver": solver, "early_stopping": early_stopping}
    ours = public_fitted(make_fitted(kind, **params))
    theirs = public_fitted(make(kind, sklearn.neural_network, **params).fit(X, TARGETS[kind]))
    assert set(theirs) <= set(ours)
    for name, value in theirs.items():
        expected = float if isinstance(value, float) else type(value)
        assert isinstance(ours[name], expected), name
    for layer, (coef, intercept) in enumerate(zip(ours["coefs_"], ours["intercepts_"], strict=True)):
        assert coef.shape == [(4, 7), (7, 1)][layer]
        assert intercept.shape == coef.shape[1:]
        assert coef.dtype == intercept.dtype == np.float64


@pytest.mark.parametrize("kind", KINDS)
def test_get_params_set_params_and_clone(kind):
    model = make_fitted(kind, alpha=0.3)
    copied = clone(model)
    assert copied.get_params() == model.get_params()
    assert not public_fitted(copied)
    assert copied.set_params(alpha=0.5, solver="sgd") is copied
    assert (copied.alpha, model.alpha) == (0.5, 0.3)
    np.testing.assert_array_equal(answers(clone(model).fit(X, TARGETS[kind])), answers(model))


@pytest.mark.parametrize("kind", KINDS)
def test_repr(kind):
    assert repr(getattr(fastmlp, kind)(alpha=0.3)) == f"{kind}(alpha=0.3)"
    for model in (make(kind), make_fitted(kind)):
        html = model._repr_html_()
        assert kind in html
        assert "hidden_layer_sizes" in html


# Copies


def through_pickle(model, tmp_path):
    return pickle.loads(pickle.dumps(model))


def through_deepcopy(model, tmp_path):
    return copy.deepcopy(model)


def through_joblib(model, tmp_path):
    joblib.dump(model, tmp_path / "model.joblib")
    return joblib.load(tmp_path / "model.joblib")


def through_memory_map(model, tmp_path):
    """Read-only weights on disk, as joblib passes them to workers."""
    joblib.dump(model, tmp_path / "model.joblib")
    return joblib.load(tmp_path / "model.joblib", mmap_mode="r")


@pytest.mark.parametrize("through", [through_pickle, through_deepcopy, through_joblib, through_memory_map])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_predicts_with_the_same_bits_and_continues(kind, solver, dtype, through, tmp_path):
    model = make(kind, solver=solver, learning_rate="adaptive").fit(X.astype(dtype), TARGETS[kind])
    before = answers(model)
    copied = through(model, tmp_path)
    np.testing.assert_array_equal(answers(copied), before)
    copied.partial_fit(X.astype(dtype), TARGETS[kind])
    np.testing.assert_array_equal(answers(model), before)  # the copy shares nothing with it
    model.partial_fit(X.astype(dtype), TARGETS[kind])
    np.testing.assert_array_equal(answers(copied), answers(model))
    assert copied.loss_curve_ == model.loss_curve_
    assert not np.array_equal(answers(model), before)


# With scikit-learn's tools


@pytest.mark.parametrize("kind", KINDS)
def test_pipeline_in_a_grid_search(kind):
    """The same results one after the other, in threads and in processes."""
    pipeline = make_pipeline(StandardScaler(), make(kind, max_iter=30))
    grid = {f"{kind.lower()}__alpha": [1e-4, 1.0], f"{kind.lower()}__hidden_layer_sizes": [(3,), (4, 5), ()]}
    scores = []
    for backend in ("sequential", "threading", "loky"):
        with joblib.parallel_config(backend, n_jobs=2):
            search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, TARGETS[kind])
        scores.append(search.cv_results_["mean_test_score"].tolist())
        assert np.isfinite(scores[-1]).all()
        alone = clone(pipeline).set_params(**search.best_params_).fit(X, TARGETS[kind])
        np.testing.assert_array_equal(search.predict(X), alone.predict(X))
    assert scores[0] == scores[1] == scores[2]


@pytest.mark.parametrize("kind", KINDS)
def test_same_cross_validation_scores_as_scikit_learn(kind):
    ours, theirs = (
        cross_val_score(make(kind, module, max_iter=20), X, TARGETS[kind], cv=3, error_score="raise")
        for module in (fastmlp, sklearn.neural_network)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_sample_weight_is_routed(kind):
    weights = np.random.default_rng(1).uniform(0.1, 5, len(X))
    with config_context(enable_metadata_routing=True):
        model = make(kind).set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        params = {"sample_weight": weights}
        routed = cross_validate(model, X, TARGETS[kind], cv=[(range(60), range(60))], params=params)
        pipeline = make_pipeline(StandardScaler(with_mean=False, with_std=False).set_fit_request(sample_weight=False))
        pipeline.steps.append(("mlp", model))
        through = pipeline.fit(X, TARGETS[kind], sample_weight=weights)
    direct = make(kind).fit(X, TARGETS[kind], sample_weight=weights)
    np.testing.assert_allclose(routed["test_score"], direct.score(X, TARGETS[kind]), rtol=1e-12)
    np.testing.assert_array_equal(answers(through), answers(direct))
    assert not np.array_equal(answers(direct), answers(make_fitted(kind)))


def test_requests_of_partial_fit():
    with config_context(enable_metadata_routing=True):
        model = MLPClassifier().set_partial_fit_request(sample_weight=True, classes=True)
        assert model.get_metadata_routing().partial_fit.requests == {"sample_weight": True, "classes": True}
        MLPRegressor().set_partial_fit_request(sample_weight=True)


# Edited weights


@pytest.mark.parametrize("kind", KINDS)
def test_edited_weights_are_used_by_predictions(kind):
    model = make_fitted(kind)
    assert isinstance(model.coefs_, list)
    assert isinstance(model.intercepts_, list)
    before = answers(model)
    model.coefs_[0][:, 2] = 0
    edited = answers(model)
    assert not np.array_equal(edited, before)
    model.intercepts_[1] = model.intercepts_[1] + 1.5
    replaced = answers(model)
    assert not np.array_equal(replaced, edited)
    model.coefs_ = [coef.copy() for coef in model.coefs_]
    np.testing.assert_array_equal(answers(model), replaced)

    z = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0) @ model.coefs_[1] + model.intercepts_[1]
    if kind == "MLPClassifier":
        np.testing.assert_allclose(replaced[:, 1:], 1 / (1 + np.exp(-z)), rtol=1e-12)
    else:
        np.testing.assert_allclose(replaced, z[:, 0], rtol=1e-12, atol=1e-14)


@in_one_test()
@pytest.mark.parametrize("forward", ["partial_fit", "warm start"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("kind", KINDS)
def test_training_continues_from_edited_weights(kind, solver, forward):
    models = []
    for module in (fastmlp, sklearn.neural_network):
        model = make(kind, module, solver=solver, warm_start=forward != "partial_fit")
        model.fit(X, TARGETS[kind])
        model.coefs_[0][1] = 0.25
        model.intercepts_ = [intercept / 2 for intercept in model.intercepts_]
        model.coefs_[1] = np.asfortranarray(np.linspace(-1, 1, 7)[:, None])
        (model.partial_fit if forward == "partial_fit" else model.fit)(X, TARGETS[kind])
        models.append(model)
    ours, theirs = models
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


def test_worked_example_of_scikit_learn():
    """Its `test_fit`, with public methods: one plain step from given weights on one row."""
    row, label = np.array([[0.6, 0.8, 0.7]]), np.array([0])
    model = MLPClassifier(2, "logistic", solver="sgd", learning_rate_init=0.1, alpha=0.1, momentum=0, random_state=1)
    model.partial_fit(row, label, classes=[0, 1])
    model.coefs_ = [np.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0]]), np.array([[0.1], [0.2]])]
    model.intercepts_ = [np.array([0.1, 0.1]), np.array([1.0])]
    h = np.array([0.679178699175393, 0.574442516811659])
    d2 = 1 / (1 + np.exp(-(0.1 * h[0] + 0.2 * h[1] + 1)))  # 0.76545; scikit-learn's comment prints 0.76543
    np.testing.assert_allclose(model.predict_proba(row)[0, 1], d2, rtol=1e-12)
    model.partial_fit(row, label)

    np.testing.assert_allclose(model.loss_, -np.log(1 - d2) + 0.1 / 2 * 0.45, rtol=1e-12)
    d1 = (1 - h) * h * d2 * np.array([0.1, 0.2])
    w1, w2 = np.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0]]), np.array([0.1, 0.2])
    np.testing.assert_allclose(model.coefs_[0], w1 - 0.1 * (row.T * d1 + 0.1 * w1), rtol=1e-12)
    np.testing.assert_allclose(model.coefs_[1][:, 0], w2 - 0.1 * (h * d2 + 0.1 * w2), rtol=1e-12)
    np.testing.assert_allclose(model.intercepts_[0], 0.1 - 0.1 * d1, rtol=1e-12)
    np.testing.assert_allclose(model.intercepts_[1], 1 - 0.1 * d2, rtol=1e-12)
    np.testing.assert_allclose(model.predict_proba(row)[0, 1], 0.739, atol=1e-3)
