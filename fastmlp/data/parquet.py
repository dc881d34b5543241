"""`from_parquet`: windows over the row groups of Parquet files."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .windows import Rows, Windows


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError("from_parquet needs the package pyarrow: pip install 'fastmlp[parquet]'.") from error


class ParquetWindows(Windows):
    """Windows over Parquet files; made by `from_parquet`.

    Attributes
    ----------
    feature_names : list of str
        The columns of X.
    target : str or list of str
    """

    def __init__(
        self,
        files: list[ParquetFile],
        columns: Sequence[str] | None,
        target: Any,
        weights: str | None,
        dtype: Any,
        *rest: Any,
    ) -> None:
        self.files, self.target, self.weights, self.dtype = files, target, weights, np.dtype(dtype)
        self.targets = [target] if isinstance(target, str) else list(target)
        others = {*self.targets, weights}
        schema = files[0].schema
        self.feature_names = [name for name in schema.names if name not in others] if columns is None else list(columns)
        self.needed = [*self.feature_names, *self.targets, *([] if weights is None else [weights])]
        self._check_columns()
        self.groups = [(file, group) for file in files for group in range(file.metadata.num_row_groups)]
        super().__init__([file.metadata.row_group(group).num_rows for file, group in self.groups], *rest)

    def _check_columns(self) -> None:
        """Refuse columns that are missing, given twice, or no numbers where numbers are read."""
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype must be 'float32' or 'float64', got {self.dtype}.")
        twice = sorted({name for name in self.needed if self.needed.count(name) > 1})
        if twice or not self.feature_names or not self.targets:
            raise ValueError(
                f"columns, target and sample_weight must name different columns, at least one feature and one target, "
                f"got columns={self.feature_names!r:.200}, target={self.target!r}, sample_weight={self.weights!r}."
            )
        for file in self.files:
            schema = file.schema
            if missing := [name for name in self.needed if name not in schema.names]:
                raise ValueError(f"There is no column {missing[0]!r}: the file has {schema.names!r:.300}.")
            numbers = set(self.needed) - set(self.targets if len(self.targets) == 1 else ())
            for name in numbers:
                _check_number(name, schema.field(name).type)

    def _read(self, group: int) -> Rows:
        file, number = self.groups[group]
        table = file.read(number, self.needed)
        columns = np.empty((len(self.feature_names), table.num_rows), self.dtype)
        for row, name in zip(columns, self.feature_names, strict=True):
            row[...] = self._numbers(table, name)
        weights = None if self.weights is None else np.asarray(self._numbers(table, self.weights), np.float64)
        return columns.T, self._read_targets(table), weights

    def _read_targets(self, table: Any) -> np.ndarray:
        if isinstance(self.target, str):
            return self._labels(table, self.target)
        return np.column_stack([self._numbers(table, name) for name in self.targets])

    def _numbers(self, table: Any, name: str) -> np.ndarray:
        """Return a column without nulls."""
        column = table.column(name)
        if column.null_count:
            raise ValueError(
                f"Column {name!r} holds {column.null_count} nulls, but networks read numbers: fill them in, or leave "
                "out these rows, before they are stored."
            )
        values: np.ndarray = column.to_numpy()
        return values

    def _labels(self, table: Any, name: str) -> np.ndarray:
        """Return a column of numbers or strings; dictionaries are looked up."""
        arrow = _import("pyarrow")
        kind = table.column(name).type
        if arrow.types.is_dictionary(kind):
            table = table.select([name]).cast(arrow.schema([(name, kind.value_type)]))
        values = self._numbers(table, name)
        return values.astype(str) if values.dtype == object else values

    def classes(self) -> np.ndarray:
        if not isinstance(self.target, str):
            return np.arange(len(self.targets))  # of several labels in each row
        found = [np.unique(self._labels(file.read(group, [self.target]), self.target)) for file, group in self.groups]
        distinct: np.ndarray = np.unique(np.concatenate(found))
        return distinct


def _check_number(name: str, kind: Any) -> None:
    types = _import("pyarrow").types
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)):
        raise TypeError(
            f"Column {name!r} holds {kind}, but networks read numbers: encode it before it is stored, or leave it out "
            "by columns=[...]. (TabularMLPClassifier and TabularMLPRegressor read strings and categories, from memory.)"
        )


class ParquetFile:
    """A file that is open while it is read: there may be more files than a process may have open.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    metadata : pyarrow.parquet.FileMetaData
    schema : pyarrow.Schema
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _import("pyarrow.parquet").ParquetFile(path) as file:
            self.metadata, self.schema = file.metadata, file.schema_arrow

    def read(self, group: int, columns: list[str]) -> Any:
        """Return some columns of a row group, a table."""
        with _import("pyarrow.parquet").ParquetFile(self.path, metadata=self.metadata) as file:
            return file.read_row_group(group, columns=columns)


def _files(path: Any) -> list[ParquetFile]:
    """Return the files, or those of a folder in the order of their names."""
    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    found = [
        file for each in map(Path, paths) for file in (sorted(each.glob("*.parquet")) if each.is_dir() else [each])
    ]
    if not found:
        raise ValueError(f"There are no files *.parquet in {paths}.")
    return [ParquetFile(each) for each in found]


def from_parquet(
    path: Any,
    columns: Sequence[str] | None = None,
    target: str | Sequence[str] = "target",
    *,
    sample_weight: str | None = None,
    dtype: Any = "float32",
    window: int = 1 << 18,
    shuffle: bool = True,
    random_state: Any = None,
    transform: Callable[[Any], Any] | None = None,
) -> ParquetWindows:
    """Return the rows of Parquet files in windows of whole row groups.

    Row groups are read in random order, each with the needed columns alone, and rows are shuffled within a window. The
    next window is read while the caller trains on the last one.

    Parameters
    ----------
    path : str, path or list of these
        Files, or folders with files ``*.parquet``.
    columns : sequence of str, default=None
        The features, which must be numbers; None is all columns but the others.
    target : str or sequence of str, default='target'
        The column of y, numbers or strings; several columns of numbers are y of shape (n, n_targets).
    sample_weight : str, default=None
        The column of sample weights.
    dtype : {'float32', 'float64'}, default='float32'
        The type of X.
    window : int, default=262144
        Rows of a window, rounded up to whole row groups. Two windows and a row group are in memory.
    shuffle : bool, default=True
        Whether row groups are shuffled in each epoch, and rows within a window.
    random_state : int, RandomState or None, default=None
    transform : callable, default=None
        X ↦ X of a window, such as ``scaler.transform``.

    Returns
    -------
    windows : ParquetWindows

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    TypeError
        If a column is needed as numbers, but holds something else.
    ValueError
        If there are no files or rows, a column is missing, or (while reading) one holds nulls.

    Examples
    --------
    >>> windows = from_parquet("sales/", target="price", random_state=0)  # doctest: +SKIP
    >>> model = fit(MLPRegressor(), windows, epochs=10)  # doctest: +SKIP
    """
    return ParquetWindows(_files(path), columns, target, sample_weight, dtype, window, shuffle, random_state, transform)
