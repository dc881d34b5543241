"""Models of many kinds, small and quickly fitted, for the tests of files and exports."""

import numpy as np

from fastmlp import (
    CELU,
    ELU,
    LAMB,
    SGD,
    Adam,
    AdamW,
    Cosine,
    Exponential,
    Focal,
    GivenArrays,
    Huber,
    LayerWise,
    LeakyReLU,
    MLPClassifier,
    MLPRegressor,
    OneCycle,
    Orthogonal,
    Quantile,
    SiLU,
    Softplus,
    StepDecay,
    Tweedie,
    Uniform,
    WarmUp,
)  # fmt: skip

N_FEATURES = 4


def rows(n=40, dtype=np.float64):
    """Return inputs, and a target that depends on them."""
    X = np.random.RandomState(0).standard_normal((n, N_FEATURES)).astype(dtype)
    return X, X[:, 0] - 0.5 * X[:, 1] ** 2


def three_classes(names=(0, 1, 2)):
    _, y = rows()
    return np.asarray(names)[np.digitize(y, [-0.7, 0.3])]


def labels():
    X, y = rows()
    return np.column_stack([y > 0, X[:, 1] > 0, X[:, 2] < 0.5]).astype(int)


def models_and_targets():
    """Return (name, unfitted model, its targets, whether it has mini-batches) of many kinds."""
    _, y = rows()
    both = np.column_stack([y, -2 * y])
    usual = {"hidden_layer_sizes": (5,), "max_iter": 3, "tol": 0.0, "random_state": 3}
    coefs = [np.full((4, 5), 0.1), np.full((5, 3), 0.2)]
    groups = LayerWise(Adam(1e-2), weight_rates=(0.1, 1), bias_rates="ntk")
    many = [
        ("defaults", MLPClassifier(**usual), three_classes()),
        ("two classes", MLPClassifier(**usual, class_weight={"no": 1, "yes": 2.5}), np.where(y > 0, "yes", "no")),
        ("bool", MLPClassifier(**usual, solver="sgd", learning_rate="adaptive"), y > 0),
        ("floats", MLPClassifier(**usual, solver="sgd", learning_rate="invscaling"), three_classes([0.0, 2.0, 7.0])),
        ("objects", MLPClassifier(**usual, loss=Focal(1.5)), three_classes(np.array(["a", "bb", "c"], object))),
        ("margins", MLPClassifier(**usual, loss="hinge"), three_classes([3, 1, 2])),
        ("small integers", MLPClassifier(**usual, loss="squared_hinge"), three_classes().astype(np.int8)),
        ("one class", MLPClassifier(**usual), np.full(len(y), "only")),
        ("labels", MLPClassifier(**usual, class_weight=[{0: 1, 1: 2}, {}, {1: 3}]), labels()),
        ("schedules", MLPClassifier(**usual, solver=AdamW(WarmUp(OneCycle(1e-2, steps=50), 2), weight_decay=0.1),
                                    alpha=Exponential(1e-3, 0.9), dropout=[0.2], input_dropout=0.1), three_classes()),
        ("early stopping", MLPClassifier(**usual, early_stopping=True, scoring="loss"), three_classes()),
        ("groups", MLPClassifier(**usual, solver=groups, l1=1e-3, ema=0.9), three_classes()),
        ("given arrays", MLPClassifier(**usual, initializer=GivenArrays(coefs, [np.zeros(5), np.ones(3)])),
         three_classes()),
        ("generator", MLPClassifier(**{**usual, "random_state": np.random.RandomState(1)}), three_classes()),
        ("lbfgs", MLPClassifier(**usual, solver="lbfgs", initializer=Uniform(-0.5, 0.5)), three_classes()),
        ("regression", MLPRegressor(**usual), y),
        ("two outputs", MLPRegressor(**{**usual, "hidden_layer_sizes": (4, 3)}, activation=["tanh", ELU(0.5)]), both),
        ("no hidden layer", MLPRegressor(**{**usual, "hidden_layer_sizes": []}, solver=LAMB(StepDecay(0.1, 7))), y),
        ("quantiles", MLPRegressor(loss=Quantile((0.1, 0.5, 0.9), crossing=False), **usual), both),
        ("huber", MLPRegressor(Huber(2.0), solver=SGD(Cosine(0.1, steps=30), 0.5), activation=SiLU(2.0), **usual), y),
        ("tweedie", MLPRegressor(Tweedie(1.7), **usual, output_activation=Softplus(2.0), activation=CELU(0.3)), abs(y)),
        ("newton", MLPRegressor("half_squared_error", solver="newton-cg", activation="gelu",
                                initializer=Orthogonal(2.0), **usual), y),
        ("clipping", MLPRegressor(activation=LeakyReLU(0.2), clip_norm=1.0, max_norm=2.0, drop_last=True,
                                  solver="nesterov", verbose=np.bool_(False), alpha=np.float32(0.01), **usual), y),
    ]  # fmt: skip
    full_batch = {"lbfgs", "newton-cg", "levenberg-marquardt"}
    return [(name, model, y, not (isinstance(model.solver, str) and model.solver in full_batch))
            for name, model, y in many]  # fmt: skip
