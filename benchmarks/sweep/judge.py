"""Check that both libraries gave the same result, up to rounding.

Of a prediction it compares what the calls return. Of a training it compares the weights: how far they lie from each
other, in units of how far scikit-learn's have come from the start that both drew (`start.py` draws it once more).
"""

import numpy as np

from ..start import Start
from .cells import Cell
from .models import SEED, Side

APART = {"float32": 1e-4, "float64": 1e-9}  # outputs, beside the largest one
#: Weights. Adam divides even the smallest gradient by its own size, so rounding in it counts in full.
ASTRAY = {"float32": 0.2, "float64": 1e-4}
SURE = 1e-3  # a label may differ where scikit-learn's two best classes are closer than that


def judge(cell: Cell, ours: Side, theirs: Side) -> str | None:
    """Return what is wrong with fastmlp's result of a call, or None."""
    answers = ours.call(), theirs.call()
    if cell.trains:
        return judge_weights(cell, ours.model, theirs.model)
    if cell.call == "predict" and cell.classifies:
        return judge_labels(*answers, theirs)
    return judge_outputs(cell, *map(np.asarray, answers))


def judge_outputs(cell: Cell, ours: np.ndarray, theirs: np.ndarray) -> str | None:
    if ours.shape != theirs.shape:
        return f"shape {ours.shape} instead of {theirs.shape}"
    allowed = APART[_loosest(cell)] if cell.call != "score" else 2e-3
    apart = np.abs(ours - theirs).max() / max(1.0, np.abs(theirs).max())
    return None if apart <= allowed else f"{apart:.1e} from scikit-learn's answer, allowed {allowed:g}"


def judge_labels(ours: np.ndarray, theirs: np.ndarray, side: Side) -> str | None:
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return f"labels {ours.dtype} {ours.shape} instead of {theirs.dtype} {theirs.shape}"
    if not (other := ours != theirs).any():
        return None
    best = np.sort(side.model.predict_proba(*side.call.args), axis=1)
    wrong = int((other & (best[:, -1] - best[:, -2] > SURE)).sum())
    return f"{wrong} of {len(ours)} labels are not scikit-learn's" if wrong else None


def judge_weights(cell: Cell, ours, theirs) -> str | None:
    if [coef.shape for coef in ours.coefs_] != [coef.shape for coef in theirs.coefs_]:
        return "other layers than scikit-learn's"
    if cell.solver != "lbfgs" and ours.n_iter_ != theirs.n_iter_:  # lbfgs also ends where rounding leaves no way down
        return f"{ours.n_iter_} iterations instead of {theirs.n_iter_}"
    start = Start(cell, cell.dtype, SEED).weights
    moved = _distance(theirs.coefs_, start)
    astray = _distance(ours.coefs_, theirs.coefs_) / max(moved, float(np.finfo(cell.dtype).tiny))
    if astray <= ASTRAY[cell.dtype]:
        return None
    return f"weights {astray:.1e} of their way from scikit-learn's, allowed {ASTRAY[cell.dtype]:g}"


def _distance(these: list[np.ndarray], those: list[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum((a - b) ** 2, dtype=np.float64) for a, b in zip(these, those, strict=True))))


def _loosest(cell: Cell) -> str:
    return "float32" if cell.inputs == "other float" else cell.dtype
