"""Films and saved sessions of an audit: a frame a second becomes a photograph of the film's class.

Neighbouring frames are near copies. So at most one frame a second is taken, and at most `MOST_FRAMES` of a film, spread
evenly. Even these are no independent photographs: wherever chance is judged, a film counts as one (`verdicts`).

The frames are kept as PNG files without loss, and are photographs like all others from there on: a mask of the frame 30
of `cats/clip.mp4` is `cats/clip.mp4/000030.png` in the folder of masks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import cv2

from live_gradcam.archive.annotate_job import Failure, error_text
from live_gradcam.archive.kept_lines import file_key
from live_gradcam.archive.video import FrameSelection
from live_gradcam.audit.marks import MASKS
from live_gradcam.audit.photo_folders import (
    AuditPhoto,
    empty_classes,
    photos_in_folders,
    photos_with_truths,
)
from live_gradcam.audit.thing_masks import digest
from live_gradcam.cache_files import write_whole
from live_gradcam.errors import LiveGradcamError, SinkError, SourceError
from live_gradcam.frame import Frame
from live_gradcam.number_format import counted
from live_gradcam.session.frame_file import reel_name
from live_gradcam.session.journal import FILE, read_journal
from live_gradcam.sources.file_opening import film_info, open_film
from live_gradcam.sources.video import VideoSource

MOST_FRAMES = 200
"""Of one film; one a second of a film of up to this many seconds."""

_PER_SECOND = 1.0
_DONE = "frames.json"
"""Written last: says that the frames are complete, and what the film lacks."""


def photos_of(
    typed: Sequence[str], truths: Mapping[str, str] | Path | None, keep: Path, say: Callable[[str], None]
) -> tuple[list[AuditPhoto], list[Failure]]:
    """Return the photographs and frames of an audit, and a failure for each input that cannot be audited.

    Args:
        typed: as `audit.audit_photos` takes them.
        truths: as `audit.AuditJob` has them.
        keep: the folder in which what is found is kept; outlines that were accepted lie beside it.
        say: shows a line to the user.

    Raises:
        LiveGradcamError: there are none, or a frame cannot be written.
    """
    photos, failures = photos_in_folders(typed) if truths is None else photos_with_truths(typed, truths)
    masks = (keep.parent / MASKS).absolute()
    photos = [
        each for each in photos if not each.path.is_relative_to(masks)
    ]  # results may lie among photographs
    if truths is None:
        failures += empty_classes(typed, photos, keep.parent)
    photos, unread = with_frames(photos, keep / "frames", say)
    return photos, [*failures, *unread]


def with_frames(
    photos: Sequence[AuditPhoto], folder: Path, say: Callable[[str], None]
) -> tuple[list[AuditPhoto], list[Failure]]:
    """Replace films and sessions by their frames; photographs stay.

    Args:
        photos: photographs and films, in order.
        folder: in which the frames are kept; a film whose frames are there is not read again.
        say: shows a line to the user.

    Returns:
        The photographs and frames in the same order, and a failure for each film that cannot be read, or not all of it.

    Raises:
        SinkError: a frame cannot be written.
    """
    found: list[AuditPhoto] = []
    failures: list[Failure] = []
    for each in photos:
        if not each.is_film:
            found.append(each)
            continue
        key = file_key(each.path / FILE if each.path.is_dir() else each.path)
        place = folder / digest([key, str(MOST_FRAMES)])
        try:
            damage = _kept(place, each.path)
            frames = sorted(place.glob("*.png"))
        except OSError as error:
            raise SinkError(
                f"cannot keep the frames of {each.name} in '{place}': {error.strerror}. Name another folder with --out."
            ) from error
        except LiveGradcamError as error:
            failures.append(Failure(each.name, error_text(error)))
            continue
        if damage is not None:
            failures.append(Failure(each.name, damage))
        say(f"{each.name}: {counted(len(frames), 'frame')}")
        found += [AuditPhoto(path, f"{each.name}/{path.name}", each.truth, film=each.name) for path in frames]
    return found, failures


def _kept(place: Path, film: Path) -> str | None:
    """Write the frames of a film unless they are there, and return what the film lacks; None if nothing.

    Raises:
        SourceError: the film cannot be read.
        OSError: a frame cannot be written.
    """
    done = place / _DONE
    if done.is_file():
        return str(damage) if (damage := json.loads(done.read_text("utf-8"))["damage"]) else None
    place.mkdir(parents=True, exist_ok=True)
    taken = _Taken()
    for frame in taken.of_session(film) if film.is_dir() else taken.of_film(film):
        _, data = cv2.imencode(".png", frame.pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        (place / f"{frame.index:06}.png").write_bytes(data.tobytes())
    content = json.dumps({"damage": taken.damage}).encode()
    write_whole(done, lambda file: file.write(content))
    return taken.damage


class _Taken:
    """Takes a frame a second out of a film or a session."""

    damage: str | None = None
    """What the film lacks, known at the end."""

    def of_film(self, path: Path) -> Iterator[Frame]:
        """Yield some frames of a film.

        Raises:
            SourceError: it cannot be read.
        """
        info = film_info(path)
        selection = _selection(0.0 if info is None else info.seconds)
        with open_film(path, keeps=selection.keeps) as source:
            for number, frame in enumerate(source):
                if number == MOST_FRAMES:
                    return  # it is longer than it says
                yield frame
            self.damage = source.damage

    def of_session(self, folder: Path) -> Iterator[Frame]:
        """Yield some frames of a saved session, each with its number among them.

        Raises:
            SourceError: it holds no session, or its frames cannot be read.
        """
        _, lines = read_journal(folder)
        shown = [line for line in lines if "frame" in line]
        if not shown:
            raise SourceError("the session has no frame in it.")
        # The frames of a film may have been saved at another pace than the film's.
        clock = "captured_at" if any(line["media_time"] is None for line in shown) else "media_time"
        times = [float(line[clock]) for line in shown]
        selection = _selection(max(times) - min(times))
        start = min(times)
        kept = [number for number, each in enumerate(times) if selection.keeps(number, each - start)]
        wanted = kept[:MOST_FRAMES]
        first = 0
        for reel, (_, same_size) in enumerate(groupby(shown, key=itemgetter("size")), 1):
            count = len(list(same_size))
            own = {number - first for number in wanted if first <= number < first + count}
            if own:
                with VideoSource(folder / reel_name(reel), keeps=_among(own)) as source:
                    yield from (replace(each, index=first + each.index) for each in source)
                    if source.frames_captured < count:
                        read = f"{source.frames_captured} of {counted(count, 'frame')}"
                        self.damage = f"is cut short: {read} could be read"
            first += count


def _selection(seconds: float) -> FrameSelection:
    """Return what selects a frame a second, or fewer of a long film."""
    return FrameSelection(fps=min(_PER_SECOND, MOST_FRAMES / seconds) if seconds else _PER_SECOND)


def _among(numbers: Collection[int]) -> Callable[[int, float], bool]:
    """Return what keeps the frames with these numbers, as `VideoSource` takes it."""
    return lambda index, _: index in numbers
