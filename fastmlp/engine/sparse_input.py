"""`check_sparse`: whether the arrays of a sparse matrix fit together, before they are cast, converted or multiplied."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

#: Most columns of a sparse matrix: the kernels read column indices as int32.
MOST_COLUMNS = np.iinfo(np.int32).max


def check_sparse(X: Any, name: str = "X") -> None:
    """Refuse a sparse matrix or array whose indices lie outside it; accept everything that is not sparse.

    SciPy checks index arrays when a matrix is made, and not when it is used: its products and conversions (`tocsr`,
    `@`, `toarray`) use indices outside the matrix as well, and so would the kernels. A cast to int32 makes valid
    indices of some that are not, so this check comes first. It reads every index once and copies nothing.

    Parameters
    ----------
    X : object
        A sparse matrix or array of any format: CSR, CSC, BSR, COO, DIA, LIL or DOK.
    name : str, default="X"
        Its name in messages.

    Raises
    ------
    ValueError
        If it does not have two dimensions, has more than 2**31 - 1 columns, or its arrays do not fit together: an index
        outside the matrix, an indptr that does not start at 0, falls, or ends beyond what is stored, arrays of
        different lengths, indices that are not integers.

    Examples
    --------
    >>> import scipy.sparse
    >>> X = scipy.sparse.csr_array([[0.0, 1.0], [2.0, 0.0]])
    >>> check_sparse(X)
    >>> X.indices[0] = 7
    >>> check_sparse(X)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: X is not a valid CSR matrix: its column indices reach from 0 to 7, but must lie in 0 … 1. ...
    """
    if not sp.issparse(X):
        return
    if X.ndim != 2:
        raise ValueError(f"{name} must have 2 dimensions, (rows, columns), got a sparse array of shape {X.shape}.")
    n_rows, n_columns = X.shape
    if n_columns > MOST_COLUMNS:
        raise ValueError(f"{name} has {n_columns} columns: a sparse matrix may have at most {MOST_COLUMNS}.")
    invalid = f"{name} is not a valid {X.format.upper()} matrix"  # how the messages below begin
    if X.format == "csr":
        _check_compressed(X, invalid, n_rows, n_columns, "column", "rows")
    elif X.format == "csc":
        _check_compressed(X, invalid, n_columns, n_rows, "row", "columns")
    elif X.format == "bsr":
        _check_blocks(X, invalid)
    elif X.format == "coo":
        _check_coordinates(invalid, X.row, X.col, X.data, X.shape)
    elif X.format == "dok":
        keys = np.array([*X.keys()]).reshape(-1, 2) if X.nnz else np.zeros((0, 2), np.intp)
        _check_coordinates(invalid, keys[:, 0], keys[:, 1], keys[:, 0], X.shape)
    elif X.format == "lil":
        _check_lists(X, invalid)
    elif X.format == "dia":
        _check_diagonals(X, invalid)


def _check_compressed(X: Any, invalid: str, n_major: int, n_minor: int, minor: str, majors: str) -> None:
    """CSR and CSC: the entries of row i (column i) are indptr[i] … indptr[i + 1]."""
    indptr, indices, data = np.asarray(X.indptr), np.asarray(X.indices), np.asarray(X.data)
    if indices.shape != data.shape or data.ndim != 1:
        _refuse(invalid, f"it has {data.shape} values and {indices.shape} indices, but must have one index for each", X)
    _check_starts(X, invalid, indptr, n_major, indices.size, majors)
    _check_range(invalid, f"{minor} indices", indices[: indptr[-1]], n_minor, X)


def _check_starts(X: Any, invalid: str, indptr: np.ndarray, n_major: int, stored: int, majors: str) -> None:
    """Check the indptr (n_major + 1,) of the compressed formats."""
    if indptr.dtype.kind not in "iu":
        _refuse(invalid, f"its indptr must hold integers, but is {indptr.dtype}", X)
    whole = indptr.shape == (n_major + 1,) and indptr[0] == 0 and indptr[-1] <= stored
    if not whole or (indptr[1:] < indptr[:-1]).any():
        _refuse(
            invalid,
            f"its indptr does not cut the {stored} stored values into {n_major} {majors}; it must hold {n_major + 1} "
            f"numbers that start at 0, never fall, and end at {stored} or before",
            X,
        )


def _check_blocks(X: Any, invalid: str) -> None:
    """BSR: compressed rows of dense blocks, data (n_blocks, R, C)."""
    indptr, indices, data = np.asarray(X.indptr), np.asarray(X.indices), np.asarray(X.data)
    if data.ndim != 3 or indices.shape != data.shape[:1] or 0 in data.shape[1:]:
        _refuse(invalid, f"it has blocks of shape {data.shape} and {indices.shape} indices, one for each is needed", X)
    (n_rows, n_columns), (_, height, width) = X.shape, data.shape
    if n_rows % height or n_columns % width:
        _refuse(invalid, f"blocks of shape {(height, width)} do not tile the shape {X.shape}", X)
    _check_starts(X, invalid, indptr, n_rows // height, indices.size, "rows of blocks")
    _check_range(invalid, "block column indices", indices[: indptr[-1]], n_columns // width, X)


def _check_coordinates(invalid: str, rows: Any, columns: Any, values: Any, shape: tuple[int, int]) -> None:
    """COO, and the keys of DOK: (n,) each."""
    rows, columns = np.asarray(rows), np.asarray(columns)
    if not rows.shape == columns.shape == np.shape(values):
        _refuse(invalid, f"it has {np.shape(values)} values, {rows.shape} row and {columns.shape} column indices")
    _check_range(invalid, "row indices", rows, shape[0])
    _check_range(invalid, "column indices", columns, shape[1])


def _check_lists(X: Any, invalid: str) -> None:
    """LIL: a list of columns and one of values for each row."""
    n_rows, n_columns = X.shape
    whole = np.shape(X.rows) == np.shape(X.data) == (n_rows,)
    whole = whole and all(isinstance(one, list) for one in (*X.rows, *X.data))
    if not whole or [*map(len, X.rows)] != [*map(len, X.data)]:
        _refuse(invalid, f"it must have a list of columns and one of values, equally long, for each of {n_rows} rows")
    columns = np.array([column for row in X.rows for column in row] or np.zeros(0, np.intp))
    _check_range(invalid, "column indices", columns, n_columns)


def _check_diagonals(X: Any, invalid: str) -> None:
    """DIA: an offset for each row of data; those outside the matrix are legal, and empty."""
    offsets, data = np.asarray(X.offsets), np.asarray(X.data)
    if data.ndim != 2 or offsets.shape != data.shape[:1] or offsets.dtype.kind not in "iu":
        _refuse(invalid, f"it has {offsets.shape} offsets of {offsets.dtype} for diagonals of shape {data.shape}")
    if offsets.size and not -MOST_COLUMNS <= int(offsets.min()) <= int(offsets.max()) <= MOST_COLUMNS:
        _refuse(invalid, f"its offsets reach from {offsets.min()} to {offsets.max()}, in a matrix of shape {X.shape}")


def _check_range(invalid: str, what: str, indices: np.ndarray, bound: int, X: Any = None) -> None:
    """Check that indices (n,) are integers from 0 to bound − 1, read once: a negative one is huge without its sign."""
    if indices.dtype.kind not in "iu" or indices.ndim != 1:
        _refuse(
            invalid, f"its {what} must be a vector of integers, but are {indices.dtype} of shape {indices.shape}", X
        )
    if not indices.size:
        return
    unsigned = indices
    if indices.dtype.kind == "i" and indices.dtype.isnative:
        unsigned = indices.view(f"u{indices.dtype.itemsize}")
    if int(unsigned.max()) < bound and (unsigned is not indices or int(indices.min()) >= 0):
        return
    allowed = f"must lie in 0 … {bound - 1}" if bound else "there is nothing to index"
    _refuse(invalid, f"its {what} reach from {indices.min()} to {indices.max()}, but {allowed}", X)


def _refuse(invalid: str, fault: str, compressed: Any = None) -> None:
    """Raise; SciPy has a check of its own for the compressed formats."""
    more = "Its check_format() may say more; build" if compressed is not None else "Build"
    raise ValueError(f"{invalid}: {fault}. {more} the matrix again from valid indices.")
