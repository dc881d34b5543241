"""Whether each link of a built site leads to a file, and to an anchor, of the site: ``check_links.py build/docs``."""

from __future__ import annotations

import os
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The anchors of a page, and what it links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors |= {value for value in (values.get("id"), tag == "a" and values.get("name")) if value}
        if tag != "link" or values.get("rel") != "search":
            self.links += [value for value in (values.get("href"), values.get("src")) if value]


def broken_links(site: Path) -> list[str]:
    """Return a line for each link within the site that leads nowhere; others are not looked at."""
    site = site.resolve()
    found = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]  # which has templates
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in found}
    files = {path for path in site.rglob("*") if path.is_file()}
    wrong = []
    for path, page in pages.items():
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = Path(os.path.normpath(path.parent / unquote(parts.path))) if parts.path else path
            anchor = unquote(parts.fragment)
            if target not in files or (anchor and target in pages and anchor not in pages[target].anchors):
                wrong.append(f"{path.relative_to(site)} links to {link}")
    return wrong


if __name__ == "__main__":
    found = broken_links(Path(sys.argv[1]))
    print("\n".join([*found, f"{len(found)} links lead nowhere."]))
    sys.exit(bool(found))
