"""Damaged model files: each is loaded or refused in one line, soon, and without filling the memory."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from typing import Any

import pytest
from programs import TESTS

h5py = pytest.importorskip("h5py", reason="Keras reads .h5 files with h5py")

PATIENCE = 10.0
"""Seconds of the processor for one file; a process that says nothing for three times as long hangs."""

ROOM = 2**20
"""kB of memory that all files together may take on top of what whole ones took."""

STARTS = 240.0


class Worker:
    """A process that loads damaged files one after the other; it is started anew where one crashes it."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.results: list[dict[str, Any]] = []
        self.faults: list[str] = []

    def run(self) -> None:
        following = self.first
        while following < self.last:
            following = self._from(following)

    def _from(self, first: int) -> int:
        command = [
            sys.executable,
            str(TESTS / "damaged_files.py"),
            str(first),
            str(self.last),
        ]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, args=(process, lines), daemon=True).start()
        begun, base, patience = first, None, STARTS
        while True:
            try:
                line = lines.get(timeout=patience)
            except queue.Empty:
                process.kill()
                process.wait()
                self.faults.append(f"{begun} hangs")
                return begun + 1
            if line is None:
                code = process.wait()
                if base is None:
                    raise AssertionError(f"the worker did not start: exit code {code}")
                if code != 0 or begun < self.last - 1:
                    self.faults.append(f"{begun} ends the process with {code}")
                    return begun + 1
                return self.last
            said = json.loads(line)
            if "ready" in said:
                base = said["ready"]
            elif "begun" in said:
                begun, patience = said["begun"], 3 * PATIENCE  # a busy machine is no hang
            elif "seed" in said:
                assert base is not None
                said["grown"] = said["memory"] - base
                self.results.append(said)

    @staticmethod
    def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                lines.put(line)
        lines.put(None)


def assert_all_are_answered(first: int, last: int) -> None:
    worker = Worker(first, last)
    worker.run()
    assert worker.faults == []
    assert len(worker.results) == last - first
    faults = [each for each in worker.results if each["error"] is not None]
    assert faults == []
    refused = [each["said"] for each in worker.results if each["said"] is not None]
    assert all("\n" not in said and len(said) <= 380 for said in refused)
    assert len(refused) > (last - first) // 3
    slow = [each for each in worker.results if each["seconds"] > PATIENCE]
    assert slow == []
    assert max(each["grown"] for each in worker.results) < ROOM


@pytest.mark.fuzz
def test_a_few_damaged_files_are_each_answered_in_one_line() -> None:
    assert_all_are_answered(0, 5)


@pytest.mark.fuzz
@pytest.mark.parametrize("first", range(0, 2000, 250))
def test_thousands_of_damaged_files_are_each_answered_in_one_line(first: int) -> None:
    assert_all_are_answered(first, first + 250)
