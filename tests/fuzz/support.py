"""What the checks and the data of a case are made of; scripts contain the source of what they need.

Each function uses only the modules imported here, and functions of this file.
"""

import linecache
import warnings

import numpy as np
import pandas as pd
import scipy.sparse as sp


class Refused(Exception):
    """A fit that was refused as documented: no failure."""


class OfTheUser(Exception):
    """Raised by a function of the user, and passed on as it is."""


def fails(*arguments):
    """A scorer or callback of the user that fails."""
    raise OfTheUser("the user's function fails")


# Data.


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def long_indices(X):
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def unsorted(X):
    """A CSR matrix whose rows have their entries in the other order, and one of them twice."""
    pieces = [slice(a, b) for a, b in zip(X.indptr[:-1], X.indptr[1:], strict=True)]
    data = np.concatenate([X.data[piece][::-1] for piece in pieces]) if len(X.data) else X.data
    indices = np.concatenate([X.indices[piece][::-1] for piece in pieces]) if len(X.data) else X.indices
    return sp.csr_array((data, indices, X.indptr), X.shape)


# What is allowed.


def is_raised_on_purpose(error):
    """Whether an error comes from a raise statement, of whatever package, or is one of NumPy's clear ones."""
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    line = linecache.getline(trace.tb_frame.f_code.co_filename, trace.tb_lineno).strip()
    clear = (
        "could not convert string to float", "setting an array element with a sequence", "complex", "float() arg",
        "at least one array or dtype is required",  # of scikit-learn, for a frame without columns
        "Maximum allowed size exceeded",  # of NumPy, for 10**400 bins
        "could not be promoted", "expected at most",  # for dates beside floats; of a scorer that takes no arguments
    )  # fmt: skip
    return line.startswith("raise") or any(each in str(error) for each in clear)


def attempt(call, *arguments, **options):
    """Return (result, warnings); raise `Refused` for a ValueError or TypeError that was raised on purpose."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call(*arguments, **options)
        except (ValueError, TypeError) as error:
            assert is_raised_on_purpose(error), f"accidental {type(error).__name__}: {error}"
            assert len(str(error)) > 10, f"message without content: {error!r}"
            raise Refused(f"{type(error).__name__}: {error}") from error
        except MemoryError as error:
            if "Unable to allocate" not in str(error):  # NumPy's, for a layer of 10**18 units
                raise
            raise Refused(f"MemoryError: {error}") from error
        except AttributeError as error:
            if "none of the following attributes" not in str(error):  # of scikit-learn, about what a scorer needs
                raise
            raise Refused(f"AttributeError: {error}") from error
    for each in caught:
        assert issubclass(each.category, UserWarning), f"accidental {each.category.__name__}: {each.message}"
    return result, [str(each.message) for each in caught]


def fitted(model, data, **changes):
    """Return (fitted model, warnings); nothing that was passed may be changed."""
    given = {name: getattr(data, name) for name in ("X", "y", "sample_weight", "X_val", "y_val")} | changes
    options = {name: value for name, value in given.items() if name not in ("X", "y") and value is not None}
    before = as_bytes(given)
    try:
        return attempt(model.fit, given["X"], given["y"], **options)
    finally:
        assert as_bytes(given) == before, "fit changed what was passed to it"


def as_bytes(value):
    """Return bytes that differ where values, types or shapes do, in whatever a model or its data consist of."""
    if sp.issparse(value):
        value = [value.format, value.shape, *(getattr(value, name, None) for name in ("data", "indices", "indptr"))]
    if isinstance(value, pd.DataFrame | pd.Series):
        value = [value.index.tolist(), *map(str, np.ravel(value.dtypes)), value.to_numpy(dtype=object, copy=True)]
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return repr((value.dtype, value.shape)).encode() + value.tobytes()
    if isinstance(value, np.ndarray):  # of objects; the rows of a matrix are matrices
        value = [value.shape, *value.ravel().tolist()] if type(value) is np.ndarray else [value.shape, *value.tolist()]
    if isinstance(value, list | tuple):
        return b"[" + b",".join(map(as_bytes, value)) + b"]"
    if isinstance(value, dict):
        return b"{" + b",".join(repr(name).encode() + b":" + as_bytes(each) for name, each in value.items()) + b"}"
    if isinstance(value, np.random.RandomState):
        return str(value.get_state()).encode()
    own = type(value).__module__.partition(".")[0] in (
        "fastmlp",
        "sklearn",
    )  # of others, pandas' keep what they compute
    attributes = vars(value) if own and hasattr(value, "__dict__") else None
    return repr(value).encode() if attributes is None else type(value).__name__.encode() + as_bytes(attributes)


def outputs(model, X):
    """Return what the model predicts, in each form."""
    names = [name for name in ("predict", "predict_proba", "decision_function") if hasattr(model, name)]
    found = [attempt(getattr(model, name), X)[0] for name in names]
    return [each.toarray() if sp.issparse(each) else each for each in found]


def arrays_of(model):
    """Return all that was learnt."""
    if hasattr(model, "members_"):
        return [each.params for each in model.members_]
    return [*model.coefs_, *model.intercepts_]


def learnt(model):
    """Return everything that a model has beside its parameters, as bytes."""
    parameters = model.get_params()
    return as_bytes({name: value for name, value in model.__getstate__().items() if name not in parameters})


def is_same(one, other):
    """Whether arrays, or lists of them, have the same bits; objects are compared by what they look like."""
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype.kind == "O":
        return one.tolist() == other.tolist()
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def row_numbers(data):
    """Return some rows of X, each alone, and some together in another order."""
    n = data.X.shape[0] if hasattr(data.X, "shape") else len(data.X)
    return [[0], [n - 1], [n // 2], list(range(n))[::-1], list(range(0, n, 3)), [0] * 9, list(range(n)) * 7]


def goes_on(model):
    """Whether a model has a `partial_fit`, with its parameters as they are."""
    if not hasattr(model, "partial_fit") or model.early_stopping or model.ema is not None:
        return False
    return not isinstance(getattr(model, "class_weight", None), str)


def bent(z):
    """A user's activation."""
    return z if z > 0 else 0.5 * z


def bent_derivative(z):
    return 1.0 if z > 0 else 0.5


def quartic(a, y):
    """A user's loss."""
    return (a - y) ** 4


def quartic_derivative(a, y):
    return 4 * (a - y) ** 3


def outputs_quietly(model, X):
    names = [name for name in ("predict", "predict_proba", "decision_function") if hasattr(model, name)]
    found = [getattr(model, name)(X) for name in names]
    return [each.toarray() if sp.issparse(each) else each for each in found]


def agree(found, exact, limit, what):
    """Fail if numbers differ by more than the limit, relative to the largest; overflows may lead to any numbers."""
    assert np.shape(found) == exact.shape, f"{what}: another shape"
    finite = np.isfinite(exact)
    found, exact = np.asarray(found)[finite], exact[finite]
    scale = max(1.0, float(np.max(np.abs(exact), initial=0)))
    assert np.max(np.abs(found - exact), initial=0) <= limit * scale, f"{what}: other predictions"
