"""`Network.train`: steps, batches, shuffling and the state of its optimizer."""

import copy

import numpy as np
import pytest
import scipy.sparse
from helpers.network_problems import Problem

from fastmlp import Network
from fastmlp.optimizers import SGD, Adam
from fastmlp.training.epoch import EpochRunner


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

    def test_running_optimizer_continues(self):
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

    def test_ctrl_c_stops_training_early(self, monkeypatch):
        problem, run, epochs = Problem("log loss of classes"), EpochRunner.run, []

        def interrupted(self, *arguments):
            if len(epochs) == 3:
                raise KeyboardInterrupt
            epochs.append(run(self, *arguments))
            return epochs[-1]

        monkeypatch.setattr(EpochRunner, "run", interrupted)
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            losses = problem.net.train(problem.X, problem.y, Adam(), epochs=9)
        assert losses == epochs
        assert len(losses) == 3

    def test_divergence_is_reported(self):
        net = Problem("squares behind exp").net
        with pytest.raises(ValueError, match=r"became infinite or NaN in epoch \d+: lower the learning rate"):
            net.train(np.ones((2, 3)), np.ones((2, 2)), SGD(1e200), epochs=9)
