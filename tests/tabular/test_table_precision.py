"""`matmul_precision` of the estimators for tables."""

import numpy as np
import pytest

import fastmlp
from fastmlp import TabularMLPClassifier, TabularMLPRegressor

OPTIONS = {"recipe": "fast", "max_iter": 4, "hidden_layer_sizes": (24,), "random_state": 0}


def rows():
    rng = np.random.RandomState(0)
    X = rng.randn(300, 5)
    X[:, 4] = rng.randint(0, 3, 300)
    return X, (X[:, 0] + X[:, 1] * X[:, 2] + (X[:, 4] == 1) > 0).astype(int)


@pytest.mark.parametrize("kind", [TabularMLPClassifier, TabularMLPRegressor])
def test_precisions(kind, tmp_path):
    """Nearly the predictions of float32; the same bits for threads and company, after saving, and after a change."""
    X, y = rows()
    models = {
        name: kind(**OPTIONS, categorical_features=[4], matmul_precision=name, n_jobs=1).fit(X, y)
        for name in ("float32", "bfloat16_3x", "bfloat16")
    }
    answers = {
        name: (model.predict_proba if kind is TabularMLPClassifier else model.predict) for name, model in models.items()
    }
    exact, spread = answers["float32"](X), np.std(answers["float32"](X))
    for name, most in (("bfloat16_3x", 1e-3), ("bfloat16", 0.1)):
        model, got = models[name], answers[name](X)
        assert 0 < np.max(np.abs(got - exact)) < most * spread, name
        two = kind(**OPTIONS, categorical_features=[4], matmul_precision=name, n_jobs=2).fit(X, y)
        assert all(np.array_equal(a.params, b.params) for a, b in zip(model.members_, two.members_, strict=True))
        np.testing.assert_array_equal(answers[name](X[7:8]), got[7:8])
        fastmlp.save(model, tmp_path / name)
        loaded = fastmlp.load(tmp_path / name)
        assert loaded.matmul_precision == name
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    changed = models["bfloat16"].set_params(matmul_precision="float32")
    before = answers["bfloat16"](X)
    changed.set_params(matmul_precision="bfloat16")
    assert not np.array_equal(answers["bfloat16"](X), before)
    with pytest.raises(ValueError, match="matmul_precision"):
        kind(matmul_precision="half").fit(X, y)
