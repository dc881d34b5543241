"""What must hold, whatever the data and the parameters.

A check gets `make(**changes)`, which returns an unfitted estimator, and `data`, with X, y and the other arguments of
`fit`. It raises `Refused` if the fit is refused as documented, and anything else if something is wrong. It uses only
the modules and names that are imported here: scripts contain its source.
"""

import contextlib
import copy
import pickle
import tempfile
import threading
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn.neural_network
from helpers import knobs
from helpers.damaged_files import damage
from sklearn.base import clone
from sklearn.utils import _safe_indexing

import fastmlp
from fastmlp.callbacks import Callback, Checkpoint, History, TimeLimit
from fuzz.exports import compare_c, compare_onnx, compare_sklearn
from fuzz.support import (
    OfTheUser,
    Refused,
    arrays_of,
    attempt,
    fitted,
    goes_on,
    is_same,
    learnt,
    outputs,
    outputs_quietly,
    row_numbers,
)


def check_outputs(make, data):
    """Shapes, labels and probabilities; finite numbers, if the fit warned of nothing."""
    model, said = fitted(make(), data)
    found, n = outputs(model, data.X), len(row_numbers(data)[3])
    assert all(len(each) == n for each in found), "one prediction for each row"
    assert not hasattr(model, "classes_") or found[0].ndim > 1 or np.isin(found[0], model.classes_).all(), "labels"
    if not all("hasn't converged yet" in each or "batch_size" in each for each in said):
        return
    learnt = arrays_of(model)
    assert all(np.isfinite(each).all() for each in learnt), "weights are not finite, without a warning"
    if any(np.max(np.abs(each)) > np.sqrt(np.finfo(each.dtype).max) for each in learnt):
        return  # weights so large that outputs may overflow, by a learning rate of 1e30 for instance
    numbers = [each for each in found if each.dtype.kind == "f"]
    assert all(np.isfinite(each).all() for each in numbers), "predictions are not finite, without a warning"
    if hasattr(model, "predict_proba"):
        assert ((found[1] >= 0) & (found[1] <= 1)).all(), "probabilities outside [0, 1]"
        couples = getattr(model, "out_activation_", "softmax") == "softmax" and found[0].ndim == 1
        assert not couples or np.allclose(found[1].sum(axis=1), 1, atol=1e-3), "the sum of probabilities"


def check_threads(make, data):
    """The same bits for any number of threads, for fits and predictions."""
    with pytest.MonkeyPatch.context() as patch:
        knobs.let_threads_pay(patch)
        one, _ = fitted(make(n_jobs=1), data)
        for n_jobs in (2, 3):
            many, _ = fitted(make(n_jobs=n_jobs), data)
            assert is_same(arrays_of(one), arrays_of(many)), f"weights differ with {n_jobs} threads"
            assert is_same(outputs(one, data.X), outputs(many, data.X)), f"predictions differ with {n_jobs} threads"
            for name in ("loss_curve_", "validation_loss_curve_", "validation_scores_", "n_iter_"):
                assert str(getattr(one, name, None)) == str(getattr(many, name, None)), f"{name} differs with threads"


def check_copies(make, data):
    """Pickles, deep copies, clones that are fitted, and saved files: the same predictions, and trainings that go on."""
    model, _ = fitted(make(), data)
    expected, copies = outputs(model, data.X), {"pickle": pickle.loads(pickle.dumps(model))}
    copies["deepcopy"], copies["clone"] = copy.deepcopy(model), fitted(clone(model), data)[0]
    with tempfile.TemporaryDirectory() as folder:
        try:
            fastmlp.save(model, Path(folder, "model"))
        except ValueError as error:
            assert any(
                each in str(error) for each in ("use strings or numbers", "cannot be s", "too large to be stored")
            ), f"not saved: {error}"
        else:
            with contextlib.suppress(Refused):  # where it needs the user's functions
                copies["file"], _ = attempt(fastmlp.load, Path(folder, "model"))
    for name, each in copies.items():
        assert is_same(outputs(each, data.X), expected), f"{name}: other predictions"
    if not goes_on(model):
        return
    for each in copies.values():
        attempt(each.partial_fit, data.X, data.y)
    attempt(model.partial_fit, data.X, data.y)
    for name, each in copies.items():
        assert is_same(arrays_of(each), arrays_of(model)), f"{name}: partial_fit goes on otherwise"


def check_company(make, data):
    """The prediction of a row does not depend on the rows beside it."""
    model, _ = fitted(make(), data)
    expected = outputs(model, data.X)
    for rows in row_numbers(data):
        try:
            some = _safe_indexing(data.X, rows) if isinstance(data.X, list | pd.DataFrame) else data.X[rows]
        except ValueError as error:  # pandas takes no rows from columns of the other byte order
            raise Refused(f"pandas: {error}") from error
        for one, other in zip(outputs(model, some), expected, strict=True):
            assert is_same(one, other[rows]), f"{len(rows)} rows alone are predicted otherwise"


def check_refused_changes_nothing(make, data):
    """A second fit that is refused leaves model and generator as they were."""
    generator = np.random.RandomState(3)
    model, _ = fitted(make(random_state=generator), data)
    expected, parameters = outputs(model, data.X), model.get_params()
    change = {
        name: value for name, value in data.second.items() if name in ("X", "y", "X_val", "y_val", "sample_weight")
    }
    try:
        model.set_params(**{name: value for name, value in data.second.items() if name not in change})
    except ValueError:
        return  # no such parameter
    changed, before = model.get_params(), (learnt(model), str(generator.get_state()))
    try:
        fitted(model, data, **change)
    except (Refused, OfTheUser) as refused:
        if "non-finite parameter weights" in str(refused) and not hasattr(model, "members_"):
            return  # trained, and diverged
        assert (learnt(model), str(generator.get_state())) == before, "a refused fit changed the model"
        assert all(model.get_params()[name] is changed[name] for name in changed), "a refused fit changed parameters"
        model.set_params(**parameters)
        assert is_same(outputs(model, data.X), expected), "a refused fit changed predictions"


#: What fastmlp refuses and scikit-learn accepts: see docs/differences.md.
ON_PURPOSE = ("diverged", "the weights are so small")


def check_agrees_with_sklearn(make, data):
    """The same weights up to rounding as scikit-learn, where both accept data and parameters."""
    ours = make(n_jobs=None)
    theirs = getattr(sklearn.neural_network, type(ours).__name__)()
    theirs.set_params(**{name: value for name, value in ours.get_params().items() if name in theirs.get_params()})
    options = {} if data.sample_weight is None else {"sample_weight": data.sample_weight}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs.fit(copy.deepcopy(data.X), copy.deepcopy(data.y), **options)
    except Exception as error:
        raise Refused(f"scikit-learn: {type(error).__name__}: {error}") from error
    if not all(np.isfinite(each).all() for each in (*theirs.coefs_, theirs.loss_)):
        return  # weights of 1e-300 give scikit-learn's L-BFGS no loss
    data.X_val = data.y_val = None
    try:
        ours, _ = fitted(ours, data)
    except Refused as refused:
        assert any(each in str(refused) for each in ON_PURPOSE), f"scikit-learn accepts it: {refused}"
        return
    assert [each.shape for each in ours.coefs_] == [each.shape for each in theirs.coefs_], "shapes of weights"
    double = all(each.dtype == np.float64 for each in ours.coefs_)
    limit = 5e-2 if not double else 1e-3 if ours.solver == "lbfgs" else 1e-6
    if not double and getattr(ours, "beta_2", 1.0) == 0:
        return  # a step g / |g| makes signs of rounding errors
    if not double and np.max(theirs.loss_) > 1e36:
        return  # squares of gradients are infinite; scikit-learn computes partly in float64
    if not double and ours.n_iter_ != theirs.n_iter_:
        return  # scikit-learn computes partly in float64, and may stop at another epoch
    assert ours.n_iter_ == theirs.n_iter_, "another number of epochs than scikit-learn's"
    for one, other in zip(ours.coefs_, theirs.coefs_, strict=True):
        difference = np.max(np.abs(one - other), initial=0) / np.max(np.abs(other), initial=1e-300)
        assert difference <= limit, f"weights differ from scikit-learn's by {difference:.1e}"
    if hasattr(ours, "classes_"):
        assert is_same(list(map(str, ours.classes_)), list(map(str, theirs.classes_))), "classes"
    with np.errstate(all="ignore"):  # scikit-learn warns of products that overflow
        one, other = outputs(ours, data.X)[-1], outputs(theirs, data.X)[-1]
    assert one.shape == other.shape and one.dtype.kind == other.dtype.kind, "predictions of another shape or kind"


def check_callbacks(make, data):
    """Callbacks that only look on change no bits; a fit that was killed goes on from its checkpoint with the same."""
    alone, _ = fitted(make(), data)
    together, history = make(), History()
    together.set_callbacks(history, TimeLimit(1e6))
    fitted(together, data)
    assert is_same(arrays_of(alone), arrays_of(together)), "callbacks that look on change the weights"
    assert is_same(outputs(alone, data.X), outputs(together, data.X)), "callbacks that look on change predictions"
    stopped, _ = fitted(make().set_callbacks(Stopped()), data)
    assert stopped.n_iter_ <= 1, "a fit that was ended goes on"
    outputs(stopped, data.X)
    if hasattr(alone, "members_"):
        return  # of tables there are no checkpoints
    with tempfile.TemporaryDirectory() as folder:
        killed = make().set_callbacks(Checkpoint(folder), Killed())
        try:
            fitted(killed, data)
        except OfTheUser:
            again, _ = fitted(make().set_callbacks(Checkpoint(folder)), data)
            assert is_same(arrays_of(again), arrays_of(alone)), "a fit that goes on ends otherwise"


class Stopped(Callback):
    """End the fit after its first epoch, with a model."""

    def on_epoch_end(self, estimator):
        return True


class Killed(Callback):
    """End the fit after its first epoch."""

    def on_epoch_end(self, estimator):
        raise OfTheUser("killed")


def check_exports(make, data):
    """C, ONNX and, of networks, scikit-learn predict the same, up to rounding."""
    model, said = fitted(make(), data)
    if not all("hasn't converged yet" in each or "batch_size" in each for each in said):
        return
    if not hasattr(model, "members_"):
        compare_sklearn(model, data.X)
    compare_c(model, data.X)
    compare_onnx(model, data.X)


def check_damaged_files(make, data):
    """A damaged file is refused by a ValueError that names it, or holds another model, which predicts or refuses to."""
    model, _ = fitted(make(), data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model")
        try:
            attempt(fastmlp.save, model, path)
        except Refused:
            return
        content = path.read_bytes()
        for seed in data.damages:
            damaged, what = damage(content, np.random.RandomState(seed))
            path.write_bytes(damaged)
            try:
                loaded = fastmlp.load(path)
            except ValueError as error:
                assert str(error).startswith(f"{path} cannot be loaded: "), f"{what}: {error}"
                continue
            with contextlib.suppress(Refused):
                outputs(loaded, data.X)


def check_eight_threads(make, data):
    """Eight threads predict with one model what one thread does; eight that also train it break nothing."""
    model, _ = fitted(make(), data)
    expected, wrong = outputs(model, data.X), []

    def work(call):
        try:
            for _ in range(5):
                call()
        except BaseException as error:
            wrong.append(repr(error))

    def predict():
        assert is_same(outputs_quietly(model, data.X), expected), "other predictions in a thread"

    def train():
        model.partial_fit(data.X, data.y)
        outputs_quietly(model, data.X)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for call in (predict, train) if goes_on(model) else (predict,):
            many = [threading.Thread(target=work, args=[call]) for _ in range(8)]
            for each in many:
                each.start()
            for each in many:
                each.join()
    assert all("ValueError" in each for each in wrong), f"in a thread: {wrong[0]}"
    outputs(model, data.X)


def check_layouts(make, data):
    """The same numbers in another memory order, or sparse format, give the same bits."""
    fitted(make(), data)
    if sp.issparse(data.X):
        rows = sp.csr_array(data.X)
        rows.sum_duplicates()  # which also sorts: sums are in the order of the entries
        same = [rows, sp.csc_array(rows)]
    elif isinstance(data.X, pd.DataFrame):
        same = [data.X.copy(), data.X.set_index(np.arange(len(data.X)) + 5)]
    else:
        X = np.asarray(data.X)
        same = [X, np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2], X.tolist()]
        same = same[: 4 if X.dtype == np.float64 else 3]
    models = [fitted(make(), data, X=each)[0] for each in same]
    for each, X in zip(models[1:], same[1:], strict=True):
        assert is_same(arrays_of(each), arrays_of(models[0])), "another layout of X gives other weights"
        assert is_same(outputs(each, X), outputs(models[0], same[0])), "another layout of X gives other predictions"


def check_continuing(make, data):
    """`partial_fit` after `partial_fit`, and `fit` with `warm_start`: repeated, they give the same bits."""
    results = []
    for _ in range(2):
        model, _ = fitted(make(), data)
        for _ in range(2):
            if goes_on(model):
                attempt(model.partial_fit, data.X, data.y)
        model.set_params(warm_start=True, **({"n_members": 3} if hasattr(model, "members_") else {}))
        fitted(model, data)
        results.append([*arrays_of(model), *outputs(model, data.X)])
    assert is_same(*results), "a repeated training ends otherwise"


def check_new_rows(make, data):
    """Other categories and missing values are predicted; other columns are refused."""
    model, _ = fitted(make(), data)
    if not hasattr(model, "members_"):
        raise Refused("only for tables")
    X = data.X.copy() if isinstance(data.X, pd.DataFrame) else pd.DataFrame(data.X)
    for number in range(X.shape[1]):
        other = X.astype(object)
        other.isetitem(number, [None] * len(X))
        found = outputs(model, other if isinstance(data.X, pd.DataFrame) else other.to_numpy())
        assert all(len(each) == len(X) for each in found), "missing values"
        if model.encoder_.kinds_[number] == "category":
            other.isetitem(number, ["never seen"] * len(X))
            again = outputs(model, other if isinstance(data.X, pd.DataFrame) else other.to_numpy())
            assert is_same(again, found), "a new category is not predicted as a missing one"
