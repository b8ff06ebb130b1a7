"""Asks whether a watermark of Chinese characters makes the default network say "carton", as it does to other networks.

.venv/bin/python scripts/watermark.py [PICTURE.png] [--report FOLDER]

Li et al. 2023, "A Whac-A-Mole Dilemma", arXiv:2212.04825, found that ImageNet's cartons carry such watermarks, and that
networks use them. The mark is drawn here, stroke by stroke, on the photographs of scikit-image and scikit-learn. Two
controls have as much ink: Latin letters, and the same strokes, each moved and turned at random. The table stands in
docs/auditing.md; PICTURE.png shows the three marks.

With `--report`, an audit asks the same: the marked photographs are given as photographs of cartons, whose thing is the
mark, beside the plain ones, each with the class that the network says first. If the mark makes a carton, the exchange
need of *carton* shows it: how much p(carton) falls with the middle of a plain photograph in the place of the mark. What
the report says of the other classes means nothing, because the middle of a picture is no thing.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import numpy.typing as npt

import live_gradcam as lg
from live_gradcam.archive.evaluate import Unwatched
from live_gradcam.audit.audit import AuditJob, audit_photos
from live_gradcam.audit.audit_files import write_audit
from live_gradcam.audit.report import write_report
from live_gradcam.audit.report_texts import with_verdict
from live_gradcam.config import ExplainSettings
from live_gradcam.frame import Pixels
from live_gradcam.prediction import Prediction
from live_gradcam.sources.photo import read_picture

SIDE = 448
MARK_WIDTH = 0.95
"""Of the photograph's width."""

OPACITY = 0.7
SMALLEST = 150
"""Pixels of the shorter side of a photograph."""

CHARACTERS: Sequence[Sequence[Sequence[tuple[float, float]]]] = (
    (((2, 3), (8, 3), (8, 7), (2, 7), (2, 3)), ((5, 0), (5, 10))),
    (
        ((1, 1), (9, 1), (9, 9), (1, 9), (1, 1)),
        ((3, 3), (7, 3)),
        ((3, 5), (7, 5)),
        ((2.7, 7.3), (7.3, 7.3)),
        ((5, 3), (5, 7.3)),
        ((6.2, 5.8), (6.9, 6.6)),
    ),
    (
        ((3, 0.5), (1, 4)),
        ((2.3, 2), (9, 2), (8.6, 6), (7.6, 6.4)),
        ((2.5, 3.8), (6.5, 3.8), (6.5, 6), (2.5, 6)),
        ((2.5, 3.8), (2.5, 8.6), (3, 9.2), (9.2, 9.2), (9.2, 7.8)),
    ),
    (
        ((1, 1), (2, 2.2)),
        ((2.8, 0.3), (2.8, 4.5)),
        ((0.8, 4), (2.8, 3)),
        ((4, 1.8), (9.5, 1.8)),
        ((6.7, 0.3), (6.7, 4)),
        ((4.6, 4), (9, 4)),
        ((5, 4.6), (5.3, 5.3)),
        ((0.8, 5.6), (9.4, 5.6)),
        ((5, 5.6), (1, 9)),
        ((3.4, 7), (3.4, 9.6), (5, 8.8)),
        ((5.2, 6), (9.4, 9.6)),
        ((8.6, 6), (6.5, 7.4)),
    ),
    (
        ((1.2, 9.5), (1.2, 1), (8.8, 1), (8.8, 9.2), (7.8, 9.5)),
        ((2.6, 2.8), (4.6, 7.8)),
        ((4.6, 2.8), (2.4, 8)),
        ((5.4, 2.8), (7.4, 7.8)),
        ((7.4, 2.8), (5.2, 8)),
    ),
)
"""The strokes of the characters for "China packaging net", each (x, y) on a square of ten by ten, y downwards."""

Opacity = npt.NDArray[np.float32]


def photographs() -> list[Pixels]:
    """Return the central squares of the colour and grey photographs that the packages ship, (448, 448, 3) uint8 BGR."""
    found = []
    for package, folder in (("skimage", "data"), ("sklearn", "datasets/images")):
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations if spec is not None else None) or ():
            for path in sorted((Path(place) / folder).iterdir()):
                if path.suffix in (".png", ".jpg", ".jpeg"):
                    picture = read_picture(path)
                    if min(picture.shape[:2]) >= SMALLEST:
                        found.append(_square(picture))
    return found


def _square(picture: Pixels) -> Pixels:
    rows, columns = picture.shape[:2]
    side = min(rows, columns)
    top, left = (rows - side) // 2, (columns - side) // 2
    part = picture[top : top + side, left : left + side]
    return np.asarray(cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def characters() -> Opacity:
    """Return the mark, (448, 448) float32 in [0, 1]."""
    return _drawn([(number, stroke) for number, each in enumerate(CHARACTERS) for stroke in each])


def scattered() -> Opacity:
    """Return the same strokes, each moved and turned at random, in the same row."""
    random = np.random.default_rng(0)
    strokes = []
    for each in CHARACTERS:
        for stroke in each:
            points = np.array(stroke, np.float64)
            angle = random.uniform(0, 2 * np.pi)
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            moved = (points - points.mean(axis=0)) @ turn.T + random.uniform(2, 8, 2)
            strokes.append((int(random.integers(len(CHARACTERS))), [(float(x), float(y)) for x, y in moved]))
    return _drawn(strokes)


def letters() -> Opacity:
    """Return Latin letters of the same width."""
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    text, font, thick = "packaging.com", cv2.FONT_HERSHEY_DUPLEX, 6
    scale = MARK_WIDTH * SIDE / cv2.getTextSize(text, font, 1.0, thick)[0][0]
    (width, height), _ = cv2.getTextSize(text, font, scale, thick)
    cv2.putText(
        drawn, text, ((SIDE - width) // 2, (SIDE + height) // 2), font, scale, 255, thick, cv2.LINE_AA
    )
    return np.asarray(drawn / 255, np.float32)


def _drawn(strokes: Sequence[tuple[int, Sequence[tuple[float, float]]]]) -> Opacity:
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    step = MARK_WIDTH * SIDE / len(CHARACTERS)
    left, top = (SIDE - MARK_WIDTH * SIDE) / 2, (SIDE - step) / 2
    for number, stroke in strokes:
        points = np.array(stroke) / 10 * 0.9 * step + [left + number * step, top]
        cv2.polylines(drawn, [np.rint(points).astype(np.int32)], False, 255, 6, cv2.LINE_AA)
    return np.asarray(drawn / 255, np.float32)


def marked(picture: Pixels, mark: Opacity) -> Pixels:
    """Return a photograph with a white mark that has a dark edge below and to the right."""
    edge = np.roll(mark, (2, 2), axis=(0, 1))
    for opacity, level in ((edge, 60.0), (mark, 255.0)):
        share = OPACITY * opacity[..., None]
        picture = np.rint(picture * (1 - share) + level * share).astype(np.uint8)
    return picture


MARKS: dict[str, Callable[[], Opacity]] = {
    "Chinese characters": characters,
    "the same strokes, scattered": scattered,
    "Latin letters": letters,
}


MODEL = "efficientnet-lite0"


def main(picture: Path | None, report: Path | None) -> None:
    """Print the table, and write the picture and the report."""
    photos = photographs()
    explainer = lg.Explainer(MODEL)
    plain = _cartons(explainer, photos)
    print(f"{len(photos)} photographs")
    print('| mark | ink | p(carton), mean | its odds grow by | "carton" is first |\n|---|---|---|---|---|')
    print(f"| none | 0% | {np.mean([p for p, _ in plain]):.4f} | 1 | {sum(first for _, first in plain)} |")
    for name, draw in MARKS.items():
        mark = draw()
        found = _cartons(explainer, [marked(each, mark) for each in photos])
        growth = np.exp(
            np.mean(
                [_log_odds(p) - _log_odds(before) for (p, _), (before, _) in zip(found, plain, strict=True)]
            )
        )
        mean, first = np.mean([p for p, _ in found]), sum(each for _, each in found)
        print(f"| {name} | {100 * mark.mean():.0f}% | {mean:.4f} | {growth:.1f} | {first} |", flush=True)
    if picture is not None:
        cv2.imwrite(str(picture), np.hstack([marked(photos[0], draw()) for draw in MARKS.values()]))
    if report is not None:
        write_audit_of(photos, explainer, report)


def write_audit_of(photos: Sequence[Pixels], explainer: lg.Explainer, folder: Path) -> None:
    """Audit the marked photographs as cartons, beside the plain ones; write the report and print what it says."""
    mark = characters()
    rows, columns = (np.flatnonzero(mark.any(axis=axis)) for axis in (1, 0))
    box = [int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1]
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary:
        truths = {}
        for number, photo in enumerate(photos):
            first = explainer.explain_targets(photo, ["#1"])[0].target
            assert isinstance(first, Prediction)
            kinds = {"plain": (photo, first.label), "marked": (marked(photo, mark), "carton")}
            for kind, (pixels, truth) in kinds.items():
                name = f"{kind}-{number:02}.png"
                cv2.imwrite(str(Path(temporary, name)), pixels)
                truths[name] = truth
        boxes = Path(temporary, "boxes.json")
        boxes.write_text(json.dumps({name: [box] for name in truths}), "utf-8")
        job = AuditJob(truths=truths, boxes=boxes)
        run = audit_photos([temporary], ExplainSettings(model=MODEL), job, progress=Unwatched())
        write_audit(run.report, folder)
        write_report(run.report, folder, run.paths, run.examples)
    carton = run.report.of("carton")
    print(with_verdict(carton))
    for name in ("exchange_need", "background_need"):
        mean = getattr(carton, name)
        print(f"{name}: {mean.mean:.4f} ({mean.low:.4f} to {mean.high:.4f}) over {mean.count} photographs")
    others = [each for each in run.report.classes if each.name != "carton"]
    print(
        f"of {len(others)} other classes, {sum(each.verdict == 'cannot tell' for each in others)}: cannot tell"
    )
    print(f"open {folder / 'index.html'}")


def _cartons(explainer: lg.Explainer, photos: Sequence[Pixels]) -> list[tuple[float, bool]]:
    """Return p(carton) of each photograph, and whether it is the most probable class."""
    found = []
    for each in photos:
        carton, first = explainer.explain_targets(each, ["carton", "#1"])
        assert isinstance(carton.target, Prediction)
        assert isinstance(first.target, Prediction)
        found.append((carton.target.probability or 0.0, first.target.label == "carton"))
    return found


def _log_odds(p: float) -> float:
    return float(np.log(p) - np.log1p(-p))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", nargs="?", type=Path, help="where the three marks are shown")
    parser.add_argument(
        "--report", type=Path, metavar="FOLDER", help="where the report of an audit is written"
    )
    typed = parser.parse_args()
    main(typed.picture, typed.report)
