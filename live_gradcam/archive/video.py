"""One video of an archive: every frame of it explained, drawn and written again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from live_gradcam.archive.batches import ExplainsBatches, explain_all
from live_gradcam.archive.entry import Entry, Outcome, damage_to
from live_gradcam.archive.flow import flow
from live_gradcam.archive.result import Result
from live_gradcam.archive.thinning import Thinning
from live_gradcam.config import AnnotateSettings
from live_gradcam.explanation import Explanation
from live_gradcam.frame import Frame
from live_gradcam.render.picture import draw
from live_gradcam.sinks.encoder import Encoder
from live_gradcam.sources.animation import AnimationSource
from live_gradcam.sources.opening import open_film


def annotate_video(
    entry: Entry,
    explainer: ExplainsBatches,
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
    thinning = Thinning(settings.every, settings.fps)
    with open_film(entry.source, keeps=thinning.keeps) as source, Result(entry, settings) as result:
        audio = None if isinstance(source, AnimationSource) else entry.source
        encoder = Encoder(entry.part, "veryfast", audio_from=audio)

        def explain(frames: Sequence[Frame]) -> list[Explanation]:
            return explain_all(explainer, [frame.pixels for frame in frames])

        def write(frame: Frame, explanation: Explanation) -> None:
            encoder.encode(draw(frame.pixels, explanation, settings.alpha, settings.colormap), frame.time)
            result.add(frame, explanation)
            advance(1)

        try:
            flow(source, explain, write, batch=batch, weigh=lambda frame: frame.pixels.nbytes)
            encoder.finish(last_shown=source.last_seconds if isinstance(source, AnimationSource) else None)
        except BaseException:
            encoder.abandon()
            raise
        damage = source.damage
        result.complete(damage)
        return Outcome(entry, result.frames, failure=damage_to(entry, damage))
