"""`SquashingScaler` against its equations, at ordinary values and at the edges of the types."""

import numpy as np
import pytest
from helpers.estimator_checks import assert_checks_pass
from helpers.merged import in_one_test

from fastmlp.preprocessing import PiecewiseLinearEncoder, SquashingScaler

ENCODERS = [
    SquashingScaler(),
    PiecewiseLinearEncoder(),
    PiecewiseLinearEncoder(strategy="tree"),
    PiecewiseLinearEncoder(n_bins=3, keep_original=False, extrapolate=False),
]


@pytest.mark.filterwarnings("ignore:Feature 0 is constant:UserWarning")
@pytest.mark.parametrize("estimator", ENCODERS, ids=str)
def test_scikit_learns_checks(estimator):
    assert_checks_pass(estimator)


def squash(x, limit=3.0, quantiles=(25.0, 75.0)):
    """The equation, for one column."""
    finite = x[np.isfinite(x)]
    low, high = np.percentile(finite, quantiles)
    least, most = finite.min(), finite.max()
    scale = 1.0 / (high - low) if low != high else 2.0 / (most - least) if least != most else 0.0
    z = np.array([scale * (value - np.median(finite)) if np.isfinite(value) else value for value in x])
    return np.array([np.copysign(limit, v) if np.isinf(v) else v / np.sqrt(1.0 + (v / limit) ** 2) for v in z])


@in_one_test()
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"max_absolute_value": 0.5}, {"quantile_range": (10.0, 60.0)}], ids=str)
def test_columns_follow_the_equation(dtype, options):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 4)) * [1.0, 1e-4, 1e5, 1.0] + 3.0
    X[:, 3] = np.where(rng.random(40) < 0.9, 1.0, X[:, 3])  # equal quartiles
    X[[3, 5, 7], [0, 1, 2]] = np.nan, np.inf, -np.inf
    X = X.astype(dtype)
    squashed = SquashingScaler(**options).fit_transform(X)
    limit, quantiles = options.get("max_absolute_value", 3.0), options.get("quantile_range", (25.0, 75.0))
    expected = np.column_stack([squash(column.astype(np.float64), limit, quantiles) for column in X.T])
    assert squashed.dtype == dtype
    np.testing.assert_allclose(squashed, expected, rtol=20 * np.finfo(dtype).eps, atol=1e-12)


def test_values_of_skrub():
    """The examples in the documentation of skrub's class of this name."""
    X = np.array([[np.inf, 0.0, 1.0], [-np.inf, 1.0, 1.0], [3.0, 1.0, 1.0], [-1.0, 1.0, np.nan], [np.nan, 2.0, 1.0]])
    X = np.vstack([X, [2.0, np.nan, 1.0]])
    expected = [
        [3.0, -3.0, 0.49319696, -1.34164079, np.nan, 0.0],
        [-0.9486833, 0.0, 0.0, 0.0, 0.9486833, np.nan],
        [0.0, 0.0, 0.0, np.nan, 0.0, 0.0],
    ]
    np.testing.assert_allclose(SquashingScaler().fit_transform(X).T, expected, atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_numbers_are_limited(dtype):
    most = np.finfo(dtype).max
    X = np.array([[-most], [-1.0], [0.0], [1.0], [most]], dtype)
    squashed = SquashingScaler().fit_transform(X).ravel()
    assert np.isfinite(squashed).all()
    assert (np.diff(squashed) > 0).all()
    np.testing.assert_allclose(squashed[[0, -1]], [-3.0, 3.0])
    spread = SquashingScaler(quantile_range=(0.0, 100.0)).fit_transform(X).ravel()
    assert np.isfinite(spread).all()
    assert (np.diff(spread) >= 0).all()


def test_columns_without_a_finite_value_stay_missing():
    X = np.array([[np.nan, 1.0], [np.nan, 2.0]])
    assert np.isnan(SquashingScaler().fit_transform(X)[:, 0]).all()


def test_a_constant_column_is_zero_for_other_values_too():
    scaler = SquashingScaler().fit(np.full((4, 1), 7.0))
    np.testing.assert_array_equal(
        scaler.transform([[7.0], [100.0], [np.inf], [np.nan]]).ravel(), [0.0, 0.0, 3.0, np.nan]
    )


def test_data_frames_keep_their_names():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"age": [1.0, 2.0, 4.0], "income": [3.0, 5.0, 9.0]}, index=[5, 6, 7])
    squashed = SquashingScaler().set_output(transform="pandas").fit_transform(frame)
    assert squashed.columns.tolist() == ["age", "income"]
    assert squashed.index.tolist() == [5, 6, 7]


@in_one_test()
@pytest.mark.parametrize("limit", [0.0, -1.0, np.inf, np.nan, "3", None])
def test_limits_that_are_refused(limit):
    with pytest.raises(ValueError, match="max_absolute_value"):
        SquashingScaler(max_absolute_value=limit).fit([[1.0], [2.0]])


@pytest.mark.parametrize("given", [(75.0, 25.0), (25.0,), (-1.0, 50.0), (0.0, 101.0), ("a", "b"), (np.nan, 50.0), 3])
def test_quantiles_that_are_refused(given):
    with pytest.raises(ValueError, match="quantile_range"):
        SquashingScaler(quantile_range=given).fit([[1.0], [2.0]])
