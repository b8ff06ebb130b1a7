"""Checks a built site: its links lead to pages and anchors, it needs no other host, and its formulas are drawn.

Standard library only.
"""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {"script": "src", "img": "src", "source": "src", "video": "src", "iframe": "src", "link": "href"}
"""Element → the attribute that names what a browser loads for it."""


_LATEX = re.compile(r"\$`|\\(?:frac|sum|operatorname)\b")
"""What LaTeX leaves on a page if nothing has drawn it."""


class _Page(HTMLParser):
    """The anchors and links of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors = {"", "top"}
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.has_latex = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note the anchors and targets of an element."""
        given = {name: value or "" for name, value in attributes}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif _LOADED.get(tag, "") in given and given.get("rel") not in ("canonical", "alternate", "edit"):
            self.loaded.append(given[_LOADED[tag]])

    def handle_data(self, data: str) -> None:
        """Note a formula that was left in LaTeX."""
        self.has_latex |= _LATEX.search(data) is not None


def site_faults(site: Path) -> list[str]:
    """Return what is wrong in a built site, one line each."""
    pages = {file: _Page(file.read_text("utf-8")) for file in sorted(site.rglob("*.html"))}
    faults = []
    for file, page in pages.items():
        where = file.relative_to(site)
        if page.has_latex:
            faults.append(f"{where.as_posix()} shows a formula in LaTeX: is scripts/site_formulas.py a hook?")
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
