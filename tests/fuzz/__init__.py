"""A fuzzer of the estimators, tables, files, callbacks and exports: ``make fuzz MINUTES=60 SEED=0``.

Each case is a script: data, an estimator with drawn parameters, and one of the checks of `checks.py`. Scripts run in a
child process, so that a crash, a hang or an exhausted memory is found and ends nothing. What fails is made smaller, and
written to build/fuzz/ as a script that runs alone.

`pools.py`      the values that parameters, data and changes are drawn from
`cases.py`      a case: drawn from a seed, simpler ones, and its script
`checks.py`     what must hold; scripts contain the source of what they need from it
`exports.py`    what exported models predict, compared with the model's own predictions
`child.py`      the child process, and the parent's end of it
`shrinking.py`  the simplest case that still fails alike
`search.py`     many cases, and the figures

A sample runs in `make test`: `tests/test_fuzz.py`.
"""
