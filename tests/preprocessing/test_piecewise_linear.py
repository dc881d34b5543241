"""`PiecewiseLinearEncoder` against its equation."""

import pickle

import numpy as np
import pytest
from helpers.merged import in_one_test
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fastmlp import MLPClassifier
from fastmlp.preprocessing import PiecewiseLinearEncoder, SquashingScaler


def make_columns(n=60, dtype=np.float64):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((n, 3)) * [1.0, 100.0, 0.01]
    X[:, 1] = rng.integers(0, 3, n)  # fewer values than bins
    return X.astype(dtype)


def encode(x, edges, extrapolate):
    """The equation for one value, bin by bin."""
    parts = []
    for j in range(1, len(edges)):
        part = (x - edges[j - 1]) / (edges[j] - edges[j - 1])
        low = -np.inf if extrapolate and j == 1 else 0.0
        high = np.inf if extrapolate and j == len(edges) - 1 else 1.0
        parts.append(min(max(part, low), high))
    return parts


@in_one_test()
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("extrapolate", [True, False])
@pytest.mark.parametrize("keep_original", [True, False])
@pytest.mark.parametrize("strategy", ["quantile", "tree"])
def test_encoding_follows_the_equation(dtype, extrapolate, keep_original, strategy):
    X = make_columns(dtype=dtype)
    y = np.sin(3.0 * X[:, 0]) + X[:, 1]
    encoder = PiecewiseLinearEncoder(5, strategy=strategy, keep_original=keep_original, extrapolate=extrapolate)
    others = X * dtype(1.7)  # beyond the edges as well
    encoded = encoder.fit(X, y).transform(others)
    assert encoded.dtype == dtype
    expected = [
        [part for x, edges in zip(row, encoder.bin_edges_, strict=True)
         for part in ([x] if keep_original else []) + encode(float(x), edges, extrapolate)]
        for row in others
    ]  # fmt: skip
    np.testing.assert_allclose(encoded, expected, rtol=50 * np.finfo(dtype).eps, atol=50 * np.finfo(dtype).eps)
    assert encoded.shape[1] == len(encoder.get_feature_names_out())


def test_edges_are_the_different_quantiles():
    X = make_columns()
    encoder = PiecewiseLinearEncoder(8).fit(X)
    for column, edges in zip(X.T, encoder.bin_edges_, strict=True):
        np.testing.assert_array_equal(edges, np.unique(np.quantile(column, np.arange(9) / 8)))
    assert encoder.n_bins_.tolist() == [8, 2, 8]


@pytest.mark.parametrize("classes", [True, False])
def test_edges_are_the_thresholds_of_a_tree(classes):
    X = make_columns()
    y = np.digitize(X[:, 0], [-0.5, 0.3]) if classes else np.round(5.0 * np.sin(4.0 * X[:, 0]))  # whole numbers, too
    edges = PiecewiseLinearEncoder(6, strategy="tree").fit(X, y).bin_edges_[0]
    kind = DecisionTreeClassifier if classes else DecisionTreeRegressor
    tree = kind(max_leaf_nodes=6, random_state=0).fit(X[:, :1], y).tree_
    expected, x = np.sort(tree.threshold[tree.feature >= 0]), np.sort(X[:, 0])
    np.testing.assert_array_equal(np.searchsorted(x, edges[1:-1]), np.searchsorted(x, expected))
    np.testing.assert_allclose(edges[1:-1], expected, rtol=1e-6)  # the tree's are means of numbers in float32
    np.testing.assert_array_equal(edges[[0, -1]], [X[:, 0].min(), X[:, 0].max()])


@pytest.mark.parametrize("scale, shift", [(1e-9, 0.0), (1.0, 1.7e9), (1e306, 0.0)])
def test_edges_of_a_tree_do_not_depend_on_unit_and_origin(scale, shift):
    """In float32, such columns are constant, rounded or infinite."""
    x = np.arange(40.0)
    y = np.digitize(x, [9.5, 24.5])
    encoder = PiecewiseLinearEncoder(n_bins=3, strategy="tree").fit((scale * x + shift)[:, np.newaxis], y)
    np.testing.assert_allclose(encoder.bin_edges_[0], scale * np.array([0.0, 9.5, 24.5, 39.0]) + shift, rtol=1e-14)


@pytest.mark.parametrize("y_shape", [(60,), (60, 2)])
def test_a_tree_that_finds_nothing_leaves_one_bin(y_shape):
    encoder = PiecewiseLinearEncoder(strategy="tree").fit(make_columns(), np.ones(y_shape))
    assert encoder.n_bins_.tolist() == [1, 1, 1]
    assert PiecewiseLinearEncoder(1, strategy="tree").fit(make_columns(), np.arange(60.0)).n_bins_.tolist() == [1, 1, 1]


def test_a_linear_model_becomes_piecewise_linear():
    x = np.linspace(-2.0, 2.0, 400)[:, np.newaxis]
    y = np.abs(x.ravel()) + np.maximum(x.ravel() - 1.0, 0.0)
    model = make_pipeline(PiecewiseLinearEncoder(4, keep_original=False), LinearRegression()).fit(x, y)
    np.testing.assert_allclose(model.predict([[-5.0], [0.5], [7.0]]), [5.0, 0.5, 13.0], rtol=0.02)


def test_missing_values_stay_missing_and_do_not_move_edges():
    X = make_columns()
    with_missing = np.vstack([X, np.full((5, 3), np.nan)])
    encoder = PiecewiseLinearEncoder(4).fit(with_missing)
    for edges, expected in zip(encoder.bin_edges_, PiecewiseLinearEncoder(4).fit(X).bin_edges_, strict=True):
        np.testing.assert_array_equal(edges, expected)
    encoded = encoder.transform(with_missing)
    assert np.isfinite(encoded[:-5]).all()
    assert np.isnan(encoded[-5:]).all()
    tree = PiecewiseLinearEncoder(4, strategy="tree").fit(with_missing, np.arange(65.0))
    np.testing.assert_array_equal(
        tree.bin_edges_[0], PiecewiseLinearEncoder(4, strategy="tree").fit(X, np.arange(60.0)).bin_edges_[0]
    )


def test_a_constant_column_becomes_zero_with_a_warning():
    X = np.column_stack([np.full(5, 3.0), np.arange(5.0)])
    with pytest.warns(UserWarning, match="Feature 0 is constant"):
        encoder = PiecewiseLinearEncoder(2, keep_original=False).fit(X)
    np.testing.assert_array_equal(encoder.transform([[9.0, 1.0], [np.nan, 1.0]])[:, 0], [0.0, np.nan])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_numbers_are_encoded(dtype):
    most = np.finfo(dtype).max
    X = np.array([[-most], [0.0], [most]], dtype)
    encoder = PiecewiseLinearEncoder(1, keep_original=False).fit(X)
    np.testing.assert_allclose(encoder.transform(X).ravel(), [0.0, 0.5, 1.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_far_outside_narrow_bins_stay_finite(dtype):
    """Neighbouring edges of subnormal numbers, too, whose halves are equal."""
    most, least = np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
    for step in (least, dtype(1e-30)):
        X = np.arange(4, dtype=dtype)[:, np.newaxis] * step
        far = np.array([[-most], [most]], dtype)
        encoder = PiecewiseLinearEncoder(3, keep_original=False).fit(X)
        assert np.isfinite(encoder.transform(X)).all()
        np.testing.assert_array_equal(encoder.transform(far), [[-most, 0, 0], [1, 1, most]])


def test_names_in_data_frames_and_column_transformers():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"age": [1.0, 2.0, 4.0, 8.0], "town": ["a", "b", "a", "c"]})
    columns = ColumnTransformer([("bins", PiecewiseLinearEncoder(2), ["age"])], verbose_feature_names_out=False)
    encoded = columns.set_output(transform="pandas").fit_transform(frame)
    assert encoded.columns.tolist() == ["age", "age_ple_0", "age_ple_1"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_in_a_pipeline_and_pickled():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((200, 2))
    y = (np.sin(4.0 * X[:, 0]) > 0).astype(int)
    network = MLPClassifier((), max_iter=100, tol=1e-3, learning_rate_init=0.1, random_state=0)
    model = make_pipeline(SquashingScaler(), PiecewiseLinearEncoder(16), network)
    model.fit(X, y)
    assert model.score(X, y) > 0.9
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


@in_one_test()
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_bins": 0}, "n_bins"), ({"n_bins": 2.5}, "n_bins"), ({"strategy": "uniform"}, "strategy"),
        ({"keep_original": "yes"}, "keep_original"), ({"extrapolate": None}, "extrapolate"),
        ({"strategy": "tree"}, "Pass y"),
    ],
)  # fmt: skip
def test_parameters_that_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        PiecewiseLinearEncoder(**options).fit(make_columns())


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[np.inf], [1.0]], "infinity"),
        ([[np.nan, 1.0], [np.nan, 2.0]], "Feature 0 has no values"),
        ([["a"]], "convert"),
    ],
)
def test_inputs_that_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        PiecewiseLinearEncoder().fit(X)
