"""`Network`, method by method: against the scalar differentiator, central differences and plain NumPy."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse

import fastmlp
from fastmlp import Network
from fastmlp.activations import as_activation
from fastmlp.derivatives.hessian import _Output
from fastmlp.derivatives.recorded_forward import RecordedForward, through_softmax
from fastmlp.initializers import Uniform
from fastmlp.losses import as_loss
from fastmlp.optimizers import SGD, Adam
from fastmlp.scalar import Value
from fastmlp.training.epoch import EpochRunner

SCALAR = {
    "identity": lambda z: z,
    "logistic": lambda z: z.logistic(),
    "tanh": lambda z: z.tanh(),
    "relu": lambda z: z.relu(),
    "exp": lambda z: z.exp(),
}

#: Loss → output activation, number of outputs; every other loss of values goes behind anything.
CASES = {
    "half squared error behind logistic": ("half_squared_error", "logistic", 2),
    "half squared error behind identity": ("half_squared_error", "identity", 1),
    "squares behind relu": ("sum_squared_error", "relu", 2),
    "squares behind tanh": ("sum_squared_error", "tanh", 1),
    "squares behind exp": ("sum_squared_error", "exp", 2),
    "log loss of a label": ("log_loss", "logistic", 1),
    "log loss of labels": ("log_loss", "logistic", 3),
    "log loss of classes": ("log_loss", "softmax", 3),
    "poisson": ("poisson", "exp", 2),
}


class Problem:
    """A network with a different activation in each layer, seven rows, weights; X half zeros."""

    def __init__(self, case, hidden=("tanh", "logistic", "relu"), dtype="float64", seed=0):
        loss, output, n_outputs = CASES[case]
        rng = np.random.RandomState(seed)
        widths = [4, 5, 3][: len(hidden)]
        self.net = Network([3, *widths, n_outputs], [*hidden, output], loss, dtype)
        self.net.params = rng.standard_normal(self.net.params.size) * 0.6
        self.X = rng.standard_normal((7, 3)) * rng.randint(2, size=(7, 3))
        if output == "softmax":
            self.y = rng.randint(n_outputs, size=7)
        elif loss == "log_loss":
            self.y = rng.randint(2, size=(7, n_outputs))
        else:
            self.y = rng.poisson(1.5, (7, n_outputs)) if loss == "poisson" else rng.standard_normal((7, n_outputs))
        self.weights = rng.uniform(0.5, 2, 7)
        self.v = rng.standard_normal(self.net.params.size)

    def loss_at(self, params, X=None):
        """The compiled loss at other parameters or inputs."""
        net = copy.copy(self.net)
        net.params = params
        return net.loss(self.X if X is None else X, self.y, self.weights)


def total(values):
    return sum(np.ravel(values), start=Value(0))


def scalar_outputs(coefs, intercepts, x, names):
    """One row through the network, number by number; the last layer's pre-activations and outputs."""
    h = x
    for coef, intercept, name in zip(coefs, intercepts, names, strict=True):
        z = h @ coef + intercept
        if name == "softmax":
            powers = [value.exp() for value in z]
            h = np.array([power / total(powers) for power in powers])
        else:
            h = np.array([SCALAR[name](value) for value in z])
    return h


def scalar_loss(name, a, t):
    if name == "log_loss" and len(a) > len(np.atleast_1d(t)):
        return -a[int(np.atleast_1d(t)[0])].log()
    if name == "log_loss":
        return -total([(p if label else 1 - p).log() for p, label in zip(a, t, strict=True)])
    if name == "poisson":
        return total([p - label - label * p.log() + (label * np.log(label) if label else 0)
                      for p, label in zip(a, t, strict=True)])  # fmt: skip
    squares = total([(p - label) ** 2 for p, label in zip(a, t, strict=True)])
    return squares / 2 if name == "half_squared_error" else squares


def differentiate(problem):
    """Loss, and the gradients for coefs, intercepts and X, of numbers that remember how they were made."""
    net = problem.net
    values = np.vectorize(Value, otypes=[object])
    coefs, intercepts = [values(c) for c in net.coefs], [values(b) for b in net.intercepts]
    X, names = values(problem.X), [activation.name for activation in net.activations]
    targets = np.asarray(problem.y).reshape(len(X), -1)
    losses = [
        weight * scalar_loss(net.loss_function.name, scalar_outputs(coefs, intercepts, x, names), t)
        for x, t, weight in zip(X, targets, problem.weights, strict=True)
    ]
    loss = total(losses) / problem.weights.sum()
    loss.backward()
    read = np.vectorize(lambda node: node.grad, otypes=[float])
    return loss.data, [read(c) for c in coefs], [read(b) for b in intercepts], read(X)


def assert_lists_close(ours, exact, rtol=1e-10):
    for a, b in zip(ours, exact, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * 1e-2)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("case", CASES)
class TestAgainstScalars:
    def test_first_derivatives(self, case, sparse):
        problem = Problem(case)
        X = scipy.sparse.csr_matrix(problem.X) if sparse else problem.X
        loss, coefs, intercepts, inputs = differentiate(problem)
        ours = problem.net.loss_and_gradients(X, problem.y, problem.weights)
        assert ours[0] == pytest.approx(loss, rel=1e-12)
        assert problem.net.loss(X, problem.y, sample_weight=problem.weights) == ours[0]
        assert_lists_close(ours[1], coefs)
        assert_lists_close(ours[2], intercepts)
        np.testing.assert_allclose(
            problem.net.input_gradients(X, problem.y, problem.weights), inputs, rtol=1e-10, atol=1e-13
        )

    def test_second_derivatives(self, case, sparse):
        """Central differences of the exact gradient along the direction."""
        problem = Problem(case, seed=1)
        X = scipy.sparse.csr_matrix(problem.X) if sparse else problem.X
        product = problem.net.hessian_vector_product(X, problem.y, problem.v, problem.weights)
        there, step, slopes = copy.copy(problem.net), 1e-5, []
        for sign in (1, -1):
            there.params = problem.net.params + sign * step * problem.v
            parts = there.loss_and_gradients(X, problem.y, problem.weights)[1:]
            slopes.append(np.concatenate([g.ravel() for pair in zip(*parts, strict=True) for g in pair]))
        np.testing.assert_allclose(product, (slopes[0] - slopes[1]) / (2 * step), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("case", CASES)
class TestSecondDerivatives:
    def matrix(self, problem):
        eye = np.eye(problem.net.params.size)
        return np.array([problem.net.hessian_vector_product(problem.X, problem.y, e, problem.weights) for e in eye])

    def test_are_symmetric(self, case):
        matrix = self.matrix(Problem(case))
        np.testing.assert_allclose(matrix, matrix.T, rtol=1e-10, atol=1e-13)

    @pytest.mark.parametrize("hidden", [(), ("relu",)], ids=["no hidden layer", "one"])
    def test_of_shallow_networks(self, case, hidden):
        """Differences of the loss itself, along a line."""
        problem = Problem(case, hidden, seed=3)
        product = problem.net.hessian_vector_product(problem.X, problem.y, problem.v, problem.weights)
        params, step = problem.net.params.copy(), 1e-4
        ahead, here, behind = (problem.loss_at(params + s * step * problem.v) for s in (1, 0, -1))
        assert problem.v @ product == pytest.approx((ahead - 2 * here + behind) / step**2, rel=1e-4)


class Squares:
    """A loss with a second derivative of its own behind softmax, as its matrix or its diagonal."""

    def __init__(self, matrix):
        self.matrix = matrix

    def is_fused(self, output):
        return False

    def output_derivatives(self, a, y):
        second = np.full_like(a, 2)
        return 2 * (a - y), np.einsum("nk,kl->nkl", second, np.eye(a.shape[1])) if self.matrix else second


@pytest.mark.parametrize("matrix", [False, True])
def test_second_derivatives_of_squares_behind_softmax(matrix):
    problem, rng = Problem("log loss of classes"), np.random.RandomState(0)
    y, weights = rng.uniform(size=(7, 3)), problem.weights[:, np.newaxis]
    trace = RecordedForward(problem.net, problem.X)
    z, change, step = trace.pre_activations[-1], rng.standard_normal((7, 3)), 1e-6
    vars(problem.net)["loss_function"] = Squares(matrix)

    def delta(z):
        a = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        return weights * through_softmax(a, 2 * (a - y))

    slope = (delta(z + step * change) - delta(z - step * change)) / (2 * step)
    np.testing.assert_allclose(_Output(trace, y, weights).change_of_delta(change), slope, rtol=1e-7, atol=1e-9)


class TestForward:
    @pytest.mark.parametrize("case", CASES)
    def test_values_of_every_unit(self, case):
        problem = Problem(case)
        net = problem.net
        names = [activation.name for activation in net.activations]
        pre_activations, activations = net.activations_of(problem.X)
        assert (
            [z.shape for z in pre_activations]
            == [a.shape for a in activations]
            == [(7, w) for w in net.layout.layer_sizes[1:]]
        )
        values = np.vectorize(Value, otypes=[object])
        for depth in range(1, len(names) + 1):
            coefs, intercepts = [values(c) for c in net.coefs[:depth]], [values(b) for b in net.intercepts[:depth]]
            expected = [
                [a.data for a in scalar_outputs(coefs, intercepts, values(x), names[:depth])] for x in problem.X
            ]
            np.testing.assert_allclose(activations[depth - 1], expected, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(net.forward(problem.X), activations[-1], rtol=1e-12)

    def test_no_rows(self):
        net = Problem("poisson").net
        assert net.forward(np.empty((0, 3))).shape == (0, 2)
        assert [a.shape for a in net.activations_of(np.empty((0, 3)))[1]] == [(0, 4), (0, 5), (0, 3), (0, 2)]
        assert net.jacobian(np.empty((0, 3))).shape == (0, 2, 3)

    def test_what_it_takes_for_an_array(self):
        net, X = Problem("poisson").net, np.arange(12).reshape(4, 3)
        expected = net.forward(X.astype(float))
        for same in (X, X.tolist(), X.astype(object), X.astype(np.float32), np.asfortranarray(X), X.astype(np.int8)):
            assert np.array_equal(net.forward(same), expected)
        for same in (scipy.sparse.csc_matrix(X), scipy.sparse.csr_array(X), scipy.sparse.coo_matrix(X)):
            np.testing.assert_allclose(net.forward(same), expected, rtol=1e-12)
        assert np.array_equal(net.forward(np.repeat(X, 2, axis=0)[::2]), expected)


@pytest.mark.parametrize("case", CASES)
class TestOutputDerivatives:
    def test_backward_pulls_any_derivative_back(self, case):
        """Of s = Σ c a for some numbers c: central differences of the forward pass."""
        problem = Problem(case, seed=2)
        net = problem.net
        c = np.random.RandomState(0).standard_normal((7, net.layout.layer_sizes[-1]))
        coef_grads, intercept_grads, input_gradients = net.backward(problem.X, c)
        gradient = np.concatenate([g.ravel() for pair in zip(coef_grads, intercept_grads, strict=True) for g in pair])
        params, step = net.params.copy(), 1e-6
        for number in range(0, params.size, 3):
            sums = []
            for sign in (1, -1):
                net.params[number] = params[number] + sign * step
                sums.append((c * net.forward(problem.X)).sum())
            net.params[number] = params[number]
            assert gradient[number] == pytest.approx((sums[0] - sums[1]) / (2 * step), rel=1e-6, abs=1e-8)
        np.testing.assert_allclose(
            input_gradients, np.einsum("nk,nki->ni", c, net.jacobian(problem.X)), rtol=1e-10, atol=1e-14
        )

    def test_jacobian(self, case):
        problem = Problem(case)
        jacobian = problem.net.jacobian(problem.X)
        assert jacobian.shape == (7, problem.net.layout.layer_sizes[-1], 3)
        for feature in range(3):
            shift = 1e-6 * np.eye(3)[feature]
            slope = (problem.net.forward(problem.X + shift) - problem.net.forward(problem.X - shift)) / 2e-6
            np.testing.assert_allclose(jacobian[:, :, feature], slope, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(problem.net.jacobian(scipy.sparse.csr_matrix(problem.X)), jacobian, rtol=1e-12)


class TestFloat32:
    @pytest.mark.parametrize("case", CASES)
    def test_everything_in_float32(self, case):
        exact, problem = Problem(case), Problem(case, dtype="float32")
        exact.net.params = problem.net.params
        X, y, weights, v = (np.asarray(a, np.float32) for a in (exact.X, exact.y, exact.weights, exact.v))
        both = [
            [net.forward(X), *net.activations_of(X)[0], *net.loss_and_gradients(X, y, weights)[1],
             net.input_gradients(X, y, weights), *net.backward(X, net.forward(X))[1], net.jacobian(X),
             net.hessian_vector_product(X, y, v, weights)]
            for net in (problem.net, exact.net)
        ]  # fmt: skip
        for ours, precise in zip(*both, strict=True):
            assert ours.dtype == np.float32
            np.testing.assert_allclose(ours, precise, rtol=2e-4, atol=2e-5)

    def test_an_overflow_is_named(self):
        net = Problem("poisson", dtype="float32").net
        with pytest.raises(ValueError, match=r"X must be finite, but holds inf at \(0, 1\) \(as float32\)"):
            net.forward([[0, 1e39, 0]])


class TestWeights:
    def test_a_weight_counts_as_so_many_rows(self):
        problem = Problem("log loss of classes")
        weights = np.array([1, 0, 2, 1, 3, 0, 1])
        X, y = np.repeat(problem.X, weights, axis=0), np.repeat(problem.y, weights)
        ours, repeated = (
            problem.net.loss_and_gradients(problem.X, problem.y, weights),
            problem.net.loss_and_gradients(X, y),
        )
        assert ours[0] == pytest.approx(repeated[0], rel=1e-13)
        assert_lists_close([*ours[1], *ours[2]], [*repeated[1], *repeated[2]])
        assert not problem.net.input_gradients(problem.X, problem.y, weights)[[1, 5]].any()
        np.testing.assert_allclose(
            problem.net.hessian_vector_product(problem.X, problem.y, problem.v, weights),
            problem.net.hessian_vector_product(X, y, problem.v), rtol=1e-10,
        )  # fmt: skip

    def test_one_output_takes_targets_in_either_shape(self):
        problem = Problem("squares behind tanh")
        assert problem.net.loss(problem.X, problem.y) == problem.net.loss(problem.X, problem.y.ravel())
        problem = Problem("log loss of classes")
        assert problem.net.loss(problem.X, problem.y) == problem.net.loss(problem.X, problem.y[:, np.newaxis])


class TestParameters:
    def net(self):
        return Network([2, 3, 1], ["tanh", "identity"], "half_squared_error")

    def test_views(self):
        net = self.net()
        net.set_weights([np.arange(6).reshape(2, 3), [[7], [8], [9]]], [[10, 11, 12], [13]])
        assert net.params.tolist() == [0, 1, 2, 3, 4, 5, 10, 11, 12, 7, 8, 9, 13]
        assert [coef.shape for coef in net.coefs] == [(2, 3), (3, 1)]
        assert all(np.shares_memory(array, net.params) for array in (*net.coefs, *net.intercepts))
        net.coefs[1][2, 0] = -1
        assert net.params[11] == -1
        net.params[12] = -2
        assert net.intercepts[1][0] == -2

    def test_assignments_copy_into_them(self):
        net = self.net()
        params, coef = net.params, net.coefs[0]
        net.params = np.arange(13)
        net.params -= 1
        net.coefs[0] = [[1, 2, 3], [4, 5, 6]]
        net.coefs[0] *= 2
        net.intercepts = [[1, 1, 1], [2]]
        assert net.params is params
        assert net.coefs[0] is coef
        assert params.tolist() == [2, 4, 6, 8, 10, 12, 1, 1, 1, 8, 9, 10, 2]
        with pytest.raises(ValueError, match=r"Layer 0 has an array of shape \(2, 3\) here, got \(3, 2\)"):
            net.coefs[0] = np.ones((3, 2))
        with pytest.raises(ValueError, match="coefs holds 1 arrays; this network needs 2"):
            net.coefs = [np.ones((2, 3))]
        with pytest.raises(ValueError, match="params has shape"):
            net.params = np.ones(12)

    def test_forward_follows_an_edit(self):
        net = self.net()
        net.initialize(random_state=0)
        before = net.forward([[1, 2]])
        net.intercepts[1] += 1
        np.testing.assert_allclose(net.forward([[1, 2]]), before + 1, rtol=1e-14)

    def test_initialize_draws_scikit_learn_s_numbers(self):
        net = self.net()
        net.initialize("sklearn", random_state=5)
        rng, bounds = np.random.RandomState(5), [np.sqrt(6 / 5), np.sqrt(6 / 4)]
        for coef, intercept, bound in zip(net.coefs, net.intercepts, bounds, strict=True):
            assert np.array_equal(coef, rng.uniform(-bound, bound, coef.shape))
            assert np.array_equal(intercept, rng.uniform(-bound, bound, intercept.shape))
        first = net.params.copy()
        net.initialize("sklearn", random_state=np.random.RandomState(5))
        assert np.array_equal(net.params, first)
        net.initialize(Uniform(2, 3), random_state=0)
        assert 2 < net.params.min() < net.params.max() < 3

    @pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
    def test_copies_have_parameters_of_their_own(self, duplicate):
        problem = Problem("log loss of classes", dtype="float32")
        net = problem.net
        other = duplicate(net)
        assert np.array_equal(other.forward(problem.X), net.forward(problem.X))
        assert np.shares_memory(other.coefs[0], other.params)
        assert not np.shares_memory(other.params, net.params)
        assert repr(other) == repr(net)
        assert other != net
        assert other.activations == net.activations
        other.params = 0
        assert net.params.all()

    def test_repr_makes_it_again(self):
        net = self.net()
        assert repr(eval(repr(net))) == repr(net)
        assert repr(net) == (
            "Network([2, 3, 1], activations=['tanh', 'identity'], loss='half_squared_error', dtype='float64')"
        )

    def test_functions_as_objects(self):
        net = Network([1, 2, 1], [as_activation("tanh"), "identity"], as_loss("half_squared_error"))
        assert net.activations[0] is as_activation("tanh")
        assert net.loss([[1]], [3]) == 4.5

    def test_is_exported(self):
        assert fastmlp.Network is Network
        assert "Network" in fastmlp.__all__


class TestTrain:
    def test_plain_steps(self):
        problem = Problem("half squared error behind logistic")
        net = problem.net
        other = copy.copy(net)
        losses = net.train(problem.X, problem.y, SGD(0.3), epochs=3)
        expected = []
        for _ in range(3):
            loss, coef_grads, intercept_grads = other.loss_and_gradients(problem.X, problem.y)
            expected.append(loss)
            for array, grad in zip([*other.coefs, *other.intercepts], [*coef_grads, *intercept_grads], strict=True):
                array -= 0.3 * grad
        assert losses == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(net.params, other.params, rtol=1e-12)

    def test_batches(self):
        """Steps of three, three and one rows, in order; weights too."""
        problem = Problem("poisson")
        net = problem.net
        other = copy.copy(net)
        net.train(problem.X, problem.y, SGD(0.05), batch_size=3, sample_weight=problem.weights)
        for rows in (slice(0, 3), slice(3, 6), slice(6, 7)):
            _, coef_grads, intercept_grads = other.loss_and_gradients(
                problem.X[rows], problem.y[rows], problem.weights[rows]
            )
            for array, grad in zip([*other.coefs, *other.intercepts], [*coef_grads, *intercept_grads], strict=True):
                array -= 0.05 * grad
        np.testing.assert_allclose(net.params, other.params, rtol=1e-12)

    def test_shuffling_is_seeded(self):
        problem = Problem("log loss of classes")
        results = []
        for random_state, shuffle in ((1, True), (1, True), (2, True), (1, False)):
            net = copy.copy(problem.net)
            net.train(problem.X, problem.y, Adam(0.1), 2, batch_size=2, shuffle=shuffle, random_state=random_state)
            results.append(net.params)
        assert np.array_equal(results[0], results[1])
        assert not np.array_equal(results[0], results[2])
        assert not np.array_equal(results[0], results[3])

    def test_an_optimizer_goes_on_where_it_was(self):
        problem = Problem("log loss of classes")
        at_once, in_microbatches, adam = problem.net, copy.copy(problem.net), Adam(0.01).begin()
        losses = at_once.train(problem.X, problem.y, Adam(0.01), epochs=4)
        again = [in_microbatches.train(problem.X, problem.y, adam, epochs=2) for _ in range(2)]
        assert losses == again[0] + again[1]
        assert np.array_equal(at_once.params, in_microbatches.params)

    @pytest.mark.parametrize("sparse", [False, True])
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_learns(self, dtype, sparse):
        X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        net = Network([2, 4, 1], ["tanh", "logistic"], "log_loss", dtype)
        net.initialize(random_state=0)
        losses = net.train(scipy.sparse.csr_matrix(X) if sparse else X, [0, 1, 1, 0], Adam(0.05), epochs=400)
        assert len(losses) == 400
        assert losses[-1] < 0.02
        assert net.forward(X).round().ravel().tolist() == [0, 1, 1, 0]

    def test_names_of_optimizers(self):
        problem = Problem("log loss of classes")
        by_name, by_object = copy.copy(problem.net), copy.copy(problem.net)
        by_name.train(problem.X, problem.y, "adam")
        by_object.train(problem.X, problem.y, Adam())
        assert np.array_equal(by_name.params, by_object.params)

    def test_ctrl_c_ends_it_early(self, monkeypatch):
        problem, run, epochs = Problem("log loss of classes"), EpochRunner.run, []

        def interrupted(self, l2):
            if len(epochs) == 3:
                raise KeyboardInterrupt
            epochs.append(run(self, l2))
            return epochs[-1]

        monkeypatch.setattr(EpochRunner, "run", interrupted)
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            losses = problem.net.train(problem.X, problem.y, Adam(), epochs=9)
        assert losses == epochs
        assert len(losses) == 3

    def test_divergence_is_named(self):
        net = Problem("squares behind exp").net
        with pytest.raises(ValueError, match=r"became infinite or NaN in epoch \d+: lower the learning rate"):
            net.train(np.ones((2, 3)), np.ones((2, 2)), SGD(1e200), epochs=9)
