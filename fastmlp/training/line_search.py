"""`LineSearch`: a step along a direction of descent that lowers the loss enough and flattens it (Moré and Thuente).

Source: Moré and Thuente (1994), "Line search algorithms with guaranteed sufficient decrease", as in MINPACK-2's
`dcsrch` and `dcstep`, which SciPy's L-BFGS-B calls with these constants. Losses and slopes that are not finite take the
same branches as there: comparisons with NaN are false.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: The step must lower the loss by this share of what its first slope promises, and reduce the slope to this share.
DECREASE, FLATTENING = 1e-3, 0.9
#: The interval may shrink to this share of its upper end; no step is longer than the last number.
NARROWEST, LONGEST = 0.1, 1e10
#: While no minimum is enclosed, the next step lies between these multiples of the last one's length beyond it.
NEAREST, FARTHEST = 1.1, 4.0


@dataclass
class Point:
    """A step, its loss, and its slope: the derivative of the loss along the direction."""

    step: float
    loss: float
    slope: float


class LineSearch:
    """One search; the caller evaluates `step` and calls `advance` until it returns True.

    Parameters
    ----------
    step : float
        The first step, positive.
    loss, slope : float
        At step 0; the slope is negative.

    Examples
    --------
    >>> search = LineSearch(1.0, loss=9.0, slope=-6.0)  # of (x - 3)²
    >>> while not search.advance((search.step - 3) ** 2, 2 * (search.step - 3)):
    ...     print(search.step)
    >>> search.step
    1.0
    """

    def __init__(self, step: float, loss: float, slope: float) -> None:
        self.step, self.start = step, Point(0.0, loss, slope)
        self.best = self.other = self.start  # the ends of the interval, the better one first
        self.encloses, self.first_stage = False, True
        self.low, self.high = 0.0, step + FARTHEST * step
        self.width, self.width_before = LONGEST, 2 * LONGEST

    def advance(self, loss: float, slope: float) -> bool:
        """Say what was found at `step`; return whether the search ends there, else `step` is the next one to try."""
        here = Point(self.step, loss, slope)
        least = DECREASE * self.start.slope
        allowed = self.start.loss + here.step * least
        if self.first_stage and loss <= allowed and slope >= 0:
            self.first_stage = False
        if self._ends(here, allowed, least):
            return True
        tilt = least if self.first_stage and allowed < loss <= self.best.loss else 0.0
        self._shrink(here, tilt)
        if self.encloses:
            if abs(self.other.step - self.best.step) >= 0.66 * self.width_before:
                self.step = self.best.step + 0.5 * (self.other.step - self.best.step)
            self.width_before, self.width = self.width, abs(self.other.step - self.best.step)
            self.low, self.high = sorted((self.best.step, self.other.step))
        else:
            beyond = self.step - self.best.step
            self.low, self.high = self.step + NEAREST * beyond, self.step + FARTHEST * beyond
        self.step = min(max(self.step, 0.0), LONGEST)
        if self.encloses and (not self.low < self.step < self.high or self._is_narrow()):
            self.step = self.best.step
        return False

    def _is_narrow(self) -> bool:
        return self.high - self.low <= NARROWEST * self.high

    def _ends(self, here: Point, allowed: float, least: float) -> bool:
        """Whether a step is good enough, or there is nothing left to try."""
        if self.encloses and (here.step <= self.low or here.step >= self.high or self._is_narrow()):
            return True
        if here.step == LONGEST and here.loss <= allowed and here.slope <= least:
            return True
        if here.step == 0 and (here.loss > allowed or here.slope >= least):
            return True
        return here.loss <= allowed and abs(here.slope) <= FLATTENING * -self.start.slope

    def _shrink(self, here: Point, tilt: float) -> None:
        """Replace an end of the interval by a point, and set the next step; losses count less `tilt` · step."""
        best, other, point = (
            Point(p.step, p.loss - p.step * tilt, p.slope - tilt) for p in (self.best, self.other, here)
        )
        opposite = point.slope < 0 < best.slope or best.slope < 0 < point.slope
        self.step, encloses = interpolate(best, other, point, self.encloses, opposite, self.low, self.high)
        self.encloses = self.encloses or encloses
        if point.loss > best.loss:
            self.other = here
        else:
            if opposite:
                self.other = self.best
            self.best = here


def interpolate(
    best: Point, other: Point, point: Point, encloses: bool, opposite: bool, low: float, high: float
) -> tuple[float, bool]:
    """Return the next step between two points, or beyond them, and whether a minimum is enclosed from now on.

    Parameters
    ----------
    best, other, point : Point
        The interval, the better end first, and the latest point.
    encloses : bool
        Whether the interval is known to enclose a minimum.
    opposite : bool
        Whether the slopes of `best` and `point` have opposite signs.
    low, high : float
        Bounds of the next step, if no minimum is enclosed.
    """
    here, ahead = point.step, point.step > best.step
    if point.loss > best.loss:  # the minimum lies between: of the cubic's and the quadratic's, the closer to best
        cubic = minimize_cubic(best, point)
        slope, mean = np.float64(best.slope), np.float64(best.loss - point.loss) / (here - best.step)
        quadratic = float(best.step + slope / (mean + slope) / 2 * (here - best.step))
        closer = abs(cubic - best.step) < abs(quadratic - best.step)
        return cubic if closer else cubic + (quadratic - cubic) / 2, True
    secant = float(here + np.float64(point.slope) / (point.slope - best.slope) * (best.step - here))
    if opposite:  # it lies between: of the cubic's and the secant's, the farther from the point
        cubic = minimize_cubic(point, best)
        return cubic if abs(cubic - here) > abs(secant - here) else secant, True
    if abs(point.slope) < abs(best.slope):  # the slope flattens
        cubic = extrapolate_cubic(point, best, high if ahead else low)
        if not encloses:
            step = cubic if abs(cubic - here) > abs(secant - here) else secant
            return max(low, min(high, step)), False
        step = cubic if abs(cubic - here) < abs(secant - here) else secant
        bound = here + 0.66 * (other.step - here)
        return min(bound, step) if ahead else max(bound, step), False
    if encloses:
        return minimize_cubic(point, other), False
    return high if ahead else low, False


def minimize_cubic(start: Point, end: Point) -> float:
    """Return the minimum of the cubic through two points with their slopes."""
    theta, gamma = _cubic(start, end)
    r = ((gamma - start.slope) + theta) / (((gamma - start.slope) + gamma) + end.slope)
    return float(start.step + r * (end.step - start.step))


def extrapolate_cubic(point: Point, best: Point, limit: float) -> float:
    """Return the minimum of the cubic through two points if it lies beyond `point`, away from `best`; else `limit`."""
    theta, gamma = _cubic(point, best)
    r = ((gamma - point.slope) + theta) / ((gamma + (best.slope - point.slope)) + gamma)
    return float(point.step + r * (best.step - point.step)) if r < 0 and gamma != 0 else limit


def _cubic(start: Point, end: Point) -> tuple[np.float64, np.float64]:
    """Return Moré and Thuente's θ and γ, of which the minimum of the cubic is made."""
    theta = 3 * (np.float64(start.loss) - end.loss) / (end.step - start.step) + start.slope + end.slope
    scale = max(abs(theta), abs(start.slope), abs(end.slope))
    gamma = scale * np.sqrt(np.maximum((theta / scale) ** 2 - (start.slope / scale) * (end.slope / scale), 0))
    return theta, -gamma if end.step < start.step else gamma
