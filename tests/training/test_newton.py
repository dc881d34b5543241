"""Truncated Newton steps: the minimum, the number of steps, and what is reported."""

import copy

import numpy as np
import pytest
import scipy.sparse
from helpers.custom_functions import tanh, tanh_derivative
from helpers.merged import in_one_test
from helpers.second_order import ANGLES, SINES, Noted, adam_on_sines, gradient_with_penalty, sine_network, solve

from fastmlp import Activation, Network
from fastmlp.engine.dataset import Dataset
from fastmlp.training.full_batch_loss import lbfgs
from fastmlp.training.newton_cg import TrustRegion, newton_cg
from fastmlp.training.second_order import Objective

RATES = (0.01, 0.003, 0.001)


def make(layer_sizes, activations, loss, dtype="float64", seed=0):
    network = Network(layer_sizes, activations, loss, dtype)
    network.initialize(random_state=seed)
    return network


def draw(rows, features, outputs, seed=0):
    rng = np.random.RandomState(seed)
    return rng.standard_normal((rows, features)), rng.standard_normal((rows, outputs)), rng.uniform(0.5, 2, rows)


class TestWhereItEnds:
    def test_least_squares_in_closed_form(self):
        """A linear network's loss is a parabola: Newton's first full step is the solution."""
        X, y, weights = draw(30, 4, 2)
        network = make([4, 2], ["identity"], "half_squared_error")
        result = solve(newton_cg, network, X, y, weights)
        root = np.sqrt(weights)[:, np.newaxis]
        solution = np.linalg.lstsq(root * np.hstack([X, np.ones((30, 1))]), root * y, rcond=None)[0]
        np.testing.assert_allclose(np.vstack([*network.coefs, *network.intercepts]), solution, rtol=1e-8)
        assert result.status == 0
        assert result.success
        assert "largest entry" in result.message
        assert result.nit <= 8

    @in_one_test()
    @pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
    @pytest.mark.parametrize("loss, output", [("log_loss", "softmax"), ("log_loss", "logistic"), ("poisson", "exp")])
    def test_the_minimum_that_lbfgs_finds(self, loss, output, sparse):
        """The problem is convex, and the penalty makes the minimum unique."""
        X, y, weights = draw(60, 3, 3)
        y = np.abs(y).round() if output == "exp" else y > 0
        y = y.argmax(axis=1)[:, np.newaxis] if output == "softmax" else y
        X = scipy.sparse.csr_matrix(X) if sparse else X
        network = make([3, 3], [output], loss)
        reference = copy.copy(network)
        result = solve(newton_cg, network, X, y, weights, l2=0.5, tol=1e-10)
        rows = Dataset(X, np.asarray(y, float), weights)
        other = lbfgs(reference, rows, l2=0.5, max_iter=900, max_fun=900, tol=1e-10, progress=Noted())
        assert result.fun == pytest.approx(other.fun, rel=1e-9)
        np.testing.assert_allclose(network.params, reference.params, rtol=1e-3, atol=1e-4)
        assert np.abs(gradient_with_penalty(network, X, y, weights, 0.5)).max() <= 1e-10
        assert result.nit <= 12

    @pytest.mark.parametrize("hidden", ["tanh", "logistic"])
    def test_a_deep_network(self, hidden):
        X, y, weights = draw(40, 3, 1)
        network = make([3, 6, 4, 1], [hidden, "tanh", "identity"], "half_squared_error")
        progress = Noted()
        result = solve(newton_cg, network, X, y, weights, l2=0.05, tol=1e-7, max_iter=500, progress=progress)
        assert result.status == 0
        assert np.abs(gradient_with_penalty(network, X, y, weights, 0.05)).max() <= 1e-7
        assert np.all(np.diff(progress.losses) < 1e-13)
        assert progress.losses[-1] == result.fun
        assert np.array_equal(result.x, network.params)

    def test_leaves_a_saddle(self):
        """Near zero weights the gradient vanishes, and a direction of negative curvature leads away from the saddle."""
        X, y = np.array([[-1.0], [1.0]]), np.array([[-1.0], [1.0]])
        network = Network([1, 1, 1], ["tanh", "identity"], "half_squared_error")
        network.params = np.full(4, 1e-7)
        hessian = [network.hessian_vector_product(X, y, e) for e in np.eye(4)]
        assert np.linalg.eigvalsh(hessian)[0] < -0.9
        assert network.loss(X, y) == pytest.approx(0.5, rel=1e-6)
        solve(newton_cg, network, X, y)
        assert network.loss(X, y) < 1e-9

    def test_float32_networks_are_solved_in_float64(self):
        X, y, _ = draw(30, 2, 1)
        network, reference = (
            make([2, 3, 1], ["tanh", "identity"], "half_squared_error", t) for t in ("float32", "float64")
        )
        X, y = X.astype(np.float32), y.astype(np.float32)
        reference.params = network.params
        ours = solve(newton_cg, network, X, y, l2=0.1, tol=1e-10)
        theirs = solve(newton_cg, reference, X.astype(float), y.astype(float), l2=0.1, tol=1e-10)
        assert network.params.dtype == np.float32
        assert ours.fun == theirs.fun
        assert np.array_equal(network.params, reference.params.astype(np.float32))


class TestWhatIsReported:
    def test_squared_error_of_several_outputs(self):
        """As in scikit-learn, the reported loss has 1/k of the minimized sum, and the whole penalty."""
        X, y, weights = draw(30, 2, 3)
        network = make([2, 3, 3], ["tanh", "identity"], "squared_error")
        reference = copy.copy(network)
        result = solve(newton_cg, network, X, y, weights, l2=0.3, tol=1e-9)
        squares = (weights @ (network.forward(X) - y) ** 2).sum() / 3
        penalty = 0.3 * sum((coef**2).sum() for coef in network.coefs)
        assert result.fun == pytest.approx(0.5 * (squares + penalty) / weights.sum(), rel=1e-12)
        assert np.abs(gradient_with_penalty(network, X, y, weights, 0.3)).max() <= 1e-9
        assert result.status == 0
        rows = Dataset(X, y, weights)
        other = lbfgs(reference, rows, l2=0.3, max_iter=1, max_fun=9, tol=1e-9, progress=Noted())
        assert result.fun < other.fun

    def test_iterations_are_counted(self):
        network, progress = sine_network(0), Noted()
        result = solve(newton_cg, network, ANGLES, SINES, max_iter=7, progress=progress)
        assert (result.nit, result.status, result.success, result.interrupted) == (7, 1, False, False)
        assert len(progress.losses) == 7
        assert result.nfev >= 8
        assert result.nhev >= 7
        assert result.fun == pytest.approx(network.loss(ANGLES, SINES), rel=1e-14)
        gradient = np.concatenate([g.ravel() for g in network.loss_and_gradients(ANGLES, SINES)[1]])
        np.testing.assert_allclose(np.concatenate([c.ravel() for c in network.layout.coefs(result.jac)]), gradient)

    def test_ctrl_c(self):
        network, progress = sine_network(0), Noted(interrupt_after=5)
        reference = copy.copy(network)
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            result = solve(newton_cg, network, ANGLES, SINES, progress=progress)
        assert result.interrupted
        assert result.nit == 5
        solve(newton_cg, reference, ANGLES, SINES, max_iter=5)
        assert np.array_equal(network.params, reference.params)
        assert result.fun == progress.losses[-1]

    def test_ctrl_c_in_the_middle_of_a_step(self, monkeypatch):
        """The network keeps the parameters of the last complete step."""
        network, calls = sine_network(0), []
        solve_step = TrustRegion._solve

        def interrupted(self, hessian):
            calls.append(self.objective.model.params.copy())
            self.objective.model.params += 1
            if len(calls) == 4:
                raise KeyboardInterrupt
            self.objective.model.params -= 1
            return solve_step(self, hessian)

        monkeypatch.setattr(TrustRegion, "_solve", interrupted)
        with pytest.warns(UserWarning, match="interrupted"):
            result = solve(newton_cg, network, ANGLES, SINES)
        assert result.interrupted
        assert network.loss(ANGLES, SINES) == pytest.approx(result.fun, rel=1e-14)

    def test_a_start_that_is_not_finite(self):
        network = make([2, 1], ["exp"], "poisson")
        network.params = 1e3
        before = network.params.copy()
        result = solve(newton_cg, network, np.ones((3, 2)), np.ones((3, 1)))
        assert (result.status, result.nit) == (2, 0)
        assert "not finite" in result.message
        assert np.array_equal(network.params, before)

    def test_stops_where_rounding_hides_progress(self):
        """With a tolerance below the accuracy of float64 it stops, and says why."""
        X, y, _ = draw(20, 2, 1)
        result = solve(newton_cg, make([2, 1], ["identity"], "half_squared_error"), X, y, tol=0.0)
        assert result.status == 0
        assert "rounding" in result.message
        assert result.nit < 20


def test_refuses_what_has_no_second_derivative():
    network = Network([1, 2, 1], [Activation(tanh, tanh_derivative), "identity"], "half_squared_error")
    with pytest.raises(ValueError, match=r"activation=Activation\(tanh, tanh_derivative\) has no second derivative"):
        solve(newton_cg, network, ANGLES, SINES)


class TestConjugateGradients:
    def solver(self, seed=0):
        X, y, _ = draw(30, 2, 1, seed)
        network = make([2, 4, 1], ["tanh", "identity"], "half_squared_error", seed=seed)
        solver = TrustRegion(Objective(network, Dataset(X, y), 0.5), 0.0, 1)
        solver.begin()
        return solver

    def test_inside_the_region(self):
        """Newton's step, if the model is convex and the residual must be small."""
        solver, rng = self.solver(), np.random.RandomState(0)
        half = rng.standard_normal((17, 17))
        matrix = half @ half.T + np.eye(17)
        solver.gradient = rng.standard_normal(17)
        solver.first_norm, solver.radius = 1e20, 1e3
        step, change, on_boundary = solver._solve(matrix)
        assert not on_boundary
        np.testing.assert_allclose(step, -np.linalg.solve(matrix, solver.gradient), rtol=1e-6)
        np.testing.assert_allclose(change, matrix @ step, rtol=1e-6, atol=1e-9)

    @pytest.mark.parametrize("bend", [1.0, -1.0])
    def test_on_the_boundary(self, bend):
        solver, rng = self.solver(), np.random.RandomState(0)
        matrix = np.diag(np.r_[bend, np.linspace(1, 2, 16)])
        solver.gradient, solver.radius = rng.standard_normal(17), 0.1
        step, change, on_boundary = solver._solve(matrix)
        assert on_boundary
        assert np.linalg.norm(step) == pytest.approx(0.1, rel=1e-12)
        np.testing.assert_allclose(change, matrix @ step, rtol=1e-9)
        assert solver.gradient @ step + 0.5 * step @ change < 0

    def test_negative_curvature_is_followed(self):
        solver = self.solver()
        solver.gradient, solver.radius = np.r_[1e-3, np.zeros(16)], 5.0
        step, _, on_boundary = solver._solve(np.diag(np.r_[-1.0, np.ones(16)]))
        assert on_boundary
        np.testing.assert_allclose(step, np.r_[-5.0, np.zeros(16)])


def test_a_sine_beside_adam():
    """Sixty steps reach a loss that Adam, with any rate, does not reach in fifty times as many passes over the rows.

    A Hessian-vector product, its preparation and a gradient count as one pass (forward and backward) each.
    """
    results = [solve(newton_cg, sine_network(seed), ANGLES, SINES, max_iter=60, tol=0.0) for seed in range(3)]
    passes = [result.nhev + result.nfev + result.nit for result in results]
    reached = np.median([result.fun for result in results])
    assert reached < 2e-7
    for rate in RATES:
        losses = [adam_on_sines(rate, 50 * n, seed) for seed, n in enumerate(passes)]
        assert np.median(losses) > 2 * reached
