"""The documentation site's pages: which there are, where their links lead, and a copy that a site can be built from.

scripts/site.py runs this in its environment: it writes what is wrong, or makes the copy.

In the repository, pages link to each other and to files beside docs/, as GitHub shows them. On the site all pages are
in one folder: `copy_pages` brings SECURITY.md and its like there, and mends the links.
"""

import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
CONFIG = ROOT / "mkdocs.yml"
COPY = ROOT / ".site-pages"

BOOSTS = {
    "troubleshooting.md": 2,
    "choosing.md": 2,
    "recording.md": 2,
    "start.md": 1.5,
    "using.md": 1.5,
    "install.md": 1.5,
    "methods/gradcam.md": 2,
    "tutorial.md": 0.7,
    "api.md": 0.3,
    "architecture.md": 0.3,
    "changelog.md": 0.3,
    "code_of_conduct.md": 0.3,
    "contributing.md": 0.3,
    "releasing.md": 0.3,
}
"""Page → the factor of its place in the site's search; 1 for all others. Those that answer questions come first."""

SOUGHT = {
    "annotating.md": ("batch", "many files"),
    "calls.md": ("virtual camera", "Zoom", "Teams", "OBS"),
    "choosing.md": ("which method", "which layer"),
    "methods/gradcam.md": ("Grad-CAM",),
    "recording.md": ("record a video", "save a picture", "screenshot"),
    "troubleshooting.md": ("webcam not found", "no camera", "error", "slow"),
    "using.md": ("notebook", "Jupyter"),
    "views.md": ("side by side", "compare"),
}
"""Page → what readers type who look for it. In the search it counts more than titles."""

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_FENCED = re.compile(r"^( *)(```|~~~).*?^\1\2", re.MULTILINE | re.DOTALL)
_INLINE_CODE = re.compile(r"(`+).+?\1", re.DOTALL)
_OBJECT = re.compile(r"^::: (\S+)", re.MULTILINE)


def menu(config: Path = CONFIG) -> list[str]:
    """Return the pages that the site's menu names, in order."""
    return list(_pages_in(yaml.safe_load(config.read_text("utf-8"))["nav"]))


def _pages_in(part: Any) -> Iterator[str]:  # noqa: ANN401 - what YAML has
    if isinstance(part, str):
        yield part
    else:
        for each in part.values() if isinstance(part, dict) else part:
            yield from _pages_in(each)


def pages() -> dict[Path, str]:
    """Return the pages of docs/, and where each stands on the site."""
    return {page: page.relative_to(DOCS).as_posix() for page in sorted(DOCS.rglob("*.md"))}


def pages_of_the_repository() -> dict[Path, str]:
    """Return the pages beside docs/ that the menu names, and where each is on the site: SECURITY.md → security.md."""
    named = set(menu())
    return {page: page.name.lower() for page in sorted(ROOT.glob("*.md")) if page.name.lower() in named}


def menu_faults() -> list[str]:
    """Return what is wrong between the menu and the pages, one line each."""
    named = menu()
    there = {*pages().values(), *pages_of_the_repository().values()}
    faults = [
        f"docs/{page} is in no menu: add it to nav in {CONFIG.name}" for page in sorted(there - {*named})
    ]
    faults += [f"{CONFIG.name} names {page}, which is not there" for page in named if page not in there]
    return faults + [
        f"{CONFIG.name} names {page} twice" for page in sorted({*named}) if named.count(page) > 1
    ]


def link_faults(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere, one line each: to a missing file, or to a missing heading."""
    faults = []
    for target in links(page.read_text("utf-8")):
        file, _, anchor = target.partition("#")
        place = (page.parent / file).resolve() if file else page
        where = page.relative_to(ROOT)
        if not place.exists():
            faults.append(f"{where} links to {target}, and there is no such file")
        elif anchor and place.suffix == ".md" and anchor not in anchors(place.read_text("utf-8")):
            faults.append(f"{where} links to {target}, and there is no such heading")
    return faults


def links(text: str) -> Iterator[str]:
    """Give the targets of a page's links and pictures that are neither addresses nor in code."""
    for found in _LINK.finditer(_without_code(text)):
        if not re.match(r"[a-z]+:", found[3]):
            yield found[3]


def anchors(text: str) -> set[str]:
    """Return the anchors of a page: of its headings, and of the objects that the API reference describes."""
    found: set[str] = set(_OBJECT.findall(text))
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", _FENCED.sub("", text), re.MULTILINE):
        anchor = anchor_of(heading)
        while anchor in found:  # as Python-Markdown numbers them
            stem, _, number = anchor.rpartition("_")
            anchor = f"{stem}_{int(number) + 1}" if stem and number.isdigit() else f"{anchor}_1"
        found.add(anchor)
    return found


def anchor_of(heading: str) -> str:
    """Return the anchor of a heading, as Python-Markdown makes it."""
    plain = re.sub(r"`|\*\*", "", _LINK.sub(r"\2", heading))
    ascii_only = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", ascii_only).strip().lower())


def _without_code(text: str) -> str:
    """Return a page without code blocks and inline code; a link whose text is code keeps its target."""
    text = _FENCED.sub("", text)
    lines = []
    before = ""
    for line in text.split("\n"):
        is_code = line.startswith("    ") and not re.match(r" +(?:[-*]|\d+\.) ", line) and before == ""
        if is_code:
            continue  # `before` stays empty: the block goes on
        lines.append(line)
        before = line.strip()
    return _INLINE_CODE.sub("code", "\n".join(lines))


def copy_pages(destination: Path) -> None:
    """Copy all pages and pictures to a folder, which is emptied first, with links that hold there."""
    shutil.rmtree(destination, ignore_errors=True)
    shutil.copytree(DOCS, destination)
    places = {**pages(), **pages_of_the_repository()}
    for page, place in places.items():
        text = _LINK.sub(partial(_mended, page=page, places=places), page.read_text("utf-8"))
        # GitHub wants a bar in a table's code with a backslash, which Python-Markdown would show.
        text = re.sub(
            r"^\|.*$", lambda line: re.sub(r"`[^`]*`", _plain_bars, line[0]), text, flags=re.MULTILINE
        )
        (destination / place).write_text(_front_matter(place) + text, "utf-8")


def _front_matter(place: str) -> str:
    """Return what Material reads at the head of a page. The pages of docs/ have none, because GitHub would show it."""
    about: dict[str, Any] = {}
    if place in BOOSTS:
        about["search"] = {"boost": BOOSTS[place]}
    if place in SOUGHT:
        about["tags"] = list(SOUGHT[place])
    return f"---\n{yaml.safe_dump(about)}---\n\n" if about else ""


def _plain_bars(code: re.Match[str]) -> str:
    return code[0].replace("\\|", "|")


def _mended(found: re.Match[str], page: Path, places: dict[Path, str]) -> str:
    """Return a link as it must be on the site; only its text if its target is not there."""
    mark, text, target = found.groups()
    file, hash_sign, anchor = target.partition("#")
    if not file or re.match(r"[a-z]+:", target):
        return found[0]
    goal = (page.parent / file).resolve()
    if goal in places:
        there = places[goal]
    elif goal.is_relative_to(DOCS):
        there = goal.relative_to(DOCS).as_posix()
    elif goal.exists():
        return text
    else:
        return found[0]  # in code, or broken, which the build reports
    relative = os.path.relpath(there, Path(places[page]).parent).replace(os.sep, "/")
    return f"{mark}[{text}]({relative}{hash_sign}{anchor})"


def main() -> int:
    """Make the copy, if nothing is wrong with the pages; else write what is, and return 1."""
    faults = menu_faults()
    for page in [*pages(), *sorted(ROOT.glob("*.md"))]:
        faults += link_faults(page)
    if not faults:
        copy_pages(COPY)
    print(*faults, sep="\n", end="\n" if faults else "", file=sys.stderr)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
