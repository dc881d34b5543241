"""Links of the Markdown pages, which are written for the repository's page, as links of the site.

- Links to README.md, CHANGELOG.md and the like lead to pages of the site with their text.
- Links to a module of a public package lead to that package's page in the API reference.
- Code spans that are public names, such as `AdamW(1e-3)`, become links to their page.
"""

from __future__ import annotations

import functools
import importlib
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from . import api_pages

if TYPE_CHECKING:
    from docutils import nodes

ROOT = Path(__file__).parents[2]
#: Files at the top of the repository → pages of the site.
PAGE_OF = {
    "README.md": "index.md", "CHANGELOG.md": "project/changelog.md", "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
}  # fmt: skip
LINK = re.compile(r"(\]\()(?!\w+:|#|/)([^)#\s]+)([^)]*\))")


def package_page(module: str) -> str | None:
    """Return the page of the public package that a file such as "fastmlp/losses/base.py" belongs to."""
    parts = PurePosixPath(module).with_suffix("").parts
    for end in range(len(parts), 1, -1):
        if (name := ".".join(parts[:end])) in api_pages.MODULES:
            return f"api/{name}.rst"
    return "api/fastmlp.rst" if parts[:2] == ("fastmlp", "estimators") else None


def example_page(path: str) -> str | None:
    """Return the gallery's page of a file such as "examples/bumps.py"."""
    is_example = re.fullmatch(r"examples/\w+\.py", path) and not path.endswith(("pictures.py", "side_by_side.py"))
    return path.replace("examples/", "gallery/").replace(".py", ".rst") if is_example else None


def as_site_links(text: str, folder: str, page: str) -> str:
    """Return a Markdown text of `folder` with its links as they must be on `page` of the site, relative to it."""

    def replace(match: re.Match[str]) -> str:
        target = _normal(PurePosixPath(folder) / match[2])
        if target.startswith("docs/"):
            target = target.removeprefix("docs/")
        else:
            target = PAGE_OF.get(target) or package_page(target) or example_page(target) or f"../{target}"
        return f"{match[1]}{_relative(target, page)}{match[3]}"

    return LINK.sub(replace, text)


def _normal(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _relative(target: str, page: str) -> str:
    return "../" * page.count("/") + target


def write_project_pages(source: Path) -> None:
    """Write the pages of the files at the top of the repository."""
    for name, page in PAGE_OF.items():
        if page != "index.md":
            path = source / page
            path.parent.mkdir(exist_ok=True)
            text = as_site_links((ROOT / name).read_text(encoding="utf-8"), "", page)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")


def _read(app: Any, docname: str, source: list[str]) -> None:
    """Translate the links of a page; the start page begins with the README."""
    path = Path(app.env.doc2path(docname))
    if path.suffix != ".md" or docname.startswith("project/"):
        return
    source[0] = as_site_links(source[0], "docs", f"{docname}.md")
    if docname == "index":
        app.env.note_dependency(str(ROOT / "README.md"))
        readme = as_site_links((ROOT / "README.md").read_text(encoding="utf-8"), "", "index.md")
        source[0] = readme + source[0][source[0].index("```{toctree}") :]


@functools.cache
def public_names() -> dict[str, str]:
    """Return the public names, short and with their modules, and the paths under which they are documented."""
    found: dict[str, str] = {}
    for module in api_pages.MODULES:
        found[module] = module
        for name in api_pages.public_names(importlib.import_module(module)):
            path = api_pages.page_of(module, name)
            found.setdefault(name, path)
            found[f"{module}.{name}"] = path
    return found


def _link_names(app: Any, doctree: nodes.document) -> None:
    """Make links of code spans that are public names, in pages that are written in Markdown."""
    from docutils import nodes
    from sphinx.addnodes import pending_xref

    if Path(app.env.doc2path(app.env.docname)).suffix != ".md":
        return
    names = public_names()
    for span in list(doctree.findall(nodes.literal)):
        match = re.fullmatch(r"([A-Za-z][\w.]*)(\(.*\))?", span.astext(), flags=re.DOTALL)
        path = names.get(match[1]) if match else None
        if path is None or match[1] in COMMON_WORDS or isinstance(span.parent, nodes.reference | pending_xref):
            continue
        link = pending_xref("", refdomain="py", reftype="obj", reftarget=path, refexplicit=True, refdoc=app.env.docname)
        span.replace_self(link)
        link += span


#: Public names that a page may use for something else.
COMMON_WORDS = {"Rate", "fastmlp", "load", "save"}


def _find(app: Any, env: Any, node: Any, content: nodes.Element) -> Any:
    """Resolve names of docstrings that are public, from whatever module they are named in."""
    if node.get("refdomain") != "py":
        return None
    path = public_names().get(node["reftarget"].removeprefix("~"))
    if path is None or path == node["reftarget"] or node["reftarget"] in COMMON_WORDS:
        return None
    return env.domains["py"].resolve_xref(env, node["refdoc"], app.builder, "obj", path, node, content)


def setup(app: Any) -> dict[str, bool]:
    """Translate links when pages are read, and names when they are resolved."""
    app.connect("builder-inited", lambda app: write_project_pages(Path(app.srcdir)))
    app.connect("source-read", _read)
    app.connect("doctree-read", _link_names)
    app.connect("missing-reference", _find)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
