"""Settings as JSON: what recordings and sessions store of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from live_gradcam.config import Settings
from live_gradcam.redaction import shown_address
from live_gradcam.setting import settings_of
from live_gradcam.stream_address import stream_name, stream_of


def as_json(settings: Settings) -> dict[str, Any]:
    """Return settings as JSON can hold them: open objects by their names, addresses without secrets."""
    chosen = {name: getattr(settings, name) for name in settings_of(Settings)}
    chosen |= {"source": _shown(settings.source), "also": [_shown(each) for each in settings.also]}
    if (stream := stream_of(settings.record)) is not None:
        chosen["record"] = stream_name(stream)
    chosen["sinks"] = [str(getattr(each, "name", each)).partition(":")[0] for each in settings.sinks]
    return dict(json.loads(json.dumps(chosen, default=str)))


def from_json(saved: Mapping[str, Any]) -> Settings:
    """Return the settings of a saved session, without those that write files or end the run."""
    left_out = ("record", "snapshot", "sinks", "stats", "save_session", "frames", "duration") + (
        "virtual_camera",
        "virtual_camera_device",
    )
    kept = {name: saved[name] for name in settings_of(Settings) if name in saved and name not in left_out}
    kept = {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}
    # Sessions of earlier versions contain passwords.
    if "source" in kept:
        kept["source"] = _shown(kept["source"])
    if "also" in kept:
        kept["also"] = tuple(_shown(each) for each in kept["also"])
    return Settings(**kept)


def _shown(source: Any) -> int | str:  # noqa: ANN401 - also an open source
    if isinstance(source, int):
        return source
    return shown_address(str(source if isinstance(source, str) else getattr(source, "name", source)))
