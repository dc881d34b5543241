"""`MinimalPipeline`: the passes of Numba's compiler that a kernel needs.

Most of the time to compile a kernel goes to Numba's passes, which are written in Python. Each pass and each copy of the
code that is left out shortens the first fit in a new environment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import inline_closurecall, typed_passes, untyped_passes
from numba.core import ir as numba_ir
from numba.core.compiler import Compiler, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass

# Numba's classes have methods without annotations.
InlineWorker: Any = inline_closurecall.InlineWorker
InlineInlinables: Any = untyped_passes.InlineInlinables


def _passes_named(*names: str) -> tuple[type, ...]:
    """Return Numba's passes of these names, without those that this version of Numba lacks."""
    found = (getattr(module, name, None) for name in names for module in (typed_passes, untyped_passes))
    return tuple(one for one in found if one is not None)


#: Passes for what kernels do not have: expressions of whole arrays, closures, ``with``, ``raise``, lists of types.
_UNUSED = _passes_named(
    "NopythonRewrites", "InlineOverloads", "WithLifting", "InlineClosureLikes", "MakeFunctionToJitFunction",
    "RewriteDynamicRaises", "DeadBranchPrune", "FindLiterallyCalls", "LiteralUnroll",
    "LiteralPropagationSubPipelinePass",
)  # fmt: skip


class _Block(numba_ir.Block):
    """A block of a helper's IR that `deepcopy` does not copy.

    It is translated anew for each call, so no other caller sees changes.
    """

    def __deepcopy__(self, copied: dict[int, Any]) -> _Block:
        return self


class _InlineWorker(InlineWorker):  # type: ignore[misc]
    """Numba's worker, with fewer passes over a helper's code and without copies of it."""

    def __init__(self, state: Any) -> None:
        context = (state.typingctx, state.targetctx, state.locals, state.pipeline, state.flags)
        super().__init__(*context, validator=inline_closurecall.callee_ir_validator)
        self._compiler_pipeline = _helper_passes

    def run_untyped_passes(self, func: Callable[..., Any], enable_ssa: bool = False) -> Any:
        """Translate a helper."""
        translated = super().run_untyped_passes(func, enable_ssa)
        for block in translated.blocks.values():
            block.__class__ = _Block
        return translated


@register_pass(mutates_CFG=True, analysis_only=False)
class InlineHelpers(InlineInlinables):  # type: ignore[misc]
    """Inline `inline_ir` helpers as they are written; calls in them are found in the kernel afterwards.

    Numba would first inline a helper's own helpers into it, and copy all of that code twice at each level. As Numba
    makes its worker inside `run_pass`, it is replaced at each call; making one only stores references.
    """

    _name = "inline_helpers"

    def _do_work(self, state: Any, work_list: Any, block: Any, i: int, expr: Any, inline_worker: Any) -> Any:
        return super()._do_work(state, work_list, block, i, expr, _InlineWorker(state))


def _helper_passes(state: Any) -> Any:
    """Return Numba's untyped passes for a helper, but for the unused ones and the one that inlines."""
    return _without_unused(DefaultPassBuilder.define_untyped_pipeline(state), InlineInlinables)


def _without_unused(passes: Any, *unused: type) -> Any:
    """Return the passes but for the unused ones, ready to run."""
    passes.passes = [one for one in passes.passes if one[0] not in _UNUSED + unused]
    passes._finalized = False
    passes.finalize()
    return passes


class MinimalPipeline(Compiler):
    """Numba's pipeline with fewer passes, and with `InlineHelpers` in place of `InlineInlinables`.

    Left out are passes that find nothing in kernels, each of which goes through all of the code.
    """

    def define_pipelines(self) -> list[Any]:
        """Return Numba's passes but for the unused ones, with `InlineHelpers` in place of `InlineInlinables`."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [
            (InlineHelpers, name) if one is InlineInlinables else (one, name) for one, name in passes.passes
        ]
        return [_without_unused(passes)]
