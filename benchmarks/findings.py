"""Measured numbers other than ratios of training times, which are in `comparison.py`."""

from dataclasses import dataclass

from .ratios import Spread


@dataclass(frozen=True)
class Finding:
    """A number with its spread over the pairs.

    Attributes
    ----------
    what : str
        What was measured, such as "exp".
    dtype : str
    threads : int
        How many the process had.
    value : Spread
    unit : str
        "×" (a ratio: `peer`'s time over fastmlp's), "µs" (a call of `peer`, or of fastmlp where it is None),
        "%" (of the best tile's rate), "GFLOP/s" or "s" (more than scikit-learn's).
    peer : str or None
    """

    what: str
    dtype: str
    threads: int
    value: Spread
    unit: str
    peer: str | None = None

    def __str__(self) -> str:
        beside = f" {'against' if self.unit == '×' else 'of'} {self.peer}" if self.peer else ""
        number = "{:.2f}" if abs(self.value.median) < 100 else "{:.0f}"
        low, middle, high = (number.format(v) for v in (self.value.low, self.value.median, self.value.high))
        return f"{self.what}, {self.dtype}{beside}: {middle} {self.unit} ({low}–{high})"
