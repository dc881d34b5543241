"""`FinishedTasks`: forget the tasks of epochs that have ended, which scikit-learn's contexts would keep."""

from __future__ import annotations

from typing import Any


class _Numbered(dict[int, Any]):
    """The subtasks of a task, by their numbers; its length counts those that were dropped, too.

    scikit-learn gives each subtask its number by this length, and compares it with the maximum number of subtasks.
    """

    dropped = 0

    def __len__(self) -> int:
        return super().__len__() + self.dropped


class FinishedTasks:
    """Drops subtasks of a task from scikit-learn's tree, where each would keep about 350 bytes until the fit ends.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext
        The task. Where a version of scikit-learn keeps its subtasks in another way, nothing is dropped.
    """

    def __init__(self, context: Any) -> None:
        self.children: _Numbered | None = None
        if type(getattr(context, "_children_map", None)) is dict:
            self.children = context._children_map = _Numbered(context._children_map)

    def drop(self, context: Any) -> None:
        """Forget a subtask that has ended; its numbers and its parent stay those that they were."""
        if self.children is not None and self.children.pop(context.task_id, None) is not None:
            self.children.dropped += 1
