"""Fixtures of the estimators' tests."""

import pytest

from fastmlp.engine.small_batches import SmallBatchPredictor


@pytest.fixture
def short(monkeypatch):
    """For each call that came to the short way: whether it was taken to its end."""
    taken = []
    call = SmallBatchPredictor.__call__

    def remember(predictor, X):
        outputs = call(predictor, X)
        taken.append(outputs is not None)
        return outputs

    monkeypatch.setattr(SmallBatchPredictor, "__call__", remember)
    return taken
