"""Users' functions that need the Python interpreter are refused when they are compiled, with the line that needs it.

Inside training they would wait for the interpreter's lock for ever, raise exceptions that nobody catches, or draw
random numbers that depend on the number of threads.
"""

import ctypes
import functools
import types
from pathlib import Path

import numba
import numpy as np
import pytest
from helpers.merged import in_one_test
from helpers.python_functions import REFUSED, one, prints, quietly

from fastmlp import Activation, Loss, MLPClassifier, Network
from fastmlp.compiler.kernel import Kernel


def prints_in_a_helper(z):
    return 2 * prints(z)


@pytest.mark.parametrize("function", REFUSED, ids=lambda function: function.__name__)
def test_what_needs_python_is_refused(function):
    """Each time and in both types; the message names the function, the line and what is allowed, and no inner error."""
    lines = Path(function.__code__.co_filename).read_text(encoding="utf-8").splitlines()
    start = function.__code__.co_firstlineno - 1
    line = next(number for number in range(start, len(lines)) if "  # here" in lines[number])
    activation = quietly(function)
    for dtype in (np.float64, np.float32, np.float64):
        with pytest.raises(ValueError, match="cannot be compiled: ") as caught:
            activation.kernel.load(dtype)
        message = str(caught.value)
        place = f"(in {function.__name__}, python_functions.py, line {line + 1}: `{lines[line].strip()}`)"
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
    """They are compiled again from their Python function: messages name the same line, and NumPy calls are replaced."""
    with pytest.raises(ValueError, match=r"in prints, .*`print\(z\)  # here`\)"):
        quietly(numba.njit(prints)).kernel.load(np.float64)
    leaky = numba.njit(lambda z: np.where(z > 0, z, 0.5 * z))
    assert quietly(leaky)([-1.0, 2.0]).tolist() == [-0.5, 2.0]
    assert quietly(lambda z: 2 * leaky(z))([-1.0, 2.0]).tolist() == [-1.0, 4.0]


def test_functions_known_by_their_address():
    """A callback leads back into the interpreter: wherever it is used, it is refused when the activation is made."""
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
    """They too are compiled again from their Python function."""
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
    """Wrappers of decorators take them: they are refused when the activation is made."""

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
    slow = np.frompyfunc(one, 1, 1)
    for function in (slow, lambda z: slow(z)):
        with pytest.raises(ValueError, match="it calls Python for each number"):
            quietly(function)


@in_one_test()
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("error", [MemoryError, RecursionError, OSError, TimeoutError])
def test_other_errors_pass_through(error, wrapped, monkeypatch):
    """Errors that are not caused by the functions pass through, also if Numba wraps them."""
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
