"""`Network`, method by method: against the scalar differentiator, central differences and plain NumPy."""

import copy

import numpy as np
import pytest
import scipy.sparse
from helpers.merged import in_one_test
from helpers.network_problems import CASES, Problem

from fastmlp.derivatives.hessian import _Output
from fastmlp.derivatives.recorded_forward import RecordedForward, through_softmax
from fastmlp.scalar import Value

SCALAR = {
    "identity": lambda z: z,
    "logistic": lambda z: z.logistic(),
    "tanh": lambda z: z.tanh(),
    "relu": lambda z: z.relu(),
    "exp": lambda z: z.exp(),
}


def total(values):
    return sum(np.ravel(values), start=Value(0))


def scalar_outputs(coefs, intercepts, x, names):
    """Return the last layer's pre-activations and outputs for one row, computed with scalars."""
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
    """Return the loss and its gradients for coefs, intercepts and X, computed by `fastmlp.scalar`."""
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


@in_one_test()
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


@in_one_test()
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
    """A loss with softmax whose second derivative is given as a matrix or as its diagonal."""

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
    @in_one_test()
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

    def test_array_likes(self):
        net, X = Problem("poisson").net, np.arange(12).reshape(4, 3)
        expected = net.forward(X.astype(float))
        for same in (X, X.tolist(), X.astype(object), X.astype(np.float32), np.asfortranarray(X), X.astype(np.int8)):
            assert np.array_equal(net.forward(same), expected)
        for same in (scipy.sparse.csc_matrix(X), scipy.sparse.csr_array(X), scipy.sparse.coo_matrix(X)):
            np.testing.assert_allclose(net.forward(same), expected, rtol=1e-12)
        assert np.array_equal(net.forward(np.repeat(X, 2, axis=0)[::2]), expected)


@in_one_test()
@pytest.mark.parametrize("case", CASES)
class TestOutputDerivatives:
    def test_backward_is_a_vector_jacobian_product(self, case):
        """The gradient of s = Σ c a for given c equals central differences of the forward pass."""
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
    @in_one_test()
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

    def test_overflow_is_reported(self):
        net = Problem("poisson", dtype="float32").net
        with pytest.raises(ValueError, match=r"X must be finite, but holds inf at \(0, 1\) \(as float32\)"):
            net.forward([[0, 1e39, 0]])


class TestWeights:
    def test_weight_equals_repeated_rows(self):
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
