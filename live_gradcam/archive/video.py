"""Annotates a video of an archive."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from live_gradcam.archive.annotate_job import ArchiveFile, Outcome, damage_failure
from live_gradcam.archive.annotate_settings import AnnotateSettings
from live_gradcam.archive.batches import BatchExplainer, explain_all
from live_gradcam.archive.record import AnnotatedFile
from live_gradcam.archive.stages import flow
from live_gradcam.explanation import Explanation
from live_gradcam.frame import Frame, Pixels
from live_gradcam.render.single_picture import draw
from live_gradcam.sinks.encoder import Encoder
from live_gradcam.sources.file_opening import open_film


def annotate_video(
    entry: ArchiveFile,
    explainer: BatchExplainer,
    settings: AnnotateSettings,
    *,
    batch: int,
    advance: Callable[[int], None],
) -> Outcome:
    """Annotate a video; the output gets its name when it is complete.

    Args:
        entry: the video.
        explainer: explains the frames.
        settings: appearance, and which frames to keep.
        batch: batch size.
        advance: called with 1 after each frame, from another thread.

    Returns:
        The outcome; it has a failure if only a part of the video could be read.

    Raises:
        LiveGradcamError: the video cannot be read or explained.
        OSError, av.FFmpegError: the output cannot be written.
    """
    selection = FrameSelection(settings.every, settings.fps)
    with open_film(entry.source, keeps=selection.keeps) as source, AnnotatedFile(entry, settings) as result:
        encoder = Encoder(entry.part, "file", audio_from=source.sound_path)

        def explain(frames: Sequence[Frame]) -> list[Explanation]:
            return explain_all(explainer, [frame.pixels for frame in frames])

        def drawn(frame: Frame, explanation: Explanation) -> tuple[Pixels, Explanation]:
            return draw(frame.pixels, explanation, settings.alpha, settings.colormap), explanation

        def write(frame: Frame, made: tuple[Pixels, Explanation]) -> None:
            picture, explanation = made
            encoder.encode(picture, frame.time)
            result.add(frame, explanation)
            advance(1)

        try:
            flow(source, explain, write, draw=drawn, batch=batch, weigh=lambda frame: frame.pixels.nbytes)
            encoder.finish(last_shown=source.last_seconds)
        except BaseException:
            encoder.abandon()
            raise
        damage = source.damage
        result.complete(damage)
        return Outcome(entry, result.frames, failure=damage_failure(entry, damage))


_GRACE = 1e-6
"""Tolerance of times: because of rounding, a frame at 0.1 s may have the time 0.09999999 s."""


class FrameSelection:
    """Selects frames of one video: every n-th frame, or at most `fps` frames a second; always the first.

    Args:
        every: n: keep one of n frames, if `fps` is None.
        fps: keep the first frame of each interval of 1/fps seconds.
    """

    def __init__(self, every: int = 1, fps: float | None = None) -> None:
        self._every = every
        self._fps = fps
        self._last_slot = -1

    def keeps(self, index: int, seconds: float) -> bool:
        """Return whether to keep the next frame; call it once for each frame, in order.

        Args:
            index: index of the frame, from 0.
            seconds: time of the frame in the video.
        """
        if self._fps is None:
            return index % self._every == 0
        slot = math.floor(seconds * self._fps + _GRACE)
        kept = slot > self._last_slot
        self._last_slot = max(slot, self._last_slot)
        return kept
