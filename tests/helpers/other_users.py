"""Another user: a child process that gives up root's rights and then calls a function of the tests."""

import os
import pickle

import pytest

#: The ids of "nobody" and of another user. They need not be in the user database.
NOBODY, SOMEBODY = 65534, 54321

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user"
)


def run_as(user, function, *arguments):
    """What the function returns for that user. (It must not import: the user may be unable to read modules.)"""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            answer = True, function(*arguments)
        except BaseException as error:
            answer = False, repr(error)
        try:
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(answer, pipe)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    assert content, "the child has died"
    succeeded, answer = pickle.loads(content)
    assert succeeded, answer
    return answer
