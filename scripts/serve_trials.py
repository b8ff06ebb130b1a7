"""Trials: an honest visitor at a server alone, then beside an attack, and what must hold."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import re
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from programs import Program
from serve_attacks import ATTACKS, BEGUN
from serve_connection import Address
from serve_holding import INJECTED
from serve_visitor import Visitor, p50, p95

TOKEN = "a-token-for-the-trials"
WARM_UP_SECONDS = 3.0
START_SECONDS = 300.0
"""How long a server may take to start: other work may take most of the machine."""

FIRST_MINUTE = 60.0

MOST_TIMES_P50, MOST_TIMES_P95 = 3.0, 5.0
MOST_HEALTH_MS = 2.0
MOST_GROWTH = 1.6
MOST_ENDING_SECONDS = 2.0

_ATTACKS = Path(__file__).with_name("serve_attacks.py")


@dataclass(frozen=True, slots=True)
class Waits:
    """What the honest visitor waited, in milliseconds; NaN where nothing was answered."""

    frame_p50: float
    frame_p95: float
    frame_max: float
    frames: int
    post_p50: float
    post_p95: float
    health_p50: float

    @classmethod
    def between(cls, visitor: Visitor, begin: float, end: float) -> Waits:
        """Return the waits for what was asked in a span of `time.monotonic()`."""
        frames, posts = visitor.frames.between(begin, end), visitor.posts.between(begin, end)
        health = visitor.health.between(begin, end)
        most = frames[-1] if frames else float("nan")
        found = (p50(frames), p95(frames), most, p50(posts), p95(posts), p50(health))
        middle, high, most, post_middle, post_high, health_middle = (round(each, 2) for each in found)
        return cls(middle, high, most, len(frames), post_middle, post_high, health_middle)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a server of our own ended."""

    seconds: float
    code: int
    traces: int
    """Tracebacks in its log."""

    log_bytes: int
    dirty_lines: int
    """Lines of the log with control characters, or that a request wrote."""

    @classmethod
    def of(cls, seconds: float, code: int, log: str) -> Ending:
        """Look at a log."""
        dirty = sum(
            line.startswith(INJECTED) or not line.isprintable() for line in log.replace("\t", " ").split("\n")
        )
        return cls(round(seconds, 2), code, log.count("Traceback (most recent"), len(log), dirty)


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one attack."""

    attack: str
    alone: Waits
    beside: Waits
    refused: dict[str, int]
    """What the honest visitor was refused, and how often."""

    memory: dict[str, float]
    """MB: `alone`, `first` (a minute after the attack began, or earlier in a short trial), `last`, `most`."""

    attacked: dict[str, int]
    """What the attack did."""

    ending: Ending | None
    """None where the server is somebody else's."""

    faults: list[str] = field(default_factory=list)

    def judged(self) -> Trial:
        """Return it with one line for each bound that does not hold."""
        alone, beside = self.alone, self.beside
        memory_only = self.attack in ATTACKS and ATTACKS[self.attack].memory_only
        ratios = {
            "frame p50": (beside.frame_p50 / alone.frame_p50, MOST_TIMES_P50),
            "frame p95": (beside.frame_p95 / alone.frame_p95, MOST_TIMES_P95),
            "post p50": (beside.post_p50 / alone.post_p50, MOST_TIMES_P50),
            "post p95": (beside.post_p95 / alone.post_p95, MOST_TIMES_P95),
            "memory": (self.memory["last"] / self.memory["first"], MOST_GROWTH),
        }
        faults = [
            f"{name} × {ratio:.1f}" if math.isfinite(ratio) else f"no {name.split()[0]} answered"
            for name, (ratio, most) in ratios.items()
            if not ratio <= most and (name == "memory" or not memory_only)  # NaN holds no bound
        ]
        if not alone.health_p50 <= MOST_HEALTH_MS:
            faults.append(f"healthz p50 {alone.health_p50:.1f} ms")
        if self.refused and not memory_only:
            faults.append(f"{sum(self.refused.values())} refused")
        if self.attacked.get("pages incomplete") and not memory_only:
            faults.append(f"{self.attacked['pages incomplete']} pages incomplete")
        if self.ending is not None:
            if self.ending.traces:
                faults.append(f"{self.ending.traces} tracebacks")
            if self.ending.dirty_lines:
                faults.append(f"{self.ending.dirty_lines} dirty lines in the log")
            if self.ending.code != 0 or self.ending.seconds > MOST_ENDING_SECONDS:
                faults.append(f"ended in {self.ending.seconds:.1f} s with {self.ending.code}")
        return replace(self, faults=list(dict.fromkeys(faults)))


def table(trials: list[Trial]) -> str:
    """Return the trials as a table in Markdown."""
    lines = [
        "| beside | frame p50, p95 ms | times alone | post p50, p95 ms | times alone | refused | memory MB | bounds |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    if trials:
        first = trials[0].alone
        lines.append(
            f"| nothing | {first.frame_p50:.0f}, {first.frame_p95:.0f} | | "
            f"{first.post_p50:.0f}, {first.post_p95:.0f} | | | {trials[0].memory['alone']:.0f} | |"
        )
    for trial in trials:
        alone, beside = trial.alone, trial.beside
        lines.append(
            f"| {trial.attack} | {beside.frame_p50:.0f}, {beside.frame_p95:.0f} | "
            f"{beside.frame_p50 / alone.frame_p50:.1f}, {beside.frame_p95 / alone.frame_p95:.1f} | "
            f"{beside.post_p50:.0f}, {beside.post_p95:.0f} | "
            f"{beside.post_p50 / alone.post_p50:.1f}, {beside.post_p95 / alone.post_p95:.1f} | "
            f"{sum(trial.refused.values())} | {trial.memory['first']:.0f}, {trial.memory['last']:.0f} | "
            f"{'; '.join(trial.faults) or 'hold'} |"
        )
    return "\n".join(lines)


def resident(pid: int) -> float:
    """Return the memory of a process and its children, in MB."""
    process = psutil.Process(pid)
    found = 0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            found += each.memory_info().rss
    return found / 2**20


def told_memory(address: Address) -> float:
    """Return the memory that the server tells of itself, in MB; NaN where it does not answer."""
    headers = {} if address.token is None else {"Authorization": f"Bearer {address.token}"}
    request = urllib.request.Request(f"http://{address.place}/metrics", headers=headers)
    with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=10) as reply:
        found = re.search(rb"^process_resident_memory_bytes (\S+)$", reply.read(), re.MULTILINE)
        return float(found[1]) / 2**20 if found else float("nan")
    return float("nan")


async def _watch(memory: Callable[[], float], seen: list[tuple[float, float]]) -> None:
    while True:
        seen.append((time.monotonic(), await asyncio.to_thread(memory)))
        await asyncio.sleep(1)


async def _attack(name: str, address: Address, seconds: float) -> asyncio.subprocess.Process:
    """Start an attack in a process of its own; it is prepared when this returns."""
    source = () if address.source is None else ("--from", address.source)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(_ATTACKS), address.link, name, "--seconds", str(seconds), *source),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    line = await process.stdout.readline()
    assert line.decode().strip() == BEGUN, f"the attack {name} did not begin"
    return process


async def trial(
    name: str, address: Address, frames: list[bytes], seconds: float, memory: Callable[[], float]
) -> Trial:
    """Measure the visitor alone for `seconds`, a minute at most, then beside an attack for `seconds`.

    Args:
        name: of the attack.
        address: of the server; its `source` is the attackers' only.
        frames: what the visitor sends.
        seconds: of each phase; the attack may have an end of its own.
        memory: tells the server's, in MB.
    """
    visitor = Visitor(Address(address.host, address.port, address.token), frames)
    seen: list[tuple[float, float]] = []
    watching = asyncio.create_task(_watch(memory, seen))
    visiting = asyncio.create_task(visitor.run())
    try:
        await asyncio.sleep(WARM_UP_SECONDS)
        began = time.monotonic()
        await asyncio.sleep(min(seconds, FIRST_MINUTE))
        alone, before = Waits.between(visitor, began, time.monotonic()), memory()
        attack = await _attack(name, address, seconds)
        began = time.monotonic()
        out, _ = await attack.communicate()
        ended = time.monotonic()
        if attack.returncode != 0:
            raise RuntimeError(f"the attack {name} ended with {attack.returncode}: its own message is above.")
        visitor.end()
        await visiting
    finally:
        for task in (watching, visiting):
            task.cancel()
        await asyncio.gather(watching, visiting, return_exceptions=True)
    later = [each for each in seen if each[0] >= began]
    long = ended - began > 2 * FIRST_MINUTE
    first = next((mb for moment, mb in later if moment >= began + FIRST_MINUTE), before) if long else before
    told = {"alone": before, "first": first, "last": seen[-1][1], "most": max(mb for _, mb in later)}
    return Trial(
        name,
        alone,
        Waits.between(visitor, began, ended),
        dict(visitor.refused),
        {when: round(mb, 1) for when, mb in told.items()},
        json.loads(out),
        None,
    )


@contextlib.contextmanager
def own_server(*typed: str) -> Iterator[tuple[Program, Address]]:
    """Start a server of our own, with the default network and a token, at any free port."""
    with tempfile.TemporaryDirectory() as folder:
        program = Program(Path(folder), "serve", "--port", "0", "--token", TOKEN, *typed)
        try:
            program.until_said("Ctrl-C ends it", START_SECONDS)
            link = re.search(r"\bopen (\S+)", program.said)
            assert link is not None, program.said
            yield program, Address.of(link[1])
        finally:
            program.process.kill()
            program.process.wait()


def tried(name: str, frames: list[bytes], seconds: float, link: str | None, source: str | None) -> Trial:
    """Try an attack, on a fresh server of our own where none is given."""
    if link is not None:
        address = Address.of(link, source)
        return asyncio.run(trial(name, address, frames, seconds, lambda: told_memory(address))).judged()
    with own_server(*ATTACKS[name].serve) as (program, found):
        address = Address(found.host, found.port, found.token, source)
        pid = program.process.pid
        done = asyncio.run(trial(name, address, frames, seconds, lambda: resident(pid)))
        try:
            took = program.end(signal.SIGINT)
        except Exception:  # it had to be killed: that is told by the exit code
            took = float("inf")
        ending = Ending.of(took, program.process.returncode, program.complained)
    return replace(done, ending=ending).judged()


def as_json(trials: list[Trial], seconds: float) -> str:
    """Return the trials as one JSON object."""
    found = {
        "seconds": seconds,
        "hold": not any(each.faults for each in trials),
        "trials": [asdict(each) for each in trials],
    }
    # JSON has no NaN, which stands where nothing was answered.
    return json.dumps(json.loads(json.dumps(found), parse_constant=lambda _: None), indent=2)
