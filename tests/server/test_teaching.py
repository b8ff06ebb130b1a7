"""Teaching on the page: each visitor has a classifier of their own, and all of it goes with the visit."""

from __future__ import annotations

import gc
import io
import json
import tempfile
import threading
import time
import weakref
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from networks import pooled_network
from served import Served, SocketAnswer, jpeg, read_answer, said, send_frame, small_service
from websockets.sync.client import ClientConnection

from live_gradcam.explain.explainer import Explainer
from live_gradcam.frame import Pixels
from live_gradcam.models.loading import load_model
from live_gradcam.server import teaching
from live_gradcam.server.picture_decoding import decoded
from live_gradcam.teach.teacher import Teacher

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
        # Single frames may be unlike everything that was shown: they have no heat.
        assert any(visitor.frame(BLUE).header["maps"][0]["evidence"] for _ in range(20))
        visitor.say("stop")
        assert visitor.frame(RED).header["top"][0][1] in ("red", "green", "blue", "grey")


def test_one_class_alone_is_not_named_and_without_any_the_network_has_its_own(served: Served) -> None:
    with served.socket() as socket:
        visitor = Visitor(socket)
        visitor.teach(3, GREEN)
        assert visitor.frame(GREEN).header["caption"]["label"] == "not taught yet"
        assert visitor.taught["line"] == "hold 2 while it sees something else, or nothing"
        visitor.say("again")
        visitor.until(lambda taught: not taught["classes"] and not taught["learning"])
        assert visitor.frame(GREEN).header["top"][0][1] in ("red", "green", "blue", "grey")


def test_undo_and_forget_take_back_and_say_so(served: Served) -> None:
    with served.socket() as socket:
        visitor = Visitor(socket)
        visitor.teach(1, RED)
        visitor.teach(2, BLUE)
        visitor.say("undo")
        visitor.until(lambda taught: "are forgotten" in taught["said"])
        visitor.until(lambda taught: len(taught["classes"]) == 1 and not taught["learning"])
        visitor.say("forget", number=1)
        visitor.until(lambda taught: taught["said"] == "class 1 is forgotten")
        visitor.until(lambda taught: not taught["learning"])
        visitor.say("forget", number=1)
        visitor.until(lambda taught: taught["said"] == "there is no class 1")


def test_a_class_has_at_most_so_many_pictures(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teaching, "MOST_PICTURES", 5)
    with served.socket() as socket:
        visitor = Visitor(socket)
        visitor.say("hold", number=1)
        visitor.until(lambda taught: taught["recording"] == 1)
        deadline = time.monotonic() + 30
        while visitor.taught["recording"] is not None:  # nobody releases the button
            assert time.monotonic() < deadline
            visitor.frame(RED)
        visitor.until(lambda taught: not taught["learning"])
        assert visitor.taught["classes"][0]["count"] == 5
        visitor.say("hold", number=1)
        visitor.until(lambda taught: taught["said"] == "5 pictures of class 1 are enough")


def test_a_target_that_was_forgotten_becomes_the_most_probable_class(served: Served) -> None:
    with served.socket() as socket:
        visitor = Visitor(socket)
        visitor.teach(1, RED)
        visitor.teach(2, BLUE)
        socket.send(json.dumps({"ask": 1, "methods": ["gradcam"], "targets": ["class 1"]}))
        assert visitor.frame(BLUE).header["maps"][0]["target"]["label"] == "class 1"
        visitor.say("forget", number=1)
        visitor.until(lambda taught: len(taught["classes"]) == 1 and not taught["learning"])
        assert visitor.frame(BLUE).header["maps"][0]["target"]["label"] == "class 2"
        assert not any("error" in each for each in visitor.told)


@pytest.mark.parametrize(
    "message",
    [
        {"teach": "hold"},
        {"teach": "hold", "number": 0},
        {"teach": "hold", "number": 10},
        {"teach": "hold", "number": "1"},
        {"teach": "shout"},
        {"teach": "rename", "number": 1, "name": ""},
        {"teach": "rename", "number": 1, "name": "x" * 41},
        {"teach": "hold", "number": 1, "more": 1},
    ],
)
def test_a_message_that_is_not_valid_is_refused(served: Served, message: dict[str, Any]) -> None:
    with served.socket() as socket:
        socket.send(json.dumps(message))
        assert said(socket)["error"].startswith("the message is not valid")


def test_a_name_keeps_its_printable_characters_only(served: Served) -> None:
    with served.socket() as socket:
        visitor = Visitor(socket)
        visitor.teach(1, RED)
        visitor.say("rename", number=1, name="\u200b\u0007")
        visitor.say("rename", number=1, name=" mug\n one\u202e ")
        visitor.until(lambda taught: taught["classes"][0]["name"] == "mug one")


def test_without_the_setting_nothing_can_be_taught() -> None:
    with Served(small_service()) as served, served.socket() as socket:
        socket.send(json.dumps({"teach": "hold", "number": 1}))
        assert said(socket)["error"] == "nothing can be taught here: start the server with --teach."
        assert not served.get("/setup").json["teach"]
        assert served.get("/taught/abc").status == 404


def test_the_model_is_downloaded_once_and_holds_what_was_taught(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with served.socket() as socket:
        visitor = Visitor(socket)
        visitor.teach(1, RED)
        visitor.say("save")
        visitor.until(lambda taught: taught["said"] == "teach two classes first")
        visitor.teach(2, BLUE)
        visitor.say("rename", number=2, name="sky")
        visitor.until(lambda taught: taught["classes"][1]["name"] == "sky")
        visitor.say("save")
        link = visitor.until(lambda taught: taught["file"])["file"]["link"]
        reply = served.get(link)
        assert reply.status == 200
        assert 'filename="taught.zip"' in reply.headers["content-disposition"]
        assert served.get(link).status == 404
        answer = visitor.frame(BLUE)
        visitor.say("save")
        unused = visitor.until(lambda taught: taught["file"] and taught["file"]["link"] != link)["file"][
            "link"
        ]
        assert len(list(folder.glob("live_gradcam-taught-*/*.zip"))) == 1
    with zipfile.ZipFile(io.BytesIO(reply.body)) as file:
        assert sorted(file.namelist()) == ["taught/taught.keras", "taught/taught.labels.json"]
        file.extractall(tmp_path)
    model = load_model(str(tmp_path / "taught" / "taught.keras"))
    frame = decoded(picture(BLUE, visitor.number))
    explanation = Explainer(model, fit="crop").explain(frame)
    assert explanation.top[0].label == "sky"
    assert explanation.top[0].probability == pytest.approx(answer.header["top"][0][2], abs=1e-4)
    deadline = time.monotonic() + 20
    while list(folder.glob("live_gradcam-taught-*/*")):  # the visit has ended, and its files with it
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert served.get(unused).status == 404


def test_a_link_needs_the_token_as_everything_does() -> None:
    with Served(small_service(teach=True), token="a-long-enough-token") as served:
        assert served.get("/taught/abc").status == 401
        assert served.get("/taught/abc", Authorization="Bearer a-long-enough-token").status == 404


def test_all_that_was_taught_goes_with_the_visit(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[Teacher]] = []

    class Noted(Teacher):
        def __init__(self, *values: Any, **more: Any) -> None:
            super().__init__(*values, **more)
            made.append(weakref.ref(self))

    monkeypatch.setattr(teaching, "Teacher", Noted)
    kernels: list[weakref.ref[Any]] = []
    for _ in range(2):
        with served.socket() as socket:
            visitor = Visitor(socket)
            visitor.teach(1, RED, frames=3)
            visitor.teach(2, BLUE, frames=3)
            (teacher,) = [each() for each in made[-1:]]
            assert teacher is not None
            kernels.append(weakref.ref(teacher.head.kernel))
            del teacher
            visitor.say("hold", number=3)  # the visit ends within a burst
            visitor.until(lambda taught: taught["recording"] == 3)
            visitor.frame(GREEN)
    deadline = time.monotonic() + 20
    while any(each() is not None for each in (*made, *kernels)):
        assert time.monotonic() < deadline, (made, kernels)
        gc.collect()
        time.sleep(0.05)
    assert "learn" not in {each.name for each in threading.enumerate()}


VISITORS = 20


def a_lesson(served: Served, number: int, together: threading.Barrier) -> tuple[set[str], int]:
    """Teach two classes as one of many visitors.

    Returns:
        All names that the visitor was told after that, and the most pictures in a call.
    """
    one, other = f"thing {number}", f"other {number}"
    colours = ((RED, BLUE), (GREEN, RED), (BLUE, GREEN))[number % 3]
    with served.socket() as socket:
        visitor = Visitor(socket)
        together.wait(60)
        for place, (name, colour) in enumerate(zip((one, other), colours, strict=True), 1):
            visitor.teach(place, colour)
            visitor.say("rename", number=place, name=name)
        visitor.until(lambda taught: [each["name"] for each in taught["classes"]] == [one, other])
        together.wait(60)
        names, batch = set[str](), 0
        for turn in range(20):
            answer = visitor.frame(colours[turn % 2])
            assert answer.header["top"][0][1] == (one, other)[turn % 2]
            names |= {row[1] for row in answer.header["top"]}
            batch = max(batch, answer.header["batch"])
        assert {each["name"] for told in visitor.told[-1:] for each in told["taught"]["classes"]} == {
            one,
            other,
        }
        return names, batch


def lessons(served: Served) -> list[tuple[set[str], int]]:
    together = threading.Barrier(VISITORS)
    with ThreadPoolExecutor(VISITORS) as pool:
        return list(pool.map(lambda number: a_lesson(served, number, together), range(VISITORS)))


@pytest.mark.load
def test_twenty_visitors_teach_at_once_and_each_is_told_its_own_names(served: Served) -> None:
    process = psutil.Process()
    lessons(served)
    traces, before = served.service.graphs.traces, process.memory_info().rss
    found = lessons(served)
    assert [names for names, _ in found] == [
        {f"thing {number}", f"other {number}"} for number in range(VISITORS)
    ]
    assert max(batch for _, batch in found) > 1  # they share calls of the network, whatever was taught
    assert served.service.graphs.traces == traces
    gc.collect()
    assert process.memory_info().rss < before + 50e6
