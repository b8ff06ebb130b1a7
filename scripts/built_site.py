"""Checks a built site: every link leads to a page and an anchor of it, and nothing is loaded from another host.

Standard library only.
"""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {"script": "src", "img": "src", "source": "src", "video": "src", "iframe": "src", "link": "href"}
"""Element → the attribute that names what a browser loads for it."""


class _Page(HTMLParser):
    """The anchors and links of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors = {"", "top"}
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note the anchors and targets of an element."""
        given = {name: value or "" for name, value in attributes}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif _LOADED.get(tag, "") in given and given.get("rel") not in ("canonical", "alternate", "edit"):
            self.loaded.append(given[_LOADED[tag]])


def site_faults(site: Path) -> list[str]:
    """Return what is wrong in a built site, one line each."""
    pages = {file: _Page(file.read_text("utf-8")) for file in sorted(site.rglob("*.html"))}
    faults = []
    for file, page in pages.items():
        where = file.relative_to(site)
        for target in [*page.links, *page.loaded]:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                if target in page.loaded and parts.scheme != "data":
                    faults.append(f"{where} loads {target}, so that it needs a network")
                continue
            path = unquote(parts.path)
            start = site if path.startswith("/") else file.parent
            goal = (start / path.lstrip("/")).resolve() if path else file
            goal = goal / "index.html" if goal.is_dir() else goal
            if not goal.is_file():
                faults.append(f"{where} links to {target}, and there is no such file")
            elif goal in pages and unquote(parts.fragment) not in pages[goal].anchors:
                faults.append(f"{where} links to {target}, and there is no such anchor")
    return faults
