"""How many epochs and members fit into a number of seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from .member import Member
from .recipes import Recipe

#: Epochs are reduced to this share of the recipe's before members are.
LEAST_SHARE = 0.25


def fit_to_seconds(recipe: Recipe, seconds: float, n_threads: int, make: Callable[[Recipe], Member]) -> Recipe:
    """Return the recipe with as many epochs and members as fit, so that schedules still end at 0.

    An epoch is timed once, with a member that is not used, after one that loads the kernels. First epochs are reduced,
    to a quarter; then members, to one for each thread; then epochs again. Never more than the recipe has.

    Parameters
    ----------
    recipe : Recipe
    seconds : float
    n_threads : int
    make : callable
        Recipe ↦ a new member.
    """
    began = time.perf_counter()
    probe = make(replace(recipe, max_iter=max(recipe.max_iter, 2)))
    probe.run_epoch()
    first = time.perf_counter()
    probe.run_epoch()
    epoch = time.perf_counter() - first
    left = max(seconds - (time.perf_counter() - began), 0.0)
    threads = max(1, min(n_threads, recipe.n_members))

    def epochs(members: int) -> int:
        rounds = -(-members // threads)
        return int(left / (epoch * rounds))

    members = recipe.n_members
    least = max(1, int(recipe.max_iter * LEAST_SHARE))
    while members > threads and epochs(members) < least:  # fewer than the threads would save nothing
        members -= 1
    return replace(recipe, n_members=members, max_iter=max(1, min(recipe.max_iter, epochs(members))))
