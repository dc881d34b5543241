"""Numbers of tables in float32: differences that lose nothing, and what is out of its range."""

from __future__ import annotations

from typing import Any

import numpy as np

from .table_description import TableDescription


def as_pair(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 numbers c₁ and c₂ whose sum is c, up to 2⁻⁴⁸ of it.

    Examples
    --------
    >>> first, second = as_pair(np.array([16777217.0]))
    >>> float(first[0]), float(second[0])
    (16777216.0, 1.0)
    """
    first = numbers.astype(np.float32)
    return first, (numbers - first).astype(np.float32)


def limit_of_share(dtype: Any) -> float:
    """Return the s from which on s / √(1 + s²) is 1 in this type."""
    return 1e5 if np.dtype(dtype) == np.float32 else 1e9


def check_ranges(d: TableDescription, dtype: Any, cure: str = "") -> None:
    """Refuse columns and targets whose numbers are outside the range of a type.

    Parameters
    ----------
    d : TableDescription
    dtype : numpy type
    cure : str
        What else may be done, such as ", or use dtype='float64'".
    """
    e, limits = d.encoding, np.finfo(dtype)
    for columns, offsets, sizes in ((e.scaled, e.centers, e.scales), (e.bins, e.lower, e.widths)):
        fits = _fits(offsets, limits) & (sizes >= limits.tiny) & (sizes <= 1.0 / limits.tiny)
        if not fits.all():
            name = d.names[e.number_columns[columns[np.argmin(fits)]]]
            raise ValueError(
                f"The numbers of column {name!r} are too far from 1 for {np.dtype(dtype)}: divide the column before "
                f"the fit{cure}."
            )
    if d.target_scale is not None and d.target_mean is not None:
        numbers = [d.target_scale, d.target_mean, *([] if d.target_range is None else d.target_range)]
        if not (all(_fits(each, limits).all() for each in numbers) and (d.target_scale >= limits.tiny).all()):
            raise ValueError(f"The targets are too far from 1 for {np.dtype(dtype)}: divide them before the fit{cure}.")


def _fits(numbers: np.ndarray, limits: Any) -> np.ndarray:
    """Whether numbers are finite in the type, also twice as large."""
    fits: np.ndarray = np.abs(numbers) <= limits.max / 2
    return fits
