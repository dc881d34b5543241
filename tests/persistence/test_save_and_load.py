"""`save` and `load`: what was saved is there again, and goes on with the same bits."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors
from helpers.saved_models import models_and_targets, rows, three_classes
from oracles.reference_schedules import CASES as SCHEDULES
from sklearn.base import clone

from fastmlp import (
    SGD,
    Activation,
    Adam,
    AdamW,
    Cosine,
    Focal,
    Huber,
    Initializer,
    LayerWise,
    LeakyReLU,
    Loss,
    MLPClassifier,
    MLPRegressor,
    Network,
    Orthogonal,
    Quantile,
    Schedule,
    Uniform,
    WarmUp,
    load,
    save,
)  # fmt: skip
from fastmlp.activations import ACTIVATIONS
from fastmlp.initializers import INITIALIZERS
from fastmlp.losses import LOSSES
from fastmlp.optimizers import OPTIMIZERS
from fastmlp.persistence.decoding import Decoder
from fastmlp.persistence.encoding import Encoder
from fastmlp.persistence.kinds import CLASSES, NAMED

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
NOT_STORED = {"_small_batches", "_continuation", "_accepted_parameters", "_random_state"}


def is_same(one, other):
    """Whether two values have the same types and bits."""
    if isinstance(one, np.ndarray):
        same = one.dtype == other.dtype and one.shape == other.shape
        return same and (one.tolist() == other.tolist() if one.dtype == object else one.tobytes() == other.tobytes())
    if isinstance(one, np.random.RandomState):
        return str(one.get_state()) == str(other.get_state())
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(is_same, one, other))
    if hasattr(one, "__dict__") and not isinstance(one, type):
        return type(one) is type(other) and (one == other or differences(vars(one), vars(other)) == [])
    return one == other or (one != one and other != other)


def differences(before, after):
    return [name for name in sorted((before.keys() | after.keys()) - NOT_STORED)
            if name not in before or name not in after or not is_same(before[name], after[name])]  # fmt: skip


def again(model, path, **given):
    save(model, path)
    return load(path, **given)


def test_every_kind_of_model_is_there_again_and_continues_with_the_same_bits(tmp_path):
    path = tmp_path / "model.safetensors"
    for name, model, y, minibatches in models_and_targets():
        for dtype in (np.float64, np.float32) if name in ("schedules", "regression") else (np.float64,):
            X, _ = rows(dtype=dtype)
            unfitted = again(clone(model), path)
            assert not differences(unfitted.get_params(), again(unfitted, path).get_params()), name
            model = clone(model).fit(X, y)
            loaded = again(model, path)
            assert differences(vars(model), vars(loaded)) == [], name
            assert is_same(model.predict(X), loaded.predict(X)), name
            model.warm_start = loaded.warm_start = True  # a generator goes on in both
            assert is_same(model.fit(X, y).coefs_, loaded.fit(X, y).coefs_), name
            if minibatches and not model.early_stopping and model.ema is None:
                for _ in range(2):
                    loaded = again(model.partial_fit(X, y), path)
                    assert differences(vars(model), vars(loaded)) == [], name
                assert is_same(model.partial_fit(X, y).coefs_, loaded.partial_fit(X, y).coefs_), name


def test_every_object_of_the_package_can_be_stored():
    """Each class, with other numbers than the usual ones too; each name."""
    schedules = [WarmUp(Cosine(0.1, 30), 0.25), Cosine(0.1), *(case.schedule for case in SCHEDULES.values())]
    others = [LeakyReLU(0.3), Huber(3), Quantile([0.25, 0.75], crossing=False), Orthogonal(2), Uniform(-3, 1e-300),
              Adam(WarmUp(0.1, 3), 0.5), LayerWise(SGD(0.1), (0.5, 2), "ntk")]  # fmt: skip
    registries = (ACTIVATIONS, LOSSES, OPTIMIZERS, INITIALIZERS)
    objects = [*(one for registry in registries for one in registry.values()), *schedules, *others]
    for one in objects:
        encoder = Encoder()
        tree = json.loads(json.dumps(encoder.encode(one, "it"), allow_nan=False))
        assert encoder.custom == {}, one
        decoded = Decoder(encoder.arrays, {}).decode(tree, "it")
        assert type(decoded) is type(one) and decoded == one and repr(decoded) == repr(one)
    stored = {type(one).__name__ for one in objects}
    assert CLASSES.keys() <= stored | {"SquaredErrorByHand"}, f"add an object of {CLASSES.keys() - stored} to this test"
    assert all(names for names in NAMED.values())


def test_names_of_features_and_edited_arrays(tmp_path):
    pandas = pytest.importorskip("pandas")
    X, y = rows()
    frame = pandas.DataFrame(X, columns=["a", "b", "ü", "δ"])
    model = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, random_state=0).fit(frame, y)
    model.coefs_ = [np.asfortranarray(model.coefs_[0].astype(">f8")), model.coefs_[1][::-1].astype(np.float16)]
    model.intercepts_ = [list(range(3)), np.array([1])]
    loaded = again(model, tmp_path / "model")
    assert loaded.feature_names_in_.tolist() == ["a", "b", "ü", "δ"] and loaded.feature_names_in_.dtype == object
    assert is_same(loaded.predict(frame), model.predict(frame))
    with pytest.warns(UserWarning, match="valid feature names"):
        loaded.predict(X)


def test_networks_and_their_optimizers_continue_with_the_same_bits(tmp_path):
    X, y = rows()
    for dtype in ("float32", "float64"):
        network = Network([4, 5, 1], ["tanh", "identity"], Huber(2.0), dtype)
        network.initialize(random_state=0)
        running = Adam(Cosine(0.1, steps=20)).begin()
        assert differences(vars(network), vars(again(network, tmp_path / "net"))) == []
        network.train(X, y, running, epochs=3, batch_size=10)
        others = again(network, tmp_path / "net"), again(running, tmp_path / "optimizer")
        for net, optimizer in ((network, running), others):
            net.train(X, y, optimizer, epochs=2, batch_size=10)
        assert is_same(network.params, others[0].params) and network.loss_curve_ == others[0].loss_curve_
        assert others[1].t == running.t == 20 and is_same(running.state, others[1].state)


def bent(z):
    return z if z > 0 else 0.5 * z


def bent_derivative(z):
    return 1.0 if z > 0 else 0.5


def quartic(a, y):
    return (a - y) ** 4


def quartic_derivative(a, y):
    return 4 * (a - y) ** 3


class Halving(Schedule):
    def at(self, t):
        return 0.1 / 2 ** (t // 10)


class Ones(Initializer):
    def _draw(self, coef, intercept, generator):
        coef[...], intercept[...] = 1, generator.uniform()


class MySGD(SGD):
    pass


def negative_mean(estimator, X, y):
    return -float(np.mean(estimator.predict(X)))


def test_objects_of_users_are_named_and_must_be_given_again(tmp_path):
    path, (X, y) = tmp_path / "model", rows()
    own = {
        "activations": [Activation(bent, bent_derivative)], "losses": [Loss(quartic, quartic_derivative)],
        "optimizers": [MySGD(Halving())], "initializers": [Ones()], "scorers": [negative_mean],
        "schedules": [Halving()],
    }  # fmt: skip
    own["schedules"] = [own["optimizers"][0].learning_rate]
    model = MLPRegressor(
        own["losses"][0], (5,), own["activations"][0], solver=own["optimizers"][0], initializer=own["initializers"][0],
        scoring=own["scorers"][0], early_stopping=True, max_iter=2, random_state=0,
    ).fit(X, y)  # fmt: skip
    save(model, path)
    loaded = load(path, **own)
    assert is_same(loaded.predict(X), model.predict(X)) and loaded.loss is model.loss
    for kind in own:
        with pytest.raises(ValueError, match=f"an object of your own.*pass it as {kind}="):
            load(path, **{**own, kind: None})
        with pytest.raises(TypeError, match=f"{kind} must be"):
            load(path, **{**own, kind: [3]})
        with pytest.raises(TypeError, match=f"{kind} must be a list"):
            load(path, **{**own, kind: 3})
    names = {kind: dict(zip(_names(path, kind), own[kind], strict=True)) for kind in own}
    assert is_same(load(path, **names).predict(X), model.predict(X))


def _names(path, kind):
    """The names that the messages ask for."""
    with safetensors.safe_open(path, "np") as file:
        (text,) = file.metadata().values()
    found = []

    def collect(tree):
        if tree.get("type") == "custom" and tree["kind"] == kind and tree["name"] not in found:
            found.append(tree["name"])
        return tree

    json.loads(text, object_hook=collect)
    return found


def test_what_cannot_be_saved_is_refused_and_nothing_is_written(tmp_path):
    path, X = tmp_path / "model", rows()[0]
    path.write_text("before")
    fitted = MLPClassifier((3,), max_iter=2, random_state=0).fit(X, three_classes())

    class Mine(MLPRegressor):
        pass

    def changed(**attributes):
        model = copy.deepcopy(fitted)
        vars(model).update(attributes)
        return model

    refused = [
        (TypeError, "not of a subclass", Mine()),
        (TypeError, "save takes an object of MLPClassifier", "model"),
        (ValueError, "max_iter", MLPClassifier(max_iter=0)),
        (ValueError, "PCG64", MLPClassifier(random_state=np.random.RandomState(np.random.PCG64(0)))),
        (ValueError, "coefs_ is empty", changed(coefs_=[])),
        (ValueError, r"coefs_\[1\] has shape", changed(coefs_=[np.ones((4, 3)), np.ones((2, 3))])),
        (ValueError, "4 features|n_features_in_", changed(n_features_in_=5)),
        (ValueError, "classes", changed(classes_=np.array([1, 2]))),
        (ValueError, "loss_curve_", changed(loss_curve_="none")),
        (ValueError, "n_iter_", changed(n_iter_=-1)),
        (ValueError, "datetime", changed(classes_=np.array(["2020", "2021", "2022"], "M8[Y]"))),
        (ValueError, "use strings or numbers", changed(classes_=np.array([1, 2j, 3], object))),
    ]
    for error, message, model in refused:
        with pytest.raises(error, match=message):
            save(model, path)
    assert path.read_text() == "before" and [one.name for one in tmp_path.iterdir()] == ["model"]
    with pytest.raises(FileNotFoundError):
        save(fitted, tmp_path / "no" / "folder")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)


def test_labels_of_every_type(tmp_path):
    X, _ = rows()
    several = (
        np.array([b"x", b"\xff"]), np.array(["a" * 300, "b"]), np.array([-3, 2**40]), np.array([True, False], object),
        np.array([1, "é"], object), np.array([0.25, np.float64(1 / 3)], object),
    )  # fmt: skip
    for classes in several:
        model = MLPClassifier((3,), max_iter=2, random_state=0).fit(X, three_classes() > 0)
        model.classes_ = model._label_binarizer.classes_ = classes
        loaded = again(model, tmp_path / "model")
        assert is_same(loaded.classes_, classes), classes
        assert loaded.predict(X).tolist() == model.predict(X).tolist()


def test_the_same_model_is_the_same_bytes(tmp_path):
    X, y = rows()
    contents = []
    for _ in range(2):
        save(MLPRegressor(hidden_layer_sizes=(3,), max_iter=2, random_state=0).fit(X, y), tmp_path / "model")
        contents.append((tmp_path / "model").read_bytes())
    assert contents[0] == contents[1]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path, model = tmp_path / "model", MLPRegressor()
    save(model, path)
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda number: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save(MLPRegressor(alpha=1), path)
    assert path.read_bytes() == before and [one.name for one in tmp_path.iterdir()] == ["model"]


@pytest.mark.skipif(os.name == "nt", reason="permissions and links of POSIX")
def test_a_file_that_is_replaced_keeps_permissions_and_links(tmp_path):
    file, link = tmp_path / "private.st", tmp_path / "link.st"
    save(MLPClassifier((3,)), file)
    file.chmod(0o600)
    link.symlink_to(file)
    save(MLPClassifier((7,)), link)
    assert link.is_symlink() and file.stat().st_mode & 0o777 == 0o600
    assert load(file).hidden_layer_sizes == (7,)


def test_objects_of_one_name_are_refused_in_a_list(tmp_path):
    """The file says which name, and it would be open which function that is."""
    X, y = np.eye(4), [0, 1, 0, 1]
    double, half = Activation(lambda z: 2 * z, lambda z: 2.0), Activation(lambda z: z / 2, lambda z: 0.5)
    model = MLPClassifier((3,), double, max_iter=1, random_state=0).fit(X, y)
    save(model, tmp_path / "model")
    with pytest.raises(ValueError, match="activations has several objects named"):
        load(tmp_path / "model", activations=[double, half])
    same = load(tmp_path / "model", activations=[double, double])
    assert same.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def test_a_single_class_with_softmax(tmp_path):
    model = MLPClassifier((3,), output_activation="softmax", max_iter=1, random_state=0).fit(np.eye(4), ["a"] * 4)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.predict_proba(np.eye(4)).tobytes() == model.predict_proba(np.eye(4)).tobytes()


def test_without_safetensors(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for call in (lambda: save(MLPRegressor(), tmp_path / "model"), lambda: load(tmp_path / "model")):
        with pytest.raises(ImportError, match=r"fastmlp\[persistence\]"):
            call()


#: Written by version 0.1.0: see `test_files_of_format_1_are_read`.
FORMAT_1 = Path(__file__).with_name("format_1.safetensors")


def model_of_format_1():
    X, _ = rows()
    model = MLPClassifier(
        (5,), ["tanh"], solver=AdamW(WarmUp(Cosine(1e-2, steps=50), 2)), dropout=0.1, loss=Focal(1.5),
        random_state=np.random.RandomState(1), class_weight={"a": 2.0}, max_iter=3, tol=0.0,
    )  # fmt: skip
    return model.fit(X, three_classes(["a", "b", "ü"]))


def test_files_of_format_1_are_read():
    """It was written by ``save(model_of_format_1(), FORMAT_1)``."""
    X, _ = rows()
    loaded, expected = load(FORMAT_1), model_of_format_1()
    assert loaded.get_params().keys() <= expected.get_params().keys()
    np.testing.assert_allclose(loaded.predict_proba(X), expected.predict_proba(X), rtol=1e-9)
    assert loaded.predict(X).tolist() == expected.predict(X).tolist()
    for model in (loaded, expected):
        model.partial_fit(X, three_classes(["a", "b", "ü"]))
    np.testing.assert_allclose(loaded.coefs_[0], expected.coefs_[0], rtol=1e-9)


def test_networks_are_saved_without_numba_and_scikit_learn_and_importing_loads_nothing(tmp_path):
    path = str(tmp_path / "network")
    save(Network([4, 3, 1], ["tanh", "identity"], "huber"), path)
    code = (
        "import sys, fastmlp\n"
        "before = {'json', 'safetensors', 'numpy', 'fastmlp.persistence', 'fastmlp.export'} & set(sys.modules)\n"
        f"fastmlp.save(fastmlp.load({path!r}), {path!r})\n"
        "print(before, {'numba', 'sklearn', 'torch', 'onnx', 'skl2onnx'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set() set()"


def test_skops_dumps_and_loads_both_estimators(tmp_path):
    io = pytest.importorskip("skops.io")
    X, _ = rows()
    for name, model, y, minibatches in models_and_targets():
        model = clone(model).fit(X, y)
        io.dump(model, tmp_path / "model.skops")
        types = io.get_untrusted_types(file=tmp_path / "model.skops")
        assert all(each.startswith("fastmlp.") for each in types), name
        loaded = io.load(tmp_path / "model.skops", trusted=types)
        assert is_same(loaded.predict(X), model.predict(X)), name
        if minibatches and not model.early_stopping and model.ema is None:
            assert is_same(model.partial_fit(X, y).coefs_, loaded.partial_fit(X, y).coefs_), name
