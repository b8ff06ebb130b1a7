"""The errors a user meets. Each message is one clear line: what failed, what was received, what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from live_gradcam.address import without_secrets
from live_gradcam.file_names import shown


class LiveGradcamError(Exception):
    r"""It could not be done. Everything this package raises on purpose derives from this; exit code 1.

    Args:
        message: one line. Passwords and other secrets of addresses in it are left out; signs that no terminal can
            show, from the name of a file, are written as `\n` or `\xe9`.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(shown(without_secrets(message)))


class SourceError(LiveGradcamError):
    """A camera, file or stream could not be opened or read."""


class ModelError(LiveGradcamError):
    """A model, its weights or its labels could not be loaded, or it cannot be explained."""


class LayerError(ModelError):
    """The target layer does not exist or has no activation that can be explained."""


class TargetError(LiveGradcamError):
    """The class to explain does not exist, or several match."""


class RenderError(LiveGradcamError):
    """A picture could not be drawn as asked."""


class SinkError(LiveGradcamError):
    """A window or a recording could not be opened or written."""


class DeviceError(LiveGradcamError):
    """The device to compute on is not there."""


class SettingsError(LiveGradcamError):
    """A setting has a value that makes no sense."""


def nearest(name: str, valid: Iterable[str], count: int = 3) -> list[str]:
    """Return up to `count` of the valid names, the most alike first; letter case does not count.

    Names that contain what was typed come before near spellings, so `clock` finds `analog clock`.
    """
    by_folded = {candidate.casefold(): candidate for candidate in valid}
    typed = name.casefold()
    containing = [folded for folded in by_folded if len(typed) > 2 and typed in folded]
    spelled = difflib.get_close_matches(typed, by_folded, n=count, cutoff=0.6)
    ordered = dict.fromkeys([*containing, *spelled])
    return [by_folded[folded] for folded in ordered][:count]


def unknown_name(kind: str, received: str, valid: Iterable[str], where: str) -> str:
    """Word the message for a name that is not known.

    Args:
        kind: what was named, such as `colour map`.
        received: what was typed.
        valid: the names that would have been right.
        where: a sentence that tells how to see all of them.

    Returns:
        One line that lists all the valid names where they are few, else the nearest.
    """
    names = sorted(valid)
    near = nearest(received, names)
    if near:
        hint = f"Did you mean {' or '.join(near)}? {where}"
    elif len(names) <= 24:
        hint = f"Valid: {', '.join(names)}."
    else:
        hint = where
    return f"unknown {kind} '{received}'. {hint}"
