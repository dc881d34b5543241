"""L-BFGS: SciPy's steps up to rounding, its counts, limits and ends."""

import numpy as np
import pytest
import scipy.optimize
import threadpoolctl
from helpers.merged import in_one_test

from fastmlp.training import lbfgs
from fastmlp.training.line_search import LineSearch

TOL = 1e-4


def wave(seed):
    """A function with many valleys, whose searches take several tries, and a point to begin at."""
    rng = np.random.RandomState(seed)
    n = rng.randint(1, 20)
    A, b, w = rng.standard_normal((n, n)), rng.standard_normal(n), rng.uniform(0.1, 5, n)

    def evaluate(x):
        z = A @ x - b
        return float(np.sum(w * np.sin(2 * z)) + 0.05 * z @ z), A.T @ (2 * w * np.cos(2 * z) + 0.1 * z)

    return evaluate, rng.standard_normal(n) * 3


def rosen(seed):
    rng = np.random.RandomState(seed)
    start = rng.standard_normal(rng.randint(2, 12))
    return lambda x: (scipy.optimize.rosen(x), scipy.optimize.rosen_der(x)), start


def bowl(seed):
    start = np.random.RandomState(seed).standard_normal(5)
    return lambda x: (0.5 * float(x @ x), x.copy()), start


def kink(seed):
    """Σ √|x|: searches fail, and begin again without a memory."""
    start = np.random.RandomState(seed).standard_normal(3)

    def evaluate(x):
        size = np.sqrt(np.abs(x) + 1e-300)
        return float(size.sum()), 0.5 * np.sign(x) / size

    return evaluate, start


def log(seed):
    """Not a number beyond zero, where the first tries lead."""
    rng = np.random.RandomState(seed)

    def evaluate(x):
        with np.errstate(all="ignore"):
            return float(np.sum(x - 2 * np.log(x))), 1 - 2 / x

    return evaluate, rng.uniform(0.01, 30, rng.randint(1, 8))


def minimize_both(problem, seed, max_iter, max_fun=15_000):
    (evaluate, start), (for_scipy, _) = problem(seed), problem(seed)
    iterates = []

    def overwrite(x, gradient):
        loss, gradient[...] = evaluate(x)
        return loss

    ours = lbfgs.minimize(
        overwrite, start.copy(), max_iter=max_iter, max_fun=max_fun, tol=TOL,
        after_iteration=lambda x, loss: iterates.append((x.copy(), loss)),
    )  # fmt: skip
    options = {"maxiter": max_iter, "maxfun": max_fun, "gtol": TOL}
    theirs = scipy.optimize.minimize(for_scipy, start.copy(), jac=True, method="L-BFGS-B", options=options)
    return ours, theirs, iterates


def summary(result):
    return result.nit, result.nfev, result.status, result.success


@in_one_test()
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("max_iter", [1, 2, 3, 5])
@pytest.mark.parametrize("problem", [wave, rosen, kink, log])
def test_first_iterations_are_scipys(problem, max_iter, seed):
    ours, theirs, iterates = minimize_both(problem, seed, max_iter)
    assert summary(ours) == summary(theirs)
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(ours.fun, theirs.fun, rtol=1e-7)
    assert len(iterates) == ours.nit
    if ours.nit and ours.status != 2:
        assert np.array_equal(iterates[-1][0], ours.x)
        assert iterates[-1][1] == ours.fun


@in_one_test()
@pytest.mark.parametrize("seed", range(6))
def test_iterations_beyond_the_memory_are_scipys(seed):
    ours, theirs, _ = minimize_both(rosen, seed, 30)
    assert summary(ours) == summary(theirs)
    assert theirs.nit > lbfgs.MEMORY
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-6, atol=1e-8)


def test_every_end_is_scipys():
    ends = set()
    for problem, seed, max_iter, max_fun in (
        (rosen, 0, 3, 15_000), (rosen, 0, 1_000, 7), (rosen, 0, 1_000, 15_000), (bowl, 0, 9, 99),
        (kink, 0, 1_000, 15_000), (log, 0, 1_000, 15_000),
    ):  # fmt: skip
        ours, theirs, _ = minimize_both(problem, seed, max_iter, max_fun)
        assert (ours.status, ours.success) == (theirs.status, theirs.success)
        ends.add(ours.message)
    assert ends == {lbfgs.ITERATIONS, lbfgs.EVALUATIONS, lbfgs.FLAT, lbfgs.SLOW, lbfgs.ABNORMAL}


def test_a_flat_start_is_the_end():
    def evaluate(x, gradient):
        gradient[...] = 0
        return 3.0

    result = lbfgs.minimize(
        evaluate, np.ones(4), max_iter=5, max_fun=5, tol=0.0, after_iteration=lambda x, loss: pytest.fail("no step")
    )
    assert (result.nit, result.nfev, result.fun, result.message) == (0, 1, 3.0, lbfgs.FLAT)
    assert np.array_equal(result.x, np.ones(4))


@in_one_test()
@pytest.mark.parametrize("slope", [1.0, np.nan, np.inf])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_losses_that_are_not_finite_end_as_in_scipy(bad, slope):
    """All but the first, without a warning."""

    def problem(seed):
        calls = []

        def evaluate(x):
            calls.append(x)
            return (3.0, np.ones(4)) if len(calls) == 1 else (bad, np.full(4, slope))

        return evaluate, np.ones(4)

    ours, theirs, _ = minimize_both(problem, 0, 5)
    assert summary(ours) == summary(theirs)
    assert np.array_equal(ours.x, theirs.x)
    assert np.array_equal(ours.fun, theirs.fun, equal_nan=True)


@in_one_test()
@pytest.mark.parametrize("first", [1e-6, 0.3, 1.0, 40.0])
@pytest.mark.parametrize("seed", range(8))
def test_a_search_ends_where_the_loss_is_lower_and_flatter(seed, first):
    """Moré and Thuente's conditions, whatever the first step."""
    a, b = np.random.RandomState(seed).uniform(0.5, 3, 2)

    def evaluate(t):
        return np.sin(a * t) * -b + 0.1 * t * t, -a * b * np.cos(a * t) + 0.2 * t

    loss, slope = evaluate(0.0)
    search = LineSearch(first, loss, slope)
    for _ in range(20):
        here = evaluate(search.step)
        if search.advance(*here):
            break
    assert here[0] <= loss + 1e-3 * search.step * slope
    assert abs(here[1]) <= 0.9 * abs(slope)


def test_bits_do_not_depend_on_the_threads_of_a_blas():
    a, b = np.random.RandomState(0).standard_normal((2, 5 * lbfgs.PIECE + 77))
    sums = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            c = b.copy()
            lbfgs.add_multiple(a, 0.3, c)
            sums.append((lbfgs.dot(a, b), c.tobytes()))
    assert sums[0] == sums[1]
    np.testing.assert_allclose(sums[0][0], a @ b, rtol=1e-10)
    np.testing.assert_allclose(c, b + 0.3 * a, rtol=1e-12, atol=1e-15)
