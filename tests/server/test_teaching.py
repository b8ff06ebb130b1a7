"""Teaching on the page: each visitor has a classifier of their own, and all of it goes with the visit."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from networks import pooled_network
from served import Served, SocketAnswer, jpeg, read_answer, send_frame, small_service
from websockets.sync.client import ClientConnection

from live_gradcam.frame import Pixels

RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)
Colour = tuple[int, int, int]


def picture(colour: Colour, seed: int = 0) -> bytes:
    noise = np.random.default_rng(seed).integers(-20, 20, (20, 30, 3))
    pixels: Pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
    return jpeg(pixels)


class Visitor:
    """A page that teaches: it sends frames and messages, and keeps what it is told."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.number = 0
        self.taught: dict[str, Any] = {"classes": [], "line": "", "learning": False, "recording": None}
        self.told: list[dict[str, Any]] = []

    def say(self, teach: str, **more: Any) -> None:
        self.socket.send(json.dumps({"teach": teach, **more}))

    def frame(self, colour: Colour) -> SocketAnswer:
        """Send a frame, and return its answer; what is told meanwhile is kept."""
        self.number += 1
        send_frame(self.socket, self.number, picture(colour, self.number))
        while True:
            message = self.socket.recv(20)
            if isinstance(message, bytes):
                return read_answer(message)
            self.hear(message)

    def hear(self, message: str | bytes) -> None:
        assert isinstance(message, str)
        said = json.loads(message)
        self.told.append(said)
        self.taught = said.get("taught", self.taught)

    def until(self, wanted: Callable[[dict[str, Any]], Any], patience: float = 60) -> dict[str, Any]:
        """Wait until the visitor is told something."""
        deadline = time.monotonic() + patience
        while not wanted(self.taught):
            assert time.monotonic() < deadline, self.told[-3:]
            self.hear(self.socket.recv(patience))
        return self.taught

    def teach(self, number: int, colour: Colour, frames: int = 6) -> None:
        """Hold the button of a class for some frames, as a page does, and wait until it is learned."""
        self.say("hold", number=number)
        self.until(lambda taught: taught["recording"] == number)
        for _ in range(frames):
            self.frame(colour)
        self.say("release")
        deadline = time.monotonic() + 30
        while self.taught["recording"] is not None:  # a burst takes a second at least
            assert time.monotonic() < deadline
            self.frame(colour)
        self.until(lambda taught: not taught["learning"])


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served(small_service(pooled_network(), teach=True)) as served:
        yield served


def test_a_visitor_teaches_two_classes_and_is_told_their_names(served: Served) -> None:
    with served.socket() as socket:
        visitor = Visitor(socket)
        assert visitor.frame(RED).header["top"][0][1] in ("red", "green", "blue", "grey")
        visitor.teach(1, RED)
        visitor.teach(2, BLUE)
        visitor.say("rename", number=1, name="my mug")
        visitor.until(lambda taught: taught["classes"][0]["name"] == "my mug")
        assert visitor.frame(RED).header["top"][0][1] == "my mug"
        answer = visitor.frame(BLUE)
        assert [row[1] for row in answer.header["top"]] == ["class 2", "my mug"]
        assert answer.header["maps"][0]["evidence"]
        visitor.say("stop")
        assert visitor.frame(RED).header["top"][0][1] in ("red", "green", "blue", "grey")
