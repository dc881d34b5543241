"""From Dask's collections to a shard on each worker."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .libraries import send
from .partitions import delayed_partitions
from .placement import assign
from .shard import Shard, size_of
from .summary import Description, Summary, describe, summarize


@dataclass
class Partitions:
    """The partitions of all workers.

    Parameters
    ----------
    futures : list of Future
        Of a `Partition` each.
    descriptions : list of Description
    """

    futures: list[Any]
    descriptions: list[Description]


@dataclass
class Shards:
    """The shards of all workers.

    Parameters
    ----------
    futures : list of Future
        Of a `Shard` each.
    addresses : list of str
        The workers that made them.
    n_rows : list of int
    """

    futures: list[Any]
    addresses: list[str]
    n_rows: list[int]


@contextlib.contextmanager
def describe_partitions(
    client: Any, X: Any, y: Any, sample_weight: Any, classifies: bool
) -> Iterator[tuple[Partitions, Summary]]:
    """Compute the partitions on the workers; at the end of the context they are released.

    Raises
    ------
    TypeError, ValueError
        If they do not fit together.
    """
    futures = client.compute(delayed_partitions(X, y, sample_weight), optimize_graph=True)
    descriptions = client.gather([client.submit(describe, each, classifies, pure=False) for each in futures])
    summary = summarize(descriptions)
    partitions = Partitions(futures, descriptions)
    try:
        yield partitions, summary
    finally:
        partitions.futures = []


def make_shards(client: Any, partitions: Partitions, model: Any, generator: np.random.RandomState) -> Shards:
    """Make one shard on each worker that holds partitions, or takes over some; wait until all are made.

    The first one's generator is `generator`, from which the seeds of the others are drawn.

    Raises
    ------
    TypeError, ValueError
        If a shard's rows are not allowed, as by `fit` of the plain estimator.
    """
    weights = [each.total_weight for each in partitions.descriptions]
    if not any(weights):
        n_rows = sum(each.n_rows for each in partitions.descriptions)
        raise ValueError(
            f"sample_weight sums to zero over {n_rows} rows, and the loss is divided by this sum: give some rows "
            "positive weights, or omit them."
        )
    rows = [each.n_rows if weight else 0 for each, weight in zip(partitions.descriptions, weights, strict=True)]
    held = client.who_has(partitions.futures)
    holders = [list(held.get(each.key, ())) for each in partitions.futures]
    placed = sorted(assign(holders, rows, sorted(client.nthreads())).items(), key=lambda item: item[1])
    seeds = copy.deepcopy(generator).randint(2**32, size=len(placed), dtype=np.uint64)
    futures, model = [], send(client, model)
    for number, (address, numbers) in enumerate(placed):
        drawn = generator if number == 0 else np.random.RandomState(seeds[number])
        parts = [partitions.futures[each] for each in numbers]
        futures.append(
            client.submit(Shard, model, drawn, parts, pure=False, workers=[address], allow_other_workers=True)
        )
    sizes = client.gather([client.submit(size_of, each, pure=False) for each in futures])
    return Shards(futures, [address for address, _ in placed], sizes)
