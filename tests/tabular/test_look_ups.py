"""One-hot columns that are looked up: the same inputs, and the same training, as with products by zeros and ones."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers import knobs

from fastmlp import TabularMLPClassifier, load, save
from fastmlp.engine.dataset import Dataset
from fastmlp.losses import LogLoss
from fastmlp.tabular.encoder import TableEncoder
from fastmlp.tabular.encodings import make_layout, rows_for
from fastmlp.tabular.initial import inputs_of
from fastmlp.tabular.member import Member
from fastmlp.tabular.model import TableModel
from fastmlp.tabular.recipes import Recipe
from fastmlp.tabular.workspace import TablePrediction

N = 150
ENCODINGS = (None, "periodic", "piecewise-linear")
#: Everything that a step can do.
RECIPE = Recipe(
    1, (9, 8), "mish", 0.02, n_bins=4, max_one_hot_categories=None, max_iter=4, batch_size=32, weight_decay=0.1,
    dropout=0.1,
)  # fmt: skip
#: The columns of `TABLE` that are encoded; of "frequent" a category has most rows, so that its zeros are not 0.
TABLES = {
    "mixed": ["b", "few", "many", "a", "frequent", "flag", "lots"],
    "one column": ["frequent"],
    "categories alone": ["many", "lots", "frequent"],
}


def draw_table():
    rng = np.random.RandomState(0)
    frequent = np.where(np.arange(N) % 4, 7, np.arange(N) // 4 % 11)
    return pd.DataFrame(
        {
            "a": rng.normal(size=N), "b": np.where(np.arange(N) % 9, rng.normal(size=N), np.nan),
            "few": pd.Categorical(np.arange(N) % 3), "flag": np.arange(N) % 7 > 2,
            "many": rng.permutation([f"w{number % 12}" for number in range(N)]),
            "frequent": pd.Categorical(rng.permutation(frequent)),
            "lots": rng.permutation([None if number % 41 == 0 else f"v{number % 41}" for number in range(N)]),
        }
    )  # fmt: skip


TABLE, Y = draw_table(), np.arange(N) % 3 == 0
#: Rows with categories that were not there in training, and without any.
OTHERS = TABLE.iloc[:4].assign(many=["unknown", None, "w3", "w11"], lots=[None, "v5", "?", "v40"])
OTHERS["frequent"] = pd.Categorical([7, None, 99, 2])


def encoder_for(columns, encoding, dtype=np.float64):
    bins = encoding if encoding == "piecewise-linear" else None
    return TableEncoder(max_one_hot_categories=None, numeric_encoding=bins, n_bins=4, dtype=dtype).fit(TABLE[columns])


def test_inputs_are_those_of_the_encoded_table():
    """To the bit, with unknown and missing categories; the network's table has a column for each looked-up one."""
    for columns in TABLES.values():
        for encoding in ENCODINGS:
            for dtype in (np.float32, np.float64):
                encoder = encoder_for(columns, encoding, dtype)
                layout = make_layout(encoder, RECIPE, None if encoding == "periodic" else encoding, 1)
                assert min(layout.look_ups.sizes) > 8
                for table in (TABLE, OTHERS, OTHERS.iloc[1:2]):
                    encoded = encoder.encode(table[columns])
                    assert encoded.shape == (len(table), encoder.n_encoded) and encoded.shape[1] == layout.n_columns
                    found = inputs_of(layout, np.zeros(layout.size, dtype), encoded)
                    np.testing.assert_array_equal(found, encoder.transform(table[columns]))


def train(columns, encoding, activation="mish", n_threads=1, hidden=(9, 8), slopes=True):
    """A trained network in float64, and its outputs for all rows."""
    encoder = encoder_for(columns, encoding)
    recipe = Recipe(**{**RECIPE.as_dict(), "hidden_layer_sizes": hidden, "learn_slopes": slopes})
    model = TableModel(
        make_layout(encoder, recipe, encoding, 2), [activation] * len(hidden) + ["softmax"],
        LogLoss(label_smoothing=0.1), np.float64,
    )  # fmt: skip
    weights = np.random.RandomState(2).uniform(0.5, 2, N)
    dataset = rows_for(
        encoder, encoding, Dataset(encoder.encode(TABLE[columns]), Y[:, np.newaxis], weights, np.float64)
    )
    member = Member(model, dataset, np.arange(N), recipe, 3, None, n_threads)
    for _ in range(recipe.max_iter):
        member.run_epoch()
    assert member.runner.team.size == n_threads
    table = pd.concat([OTHERS, TABLE])[columns]
    table = table.astype({name: "category" for name in ("few", "frequent") if name in columns})
    rows = rows_for(encoder, encoding, Dataset(encoder.encode(table)))
    alone = rows_for(encoder, encoding, Dataset(encoder.encode(table.iloc[:1])))
    outputs = TablePrediction(model, rows).predict()
    assert np.array_equal(TablePrediction(model, alone).predict(), outputs[:1])
    return model, outputs


def test_training_equals_that_with_products(monkeypatch):
    """From the same initial weights, with decay, dropout, slopes, scales and weights of rows."""
    knobs.let_threads_pay(monkeypatch)
    cases = [(name, encoding, {}) for name in TABLES for encoding in ENCODINGS]
    cases += [("mixed", None, {"activation": "relu", "slopes": False}), ("mixed", "periodic", {"hidden": ()})]
    cases += [("categories alone", None, {"activation": "relu", "slopes": False})]
    for name, encoding, options in cases:
        model, outputs = train(TABLES[name], encoding, **options)
        threaded, _ = train(TABLES[name], encoding, **options, n_threads=2)
        assert threaded.params.tobytes() == model.params.tobytes()
        assert model.layout.look_ups is not None
        with monkeypatch.context() as context:
            knobs.look_up(context, np.inf)
            multiplied, expected = train(TABLES[name], encoding, **options)
        assert multiplied.layout.look_ups is None and multiplied.layout.shapes == model.layout.shapes
        where = f"{name}, {encoding}, {options}"
        np.testing.assert_allclose(model.params, multiplied.params, rtol=1e-8, atol=1e-9, err_msg=where)
        np.testing.assert_allclose(outputs, expected, rtol=1e-8, atol=1e-9, err_msg=where)


def fit(**parameters):
    return TabularMLPClassifier(
        **{"recipe": "realmlp-td-s", "hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0, **parameters}
    ).fit(TABLE, Y)


def test_estimators(monkeypatch, tmp_path):
    """The bits of any number of threads and members; after saving; the scales, and the epochs judged, of products."""
    given = {"n_members": 2, "weight_decay": 0.02, "refit": True}
    model, other = fit(**given, n_jobs=1), fit(**given, n_jobs=2)
    alone = fit(**{**given, "n_members": 1})
    assert [each.params.tobytes() for each in model.members_] == [each.params.tobytes() for each in other.members_]
    assert alone.members_[0].params.tobytes() == model.members_[0].params.tobytes()
    expected = model.predict_proba(OTHERS)
    for each in (other, pickle.loads(pickle.dumps(model))):
        assert np.array_equal(each.predict_proba(OTHERS), expected)
        assert np.array_equal(each.predict_proba(OTHERS.iloc[:1]), expected[:1])
    save(model, tmp_path / "model")
    assert np.array_equal(load(tmp_path / "model").predict_proba(OTHERS), expected)
    with monkeypatch.context() as context:
        knobs.look_up(context, np.inf)
        multiplied = fit(**given)
        save(multiplied, tmp_path / "multiplied")
    assert multiplied.best_epochs_ == model.best_epochs_
    for found in (multiplied, load(tmp_path / "multiplied")):  # a file does not say what is looked up
        np.testing.assert_allclose(found.predict_proba(OTHERS), expected, atol=1e-4)
        np.testing.assert_allclose(found.feature_scales_, model.feature_scales_, rtol=1e-3)
    assert model.members_[0].layout.look_ups.sizes == [12, 11, 40]


def test_models_of_earlier_versions_look_nothing_up(monkeypatch):
    """A pickle from before has neither attribute: products it was trained with, products it predicts with."""
    with monkeypatch.context() as context:
        knobs.look_up(context, np.inf)
        model = fit()
    expected = model.predict_proba(OTHERS)
    plan = model.encoder_._plan
    del plan.looked_up, plan._network_parts, model.members_[0].layout.look_ups
    former = pickle.loads(pickle.dumps(model))
    assert np.array_equal(former.predict_proba(OTHERS), expected)
    former.set_params(warm_start=True, n_members=2).fit(TABLE, Y)
    assert len(former.members_) == 2 and former.members_[1].layout.look_ups is None


@pytest.mark.parametrize("recipe", ["default", "fast", "realmlp-td"])
def test_one_hot_columns_of_other_recipes_are_multiplied(recipe):
    """They have at most eight categories, and keep their bits."""
    model = fit(recipe=recipe, max_iter=1)
    assert [each.layout.look_ups for each in model.members_] == [None] * len(model.members_)
    assert np.array_equal(model.encoder_.encode(OTHERS), model.encoder_.transform(OTHERS))
