"""One video of an archive: every frame of it explained, drawn and written again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from live_gradcam.archive.batches import BatchExplainer, explain_all
from live_gradcam.archive.files import ArchiveFile, Outcome, damage_failure
from live_gradcam.archive.pipelined import flow
from live_gradcam.archive.record import AnnotatedFile
from live_gradcam.config import AnnotateSettings
from live_gradcam.explanation import Explanation
from live_gradcam.frame import Frame
from live_gradcam.render.picture import draw
from live_gradcam.sinks.encoder import Encoder
from live_gradcam.sources.opening import open_film


def annotate_video(
    entry: ArchiveFile,
    explainer: BatchExplainer,
    settings: AnnotateSettings,
    *,
    batch: int,
    advance: Callable[[int], None],
) -> Outcome:
    """Annotate a video; it has its name once it is complete.

    Args:
        entry: the video.
        explainer: what explains.
        settings: how it is drawn and thinned out.
        batch: how many frames are explained at once.
        advance: told of each frame that was written, from another thread.

    Returns:
        What came of it; a video that could be read in part has a failure that says so.

    Raises:
        LiveGradcamError: it cannot be read or explained.
        OSError, av.FFmpegError: it cannot be written.
    """
    selection = FrameSelection(settings.every, settings.fps)
    with open_film(entry.source, keeps=selection.keeps) as source, AnnotatedFile(entry, settings) as result:
        encoder = Encoder(entry.part, "veryfast", audio_from=source.sound_path)

        def explain(frames: Sequence[Frame]) -> list[Explanation]:
            return explain_all(explainer, [frame.pixels for frame in frames])

        def write(frame: Frame, explanation: Explanation) -> None:
            encoder.encode(draw(frame.pixels, explanation, settings.alpha, settings.colormap), frame.time)
            result.add(frame, explanation)
            advance(1)

        try:
            flow(source, explain, write, batch=batch, weigh=lambda frame: frame.pixels.nbytes)
            encoder.finish(last_shown=source.last_seconds)
        except BaseException:
            encoder.abandon()
            raise
        damage = source.damage
        result.complete(damage)
        return Outcome(entry, result.frames, failure=damage_failure(entry, damage))


_GRACE = 1e-6
"""Times are sums of fractions: a frame at 0.1 s may come at 0.09999999 s."""


class FrameSelection:
    """Keeps one frame of so many, or at most so many of each second; the first always. For one video.

    Args:
        every: keep one frame of so many.
        fps: keep the first frame of each 1/fps seconds; None: all.
    """

    def __init__(self, every: int = 1, fps: float | None = None) -> None:
        self._every = every
        self._fps = fps
        self._last_slot = -1

    def keeps(self, index: int, seconds: float) -> bool:
        """Decide about the next frame; to be asked once about each, in order.

        Args:
            index: counted from 0.
            seconds: into the video.
        """
        if self._fps is None:
            return index % self._every == 0
        slot = math.floor(seconds * self._fps + _GRACE)
        kept = slot > self._last_slot
        self._last_slot = max(slot, self._last_slot)
        return kept
