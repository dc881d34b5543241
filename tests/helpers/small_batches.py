"""A predictor of small batches for a network without an estimator."""

from fastmlp.engine.model import ModelView
from fastmlp.engine.small_batches import SmallBatchPredictor


def small_batch_predictor(network):
    """A predictor that shares the arrays of a network with log loss."""
    coefs, intercepts = network.coefs, network.intercepts
    return SmallBatchPredictor(
        coefs,
        intercepts,
        lambda dtype: ModelView(coefs, intercepts, network.activations, "log_loss", dtype),
        lambda dtype: dtype,
        both_classes=False,
        feature_names=None,
        depends_on=(),
        n_threads=1,
    )
