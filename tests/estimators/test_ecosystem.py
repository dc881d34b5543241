"""The estimators within scikit-learn's tools, with frames of pandas and polars, and under SHAP and MLflow.

Each tool is compared with what it should do, computed by hand. SHAP, MLflow and polars are not installed by the tests'
requirements: their tests run where they are.
"""

import importlib

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, StackingRegressor
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, StratifiedKFold, TunedThresholdClassifierCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fastmlp import MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
N = 90
RNG = np.random.RandomState(0)
#: The third column is noise.
X = RNG.standard_normal((N, 3))
NUMBERS = X[:, 0] + 0.5 * X[:, 1]
CLASSES = np.where(NUMBERS > 0.3, "yes", "no")
TABLE = {"a": X[:, 0], "b": X[:, 1], "c": RNG.choice(["x", "y", "z"], N)}
PLAIN = {"hidden_layer_sizes": (8,), "learning_rate_init": 0.05, "max_iter": 15, "random_state": 0}
OF_TABLES = {
    "recipe": "fast", "n_members": 2, "hidden_layer_sizes": (8,), "numeric_encoding": "periodic", "max_iter": 15,
    "random_state": 0,
}  # fmt: skip
CLASSIFIERS = [MLPClassifier(**PLAIN), TabularMLPClassifier(**OF_TABLES)]
REGRESSORS = [MLPRegressor(**PLAIN), TabularMLPRegressor(**OF_TABLES)]


def outputs(model, X):
    return model.predict_proba(X) if is_classifier(model) else model.predict(X)


def frames():
    """Return frames of the same table, of every library that is installed."""
    found = {"pandas": pd.DataFrame(TABLE)}
    if importlib.util.find_spec("polars"):
        found["polars"] = importlib.import_module("polars").DataFrame(TABLE)
    return found


def test_column_transformers_in_pipelines():
    """The same bits from each frame as from the array that the columns make, and names that are checked."""
    steps = [("numbers", StandardScaler(), ["a", "b"]), ("words", OneHotEncoder(sparse_output=False), ["c"])]
    for model, y in ((CLASSIFIERS[0], CLASSES), (REGRESSORS[0], NUMBERS)):
        for name, frame in frames().items():
            for output in ("default", name):
                columns = ColumnTransformer(steps).set_output(transform=output)
                pipeline = make_pipeline(columns, clone(model)).fit(frame, y)
                by_hand = np.asarray(columns.transform(frame))
                np.testing.assert_allclose(by_hand[:, 0], (X[:, 0] - X[:, 0].mean()) / X[:, 0].std(), rtol=1e-9)
                expected = outputs(clone(model).fit(by_hand, y), by_hand)
                assert np.array_equal(outputs(pipeline, frame), expected), (name, output)
                if output != "default":
                    assert pipeline[-1].feature_names_in_.tolist()[:2] == ["numbers__a", "numbers__b"]
                    with pytest.raises(ValueError, match="feature names should match"):
                        pipeline[-1].predict(columns.transform(frame)[list(pipeline[-1].feature_names_in_[::-1])])


def test_tables_in_pipelines():
    """Words go in as they are, beside columns that the pipeline has scaled: the same bits from each frame."""
    steps = [("numbers", StandardScaler(), ["a", "b"])]
    for model, y in ((CLASSIFIERS[1], CLASSES), (REGRESSORS[1], NUMBERS)):
        found = []
        for name, frame in frames().items():
            columns = ColumnTransformer(steps, remainder="passthrough", verbose_feature_names_out=False)
            pipeline = make_pipeline(columns.set_output(transform=name), clone(model)).fit(frame, y)
            assert pipeline[-1].encoder_.kinds_ == ["number", "number", "category"]
            found.append(outputs(pipeline, frame))
        assert all(np.array_equal(each, found[0]) for each in found)


@pytest.mark.parametrize("model", CLASSIFIERS, ids=["MLP", "TabularMLP"])
def test_tools_for_classifiers(model):
    folds = StratifiedKFold(2)
    by_hand = np.empty((N, 2))
    for train, test in folds.split(X, CLASSES):
        by_hand[test] = clone(model).fit(X[train], CLASSES[train]).predict_proba(X[test])
    assert np.array_equal(cross_val_predict(model, X, CLASSES, cv=folds, method="predict_proba"), by_hand)

    calibrated = CalibratedClassifierCV(model, cv=folds).fit(X, CLASSES)
    train, _ = next(folds.split(X, CLASSES))
    first = calibrated.calibrated_classifiers_[0].estimator
    assert np.array_equal(first.predict_proba(X), clone(model).fit(X[train], CLASSES[train]).predict_proba(X))
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    assert calibrated.score(X, CLASSES) > 0.85

    bagged = BaggingClassifier(model, 2, random_state=0).fit(X, CLASSES)
    assert np.array_equal(bagged.predict_proba(X), np.mean([each.predict_proba(X) for each in bagged.estimators_], 0))
    assert bagged.score(X, CLASSES) > 0.85

    tuned = TunedThresholdClassifierCV(model, cv=2, thresholds=20, scoring="balanced_accuracy").fit(X, CLASSES)
    positive = clone(model).fit(X, CLASSES).predict_proba(X)[:, 1] >= tuned.best_threshold_
    assert np.array_equal(tuned.predict(X), np.where(positive, "yes", "no"))


@pytest.mark.parametrize("model", REGRESSORS, ids=["MLP", "TabularMLP"])
def test_stacked(model):
    folds = KFold(2)
    stacked = StackingRegressor([("net", model), ("line", LinearRegression())], LinearRegression(), cv=folds)
    stacked.fit(X, NUMBERS)
    inner = [cross_val_predict(each, X, NUMBERS, cv=folds) for each in (model, LinearRegression())]
    last = LinearRegression().fit(np.column_stack(inner), NUMBERS)
    outer = np.column_stack([each.predict(X) for each in stacked.estimators_])
    np.testing.assert_allclose(stacked.predict(X), last.predict(outer), rtol=1e-9)
    assert np.array_equal(outer[:, 0], clone(model).fit(X, NUMBERS).predict(X))


@pytest.mark.parametrize("model", [CLASSIFIERS[0], REGRESSORS[1]], ids=["MLP", "TabularMLP"])
def test_looked_into(model):
    y = CLASSES if is_classifier(model) else NUMBERS
    model = clone(model).fit(pd.DataFrame(X, columns=list("abc")), y)
    frame = pd.DataFrame(X, columns=list("abc"))
    importances = permutation_importance(model, frame, y, n_repeats=3, random_state=0).importances_mean
    assert importances.argmax() == 0 and importances.argmin() == 2

    display = PartialDependenceDisplay.from_estimator(model, frame, ["a", ("a", "b")], grid_resolution=4)
    result = display.pd_results[0]
    for value, found in zip(result["grid_values"][0], result["average"][0], strict=True):
        replaced = outputs(model, frame.assign(a=value))
        np.testing.assert_allclose(found, (replaced[:, 1] if replaced.ndim == 2 else replaced).mean(), rtol=1e-9)
    assert display.pd_results[1]["average"].shape == (1, 4, 4)
    importlib.import_module("matplotlib.pyplot").close(display.figure_)


@pytest.mark.parametrize("model", [*CLASSIFIERS, *REGRESSORS], ids=lambda model: type(model).__name__)
def test_shap_explains(model):
    """Model-agnostic explainers: base value and contributions add up to the prediction, and noise contributes least."""
    shap = pytest.importorskip("shap")
    model = clone(model).fit(X, CLASSES if is_classifier(model) else NUMBERS)

    def predict(rows):
        found = outputs(model, rows)
        return found[:, 1] if found.ndim == 2 else found

    for explainer in (shap.explainers.Permutation(predict, X[:20], seed=0), shap.explainers.Exact(predict, X[:20])):
        explained = explainer(X[:8])
        np.testing.assert_allclose(explained.base_values + explained.values.sum(axis=1), predict(X[:8]), atol=1e-6)
        assert np.abs(explained.values).mean(axis=0).argmin() == 2
    values = shap.KernelExplainer(predict, X[:20]).shap_values(X[:4], silent=True)
    np.testing.assert_allclose(values.sum(axis=1) + predict(X[:20]).mean(), predict(X[:4]), atol=1e-6)


@pytest.mark.parametrize("model", [*CLASSIFIERS, *REGRESSORS], ids=lambda model: type(model).__name__)
@pytest.mark.filterwarnings("ignore")
def test_mlflow_saves_and_loads(model, tmp_path):
    """Its flavour for scikit-learn, in each of its formats: the same predictions, as an estimator and as a function."""
    mlflow = pytest.importorskip("mlflow.sklearn")
    pyfunc = pytest.importorskip("mlflow.pyfunc")
    frame = pd.DataFrame(X, columns=list("abc"))
    model = clone(model).fit(frame, CLASSES if is_classifier(model) else NUMBERS)
    for kind in ("cloudpickle", "pickle"):
        mlflow.save_model(model, tmp_path / kind, serialization_format=kind, pip_requirements=["fastmlp"])
        assert np.array_equal(outputs(mlflow.load_model(str(tmp_path / kind)), frame), outputs(model, frame))
        loaded = pyfunc.load_model(str(tmp_path / kind))
        assert np.array_equal(loaded.predict(frame), model.predict(frame))
