"""Class weights against PyTorch's weighted losses: the same steps, losses and validation losses in float64."""

import numpy as np
import pytest
from helpers.early_stopping_data import NUMBERS, X
from sklearn.utils import compute_class_weight

from fastmlp import MLPClassifier, Network

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared with it")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSES = (NUMBERS > 0).astype(int) + (NUMBERS > 1)
LABELS = np.column_stack([X[:, 0] > 0, X[:, 1] > 0.5, NUMBERS > 0]).astype(int)
WEIGHTS = np.linspace(0.5, 2.0, len(X))
THREE, TWO = {0: 1.0, 1: 4.0, 2: 0.5}, {0: 0.25, 1: 3.0}
EACH_LABEL = [{0: 1.0, 1: 3.0}, {0: 0.5, 1: 2.0}, {0: 2.0, 1: 1.5}]
EPOCHS, BATCH, HIDDEN, L2 = 5, 32, 7, 0.3

#: fastmlp's parameters → PyTorch's optimizer
OPTIMIZERS = {
    "sgd": ({"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0.0}, ("SGD", {"lr": 0.1})),
    "nesterov": (
        {"solver": "sgd", "learning_rate_init": 0.05, "momentum": 0.9},
        ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ),
    "adam": ({"solver": "adam", "learning_rate_init": 0.01, "epsilon": 1e-16}, ("Adam", {"lr": 0.01, "eps": 1e-16})),
}


@pytest.fixture(autouse=True)
def one_thread():
    """PyTorch's threads would wait for each other longer than such small steps take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def as_tensor(values):
    return torch.tensor(np.asarray(values, np.float64))


def cross_entropy(weights):
    """CrossEntropyLoss(weight=…), whose mean is weighted."""
    loss = torch.nn.CrossEntropyLoss(weight=as_tensor(weights))
    return lambda z, y: loss(z, torch.tensor(y)), lambda y: np.asarray(weights)[y]


def one_output(weights):
    """BCEWithLogitsLoss(pos_weight=…) counts negative rows once: divided by the sum of all weights that is a mean."""
    negative, positive = weights
    loss = torch.nn.BCEWithLogitsLoss(pos_weight=as_tensor([positive / negative]), reduction="sum")

    def of_rows(y):
        return np.where(y, positive / negative, 1.0)

    return lambda z, y: loss(z[:, 0], as_tensor(y)) / of_rows(y).sum(), lambda y: negative * of_rows(y)


def several_labels(each):
    """BCEWithLogitsLoss(weight=…): the weight of a row is the product over its labels, as scikit-learn defines it."""

    def of_rows(y):
        return np.prod([np.where(y[:, label], w[1], w[0]) for label, w in enumerate(each)], axis=0)

    def loss(z, y):
        rows = torch.nn.BCEWithLogitsLoss(weight=as_tensor(of_rows(y))[:, None], reduction="sum")
        return rows(z, as_tensor(y)) / of_rows(y).sum()

    return loss, of_rows


def balanced(y):
    return compute_class_weight("balanced", classes=np.unique(y), y=y)


#: name → (class_weight, y, number of outputs, (loss of PyTorch, weights of rows))
CASES = {
    "three classes": (THREE, CLASSES, 3, cross_entropy(list(THREE.values()))),
    "balanced": ("balanced", CLASSES, 3, cross_entropy(balanced(CLASSES))),
    "a class without weight": ({0: 1.0, 1: 0.0, 2: 2.0}, CLASSES, 3, cross_entropy([1.0, 0.0, 2.0])),
    "two classes": (TWO, (CLASSES > 0).astype(int), 1, one_output(TWO.values())),
    "two balanced classes": (
        "balanced", (CLASSES > 0).astype(int), 1, one_output(balanced((CLASSES > 0).astype(int)))
    ),
    "labels": (EACH_LABEL, LABELS, 3, several_labels(EACH_LABEL)),
    "balanced labels": ("balanced", LABELS, 3, several_labels([balanced(column) for column in LABELS.T])),
}  # fmt: skip


def make_tensors(y, n_outputs):
    """The initial weights of an estimator with this seed, and the network's pre-activations as a function of X."""
    net = Network([X.shape[1], HIDDEN, n_outputs], ["tanh", "softmax" if y.ndim == 1 and n_outputs > 1 else "logistic"],
                  "log_loss")  # fmt: skip
    net.initialize(random_state=0)
    coefs = [torch.tensor(array.copy(), requires_grad=True) for array in net.coefs]
    intercepts = [torch.tensor(array.copy(), requires_grad=True) for array in net.intercepts]
    return coefs, intercepts


def outputs(rows, coefs, intercepts):
    return torch.tanh(as_tensor(rows) @ coefs[0] + intercepts[0]) @ coefs[1] + intercepts[1]


def penalty(coefs, total):
    return L2 / (2 * total) * sum((weight**2).sum() for weight in coefs)


def train_torch(y, n_outputs, losses, optimizer, epochs=EPOCHS):
    """Weights, biases, and the mean loss of each epoch."""
    coefs, intercepts = make_tensors(y, n_outputs)
    (loss_of, weights_of), (name, settings), curve = losses, optimizer, []
    optimizer = getattr(torch.optim, name)([*coefs, *intercepts], **settings)
    for _ in range(epochs):
        total = 0.0
        for start in range(0, len(X), BATCH):
            rows = slice(start, start + BATCH)
            loss = loss_of(outputs(X[rows], coefs, intercepts), y[rows]) + penalty(coefs, weights_of(y[rows]).sum())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(X[rows])
        curve.append(total / len(X))
    return coefs, intercepts, curve


def assert_equal(model, coefs, intercepts):
    for ours, theirs in zip((*model.coefs_, *model.intercepts_), (*coefs, *intercepts), strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-9, atol=1e-12)


def make_model(class_weight, **parameters):
    return MLPClassifier(
        hidden_layer_sizes=(HIDDEN,), activation="tanh", alpha=L2, batch_size=BATCH, max_iter=EPOCHS, shuffle=False,
        random_state=0, n_iter_no_change=np.inf, class_weight=class_weight, **parameters,
    )  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("case", CASES)
def test_steps(case, optimizer):
    class_weight, y, n_outputs, losses = CASES[case]
    parameters, theirs = OPTIMIZERS[optimizer]
    model = make_model(class_weight, **parameters).fit(X, y)
    coefs, intercepts, curve = train_torch(y, n_outputs, losses, theirs)
    assert_equal(model, coefs, intercepts)
    np.testing.assert_allclose(model.loss_curve_, curve, rtol=1e-9)
    plain = make_model(None, **parameters).fit(X, y)
    assert abs(plain.coefs_[0] - model.coefs_[0]).max() > 1e-3  # the weights matter


@pytest.mark.parametrize("case", ["three classes", "a class without weight", "two classes", "labels"])
def test_steps_of_partial_fit(case):
    class_weight, y, n_outputs, losses = CASES[case]
    parameters, theirs = OPTIMIZERS["adam"]
    model, classes = make_model(class_weight, **parameters), {"classes": np.arange(3) if y.ndim == 2 else np.unique(y)}
    model.set_params(batch_size="auto")
    for start in range(0, len(X), BATCH):
        model.partial_fit(X[start : start + BATCH], y[start : start + BATCH], **classes)
    coefs, intercepts, _ = train_torch(y, n_outputs, losses, theirs, epochs=1)
    assert_equal(model, coefs, intercepts)


@pytest.mark.parametrize("case", [case for case, (class_weight, *_) in CASES.items() if class_weight != "balanced"])
def test_validation_loss(case):
    """Of other rows, with the weights of the training rows (as for 'balanced', see `test_class_weight.py`)."""
    class_weight, y, _, (loss_of, _) = CASES[case]
    model = make_model(class_weight, **OPTIMIZERS["adam"][0], early_stopping=True, scoring="loss")
    model.fit(X, y, X_val=X[20:90] + 0.1, y_val=y[20:90])
    arrays = [[as_tensor(array) for array in some] for some in (model.coefs_, model.intercepts_)]
    expected = loss_of(outputs(X[20:90] + 0.1, *arrays), y[20:90]).item()
    assert min(model.validation_loss_curve_) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg"])
@pytest.mark.parametrize("case", CASES)
def test_full_batch_solvers_find_a_minimum_of_pytorchs_loss(case, solver):
    class_weight, y, _, (loss_of, weights_of) = CASES[case]
    model = make_model(class_weight, solver=solver).set_params(max_iter=3000, max_fun=10**6, tol=1e-6).fit(X, y)
    coefs, intercepts = (
        [torch.tensor(array.copy(), requires_grad=True) for array in some] for some in (model.coefs_, model.intercepts_)
    )
    loss = loss_of(outputs(X, coefs, intercepts), y) + penalty(coefs, weights_of(y).sum())
    assert model.loss_ == pytest.approx(loss.item(), rel=1e-9)
    loss.backward()
    assert max(float(abs(array.grad).max()) for array in (*coefs, *intercepts)) < 1e-4


@pytest.mark.parametrize("case", ["three classes", "two classes"])
def test_sample_weights_multiply(case):
    """PyTorch's losses of each row times both weights, divided by their sum."""
    class_weight, y, n_outputs, (_, weights_of) = CASES[case]

    def loss_of(z, numbers):
        targets, rows = y[numbers], as_tensor(weights_of(y[numbers]) * WEIGHTS[numbers])
        if n_outputs == 1:
            each = torch.nn.functional.binary_cross_entropy_with_logits(z[:, 0], as_tensor(targets), reduction="none")
        else:
            each = torch.nn.functional.cross_entropy(z, torch.tensor(targets), reduction="none")
        return (rows * each).sum() / rows.sum()

    coefs, intercepts = make_tensors(y, n_outputs)
    optimizer = torch.optim.SGD([*coefs, *intercepts], lr=0.1)
    for start in (*range(0, len(X), BATCH),) * EPOCHS:
        numbers = np.arange(start, min(start + BATCH, len(X)))
        total = (weights_of(y[numbers]) * WEIGHTS[numbers]).sum()
        loss = loss_of(outputs(X[numbers], coefs, intercepts), numbers) + penalty(coefs, total)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model = make_model(class_weight, **OPTIMIZERS["sgd"][0]).fit(X, y, sample_weight=WEIGHTS)
    assert_equal(model, coefs, intercepts)
