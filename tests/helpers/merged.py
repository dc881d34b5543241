"""Many cases in one test: a test of its own costs pytest and its workers 4 ms for each case, before the case begins.

Of the cases in one test, some can be chosen as tests are by ``-k``: with ``CASES=tanh pytest tests/activations`` only
those run whose arguments match the regular expression, as failures name them.
"""

import functools
import inspect
import itertools
import operator
import os
import re
import reprlib

import pytest

#: As many failures are described; of the others there are the names.
DESCRIBED, LINES = 8, 12
_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 60
_repr.maxtuple = _repr.maxlist = _repr.maxdict = 6


def in_one_test(*apart, shared=(), pairs=False):
    """Decorate a test or class above ``pytest.mark.parametrize``: one test runs all cases and reports all that fail.

    Each case runs, whatever the ones before it did; the test then fails with the arguments and messages of those that
    failed, and with the traceback of the first. `monkeypatch` is undone after each case.

    Parameters
    ----------
    *apart : str
        Arguments whose values keep a test each: where all cases would take more than a few seconds.
    shared : tuple of str
        Fixtures that cases may share, because no case changes them. Others are refused: what a case has written,
        captured or replaced there would reach the next one.
    pairs : bool
        Run only as many cases as let each value of each mark meet each value of each other mark: for expensive cases
        whose arguments act on one another two at a time.
    """

    def decorate(function):
        if inspect.isclass(function):
            return _decorate_methods(function, decorate)
        marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
        merged = [mark for mark in marks if not {*_names(mark)} & {*apart}]
        signature = inspect.signature(function)
        taken = {name for mark in merged for name in _names(mark)}
        left = [parameter for name, parameter in signature.parameters.items() if name not in taken]
        known = {"self", "monkeypatch", *shared, *(name for mark in marks for name in _names(mark))}
        if refused := {parameter.name for parameter in left} - known:
            raise TypeError(f"{function.__name__} uses {sorted(refused)}: name in `shared` what no case changes")
        parts = [_arguments(mark) for mark in reversed(merged)]
        if not merged or not all(parts):
            raise TypeError(f"{function.__name__} has no cases to run in one test")
        if pairs and len(parts) < 3:
            raise TypeError(f"{function.__name__} has {len(parts)} marks: all pairs of two are all cases")
        order = [name for name in signature.parameters if name in taken]

        @functools.wraps(function)
        def run_all(*owner, **given):
            found = _all_pairs(*parts) if pairs else itertools.product(*parts)
            joined = [functools.reduce(operator.or_, case) for case in found]
            _run(functools.partial(function, *owner), [{name: case[name] for name in order} for case in joined], given)

        run_all.in_one_test = True  # for ``-k in_one_test``
        run_all.pytestmark = [mark for mark in function.pytestmark if all(mark is not one for one in merged)]
        run_all.__signature__ = signature.replace(parameters=left)
        return run_all

    return decorate


def _all_pairs(*parts):
    """Return cases in which each two values of two marks occur together; each adds as many pairs as any."""
    indices = itertools.product(*(range(len(part)) for part in parts))
    cases = {case: set(itertools.combinations(enumerate(case), 2)) for case in indices}
    missing, chosen = set().union(*cases.values()), []
    while missing:
        chosen.append(max(cases, key=lambda case: len(cases[case] & missing)))
        missing -= cases[chosen[-1]]
    return [[part[index] for part, index in zip(parts, case, strict=True)] for case in chosen]


def _decorate_methods(owner, decorate):
    """Each test of a class gets the cases of the class."""
    marks = [mark for mark in owner.pytestmark if mark.name == "parametrize"]
    for name, test in [(name, value) for name, value in vars(owner).items() if name.startswith("test")]:
        test.pytestmark = [*getattr(test, "pytestmark", []), *marks]
        setattr(owner, name, decorate(test))
    owner.pytestmark = [mark for mark in owner.pytestmark if mark.name != "parametrize"]
    return owner


def _names(mark):
    names = mark.args[0]
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)


def _arguments(mark):
    """The arguments that each value of a mark stands for."""
    names, values = _names(mark), list(mark.args[1])
    if set(mark.kwargs) - {"ids"} or any(isinstance(value, type(pytest.param())) for value in values):
        raise TypeError(f"cases of {names} with marks or indirect values need tests of their own")
    rows = [(value,) for value in values] if len(names) == 1 else values
    return [dict(zip(names, row, strict=True)) for row in rows]


def _run(function, cases, given):
    failures, skipped = [], []
    if chosen := os.environ.get("CASES"):
        cases = [case for case in cases if re.search(chosen, _describe(case))]
        if not cases:
            pytest.skip(f"no case matches CASES={chosen}")
    for case in cases:
        try:
            with pytest.MonkeyPatch.context() as monkeypatch:
                function(**case, **(given | {"monkeypatch": monkeypatch} if "monkeypatch" in given else given))
        except pytest.skip.Exception as reason:
            skipped.append((case, reason))
        except (Exception, pytest.fail.Exception) as failure:
            failures.append((case, failure))
    if len(skipped) == len(cases):
        raise skipped[0][1]
    failures += [(case, AssertionError(f"skipped, unlike other cases: {reason}")) for case, reason in skipped]
    if failures:
        raise AssertionError(_report(failures, len(cases))) from failures[0][1]


def _report(failures, n_cases):
    lines = [f"{len(failures)} of {n_cases} cases failed: {_describe(failures[0][0])}"]
    for case, failure in failures[:DESCRIBED]:
        message = [line for line in f"{type(failure).__name__}: {failure}".splitlines() if line.strip()]
        cut = ["…"] if len(message) > LINES else []
        lines += [f"\n[{_describe(case)}]", *("    " + line for line in message[:LINES] + cut)]
    lines += [f"\n[{_describe(case)}]" for case, _ in failures[DESCRIBED:]]
    return "\n".join(lines)


def _describe(case):
    return ", ".join(f"{name}={_value(value)}" for name, value in case.items())


def _value(value):
    name = getattr(value, "__name__", None) or _repr.repr(value)
    return f"{name} of line {value.__code__.co_firstlineno}" if name == "<lambda>" else name
