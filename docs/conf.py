"""Configuration of the documentation's site: ``make docs`` builds it into build/docs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from extensions import gallery, links
from numpydoc import xref

import fastmlp

project, version, copyright = "fastmlp", fastmlp.__version__, "the developers of fastmlp"
release = version
extensions = [
    "sphinx.ext.autodoc", "sphinx.ext.viewcode", "numpydoc", "myst_parser", "sphinx_gallery.gen_gallery",
    "extensions.api_pages", "extensions.docstrings", "extensions.links", "extensions.mathml",
]  # fmt: skip
exclude_patterns = ["extensions"]
suppress_warnings = ["misc.highlighting_failure"]  # a recipe quotes a line of a docstring as Python
default_role = "py:obj"  # a name in backticks is a link if it is public, else code

myst_heading_anchors = 4
myst_links_external_new_tab = False
sphinx_gallery_conf = gallery.CONF

autodoc_typehints = "none"  # the sections of the docstrings say more
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the pages of the classes list them
numpydoc_xref_param_type = True  # public names in types are links,
numpydoc_xref_aliases = links.public_names()
numpydoc_xref_ignore = "all"  # other words are not,
xref.DEFAULT_LINKS.clear()  # and those of Python and NumPy would need their sites

html_theme = "pydata_sphinx_theme"
html_context = {"default_mode": "auto"}
html_title = "fastmlp"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
toc_object_entries_show_parents = "hide"
html_copy_source = html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "fastmlp"},
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
#: Pages without others below them.
ALONE = ("index", "getting-started", "from-scikit-learn", "performance", "architecture", "glossary", "project/*")
html_sidebars: dict[str, list[str]] = {page: [] for page in ALONE}
