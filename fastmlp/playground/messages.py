"""The messages of a page, as JSON text, and how they reach its session."""

from __future__ import annotations

import json
from typing import Any

from .session import Reply, Session

#: Type of a message ↦ its other fields, which are the arguments of the session's method of that name.
MESSAGES: dict[str, tuple[str, ...]] = {
    "configure": ("values",),
    "csv": ("text",),
    "play": ("speed",),
    "pause": (),
    "reset": (),
    "epoch": (),
    "step": (),
    "edit": ("layer", "source", "unit", "value"),
    "fold": ("layer", "units"),
    "numbers": ("row",),
    "apply": (),
}
#: Longest text of an error, which may repeat what was given.
MAX_ERROR = 400


def answer(session: Session, text: str) -> list[Reply]:
    """Do what a message asks for; a message that is not allowed changes nothing, and is answered by an error.

    Examples
    --------
    >>> answer(Session(), '{"type": "dance"}')  # doctest: +ELLIPSIS
    [{'type': 'error', 'message': "There is no message of type 'dance': the types are configure, csv, play, ...
    """
    try:
        return _dispatch(session, text)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        return [error_reply(str(error))]


def error_reply(message: str) -> Reply:
    """Return an error as the page shows it."""
    return {"type": "error", "message": message if len(message) <= MAX_ERROR else f"{message[:MAX_ERROR]}…"}


def _dispatch(session: Session, text: str) -> list[Reply]:
    try:
        message: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The message is not JSON: {error}") from None
    if not isinstance(message, dict):
        raise ValueError(f"A message must be a JSON object, got {text!r:.60}.")
    kind = message.pop("type", None)
    if not isinstance(kind, str) or kind not in MESSAGES:
        raise ValueError(f"There is no message of type {kind!r:.60}: the types are {', '.join(MESSAGES)}.")
    fields = MESSAGES[kind]
    if set(message) != set(fields):
        named = f"the fields {', '.join(fields)}" if fields else "no fields"
        raise ValueError(f"A message of type {kind!r} must have {named}, got {', '.join(message) or 'none'}.")
    replies: list[Reply] = getattr(session, kind)(**message)
    return replies
