"""Arrays of all kinds in all methods of `Network`: the same results for any memory layout, or an error."""

import numpy as np
import pytest
from helpers.merged import in_one_test

from fastmlp import MLPClassifier, MLPRegressor, Network
from fastmlp.optimizers import SGD

X = np.random.RandomState(0).randint(-9, 9, (40, 3)) / 8
Y = np.random.RandomState(1).randint(-9, 9, (40, 1)) / 8


def misaligned(array):
    copy = np.ndarray(array.shape, array.dtype, np.zeros(array.nbytes + 1, np.uint8), 1)
    copy[...] = array
    return copy


def field_of_records(array):
    records = np.zeros(len(array), [("before", "i1"), ("x", array.dtype, array.shape[1:]), ("after", "i1")])
    records["x"] = array
    return records["x"]


def in_a_file(array, folder):
    mapped = np.memmap(folder / "x", array.dtype, "w+", shape=array.shape)
    mapped[...] = array
    return mapped


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


#: Arrays of any kind with the same numbers, which are exact in float16 and float32.
LAYOUTS = {
    "fortran": np.asfortranarray,
    "rows backwards": lambda a: a[::-1].copy()[::-1],
    "columns backwards": lambda a: a[:, ::-1].copy()[:, ::-1],
    "every third row": lambda a: np.repeat(a, 3, axis=0)[::3],
    "columns apart": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "misaligned": misaligned,
    "field of records": field_of_records,
    "big-endian": lambda a: a.astype(">f8"),
    "big-endian float32": lambda a: a.astype(">f4"),
    "float16": lambda a: a.astype(np.float16),
    "longdouble": lambda a: a.astype(np.longdouble),
    "objects": lambda a: a.astype(object),
    "read-only": read_only,
    "matrix": np.asmatrix,
    "masked, but for no entry": np.ma.array,
    "lists": np.ndarray.tolist,
}


def answers(net, inputs, y=Y):
    """Return the results of all methods."""
    net.initialize(random_state=0)
    loss, coef_grads, _ = net.loss_and_gradients(inputs, y)
    return [
        net.forward(inputs), *net.activations_of(inputs)[1], loss, net.loss(inputs, y), *coef_grads,
        net.input_gradients(inputs, y), net.backward(inputs, Y)[2], net.jacobian(inputs),
        net.hessian_vector_product(inputs, y, np.ones(21)), net.train(inputs, y, SGD(0.1), batch_size=7), net.params,
    ]  # fmt: skip


def network(dtype="float64"):
    return Network([3, 4, 1], ["tanh", "identity"], "half_squared_error", dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", [*LAYOUTS, "file"])
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_network_reads_any_layout(layout, dtype, tmp_path):
    arrange = LAYOUTS.get(layout) or (lambda array: in_a_file(array, tmp_path))
    plain = answers(network(dtype), X.copy())
    for given in (answers(network(dtype), arrange(X)), answers(network(dtype), X, arrange(Y))):
        for expected, found in zip(plain, given, strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("axis", [0, 1])
def test_strides_of_zero(axis):
    spread = np.broadcast_to(X[:1] if axis == 0 else X[:, :1], X.shape)
    for expected, found in zip(answers(network(), spread.copy()), answers(network(), spread), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("layout", [*LAYOUTS, "file"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_read_any_layout(layout, tmp_path):
    if layout == "matrix":
        pytest.skip("scikit-learn refuses np.matrix")
    arrange = LAYOUTS.get(layout) or (lambda array: in_a_file(array, tmp_path))
    given = arrange(X)
    dtype = np.asarray(given).dtype
    plain = X.astype(np.float32 if dtype == np.float32 else np.float64)  # as scikit-learn's dtype=(float64, float32)
    for kind, y in ((MLPRegressor, Y[:, 0]), (MLPClassifier, Y[:, 0] > 0)):
        models = [kind(hidden_layer_sizes=(4,), max_iter=2, random_state=0).fit(inputs, y) for inputs in (given, plain)]
        np.testing.assert_array_equal(models[0].coefs_[0], models[1].coefs_[0])
        np.testing.assert_array_equal(models[0].predict(given), models[1].predict(plain))


TIMES = np.array([[np.timedelta64(1, "s")] * 3] * 40, object)
MASKED = np.ma.array(X, mask=X > 0)
NO_NUMBERS = {
    "masked": (MASKED, ValueError, "masked entries, which have no value"),
    "structured": (np.zeros((40, 3), [("a", "f8")]), TypeError, "must hold real numbers"),
    "complex": (X + 1j, TypeError, "must hold real numbers, got an array of complex128"),
    "complex objects": ((X + 1j).astype(object), TypeError, "must hold real numbers, got objects"),
    "words": (X.astype(str), TypeError, "must hold real numbers"),
    "word objects": (X.astype(str).astype(object), TypeError, "got objects, such as '"),
    "bytes": (X.astype("S"), TypeError, "must hold real numbers"),
    "dates": (np.zeros((40, 3), "M8[s]"), TypeError, "must hold real numbers"),
    "times": (np.zeros((40, 3), "m8[s]"), TypeError, "must hold real numbers"),
    "time objects": (TIMES, TypeError, "got objects, such as np.timedelta64"),
    "none": (None, TypeError, "must hold real numbers, got None"),
    "none in an array": (np.full((40, 3), None), ValueError, "must be finite"),
    "NaN": (np.where(X > 0, np.nan, X), ValueError, "must be finite"),
    "beyond float64": (np.full((40, 3), 10**400, object), ValueError, "must be finite in float64"),
    "no features": (np.zeros((40, 0)), ValueError, "must have shape"),
}


@in_one_test()
@pytest.mark.parametrize("name", NO_NUMBERS)
def test_arrays_without_numbers_are_refused(name):
    given, error, message = NO_NUMBERS[name]
    net = network()
    methods = [
        net.forward, net.activations_of, net.jacobian, lambda a: net.loss(a, Y), lambda a: net.train(a, Y, SGD(0.1)),
        lambda a: net.input_gradients(a, Y), lambda a: net.backward(a, Y), lambda a: net.loss_and_gradients(a, Y),
        lambda a: net.hessian_vector_product(a, Y, np.ones(21)),
    ]  # fmt: skip
    for method in methods:
        with pytest.raises(error, match=message):
            method(given)
    if name != "no features":
        column = given if given is None else given[:, :1]
        with pytest.raises(error, match=message):
            net.loss(X, column)
    if name not in ("no features", "none"):  # None is no weights
        with pytest.raises(error, match=message):
            net.loss(X, Y, given[:, 0])


def test_no_rows():
    net, none = network(), np.zeros((0, 3))
    assert net.forward(none).shape == (0, 1) and net.jacobian(none).shape == (0, 1, 3)
    assert [array.shape for array in net.activations_of(none)[0]] == [(0, 4), (0, 1)]
    assert net.backward(none, np.zeros((0, 1)))[2].shape == (0, 3)


def shorten_memory(net):
    net.params.base.resize(64, refcheck=False)


def move_memory(net):
    net.params.base.resize(10**7, refcheck=False)


def bend(name, attribute, value):
    def change(net):
        array = net.params if name == "params" else getattr(net, name)[0]
        setattr(array, attribute, value)

    return change


CHANGES = {
    "shorter": shorten_memory,
    "weights of another shape": bend("coefs", "shape", (4, 3)),
    "weights in a row": bend("coefs", "shape", (12, 1)),
    "biases of another shape": bend("intercepts", "shape", (2, 2)),
    "parameters of another shape": bend("params", "shape", (3, 7)),
    "parameters of another type": bend("params", "dtype", np.int64),
    "weights of another type": bend("coefs", "dtype", np.int64),
}


@in_one_test()
@pytest.mark.parametrize("change", [*CHANGES, "longer"])
@pytest.mark.filterwarnings("ignore:Setting the (shape|dtype):DeprecationWarning")
def test_memory_changed_in_place_is_noticed(change):
    net = network()
    (CHANGES.get(change) or move_memory)(net)
    weights = [np.ones((3, 4)), np.ones((4, 1))], [np.zeros(4), np.zeros(1)]
    methods = [
        net.forward, net.activations_of, net.jacobian, lambda a: net.loss(a, Y), lambda a: net.train(a, Y, SGD(0.1)),
        lambda _: net.initialize(random_state=0), lambda _: net.set_weights(*weights),
    ]  # fmt: skip
    for method in methods:
        with pytest.raises(ValueError, match="memory, shape or type was changed in place"):
            method(X)


def test_views_of_parameters_do_not_resize():
    net = network()
    for array in (net.params, *net.coefs, *net.intercepts):
        with pytest.raises(ValueError, match="does not own its data"):
            array.resize((50, 50), refcheck=False)
    net.coefs[0][...] = 1  # entries may be changed at any time
    net.params *= 2
    assert np.array_equal(net.forward(np.zeros((1, 3))), [[0]])


def test_read_only_parameters_are_not_trained():
    net = network()
    net.params.flags.writeable = False
    net.forward(X)
    with pytest.raises(ValueError, match="parameters are read-only"):
        net.train(X, Y, SGD(0.1))
    assert not net.params.any()
