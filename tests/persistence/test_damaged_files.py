"""Damaged and hostile files: a ValueError that says what is wrong, never a crash, code of the file, or much memory."""

import json
import os
import tracemalloc

import numpy as np
import pytest
from helpers.damaged_files import change, damage, join, split
from helpers.saved_models import rows, three_classes

from fastmlp import Adam, AdamW, Cosine, MLPClassifier, MLPRegressor, Network, Softplus, WarmUp, load, save

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
N_DAMAGED = 300


def files(folder):
    """Return the content of three files, whose headers hold a bit of everything."""
    X, y = rows()
    running = Adam(WarmUp(Cosine(0.1), 3)).begin()
    network = Network([4, 3, 1], [Softplus(2.0), "identity"], "huber", "float32")
    network.train(X, y, running, epochs=2)
    classifier = MLPClassifier(
        (3,), ["relu"], solver=AdamW(1e-2), random_state=np.random.RandomState(0), max_iter=2, class_weight={"a": 2}
    )
    regressor = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, early_stopping=True, random_state=0)
    contents = []
    for model in (classifier.fit(X, three_classes(["a", "b", "c"])), regressor.fit(X, y), network, running):
        save(model, folder / "model")
        contents.append((folder / "model").read_bytes())
    return contents


def check_predictions(model, X):
    """Predict by what a damaged file has become; a changed loss may be refused, but nothing else fails."""
    if not hasattr(model, "coefs_"):
        return
    try:
        outputs = model.forward(X) if isinstance(model, Network) else model.predict(X)
        assert len(outputs) == len(X)
    except ValueError as error:
        assert "was set after the model was fitted" in str(error)


def test_damaged_files_are_refused(tmp_path):
    """Or they are models, where a number or a name has become another one that is allowed."""
    path, contents, random, X = tmp_path / "model", files(tmp_path), np.random.RandomState(0), rows()[0]
    refused, peak = 0, 0
    for number in range(N_DAMAGED):
        content, what = damage(contents[number % len(contents)], random)
        path.write_bytes(content)
        if number % 5 == 0:  # memory is counted for some of them, as this takes time
            tracemalloc.start()
        try:
            model = load(path)
            check_predictions(model, X)
        except ValueError as error:
            assert str(error).startswith(f"{path} cannot be loaded: "), what
            refused += 1
        except BaseException as error:
            raise AssertionError(f"file {number}: {what}") from error
        finally:
            peak = max(peak, tracemalloc.get_traced_memory()[1]) if tracemalloc.is_tracing() else peak
            tracemalloc.stop()
    assert peak < 40e6
    assert refused > N_DAMAGED / 2


def test_messages_say_what_is_wrong(tmp_path):
    path, (content, *_) = tmp_path / "model", files(tmp_path)
    header, tree, data = split(content)
    cases = [
        (b"", "truncated"), (content[:100], "truncated"), (b"PK" + content, "not a safetensors file"),
        (content[:-1], "no valid safetensors file"),
        (join(header, {**tree, "format": 2}, data), "format 2, of a later version"),
        (join(header, {**tree, "format": "1"}, data), "format is '1'"),
        (content.replace(b"fastmlp model", b"fastmlp other"), "no model of fastmlp"),
        (join(header, tree, data, '{"a": NaN}'), "holds NaN"), (join(header, tree, data, "[" * 10**5), "deep"),
        (join(header, {**tree, "class": "Popen"}, data), "this version reads MLPClassifier"),
        (join(header, {**tree, "class": "Network"}, data), "layer sizes"),
        (join(header, {**tree, "class": "MLPRegressor"}, data), "no parameter class_weight"),
    ]  # fmt: skip
    parts = [
        (("parameters", "alpha"), "x", "alpha"), (("parameters", "activation"), [], "activation"),
        (("fitted", "coefs_"), [], "coefs_ is no list"), (("fitted", "n_features_in_"), 5, "n_features_in_ is 5"),
        (("fitted", "classes_"), 3, "classes_"), (("fitted", "optimizer"), {"t": -1}, "optimizer"),
        (("fitted", "training"), {"n_iter_": -3}, "n_iter_ is -3"),
        (("fitted", "out_activation_"), "no", "out_activation_"),
    ]  # fmt: skip
    for (part, name), value, message in parts:
        model = {**tree["model"], part: {**tree["model"][part], name: value}}
        cases.append((join(header, {**tree, "model": model}, data), message))
    deep = json.loads("[" * 800 + "]" * 800)
    for name in ("class", "model", "format"):
        cases.append((join(header, {**tree, name: deep}, data), "."))
    for name in ("parameters", "fitted"):
        for key in tree["model"][name]:
            model = {**tree["model"], name: {**tree["model"][name], key: deep}}
            cases.append((join(header, {**tree, "model": model}, data), "."))
    for damaged, message in cases:
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=message):
            load(path)


def test_hostile_values_are_refused(tmp_path):
    """Positions outside arrays, sizes beyond memory, names of other code, arrays in the place of others."""
    path, (content, _, network, running) = tmp_path / "model", files(tmp_path)
    strings = {"type": "strings", "kind": "U", "width": 10**9, "shape": [3], "items": ["a", "b", "c"]}
    for of_file, place, value, message in (
        (content, ("parameters", "random_state", "pos"), 10**6, "no state of MT19937"),  # NumPy would read there
        (content, ("parameters", "random_state", "key"), "moments", "no state of MT19937"),
        (content, ("fitted", "optimizer", "moments", "name"), "coefs_[0]", "no vector of floats"),
        (content, ("fitted", "optimizer", "moments", "name"), "loss_curve_", "2 moments, but a rule with 2"),
        (content, ("fitted", "optimizer", "t"), 2**63, "optimizer's state holds"),
        (content, ("fitted", "coefs_", 0, "name"), "coefs_[1]", "coefs_"),
        (content, ("fitted", "classes_"), strings, "1000000000 characters"),
        (content, ("fitted", "classes_"), {**strings, "width": 1, "shape": [10**9]}, "3 items and the shape"),
        (content, ("fitted", "classes_"), {**strings, "width": 1, "shape": [1], "items": ["a"]}, "are 3 outputs"),
        (content, ("parameters", "solver", "class"), "Popen", "'Popen' is no class"),
        (content, ("parameters", "solver", "fields", "x"), 1, "AdamW has no fields x"),
        (content, ("parameters", "activation", 0), {"type": "activation", "name": "os.system"}, "'os.system', but"),
        (network, ("layer sizes",), [4, 10**9, 1], "parameters, but params has the shape"),
        (network, ("layer sizes",), [10**300] * 3, "parameters, but params has the shape"),
        (network, ("activations", 0, "fields", "beta"), -1, "Softplus: beta must be"),
        (running, ("state", "moments", "name"), "x", "is the array 'x', which is not there"),
    ):  # fmt: skip
        header, tree, data = split(of_file)
        within, last = ("model", *place[:-1]), place[-1]
        if last == "x":
            tree["model"]["parameters"]["solver"]["fields"]["x"] = None
        path.write_bytes(join(header, change(tree, (*within, last), value), data))
        with pytest.raises(ValueError, match=message):
            load(path)


def test_what_is_no_regular_file_is_not_opened(tmp_path):
    """Opening a pipe would wait for somebody who writes into it."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="no regular file"):
        load(tmp_path / "pipe")
