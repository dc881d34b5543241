"""Which rows each member is trained on, and which it is judged by."""

from __future__ import annotations

import numpy as np


def positions(codes: np.ndarray | None, n_rows: int, random_state: np.random.RandomState) -> np.ndarray:
    """Draw a place in [0, 1) for each row, such that the rows of each class are spread evenly.

    Parameters
    ----------
    codes : ndarray of int of shape (n_rows,), or None
        Numbers of the rows' classes, by which the split is stratified.
    n_rows : int
    random_state : RandomState

    Returns
    -------
    ndarray of float64 of shape (n_rows,)
    """
    places = np.empty(n_rows)
    order = random_state.permutation(n_rows)
    codes = np.zeros(n_rows, np.intp) if codes is None else codes
    for code in np.unique(codes):
        rows = order[codes[order] == code]
        places[rows] = (np.arange(rows.size) + random_state.uniform()) / rows.size
    return places


def split_of(places: np.ndarray, member: int, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Return training rows and validation rows of a member: a stretch of the places that begins where the last ended.

    With `fraction` 0.2, five members have each row once among their validation rows.

    Examples
    --------
    >>> import numpy as np
    >>> training, validation = split_of(np.array([0.1, 0.3, 0.5, 0.7, 0.9]), member=1, fraction=0.2)
    >>> training.tolist(), validation.tolist()
    ([0, 2, 3, 4], [1])
    """
    inside = (places - member * fraction) % 1.0 < fraction
    return np.flatnonzero(~inside), np.flatnonzero(inside)
