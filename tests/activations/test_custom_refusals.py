"""Functions of a user's that need Python itself are refused when they are compiled, with the line that asks for it.

What they would do inside training: wait for ever for the interpreter's lock, raise to nobody, or draw what another
number of threads would draw otherwise.
"""

import ctypes
import functools
import math
import random
import types
import warnings
from math import log

import numba
import numpy as np
import pytest

from fastmlp import Activation, Loss, MLPClassifier, Network
from fastmlp.compiler.kernel import Kernel
from fastmlp.compiler.python_calls import is_python_symbol

TABLE = np.array([0.5, 2.0])
NUMBERS = [1.0, 2.0]
HUNDREDS = 300
NAMED = {"a": 1.0}
DOUBLED = functools.partial(lambda a, z: a * z, 2.0)


def one(z):
    return 1.0


def quietly(f):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return Activation(f, one)


def prints(z):
    if z > 1e9:
        print(z)  # here
    return z


def prints_in_a_helper(z):
    return 2 * prints(z)


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


@pytest.mark.parametrize("function", REFUSED, ids=lambda function: function.__name__)
def test_what_needs_python_is_refused(function):
    """Each time and in both types, with its name, the line, and what is allowed; no word of what broke inside."""
    with open(__file__, encoding="utf-8") as file:
        lines = file.read().splitlines()
    start = function.__code__.co_firstlineno - 1
    line = next(number for number in range(start, len(lines)) if "  # here" in lines[number])
    activation = quietly(function)
    for dtype in (np.float64, np.float32, np.float64):
        with pytest.raises(ValueError, match="cannot be compiled: ") as caught:
            activation.kernel.load(dtype)
        message = str(caught.value)
        place = f"(in {function.__name__}, test_custom_refusals.py, line {line + 1}: `{lines[line].strip()}`)"
        assert message.startswith(f"{function.__qualname__}, one cannot be compiled: ")
        assert place in message
        assert "What is allowed: functions take numbers and return one" in message
        assert not any(word in message for word in ("KeyError", "AssertionError", "LoweringError", "Failed in"))


def with_more(z, *more, scale=2.0):
    return scale * z + more[0] + len(more)


def test_keyword_only_arguments_are_refused():
    """Numba would take the last argument for `scale`."""
    for function in (lambda z: with_more(z, 1.0, 3.0), lambda z: with_more(z, 1.0, scale=3.0)):
        with pytest.raises(ValueError, match=r"by name behind \*arguments have no place in it \(in with_more, "):
            quietly(function)([1.0])


def test_message_names_the_helper():
    with pytest.raises(ValueError, match=r"^prints_in_a_helper, one .*\(in prints, .*: `print\(z\)  # here`\)"):
        quietly(prints_in_a_helper).kernel.load(np.float64)


def prints_too(a, y):
    print(a)
    return (a - y) ** 2


def slope(a, y):
    return 2 * (a - y)


def prints_the_slope(a, y):
    print(y)
    return 2 * (a - y)


def test_functions_that_numba_has_compiled():
    """They are compiled anew from their plain form: the same line is named, and what is ours takes its place."""
    with pytest.raises(ValueError, match=r"in prints, .*`print\(z\)  # here`\)"):
        quietly(numba.njit(prints)).kernel.load(np.float64)
    leaky = numba.njit(lambda z: np.where(z > 0, z, 0.5 * z))
    assert quietly(leaky)([-1.0, 2.0]).tolist() == [-0.5, 2.0]
    assert quietly(lambda z: 2 * leaky(z))([-1.0, 2.0]).tolist() == [-1.0, 4.0]


def test_functions_known_by_their_address():
    """A callback leads back into the interpreter; wherever it stands, it is refused when the activation is made."""
    callback = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(lambda z: 2 * z)
    module = types.ModuleType("module")
    module.callback = callback

    def as_default(z, callback=callback):
        return callback(z)

    def in_a_tuple(z, callbacks=(callback,)):
        return callbacks[0](z)

    for function in (lambda z: callback(z), lambda z: module.callback(z), as_default, in_a_tuple):
        with pytest.raises(ValueError, match=r"known by its address alone may ask for Python\. What is allowed: "):
            Activation(function, lambda z: 2.0)
        loss = Loss(lambda a, y, function=function: function(a), lambda a, y: 2.0)
        with pytest.raises(ValueError, match="cannot be compiled"):
            loss.unfused.load(np.float64)


def test_functions_that_numba_has_compiled_for_c():
    """Are compiled anew from their plain form, too."""
    doubled = numba.cfunc("float64(float64)")(lambda z: 2 * z)
    assert quietly(lambda z: doubled(z))([1.5]).tolist() == [3.0]
    printing = numba.cfunc("float64(float64)")(prints)
    with pytest.raises(ValueError, match=r"in prints, .*`print\(z\)  # here`\)"):
        quietly(lambda z: printing(z)).kernel.load(np.float64)


def test_mutually_recursive_functions():
    def first(z):
        return z if abs(z) < 1 else second(z / 2)

    def second(z):
        return first(z - 0.1)

    for _ in range(2):
        with pytest.raises(ValueError, match=r"first, one cannot be compiled: functions that call one another in a"):
            quietly(first)([3.0])


def test_arguments_of_any_name():
    """As decorators have them: refused when the activation is made."""

    def decorated(f):
        @functools.wraps(f)
        def wrapper(*args, **named):
            return f(*args, **named)

        return wrapper

    wrapped = decorated(one)
    for function in (wrapped, lambda z: wrapped(z)):
        with pytest.raises(
            ValueError, match=r"^one cannot be .*: arguments of any name .* \(in wrapper, test_custom_ref"
        ):
            quietly(function)


def test_functions_of_objects():
    slow = np.frompyfunc(factorial, 1, 1)
    for function in (slow, lambda z: slow(z)):
        with pytest.raises(ValueError, match="it calls Python for each number"):
            quietly(function)


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("error", [MemoryError, RecursionError, OSError, TimeoutError])
def test_other_errors_pass_through(error, wrapped, monkeypatch):
    """Also if Numba has wrapped it: it says nothing of the functions, and the next call compiles them."""
    compile_one = Kernel._compile

    def fail(kernel, dtype):
        if not wrapped:
            raise error
        try:
            raise error
        except error:
            raise numba.core.errors.LoweringError("stumbled") from None

    activation = quietly(lambda z: 3.25 * z)
    monkeypatch.setattr(Kernel, "_compile", fail)
    with pytest.raises(error):
        activation.kernel._compile(np.dtype(np.float64))
    monkeypatch.setattr(Kernel, "_compile", compile_one)
    assert activation.kernel._compile(np.dtype(np.float64))


def test_fit_is_refused_before_training(capsys):
    X, y = np.linspace(-1, 1, 20).reshape(10, 2), np.arange(10) % 2
    for setting in ({"activation": quietly(prints)}, {"loss": Loss(lambda a, y: (a - y) ** 2, prints_the_slope)}):
        capsys.readouterr()
        model = MLPClassifier(hidden_layer_sizes=(3,), max_iter=2, random_state=0, **setting)
        with pytest.raises(ValueError, match=r"cannot be compiled: it asks for Python .*`print\("):
            model.fit(X, y)
        assert not capsys.readouterr().out
    with pytest.raises(ValueError, match=r"in prints_too, .*`print\(a\)`"):
        Network([2, 1], ["identity"], Loss(prints_too, slope)).loss(X, y)


# What looks alike and needs nothing


def factorial(z):
    return 1.0 if z <= 1 else z * factorial(z - 1)


def recursive(z):
    return z if abs(z) < 1 else recursive(z / 2)


def matches(z):
    match z > 0:
        case True:
            return z
        case _:
            return 0.0


def halves(z):
    while z > 1:
        z /= 2
    return z


def with_names(z, *, two=2.0, three: float = 3.0):
    return two * z + three


def calls_by_name(z):
    return with_names(z, three=0.5)


def closes_over(factor):
    return lambda z, shift=1.0: factor * z + shift


def sets_a_variable_of_its_own(z):
    total = 0.0

    def add(t):
        nonlocal total
        total = total + t

    add(z)
    add(z)
    return total


def accumulates(z):
    total = 0
    for i in range(1, 300):
        total = np.add(total, 300)
        total = np.maximum(total, np.square(i))
    return z * total


def squares(n):
    return np.square(n)


ALLOWED = [
    lambda z: z * TABLE.max() - TABLE.min(),
    lambda z: math.frexp(z)[0] + math.frexp(z)[1],
    sets_a_variable_of_its_own, accumulates,
    lambda z: z * np.square(HUNDREDS) + np.power(10, 6) * z, lambda z: z * np.multiply(np.maximum(HUNDREDS, 2), 300),
    lambda z: z * np.left_shift(HUNDREDS, 10) + z * np.subtract(-20000, 20000), lambda z: z * squares(300),
    lambda z: z * np.square(300 if z > 0 else 200) + np.add(z, 1) + np.maximum(2, z),
    factorial, recursive, matches, halves, with_names, calls_by_name, closes_over(2.0), closes_over(3),
    lambda z: float(z > 0), lambda z: float(z), lambda z: float(3) * z, lambda z: min(z, float("inf")),
    lambda z: int(z), lambda z: float("-inf") if z < -1e9 else z, lambda z: bool(z > 0) * z,
    lambda z: abs(z), lambda z: max(0, z, 1), lambda z: max((z, 0.0)), lambda z: sum((z, 1.0)), lambda z: round(z),
    lambda z: math.floor(z) + math.ceil(z), lambda z: z // 1 + z % 2, lambda z: z**3 + abs(z) ** 0.5,
    lambda z: TABLE[int(z > 0)] * z, lambda z: (1.0, 2.0)[int(z > 0)] * z, lambda z: float(np.where(z > 0, z, 0.1 * z)),
    lambda z: np.where(z > 0, z, 0.1 * z), lambda z: np.where(z > 1, 1, 2), lambda z: np.where(z, z - 1, 0) + 1,
    lambda z: math.hypot(z, 1) + math.gamma(abs(z) + 1) + math.erfc(z) + math.log2(abs(z) + 1) + math.copysign(2, z),
    lambda z: np.sum(TABLE) * z, lambda z: (z * 1j).imag, lambda z: z.real, lambda z: z if z in (1.0, 2.0) else 2 * z,
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ALLOWED)))
def test_what_needs_no_python_is_compiled(number):
    """In float64; every third in float32, too, which is another compilation of the same kinds of expressions."""
    function = ALLOWED[number]
    for dtype, tolerance in ((np.float64, 1e-14), (np.float32, 1e-5))[: 1 + (number % 3 == 0)]:
        z = np.array([-2.5, -0.3, 0.4, 1.7, 2.0], dtype)
        expected = [float(function(float(one))) for one in z]
        np.testing.assert_allclose(quietly(function)(z), expected, rtol=tolerance, atol=tolerance)


def test_python_functions_are_recognized():
    """By where symbols come from, not by what functions are called."""
    for symbol in ("PySys_FormatStdout", "_Py_Dealloc", "NRT_Allocate", "numba_gil_ensure", "numba_dict_insert",
                   "numba_get_np_random_state", "numba_list_append", "numba_xxdot", "numba_do_raise"):  # fmt: skip
        assert is_python_symbol(symbol)
    for symbol in ("tan", "hypotf", "memset", "numba_gamma", "numba_lgammaf", "numba_fixed_fmod", "numba_cpow"):
        assert not is_python_symbol(symbol)
