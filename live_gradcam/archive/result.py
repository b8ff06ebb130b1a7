"""A result: an annotated file and its record, which appear under their names together, once they are complete."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from live_gradcam.archive.entry import Entry
from live_gradcam.archive.record import Conclusion, FileState, RecordWriter, described
from live_gradcam.archive.row import row_of
from live_gradcam.config import AnnotateSettings
from live_gradcam.explanation import Explanation
from live_gradcam.frame import Frame


class Result:
    """Makes room for an output and its record; whatever was begun and not completed is removed at the end.

    Args:
        entry: whose result it is.
        settings: what it is made with.

    Raises:
        OSError: the input is not there, or nothing can be written.
    """

    def __init__(self, entry: Entry, settings: AnnotateSettings) -> None:
        self.entry = entry
        self._settings = settings
        self._source = FileState.of(entry.source)  # before it is read: what changes later will be noticed
        entry.output.parent.mkdir(parents=True, exist_ok=True)
        self._record = RecordWriter(entry.record)

    @property
    def frames(self) -> int:
        """How many frames were added."""
        return self._record.rows

    def add(self, frame: Frame, explanation: Explanation) -> None:
        """Write down what is on one more frame.

        Raises:
            OSError: it cannot be written.
        """
        self._record.write(row_of(self.entry.name, frame, explanation))

    def complete(self, damage: str | None = None) -> None:
        """Give the record and the output, which is complete in its part file, their names.

        Args:
            damage: what could not be read of the input.

        Raises:
            OSError: it cannot be written.
        """
        part = self.entry.part
        # The record first: an output without one could not be told from a stranger's file.
        self._record.conclude(
            Conclusion(
                source=self._source.as_json(),
                settings=described(self._settings),
                frames=self.frames,
                bytes=part.stat().st_size,
                damage=damage,
            )
        )
        part.replace(self.entry.output)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._record.abandon()
        try:
            self.entry.part.unlink(missing_ok=True)
        except OSError:
            return  # it is replaced by the next run
