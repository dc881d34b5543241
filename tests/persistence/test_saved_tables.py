"""Estimators for tables in files: categories, bins, scales and members are there again, with the same bits."""

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.damaged_files import change, damage, join, split
from helpers.tabular_models import SMALL, N, T, X, Y, bits, classifier, regressor
from sklearn.base import clone
from sklearn.metrics import make_scorer, mean_squared_error
from test_save_and_load import bent, bent_derivative, differences, is_same, negative_mean, quartic, quartic_derivative

from fastmlp import Activation, Huber, LogLoss, Loss, Quantile, TabularMLPClassifier, load, save

#: Columns of every kind that there is: codes, one-hot, two categories, booleans, missing values, a constant.
EVERY = X.assign(
    flag=T > 1, word=[f"w{number % 12}" for number in range(N)], size=pd.Categorical(np.arange(N) % 3),
    half=pd.Categorical(np.arange(N) % 4 / 2), mixed=[(1, "1", True, None, 2.5)[number % 5] for number in range(N)],
    constant=1.0, gap=[None if number % 3 else float(number) for number in range(N)],
)  # fmt: skip
NUMBERS = np.random.RandomState(1).standard_normal((N, 3))
WORDS = [[f"é{number % 5}", bool(number % 2)] for number in range(N)]
MIXED = {"n_members": 3, "numeric_encoding": "auto"}
LABELS = np.c_[T > 1, T > 2, T < 0].astype(int)


def models():
    """(name, model, table, targets)."""
    return [
        ("every kind of column", classifier(**MIXED), EVERY, Y),
        ("every kind of column, numbers", regressor(**MIXED, validation_fraction=0.2), EVERY, T),
        ("bins alone", regressor(numeric_encoding="piecewise-linear", n_bins=3), NUMBERS, T),
        ("bins without numbers", classifier(numeric_encoding="piecewise-linear"), WORDS, T > 1),
        ("no encoding", classifier(numeric_encoding=None, max_one_hot_categories=None, activation="gelu"), EVERY, Y),
        ("labels", classifier(validation_fraction=0.2, scoring="accuracy"), NUMBERS, LABELS),
        ("one class", classifier(), NUMBERS, np.full(N, 7)),
        ("three classes", classifier(loss="focal", class_weight={2: 3.0}), EVERY, np.arange(N) % 3),
        ("a loss as an object", classifier(loss=LogLoss(label_smoothing=0.3)), NUMBERS, Y),
        ("targets", regressor(loss=Huber(2.0)), NUMBERS, np.c_[T, -3 * T]),
        ("one column", regressor(recipe="realmlp-td-s"), NUMBERS, T[:, np.newaxis]),
        ("quantiles", regressor(loss=Quantile((0.1, 0.9), crossing=False)), NUMBERS, np.c_[T, -3 * T]),
        ("positive", regressor(loss="poisson", random_state=np.random.RandomState(5)), EVERY, np.abs(T)),
        ("no hidden layer", regressor(hidden_layer_sizes=(), categorical_features=["c"], dropout=0.2), X, T),
        ("a mask", regressor(hidden_layer_sizes=[5, 4], categorical_features=np.array([False, False, True])), X, T),
    ]  # fmt: skip


def again(model, path, **given):
    save(model, path)
    return load(path, **given)


def predictions(model, table):
    return [model.predict(table), *([model.predict_proba(table)] if hasattr(model, "predict_proba") else [])]


def kinds_of(model):
    """The types of all categories: 1, 1.0 and True are equal."""
    return [list(map(type, values or ())) for values in model.encoder_._plan.categories]


def test_every_kind_of_table_is_there_again_and_members_are_added_with_the_same_bits(tmp_path):
    path = tmp_path / "model.safetensors"
    for name, model, table, y in models():
        unfitted = again(clone(model), path)
        assert not differences(clone(model).get_params(), unfitted.get_params()), name
        assert unfitted.get_recipe() == model.get_recipe() and not hasattr(unfitted, "members_")
        model = clone(model).set_params(warm_start=True).fit(table, y)
        loaded = again(model, path)
        assert differences(vars(model), vars(loaded)) == [], name
        assert kinds_of(model) == kinds_of(loaded) and loaded.get_recipe() == model.get_recipe()
        assert is_same(predictions(model, table), predictions(loaded, table)), name
        changed = {"max_iter": 2, "hidden_layer_sizes": (4, 4), "n_members": len(model.members_) + 2}
        for each in (model, loaded):  # members of other sizes beside the first ones
            each.set_params(**changed).fit(table, y)
        assert differences(vars(model), vars(loaded)) == [] and bits(model) == bits(loaded), name
        assert differences(vars(model), vars(again(loaded, path))) == [], name
        copied = pickle.loads(pickle.dumps(loaded))
        assert is_same(predictions(copied, table), predictions(model, table)) and bits(copied) == bits(model)
    assert bits(clone(loaded).fit(table, y)) == bits(clone(model).fit(table, y))
    odd = pd.DataFrame({**EVERY[:3], "word": ["new", None, "w3"], "c": ["x", "new", None], "mixed": ["1", 1, True]})
    first = models()[0][1].fit(EVERY, Y)
    assert is_same(predictions(first, odd), predictions(again(first, path), odd))
    with pytest.raises(ValueError, match="feature names"):
        load(path).predict(odd[odd.columns[::-1]])


def test_objects_of_users_must_be_given_again(tmp_path):
    path = tmp_path / "model"
    own = {"activations": [Activation(bent, bent_derivative)], "losses": [Loss(quartic, quartic_derivative)],
           "scorers": [negative_mean]}  # fmt: skip
    model = regressor(activation=own["activations"][0], loss=own["losses"][0], scoring=negative_mean,
                      validation_fraction=0.2).fit(NUMBERS, T)  # fmt: skip
    loaded = again(model, path, **own)
    assert is_same(loaded.predict(NUMBERS), model.predict(NUMBERS)) and loaded.loss is model.loss
    assert loaded.validation_metric_ == "negative_mean"
    for kind in own:
        with pytest.raises(ValueError, match=f"an object of your own.*pass it as {kind}="):
            load(path, **{**own, kind: None})
    scorer = make_scorer(mean_squared_error, greater_is_better=False)
    save(regressor(scoring=scorer, validation_fraction=0.2).fit(NUMBERS, T), path)
    assert load(path, scorers=[scorer]).scoring is scorer


@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")  # from NumPy 2.5 on
def test_what_cannot_be_saved_is_refused_and_nothing_is_written(tmp_path, monkeypatch):
    path = tmp_path / "model"
    path.write_text("before")
    fitted = regressor().fit(X, T)

    class Mine(TabularMLPClassifier):
        pass

    def changed(**attributes):
        model = copy.deepcopy(fitted)
        vars(model).update(attributes)
        return model

    interval = X.assign(bin=pd.cut(X["a"], 3))
    other = copy.deepcopy(fitted)
    other.members_[1].params.shape = (-1, 1)
    refused = [
        (TypeError, "not of a subclass", Mine()),
        (ValueError, "n_members", regressor(n_members=0)),
        (ValueError, "Column 'bin' has categories of type Interval, such as .*turn them into strings before", None),
        (ValueError, "best_epochs_ are not the epochs of 2 members", changed(best_epochs_=[3])),
        (ValueError, "n_iter_", changed(n_iter_=-1)),
        (ValueError, "was changed in place", other),
        (ValueError, "2 outputs", changed(n_outputs_=2)),
        (ValueError, "target_scale_ is no array", changed(target_scale_=np.ones(2))),
    ]
    for error, message, model in refused:
        with pytest.raises(error, match=message):
            save(regressor().fit(interval, T) if model is None else model, path)
    monkeypatch.setattr("fastmlp.common.tensor_files.MAX_HEADER", 1000)
    with pytest.raises(ValueError, match="bytes of labels, categories and other text, but at most 1000 are read"):
        save(fitted, path)
    assert path.read_text() == "before" and [one.name for one in tmp_path.iterdir()] == ["model"]


#: Written when the estimators for tables were added to format 1: see the test below.
FORMAT_1 = Path(__file__).with_name("format_1_table.safetensors")
PROBABILITIES_OF_FORMAT_1 = FORMAT_1.with_name("format_1_table_probabilities.npy")


def table_of_format_1():
    """A table, targets, and a model of both, which is the same wherever it is trained, up to rounding."""
    table = pd.DataFrame({
        "number": np.sin(np.arange(48.0)), "gaps": [None if row % 5 == 0 else row / 7 for row in range(48)],
        "word": [f"ü{row % 10}" for row in range(48)], "colour": ["red", "blue", "green"] * 16,
        "flag": [row % 4 == 0 for row in range(48)], "size": pd.Categorical(np.arange(48) % 3 * 2),
    })  # fmt: skip
    y = np.array(["a", "b", "ü"])[np.arange(48) % 3]
    model = TabularMLPClassifier(**{**SMALL, **MIXED, "hidden_layer_sizes": (5, 4), "max_iter": 3, "warm_start": True,
                                    "class_weight": {"ü": 2.0}, "validation_fraction": 0.25})  # fmt: skip
    return table, y, model


def test_files_of_format_1_are_read():
    """It was written by ``save(model.fit(table, y), FORMAT_1)``; that model has predicted the probabilities."""
    table, y, model = table_of_format_1()
    loaded, probabilities = load(FORMAT_1), np.load(PROBABILITIES_OF_FORMAT_1)
    assert loaded.get_params().keys() <= model.get_params().keys()
    assert loaded.get_recipe().keys() == model.get_recipe().keys()
    np.testing.assert_allclose(loaded.predict_proba(table), probabilities, rtol=1e-3)
    assert loaded.predict(table).tolist() == loaded.classes_[probabilities.argmax(axis=1)].tolist()
    best_epochs = list(loaded.best_epochs_)
    assert loaded.set_params(n_members=4).fit(table, y).best_epochs_[:3] == best_epochs
    assert len(loaded.members_) == 4


def contents(folder):
    """The content of two files, whose headers hold a bit of everything."""
    for model, table, y in ((classifier(**MIXED), EVERY, Y), (regressor(numeric_encoding="piecewise-linear"), X, T)):
        save(model.fit(table, y), folder / "model")
        yield (folder / "model").read_bytes(), table


def test_damaged_files_are_refused_or_predict(tmp_path):
    path, files, random, refused = tmp_path / "model", list(contents(tmp_path)), np.random.RandomState(0), 0
    for number in range(120):
        content, table = files[number % 2]
        damaged, what = damage(content, random)
        path.write_bytes(damaged)
        try:
            model = load(path)
            if hasattr(model, "members_"):
                with np.errstate(all="ignore"):
                    assert len(model.predict(table[:4])) == 4
        except ValueError as error:
            refused += str(error).startswith(f"{path} cannot be loaded: ")
            assert "cannot be loaded" in str(error) or "eature" in str(error) or "olumn" in str(error), what
        except BaseException as error:
            raise AssertionError(f"file {number}: {what}") from error
    assert refused > 60


def test_hostile_values_are_refused(tmp_path):
    path, ((content, _), (numbers, _)) = tmp_path / "model", contents(tmp_path)
    classes = {"type": "strings", "kind": "U", "width": 1, "shape": [3], "items": ["a", "b", "c"]}
    encoder, member = ("fitted", "encoder"), ("fitted", "members", 0)
    for of_file, place, value, message in (
        (content, ("fitted", "encoder"), None, "encoder_ is missing"),
        (content, (*encoder, "categories"), [["x"]], "not those of 10 columns"),
        (content, (*encoder, "n_features_in_"), 10**9, "not those of 1000000000 columns"),
        (content, (*encoder, "categories", 2), ["x", "x"], "a category twice"),
        (content, (*encoder, "categories", 2), ["x", None], "something else than strings"),
        (content, (*encoder, "categories", 2), None, "do not fit the categories"),
        (content, (*encoder, "categories", 4), ["w"] * 0, "do not fit the categories"),
        (content, (*encoder, "categories", 4), [f"w{n}" for n in range(11)], r"members_\[0\].params are not the"),
        (content, (*encoder, "categories", 2), ["x", "y", "z", "u"], "of_zero is no list of"),
        (content, (*encoder, "code_features", "name"), "loss_curve_", "code_features is no list of columns"),
        (content, (*encoder, "number_features", "name"), "encoder_.code_features", "do not fit the categories"),
        (content, (*encoder, "center_", "name"), "encoder_.of_one", "center_ is no list of"),
        (content, (*encoder, "parameters", "n_bins"), 0, "n_bins"),
        (content, (*encoder, "parameters", "dtype"), "float64", "no parameter dtype"),
        (numbers, (*encoder, "bin_edges_"), [], "not those of 2 columns"),
        (numbers, (*encoder, "bin_edges_", 0, "name"), "target_range_", "something else than edges"),
        (numbers, (*encoder, "bin_edges_", 0, "name"), "loss_curve_", "do not ascend"),
        (content, (*member, "hidden_layer_sizes"), [10**12], "are not the .* parameters of layers"),
        (content, (*member, "hidden_layer_sizes"), [8.0], "has the hidden layers"),
        (content, (*member, "learn_slopes"), 1, "has the slopes 1"),
        (content, (*member, "numeric_encoding"), "os", "have the encodings"),
        (content, (*member, "numeric_encoding"), None, "params are not the"),
        (content, (*member, "params", "name"), "encoder_.of_one", "params are not the"),
        (content, (*member, "activation"), 3, "activation is 3"),
        (content, (*member, "activation"), {"type": "activation", "name": "os.system"}, "'os.system', but"),
        (content, ("fitted", "members"), [], "members_ are missing"),
        (content, ("fitted", "best_epochs_"), [1, 2, -1], "best_epochs_"),
        (content, ("fitted", "loss"), "log_loss", "the loss is 'log_loss'"),
        (content, ("fitted", "loss", "class"), "Hinge", "Hinge"),
        (content, ("fitted", "n_outputs_"), 3, "2 labels, but there are 3 outputs"),
        (content, ("fitted", "classes_"), classes, "3 labels, but there are 2 outputs"),
        (content, ("fitted", "label_smoothing_"), 1.0, "label_smoothing_ is 1.0"),
        (content, ("fitted", "recipe", "max_iter"), -1, "recipe_ has the number max_iter=-1"),
        (content, ("fitted", "recipe", "more"), 1, "recipe_ has the number more=1"),
        (numbers, ("fitted", "one_column"), 1, "one_column is 1"),
        (numbers, ("fitted", "target_mean_", "name"), "loss_curve_", "target_scale_ is no array"),
        (numbers, ("parameters", "hidden_layer_sizes"), [-1], "hidden_layer_sizes"),
        (numbers, ("parameters", "class_weight"), None, "no parameter class_weight"),
    ):  # fmt: skip
        header, tree, data = split(of_file)
        within = ("model", *place)
        if within[-1] in ("dtype", "more", "class_weight"):
            inner = tree
            for key in within[:-1]:
                inner = inner[key]
            inner[within[-1]] = None
        path.write_bytes(join(header, change(tree, within, value), data))
        with pytest.raises(ValueError, match=message) as refusal:
            load(path)
        assert str(refusal.value).startswith(f"{path} cannot be loaded: "), place
    header, tree, data = split(content)
    path.write_bytes(join(header, {**tree, "class": "MLPClassifier"}, data))
    with pytest.raises(ValueError, match="no parameter categorical_features"):
        load(path)
    deep = json.loads("[" * 800 + "]" * 800)
    for name in tree["model"]["fitted"]:
        path.write_bytes(join(header, change(tree, ("model", "fitted", name), deep), data))
        with pytest.raises(ValueError, match="cannot be loaded"):
            load(path)


def test_skops_dumps_and_loads_tables(tmp_path):
    io = pytest.importorskip("skops.io")
    for name, model, table, y in models()[:5]:
        model = clone(model).fit(table, y)
        io.dump(model, tmp_path / "model.skops")
        types = io.get_untrusted_types(file=tmp_path / "model.skops")
        assert all(each.startswith("fastmlp.") for each in types), name
        assert is_same(predictions(io.load(tmp_path / "model.skops", trusted=types), table), predictions(model, table))


def test_states_have_no_dicts_of_categories_and_no_types_of_numpy():
    """Other formats lose False as a key, and would have to trust `numpy.dtype`."""
    model = classifier(**MIXED).fit(EVERY, Y)
    assert "_lookups" not in model.encoder_._plan.__getstate__()
    assert model.members_[0].__getstate__()["dtype"] == "float32" and "_views" not in model.members_[0].__getstate__()
