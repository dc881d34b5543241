"""`to_torch`: the module gives the same outputs, and can be trained."""

import io

import numpy as np
import pytest
from helpers.exported_models import assert_close, every_model, expected, fitted, rows

from fastmlp import MLPClassifier, MLPRegressor, Network
from fastmlp.activations import ACTIVATIONS
from fastmlp.export import to_torch

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_modules_give_the_same_outputs():
    from fastmlp.export import pytorch

    X, _ = rows()
    for what, model in every_model():
        for dtype, tolerance in ((np.float32, 1e-6), (np.float64, 1e-12)):
            model.coefs_ = [each.astype(dtype) for each in model.coefs_]
            model.intercepts_ = [each.astype(dtype) for each in model.intercepts_]
            module = to_torch(model)
            assert isinstance(module, torch.nn.Sequential)
            with torch.no_grad():
                found = module(torch.from_numpy(X.astype(dtype))).numpy()
            exact = expected(model, X.astype(dtype))
            assert found.dtype == dtype
            assert_close(found, exact, (what, dtype), tolerance)
    assert pytorch._activations().keys() == ACTIVATIONS.keys() - {"swish"}


def test_modules_have_gradients_and_arrays_of_their_own():
    X, _ = rows()
    model = fitted(MLPRegressor(activation=["step", "silu"]), "one output")
    before = model.predict(X)
    module = to_torch(model)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    module(torch.from_numpy(X)).square().mean().backward()
    assert all(each.grad is not None and bool((each.grad != 0).any()) for each in module.parameters())
    optimizer.step()
    assert (model.predict(X) == before).all()
    net = Network([4, 3, 2], ["mish", "softmax"], "log_loss", "float64")
    net.initialize(random_state=0)
    assert_close(to_torch(net)(torch.from_numpy(X.astype(np.float64))).detach(), net.forward(X), "network", 1e-12)
    buffer = io.BytesIO()
    torch.save(to_torch(fitted(MLPClassifier(), "binary")), buffer)
