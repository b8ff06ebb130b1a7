"""Annotates groups of files with one model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import cv2

from live_gradcam.archive.annotate_job import ArchiveFile, Failure, Outcome, error_text
from live_gradcam.archive.annotate_settings import AnnotateSettings
from live_gradcam.archive.batches import BatchExplainer, fastest_batch_size
from live_gradcam.archive.pictures import annotate_pictures
from live_gradcam.archive.video import annotate_video
from live_gradcam.closeable import Closeable
from live_gradcam.metrics.proofs import ProvedExplainer
from live_gradcam.process.stderr_filter import native_stderr_filtered

logger = logging.getLogger(__name__)

PICTURES_AT_ONCE = 64
"""Number of pictures in a group."""

_LOCK = "lock"


def file_groups(entries: Sequence[ArchiveFile]) -> list[tuple[ArchiveFile, ...]]:
    """Return groups of files that are annotated together: up to `PICTURES_AT_ONCE` pictures, or one video."""
    pictures = [entry for entry in entries if entry.kind == "picture"]
    videos = [entry for entry in entries if entry.kind == "video"]
    return [
        *(tuple(pictures[at : at + PICTURES_AT_ONCE]) for at in range(0, len(pictures), PICTURES_AT_ONCE)),
        *((video,) for video in videos),
    ]


class FileWorker(Closeable):
    """Annotates groups of files with one model. Not thread-safe.

    Args:
        settings: model, method, appearance and limits.
        size: typical (width, height) of the frames, in pixels.
        frames: estimated number of frames.
        cores: number of cores to use; None: all.
        say: shows a line to the user.

    Raises:
        LiveGradcamError: the model cannot be loaded or explained.
    """

    def __init__(
        self,
        settings: AnnotateSettings,
        *,
        size: tuple[int, int],
        frames: int,
        cores: int | None = None,
        say: Callable[[str], None] = logger.info,
    ) -> None:
        self._settings = settings
        say(f"loading {settings.model_name} …")
        with native_stderr_filtered():
            # Imported here: TensorFlow takes seconds to load, and a finished archive does not need it.
            from live_gradcam.explain.loading import load_explainer

            if cores is not None:
                from live_gradcam.explain.compilers import limit_cores

                limit_cores(cores)
                cv2.setNumThreads(cores)
            self._explainer = load_explainer(settings, size, say)
        # The target `lock` depends on the frames before, so they are explained one by one.
        self._locked = isinstance(settings.target, str) and settings.target.strip().casefold() == _LOCK
        self.batch = (
            1 if self._locked else settings.batch or fastest_batch_size(self._explainer, size, frames)
        )
        self._tester: BatchExplainer = self._explainer
        if settings.faithfulness:
            self._tester = ProvedExplainer(self._explainer, self._explainer.model.input_size)

    def settle(self) -> None:
        """Wait for a while until the network is converted for the next start."""
        self._explainer.settle()

    def close(self) -> None:
        """Stop what the explainer does in the background."""
        self._explainer.close()

    def annotate(
        self,
        group: Sequence[ArchiveFile],
        *,
        advance: Callable[[int], None],
        ended: Callable[[Outcome], None],
    ) -> None:
        """Annotate one group. If a file fails, report it and go on.

        Args:
            group: pictures, or one video.
            advance: called with the number of frames that were finished since the last call, from any thread.
            ended: called with the outcome of each file, from any thread.
        """
        for files in [[entry] for entry in group] if self._locked else [group]:
            if self._locked:
                self._explainer.target = self._explainer.target  # releases the lock of the former file
            if files[0].kind == "picture":
                annotate_pictures(
                    files, self._tester, self._settings, batch=self.batch, advance=advance, ended=ended
                )
            else:
                ended(self._annotate_video(files[0], advance))

    def _annotate_video(self, entry: ArchiveFile, advance: Callable[[int], None]) -> Outcome:
        try:
            return annotate_video(entry, self._tester, self._settings, batch=self.batch, advance=advance)
        except Exception as error:
            logger.debug("%s failed", entry.name, exc_info=True)
            return Outcome(entry, 0, failure=Failure(entry.name, error_text(error)))
