"""What is known of the outputs of an activation, given as a name or as an object."""

from __future__ import annotations

from ..activations import ACTIVATIONS, BaseActivation
from ..common.frozen_params import Range

#: Ranges that losses ask of outputs.
UNIT, POSITIVE = Range(0, 1), Range(0, brackets="()")


def name_of(output: str | BaseActivation) -> str:
    """Return an activation's name."""
    return output if isinstance(output, str) else output.name


def is_elementwise(output: str | BaseActivation) -> bool:
    """Return whether each output depends on its own pre-activation alone, as everywhere but behind softmax."""
    known = ACTIVATIONS.get(output) if isinstance(output, str) else output
    return known is None or known.is_elementwise


def range_of(output: str | BaseActivation) -> Range | None:
    """Return where the outputs lie, or None where that is not known, as of a user's own activation."""
    known = ACTIVATIONS.get(output) if isinstance(output, str) else output
    return None if known is None else known.output_range


def is_probability(output: str | BaseActivation) -> bool:
    """Return whether outputs are known to be probabilities: in [0, 1], with a derivative."""
    known = ACTIVATIONS.get(output) if isinstance(output, str) else output
    if known is None or known.output_range is None:
        return False
    return UNIT.contains(known.output_range) and known.is_differentiable


def is_positive(output: str | BaseActivation) -> bool:
    """Return whether outputs are known to be greater than 0."""
    output_range = range_of(output)
    return output_range is not None and POSITIVE.contains(output_range)


def has_both_signs(output: str | BaseActivation) -> bool:
    """Return whether outputs are known to be negative for some rows and positive for others."""
    output_range = range_of(output)
    return output_range is not None and output_range.low < 0 < output_range.high
