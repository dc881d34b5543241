"""`to_torch`: the module gives the same outputs, and can be trained."""

import io

import numpy as np
import pytest
from helpers.exported_models import assert_close, every_model, expected, fitted, rows
from helpers.exported_tables import assert_near, estimates_of, every_table_model, random_table_model, single_class_model

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


def test_tables():
    for what, model, table in [*every_table_model(more=True), *map(random_table_model, range(40))]:
        encoded = torch.from_numpy(model.encoder_.transform(table))
        module = to_torch(model)
        with torch.no_grad():
            found = module(encoded).numpy()
        assert found.dtype == np.float32
        assert_near(found, estimates_of(model, table), what)
    before = estimates_of(model, table)
    module.double()(encoded.double()).square().mean().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        parameter.data.zero_()
    assert (estimates_of(model, table) == before).all()
    buffer = io.BytesIO()
    torch.save(module.state_dict(), buffer)


def test_a_single_class_is_certain():
    model, X = single_class_model()
    encoded = torch.from_numpy(model.encoder_.transform(X))
    assert to_torch(model)(encoded).tolist() == model.predict_proba(X).tolist() == [[1.0]] * 10
