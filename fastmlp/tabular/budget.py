"""How many epochs and members fit into a number of seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from .member import Member
from .recipes import Recipe

#: Members are left out, to two, while all of them can make less than this share of the recipe's epochs.
MOST_SHARE = 0.8
#: Two members make at least this share of the epochs; else one makes more.
LEAST_SHARE = 0.5
#: Epochs are timed until they have taken so many seconds, or this part of the time that there is.
LEAST_SECONDS, LEAST_PART = 0.1, 0.05


def fit_to_seconds(recipe: Recipe, seconds: float, n_threads: int, make: Callable[[Recipe], Member]) -> Recipe:
    """Return the recipe with as many epochs and members as fit, so that schedules still end at 0.

    An epoch, or several short ones, are timed with a member that is not used, after one that loads the kernels. First
    members are reduced, to two; then epochs, to half; then members again, to one; then epochs again. There are never
    fewer members than threads, which would save nothing, and never more of anything than the recipe has. The
    measurements behind this are in `docs/tables.md`.

    Parameters
    ----------
    recipe : Recipe
    seconds : float
    n_threads : int
    make : callable
        Recipe ↦ a new member.
    """
    began = time.perf_counter()
    most = max(recipe.max_iter, 2)
    probe = make(replace(recipe, max_iter=most))
    probe.run_epoch()
    first = time.perf_counter()
    epoch = first - began
    for epochs_timed in range(1, most):
        if probe.diverged:  # it makes no more epochs
            break
        probe.run_epoch()
        spent = time.perf_counter() - first
        epoch = spent / epochs_timed
        if spent >= min(LEAST_SECONDS, LEAST_PART * seconds):
            break
    left = max(seconds - (time.perf_counter() - began), 0.0)
    threads = max(1, min(n_threads, recipe.n_members))

    def epochs(members: int) -> int:
        rounds = -(-members // threads)
        return int(min(left / (epoch * rounds), recipe.max_iter))

    members = recipe.n_members
    while members > max(2, threads) and epochs(members) < MOST_SHARE * recipe.max_iter:
        members -= 1
    if epochs(members) < LEAST_SHARE * recipe.max_iter:
        members = min(members, threads)
    return replace(recipe, n_members=members, max_iter=max(1, epochs(members)))
