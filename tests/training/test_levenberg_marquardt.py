"""Damped Gauss–Newton steps: the Jacobian of the residuals, the minimum, and refusals."""

import copy

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from helpers import knobs
from helpers.merged import in_one_test
from helpers.second_order import ANGLES, SINES, Noted, adam_on_sines, gradient_with_penalty, sine_network, solve

from fastmlp import Network
from fastmlp.derivatives.recorded_forward import RecordedForward
from fastmlp.training.levenberg_marquardt import levenberg_marquardt, residual_jacobian

RATES = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001)


def problem(
    activations=("tanh", "logistic", "identity"), loss="half_squared_error", outputs=2, dtype="float64", seed=0
):
    """A network, 30 rows, targets and weights; the targets are outputs of a similar network with noise."""
    rng = np.random.RandomState(seed)
    network = Network([3, *[4, 3][: len(activations) - 1], outputs], activations, loss, dtype)
    X, params = rng.standard_normal((30, 3)), rng.standard_normal(network.params.size) * 0.7
    network.params = params
    y = network.forward(X) + 0.03 * rng.standard_normal((30, outputs))
    network.params = params + 0.3 * rng.standard_normal(params.size)
    return network, X, y, rng.uniform(0.5, 2, 30)


class TestJacobian:
    @in_one_test()
    @pytest.mark.parametrize("sparse", [False, True])
    @pytest.mark.parametrize("output", ["identity", "logistic", "exp", "softmax"])
    @pytest.mark.parametrize("hidden", [(), ("relu",), ("tanh", "logistic")])
    def test_central_differences(self, hidden, output, sparse):
        loss = "log_loss" if output == "softmax" else "half_squared_error"
        network, X, _, weights = problem((*hidden, output), loss, outputs=3)
        inputs = scipy.sparse.csr_matrix(X) if sparse else X
        jacobian = residual_jacobian(RecordedForward(network, inputs), weights)
        assert jacobian.shape == (network.params.size, 90)
        for number in range(network.params.size):
            outputs = []
            for step in (1e-6, -1e-6):
                network.params[number] += step
                outputs.append((weights[:, np.newaxis] * network.forward(X)).T.ravel())
                network.params[number] -= step
            np.testing.assert_allclose(jacobian[number], (outputs[0] - outputs[1]) / 2e-6, rtol=1e-6, atol=1e-8)

    def test_gives_the_gradient(self):
        """Jᵀr / Σ w equals the gradient of the loss."""
        network, X, y, weights = problem()
        root = np.sqrt(weights)
        residuals = (root[:, np.newaxis] * (network.forward(X) - y)).T.ravel()
        slope = residual_jacobian(RecordedForward(network, X), root) @ residuals / weights.sum()
        _, coef_grads, intercept_grads = network.loss_and_gradients(X, y, weights)
        exact = np.concatenate([g.ravel() for pair in zip(coef_grads, intercept_grads, strict=True) for g in pair])
        np.testing.assert_allclose(slope, exact, rtol=1e-9, atol=1e-14)


class TestWhereItEnds:
    def test_least_squares_in_closed_form(self):
        network, X, y, weights = problem(("identity",))
        result = solve(levenberg_marquardt, network, X, y, weights, tol=1e-12)
        root = np.sqrt(weights)[:, np.newaxis]
        solution = np.linalg.lstsq(root * np.hstack([X, np.ones((30, 1))]), root * y, rcond=None)[0]
        np.testing.assert_allclose(np.vstack([*network.coefs, *network.intercepts]), solution, rtol=1e-8)
        assert (result.status, result.success) == (0, True)
        assert result.nit <= 12

    @in_one_test()
    @pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
    @pytest.mark.parametrize("loss, scale", [("half_squared_error", 1), ("sum_squared_error", 2)])
    @pytest.mark.parametrize("output", ["identity", "logistic"])
    def test_a_minimum_with_a_penalty(self, output, loss, scale, sparse):
        network, X, y, weights = problem(("tanh", "logistic", output), loss)
        X = scipy.sparse.csr_matrix(X) if sparse else X
        progress = Noted()
        result = solve(levenberg_marquardt, network, X, y, weights, l2=0.2, tol=1e-5, progress=progress)
        assert result.status == 0
        assert np.abs(gradient_with_penalty(network, X, y, weights, 0.2)).max() <= 1e-5
        assert np.all(np.diff(progress.losses) < 0)
        squares = 0.5 * scale * (weights @ (network.forward(X) - y) ** 2).sum()
        penalty = 0.1 * sum((coef**2).sum() for coef in network.coefs)
        assert result.fun == pytest.approx((squares + penalty) / weights.sum(), rel=1e-12)

    def test_same_minimum_as_scipy(self):
        """MINPACK's Levenberg–Marquardt finds the same minimum from the same start."""
        network, X, y, _ = problem(("tanh", "identity"), outputs=1)
        reference = copy.copy(network)

        def residuals(params):
            reference.params = params
            hidden = np.tanh(X @ reference.coefs[0] + reference.intercepts[0])
            return (hidden @ reference.coefs[1] + reference.intercepts[1] - y).ravel()

        theirs = scipy.optimize.least_squares(residuals, reference.params.copy(), method="lm", xtol=1e-9, ftol=1e-12)
        ours = solve(levenberg_marquardt, network, X, y, max_iter=500)
        assert ours.status == 0
        assert ours.fun == pytest.approx(theirs.cost / 30, rel=1e-6)
        np.testing.assert_allclose(network.params, theirs.x, rtol=1e-3)

    def test_rows_in_chunks(self, monkeypatch):
        network, X, y, weights = problem()
        reference = copy.copy(network)
        whole = solve(levenberg_marquardt, network, X, y, weights, l2=0.1, max_iter=15)
        knobs.set_jacobian_size(monkeypatch, 7 * 2 * network.params.size)
        parts = solve(levenberg_marquardt, reference, X, y, weights, l2=0.1, max_iter=15)
        assert parts.fun == pytest.approx(whole.fun, rel=1e-9)
        np.testing.assert_allclose(reference.params, network.params, rtol=1e-4, atol=1e-6)

    def test_squared_error_of_several_outputs(self):
        """As in scikit-learn, the reported loss has 1/k of the minimized sum, and the whole penalty."""
        network, X, y, weights = problem(("tanh", "identity"), "squared_error")
        result = solve(levenberg_marquardt, network, X, y, weights, l2=0.3, max_iter=500)
        squares = (weights @ (network.forward(X) - y) ** 2).sum() / 2
        penalty = 0.3 * sum((coef**2).sum() for coef in network.coefs)
        assert result.fun == pytest.approx(0.5 * (squares + penalty) / weights.sum(), rel=1e-12)
        assert np.abs(gradient_with_penalty(network, X, y, weights, 0.3)).max() <= 1e-9

    def test_float32_networks_are_solved_in_float64(self):
        network, X, y, _ = problem(("tanh", "identity"), dtype="float32")
        reference = Network([3, 4, 2], ["tanh", "identity"], "half_squared_error")
        X, y, reference.params = X.astype(np.float32), y.astype(np.float32), network.params
        ours = solve(levenberg_marquardt, network, X, y, l2=0.1)
        theirs = solve(levenberg_marquardt, reference, X.astype(float), y.astype(float), l2=0.1)
        assert ours.fun == theirs.fun
        assert np.array_equal(network.params, reference.params.astype(np.float32))


class TestWhatIsReported:
    def test_iterations_are_counted(self):
        network, progress = sine_network(0), Noted()
        result = solve(levenberg_marquardt, network, ANGLES, SINES, max_iter=7, progress=progress)
        assert (result.nit, result.status, result.success, result.interrupted) == (7, 1, False, False)
        assert len(progress.losses) == 7
        assert result.njev == 7
        assert result.nfev >= 8
        assert result.fun == pytest.approx(network.loss(ANGLES, SINES), rel=1e-12)
        assert np.array_equal(result.x, network.params)

    def test_ctrl_c(self):
        network = sine_network(0)
        reference = copy.copy(network)
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            result = solve(levenberg_marquardt, network, ANGLES, SINES, progress=Noted(interrupt_after=5))
        assert result.interrupted
        assert result.nit == 5
        solve(levenberg_marquardt, reference, ANGLES, SINES, max_iter=5)
        assert np.array_equal(network.params, reference.params)

    def test_a_perfect_fit_ends_it(self):
        """It stops where all residuals are zero, without a division by zero."""
        network, X, _, _ = problem(("tanh", "identity"))
        y = network.forward(X)
        network.params += 0.01
        result = solve(levenberg_marquardt, network, X, y, tol=0.0, max_iter=2000)
        assert result.status == 0
        assert result.fun < 1e-25

    def test_a_start_that_is_not_finite(self):
        network, X, y, _ = problem(("exp",))
        network.params = 1e3
        result = solve(levenberg_marquardt, network, np.ones_like(X), y)
        assert (result.status, result.nit) == (2, 0)
        assert network.params.tolist() == [1e3] * network.params.size


class TestRefusals:
    def test_other_losses(self):
        network, X, y, _ = problem(("exp",), "poisson")
        with pytest.raises(ValueError, match=r"sums of squares, got loss='poisson': use one of .*half_squared_error"):
            solve(levenberg_marquardt, network, X, y)

    def test_large_networks(self):
        network = Network([60, 60, 1], ["tanh", "identity"], "half_squared_error")
        with pytest.raises(ValueError, match="3721 parameters are more than 3000: use another solver"):
            solve(levenberg_marquardt, network, np.ones((3, 60)), np.ones((3, 1)))

    def test_negative_weights(self):
        network, X, y, weights = problem()
        weights[3] = -0.5
        with pytest.raises(ValueError, match=r"one is -0\.5: use weights that are not negative"):
            solve(levenberg_marquardt, network, X, y, weights)


def test_a_sine_beside_adam():
    """Twenty steps reach a loss that Adam, with any rate, does not reach in fifty times as many passes over the rows.

    A forward pass and a Jacobian count as one pass each, although one of Adam's passes is forward and backward.
    """
    results = [solve(levenberg_marquardt, sine_network(seed), ANGLES, SINES, max_iter=20, tol=0.0) for seed in range(5)]
    passes = [result.nfev + result.njev for result in results]
    reached = np.median([result.fun for result in results])
    assert reached < 5e-7
    for rate in RATES:
        losses = [adam_on_sines(rate, 50 * n, seed) for seed, n in enumerate(passes)]
        assert np.median(losses) > 2 * reached
