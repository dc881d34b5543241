"""With one worker, each fit has the same bits as that of the plain estimator, whatever the form of the rows."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from fastmlp import Adam, LayerWise, MLPClassifier, MLPRegressor, OneCycle, Quantile
from fastmlp.callbacks import EarlyStopping
from fastmlp.dask import DaskMLPClassifier, DaskMLPRegressor

pytest.importorskip("distributed")
da, dd = pytest.importorskip("dask.array"), pytest.importorskip("dask.dataframe")
pd = pytest.importorskip("pandas")

SMALL = {"hidden_layer_sizes": (7,), "max_iter": 4, "batch_size": 16, "random_state": 3, "n_jobs": 1}
CLASSIFIERS = {
    "adam": {},
    "another interval, of which one worker needs none": {"sync": 1},
    "sgd, which lowers its rate": {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1},
    "inverse scaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "schedule of the whole training": {"learning_rate": OneCycle(1e-2)},
    "dropout and average": {"dropout": 0.2, "input_dropout": 0.1, "ema": 0.9},
    "penalties": {"l1": 0.1, "max_norm": 1.0, "clip_norm": 0.5},
    "layer-wise, last batch left out": {"solver": LayerWise(Adam(), weight_rates=(0.5, 1)), "drop_last": True},
    "until nothing improves": {"max_iter": 30, "tol": 10.0, "n_iter_no_change": 2},
    "class weights": {"class_weight": "balanced", "shuffle": False},
    "margins": {"loss": "hinge"},
    "a generator": {"random_state": 0},
}


def fit_quietly(model, *rows, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(*rows, **options)


def fit_both(kinds, client, parameters, plain, chunked, **options):
    """Return the plain model, and the one on Dask's rows."""
    dask_only = {name: parameters[name] for name in ("sync",) if name in parameters}
    parameters = {name: value for name, value in parameters.items() if name not in dask_only}
    expected = fit_quietly(kinds[0](**{**SMALL, **parameters}), *plain, **options)
    model = fit_quietly(kinds[1](**{**SMALL, **parameters}, **dask_only, client=client), *chunked, **options)
    return expected, model


def assert_same(expected, model, of=""):
    for name in ("coefs_", "intercepts_"):
        for one, other in zip(getattr(expected, name), getattr(model, name), strict=True):
            assert one.dtype == other.dtype and (one == other).all(), of
    for name in ("loss_curve_", "n_iter_", "t_", "best_loss_", "validation_loss_curve_", "best_epoch_"):
        assert getattr(expected, name) == getattr(model, name), (of, name)


CLASSES = MLPClassifier, DaskMLPClassifier
VALUES = MLPRegressor, DaskMLPRegressor


def test_classifiers_have_the_bits_of_a_local_fit(alone, rows):
    X, y = rows
    for of, parameters in CLASSIFIERS.items():
        chunked = da.from_array(X, chunks=(25, 3)), da.from_array(y, chunks=25)
        expected, model = fit_both(CLASSES, alone, parameters, rows, chunked)
        assert_same(expected, model, of)
        assert (model.predict(X) == expected.predict(X)).all(), of


def test_other_targets_have_the_bits_of_a_local_fit(alone, rows):
    X, y = rows
    several = np.column_stack([X[:, 0], X[:, 1] ** 2]).astype(np.float64)
    cases = [
        (CLASSES, {}, y.astype(str)),
        (CLASSES, {}, (y > 0)[:, np.newaxis]),
        (CLASSES, {"class_weight": "balanced"}, np.column_stack([y > 0, y > 1]).astype(int)),
        (VALUES, {}, several[:, 0]),
        (VALUES, {"loss": Quantile((0.1, 0.5, 0.9))}, several),
        (VALUES, {"loss": "poisson"}, several[:, 1]),
    ]
    for kinds, parameters, targets in cases:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "A column-vector y was passed")
            chunks = da.from_array(X, chunks=(25, -1)), da.from_array(targets, chunks=(30, -1)[: targets.ndim])
            expected, model = fit_both(kinds, alone, parameters, (X, targets), chunks)
        assert_same(expected, model, (kinds, parameters))
        assert not hasattr(expected, "classes_") or (expected.classes_ == model.classes_).all()


def test_forms_of_the_rows(alone, rows):
    """Data frames, unknown chunk sizes, partitions without rows, sparse blocks, float64 beside float32."""
    X, y = rows
    weights = np.linspace(0.5, 2, 60)
    frame, series = pd.DataFrame(X, columns=list("abcde")), pd.Series(y)
    frames = dd.from_pandas(frame, npartitions=3), dd.from_pandas(series, npartitions=3)
    unknown = frames[0].to_dask_array(), frames[1].to_dask_array()
    masked = X[:, 0] < 0.3
    chunked = da.from_array(X, chunks=(20, -1)), da.from_array(y, chunks=20)
    by_class = np.argsort(y, kind="stable")
    some = da.from_array(X[by_class], chunks=(20, -1)), da.from_array(y[by_class], chunks=20)
    chosen, index = y[by_class] == 2, by_class[y[by_class] == 2]  # the first partition keeps no row
    coo = da.map_blocks(sp.coo_array, chunked[0], dtype=X.dtype, meta=sp.coo_array((0, 0), dtype=X.dtype))
    mixed = da.concatenate([chunked[0][:40], chunked[0][40:].astype(np.float64)], allow_unknown_chunksizes=True)
    cases = {
        "frames": (frames, (frame, series)),
        "unknown sizes": (unknown, rows),
        "masked": ((chunked[0][da.from_array(masked, chunks=20)], chunked[1][da.from_array(masked, chunks=20)]),
                   (X[masked], y[masked])),
        "no rows": ((some[0][da.from_array(chosen, chunks=20)], some[1][da.from_array(chosen, chunks=20)]),
                    (X[index], y[index])),
        "sparse": ((coo, chunked[1]), (sp.csr_matrix(X), y)),
        "weights": ((*chunked, da.from_array(weights, chunks=30)), (X, y, weights)),
        "weights of frames": ((*frames, dd.from_pandas(pd.Series(weights), npartitions=3)), (frame, series, weights)),
        "two types": ((mixed, chunked[1]), (X.astype(np.float64), y)),
    }  # fmt: skip
    for of, (chunks, plain) in cases.items():
        expected, model = fit_both(CLASSES, alone, {}, plain, chunks)
        assert_same(expected, model, of)
        assert getattr(expected, "feature_names_in_", None) is getattr(model, "feature_names_in_", None) or (
            (expected.feature_names_in_ == model.feature_names_in_).all()
        )


def test_validation_rows_and_early_stopping(alone, rows):
    X, y = rows
    chunked = da.from_array(X[:40], chunks=(15, -1)), da.from_array(y[:40], chunks=15)
    given = {"X_val": X[40:], "y_val": y[40:], "sample_weight_val": np.linspace(1, 2, 20)}
    on_dask = {name: da.from_array(value, chunks=10) for name, value in given.items()}
    for parameters in (
        {"early_stopping": True, "max_iter": 20, "n_iter_no_change": 2},
        {"scoring": "neg_log_loss"},
        {"class_weight": "balanced"},
    ):
        expected = fit_quietly(MLPClassifier(**SMALL | parameters), X[:40], y[:40], **given)
        model = fit_quietly(DaskMLPClassifier(**SMALL | parameters, client=alone), *chunked, **on_dask)
        assert_same(expected, model, parameters)
        assert expected.validation_scores_ == model.validation_scores_
    stopping = [EarlyStopping(patience=1), EarlyStopping(patience=1)]
    plain = MLPClassifier(**SMALL | {"max_iter": 20, "learning_rate_init": 0.1}).set_callbacks(stopping[0])
    model = DaskMLPClassifier(**plain.get_params(), client=alone).set_callbacks(stopping[1])
    fit_quietly(plain, X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    fit_quietly(model, *chunked, X_val=X[40:], y_val=y[40:])
    assert_same(plain, model)
    assert stopping[0].best_epoch_ == stopping[1].best_epoch_


def test_warm_start_and_further_training(alone, rows):
    X, y = rows
    chunked = da.from_array(X, chunks=(25, -1)), da.from_array(y, chunks=25)
    expected = fit_quietly(MLPClassifier(**SMALL, warm_start=True), X, y)
    model = fit_quietly(DaskMLPClassifier(**SMALL, warm_start=True, client=alone), *chunked)
    assert_same(fit_quietly(expected, X, y), fit_quietly(model, *chunked))
    local = model.to_local()
    assert type(local) is MLPClassifier and "client" not in vars(local)
    assert_same(expected.partial_fit(X, y), local.partial_fit(X, y))
    again = fit_quietly(model.set_params(warm_start=False), *chunked)
    assert_same(fit_quietly(MLPClassifier(**SMALL), X, y), again)
