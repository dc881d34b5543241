"""ln(1 + x) without loss of precision for small x, as in the losses of correct predictions."""

from .elementary import log
from .lanes import Lane, elementwise, select


@elementwise
def log_one_plus(x: Lane) -> Lane:
    """ln(1 + x) for −1 < x ≤ 1, within 3 ulp.

    u = 1 + x is rounded, but ln(u) / (u − 1) hardly depends on u, so x times this quotient is accurate (Kahan; Goldberg
    (1991), "What every computer scientist should know about floating-point arithmetic", theorem 4).
    """
    u = x + 1.0
    return select(u.equals(1.0), x, log.formula(u) * (x / (u - 1.0)))
