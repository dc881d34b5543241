"""Parameters of a `Network`: views, assignments, copies; and its repr and export."""

import copy
import pickle

import numpy as np
import pytest
from helpers.network_problems import Problem

import fastmlp
from fastmlp import Network
from fastmlp.activations import as_activation
from fastmlp.initializers import Uniform
from fastmlp.losses import as_loss


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
        with pytest.raises(ValueError, match="coefs holds 1 array; this network needs 2"):
            net.coefs = [np.ones((2, 3))]
        with pytest.raises(ValueError, match="params has shape"):
            net.params = np.ones(12)

    def test_forward_follows_an_edit(self):
        net = self.net()
        net.initialize(random_state=0)
        before = net.forward([[1, 2]])
        net.intercepts[1] += 1
        np.testing.assert_allclose(net.forward([[1, 2]]), before + 1, rtol=1e-14)

    def test_initialize_draws_scikit_learns_numbers(self):
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

    def test_repr_is_code_that_recreates_it(self):
        net = self.net()
        assert repr(eval(repr(net))) == repr(net)
        assert repr(net) == (
            "Network([2, 3, 1], activations=['tanh', 'identity'], loss='half_squared_error', dtype='float64')"
        )

    def test_activation_and_loss_objects(self):
        net = Network([1, 2, 1], [as_activation("tanh"), "identity"], as_loss("half_squared_error"))
        assert net.activations[0] is as_activation("tanh")
        assert net.loss([[1]], [3]) == 4.5

    def test_is_exported(self):
        assert fastmlp.Network is Network
        assert "Network" in fastmlp.__all__
