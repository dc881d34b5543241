"""What is refused, before any step and before the model is changed; lazy predictions, scores, copies."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from fastmlp import MLPClassifier, MLPRegressor, Quantile
from fastmlp.callbacks import History
from fastmlp.dask import DaskMLPClassifier, DaskMLPRegressor
from fastmlp.dask.placement import assign

distributed = pytest.importorskip("distributed")
da, dd = pytest.importorskip("dask.array"), pytest.importorskip("dask.dataframe")
pd = pytest.importorskip("pandas")

SMALL = {"hidden_layer_sizes": (4,), "max_iter": 2, "batch_size": 10, "random_state": 0}


def fit_quietly(model, *rows):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(*rows)


def on_dask(*arrays, rows=20):
    return tuple(da.from_array(each, chunks=(rows, -1)[: np.ndim(each)]) for each in arrays)


def in_partitions(*parts):
    """A Dask array of these blocks, whose sizes Dask does not know."""
    delayed = pytest.importorskip("dask").delayed
    shape = (np.nan, *parts[0].shape[1:])
    return da.concatenate([da.from_delayed(delayed(part), shape, dtype=parts[0].dtype) for part in parts])


def test_refusals_change_nothing(pair, rows):
    X, y = rows
    chunked = on_dask(X, y)
    nan = X.copy()
    nan[50, 2] = np.nan
    frame = pd.DataFrame(X, columns=list("abcde"))
    other_names = dd.from_delayed(
        [pytest.importorskip("dask").delayed(part) for part in (frame[:30], frame[30:].rename(columns={"a": "z"}))],
        meta=frame[:0], verify_meta=False,
    )  # fmt: skip
    history = DaskMLPClassifier(**SMALL, client=pair).set_callbacks(History())
    cases = [
        ({"solver": "lbfgs"}, chunked, ValueError, "solver='lbfgs' has all rows in each step"),
        ({"solver": "newton-cg"}, chunked, ValueError, "solver='newton-cg' has all rows in each step"),
        ({"early_stopping": True}, chunked, ValueError, "early_stopping=True sets rows of X aside.*X_val"),
        ({"sync": 0}, chunked, ValueError, "'sync' parameter"),
        ({"sync": "batch"}, chunked, ValueError, "'sync' parameter"),
        ({"outer_momentum": 1.0}, chunked, ValueError, "'outer_momentum' parameter"),
        ({"ema": 0.9, "outer_momentum": 0.5}, chunked, ValueError, "ema=0.9 has no meaning with outer"),
        ({"client": None}, chunked, ValueError, "there is no client"),
        ({"client": "tcp://here"}, chunked, TypeError, "client must be a distributed.Client"),
        ({"max_iter": 0}, chunked, ValueError, "'max_iter' parameter"),
        ({"weight_decay": 0.1}, chunked, ValueError, "weight_decay=0.1 was given"),
        ({"dropout": [0.1, 0.1]}, chunked, ValueError, "dropout"),
        ({"class_weight": {7: 2.0}}, chunked, ValueError, "class_weight has weights for 7"),
        ({}, (X, y), TypeError, "X must be a Dask array or data frame, as X is, got ndarray"),
        ({}, (chunked[0], y), TypeError, "y must be a Dask array"),
        ({}, (*chunked, np.ones(60)), TypeError, "sample_weight must be a Dask array"),
        ({}, (chunked[1], chunked[1]), ValueError, "Expected 2D array, got 1D"),
        ({}, (chunked[0], chunked[1][:59]), ValueError, "inconsistent numbers of samples: .60, 59"),
        ({}, (chunked[0], in_partitions(y)), ValueError, "different numbers of partitions: .3, 1"),
        ({}, (chunked[0], in_partitions(y[:20], y[20:30], y[40:])), ValueError, "samples in partition 1: .20, 10"),
        ({}, on_dask(nan, y), ValueError, "contains NaN"),
        ({}, on_dask(X, X[:, 0]), ValueError, "Unknown label type: continuous"),
        ({}, (chunked[0], in_partitions(y[:30].astype(str), y[30:])), (ValueError, TypeError), "one kind|partitions"),
        ({}, (in_partitions(X[:30], X[30:]), in_partitions(y[:30].astype(str), y[30:])), TypeError, "one kind"),
        ({}, (in_partitions(X[:30], X[30:, :3]), in_partitions(y[:30], y[30:])), ValueError, "partition 1 has 3 feat"),
        ({}, (other_names, in_partitions(y[:30], y[30:])), ValueError, "partition 1 has 5 features .'z'"),
        ({}, (in_partitions(X[:0], X[:0]), in_partitions(y[:0], y[:0])), ValueError, "0 sample"),
        ({}, on_dask(X, y, np.zeros(60)), ValueError, "sample_weight sums to zero over 60 rows"),
        (history, chunked, ValueError, "History.* needs the training's rows or gradients"),
    ]  # fmt: skip
    for parameters, given, kind, message in cases:
        model = parameters
        if isinstance(parameters, dict):
            model = DaskMLPClassifier(**{"client": pair, **SMALL, **parameters})
        with pytest.raises(kind, match=message):
            fit_quietly(model, *given)
        assert not hasattr(model, "coefs_"), message
    with pytest.raises(ValueError, match=r"y holds NaN|contains NaN"):
        fit_quietly(DaskMLPRegressor(**SMALL, client=pair), *on_dask(X, nan[:, 2]))
    with pytest.raises(AttributeError, match="Incremental"):
        _ = DaskMLPClassifier().partial_fit
    with pytest.raises(NotFittedError):
        DaskMLPClassifier().predict(chunked[0])
    fitted = fit_quietly(DaskMLPClassifier(**SMALL, client=pair), *chunked)
    before = [array.copy() for array in fitted.coefs_]
    with pytest.raises(ValueError, match="contains NaN"):
        fit_quietly(fitted, *on_dask(nan, y))
    assert all((one == other).all() for one, other in zip(before, fitted.coefs_, strict=True))
    with pytest.raises(ValueError, match="X has 3 features, but MLPClassifier is expecting 5"):
        fitted.predict(chunked[0][:, :3])
    with pytest.raises(ValueError, match="same classes as in the previous call"):
        fit_quietly(fitted.set_params(warm_start=True), *on_dask(X, y + 1))


def test_rows_without_weight_are_left_out(pair, rows):
    """Also where a worker has no others."""
    X, y = rows
    weights = np.repeat([1.0, 0.0], 30)
    chunks = on_dask(X, y, weights, rows=30)
    model = fit_quietly(DaskMLPClassifier(**SMALL, client=pair), *chunks)
    expected = fit_quietly(MLPClassifier(**SMALL), X[:30], y[:30], weights[:30])
    assert all((one == other).all() for one, other in zip(model.coefs_, expected.coefs_, strict=True))


def test_predictions_are_lazy_and_those_of_the_plain_model(pair, rows):
    X, y = rows
    frame = dd.from_pandas(pd.DataFrame(X, columns=list("abcde")), npartitions=2)
    chunked = da.from_array(X, chunks=(20, 2))
    masked = chunked[da.from_array(np.repeat([True, False], 30), chunks=20)]  # the last partition has no rows
    quantiles = Quantile((0.1, 0.5, 0.9))
    cases = [
        (DaskMLPClassifier(**SMALL), y, ("predict", "predict_proba", "predict_log_proba")),
        (DaskMLPClassifier(**SMALL), np.array(["no", "yes"])[(y > 1).astype(int)], ("predict", "predict_proba")),
        (DaskMLPClassifier(**SMALL, loss="hinge"), y, ("predict", "decision_function")),
        (DaskMLPClassifier(**SMALL), np.column_stack([y > 0, y > 1]).astype(int), ("predict", "predict_proba")),
        (DaskMLPRegressor(**SMALL), X[:, 0], ("predict",)),
        (DaskMLPRegressor(**SMALL), X[:, :2], ("predict",)),
        (DaskMLPRegressor(**SMALL, loss=quantiles), X[:, :2], ("predict",)),
    ]
    for model, targets, methods in cases:
        fit_quietly(model.set_params(client=pair), *on_dask(X, targets))
        for method in methods:
            expected = getattr(model.to_local(), method)(X)
            for of, inputs in {"chunks": chunked, "frame": frame, "empty block": masked}.items():
                if of == "frame" and expected.ndim > 2:
                    continue
                found = getattr(model, method)(inputs)
                assert isinstance(found, da.Array) and found.ndim == expected.ndim, (method, of)
                assert of != "chunks" or found.shape == expected.shape
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", "X has feature names")
                    values = found.compute(scheduler="synchronous")
                assert values.dtype == found.dtype == expected.dtype or expected.dtype.kind == "U"
                assert (values == expected[: len(values)]).all() and len(values) == (30 if of == "empty block" else 60)
            assert (getattr(model, method)(X) == expected).all()
    assert not hasattr(cases[2][0], "predict_proba") and not hasattr(cases[0][0], "decision_function")


def test_scores_are_those_of_the_plain_model(pair, rows):
    X, y = rows[0].astype(np.float64), rows[1]
    weights = np.linspace(0.1, 3, 60)
    several = np.column_stack([y > 0, y > 1]).astype(int)
    values = 1e6 + X[:, :2]
    for model, targets in (
        (DaskMLPClassifier(**SMALL), y),
        (DaskMLPClassifier(**SMALL), several),
        (DaskMLPRegressor(**SMALL), X[:, 0]),
        (DaskMLPRegressor(**SMALL, loss=Quantile((0.1, 0.5, 0.9))), values),
    ):
        fit_quietly(model.set_params(client=pair), *on_dask(X, targets))
        for given in ((), (weights,)):
            expected = model.to_local().score(X, targets, *given)
            assert model.score(*on_dask(X, targets, *given)) == pytest.approx(expected, rel=1e-9)
            assert model.score(X, targets, *given) == expected
        unknown = in_partitions(X[:20], X[:0], X[20:]), in_partitions(targets[:20], targets[:0], targets[20:])
        assert model.score(*unknown) == pytest.approx(model.score(X, targets), rel=1e-9)


def test_copies_keep_the_parameters(pair, rows):
    model = fit_quietly(DaskMLPClassifier(**SMALL, sync=3, client=pair), *on_dask(*rows))
    copied = clone(model)
    assert copied.client is pair and copied.sync == 3 and not hasattr(copied, "coefs_")
    again = pickle.loads(pickle.dumps(model))
    assert again.client is None and (again.predict(rows[0]) == model.predict(rows[0])).all()
    assert model.get_params()["sync"] == 3 and model.set_params(sync=5).sync == 5
    plain = MLPClassifier().get_params()
    assert {name: value for name, value in DaskMLPClassifier().get_params().items() if name in plain} == plain
    assert DaskMLPRegressor("poisson", (3,)).loss == MLPRegressor("poisson").loss
    with pytest.raises(TypeError, match="hidden"):
        DaskMLPClassifier(hidden=3)


def test_partitions_are_spread_over_the_workers():
    assert assign([["a"], ["a"], ["b"]], [5, 5, 5], ["a", "b"]) == {"a": [0, 1], "b": [2]}
    assert assign([["a"]] * 4, [5] * 4, ["a", "b"]) == {"a": [2, 3], "b": [0, 1]}
    assert assign([["gone"], []], [1, 1], ["a", "b"]) == {"a": [0], "b": [1]}
    assert assign([["a"]], [9], ["a", "b"]) == {"a": [0]}
