"""Invalid sparse matrices, passed to every method that takes one. Run as a program: a crash ends the child only.

``python damaged_sparse.py GROUP`` passes each invalid matrix to each method of that group, and prints the calls that
did not raise a ValueError about it.
"""

import warnings

import numpy as np
import scipy.sparse as sp

from fastmlp import MLPClassifier, MLPRegressor, Network
from fastmlp.engine.dataset import Dataset
from fastmlp.engine.model import TrainableModel
from fastmlp.optimizers import SGD
from fastmlp.training.full_batch_loss import FullBatch
from fastmlp.training.levenberg_marquardt import levenberg_marquardt
from fastmlp.training.newton_cg import newton_cg
from fastmlp.training.progress import Progress

N_ROWS, N_FEATURES = 64, 6
#: An index so far outside that reading there leaves the process's memory.
FAR = 500_000_000


def sound(container=sp.csr_matrix, dtype=np.float64, index=np.int32, ones=False):
    """A valid matrix of any format with a third of its entries stored, and index arrays of type `index`."""
    dense = 4 * np.random.RandomState(0).standard_normal((N_ROWS, N_FEATURES))
    dense *= dense > 2
    X = container((dense > 0 if ones else dense).astype(dtype))
    for name in ("indptr", "indices", "offsets"):
        if hasattr(X, name):
            setattr(X, name, getattr(X, name).astype(index))
    return X


def entry(array, at, value):
    """Overwrite one entry of the named array."""

    def damage(X):
        getattr(X, array)[at] = value

    return damage


def shifted(array, by):
    """Add to every entry of the named array."""

    def damage(X):
        setattr(X, array, getattr(X, array) + by)

    return damage


def cut(array, to):
    def damage(X):
        setattr(X, array, getattr(X, array)[:to])

    return damage


def as_type(array, dtype):
    def damage(X):
        setattr(X, array, getattr(X, array).astype(dtype))

    return damage


def longer_list(X):
    X.data[3] = [*X.data[3], *range(4000)]


def list_beyond(X):
    X.rows[3], X.data[3] = [FAR], [1.0]


def no_list(array):
    def damage(X):
        getattr(X, array)[3] = 3

    return damage


def key_beyond(X):
    X._dict[(3, FAR)] = 1.0


COMPRESSED = {
    "index beyond": entry("indices", 5, N_ROWS + N_FEATURES),
    "index far beyond": entry("indices", 5, FAR),
    "first index negative": entry("indices", 0, -1),
    "last index far negative": entry("indices", -1, -FAR),
    "indptr beyond": entry("indptr", -1, 10**7),
    "indptr starts late": entry("indptr", 0, 2),
    "indptr negative": entry("indptr", 0, -3),
    "indptr rises too far between": entry("indptr", 3, 10**6),
    "indptr falls": entry("indptr", 3, 0),
    "indptr falls below zero": entry("indptr", 3, -(10**6)),
    "indptr too short": cut("indptr", -1),
    "indptr empty": cut("indptr", 0),
    "fewer values": cut("data", 3),
    "fewer indices": cut("indices", 3),
    "indices of floats": as_type("indices", np.float64),
    "indptr of floats": as_type("indptr", np.float64),
}
WRAPPING = {
    "indices 2**32 too large": shifted("indices", 2**32),
    "one index 2**32 too large": entry("indices", 5, 2**32 + 1),
    "one index 2**32 too small": entry("indices", 5, 1 - 2**32),
    "indptr 2**32 too large": shifted("indptr", 2**32),
    "indptr ends 2**32 later": entry("indptr", -1, 2**32),
}
COORDINATES = {
    "row beyond": entry("row", 5, FAR),
    "row negative": entry("row", 5, -FAR),
    "column beyond": entry("col", 5, N_FEATURES),
    "column far beyond": entry("col", 5, FAR),
    "column negative": entry("col", 5, -1),
}
DAMAGES = {
    sp.csr_matrix: COMPRESSED,
    sp.csr_array: COMPRESSED,
    sp.csc_matrix: COMPRESSED,
    sp.csc_array: COMPRESSED,
    sp.bsr_matrix: {name: damage for name, damage in COMPRESSED.items() if name != "indices of floats"},
    sp.coo_matrix: COORDINATES,
    sp.coo_array: COORDINATES,
    sp.lil_matrix: {
        "more values than columns": longer_list,
        "column beyond": list_beyond,
        "an integer for columns": no_list("rows"),
        "an integer for values": no_list("data"),
    },
    sp.dok_matrix: {"column beyond": key_beyond},
    sp.dia_matrix: {"offset 2**32 too large": shifted("offsets", 2**32), "more offsets": cut("data", 2)},
}


def damaged(ones=False):
    """(name, matrix) for each defect of each format, for both index types where there are any; `ones` for labels."""
    for container, damages in DAMAGES.items():
        kinds = (np.int64,) if container is sp.dia_matrix else (np.int32, np.int64)
        for index in kinds if hasattr(sound(container), "indices") else kinds[-1:]:
            wraps = index is np.int64 and damages is COMPRESSED
            for name, damage in {**damages, **(WRAPPING if wraps else {})}.items():
                X = sound(container, index=index, ones=ones)
                damage(X)
                yield f"{container.__name__}, {np.dtype(index)}: {name}", X
    for dtype in (np.float32, np.int64, np.bool_):
        X = sound(dtype=dtype, index=np.int64, ones=ones)
        X.indices = X.indices + 2**32
        yield f"csr of {np.dtype(dtype)}: indices 2**32 too large", X
    empty = sp.csr_matrix((N_ROWS, N_FEATURES))
    empty.indptr[3:] = 10**6
    yield "nothing stored: indptr beyond", empty
    wide = sp.csr_matrix((N_ROWS, N_FEATURES))
    wide.indptr = wide.indptr[:1]
    yield "nothing stored: indptr too short", wide


Y = np.arange(N_ROWS) % 3
VALUES = np.linspace(-1, 1, N_ROWS)


def network_methods():
    """Every method of `Network` that takes inputs."""
    net = Network([N_FEATURES, 4, 3], ["tanh", "softmax"], "log_loss")
    net.initialize(random_state=0)
    return {
        "forward": net.forward,
        "activations_of": net.activations_of,
        "loss": lambda X: net.loss(X, Y),
        "loss_and_gradients": lambda X: net.loss_and_gradients(X, Y),
        "input_gradients": lambda X: net.input_gradients(X, Y),
        "backward": lambda X: net.backward(X, np.ones((N_ROWS, 3))),
        "jacobian": net.jacobian,
        "hessian_vector_product": lambda X: net.hessian_vector_product(X, Y, net.params),
        "train": lambda X: net.train(X, Y, SGD(0.1), batch_size=10),
    }


def solver_methods():
    """Solvers, which work on any `Dataset`."""
    model = TrainableModel([N_FEATURES, 4, 1], ["tanh", "identity"], "half_squared_error", np.float64)
    options = {"l2": 0.0, "max_iter": 1, "tol": 0.0, "progress": Progress(False)}

    def rows(X, dtype=np.float64):
        return Dataset(X, VALUES[:, np.newaxis], None, dtype)

    return {
        "rows": rows,
        "rows in float32": lambda X: rows(X, np.float32),
        "full batch": lambda X: FullBatch(model, rows(X), 0.0)(model.params),
        "newton": lambda X: newton_cg(model, rows(X), **options),
        "levenberg-marquardt": lambda X: levenberg_marquardt(model, rows(X), **options),
    }


def estimator_methods():
    """Fits of every kind, and all predictions of fitted models."""
    small = {"hidden_layer_sizes": (4,), "max_iter": 1, "random_state": 0}
    classifier = MLPClassifier(**small).fit(sound(), Y)
    regressor = MLPRegressor(**small).fit(sound().astype(np.float32), VALUES)
    methods = {
        "fit": lambda X: MLPClassifier(**small).fit(X, Y),
        "refit": lambda X: classifier.fit(X, Y),
        "early stopping": lambda X: MLPClassifier(**small, early_stopping=True).fit(X, Y),
        "partial_fit": lambda X: MLPClassifier(**small).partial_fit(X, Y, classes=[0, 1, 2]),
        "predict": classifier.predict,
        "predict_proba": classifier.predict_proba,
        "predict_log_proba": classifier.predict_log_proba,
        "score": lambda X: classifier.score(X, Y),
        "values": regressor.predict,
        "score of values": lambda X: regressor.score(X, VALUES),
        "partial_fit of values": lambda X: regressor.partial_fit(X, VALUES),
    }
    for solver in ("sgd", "lbfgs", "newton-cg", "levenberg-marquardt"):
        kind = {**small, "activation": "tanh", "solver": solver}
        methods[solver] = lambda X, kind=kind: MLPRegressor(**kind).fit(X, VALUES)
    return methods


def target_methods():
    """Sparse indicators as targets: the invalid matrix is y."""
    X = np.random.RandomState(0).standard_normal((N_ROWS, 4))
    model = MLPClassifier(hidden_layer_sizes=(4,), max_iter=1, random_state=0)
    return {
        "fit": lambda y: MLPClassifier(hidden_layer_sizes=(4,), max_iter=1).fit(X, y),
        "partial_fit": lambda y: model.partial_fit(X, y, classes=np.arange(N_FEATURES)),
    }


GROUPS = {
    "network": network_methods,
    "solvers": solver_methods,
    "estimators": estimator_methods,
    "targets": target_methods,
}


def try_all(group):
    for called, method in GROUPS[group]().items():
        for name, X in damaged(ones=group == "targets"):
            print(f"TRIED {group}, {called}: {name}", flush=True)
            try:
                method(X)
            except ValueError as error:
                if "is not a valid" in str(error):
                    continue
                print(f"WRONG {called}: {name}: {error}", flush=True)
            except Exception as error:
                print(f"WRONG {called}: {name}: {type(error).__name__}: {error}", flush=True)
            else:
                print(f"WRONG {called}: {name}: taken", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for each in GROUPS:
        try_all(each)
    print("END", flush=True)
