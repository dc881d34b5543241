"""What one page sees and does, and the messages that ask for it."""

import json
import math
import struct

import numpy as np
import pytest
from helpers.merged import in_one_test

from fastmlp.playground import pictures
from fastmlp.playground.choices import ACTIVATIONS, MAX_LAYERS, MAX_UNITS
from fastmlp.playground.frames import describe_page, encode
from fastmlp.playground.loss_curve import MAX_POINTS, LossCurve
from fastmlp.playground.messages import MAX_ERROR, MESSAGES, answer
from fastmlp.playground.session import SPEEDS, Session

CSV = "height,width,kind\n" + "".join(f"{row},{row * row % 7},{'ab'[row % 2]}\n" for row in range(20))


def make_session():
    return Session(clock=lambda: 0.0)


@pytest.fixture
def session():
    return make_session()


def decode(frame):
    (length,) = struct.unpack("<I", frame[:4])
    return json.loads(frame[4 : 4 + length]), frame[4 + length :]


def params(session):
    return session.trainer.network.params.copy()


def test_every_message_is_a_method():
    assert all(callable(getattr(Session, name)) for name in MESSAGES)


def test_the_frame_holds_what_is_drawn(session):
    session.configure({"hidden": [3, 2], "activation": "relu"})
    header, rest = decode(session.frame())
    assert not session.changed
    network, size = session.trainer.network, pictures.MAP_SIZE**2
    assert header["coefs"] == [coef.tolist() for coef in network.coefs]
    assert header["intercepts"] == [intercept.tolist() for intercept in network.intercepts]
    maps = np.frombuffer(rest[: 6 * size], np.int8).reshape(6, size)
    first, second, output = network.activations_of(pictures.PLANE)[1]
    np.testing.assert_allclose(maps[:3] / 127 * header["scales"][0], first.T, atol=header["scales"][0] / 250)
    np.testing.assert_allclose(maps[3:5] / 127 * header["scales"][1], second.T, atol=header["scales"][1] / 250)
    np.testing.assert_allclose(maps[5] / 127, 2 * output[:, 0] - 1, atol=1 / 250)
    places = np.frombuffer(rest[6 * size :], "<f4").reshape(-1, 2)
    n_lines = len(pictures.GRID_LINES)
    assert header["fold"] == {"layer": 1, "units": [0, 1]}
    np.testing.assert_allclose(places[:n_lines], network.activations_of(pictures.GRID_LINES)[1][1], rtol=1e-6)
    points = np.concatenate([session.data.X_train, session.data.X_test])
    np.testing.assert_allclose(places[n_lines:], network.activations_of(points)[1][1], rtol=1e-6)


def test_the_plane_begins_at_its_upper_left_corner():
    x, y = pictures.PLANE[[0, pictures.MAP_SIZE - 1, -1]].T
    assert x[0] < 0 < x[1] == x[2] and y[0] == y[1] > 0 > y[2]


def test_losses_and_accuracy_are_those_of_the_network(session):
    session.epoch()
    header, _ = decode(session.frame())
    network, data = session.trainer.network, session.data
    assert header["curve"]["train"][-1] == network.loss(data.X_train, data.y_train)
    assert header["curve"]["test"][-1] == network.loss(data.X_test, data.y_test)
    right = (network.forward(data.X_test)[:, 0] > 0.5) == (data.y_test == 1)
    assert header["accuracy"][1] == right.mean()
    session.configure({"data": "hills"})
    assert decode(session.frame())[0]["accuracy"] is None


@in_one_test()
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_learns(activation):
    session = make_session()
    session.configure({"data": "blobs", "activation": activation, "hidden": [4]})
    for _ in range(30):
        session.epoch()
    assert session.curve.train[-1] < session.curve.train[0]


def test_steps_and_epochs(session):
    session.step()
    assert (session.trainer.steps, session.trainer.progress) == (1, 0.05)
    session.epoch()
    assert (session.trainer.steps, session.trainer.epochs) == (20, 1)
    assert session.curve.epochs == [0, 0.05, 1]


def test_training_follows_the_speed(session):
    session.play("10")
    session.advance(0.05)
    assert session.trainer.epochs == 0
    session.advance(0.05)
    assert session.trainer.epochs == 1
    session.play("100")
    session.advance(0.25)
    assert session.trainer.epochs == 26
    session.pause()
    assert not session.playing


def test_training_that_grows():
    session = Session(clock=lambda: 0.0)
    session.play("growing")
    made = []
    for _ in range(40):
        before = session.trainer.epochs
        session.advance(0.04)
        made.append(session.trainer.epochs - before)
    assert made[0] == 1 and made[-1] == 16 and made == sorted(made)


def test_full_speed_uses_the_whole_time():
    times = iter(range(100))
    session = Session(clock=lambda: float(next(times)))
    session.play("full")
    session.advance(5.0)
    assert session.trainer.epochs == 5
    session.advance(0.0)
    assert session.trainer.epochs == 6


def test_an_edited_weight_changes_the_pictures_at_once(session):
    before, old = session.frame(), session.curve.train[-1]
    session.edit(layer=0, source=1, unit=2, value=4.5)
    assert session.trainer.network.coefs[0][1, 2] == 4.5 and session.changed
    session.edit(layer=1, source=None, unit=1, value=-2)
    assert session.trainer.network.intercepts[1][1] == -2
    assert session.curve.train[-1] != old and session.curve.epochs == [0]
    assert session.frame() != before


def test_reset_returns_to_the_first_weights(session):
    first = params(session)
    session.epoch()
    session.edit(layer=0, source=None, unit=0, value=1.0)
    session.play("full")
    session.reset()
    assert (params(session) == first).all() and not session.playing
    assert session.curve.epochs == [0] and session.trainer.epochs == 0


@in_one_test()
@pytest.mark.parametrize("values, begins_anew", [({"hidden": [2]}, True), ({"noise": 0.3}, True), ({"seed": 3}, True),
                                                 ({"l2": 1.0}, False), ({"solver": "adam"}, False),
                                                 ({"learning_rate": 1, "batch_size": 5}, False)])  # fmt: skip
def test_choices_that_begin_anew(values, begins_anew):
    session = make_session()
    session.play("full")
    session.epoch()
    session.play("full")
    replies = session.configure(values)
    assert (session.trainer.epochs == 0) is begins_anew and session.playing
    assert ("data" in [reply["type"] for reply in replies]) is bool({"noise", "seed"} & set(values))
    assert f"random_state={session.choices.seed}" in replies[0]["code"]


def test_apply_makes_the_step_of_the_numbers(session):
    (numbers,) = session.numbers(row=4)
    assert numbers["rows"] == [4] and numbers["row"] == 4
    (after,) = session.apply()
    assert after["loss"] == numbers["new_loss"]
    (numbers,) = session.numbers(row=None)
    assert len(numbers["rows"]) == 10
    (following,) = session.apply()
    assert following["rows"] != numbers["rows"] and session.trainer.progress == 0.05


def test_the_folded_plane_can_be_chosen(session):
    session.configure({"hidden": [3, 4, 1]})
    assert decode(session.frame())[0]["fold"] == {"layer": 2, "units": [0, 0]}
    session.fold(layer=1, units=[3, 1])
    assert decode(session.frame())[0]["fold"] == {"layer": 1, "units": [3, 1]}
    session.configure({"hidden": []})
    assert decode(session.frame())[0]["fold"] is None


def test_own_data(session):
    choices, data = session.csv(CSV)
    assert choices["choices"]["data"] == "csv" and data["names"] == ("height", "width", "kind")
    session.epoch()
    session.configure({"data": "xor"})
    session.configure({"data": "csv", "test_share": 0.2})
    assert len(session.data.y_test) == 4


def test_data_that_are_refused_change_nothing(session):
    session.csv(CSV)
    session.epoch()
    before = params(session)
    for text in ("1,2", "1,2,0\n" * 5, 7, None):
        with pytest.raises(ValueError):
            session.csv(text)
    assert (params(session) == before).all() and session.data.names[0] == "height"
    session.configure({"seed": 1})
    assert session.data.names[0] == "height"


def test_weights_that_become_infinite_stop_the_training(session):
    session.configure({"learning_rate": 10, "l2": 100, "batch_size": 1})
    session.play("full")
    for _ in range(10_000):
        replies = session.advance(0.0)
        if replies:
            break
    (error,) = replies
    assert error["type"] == "error" and "Lower the learning rate" in error["message"] and not session.playing
    assert np.isfinite(params(session)).all()
    decode(session.frame())
    assert session.numbers(row=0)[0]["type"] in ("error", "numbers")


def test_huge_weights_can_be_drawn(session):
    session.configure({"hidden": [8] * 6, "activation": "relu"})
    for layer in range(7):
        session.trainer.network.coefs[layer][...] = 1e300
    session.edit(layer=0, source=None, unit=0, value=1)
    header, _ = decode(session.frame())
    assert header["coefs"][0][0][0] == 1e300 and all(math.isfinite(scale) for scale in header["scales"])
    session.numbers(row=0)


def test_numbers_that_are_not_finite_are_null():
    assert encode({"numbers": [math.inf, math.nan, 1.0]}) == '{"numbers":[null,null,1.0]}'


@in_one_test()
@pytest.mark.parametrize("units", range(MAX_LAYERS + 1))
def test_every_size_that_is_allowed(units):
    session = make_session()
    session.configure({"hidden": [MAX_UNITS] * units})
    session.epoch()
    session.frame()


def test_the_curve_keeps_its_ends():
    curve = LossCurve()
    for epoch in range(5000):
        curve.add(epoch, 5000 - epoch, 0.0)
    assert len(curve.epochs) <= MAX_POINTS and curve.epochs[0] == 0 and curve.epochs[-1] == 4999
    assert curve.epochs == sorted(curve.epochs) and curve.train == [5000 - epoch for epoch in curve.epochs]


def test_the_page_is_described():
    page = json.loads(encode(describe_page()))
    assert set(page["previews"]) == {"circles", "moons", "spirals", "xor", "blobs", "hills"}
    assert all(abs(value) <= 2.5 for points in page["previews"].values() for point in points for value in point)


BAD = [
    "", "{", "[]", "3", "null", '"play"', "{}", '{"type": 3}', '{"type": "dance"}', '{"type": ["play"]}',
    '{"type": "__init__"}', '{"type": "advance", "seconds": 1e9}', '{"type": "frame"}',
    '{"type": "play"}', '{"type": "play", "speed": "fast"}', '{"type": "play", "speed": []}',
    '{"type": "play", "speed": "full", "more": 1}', '{"type": "pause", "speed": "full"}',
    '{"type": "configure", "values": 3}', '{"type": "configure", "values": {"hidden": 3}}',
    '{"type": "configure", "values": {"hidden": [9]}}', '{"type": "configure", "values": {"hidden": [1,1,1,1,1,1,1]}}',
    '{"type": "configure", "values": {"hidden": [true]}}', '{"type": "configure", "values": {"hidden": [2.5]}}',
    '{"type": "configure", "values": {"hidden": "22"}}', '{"type": "configure", "values": {"hidden": {"0": 1}}}',
    '{"type": "configure", "values": {"learning_rate": NaN}}', '{"type": "configure", "values": {"noise": Infinity}}',
    '{"type": "configure", "values": {"learning_rate": "1"}}', '{"type": "configure", "values": {"rows": 1e9}}',
    '{"type": "configure", "values": {"rows": 1' + "0" * 400 + "}}", '{"type": "configure", "values": {"seed": -1}}',
    '{"type": "configure", "values": {"activation": "softmax"}}', '{"type": "configure", "values": {"data": "csv"}}',
    '{"type": "configure", "values": {"data": "../etc"}}', '{"type": "configure", "values": {"loss": "hinge"}}',
    '{"type": "configure", "values": {"changed": 1}}', '{"type": "csv", "text": ["1,2,3"]}', '{"type": "csv"}',
    '{"type": "edit", "layer": 0, "source": 0, "unit": 0, "value": 1e9}',
    '{"type": "edit", "layer": 0, "source": 0, "unit": 0, "value": NaN}',
    '{"type": "edit", "layer": 0, "source": 0, "unit": 0, "value": "1"}',
    '{"type": "edit", "layer": 0, "source": 0, "unit": 0, "value": null}',
    '{"type": "edit", "layer": 9, "source": 0, "unit": 0, "value": 1}',
    '{"type": "edit", "layer": -1, "source": 0, "unit": 0, "value": 1}',
    '{"type": "edit", "layer": 0, "source": 2, "unit": 0, "value": 1}',
    '{"type": "edit", "layer": 0, "source": 0, "unit": 4, "value": 1}',
    '{"type": "edit", "layer": true, "source": 0, "unit": 0, "value": 1}',
    '{"type": "fold", "layer": 5, "units": [0, 1]}', '{"type": "fold", "layer": 0, "units": [0]}',
    '{"type": "fold", "layer": 0, "units": 3}', '{"type": "fold", "layer": 1, "units": [0, 2]}',
    '{"type": "numbers", "row": 200}', '{"type": "numbers", "row": -1}', '{"type": "numbers", "row": "1"}',
    "[" * 100_000, '{"type": ' + "[" * 100_000, "1" * 10_000, '{"type": "' + "x" * 100_000 + '"}',
    '{"type": "play", "speed": "' + "x" * 100_000 + '"}',
    '{"type": "configure", "values": {"activation": "' + "x" * 100_000 + '"}}',
]  # fmt: skip


@in_one_test()
@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:70])
def test_bad_messages_are_answered_and_change_nothing(text):
    session = make_session()
    before, choices = params(session), session.choices
    (reply,) = answer(session, text)
    assert reply["type"] == "error" and 10 < len(reply["message"]) <= MAX_ERROR + 1
    assert (params(session) == before).all() and session.choices == choices and not session.playing
    encode(reply)


def test_good_messages_are_not_refused(session):
    """So that the list above does not test something else."""
    for speed in SPEEDS:
        assert answer(session, json.dumps({"type": "play", "speed": speed})) == []
    good = '{"type": "edit", "layer": 0, "source": 0, "unit": 0, "value": 1}'
    assert answer(session, good) == [] and session.trainer.network.coefs[0][0, 0] == 1
    assert answer(session, '{"type": "configure", "values": {"hidden": [2.0]}}')[0]["type"] == "error"
