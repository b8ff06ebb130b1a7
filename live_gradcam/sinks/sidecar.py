"""The sidecar of a recording: one line of JSON for each picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from live_gradcam.escaping import Json, json_text
from live_gradcam.heatmap import heat_place
from live_gradcam.rendered_picture import Rendered

About = Callable[[], Mapping[str, Json]]
"""Returns what a run uses: version, model, layer, method, source, settings."""


class Sidecar:
    """Writes each line at once, so that a killed program keeps all of them.

    The first line, the header, has what all pictures have in common; each further line is `row_of` one picture.

    Args:
        path: the file; an existing file is replaced.
        header: the first line.

    Raises:
        OSError: it cannot be written; also from every method.
    """

    def __init__(self, path: Path, header: Mapping[str, Json]) -> None:
        self._file = path.open("w", encoding="utf-8", buffering=1, newline="\n")
        self._write({"kind": "header", **header})

    def write(self, rendered: Rendered, seconds: float) -> None:
        """Write the line of one picture.

        Args:
            rendered: the picture.
            seconds: its time in the recording.
        """
        self._write({"kind": "frame", "seconds": round(seconds, 6), **row_of(rendered)})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def abandon(self) -> None:
        """Close the file after a failure, keeping what was written."""
        with suppress(OSError):  # the caller already has the first failure
            self._file.close()

    def _write(self, line: Mapping[str, Json]) -> None:
        self._file.write(json_text(line) + "\n")


def row_of(rendered: Rendered) -> dict[str, Any]:
    """Return the sidecar's line of a picture.

    Returns:
        `index` of the frame in its source; `captured_at` (monotonic s); `media_time` (s into the file, null for
        cameras); `top`, up to five pairs of label and probability; `values`, triples of name, number and unit, of a
        network that is no classifier, for which `top` is empty; `target`, the label of what is explained; `method`;
        `has_evidence`; `heat_centre` (x, y) and `heat_box` (x, y, width, height), in pixels of the frame, of the heat
        that is at least half of its maximum; `latency_ms` from capture to picture, null for files. Null if nothing was
        explained yet, or there is no heat.
    """
    frame, explanation, heatmap = rendered.frame, rendered.explanation, rendered.heatmap
    place = None
    if explanation is not None and heatmap is not None:
        place = heat_place(heatmap, explanation.region)
    said = {"top": []} if explanation is None else explanation.said
    return {
        "index": frame.index,
        "captured_at": round(frame.captured_at, 6),
        "media_time": None if frame.media_time is None else round(frame.media_time, 6),
        **said,
        "target": None if explanation is None else explanation.target.label,
        "method": None if explanation is None else explanation.method,
        "has_evidence": None if explanation is None else explanation.has_evidence,
        "heat_centre": None if place is None else [round(place.centre[0], 1), round(place.centre[1], 1)],
        "heat_box": None if place is None else list(place.box),
        "latency_ms": None if rendered.latency_ms is None else round(rendered.latency_ms, 1),
    }
