"""Hypothesis strategies for the arguments of `helpers.problems.make_problem`."""

from helpers.problems import HIDDEN, TASKS
from hypothesis import strategies as st


def problem_shapes(rows):
    """Strategies by name, with at most so many rows."""
    return {
        "task": st.sampled_from(sorted(TASKS)),
        "hidden": st.lists(st.integers(1, 37), max_size=3),
        "activation": st.sampled_from(HIDDEN),
        "features": st.integers(1, 35),
        "rows": st.integers(1, rows),
        "weighted": st.booleans(),
        "sparse": st.booleans(),
    }
