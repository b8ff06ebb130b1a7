"""Messages from the page over the WebSocket: their format and their checks.

A binary message is a frame: its number (uint32, little-endian), then a JPEG, PNG or WebP file.
A text message is JSON. `{"ask": 1, "methods": ["gradcam"], "layer": null, "targets": [null], "share": null,
"badge": false, "curves": false}` sets the question for the frames that follow; `{"next": 1}` requests a frame of the
server's own camera; `{"here": true}` keeps the socket open; `{"teach": "hold", "number": 1}` teaches (`TeachMessage`).
"""

from __future__ import annotations

import json
import struct
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from live_gradcam.server.errors import RequestError
from live_gradcam.server.messages import MOST_MAPS
from live_gradcam.taught_head import MOST_CLASSES

Name = Annotated[str, Field(min_length=1, max_length=64)]
Layer = Annotated[str, Field(min_length=1, max_length=400)]
TargetName = Annotated[str, Field(max_length=200)] | Annotated[int, Field(ge=0, le=10_000_000)]
FrameNumber = Annotated[int, Field(ge=0, lt=2**32)]


class QuestionMessage(BaseModel):
    """Sets the question for the frames that follow."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ask: FrameNumber
    methods: Annotated[list[Name], Field(min_length=1, max_length=MOST_MAPS)]
    layer: Layer | None = None
    targets: Annotated[list[TargetName | None], Field(min_length=1, max_length=MOST_MAPS)] = [None]
    share: Annotated[float, Field(ge=0.01, le=0.99)] | None = None
    """Of the area that the hottest part takes at most in a test of each first map; None: no test."""

    badge: bool = False
    """Whether first maps are tested now and then, while the answers go on."""

    curves: bool = False
    """Whether the deletion and insertion curves of each answer's maps are measured, as for a frozen picture."""


class FrameRequest(BaseModel):
    """Requests a frame of the server's own camera."""

    model_config = ConfigDict(extra="forbid", strict=True)

    next: FrameNumber


class KeepAlive(BaseModel):
    """Keeps the socket open."""

    model_config = ConfigDict(extra="forbid", strict=True)

    here: bool


TeachAction = Literal["hold", "release", "rename", "undo", "forget", "again", "save", "stop"]


class TeachMessage(BaseModel):
    """Teaches the visitor's own classifier.

    `hold` begins a burst of a class, and `release` ends it; `rename` gives a class a name; `undo` forgets the last
    burst, `forget` a class, `again` all classes; `save` makes the files to download; `stop` ends the teaching.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    teach: TeachAction
    number: Annotated[int, Field(ge=1, le=MOST_CLASSES)] | None = None
    """The class of `hold`, `rename` and `forget`."""

    name: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    """The new name of `rename`."""


PageMessage = QuestionMessage | FrameRequest | KeepAlive | TeachMessage

_KINDS: dict[str, type[PageMessage]] = {
    "ask": QuestionMessage,
    "next": FrameRequest,
    "here": KeepAlive,
    "teach": TeachMessage,
}
"""Key that marks a kind of message → the kind."""


def read_text(text: str) -> PageMessage:
    """Parse a text message.

    Raises:
        RequestError: it is not valid.
    """
    try:
        message = json.loads(text)
        kind = next(kind for name, kind in _KINDS.items() if name in message)
        return kind.model_validate(message)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RequestError(400, f"the message is not valid: {where}: {first['msg']}.") from error
    except (ValueError, RecursionError, TypeError, StopIteration) as error:
        raise RequestError(
            400, "the message is not valid: it must be JSON with ask, next, here or teach."
        ) from error


def read_frame(message: bytes) -> tuple[int, bytes]:
    """Return a frame's number and its picture file.

    Raises:
        RequestError: there is no picture.
    """
    if len(message) <= 4:
        raise RequestError(400, "the frame has no picture.")
    (number,) = struct.unpack_from("<I", message)
    return number, message[4:]
