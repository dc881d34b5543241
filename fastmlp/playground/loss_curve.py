"""`LossCurve`: training and test loss over the epochs, with a limited number of points."""

from __future__ import annotations

#: Above this number every second point is left out.
MAX_POINTS = 400


class LossCurve:
    """Losses at increasing numbers of epochs; older points are thinned out where there are too many.

    Attributes
    ----------
    epochs, train, test : list of float

    Examples
    --------
    >>> curve = LossCurve()
    >>> curve.add(0, 0.7, 0.8)
    >>> curve.add(1, 0.5, 0.6)
    >>> curve.add(1, 0.4, 0.6)  # a weight was edited
    >>> curve.epochs, curve.train
    ([0, 1], [0.7, 0.4])
    """

    def __init__(self) -> None:
        self.epochs: list[float] = []
        self.train: list[float] = []
        self.test: list[float] = []

    def add(self, epochs: float, train: float, test: float) -> None:
        """Add a point; it replaces the last one if that is at the same number of epochs."""
        if self.epochs and self.epochs[-1] == epochs:
            self.train[-1], self.test[-1] = train, test
            return
        for values, value in ((self.epochs, epochs), (self.train, train), (self.test, test)):
            if len(values) >= MAX_POINTS:
                del values[1:-1:2]  # the first and the last stay
            values.append(value)
