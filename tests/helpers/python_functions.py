"""Functions that need the Python interpreter, each with a comment ``# here`` on the line that needs it."""

import functools
import math
import random
import warnings
from math import log

import numba
import numpy as np

from fastmlp import Activation

TABLE = np.array([0.5, 2.0])
NUMBERS = [1.0, 2.0]
NAMED = {"a": 1.0}
DOUBLED = functools.partial(lambda a, z: a * z, 2.0)


def prints(z):
    if z > 1e9:
        print(z)  # here
    return z


def draws(z):
    return z + 0 * np.random.rand()  # here


def draws_otherwise(z):
    return z + 0 * random.random()  # here


def allocates(z):
    values = np.zeros(3)  # here
    values[0] = z
    return values.sum()


def makes_a_list(z):
    both = [z, 2 * z]  # here
    return both[0]


def appends(z):
    values = []  # here
    values.append(z)
    return values[0]


def comprehends(z):
    return sum([z * i for i in range(3)])  # here


def makes_a_dict(z):
    named = {1: z}  # here
    return named[1]


def makes_a_string(z):
    word = "long" if z > 0 else "short"  # here
    return z + len(word)


def formats(z):
    return z + len(f"{z}")  # here


def products(z):
    return np.dot(TABLE, TABLE) * z  # here


def has_a_global_list(z):
    return NUMBERS[1] * z  # here


def has_a_global_dict(z):
    return NAMED["a"] * z  # here


def has_a_partial(z):
    return DOUBLED(z)  # here


def goes_through_objects(z):
    with numba.objmode(y="float64"):  # here
        y = 2.0 * z
    return y


def tries(z):
    try:
        return math.log(z)  # here
    except ValueError:
        return 0.0


def raises_with_numbers(z):
    if z > 1e9:
        raise ValueError("too large", z)  # here
    return z


def asserts(z):
    assert z < 1e9  # here
    return z


def indexes(z):
    return (1.0, 2.0)[int(min(max(z, 0), 1))] * z  # here


def generates(z):
    return sum(z * i for i in range(3))  # here


def imports_by_name(z):
    return __import__("math").tanh(z)  # here


def imports(z):  # here
    import math as other

    return other.tanh(z)


def has_two_numbers(z):
    return math.log(abs(z) + 1, 2)  # here


def has_two_more(z):
    return log(abs(z) + 1, 2)  # here


def by_name(z):
    def scaled(t, factor=1.0):
        return t * factor

    return scaled(z, factor=2.0)  # here


def evaluates(z):
    return eval("z")  # here


def asks_for_its_type(z):
    return 2 * z if isinstance(z, float) else z  # here


def closes_and_sets():
    n = 0.0

    def sets_a_variable_around_it(z):
        nonlocal n
        n = 2.0 * z  # here
        return n + 1.0

    def sets_it_further_inside(z):
        def inner(t):
            nonlocal n
            n = t  # here

        inner(z)
        return n

    return sets_a_variable_around_it, sets_it_further_inside


def deletes(z):
    y = z
    del z  # here
    return y


def assigns_at_once(z):
    return (y := z * 2) + y  # here


REFUSED = [
    *closes_and_sets(), deletes, assigns_at_once,
    asks_for_its_type,
    prints, draws, draws_otherwise, allocates, makes_a_list, appends, comprehends, makes_a_dict, makes_a_string,
    formats,
    products, has_a_global_list, has_a_global_dict, has_a_partial, goes_through_objects, tries, raises_with_numbers,
    asserts, indexes, generates, imports_by_name, imports, has_two_numbers, has_two_more, by_name, evaluates,
]  # fmt: skip


def one(z):
    return 1.0


def quietly(f):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return Activation(f, one)
