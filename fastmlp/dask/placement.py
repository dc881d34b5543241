"""Which worker trains on which partitions."""

from __future__ import annotations

from collections.abc import Sequence


def assign(holders: Sequence[Sequence[str]], rows: Sequence[int], workers: Sequence[str]) -> dict[str, list[int]]:
    """Give each partition to a worker that holds it, and move those that would make an epoch longer.

    The worker with the most rows decides how long an epoch takes. As long as one of its partitions has fewer rows than
    it has more than the worker with the fewest, the largest such partition is moved there.

    Parameters
    ----------
    holders : sequence of sequence of str
        For each partition the addresses of the workers that hold it; none if it is not known.
    rows : sequence of int
        The rows of each partition; those without rows are given to none.
    workers : sequence of str
        The addresses of all workers.

    Returns
    -------
    partitions : dict of str to list of int
        The numbers of the partitions of each worker that has some, in ascending order.

    Examples
    --------
    >>> assign([["a"], ["a"], ["a"], ["a"]], [5, 5, 5, 0], ["a", "b"])
    {'a': [1, 2], 'b': [0]}
    """
    given: dict[str, list[int]] = {worker: [] for worker in workers}
    load = dict.fromkeys(given, 0)
    for number, (holding, size) in enumerate(zip(holders, rows, strict=True)):
        if size:
            worker = min([each for each in holding if each in given] or given, key=load.__getitem__)
            given[worker].append(number)
            load[worker] += size
    while True:
        most, least = max(load, key=load.__getitem__), min(load, key=load.__getitem__)
        movable = [number for number in given[most] if rows[number] < load[most] - load[least]]
        if not movable:
            break
        moved = max(movable, key=lambda number: rows[number])
        given[most].remove(moved)
        given[least].append(moved)
        load[most] -= rows[moved]
        load[least] += rows[moved]
    return {worker: sorted(numbers) for worker, numbers in given.items() if numbers}
