"""Equations as MathML, which browsers draw themselves: pages need neither a script nor a network."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util.logging import getLogger


def _markup(node: nodes.math | nodes.math_block, as_block: bool) -> str:
    text = re.sub(r"\\frac(\d)(\d)", r"\\frac{\1}{\2}", node.astext())  # docutils reads \frac12 as a fraction of 12
    try:
        return str(tex2mathml(text, as_block=as_block))
    except MathError as error:
        getLogger(__name__).warning("an equation cannot be written as MathML: %s", error, location=node)
        return ""


def _inline(self: Any, node: nodes.math) -> None:
    self.body.append(_markup(node, as_block=False))
    raise nodes.SkipNode


def _block(self: Any, node: nodes.math_block) -> None:
    self.body.append(f'<div class="math">{_markup(node, as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Register the renderer, which `html_math_renderer = "mathml"` chooses."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
