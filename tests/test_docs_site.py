"""The site of the documentation, as far as Sphinx is not needed: navigation, API reference, links, gallery."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
from helpers.merged import in_one_test
from test_worked_examples import OTHERS, SCRIPTS

import fastmlp
import fastmlp.losses
from docs.extensions import api_pages, gallery
from docs.extensions.check_links import broken_links
from docs.extensions.docstrings import quote_names
from docs.extensions.links import as_site_links

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def test_every_public_name_has_a_page():
    """A package with an `__all__` is in the reference, and so is each of its names."""
    assert set(api_pages.public_packages()) <= set(api_pages.MODULES)
    assert {f"fastmlp{module}" for module in fastmlp._LAZY_MODULES if module.count(".") == 1} <= set(api_pages.MODULES)
    pages = api_pages.pages()
    for module in map(importlib.import_module, api_pages.MODULES):
        names = getattr(module, "__all__", ())
        assert names or module.__name__ in ("fastmlp.regularization", "fastmlp.scalar")
        for name in set(names) - {"__version__"}:
            (path,) = re.findall(rf":py:obj:`{name} <(.+?)>`", pages[f"{module.__name__}.rst"])
            owner, _, last = path.rpartition(".")
            assert last == name and getattr(importlib.import_module(owner), name) is getattr(module, name)
            assert re.search(rf"^\.\. (autoclass|autofunction|data):: {name}$", pages[f"{path}.rst"], re.MULTILINE)
    assert ".. autoclass:: Value" in pages["fastmlp.scalar.Value.rst"]
    assert ".. autoclass:: Regularization" in pages["fastmlp.regularization.Regularization.rst"]
    assert re.search("   :members: .*fit, ", pages["fastmlp.MLPClassifier.rst"])
    assert "score" in pages["fastmlp.MLPClassifier.rst"].partition("Methods of scikit-learn")[2]


def test_a_constant_that_nothing_describes_is_found(monkeypatch):
    monkeypatch.setattr(fastmlp.losses, "__all__", [*fastmlp.losses.__all__, "KNOB"])
    monkeypatch.setattr(fastmlp.losses, "KNOB", 3, raising=False)
    with pytest.raises(LookupError, match=r"fastmlp\.losses\.KNOB is public, but nothing says what it is"):
        api_pages.pages()


def test_every_page_is_in_the_navigation():
    trees = [
        (DOCS / page).read_text(encoding="utf-8").partition("```{toctree}")[2] for page in ("index.md", "guide.md")
    ]
    entries = [re.sub(r"^.*<(.*)>$", r"\1", line) for tree in trees for line in tree.split("\n")]
    listed = {entry for entry in entries if re.fullmatch(r"[\w/-]+", entry)}
    generated = {"gallery/index", "api/index", "project/contributing", "project/changelog", "project/security"}
    assert listed == {path.stem for path in DOCS.glob("*.md")} - {"index"} | generated


@in_one_test()
@pytest.mark.parametrize(
    ("folder", "page", "target", "expected"),
    [
        ("", "index.md", "docs/tables.md#recipes", "tables.md#recipes"),
        ("", "index.md", "docs/images/units.png", "images/units.png"),
        ("", "project/changelog.md", "docs/tables.md", "../tables.md"),
        ("", "project/changelog.md", "SECURITY.md#the-playground", "../project/security.md#the-playground"),
        ("docs", "pictures.md", "../README.md#speed", "index.md#speed"),
        ("docs", "pictures.md", "tables.md", "tables.md"),
        ("docs", "pictures.md", "#playground", "#playground"),
        ("docs", "pictures.md", "https://numba.pydata.org", "https://numba.pydata.org"),
        ("docs", "pictures.md", "../fastmlp/inspection/units.py", "api/fastmlp.inspection.rst"),
        ("docs", "pictures.md", "../fastmlp/regularization.py", "api/fastmlp.regularization.rst"),
        ("docs", "pictures.md", "../fastmlp/estimators/classifier.py", "api/fastmlp.rst"),
        ("docs", "pictures.md", "../fastmlp/kernels/loop/epoch.py", "../fastmlp/kernels/loop/epoch.py"),
        ("docs", "pictures.md", "../examples/bumps.py", "gallery/bumps.rst"),
        ("docs", "pictures.md", "../examples/side_by_side.py", "../examples/side_by_side.py"),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(folder, page, target, expected):
    assert as_site_links(f"see [it]({target}), too", folder, page) == f"see [it]({expected}), too"


def test_links_that_lead_nowhere_are_found(tmp_path):
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "b.html").write_text('<h1 id="top">B</h1><a href="../a.html">a</a><img src="no.png">')
    links = ("api/b.html#top", "api/b.html#bottom", "c.html", "#here", "#there", "https://elsewhere.org/x")
    anchors = "".join(f'<a href="{link}">x</a>' for link in links)
    (tmp_path / "a.html").write_text(f'<p id="here">{anchors}</p>')
    wrong = [line.partition(" links to ")[2] for line in broken_links(tmp_path)]
    assert wrong == ["api/b.html#bottom", "c.html", "#there", "no.png"]


def test_names_in_types_are_quoted():
    line = "feature_names_in_ : ndarray of shape (n_features_in_, n)"
    assert quote_names(line) == "feature_names_in_ : ndarray of shape (`n_features_in_`, n)"
    for same in ("x_ : ndarray of shape (`n_`,)", "as n_features_in_ is", "x : float", ">>> model.n_iter_ : 3"):
        assert quote_names(same) == same


def test_the_gallery_shows_every_example():
    """Each begins with a title, and what draws has an argument for its picture."""
    scripts = {path.stem: path for path in gallery.EXAMPLES.glob("*.py") if not re.search(gallery.HELPERS, path.name)}
    assert set(scripts) == {*SCRIPTS, *OTHERS} - {"pictures", "side_by_side"}
    assert set(gallery.NOT_RUN) == set(OTHERS) & set(scripts)
    for path in scripts.values():
        text = path.read_text(encoding="utf-8")
        title, line, empty = inspect.cleandoc(text[3:]).split("\n")[:3]
        assert line == "=" * len(title) and not empty, path.name
        assert gallery.draws(path) == ("--out" in text.partition('"""\n')[0]), path.name
    names = sorted((path.name for path in scripts.values()), key=gallery.pictures_first)
    assert names[0] == "bumps.py" and names[-1] == "tables.py"
