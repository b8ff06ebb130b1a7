"""Makes the worked example of docs/auditing.md: two cups, taught in one place each, then in both, and audited twice.

.venv/bin/python scripts/audit_example.py FOLDER

Writes photographs, masks, models and reports into FOLDER, which must not exist. Then it puts what the
commands printed, and three pictures, into docs/.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from playwright.sync_api import sync_playwright
from site_pictures import DOCS, beside, chromium, write

import live_gradcam as lg
from live_gradcam.audit.needs import in_place, on_background, without_thing
from live_gradcam.explanation import Explanation
from live_gradcam.frame import Pixels
from live_gradcam.prediction import Prediction
from live_gradcam.sources.demo.lesson_scene import CUPS, LessonScene, photograph

PLACES = ("rocket.jpg", "china.jpg")
SIDE = 320
AREA = 0.08
"""Share of the photograph that a cup covers."""

TAUGHT, AUDITED, SHOWN = 40, 24, 4
"""Photographs of each cup."""

Photo = tuple[Pixels, npt.NDArray[np.float32]]
"""A photograph and the opacity of its thing."""

PROGRESS = re.compile(r"\d+%, ")
"""Begins the lines that say how far a command is, which differ from run to run."""

BEGIN, END = "<!-- made by scripts/audit_example.py -->\n", "<!-- end -->\n"
PAGE_WIDTH = 1120
SHOWN_SIDE = 240
"""Of a photograph in the documentation, in pixels."""


def main(folder: Path) -> None:
    """Write the photographs, run the commands, and renew the documentation."""
    folder.mkdir(parents=True)
    shown, firsts = [], []
    for number, cup in enumerate(CUPS[:2]):
        for place, name in enumerate(PLACES):
            scene = LessonScene(cup, photograph(name), (SIDE, SIDE), area=AREA)
            frames = list(scene.burst(TAUGHT, seed=10 * number + place, sway=20))
            write_photographs(folder / "both-places" / cup.name, frames[number::2], name=Path(name).stem)
            if number == place:
                write_photographs(folder / "one-place" / cup.name, frames)
                audited = list(scene.burst(AUDITED, seed=100 + number, sway=20))
                write_photographs(folder / "photos" / cup.name, audited, folder / "masks" / cup.name)
                firsts.append(audited[0])
                shown.append([pixels for pixels, _ in audited[:: AUDITED // SHOWN]])
    printed = [
        run(folder, "teach one-place --out one.keras"),
        run(folder, "audit photos --model one.keras --masks masks --out report-one"),
        run(folder, "teach both-places --out both.keras"),
        run(folder, "audit photos --model both.keras --compare one.keras --masks masks --out report-both"),
    ]
    write(DOCS / "pictures/audit-photos.jpg", sheet(shown))
    write(DOCS / "pictures/audit-heat.jpg", cluster_picture(folder / "report-one/index.html", CUPS[1].name))
    changed = changed_pictures(*firsts)
    write(DOCS / "pictures/audit-changes.jpg", beside(*map(small, changed.values())))
    explainer = lg.Explainer(folder / "one.keras")
    asked = [probability(explainer.explain_targets(each, [CUPS[0].name])[0]) for each in changed.values()]
    table = [
        f"| {' | '.join(changed)} |",
        "|---|---|---|---|",
        f"| {' | '.join(f'{p:.2f}' for p in asked)} |",
    ]
    renew(DOCS / "auditing.md", [*printed[:2], "\n".join(table) + "\n", *printed[2:]])


def write_photographs(
    folder: Path, frames: Sequence[Photo], masks: Path | None = None, *, name: str = "photo"
) -> None:
    """Write frames, and the masks of their things, as PNG files."""
    for number, (pixels, opacity) in enumerate(frames):
        for place, picture in ((folder, pixels), (masks, (opacity > 0.5).astype(np.uint8) * 255)):
            if place is not None:
                place.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(place / f"{name}-{number:02}.png"), picture)


def run(folder: Path, typed: str) -> str:
    """Run a command of the program in a folder; return it with what it printed, as an indented block."""
    done = subprocess.run(
        [sys.executable, "-m", "live_gradcam", *typed.split()],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr, sep="", flush=True)
    if done.returncode:
        raise SystemExit(f"live-gradcam {typed} ended with {done.returncode}.")
    lines = [line for line in done.stdout.splitlines() if not PROGRESS.match(line)]
    return "".join(f"    {line}".rstrip() + "\n" for line in (f"live-gradcam {typed}", "", *lines))


def changed_pictures(own: Photo, other: Photo) -> dict[str, Pixels]:
    """Return a photograph and what the audit makes of it, by what they are called."""
    (picture, mask), (other_picture, other_mask) = (
        (pixels, opacity > 0.5) for pixels, opacity in (own, other)
    )
    removed = without_thing(picture, mask)
    return {
        "the photograph": picture,
        "the cup on the other background": on_background(
            picture, mask, without_thing(other_picture, other_mask)
        ),
        "the other cup in its place": in_place(removed, mask, other_picture, other_mask),
        "the cup removed": removed,
    }


def probability(explanation: Explanation) -> float:
    """Return the probability of an explanation's target."""
    assert isinstance(explanation.target, Prediction)
    return explanation.target.probability or 0.0


def cluster_picture(page_file: Path, name: str) -> Pixels:
    """Return the first cluster of a class as Chromium shows it in a report."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": PAGE_WIDTH, "height": PAGE_WIDTH})
        page.goto(page_file.resolve().as_uri())
        data = page.locator("details", has_text=name).locator(".sheet").first.screenshot()
        browser.close()
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def sheet(rows: Sequence[Sequence[Pixels]]) -> Pixels:
    """Return all photographs, small, a row below the other."""
    return np.concatenate([beside(*map(small, row)) for row in rows])


def small(picture: Pixels) -> Pixels:
    """Return a picture in the size in which the documentation shows it."""
    return np.asarray(cv2.resize(picture, (SHOWN_SIDE, SHOWN_SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def renew(document: Path, printed: Sequence[str]) -> None:
    """Put each command and what it printed between the marks of a document, in their order."""
    parts = document.read_text("utf-8").split(BEGIN)
    if len(parts) != len(printed) + 1:
        raise SystemExit(f"{document} has {len(parts) - 1} marks for {len(printed)} commands.")
    text = parts[0] + "".join(
        BEGIN + block + END + part.split(END, 1)[1] for block, part in zip(printed, parts[1:], strict=True)
    )
    document.write_text(text, "utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2 or Path(sys.argv[1]).exists():
        raise SystemExit("Give a folder that does not exist.")
    main(Path(sys.argv[1]))
