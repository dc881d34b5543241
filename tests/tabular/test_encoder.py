"""`TableEncoder` against a plain reference, for every form in which a table may come; and what it refuses."""

import datetime
import pickle
import sys
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier

from fastmlp.preprocessing import PiecewiseLinearEncoder, SquashingScaler
from fastmlp.tabular.encoder import TableEncoder


def squash(values, training):
    """x′ of the equation, by the quantiles of the training values."""
    low, center, high = np.percentile(training, [25, 50, 75])
    spread = high - low or (max(training) - min(training)) / 2
    return [(x - center) / spread / np.sqrt(1 + ((x - center) / spread / 3) ** 2) for x in values]


def edges_of(training, targets, n_bins, strategy):
    if strategy == "quantile":
        return np.unique(np.quantile(training, np.linspace(0, 1, n_bins + 1)))
    return PiecewiseLinearEncoder(n_bins, strategy=strategy).fit(np.array(training)[:, None], targets).bin_edges_[0]


def bin_columns(values, edges):
    """e − ½ of each bin, 0 where missing."""
    columns = []
    for j in range(1, len(edges)):
        low = -np.inf if j == 1 else 0
        high = np.inf if j == len(edges) - 1 else 1
        shares = [None if x is None else (x - edges[j - 1]) / (edges[j] - edges[j - 1]) for x in values]
        columns.append([0.0 if share is None else min(max(share, low), high) - 0.5 for share in shares])
    return columns


def encode(training, table, is_category, y=None, max_one_hot=8, n_bins=None, strategy="quantile"):
    """The encoding by its definition: lists of values by column, None where missing. Returns (array, feature_of)."""
    blocks = {name: [] for name in ("number", "bins", "binary", "one-hot", "indicator", "code")}
    for feature, (known, values) in enumerate(zip(training, table, strict=True)):
        present = [x for x in known if x is not None]
        levels = sorted(set(present), key=lambda x: (isinstance(x, str), x))
        has_gaps = len(present) < len(known)
        if not is_category[feature]:
            if len(levels) > 1:
                squashed = iter(squash([x for x in values if x is not None], present))
                column = [0.0 if x is None else next(squashed) for x in values]
                blocks["number"].append((feature, column))
                if n_bins:
                    targets = None if y is None else y[[x is not None for x in known]]
                    edges = edges_of(present, targets, n_bins, strategy)
                    blocks["bins"] += [(feature, column) for column in bin_columns(values, edges)]
            if has_gaps and levels:
                blocks["indicator"].append((feature, [1.0 if x is None else -1.0 for x in values]))
        elif len(levels) == 2:
            blocks["binary"].append((feature, [{levels[0]: -1.0, levels[1]: 1.0}.get(x, 0.0) for x in values]))
        elif len(levels) + has_gaps > 1:
            if max_one_hot is None or len(levels) <= max_one_hot:
                for level in levels:
                    column = squash([float(x == level) for x in values], [float(x == level) for x in known])
                    blocks["one-hot"].append((feature, column))
            else:
                numbers = {level: float(number) for number, level in enumerate(levels, 1)}
                blocks["code"].append((feature, [numbers.get(x, 0.0) for x in values]))
    pairs = [pair for block in blocks.values() for pair in block]
    return np.array([column for _, column in pairs]).T, [feature for feature, _ in pairs]


def make_columns(rng, n):
    """A column of each sort, as Python values with None where missing; and which of them are categories."""

    def with_gaps(values, share=0.15):
        return [None if rng.random() < share else value for value in values]

    letters = list("qwertyuiopas")
    columns = {
        "float": rng.standard_normal(n).tolist(),
        "gaps": with_gaps((rng.standard_normal(n) * 1e5).tolist()),
        "integer": rng.integers(0, 4, n).tolist(),
        "seconds": (1_700_000_000_000_000 + rng.integers(0, 10**9, n)).tolist(),
        "equal": [3.5] * n,
        "nothing": [None] * n,
        "equal with gaps": [None] + with_gaps([2.0] * (n - 2)) + [2.0],
        "boolean": [True, False] + (rng.random(n - 2) < 0.5).tolist(),
        "boolean gaps": [True, False] + with_gaps((rng.random(n - 2) < 0.5).tolist()),
        "two": ["no", "yes"] + rng.choice(["yes", "no"], n - 2).tolist(),
        "three": ["b", "c", "a"] + with_gaps(rng.choice(["a", "b", "c"], n - 3).tolist()),
        "one": ["x"] * n,
        "one with gaps": [None] + with_gaps(["x"] * (n - 2)) + ["x"],
        "twelve": letters + with_gaps(rng.choice(letters, n - 12).tolist()),
    }
    return columns, np.array([name in CATEGORIES for name in columns])


CATEGORIES = {"boolean", "boolean gaps", "two", "three", "one", "one with gaps", "twelve"}


def pandas_typed(columns):
    """Nullable types and categories."""
    types = {"gaps": "Float64", "integer": "Int32", "boolean gaps": "boolean", "twelve": "category", "three": "string"}
    return pd.DataFrame(columns).astype({name: kind for name, kind in types.items() if name in columns})


def pandas_plain(columns):
    """What read_csv returns: numbers with NaN, strings, and booleans with gaps as objects."""
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    return frame.infer_objects().assign(nothing=np.nan)


def lists_of_rows(columns):
    return [list(row) for row in zip(*columns.values(), strict=True)]


def object_array(columns):
    return np.array(lists_of_rows(columns), dtype=object)


FORMS = [pandas_typed, pandas_plain, lists_of_rows, object_array]


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize("options", [
    {}, {"max_one_hot": None}, {"max_one_hot": 0}, {"n_bins": 5}, {"n_bins": 4, "strategy": "tree"},
], ids=str)  # fmt: skip
def test_encoding_follows_its_definition_for_every_form_of_table(options):
    rng = np.random.default_rng(5)
    training, is_category = make_columns(rng, 60)
    columns, _ = make_columns(rng, 40)
    columns["twelve"][3:5] = columns["two"][7:9] = columns["three"][1:3] = ["unknown", "none"]
    columns["boolean"][4] = columns["float"][5] = columns["two"][6] = columns["equal"][0] = None  # had no gaps
    y = rng.standard_normal(60) if options.get("n_bins") != 5 else None
    expected, feature_of = encode(list(training.values()), list(columns.values()), is_category, y, **options)
    n_bins = options.get("n_bins")
    encoder = TableEncoder(
        max_one_hot_categories=options.get("max_one_hot", 8), numeric_encoding="piecewise-linear" if n_bins else None,
        n_bins=n_bins or 16, bin_strategy=options.get("strategy", "quantile"), dtype=np.float64,
    )  # fmt: skip
    for form in FORMS:
        fitted = clone(encoder).fit(form(training), y)
        for other in [form] if options else FORMS:
            encoded = fitted.transform(other(columns))
            np.testing.assert_allclose(encoded, expected, rtol=1e-9, atol=1e-12, err_msg=f"{form}, {other}")
        assert fitted.feature_of.tolist() == feature_of
        assert fitted.n_numeric == 4
        assert fitted.n_plain + len(fitted.table_sizes) == len(feature_of)
        assert fitted.table_sizes == {None: [], 0: [4, 2, 13]}.get(options.get("max_one_hot", 8), [13])
        assert fitted.kinds_ == ["category" if each else "number" for each in is_category]
        assert [None if each is None else each.tolist() for each in fitted.categories_] == [
            sorted(set(values) - {None}) if category else None
            for values, category in zip(training.values(), is_category, strict=True)
        ]
        single = pickle.loads(pickle.dumps(fitted)).set_params(dtype=np.float32).transform(form(columns))
        assert single.dtype == np.float32
        assert single.flags.c_contiguous
        np.testing.assert_array_equal(single, encoded.astype(np.float32))


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_tables_of_other_libraries_encode_as_those_of_pandas(library):
    module = pytest.importorskip(library)
    rng = np.random.default_rng(2)
    training, _ = make_columns(rng, 60)
    columns, _ = make_columns(rng, 40)
    make = module.DataFrame if library == "polars" else module.table
    encoder, expected = TableEncoder().fit(pandas_typed(training)), TableEncoder().fit(make(training))
    np.testing.assert_array_equal(expected.transform(make(columns)), encoder.transform(make(columns)))
    np.testing.assert_array_equal(expected.transform(make(columns)), encoder.transform(pandas_typed(columns)))
    assert expected.feature_names_in_.tolist() == list(training)
    day = datetime.date(2020, 1, 1)
    for values in ([day, None], [[1], [2]], [{"a": 1}, None]):
        with pytest.raises(TypeError, match=r"Column 'odd' has (dates|values of type)"):
            TableEncoder().fit(make({"x": [1, 2], "odd": values}))
    no_days = make({"x": [1, 2, 3], "odd": [day, None, None]})[1:]
    with pytest.raises(TypeError, match="Column 'odd' has dates"):
        TableEncoder().fit(no_days)
    if library == "polars":
        kinds = {"k": module.Categorical, "e": module.Enum(["v", "u"]), "d": module.Decimal(10, 2)}
        typed = module.DataFrame({"k": ["u", "v", "u"], "e": ["v", "u", None], "d": [1, 2, None]}, schema=kinds)
        assert TableEncoder().fit(typed).kinds_ == ["category", "category", "number"]
        with pytest.raises(TypeError, match="collect"):
            TableEncoder().fit(typed.lazy())


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_integers_that_are_no_floats(library):
    """As categories each is one of its own, in any type; as numbers they are rounded."""
    module = pytest.importorskip(library)
    numbers = [2**60 + each for each in (0, 1, 2, 0, 1, 3 << 50)]
    plain = pd.DataFrame({"id": numbers, "x": np.arange(6.0)})
    missing = pd.DataFrame({"id": pd.array([None, *numbers[1:]], "Int64"), "x": np.arange(6.0)})
    tables = [plain, plain.astype({"id": "Int64"}), plain.astype({"id": "uint64"}), missing]
    if library == "polars":
        tables = [module.from_pandas(each) for each in tables]
    if library == "pyarrow":
        tables = [module.Table.from_pandas(each) for each in tables]
    encoder, as_numbers = (TableEncoder(categorical_features=names).fit(plain) for names in (["id"], None))
    assert as_numbers.n_numeric == 2
    for table in tables:
        assert TableEncoder(categorical_features=["id"]).fit(table).categories_[0].tolist() == sorted({*numbers})
        for each in (encoder, as_numbers):
            np.testing.assert_array_equal(each.transform(table)[1:], each.transform(plain)[1:])


def test_decimals_that_are_no_floats():
    module = pytest.importorskip("polars")
    numbers = [2**60, 2**60 + 1, None, 2**60]
    table = module.DataFrame({"id": module.Series(numbers, dtype=module.Decimal(30, 0)), "x": [1.0, 2.0, 3.0, 4.0]})
    assert TableEncoder(categorical_features=["id"]).fit(table).categories_[0].tolist() == sorted({*numbers} - {None})


def test_dates_of_arrow_that_are_all_missing():
    """In frames of pandas as well, and as a dictionary."""
    arrow = pytest.importorskip("pyarrow")
    encoded = arrow.array([None, None], arrow.date32()).dictionary_encode()
    frames = [arrow.table({"x": [1.0, 2.0], "odd": encoded})]
    for kind in (arrow.timestamp("ns"), arrow.date32(), arrow.duration("s")):
        frames.append(pd.DataFrame({"x": [1.0, 2.0], "odd": pd.array([None, None], pd.ArrowDtype(kind))}))
    zero = arrow.array([datetime.timedelta(0), None], arrow.duration("s"))
    for frame in (*frames, arrow.table({"x": [1.0, 2.0], "odd": zero})):
        with pytest.raises(TypeError, match="Column 'odd' has dates, times or durations"):
            TableEncoder().fit(frame)


def test_a_batch_of_arrow_rows_has_names():
    module = pytest.importorskip("pyarrow")
    batch = module.RecordBatch.from_pydict({"a": [1.0, 2.0, 3.0], "b": [2.0, 0.0, 1.0]})
    encoder = TableEncoder().fit(batch)
    assert encoder.feature_names_in_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="feature names should match"):
        encoder.transform(batch.select(["b", "a"]))


def test_rows_that_are_named_tuples():
    frame = pd.DataFrame({"a": [0.5, 1.0, 2.0], "s": ["u", "v", "u"]})
    rows = list(frame.itertuples(index=False))
    encoder = TableEncoder().fit(rows)
    assert encoder.kinds_ == ["number", "category"]
    np.testing.assert_array_equal(encoder.transform(rows), encoder.transform(frame.to_numpy().tolist()))


def test_outliers_are_limited():
    """A number beyond the training rows counts as at most the outermost bin's width away."""
    X = np.linspace(0.0, 1.0, 101)[:, np.newaxis]
    encoder = TableEncoder(numeric_encoding="piecewise-linear", n_bins=4).fit(X)
    bins = encoder.transform([[-1e9], [-0.25], [-0.1], [1.1], [1.25], [1e9]])[:, 1:]
    np.testing.assert_allclose(bins[:, 0], [-1.5, -1.5, -0.9, 0.5, 0.5, 0.5], rtol=1e-5)
    np.testing.assert_allclose(bins[:, -1], [-0.5, -0.5, -0.5, 0.9, 1.5, 1.5], rtol=1e-5)


def test_columns_of_which_half_is_equal():
    """Others than the median are next to it or at the limit only if they are so to one another."""
    rng = np.random.default_rng(0)
    counts = np.where(rng.random(400) < 0.9, 0.0, rng.integers(1, 6, 400))
    sentinel = np.where(np.arange(400) == 7, 999999.0, counts)
    peaked = np.where(rng.random(400) < 0.745, 0.0, 1e-3 + 100 * rng.random(400))  # a quartile just above 0
    changed_ones = {"sentinel": sentinel, "shifted": -sentinel - 50.0, "peaked": peaked}
    cases = [*((name, values, True) for name, values in changed_ones.items()), ("counts", counts, False)]
    for name, values, changed in cases:
        X = values[:, np.newaxis]
        encoded, plain = TableEncoder(dtype=float).fit(X).transform(X), SquashingScaler().fit_transform(X)
        others = np.abs(encoded[np.median(values) != values])
        assert np.array_equal(encoded, plain) != changed, name
        assert 0.4 < np.median(others) < 2.9 and np.abs(encoded).max() <= 3, name
    for huge in ([0.0, 0.0, 0.0, 1e308, -1e308], [0.0, 0.0, 0.0, 1e-20, 1e308], [-9e307] * 9 + [9e307] * 2):
        X = np.array(huge)[:, np.newaxis]
        encoded = TableEncoder(dtype=float).fit(X).transform(X)
        far = np.abs(X) > 1.0
        assert np.isfinite(encoded).all() and np.array_equal(
            np.sign(encoded[far]), np.sign(X / 2 - np.median(X) / 2)[far]
        )


def test_numbers_are_those_of_the_public_transformers():
    """Also where scikit-learn is configured to return data frames, and for several blocks of rows."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((5000, 3)) * [1.0, 1e-3, 1e6]
    y = rng.integers(0, 3, 5000)
    encoder = TableEncoder(numeric_encoding="piecewise-linear", n_bins=6, bin_strategy="tree", dtype=np.float64)
    with sklearn.config_context(transform_output="pandas"):
        encoded = encoder.fit(X, y).transform(X)
    bins = PiecewiseLinearEncoder(6, strategy="tree", keep_original=False).fit_transform(X, y)
    np.testing.assert_array_equal(encoded, np.hstack([SquashingScaler().fit_transform(X), bins - 0.5]))
    assert len(pickle.dumps(encoder)) < 10_000  # it does not keep X
    far = encoder.transform(np.full((1, 3), 1e300)).astype(np.float32)
    assert np.isfinite(far).all()


@pytest.mark.filterwarnings("ignore:Column '.*' has as many categories as rows:UserWarning")
@pytest.mark.parametrize("column", [
    ([1, 2, 3, 1], [1.0, np.float32(2.0), np.int8(3), 4]),
    ([1.0, 2.0, 3.0, None], pd.array([1, 2, 3, 9], dtype="Int64")),
    (["a", "b", "c", "a"], [np.str_("a"), "b", np.array(["c"])[0], "d"]),
    (pd.Categorical(["b", "a", "c", None], ["c", "b", "a", "unused"], ordered=True), ["b", "a", "c", "unused"]),
    (["b", "a", "c", "a"], pd.Categorical(["b", "a", "c", None], ["unused", "c", "b", "a"])),
    ([True, False, None, "x"], [1, 0.0, None, 5]),
    ([True, "1", 2.5, None], [1, "1", np.float64(2.5), "2.5"]),
], ids=range(7))  # fmt: skip
def test_categories_are_found_by_value_whatever_their_type(column):
    training, table = (pd.Series(each, dtype=None if hasattr(each, "dtype") else object) for each in column)
    encoder = TableEncoder(categorical_features=[0], max_one_hot_categories=0)
    encoder.fit(pd.DataFrame({"a": training}))
    np.testing.assert_array_equal(
        encoder.transform(pd.DataFrame({"a": table})),
        np.vstack([encoder.transform(pd.DataFrame({"a": training}))[:3], [[0.0]]]),
    )
    assert "unused" not in encoder.categories_[0]


@pytest.mark.filterwarnings("ignore:Column '.*' has as many categories as rows:UserWarning")
def test_mixed_objects_are_numbers_or_categories_by_their_values():
    cases = {
        "number": [[1, None, 2.5], [np.nan, 1, 2], [Decimal("1.5"), 2, None], [True, 2, 3], [pd.NA, 1, 2], [None] * 3],
        "category": [
            ["a", 1, None], [True, False, None], [True, 1, 0], [0, 1, True], ["a", np.nan, pd.NA], [b"a", "a", 1]
        ],
    }  # fmt: skip
    for kind, columns in cases.items():
        for values in columns:
            for order in (values, values[::-1]):
                frame = pd.DataFrame({"x": [1, 2, 3], "a": pd.Series(order, dtype=object)})
                assert TableEncoder().fit(frame).kinds_ == ["number", kind], order
    booleans = TableEncoder().fit([[1, True], [2, 0], [3, False]]).categories_[1].tolist()
    assert [type(value) for value in booleans] == [bool, bool]
    mixed = TableEncoder().fit([["b", 1], [2, 2], [10, 3], [1.5, 4], ["a", 5], [None, 6], [b"c", 7], [2, 8]])
    assert mixed.categories_[0].tolist() == [1.5, 2, 10, "a", "b", b"c"]


def test_categorical_features_are_chosen_as_in_scikit_learn():
    frame = pd.DataFrame({"a": [1, 2, 3, 1], "b": [3.0, 4.0, 5.0, 4.0], "c": pd.Categorical(list("xyzx"))})
    for given, chosen in [
        (None, []), ([], []), ([True, False, True], [0, 2]), ([1], [1]), (["a", "c"], [0, 2]), (np.array(["b"]), [1]),
        (pd.Index(["b"]), [1]), ("from_dtype", [2]),
    ]:  # fmt: skip
        table = frame.assign(c=[1, 2, 3, 4]) if 2 not in chosen else frame
        kinds = TableEncoder(given).fit(table).kinds_
        assert [at for at, kind in enumerate(kinds) if kind == "category"] == chosen, given
    for given in ([True], [3], [-1], [0.5], ["q"], [0, None], np.array([1], np.uint8), "q", [True, False]):
        for table in (frame[["a", "b", "a"]].set_axis(["a", "b", "d"], axis=1), np.arange(12.0).reshape(4, 3)):
            with pytest.raises(ValueError) as expected:
                HistGradientBoostingClassifier(categorical_features=given).fit(table, [0, 1, 0, 1])
            with pytest.raises(type(expected.value)) as found:
                TableEncoder(given).fit(table)
            message = str(expected.value).replace("HistGradientBoostingClassifier", "TableEncoder")
            assert str(found.value).rstrip(".") == message.rstrip("."), given


day = datetime.date(2020, 1, 1)
REFUSED_COLUMNS = {
    "dates, times or durations": [
        pd.date_range("2020", periods=3), pd.date_range("2020", periods=3, tz="UTC"), pd.to_timedelta([1, 2, 3], "s"),
        pd.period_range("2020", periods=3, freq="D"), [day, day, None], [None, "a", day], [datetime.time(3)] * 3,
        [pd.NaT] * 3, [np.datetime64("2020"), None, 1], [datetime.timedelta(1), 1, 2],
    ],
    "values of type (list|dict|tuple|set|ndarray|Series|bytearray)": [
        [[1], None, [2]], [{}, {}, {}], [(1, 2), 1, 2], ["a", "b", {1}], [np.ones(2)] * 3, [pd.Series([1])] * 3,
        [1, 2, bytearray(b"a")],
    ],
    "complex numbers": [[1j, 2, 3], np.array([1j, 2, 3])],
    "contains infinity .* in column": [
        [1, 2, np.inf], [10**400, 1, None], pd.array([1, None, -np.inf], dtype="Float64"), [Decimal("inf"), 1, 2],
    ],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Column '.*' has as many categories as rows:UserWarning")
def test_columns_that_are_refused_are_named_and_leave_the_encoder_as_it_was():
    good = pd.DataFrame({"a": [1.0, 2.0, 3.0], "odd": ["x", "y", "x"]})
    encoder = TableEncoder().fit(good)
    before = pickle.dumps(encoder)
    for message, columns in REFUSED_COLUMNS.items():
        for values in columns:
            frame = pd.DataFrame(
                {"a": [1, 2, 3], "odd": values if hasattr(values, "dtype") else pd.Series(values, dtype=object)}
            )
            with pytest.raises((TypeError, ValueError), match=message) as refused:
                encoder.fit(frame)
            assert "olumn 'odd'" in str(refused.value), values
            rows = [[1, 2, 3], list(values)]
            with pytest.raises((TypeError, ValueError), match=message) as refused:
                encoder.fit([list(row) for row in zip(*rows, strict=True)])
            assert "olumn 1" in str(refused.value), values
            numbers = TableEncoder(None).fit(good.assign(odd=[1, 2, 2]))
            with pytest.raises((TypeError, ValueError), match=message):
                numbers.transform(frame)
    strings = good.assign(odd=["1", "2", "3"])
    for refused in (lambda: TableEncoder(None).fit(strings), lambda: numbers.transform(strings)):
        with pytest.raises(ValueError, match=r"Column 'odd' is a column of numbers, .* str to float: '1'"):
            refused()
    assert pickle.dumps(encoder) == before


def test_tables_that_are_refused():
    X = np.arange(6.0).reshape(3, 2)
    constant = pd.DataFrame({"a": [1, 1], "b": ["q", "q"], "c": [None, None]})
    cases = [
        (scipy.sparse.csr_array(X), TypeError, "Sparse data was passed for X, but dense data is required"),
        (X.astype([("a", float)]), TypeError, "Structured arrays are not supported"),
        (np.full((3, 1), "2020", "M8[ns]"), TypeError, r"Column 0 has dates, times or durations \(type datetime64\)"),
        (X * 1j, ValueError, "Complex data not supported"),
        (pd.DataFrame(X, columns=["a", "a"]), ValueError, "unique, but X has several columns named 'a'"),
        (pd.DataFrame(X, columns=["a", 1]), TypeError, "Feature names are only supported if all"),
        (constant, ValueError, "All columns of X are constant or have no values"),
        (X[:1], ValueError, r"Found array with 1 sample\(s\)"),
        (pd.DataFrame(X[:0]), ValueError, r"Found array with 0 sample\(s\)"),
        (pd.DataFrame(X)[[]], ValueError, r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required"),
        ([[], []], ValueError, r"0 feature\(s\)"),
        (X[0], ValueError, "Reshape your data"),
        (["a", "b"], ValueError, "Expected 2D array"),
        ([[1, 2], [3]], ValueError, "rows of X differ in length"),
        (X[np.newaxis], ValueError, "dim 3"),
        (pd.Series([1, 2]), ValueError, "2-dimensional container"),
    ]
    encoder = TableEncoder()
    for table, error, message in cases:
        with pytest.raises(error, match=message):
            encoder.fit(table)
    assert set(vars(encoder)) == set(encoder.get_params())
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        TableEncoder(numeric_encoding="piecewise-linear", bin_strategy="tree").fit(X)


def test_names_and_numbers_of_columns_are_compared_as_scikit_learn_does():
    frame = pd.DataFrame({"a": [1, 2, 4], "b": ["x", "y", "x"]})
    encoder = TableEncoder().fit(frame)
    assert encoder.n_features_in_ == 2
    with pytest.raises(ValueError, match=r"Feature names unseen at fit time:\n- c\n"):
        encoder.transform(frame.rename(columns={"b": "c"}))
    with pytest.raises(ValueError, match="Feature names must be in the same order as they were in fit"):
        encoder.transform(frame[["b", "a"]])
    with pytest.warns(UserWarning, match="X does not have valid feature names, but TableEncoder was fitted with"):
        encoder.transform(frame.to_numpy())
    unnamed = encoder.fit(frame.to_numpy())
    assert not hasattr(unnamed, "feature_names_in_")
    with pytest.raises(ValueError, match="X has 1 features, but TableEncoder is expecting 2 features as input"):
        unnamed.transform([[1], [2]])
    other = HistGradientBoostingClassifier()
    other.n_features_in_ = 3
    with pytest.raises(ValueError, match="X has 2 features, but HistGradientBoostingClassifier is expecting 3"):
        unnamed.transform([[1, "x"]], caller=other)


def test_categories_that_occur_once_are_a_warning():
    for values in (list("abcd"), ["a", "b", None, "c"]):
        with pytest.warns(UserWarning, match="Column 'id' has as many categories as rows"):
            TableEncoder().fit(pd.DataFrame({"id": values, "x": [1, 2, 3, 4]}))
    TableEncoder().fit([[1, "a"], [2, "b"]])  # no warning


def test_rows_of_weight_zero_are_left_out():
    rng = np.random.default_rng(7)
    columns, _ = make_columns(rng, 60)
    frame, weights = pandas_typed(columns), rng.integers(0, 3, 60)
    frame["common"] = np.where(weights > 0, rng.choice(["a", "a", "b", "c"], 60), "b")
    kept = frame[weights > 0]
    encoder = TableEncoder(numeric_encoding="piecewise-linear", bin_strategy="tree")
    y = rng.integers(0, 3, 60)
    weighted, expected = clone(encoder).fit(frame, y, weights), clone(encoder).fit(kept, y[weights > 0])
    np.testing.assert_array_equal(weighted.transform(frame), expected.transform(frame))
    listed = clone(encoder).fit(frame.to_numpy(), y, weights)
    np.testing.assert_array_equal(listed.transform(frame.to_numpy()), expected.transform(frame))
    for given in (weights[1:], np.zeros(60), np.ones((60, 1))):
        with pytest.raises(ValueError, match="weight"):
            encoder.fit(frame, y, given)


def test_tables_need_no_pandas(monkeypatch):
    monkeypatch.delitem(sys.modules, "pandas")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = TableEncoder().fit([[1.0, "a"], [2.0, "b"], [None, "a"]])
    assert encoder.transform([[1.5, "b"]]).tolist() == [[0.0, 1.0, -1.0]]
