"""Checkpoints: a fit that is killed at any moment continues and ends with the same bits; bad files are refused."""

import json
import os
import pickle
import signal
from functools import partial

import numpy as np
import pytest
import safetensors
import safetensors.numpy
import scipy.sparse
from helpers.early_stopping_data import NUMBERS, X
from sklearn.base import clone

from fastmlp import (
    LAMB,
    SGD,
    Adam,
    AdamW,
    Adaptive,
    Cosine,
    InverseScaling,
    LayerWise,
    MLPClassifier,
    MLPRegressor,
    OneCycle,
    Polynomial,
    WarmUp,
)
from fastmlp.callbacks import Callback, Checkpoint, LearningRateFinder

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSES = (NUMBERS > 0).astype(int) + (NUMBERS > 1)
WEIGHTS = np.linspace(0.5, 2.0, len(X))
SMALL = {"hidden_layer_sizes": (7, 5), "max_iter": 9, "random_state": 0, "batch_size": 30}
classifier, regressor = partial(MLPClassifier, **SMALL), partial(MLPRegressor, **SMALL)

#: name → (model, X, y, options of fit)
CASES = {
    "adam": (classifier(), X, CLASSES, {}),
    "early stopping": (classifier(early_stopping=True), X, CLASSES, {}),
    "early stopping by loss": (regressor(early_stopping=True, scoring="loss"), X, NUMBERS, {}),
    "validation data": (regressor(), X, NUMBERS, {"X_val": X[:20], "y_val": NUMBERS[:20]}),
    "dropout": (classifier(dropout=0.3, input_dropout=0.1), X, CLASSES, {}),
    "L1": (regressor(l1=0.01, solver="adamw"), X, NUMBERS, {}),
    "clipping and max norm": (regressor(clip_norm=0.5, max_norm=1.0, clip_value=0.1), X, NUMBERS, {}),
    "adaptive": (regressor(solver="sgd", learning_rate="adaptive", tol=0.1, n_iter_no_change=1), X, NUMBERS, {}),
    "own adaptive": (regressor(solver=SGD(Adaptive(0.01)), tol=0.1, n_iter_no_change=1), X, NUMBERS, {}),
    "invscaling": (regressor(solver="sgd", learning_rate="invscaling"), X, NUMBERS, {}),
    "warm-up before invscaling": (regressor(solver=SGD(WarmUp(InverseScaling(0.1), 5))), X, NUMBERS, {}),
    "warm-up before adaptive": (
        regressor(solver=SGD(WarmUp(Adaptive(0.01), 5)), tol=10.0, n_iter_no_change=1), X, NUMBERS, {}
    ),
    "one cycle": (classifier(learning_rate=OneCycle(0.01, steps=90)), X, CLASSES, {}),
    "nothing improves": (regressor(tol=10.0, n_iter_no_change=3), X, NUMBERS, {}),
    "average": (classifier(ema=0.9, early_stopping=True), X, CLASSES, {}),
    "no shuffle": (regressor(shuffle=False), X, NUMBERS, {}),
    "sparse float32 with weights": (
        classifier(), scipy.sparse.csr_matrix(X.astype(np.float32)), CLASSES, {"sample_weight": WEIGHTS}
    ),
    "generator": (classifier(random_state=np.random.RandomState(3), early_stopping=True), X, CLASSES, {}),
    "lamb": (classifier(solver="lamb"), X, CLASSES, {}),
    "length of the training": (classifier(learning_rate=WarmUp(OneCycle(0.01), 0.2)), X, CLASSES, {}),
    "schedules": (
        classifier(
            solver=AdamW(Cosine(0.01), weight_decay=Cosine(0.1)), alpha=Polynomial(0.1, 20, final=1e-3),
            dropout=[WarmUp(0.5, 0.5), 0.1], input_dropout=Cosine(0.2),
        ), X, CLASSES, {},
    ),
    "layers": (
        regressor(
            solver=LayerWise(SGD(Cosine(0.01), momentum=0.9), (0.5, 0, 2), "ntk", (1, 1, 2), 0.5), l1=0.01, ema=0.8,
            clip_norm=0.5, clip_value=0.1,
        ), X, NUMBERS, {},
    ),
    "layers, lamb": (classifier(solver=LayerWise(LAMB(), (0.5, 0, 2), 0.1), l1=0.01), X, CLASSES, {}),
    "drop last": (classifier(drop_last=True, batch_size=70), X, CLASSES, {}),
}  # fmt: skip


class Killed(Callback):
    """End the process's fit, as it were, after some epochs."""

    def __init__(self, epochs):
        self.epochs = epochs

    def on_epoch_end(self, estimator):
        if estimator.n_iter_ == self.epochs:
            raise InterruptedError


def copy_of(model, *callbacks):
    return pickle.loads(pickle.dumps(model)).set_callbacks(*callbacks)


def everything(model):
    """Weights and history, as bytes and numbers."""
    weights = [array.tobytes() for array in (*model.coefs_, *model.intercepts_)]
    curves = model.loss_curve_, model.validation_loss_curve_, model.validation_scores_
    numbers = model.n_iter_, model.t_, model.best_loss_, model.best_epoch_, model._no_improvement_count
    generator = model._random_state.get_state()[1].tolist()
    return weights, curves, numbers, model._optimizer.t, model._optimizer.schedule, generator


@pytest.mark.parametrize("case", CASES)
def test_an_interrupted_fit_continues_with_the_same_bits(case, tmp_path):
    """Interrupted after each epoch in turn, and repeated by a new model each time."""
    model, rows, y, options = CASES[case]
    expected = copy_of(model).fit(rows, y, **options)
    for epochs in (1, 2, 5):
        if epochs < expected.n_iter_:
            interrupted = copy_of(model, Checkpoint(tmp_path), Killed(epochs))
            with pytest.raises(InterruptedError):
                interrupted.fit(rows, y, **options)
    resumed = copy_of(model, Checkpoint(tmp_path)).fit(rows, y, **options)
    assert everything(resumed) == everything(expected)
    assert len(list(tmp_path.iterdir())) == 2
    again = copy_of(model, Checkpoint(tmp_path)).fit(rows, y, **options)
    assert everything(again) == everything(expected)


def test_the_rate_of_a_range_test_is_kept_behind_a_warm_up(tmp_path):
    """The test is not made again where a fit continues."""
    model, finder = regressor(solver=SGD(WarmUp(0.001, 5))), LearningRateFinder(apply=True)
    expected = copy_of(model, finder).fit(X, NUMBERS)
    with pytest.raises(InterruptedError):
        copy_of(model, Checkpoint(tmp_path), finder, Killed(4)).fit(X, NUMBERS)
    resumed = copy_of(model, Checkpoint(tmp_path), finder).fit(X, NUMBERS)
    assert everything(resumed) == everything(expected)


def test_a_generator_of_another_kind_continues(tmp_path):
    """Of a generator whose state has other parts than MT19937's."""
    weights = []
    for interrupted in (False, True):
        folder = tmp_path / str(interrupted)
        if interrupted:
            model = regressor(random_state=np.random.RandomState(np.random.PCG64(1)))
            with pytest.raises(InterruptedError):
                model.set_callbacks(Checkpoint(folder), Killed(3)).fit(X, NUMBERS)
        model = regressor(random_state=np.random.RandomState(np.random.PCG64(1)))
        model.set_callbacks(Checkpoint(folder)).fit(X, NUMBERS)
        weights.append([array.tobytes() for array in (*model.coefs_, *model.intercepts_)])
    assert weights[0] == weights[1]


def test_more_epochs_continue_from_the_end(tmp_path):
    model, rows, y, _ = CASES["adam"]
    copy_of(model, Checkpoint(tmp_path, every=4)).fit(rows, y)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "epoch-00000008.safetensors", "epoch-00000009.safetensors"
    ]  # fmt: skip
    longer = copy_of(model, Checkpoint(tmp_path)).set_params(max_iter=15).fit(rows, y)
    assert everything(longer) == everything(copy_of(model).set_params(max_iter=15).fit(rows, y))


@pytest.mark.parametrize("parameters", [{"learning_rate": OneCycle(0.01)}, {"alpha": Cosine(0.1)}], ids=str)
def test_another_length_is_another_training(parameters, tmp_path):
    """If something lasts as long as the training, more epochs would have been another one from the beginning."""
    classifier(**parameters).set_callbacks(Checkpoint(tmp_path)).fit(X, CLASSES)
    longer = classifier(**parameters).set_params(max_iter=15).set_callbacks(Checkpoint(tmp_path))
    with pytest.raises(ValueError, match=r"is of another training \(steps of the training: 90, now 150\)"):
        longer.fit(X, CLASSES)
    classifier(**parameters).set_callbacks(Checkpoint(tmp_path)).fit(X, CLASSES)


def test_fewer_epochs_than_stored_train_no_more(stored):
    model, rows, y, _ = CASES["adam"]
    shorter = copy_of(model, Checkpoint(stored)).set_params(max_iter=3).fit(rows, y)
    assert everything(shorter) == everything(copy_of(model).fit(rows, y))


def fit_in_child(model, rows, y, folder, seconds):
    """Fit in a forked process that is killed after some seconds of CPU time; return whether it was."""
    child = os.fork()
    if not child:
        try:
            signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process at once, at any instruction
            signal.setitimer(signal.ITIMER_PROF, seconds)
            copy_of(model, Checkpoint(folder, keep=3)).fit(rows, y)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_a_hundred_kills_lose_nothing(tmp_path):
    """At random times, also while a file is written; each next fit continues."""
    many = {"max_iter": 5_000, "n_iter_no_change": 5_000}  # a hundred times 30 ms are some 1,400 epochs
    model = classifier(hidden_layer_sizes=(20,), batch_size=100, dropout=0.2, n_jobs=1, **many)
    generator, expected = np.random.RandomState(0), copy_of(model).fit(X, CLASSES)
    for _ in range(100):
        assert fit_in_child(model, X, CLASSES, tmp_path, generator.uniform(0.002, 0.03)), "the fit was not killed"
    stored = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert 3 <= len(stored) <= 4  # one more after a kill between writing and deleting
    assert stored[0] > "epoch-00000100", "the fits did not continue"
    resumed = copy_of(model, Checkpoint(tmp_path, every=1000)).fit(X, CLASSES)
    assert everything(resumed) == everything(expected)


# Files that cannot be used


@pytest.fixture
def stored(tmp_path):
    """A folder with the files of epochs 8 and 9."""
    model, rows, y, _ = CASES["adam"]
    copy_of(model, Checkpoint(tmp_path)).fit(rows, y)
    return tmp_path


def rewrite(path, **changes):
    with safetensors.safe_open(path, framework="np") as file:
        header, arrays = dict(file.metadata()), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header = {name: value for name, value in {**header, **changes}.items() if value is not None}
    path.write_bytes(safetensors.numpy.save(arrays, header))


DAMAGES = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"nothing " * 100),
    "pickle": lambda path: path.write_bytes(pickle.dumps([1, 2, 3])),
    "another format": lambda path: rewrite(path, format="fastmlp training 999"),
    "no JSON": lambda path: rewrite(path, numbers="{"),
    "no numbers": lambda path: rewrite(path, numbers=None),
    "another model": lambda path: rewrite(path, identity=json.dumps({"layer sizes": "[1, 2, 3]"})),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_and_the_one_before_used(damage, stored):
    DAMAGES[damage](stored / "epoch-00000009.safetensors")
    model, rows, y, _ = CASES["adam"]
    with pytest.warns(UserWarning, match=r"Continuing from .*epoch-00000008.safetensors, because .*epoch-00000009"):
        resumed = copy_of(model, Checkpoint(stored)).fit(rows, y)
    assert everything(resumed) == everything(copy_of(model).fit(rows, y))


@pytest.mark.parametrize("damage", DAMAGES)
def test_without_a_good_file_the_fit_is_refused(damage, stored):
    for path in stored.iterdir():
        DAMAGES[damage](path)
    model, rows, y, _ = CASES["adam"]
    with pytest.raises(ValueError, match=r"No checkpoint can be used: .*Use another folder, or delete the files"):
        copy_of(model, Checkpoint(stored)).fit(rows, y)


OTHERS = {
    "other rows": ({}, {"rows": X + 1}, "training rows"),
    "other targets": ({}, {"y": CLASSES[::-1]}, "training rows"),
    "weights": ({}, {"sample_weight": WEIGHTS}, "training rows"),
    "fewer rows": ({}, {"rows": X[:90], "y": CLASSES[:90]}, "training rows"),
    "another layer": ({"hidden_layer_sizes": (8, 5)}, {}, "layer sizes"),
    "another activation": ({"activation": "tanh"}, {}, "activations"),
    "another loss": ({"loss": "focal"}, {}, "loss"),
    "another rate": ({"learning_rate_init": 0.1}, {}, "optimizer"),
    "another solver": ({"solver": "adamw"}, {}, "optimizer"),
    "another alpha": ({"alpha": 0.1}, {}, "l2"),
    "another batch": ({"batch_size": 31}, {}, "batch_size"),
    "dropout": ({"dropout": 0.1}, {}, "regularization"),
    "early stopping": ({"early_stopping": True}, {}, "early stopping|validation"),
    "another type": ({}, {"rows": X.astype(np.float32)}, "type"),
    "a schedule of alpha": ({"alpha": Cosine(1e-4)}, {}, "l2"),
    "factors": ({"solver": LayerWise(Adam())}, {}, "optimizer"),
    "drop last": ({"drop_last": True}, {}, "drop_last"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_files_of_another_training_are_refused(other, stored):
    parameters, data, what = OTHERS[other]
    model, rows, y, _ = CASES["adam"]
    data = {"rows": rows, "y": y, **data}
    with pytest.raises(ValueError, match=f"is of another training \\(({what})"):
        clone(model).set_params(**parameters).set_callbacks(Checkpoint(stored)).fit(
            data.pop("rows"), data.pop("y"), **data
        )
    assert len(list(stored.iterdir())) == 2


def test_a_refused_checkpoint_leaves_the_model_unchanged(stored):
    generator = np.random.RandomState(7)
    model = classifier(random_state=generator, early_stopping=True).fit(X, CLASSES + 3)
    before, attributes, drawn = everything(model), set(vars(model)), generator.get_state()[1].copy()
    model.set_callbacks(Checkpoint(stored))
    with pytest.raises(ValueError, match="No checkpoint can be used"):
        model.fit(X, CLASSES)
    model.set_callbacks()
    assert everything(model) == before
    assert set(vars(model)) == attributes
    assert model.classes_.tolist() == [3, 4, 5]
    assert np.array_equal(generator.get_state()[1], drawn)


def test_drafts_are_removed_and_ignored(stored):
    (stored / "epoch-00000010.7.draft").write_bytes(b"half a file")
    model, rows, y, _ = CASES["adam"]
    copy_of(model, Checkpoint(stored)).fit(rows, y)
    assert len(list(stored.iterdir())) == 2

    class Full(Checkpoint):
        def _write(self, path, arrays, numbers):
            super()._write(path.parent / "no such folder" / path.name, arrays, numbers)

    with pytest.raises(FileNotFoundError):
        copy_of(model, Full(stored)).set_params(max_iter=10).fit(rows, y)


@pytest.mark.parametrize(
    ("arguments", "error"), [({"every": 0}, ValueError), ({"keep": 0}, ValueError), ({"every": 1.5}, TypeError)]
)
def test_checkpoint_refuses(arguments, error, tmp_path):
    with pytest.raises(error):
        Checkpoint(tmp_path, **arguments)


def test_without_safetensors(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    with pytest.raises(ImportError, match=r"pip install .fastmlp\[checkpoint\]"):
        Checkpoint(tmp_path)
