"""The server beside ten minutes of hostile messages: an honest visitor is served as ever, and nothing grows.

`LIVE_GRADCAM_HOSTILE_SECONDS=30 python3 scripts/test.py -m hostile` tries it for half a minute, and
`LIVE_GRADCAM_HOSTILE_SEED=N` with other messages.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import cv2
import numpy as np
import psutil
import pytest
from hostile import ENDS, KINDS, close_codes, conversation, hold, statuses
from hostile_frames import frame
from hostile_pictures import KINDS as PICTURES
from hostile_pictures import hostile_picture, whole, with_right_checksums
from programs import Program
from served import SocketAnswer, answer_to
from websockets.exceptions import WebSocketException
from websockets.frames import Frame
from websockets.streams import StreamReader
from websockets.sync.client import ClientConnection, connect

from live_gradcam.server.picture_decoding import photo_of

SECONDS = float(os.environ.get("LIVE_GRADCAM_HOSTILE_SECONDS", "600"))
SEED = int(os.environ.get("LIVE_GRADCAM_HOSTILE_SEED", "0"))

TOKEN = "a-token-for-the-honest"
ATTACKERS = 3
FPS = 5.0
FIRST = min(60.0, SECONDS / 3)
"""Seconds after which memory is looked at first."""

MOST_GROWTH = 1.6
MOST_THREADS = 48
"""More than on the quiet server: anyio runs up to 40 for files, asyncio as many as there are cores, and four."""

MOST_FILES = 8
"""More open files than on the quiet server, once the attackers have gone."""

MOST_LOGGED = 10_000
"""Characters on stderr, whatever the strangers send."""

ENDS_WITHIN = 2.0
INTERNAL_FAULTS = (500, 1011)
"""HTTP's status and WebSocket's close code for what the server did not foresee."""

MOST_SHADE = 1 / 255
"""How far a heat map may be from the quiet server's, at any place: frames that go along in one call round otherwise."""


class Honest(threading.Thread):
    """A visitor who sends the same frames again and again, posts one, and compares the answers."""

    def __init__(self, address: str) -> None:
        super().__init__(name="honest")
        self._address = address
        noise = np.random.default_rng(5).integers(0, 256, (6, 9, 9, 3)).astype(np.uint8)
        sizes = [cv2.resize(each, (224, 224), interpolation=cv2.INTER_CUBIC) for each in noise]
        self._frames = [bytes(cv2.imencode(".jpg", each)[1]) for each in sizes]
        self.over = threading.Event()
        self.answers = 0
        self.faults: list[str] = []
        with self._connected() as socket:
            self._quiet = [answer_to(socket, number, each) for number, each in enumerate(self._frames)]
        self._quiet_post = self._posted()

    def run(self) -> None:
        while not self.over.is_set():
            try:
                self._visit()
            except (OSError, TimeoutError, WebSocketException, HTTPError, AssertionError) as error:
                self.faults.append(f"{type(error).__name__}: {error}"[:300])
                self.over.wait(1)

    def _visit(self) -> None:
        with self._connected() as socket:
            number = 0
            while not self.over.wait(1 / FPS):
                place = number % len(self._frames)
                self._compare(answer_to(socket, number, self._frames[place]), self._quiet[place])
                if number % round(FPS) == 0:
                    assert self._posted() == self._quiet_post
                number += 1

    def _compare(self, answer: SocketAnswer, quiet: SocketAnswer) -> None:
        assert [each[:2] for each in answer.header["top"]] == [each[:2] for each in quiet.header["top"]]
        assert answer.header["maps"][0]["target"]["id"] == quiet.header["maps"][0]["target"]["id"]
        shades = np.abs(answer.maps[0].astype(int) - quiet.maps[0].astype(int)) / 255
        assert shades.max() <= MOST_SHADE
        self.answers += 1

    def _posted(self) -> dict[str, Any]:
        headers = {"Content-Type": "image/jpeg", "Authorization": f"Bearer {TOKEN}"}
        request = Request(f"{self._address}/explain", self._frames[0], headers)
        with urlopen(request, timeout=30) as reply:
            found: dict[str, Any] = json.load(reply)
        kept = ("method", "layer", "size", "region", "has_evidence")
        return {**{name: found[name] for name in kept}, "top": [each["class_id"] for each in found["top"]]}

    def _connected(self) -> ClientConnection:
        return connect(f"ws{self._address[4:]}/socket?token={TOKEN}", max_size=None, open_timeout=30)


class Attacker(threading.Thread):
    """Holds one hostile conversation after another."""

    def __init__(self, port: int, seed: int) -> None:
        super().__init__(name=f"attacker {seed}")
        self._port = port
        self._draw = random.Random(seed)
        self.over = threading.Event()
        self.seen: Counter[str] = Counter()
        self.faults: list[str] = []

    def run(self) -> None:
        host = f"127.0.0.1:{self._port}"
        while not self.over.is_set():
            held = conversation(self._draw, host, TOKEN)
            try:
                said = hold(held, self._port)
            except OSError as error:
                self.seen[f"{held.kind}: {type(error).__name__}"] += 1
                self.over.wait(0.2)  # it is ending
                continue
            for status in statuses(said) or [0]:
                self.seen[f"{held.kind}: {status or 'no answer'}"] += 1
                if status in INTERNAL_FAULTS:
                    self.faults.append(f"{status} to {b''.join(held.pieces)[:600]!r}")


class Watch(threading.Thread):
    """Looks once a second at a process: its memory in MB, its threads, its open files."""

    def __init__(self, pid: int) -> None:
        super().__init__(name="watch")
        self._process = psutil.Process(pid)
        self.over = threading.Event()
        self.seen: list[tuple[float, float, int, int]] = []

    def look(self) -> tuple[float, float, int, int]:
        every = [self._process, *self._process.children(recursive=True)]
        memory = sum(each.memory_info().rss for each in every) / 2**20
        return time.monotonic(), memory, self._process.num_threads(), self._process.num_fds()

    def run(self) -> None:
        while not self.over.wait(1):
            with suppress(psutil.NoSuchProcess):  # a child has just ended, or all of them
                self.seen.append(self.look())


def tracebacks(log: str) -> dict[str, int]:
    """Return the last two lines of each traceback in a log, and how often each is there."""
    found = re.findall(
        r"^Traceback \(most recent call last\):\n(?:[ +|].*\n|\n)*?(  +[^ \n].*\n\S.*)$", log, re.MULTILINE
    )
    return dict(Counter(" → ".join(line.strip() for line in each.splitlines()) for each in found))


@pytest.mark.hostile
@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only on Linux: memory and files are read there"
)
def test_beside_hostile_messages_an_honest_visitor_is_served_as_ever_and_nothing_grows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = Program(tmp_path, "serve", "--port", "0", "--token", TOKEN)
    try:
        program.until_said("Ctrl-C ends it", 300)
        found = re.search(r"open (http://127\.0\.0\.1:(\d+))/", program.said)
        assert found is not None, program.said
        address, port = found[1], int(found[2])
        honest, watch = Honest(address), Watch(program.process.pid)
        attackers = [Attacker(port, 1000 * SEED + place) for place in range(ATTACKERS)]
        quiet = watch.look()
        began = time.monotonic()
        crowd: list[Honest | Watch | Attacker] = [honest, watch, *attackers]
        for each in crowd:
            each.start()
        while time.monotonic() < began + SECONDS and program.process.poll() is None:
            time.sleep(0.2)
        for attacker in attackers[1:]:  # the first goes on while the server ends
            attacker.over.set()
            attacker.join(30)
        last = watch.look() if program.process.poll() is None else quiet
        honest.over.set()
        honest.join(60)
        took = program.end(signal.SIGINT)
        for each in crowd:
            each.over.set()
            each.join(60)
    finally:
        program.process.kill()
        program.process.wait()
    seen = sum((each.seen for each in attackers), Counter[str]())
    first = next(each for each in watch.seen if each[0] >= began + FIRST)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{honest.answers} honest answers; {sum(seen.values())} hostile ones: {dict(seen.most_common())}\n"
            f"memory: {quiet[1]:.0f} MB quiet, {first[1]:.0f} after {FIRST:.0f} s, {last[1]:.0f} at the end, "
            f"at most {max(each[1] for each in watch.seen):.0f}; threads: {quiet[2]}, then at most "
            f"{max(each[2] for each in watch.seen)}; files: {quiet[3]}, then at most "
            f"{max(each[3] for each in watch.seen)}, at the end {last[3]}; it ended in {took:.2f} s\n"
        )
    assert honest.faults == []
    assert [fault for each in attackers for fault in each.faults] == []
    assert tracebacks(program.complained) == {}
    assert all(line.isprintable() for line in program.complained.splitlines())
    assert len(program.complained) <= MOST_LOGGED
    assert program.process.returncode == 0
    assert took <= ENDS_WITHIN
    assert honest.answers >= SECONDS  # of five that it could have a second
    assert last[1] <= MOST_GROWTH * first[1]
    assert max(each[2] for each in watch.seen) <= quiet[2] + MOST_THREADS
    assert last[3] <= quiet[3] + MOST_FILES + ATTACKERS


def test_the_same_seed_gives_the_same_conversations_and_another_gives_others() -> None:
    def several(seed: int) -> list[Any]:
        draw = random.Random(seed)
        return [conversation(draw, "127.0.0.1:1", TOKEN) for _ in range(20)]

    assert several(3) == several(3)
    assert several(3) != several(4)


def test_conversations_are_of_all_kinds_and_end_in_all_ways() -> None:
    draw = random.Random(0)
    held = [conversation(draw, "127.0.0.1:1", TOKEN) for _ in range(200)]
    assert {each.kind for each in held} == set(KINDS)
    assert {each.end for each in held} == set(ENDS)
    assert all(each.pieces for each in held)


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_that_is_not_yet_damaged_is_one_that_the_server_takes(kind: str) -> None:
    assert photo_of(whole(kind)).shape == (48, 53, 3)


def test_damaged_pictures_are_of_all_media_types_and_unlike_each_other() -> None:
    draw = random.Random(0)
    made = [hostile_picture(draw) for _ in range(120)]
    assert {media_type for media_type, _ in made} == {media_type for media_type, _ in PICTURES.values()}
    assert len({data for _, data in made}) > 100


def test_a_damaged_png_gets_the_checksums_that_belong_to_it() -> None:
    data = whole("PNG")
    assert with_right_checksums(data) == data
    place = data.index(b"IHDR") + 7  # the last byte of the width
    damaged = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    mended = with_right_checksums(damaged)
    assert mended != damaged
    assert mended[place] == damaged[place]
    assert with_right_checksums(mended) == mended


def test_the_server_s_statuses_and_close_codes_are_read_from_what_it_said() -> None:
    pipelined = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 400 Bad Request\r\n\r\n"
    assert statuses(pipelined) == [200, 400]
    answer = b"\x82\x7e\x01\x00" + bytes(256) + b"\x81\x02{}" + b"\x88\x03\x03\xf3x"
    assert close_codes(answer) == [1011]
    assert statuses(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + answer) == [101, 1011]
    assert statuses(b"") == []


def test_tracebacks_are_told_by_their_last_lines_and_counted() -> None:
    one = 'Traceback (most recent call last):\n  File "x.py", line 3, in f\n    data.decode()\nUnicodeDecodeError: no\n'
    assert tracebacks("all is well\n" + one + "and again\n" + one) == {
        "data.decode() → UnicodeDecodeError: no": 2
    }
    assert tracebacks("all is well\n") == {}


def test_a_hostile_frame_that_is_told_nothing_is_a_right_one() -> None:
    for payload in (b"", b"abc", b"x" * 126, b"y" * 70_000):
        reader = StreamReader()
        reader.feed_data(frame(2, payload))
        parsing = Frame.parse(reader.read_exact, mask=True)
        with pytest.raises(StopIteration) as parsed:
            next(parsing)
        assert parsed.value.value.data == payload


def test_what_is_held_comes_to_the_server_and_its_answer_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        heard: list[bytes] = []

        def answer() -> None:
            with listening.accept()[0] as connection:
                heard.append(connection.recv(1000))
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        held = conversation(random.Random(1), "127.0.0.1:1", TOKEN)
        said = hold(
            type(held)("requests", (b"GET / HTTP/9\r\n\r\n",), 0, "close"), listening.getsockname()[1]
        )
        thread.join(10)
    assert heard == [b"GET / HTTP/9\r\n\r\n"]
    assert statuses(said) == [400]
