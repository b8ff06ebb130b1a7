"""The default network under those who ask for a lot: others hardly notice, and memory stays as it was."""

from __future__ import annotations

import json
import re
import statistics
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request

import psutil
import pytest
from limits import at_most
from programs import Program
from served import answer_to, jpeg
from websockets.sync.client import connect

pytestmark = [
    pytest.mark.load,
    pytest.mark.skipif(sys.platform == "win32", reason="only on Linux and macOS: signals that can be sent"),
]

PICTURE = jpeg()


@contextmanager
def serving(folder: Path, *typed: str) -> Iterator[tuple[Program, str]]:
    """Serve the default network, and give the program and its address."""
    program = Program(folder, "serve", "--port", "0", *typed)
    try:
        program.until_said("Ctrl-C ends it")
        found = re.search(r"open (http://\S+:\d+)/", program.said)
        assert found is not None, program.said
        yield program, found[1]
    finally:
        program.process.kill()
        program.process.wait()


def post(address: str, query: str) -> int:
    request = Request(f"{address}/explain?{query}", PICTURE, {"Content-Type": "image/jpeg"})
    try:
        with urllib.request.urlopen(request, timeout=200) as reply:
            return int(reply.status)
    except HTTPError as error:
        with error:
            return error.code


def layers(address: str) -> list[str]:
    """The layers to walk, which are found out soon after the start."""
    deadline = time.monotonic() + 60
    while True:
        with urllib.request.urlopen(f"{address}/setup") as reply:
            found = [row["path"] for row in json.load(reply)["layers"]]
        if found:
            return found
        assert time.monotonic() < deadline
        time.sleep(0.2)


class Visitor(threading.Thread):
    """Sends five frames a second, and notes how long each answer takes."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.milliseconds: list[float] = []
        self._address = address
        self._leaves = threading.Event()

    def run(self) -> None:
        with connect(f"ws{self._address[4:]}/socket", max_size=None) as socket:
            while not self._leaves.is_set():
                began = time.monotonic()
                answer_to(socket, len(self.milliseconds), PICTURE)
                took = time.monotonic() - began
                self.milliseconds.append(1000 * took)
                time.sleep(max(0.0, 0.2 - took))

    def leave(self) -> None:
        self._leaves.set()
        self.join(30)
        assert not self.is_alive()


def test_a_visitor_hardly_notices_score_cam_of_others(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, address):
        assert post(address, "method=scorecam") == 200
        visitor = Visitor(address)
        visitor.start()
        time.sleep(8)
        alone = len(visitor.milliseconds)
        with ThreadPoolExecutor(4) as pool:
            slow = [pool.submit(post, address, "method=scorecam") for _ in range(4)]
            time.sleep(1)
            with at_most(3):
                assert post(address, "method=gradcam") == 200
            assert {each.result() for each in slow} <= {200, 503}
        visitor.leave()
        before, during = visitor.milliseconds[1:alone], visitor.milliseconds[alone:]
        assert len(during) > 10
        assert statistics.median(during) <= 3 * statistics.median(before)
        assert statistics.quantiles(during, n=20)[-1] <= 5 * statistics.quantiles(before, n=20)[-1]


def test_memory_stays_when_many_methods_and_layers_are_asked_for(tmp_path: Path) -> None:
    methods = ("gradcam", "hirescam", "xgradcam", "layercam", "gradcam++", "eigencam", "elementwise", "fem")
    with serving(tmp_path) as (program, address):
        process = psutil.Process(program.process.pid)
        paths = layers(address)
        first: int | None = None
        began = time.monotonic()
        for number in range(200):
            method = methods[number % len(methods)]
            layer = paths[(number // len(methods) + number) % len(paths)]
            assert post(address, f"method={method.replace('+', '%2B')}&layer={layer}") == 200
            if first is None and time.monotonic() - began > 60:
                first = process.memory_info().rss
        assert first is not None
        assert process.memory_info().rss <= 1.6 * first


def test_nonsense_leaves_nothing_in_memory(tmp_path: Path) -> None:
    with serving(tmp_path) as (program, address):
        process = psutil.Process(program.process.pid)
        layers(address)
        post(address, "layer=nonsense")
        before = process.memory_info().rss
        for number in range(100):
            assert post(address, f"layer=nonsense{number}") == 400
        assert process.memory_info().rss - before < 30e6
