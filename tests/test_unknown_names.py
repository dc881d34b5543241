"""All names are looked up in the same way, and unknown ones raise the same exception."""

import pytest
from helpers.merged import in_one_test

from fastmlp.activations import as_activation
from fastmlp.initializers import as_initializer
from fastmlp.losses import as_loss
from fastmlp.optimizers import as_optimizer
from fastmlp.schedules import schedule_by_name

LOOKUPS = {
    "activation": (as_activation, "tanh"),
    "initializer": (as_initializer, "orthogonal"),
    "loss": (as_loss, "huber"),
    "optimizer": (as_optimizer, "adam"),
    "learning_rate": (lambda name: schedule_by_name(name, 0.1, 0.5), "constant"),
}


@in_one_test()
@pytest.mark.parametrize("wrong", ["nonsense", None, 3, ["adam"]], ids=str)
@pytest.mark.parametrize("kind", LOOKUPS)
def test_unknown_names(kind, wrong):
    look_up, known = LOOKUPS[kind]
    with pytest.raises(ValueError) as caught:
        look_up(wrong)
    assert isinstance(caught.value, KeyError)
    message = str(caught.value)
    assert message.startswith(f"{kind}={wrong!r} is unknown: it is one of ") and known in message
    assert look_up(known) is not None
