"""Annotates pictures of an archive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2

from live_gradcam.archive.annotate_job import ArchiveFile, Failure, Outcome, damage_failure, error_text
from live_gradcam.archive.annotate_settings import AnnotateSettings
from live_gradcam.archive.batches import BatchExplainer, explain_all
from live_gradcam.archive.record import AnnotatedFile
from live_gradcam.archive.stages import flow
from live_gradcam.errors import SinkError
from live_gradcam.explanation import Explanation
from live_gradcam.frame import Frame, Pixels
from live_gradcam.render.single_picture import draw
from live_gradcam.sources.photo import Photo, read_photo

_QUALITY = {
    ".jpe": (cv2.IMWRITE_JPEG_QUALITY, 92),
    ".jpeg": (cv2.IMWRITE_JPEG_QUALITY, 92),
    ".jpg": (cv2.IMWRITE_JPEG_QUALITY, 92),
    ".webp": (cv2.IMWRITE_WEBP_QUALITY, 90),
}


def annotate_pictures(
    entries: Sequence[ArchiveFile],
    explainer: BatchExplainer,
    settings: AnnotateSettings,
    *,
    batch: int,
    advance: Callable[[int], None],
    ended: Callable[[Outcome], None],
) -> None:
    """Annotate pictures. If one fails, go on with the others.

    Args:
        entries: the pictures.
        explainer: explains the pictures.
        settings: appearance of the output.
        batch: batch size.
        advance: called with 1 after each picture, from another thread.
        ended: called with the outcome of each picture, from another thread.
    """

    def end(entry: ArchiveFile, error: Exception | None, damage: str | None = None) -> None:
        advance(1)
        if error is None:
            ended(Outcome(entry, 1, failure=damage_failure(entry, damage)))
        else:
            ended(Outcome(entry, 0, failure=Failure(entry.name, error_text(error))))

    def read() -> Iterator[tuple[ArchiveFile, Photo]]:
        for entry in entries:
            try:
                photo = read_photo(entry.source)
            except Exception as error:
                end(entry, error)
            else:
                yield entry, photo

    def explain(items: Sequence[tuple[ArchiveFile, Photo]]) -> Sequence[Explanation | Exception]:
        try:
            return explain_all(explainer, [photo.pixels for _, photo in items])
        except Exception as error:
            if len(items) == 1:
                return [error]
            return [explain([item])[0] for item in items]  # so that only the faulty picture fails

    def write(item: tuple[ArchiveFile, Photo], found: Explanation | Exception) -> None:
        entry, photo = item
        try:
            if isinstance(found, Exception):
                raise found
            with AnnotatedFile(entry, settings) as result:
                _write(draw(photo.pixels, found, settings.alpha, settings.colormap), entry.part)
                result.add(Frame(photo.pixels, 0, time.monotonic(), media_time=0.0), found)
                result.complete(photo.damage)
        except Exception as error:
            end(entry, error)
        else:
            end(entry, None, photo.damage)

    flow(read(), explain, write, batch=batch, weigh=lambda item: item[1].pixels.nbytes)


def _write(picture: Pixels, path: Path) -> None:
    """Write a picture in the format of its file name ending.

    Raises:
        SinkError: the format cannot hold the picture.
        OSError: the file cannot be written.
    """
    suffix = path.suffix.lower().replace(".jfif", ".jpg")
    try:
        done, data = cv2.imencode(suffix, picture, _QUALITY.get(suffix, ()))
    except cv2.error:
        done = False
    if not done:
        height, width = picture.shape[:2]
        raise SinkError(f"a picture of {width}×{height} cannot be written as {suffix}")
    # `imwrite` uses the system's code page for file names on Windows; `write_bytes` accepts any name.
    path.write_bytes(data.tobytes())
