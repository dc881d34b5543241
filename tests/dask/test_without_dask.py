"""Without Dask the estimators can be made and predict for arrays; what needs it says so."""

import sys

import numpy as np
import pytest

from fastmlp import MLPClassifier
from fastmlp.dask import DaskMLPClassifier, DaskMLPRegressor


def test_without_dask(monkeypatch):
    for name in ("dask", "distributed"):
        monkeypatch.setitem(sys.modules, name, None)
    for kind in (DaskMLPClassifier, DaskMLPRegressor):
        model = kind(hidden_layer_sizes=(3,), sync=4)
        with pytest.raises(ImportError, match=r"pip install 'fastmlp\[dask\]'"):
            model.fit(np.eye(4), np.arange(4) % 2)
        assert not hasattr(model, "coefs_") and repr(model) == f"{kind.__name__}(hidden_layer_sizes=(3,), sync=4)"
    plain = MLPClassifier((3,), random_state=0).partial_fit(np.eye(4), np.arange(4) % 2, classes=[0, 1])
    model = DaskMLPClassifier((3,), random_state=0)
    vars(model).update({name: value for name, value in vars(plain).items() if name not in model.get_params()})
    assert (model.predict_proba(np.eye(4)) == plain.predict_proba(np.eye(4))).all()
