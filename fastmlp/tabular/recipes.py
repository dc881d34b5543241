"""Recipes: the numbers of a training for tables, tuned on many data sets."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from ..schedules import LogCosine, Schedule

#: Ten batches of 256.
SMALL_ROWS = 2560
SCHEDULES = {"log-cosine": LogCosine}


@dataclass(frozen=True)
class Recipe:
    """The numbers of a training. Learning rate, weight decay and dropout are multiplied by their schedule.

    Parameters
    ----------
    n_members : int
        Networks that are trained, and whose predictions are averaged.
    hidden_layer_sizes : tuple of int
    activation : str
    learn_slopes : bool
        Whether each hidden neuron has a slope α: f_α(z) = z + α (f(z) − z).
    numeric_encoding : {'piecewise-linear', 'periodic'}, None, or tuple of these
        A tuple has one for each member, and begins again behind the last.
    n_bins : int
        Of the piecewise-linear encoding.
    max_one_hot_categories : int or None
        Category columns with more categories get an embedding that is learnt; None for no such embedding.
    max_iter, batch_size : int
        Epochs, and rows of a batch; the last, incomplete batch of an epoch is left out.
    small_batch_size : int or None
        Instead of `batch_size`, for fewer than SMALL_ROWS training rows, which make few steps in an epoch.
    learning_rate : float
    learning_rate_schedule : {'log-cosine'}
    beta_2 : float
        Adam's; β₁ is 0.9, ε 1e-8.
    weight_decay, dropout : float
        In the first half of the training; then they fall to zero.
    label_smoothing : float
        For one class a row.
    validation_fraction : float
        The part of the rows that a member is judged by after each epoch and not trained on, another part for each
        member; the parameters of its best epoch are kept. 0 for none, and those of the last epoch.
    initialize_from_data : bool
        See `fastmlp.tabular.initial.initialize`.
    scale_decay : float
        Decay of the scaling layer, relative to the weights'.
    clip_predictions : bool
        Whether predictions of a regression are clipped to the range of the training targets.
    """

    n_members: int
    hidden_layer_sizes: tuple[int, ...]
    activation: str
    learning_rate: float
    learn_slopes: bool = True
    numeric_encoding: str | tuple[str | None, ...] | None = "periodic"
    n_bins: int = 16
    max_one_hot_categories: int | None = 8
    max_iter: int = 256
    batch_size: int = 256
    small_batch_size: int | None = None
    learning_rate_schedule: str = "log-cosine"
    beta_2: float = 0.95
    weight_decay: float = 0.02
    dropout: float = 0.15
    label_smoothing: float = 0.0
    validation_fraction: float = 0.2
    initialize_from_data: bool = True
    scale_decay: float = 36.0
    clip_predictions: bool = True

    def for_rows(self, n_rows: int) -> Recipe:
        """Return the recipe with the batch size for this number of rows."""
        if self.small_batch_size is None or n_rows >= SMALL_ROWS:
            return self
        return replace(self, batch_size=self.small_batch_size)

    def encoding_of(self, member: int) -> str | None:
        """Return the encoding of numbers of a member."""
        encoding = self.numeric_encoding
        return encoding[member % len(encoding)] if isinstance(encoding, tuple) else encoding

    @property
    def has_bins(self) -> bool:
        """Whether a member reads bins of numbers."""
        return any(self.encoding_of(member) == "piecewise-linear" for member in range(self.n_members))

    def learning_rates(self, steps: int) -> Schedule:
        """Return the learning rate of each of `steps` steps."""
        schedule: Schedule = SCHEDULES[self.learning_rate_schedule](self.learning_rate, steps)
        return schedule

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


_TD = Recipe(1, (256, 256, 256), "mish", 0.2)
_TD_CLASSES = replace(_TD, activation="selu", learning_rate=0.04, label_smoothing=0.1)
_TD_S = replace(
    _TD, learning_rate=0.07, learn_slopes=False, numeric_encoding=None, max_one_hot_categories=None, weight_decay=0.0,
    dropout=0.0, initialize_from_data=False, clip_predictions=False,
)  # fmt: skip
_TD_S_CLASSES = replace(_TD_S, activation="selu", learning_rate=0.04, label_smoothing=0.1)
_DEFAULT: dict[str, Any] = {
    "n_members": 4, "hidden_layer_sizes": (128, 128, 128), "max_iter": 64, "validation_fraction": 0.0,
    "numeric_encoding": ("periodic", "piecewise-linear", "periodic", None), "small_batch_size": 128,
}  # fmt: skip
_FAST = {**_DEFAULT, "n_members": 2, "hidden_layer_sizes": (64, 64, 64)}

#: Recipes for (regression, classes).
RECIPES = {
    "default": (replace(_TD, **_DEFAULT), replace(_TD_CLASSES, **_DEFAULT)),
    "fast": (replace(_TD, **_FAST), replace(_TD_CLASSES, **_FAST)),
    "realmlp-td-s": (_TD_S, _TD_S_CLASSES),
    "realmlp-td": (_TD, _TD_CLASSES),
}


def recipe_of(name: str, classes: bool) -> Recipe:
    """Return the recipe of this name, which an estimator has validated, for classes or for regression."""
    return RECIPES[name][int(classes)]
