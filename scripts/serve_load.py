#!/usr/bin/env python3
"""Load a running server with pages that are none: `python scripts/serve_load.py http://127.0.0.1:8000/`.

Each client sends frames of a picture over a WebSocket of its own, at its own rate, the next only when the last was
answered. At the end: what each reached, from sending to answer, how large the batches were, and the server's memory.

With `--attack NAME` (or `all`), an honest visitor that asks for 5 frames a second and posts a picture a second is
measured alone (for a minute at most), then beside that attack, for `--seconds`: how long it waits, what it is refused,
and the server's memory. Of `mix` and `pairs` only memory, log and end are judged. Without an address each attack gets a
fresh server of its own, with the default network. JSON goes to stdout, a table to stderr; the exit code is 1 where a
bound does not hold (`serve_trials.py` has them).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import cv2
import numpy as np
from serve_attacks import ATTACKS
from websockets.asyncio.client import connect

WARM_UP_SECONDS = 2.0


@dataclass(slots=True)
class Client:
    """What one client has seen."""

    answers: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    batches: Counter[int] = field(default_factory=Counter)


async def visit(
    address: str,
    client: Client,
    frames: list[bytes],
    target: int | None,
    fps: float,
    begin: float,
    end: float,
) -> None:
    """Send frames until the end, and note what comes back."""
    async with connect(address, max_size=None, compression=None) as socket:
        await socket.send(json.dumps({"ask": 1, "methods": ["gradcam"], "targets": [target]}))
        number, due = 0, time.monotonic()
        while (now := time.monotonic()) < end:
            await asyncio.sleep(max(0.0, due - now))
            sent = time.monotonic()
            due = max(due + 1 / fps, sent)
            await socket.send(number.to_bytes(4, "little") + frames[number % len(frames)])
            answer = await socket.recv()
            if isinstance(answer, str):
                sys.exit(f"refused: {answer}")
            number += 1
            if sent < begin:
                continue
            header = json.loads(answer[4 : 4 + int.from_bytes(answer[:4], "little")])
            client.answers += 1
            client.batches[header["batch"]] += 1
            client.latencies_ms.append(1000 * (time.monotonic() - sent))


def metrics(url: str) -> dict[str, float]:
    """Return the server's own figures."""
    with urllib.request.urlopen(f"{url}/metrics") as reply:
        lines = (line.rsplit(" ", 1) for line in reply.read().decode().splitlines() if line[:1] != "#")
        return {name: float(value) for name, value in lines}


def pictures(side: int) -> list[bytes]:
    """Return frames of the network's size: JPEGs of about 10 KB, one unlike the other."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (24, 24, 3)).astype(np.uint8)
    coarse = np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    found = []
    for shift in range(0, side, 28):
        frame = np.roll(coarse, shift, axis=1)
        found.append(bytes(cv2.imencode(".jpg", frame, (cv2.IMWRITE_JPEG_QUALITY, 85))[1]))
    return found


async def watch_memory(url: str, end: float, seen: list[float]) -> None:
    """Note the server's memory every few seconds."""
    while time.monotonic() < end:
        seen.append((await asyncio.to_thread(metrics, url))["process_resident_memory_bytes"] / 2**20)
        await asyncio.sleep(min(5.0, max(0.05, end - time.monotonic())))


async def load(url: str, clients: int, fps: float, seconds: float, *, own_classes: bool) -> dict[str, object]:
    """Run the load and return what came of it."""
    parts = urlsplit(url)
    address = f"ws://{parts.netloc}/socket"
    with urllib.request.urlopen(f"{url}/setup") as reply:
        setup = json.load(reply)
    frames = pictures(setup["input"][0])
    begin = time.monotonic() + WARM_UP_SECONDS
    end = begin + seconds
    everybody = [Client() for _ in range(clients)]
    memory: list[float] = []
    visits = [
        visit(address, client, frames, place if own_classes else None, fps, begin, end)
        for place, client in enumerate(everybody)
    ]
    before = await asyncio.to_thread(metrics, url)
    await asyncio.gather(*visits, watch_memory(url, end, memory))
    after = await asyncio.to_thread(metrics, url)
    answers = [client.answers for client in everybody]
    latencies = sorted(ms for client in everybody for ms in client.latencies_ms)
    batches = sum((client.batches for client in everybody), Counter())
    fair = sum(answers) / clients
    explained, calls, busy, cpu = (
        after[name] - before[name]
        for name in (
            "live_gradcam_explained_total",
            "live_gradcam_calls_total",
            "live_gradcam_explaining_seconds_total",
            "process_cpu_seconds_total",
        )
    )
    return {
        "clients": clients,
        "answers a second": round(sum(answers) / seconds, 1),
        "least and most of a fair share": [round(min(answers) / fair, 2), round(max(answers) / fair, 2)],
        "latency ms": {
            "p50": round(statistics.median(latencies), 1),
            "p95": round(latencies[int(0.95 * (len(latencies) - 1))], 1),
            "max": round(latencies[-1], 1),
        },
        "answers by size of batch": dict(sorted(batches.items())),
        "pictures a call": round(explained / calls, 2),
        "network ms a picture": round(1000 * busy / explained, 2),
        "time in the network": round(busy / (seconds + WARM_UP_SECONDS), 3),
        "cpu ms a picture": round(1000 * cpu / explained, 2),
        "memory MB": {
            "first": round(memory[0], 1),
            "last": round(memory[-1], 1),
            "most": round(max(memory), 1),
        },
    }


def try_attacks(names: list[str], asked: argparse.Namespace) -> int:
    """Try attacks, print what came of them, and return the exit code."""
    from serve_trials import as_json, table, tried  # psutil, and the tests' own pieces

    trials = []
    for name in names:
        done = tried(name, pictures(224), asked.seconds, asked.url, asked.source)
        print(f"{name}: {'; '.join(done.faults) or 'holds'}", file=sys.stderr, flush=True)
        trials.append(done)
    print(as_json(trials, asked.seconds))
    print(table(trials), file=sys.stderr)
    return int(any(each.faults for each in trials))


def main() -> int:
    """Read the command line, run, print one JSON object, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", nargs="?", help="the link that the server prints")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--fps", type=float, default=5.0, help="frames a second of each client")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--own-classes", action="store_true", help="each client asks about another class")
    parser.add_argument(
        "--attack", action="append", choices=("all", *ATTACKS), help="may be repeated; all: each of them"
    )
    parser.add_argument(
        "--from", dest="source", metavar="ADDRESS", help="attack from this local address, such as 127.0.0.2"
    )
    asked = parser.parse_args()
    if asked.attack is not None:
        suited = [name for name, attack in ATTACKS.items() if asked.url is None or not attack.serve]
        return try_attacks(suited if "all" in asked.attack else asked.attack, asked)
    if asked.url is None:
        parser.error("an address is needed, or --attack")
    found = asyncio.run(
        load(asked.url.rstrip("/"), asked.clients, asked.fps, asked.seconds, own_classes=asked.own_classes)
    )
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
