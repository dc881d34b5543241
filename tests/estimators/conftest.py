"""Fixtures of the estimators' tests."""

import pytest

from fastmlp.engine.small_batches import SmallBatchPredictor


@pytest.fixture
def fast_calls(monkeypatch):
    """List for each call of the fast path whether it returned predictions."""
    taken = []
    call = SmallBatchPredictor.__call__

    def remember(predictor, X):
        outputs = call(predictor, X)
        taken.append(outputs is not None)
        return outputs

    monkeypatch.setattr(SmallBatchPredictor, "__call__", remember)
    return taken
