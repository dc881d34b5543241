"""What holds for every frozen object with parameters: optimizers, schedules."""

import copy
import pickle
from dataclasses import FrozenInstanceError, fields, replace

import pytest
from sklearn.base import clone


def assert_immutable_value(value, names):
    """Its repr, evaluated with `names`, and its copies are equal to it, and no field can be assigned."""
    assert eval(repr(value), names) == value
    for same in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value), clone(value), replace(value)):
        assert same == value
        assert hash(same) == hash(value)
    for field in fields(value):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, 0.7)


def assert_refused(kind, name, allowed, values, **others):
    """Each of the values is refused, with a message that says what is allowed and what was given."""
    for value in values:
        with pytest.raises(ValueError, match=rf"^{kind.__name__}: {name} must be {allowed}, but .* was given\.$"):
            kind(**{**others, name: value})
