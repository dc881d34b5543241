"""Windows over Parquet files and memory maps: which rows they hold, in what order, and the memory of training."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.data import fit, from_arrays, from_parquet

MB = 1 << 20


def write(path, columns, rows_of_group):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table(columns), path, row_group_size=rows_of_group)
    return path


@pytest.fixture
def source():
    random = np.random.RandomState(0)
    X = random.randn(100, 3).astype(np.float32)
    return X, np.arange(100), 1.0 + np.arange(100)


@pytest.fixture
def files(tmp_path, source):
    """Two files in a folder, of groups of 20 rows, whose columns are in another order."""
    pytest.importorskip("pyarrow")
    X, y, weights = source
    columns = {"w": weights, "a": X[:, 0], "target": y, "b": X[:, 1], "c": X[:, 2].astype(np.float64)}
    write(tmp_path / "1.parquet", {name: values[:60] for name, values in columns.items()}, 20)
    write(tmp_path / "2.parquet", {name: values[60:] for name, values in reversed(columns.items())}, 20)
    return tmp_path


def check_windows(windows, source, group, window):
    """Each row once, with its own target and weight; groups are together, and in another order in each epoch."""
    X, y, weights = source
    epochs = []
    for _ in range(2):
        found = list(windows)
        assert len(found) == len(windows)
        assert all(len(part[1]) >= window for part in found[:-1])
        numbers = np.concatenate([part[1] for part in found])
        assert (np.sort(numbers) == y).all()
        for inputs, targets, of_rows in found:
            assert (inputs == X[targets]).all() and (of_rows == weights[targets]).all()
            assert inputs.dtype == X.dtype and inputs.flags.c_contiguous
            assert np.bincount(targets // group).max() == group  # whole groups
            assert (np.diff(targets) != 1).any()
        epochs.append(numbers)
    assert (epochs[0] != epochs[1]).any()
    return epochs


def test_windows_hold_each_row_once(source):
    check_windows(from_arrays(*source, block=20, window=40, random_state=3), source, 20, 40)
    assert from_arrays(*source).n_rows == 100


def test_row_groups_are_the_blocks_of_files(files, source):
    options = {"window": 40, "random_state": 3}
    parquet = check_windows(from_parquet(files, sample_weight="w", **options), source, 20, 40)
    arrays = check_windows(from_arrays(*source, block=20, **options), source, 20, 40)
    assert (np.array(parquet) == np.array(arrays)).all()  # of the same seed
    assert from_parquet(files, ["a"]).n_rows == 100


def test_in_order(files, source):
    X, y, _ = source
    for windows in (
        from_parquet(files, ["c", "a"], window=30, shuffle=False, dtype="float64"),
        from_parquet([files / "1.parquet", str(files / "2.parquet")], ["c", "a"], window=1, shuffle=False,
                     dtype=np.float64),
        from_arrays(X[:, [2, 0]].astype(np.float64), y, window=30, block=20, shuffle=False),
    ):  # fmt: skip
        found = list(windows)
        inputs, targets = np.concatenate([part[0] for part in found]), np.concatenate([part[1] for part in found])
        assert (targets == y).all() and (inputs == X[:, [2, 0]]).all() and inputs.dtype == np.float64
    windows = pickle.loads(pickle.dumps(from_parquet(files, window=30)))
    assert windows.feature_names == ["w", "a", "b", "c"] and windows.n_rows == 100


def test_targets(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    words = np.array(["no", "yes", "perhaps"])[np.arange(40) % 3]
    coded = arrow.array(words).dictionary_encode()
    path = write(tmp_path / "t.parquet", {"x": np.arange(40.0), "word": words, "code": coded, "z": np.ones(40)}, 7)
    for target in ("word", "code"):
        windows = from_parquet(path, ["x"], target, window=10, random_state=0)
        assert windows.classes().tolist() == ["no", "perhaps", "yes"]
        for X, y in windows:
            assert (y == words[X[:, 0].astype(int)]).all()
    ((X, y),) = from_parquet(path, ["x"], ["z"], window=99)
    assert y.shape == (40, 1)


def test_training_on_windows(source):
    """Windows in order, without shuffling, are calls of `partial_fit` on these rows."""
    X, y, weights = source
    labels = np.array(["a", "b"])[y % 2]
    parameters = {"hidden_layer_sizes": (4,), "random_state": 0}
    windows = from_arrays(X, labels, weights, window=50, block=50, shuffle=False)
    model, expected = fit(MLPClassifier(**parameters), windows, epochs=2), MLPClassifier(**parameters)
    for rows in [slice(0, 50), slice(50, 100)] * 2:
        expected.partial_fit(X[rows], labels[rows], weights[rows], classes=["a", "b"])
    assert (model.coefs_[0] == expected.coefs_[0]).all() and model.loss_curve_ == expected.loss_curve_
    fit(model, windows)  # which goes on
    assert len(model.loss_curve_) == 6
    halves = from_arrays(X, y, window=200, shuffle=False, transform=lambda X: X / 2)
    regressor, again = fit(MLPRegressor(**parameters), halves), MLPRegressor(**parameters).partial_fit(X / 2, y)
    assert (regressor.coefs_[0] == again.coefs_[0]).all()


def test_training_on_files(files, source):
    X, y, _ = source
    parameters = {"hidden_layer_sizes": (4,), "random_state": 0}
    doubled = from_parquet(files, ["a", "b"], window=200, shuffle=False, transform=lambda X: 2 * X)
    regressor = fit(MLPRegressor(**parameters), doubled)
    again = MLPRegressor(**parameters).partial_fit(2 * X[:, :2], y)
    assert (regressor.coefs_[0] == again.coefs_[0]).all()


def test_what_cannot_be_read_is_refused(source):
    X, y, _ = source
    cases = [
        (lambda: from_arrays(X, y[:99]), ValueError, "inconsistent numbers of samples: .100, 99"),
        (lambda: from_arrays(X[:0], y[:0]), ValueError, "no rows"),
        (lambda: from_arrays(X, y, window=0), ValueError, "window must be 1 or more"),
        (lambda: from_arrays(X, y, block=2.0), TypeError, "block must be an integer"),
        (lambda: from_arrays(X, y, shuffle="no"), TypeError, "shuffle must be True or False"),
        (lambda: from_arrays(X, y, transform=3), TypeError, "transform must be a function"),
        (lambda: fit(MLPClassifier(), from_arrays(X, y), epochs=0), ValueError, "epochs must be 1 or more"),
        (lambda: fit(MLPClassifier(), ((X, y) for _ in range(2))), TypeError, "windows must begin anew"),
        (lambda: fit(MLPClassifier(solver="lbfgs"), [(X, y)]), TypeError, "has no partial_fit"),
    ]
    for call, kind, message in cases:
        with pytest.raises(kind, match=message):
            call()


def test_files_that_cannot_be_read_are_refused(tmp_path):
    good = write(tmp_path / "good.parquet", {"a": [1.0, 2.0], "target": [0, 1], "word": ["x", "y"]}, 2)
    holes = write(tmp_path / "holes.parquet", {"a": [1.0, None], "target": [0, 1], "word": ["x", "y"]}, 2)
    empty = write(tmp_path / "empty.parquet", {"a": np.zeros(0), "target": np.zeros(0)}, 2)
    (tmp_path / "nothing").mkdir()
    cases = [
        (lambda: from_parquet(good), TypeError, "Column 'word' holds string.*TabularMLP"),
        (lambda: from_parquet(good, ["a", "b"]), ValueError, "no column 'b'.*'word'"),
        (lambda: from_parquet(good, ["a"], "y"), ValueError, "no column 'y'"),
        (lambda: from_parquet(good, ["a"], sample_weight="word"), TypeError, "'word' holds string"),
        (lambda: from_parquet(good, ["a", "target"]), ValueError, "different columns"),
        (lambda: from_parquet(good, []), ValueError, "at least one feature"),
        (lambda: from_parquet(good, ["a"], dtype="int8"), ValueError, "'float32' or 'float64'"),
        (lambda: from_parquet(tmp_path / "nothing"), ValueError, "no files"),
        (lambda: from_parquet(empty), ValueError, "no rows"),
        (lambda: from_parquet(tmp_path / "missing.parquet"), FileNotFoundError, "missing"),
        (lambda: list(from_parquet(holes, ["a"])), ValueError, "Column 'a' holds 1 nulls"),
    ]
    for call, kind, message in cases:
        with pytest.raises(kind, match=message):
            call()


def traced_peak(function):
    """Return the largest memory of NumPy and Python that a call needs at the same time."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def calls_on(X, y):
    """Trainings and predictions, by name."""
    parameters = {"hidden_layer_sizes": (4,), "batch_size": 500, "max_iter": 1, "random_state": 0}
    half, classifier = len(y) // 2, MLPClassifier(**parameters)
    given = {"X_val": X[half:], "y_val": y[half:]}
    return {
        "fit": lambda: classifier.fit(X, y, np.ones(len(y)), **given),
        "predict_proba": lambda: classifier.predict_proba(X),
        "score": lambda: classifier.score(X[:half], y[:half]),
        "partial_fit": lambda: MLPClassifier(**parameters).partial_fit(X, y, classes=[0, 1]),
        "early stopping": lambda: MLPRegressor(**parameters, early_stopping=True).fit(X, y),
        "windows": lambda: fit(MLPClassifier(**parameters), from_arrays(X, y, window=512, block=128)),
    }


def test_a_memory_map_is_not_copied(tmp_path):
    """64 MB of zeros, a file without blocks, of which no fit or prediction keeps more than a few MB."""
    for dtype, n_rows in ((np.float32, 1 << 14), (np.float64, 1 << 13)):
        file, shape = tmp_path / dtype.__name__, (n_rows, 1 << 10)
        np.memmap(file, dtype, "w+", shape=shape)
        y = np.arange(n_rows) % 2
        for name, call in calls_on(np.memmap(file, dtype, "r", shape=shape), y).items():
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Got `batch_size`")  # the last window
                warnings.simplefilter("ignore", ConvergenceWarning)
                assert traced_peak(call) < 16 * MB, (name, dtype)
