"""The compiled shuffle against NumPy's: the same order, and the same state of the generator afterwards."""

import numpy as np
import pytest
from helpers.guarded import Guarded
from helpers.merged import in_one_test

from fastmlp.training.shuffling import shuffle


def assert_same_state(ours, plain):
    for one, other in zip(ours.get_state(), plain.get_state(), strict=True):
        assert np.array_equal(one, other)


@in_one_test()
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 8, 9, 31, 32, 33, 1000, 65537])
def test_shuffles_as_numpy_does(n):
    ours, plain = np.random.RandomState(n), np.random.RandomState(n)
    order = Guarded(np.arange(n), np.int64)
    expected = np.arange(n)
    for _ in range(3):
        shuffle(order.array, ours)
        plain.shuffle(expected)
        assert np.array_equal(order.array, expected)
    order.assert_only_inside_written()
    assert_same_state(ours, plain)


def test_shuffles_arrays_of_any_numbers():
    """Positions are shuffled, independent of the values, as by indexing with a permutation."""
    numbers = np.array([7, 7, -3, 2**40, 0, 11])
    expected = numbers[np.random.RandomState(5).permutation(6)]
    shuffle(numbers, np.random.RandomState(5))
    assert np.array_equal(numbers, expected)


@pytest.mark.parametrize("kind", ["MT19937", "PCG64", "Philox", "SFC64"])
def test_any_bit_generator(kind):
    """A RandomState can use any of NumPy's bit generators."""
    ours, plain = (np.random.RandomState(getattr(np.random, kind)(3)) for _ in range(2))
    order, expected = np.arange(77), np.arange(77)
    shuffle(order, ours)
    plain.shuffle(expected)
    assert np.array_equal(order, expected)
    assert ours.randint(2**31) == plain.randint(2**31)


def test_global_generator():
    state = np.random.get_state()
    try:
        np.random.seed(9)
        order = np.arange(50)
        shuffle(order, np.random.mtrand._rand)
        assert np.array_equal(order, np.random.RandomState(9).permutation(50))
    finally:
        np.random.set_state(state)
