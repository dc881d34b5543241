"""The simplest case that still fails alike."""

from collections.abc import Callable

from fuzz import cases


def shrink(case: dict, fails_alike: Callable[[dict], bool], attempts: int = 150) -> dict:
    """Return a case from which nothing can be taken without another outcome, or what `attempts` have led to.

    Parameters
    ----------
    case : dict
        It fails.
    fails_alike : callable
        Whether a simpler case fails as this one does.
    attempts : int
        The most cases that are tried.
    """
    while True:
        for simpler in cases.simpler(case):
            if attempts == 0:
                return case
            attempts -= 1
            if fails_alike(simpler):
                case = simpler
                break
        else:
            return case
