"""Errors that a user sees. Each message is one clear line: what failed, the value received, the next step."""

from __future__ import annotations

import re

LONGEST_LINE = 380
"""Maximum length of an error message: with the program's name, a line on stderr stays below 400 characters."""

_LONGEST_WORD = 72

_CUT = " […] "
_BREAKS = re.compile("[ \x00-\x1f\x7f-\x9f]*[\x00-\x1f\x7f-\x9f][ \x00-\x1f\x7f-\x9f]*")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_NO_REASON = re.compile(
    r"Exception encountered when calling|Graph execution error|in user code:|Detected at node |<stack traces|\s*File \""
)
"""Beginnings of lines of Keras and TensorFlow messages that come before the reason."""


class LiveGradcamError(Exception):
    """Base class of every error that this package raises on purpose; exit code 1.

    `str(error)` is one line of at most `LONGEST_LINE` characters; `args[0]` has the whole message. Both are free of
    passwords and other secrets of addresses.
    """

    def __init__(self, message: str = "") -> None:
        from live_gradcam.redaction import without_secrets

        super().__init__(without_secrets(message))

    def __str__(self) -> str:
        return one_line(super().__str__())


class SourceError(LiveGradcamError):
    """A camera, file or stream could not be opened or read."""


class ModelError(LiveGradcamError):
    """A model, its weights or its labels could not be loaded, or it cannot be explained."""


class LayerError(ModelError):
    """The target layer does not exist or has no activation that can be explained."""


class TargetError(LiveGradcamError):
    """The class to explain does not exist, or several match."""


class RenderError(LiveGradcamError):
    """A picture could not be drawn with these settings."""


class SinkError(LiveGradcamError):
    """A window or a recording could not be opened or written."""


class DeviceError(LiveGradcamError):
    """The requested compute device does not exist."""


class SettingsError(LiveGradcamError):
    """A setting has an invalid value."""


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    r"""Return a message as one line of limited length that keeps its end, which says what to do next.

    Args:
        text: any message. Line breaks, tabs and control characters become spaces; other unprintable characters, such as
            a byte of a file's name, are written as `\xe9`. (Names with line breaks are passed through `shown` before.)
        longest: maximum length. If the line is longer, first the middle of long words (paths, dumped settings) is cut
            out, then the middle of the line.
    """
    from live_gradcam.escaping import shown

    line = shown(_BREAKS.sub(" ", text).strip())
    if len(line) > longest:
        line = re.sub(rf"\S{{{_LONGEST_WORD + 1},}}", lambda word: _shortened(word[0]), line)
    if len(line) <= longest:
        return line
    end = _last_sentences(line, longest * 2 // 3)
    start = line[: longest - len(end) - len(_CUT)]
    return start.rstrip() + _CUT + end.lstrip()


def reason_of(error: BaseException | str, longest: int = 160) -> str:
    """Return the first informative line of another library's error, short enough to be part of a message.

    Args:
        error: the error, or its text; an error without a text is named by its type.
        longest: maximum length; the rest is cut off.
    """
    lines = [line for line in _COLOURS.sub("", str(error)).splitlines() if line.strip()]
    while len(lines) > 1 and _NO_REASON.match(lines[0]):
        lines = lines[1:]
    line = one_line(lines[0] if lines else type(error).__name__, 100 * longest)
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _shortened(word: str) -> str:
    return word[: _LONGEST_WORD // 3] + "…" + word[1 - _LONGEST_WORD * 2 // 3 :]


def _last_sentences(line: str, longest: int) -> str:
    """Return as many whole sentences from the end of a line as fit, else the end of the last sentence."""
    starts = [match.end() for match in re.finditer(r"[.;:] (?=[^.;:])", line)]
    fitting = [start for start in starts if len(line) - start <= longest]
    return line[fitting[0] :] if fitting else line[-longest:]
