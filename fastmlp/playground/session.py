"""`Session`: what one page sees and does, as messages in and out; it knows nothing of the browser."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from ..common.checks import is_integer
from ..common.frozen_params import Range
from . import pictures
from .as_code import as_code
from .choices import DATA_CHOICES, NETWORK_CHOICES, OWN_DATA, Choices
from .csv_data import Table, as_plane_data, read_csv
from .data_sets import PlaneData, make_data
from .frames import describe_data, encode_frame
from .loss_curve import LossCurve
from .step_numbers import step_numbers
from .trainer import Trainer, WeightsNotFiniteError

Reply = dict[str, Any]
#: Largest magnitude of a weight that is set by hand.
MAX_WEIGHT = 100.0
#: Name ↦ epochs a second; 'growing' makes one epoch in the first frames, then more and more.
SPEEDS = {"growing": math.inf, "full": math.inf, "100": 100.0, "10": 10.0, "1": 1.0}


class Session:
    """Data, network and training of one page.

    The methods that are named in `fastmlp.playground.messages` are called with the fields of a message; they raise
    ValueError, with nothing changed, if a field is not allowed.

    Parameters
    ----------
    clock : callable, default=time.perf_counter
        Seconds.

    Attributes
    ----------
    choices : Choices
    trainer : Trainer
    playing : bool
        Whether `advance` trains.
    changed : bool
        Whether there is something new to draw, see `frame`.

    Examples
    --------
    >>> session = Session()
    >>> session.configure({"hidden": [3]})[0]["choices"]["hidden"]
    (3,)
    >>> session.epoch()
    []
    >>> session.trainer.epochs, session.changed
    (1, True)
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._table: Table | None = None
        self._fold: tuple[int, tuple[int, int]] | None = None
        self._shown_row: int | None = None
        self.playing, self._speed = False, "growing"
        self._replace(Choices(), None)

    # What the page asks for

    def describe(self) -> list[Reply]:
        """Return the choices and the data."""
        return [self._describe_choices(), describe_data(self.data)]

    def configure(self, values: Any) -> list[Reply]:
        """Change some of the choices; where other data or another network are chosen, training begins anew."""
        if not isinstance(values, dict):
            raise ValueError(f"values must be an object with choices, got {values!r:.60}.")
        choices = self.choices.changed(values)
        return self._apply(choices, choices.differences(self.choices))

    def csv(self, text: Any) -> list[Reply]:
        """Take the text of a CSV file as the data."""
        if not isinstance(text, str):
            raise ValueError(f"text must be the content of a CSV file, got {text!r:.60}.")
        table, before = read_csv(text), self._table
        self._table = table
        try:
            return self._apply(self.choices.changed({"data": OWN_DATA}), DATA_CHOICES)
        except ValueError:
            self._table = before
            raise

    def play(self, speed: Any) -> list[Reply]:
        """Train in each call of `advance`."""
        if not isinstance(speed, str) or speed not in SPEEDS:
            raise ValueError(f"speed must be one of {', '.join(SPEEDS)}, got {speed!r:.60}.")
        self.playing, self.changed, self._speed, self._due = True, True, speed, 0.0
        return []

    def pause(self) -> list[Reply]:
        """Train no more."""
        self.playing, self.changed = False, True
        return []

    def reset(self) -> list[Reply]:
        """Return to the first weights."""
        self.playing = False
        self.trainer.restart()
        self._begin()
        return []

    def epoch(self) -> list[Reply]:
        """Make one epoch, or what is left of it."""
        return self._train(self.trainer.epoch)

    def step(self) -> list[Reply]:
        """Make one step: one mini-batch."""
        return self._train(self.trainer.step)

    def edit(self, layer: Any, source: Any, unit: Any, value: Any) -> list[Reply]:
        """Set the weight from `source`, a number of the layer below, to `unit`; where `source` is None, the bias."""
        network = self.trainer.network
        layer = _index("layer", layer, len(network.coefs))
        fan_in, fan_out = network.coefs[layer].shape
        unit, allowed = _index("unit", unit, fan_out), Range(-MAX_WEIGHT, MAX_WEIGHT)
        source = None if source is None else _index("source", source, fan_in)
        if not allowed.allows(value):
            raise ValueError(f"A weight must be {allowed}, got {value!r:.60}.")
        place = network.intercepts[layer] if source is None else network.coefs[layer][source]
        place[unit] = value
        self._record()
        return []

    def fold(self, layer: Any, units: Any) -> list[Reply]:
        """Choose the hidden layer and the two units of the folded plane."""
        layer = _index("layer", layer, len(self.choices.hidden))
        if not isinstance(units, list) or len(units) != 2:
            raise ValueError(f"units must be two numbers, got {units!r:.60}.")
        first, second = (_index("unit", unit, self.choices.hidden[layer]) for unit in units)
        self._fold, self.changed = (layer, (first, second)), True
        return []

    def numbers(self, row: Any) -> list[Reply]:
        """Return the numbers of a step on one training row, or, where `row` is None, on the next mini-batch."""
        row = None if row is None else _index("row", row, len(self.data.y_train))
        self._shown_row = row
        rows = self.trainer.next_batch().rows if row is None else np.array([row])
        try:
            with np.errstate(all="ignore"):  # large weights may overflow
                numbers = step_numbers(self.trainer, rows)
        except WeightsNotFiniteError:
            return [self._not_finite()]
        return [{"type": "numbers", "row": row, "progress": self.trainer.progress, **numbers}]

    def apply(self) -> list[Reply]:
        """Make the step whose numbers were asked for last, and return those of the one after it."""
        row = self._shown_row
        replies = self.step() if row is None else self._train(lambda: self.trainer.step_on(np.array([row])))
        return replies or self.numbers(row)

    # What the server asks for

    def advance(self, seconds: float) -> list[Reply]:
        """Train for this long, or as many epochs as the speed allows, and at least one at full speed."""
        end, made = self._clock() + seconds, 0
        allowed = self._allowed_epochs(seconds)
        try:
            while made < allowed and (not made or self._clock() < end):
                self.trainer.epoch()
                made += 1
        except WeightsNotFiniteError:
            return [self._not_finite()]
        finally:
            if made:
                self._record()
        return []

    def frame(self) -> bytes:
        """Return what is drawn, see `frames`; `changed` becomes False."""
        self.changed = False
        network = self.trainer.network
        maps = pictures.unit_maps(network, self.data.is_regression)
        fold = None if self._fold is None else pictures.fold(network, self.data, *self._fold)
        return encode_frame(self.trainer, self.playing, self.curve, maps, fold)

    # Within

    @property
    def choices(self) -> Choices:
        """What is chosen."""
        return self.trainer.choices

    @property
    def data(self) -> PlaneData:
        """The points."""
        return self.trainer.data

    def _apply(self, choices: Choices, changes: frozenset[str]) -> list[Reply]:
        if changes & (DATA_CHOICES | NETWORK_CHOICES):
            self._replace(choices, None if changes & DATA_CHOICES else self.data)
            new_data = [describe_data(self.data)] if changes & DATA_CHOICES else []
            return [self._describe_choices(), *new_data]
        self.trainer.choose(choices)
        return [self._describe_choices()]

    def _replace(self, choices: Choices, data: PlaneData | None) -> None:
        """Begin with another network; with other data, if `data` is None. Nothing is changed where they are refused."""
        self.trainer = Trainer(self._make_data(choices) if data is None else data, choices)
        self._fold = pictures.usual_fold(tuple(choices.hidden))
        self._begin()

    def _make_data(self, choices: Choices) -> PlaneData:
        if choices.data != OWN_DATA:
            return make_data(choices.data, choices.rows, choices.noise, choices.test_share, choices.seed)
        if self._table is None:
            raise ValueError("Your own data are not there yet: upload a CSV file first.")
        return as_plane_data(self._table, choices.test_share, choices.seed)

    def _begin(self) -> None:
        self.curve, self._frames, self._due = LossCurve(), 0, 0.0
        self._shown_row = None
        self._record()

    def _record(self) -> None:
        data, network = self.data, self.trainer.network
        train, test = network.loss(data.X_train, data.y_train), network.loss(data.X_test, data.y_test)
        self.curve.add(self.trainer.progress, train, test)
        self.changed = True

    def _train(self, work: Callable[[], None]) -> list[Reply]:
        self.playing = False
        try:
            work()
        except WeightsNotFiniteError:
            return [self._not_finite()]
        self._record()
        return []

    def _allowed_epochs(self, seconds: float) -> float:
        """How many epochs the speed allows in the next `seconds`."""
        self._frames += 1
        if self._speed == "growing":
            return max(1, round((self._frames / 10) ** 2))
        self._due += seconds * SPEEDS[self._speed]
        whole = math.floor(self._due) if math.isfinite(self._due) else math.inf
        self._due = 0.0 if whole == math.inf else self._due - whole
        return whole

    def _not_finite(self) -> Reply:
        self.playing, self.changed = False, True
        return {
            "type": "error",
            "message": "This step makes a weight infinite, so it was taken back, and training has stopped. Lower the "
            "learning rate, or press Reset.",
        }

    def _describe_choices(self) -> Reply:
        choices = self.choices
        return {"type": "choices", "choices": asdict(choices), "code": as_code(choices, self.data.is_regression)}


def _index(name: str, value: Any, length: int) -> int:
    if not is_integer(value) or not 0 <= value < length:
        allowed = f"an integer from 0 to {length - 1}" if length else "left out, as there is none"
        raise ValueError(f"{name} must be {allowed}, got {value!r:.60}.")
    return int(value)
