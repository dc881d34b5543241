"""Tables as they come
===================

Tables as they come: an ensemble of networks beside gradient boosting and a plain network, on data of scikit-learn.

Run it: ``python examples/tables.py``. It trains for about a minute. The third table has missing numbers and a column of
strings, which go in as they are.
"""

# sphinx_gallery_thumbnail_path = "images/tables.png"

import time

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fastmlp import MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor


def load_mixed(seed=0):
    """Return the diabetes data with a tenth of its numbers missing and sex as a word, in rows of Python objects."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    rows = X.astype(object)
    rows[np.random.RandomState(seed).uniform(size=X.shape) < 0.1] = None
    rows[:, 1] = np.where(X[:, 1] == 1, "female", "male")
    return rows, y


def models(y, strings, recipe):
    """Return models by name for targets y; with strings only those that take them as they are."""
    classes = y.dtype.kind in "iu"
    table = TabularMLPClassifier if classes else TabularMLPRegressor
    boosting = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    network = MLPClassifier if classes else MLPRegressor
    if strings:
        words = make_column_transformer((OneHotEncoder(), [1]), remainder="passthrough")
        return {"TabularMLP": table(recipe, random_state=0), "boosting": make_pipeline(words, boosting(random_state=0))}
    return {
        "TabularMLP": table(recipe, random_state=0),
        "boosting": boosting(random_state=0),
        "MLP": make_pipeline(StandardScaler(), network(random_state=0, early_stopping=True, max_iter=2000)),
    }


TABLES = {
    "diabetes (R²)": lambda: load_diabetes(return_X_y=True),
    "breast cancer (accuracy)": lambda: load_breast_cancer(return_X_y=True),
    "digits (accuracy)": lambda: load_digits(return_X_y=True),
    "diabetes, mixed (R²)": load_mixed,
}


def main(recipe="default", names=tuple(TABLES)):
    """Print the score of each model on a quarter of the rows, and its seconds."""
    for name in names:
        X, y = TABLES[name]()
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
        print(f"{name}, {X.shape[0]} rows, {X.shape[1]} columns")
        for which, model in models(y, X.dtype == object, recipe).items():
            began = time.perf_counter()
            model.fit(X_train, y_train)
            print(f"    {which:12} {model.score(X_test, y_test):.3f}   {time.perf_counter() - began:5.1f} s")


if __name__ == "__main__":
    main()
