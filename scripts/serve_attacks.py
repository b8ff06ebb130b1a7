#!/usr/bin/env python3
"""Attacks on a server: `python scripts/serve_attacks.py LINK NAME --seconds 60` runs one of them.

LINK is the link that `live-gradcam serve` prints, token included. The counts of what was sent and answered are printed
as JSON. scripts/serve_load.py starts this in a process of its own, and measures an honest visitor beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import serve_costs
import serve_holding
from serve_connection import Address, Connection
from serve_crowd import Counts, crowd

BEGUN = "begun"
"""The line that is printed when everything is prepared and the attack begins."""


async def page_files(address: Address) -> list[str]:
    """Return the paths of the files that a browser loads with the page."""
    found, new = {"/"}, ["/"]
    async with await Connection.open(address) as connection:
        while new:
            path = new.pop()
            text = (await connection.ask("GET", path)).body.decode(errors="replace")
            named = re.findall(r"""(?:from|import|href=|src=)\s*\(?["']([./][\w./-]*\.\w+)["']""", text)
            files = {urljoin(path, name) for name in named} - found
            found |= files
            new += files
    return sorted(found)


async def many_pages(address: Address, counts: Counts) -> None:
    """Twelve browsers that load the page at once, six with a token; again every ten seconds."""
    files = await page_files(address)

    async def load(place: int) -> None:
        waiting = [*files, *(["/setup"] if place < 6 else [])]
        refused = 0

        async def connected() -> None:
            nonlocal refused
            async with await Connection.open(address) as connection:
                while waiting:
                    reply = await connection.ask("GET", waiting.pop(), with_token=place < 6)
                    counts[f"answered {reply.status}"] += 1
                    refused += reply.status != 200

        done = await asyncio.gather(*(connected() for _ in range(6)), return_exceptions=True)  # as a browser
        complete = not refused and not any(isinstance(each, BaseException) for each in done)
        counts["pages complete" if complete else "pages incomplete"] += 1
        await asyncio.sleep(10)

    await crowd(12, load, counts)


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack."""

    run: Callable[[Address, Counts], Coroutine[Any, Any, None]]
    """Goes on until it is cancelled, or has done what it has to."""

    serve: tuple[str, ...] = ()
    """Options that the server is started with."""

    prepare: Callable[[], object] = tuple
    """Makes pictures that take long to make."""

    most_seconds: float | None = None
    """How long it may go on until it is done, where it has an end; None: as long as all others."""

    memory_only: bool = False
    """Whether only the server's memory, log and end are judged: it is many attacks at once, or no attack."""


async def mix(address: Address, counts: Counts) -> None:
    """Everything at once that suits every server."""
    async with asyncio.TaskGroup() as group:
        for name, attack in ATTACKS.items():
            if not attack.serve and name not in ("mix", "pairs"):
                group.create_task(_on_and_on(attack.run, address, counts), name=name)


async def _on_and_on(
    run: Callable[[Address, Counts], Coroutine[Any, Any, None]], address: Address, counts: Counts
) -> None:
    """Begin again where the server, whose connections are all taken, cuts an attack off."""
    while True:
        with suppress(OSError, EOFError):
            await run(address, counts)
        await asyncio.sleep(0.1)


ATTACKS = {
    "png-bomb": Attack(serve_costs.png_bomb_frames, prepare=serve_costs.bombs),
    "jpeg-scans": Attack(serve_costs.jpeg_scan_frames, prepare=serve_costs.scans),
    "large-photos": Attack(serve_costs.large_photos, prepare=serve_costs.photos),
    "idle-connections": Attack(serve_holding.idle_connections),
    "slow-bodies": Attack(serve_holding.slow_bodies),
    "slow-headers": Attack(serve_holding.slow_headers),
    "scorecam-posts": Attack(serve_costs.scorecam_posts),
    "hung-up-scorecam": Attack(serve_costs.hung_up_scorecam),
    "nonsense-layers": Attack(serve_costs.nonsense_layers),
    "pings": Attack(serve_holding.pings),
    "empty-fragments": Attack(serve_holding.empty_fragments),
    "wide-shapes": Attack(serve_costs.wide_shapes, ("--fit", "wide"), prepare=serve_costs.wide_pictures),
    "many-pages": Attack(many_pages),
    "log-injection": Attack(serve_holding.log_injection, ("--verbose",)),
    "aborted-uploads": Attack(serve_holding.aborted_uploads),
    "pairs": Attack(serve_costs.pairs, most_seconds=1800, memory_only=True),
    "mix": Attack(mix, prepare=serve_costs.all_pictures, memory_only=True),
}


async def attack(name: str, address: Address, seconds: float) -> Counts:
    """Run an attack for so long, and return the counts of what it did."""
    counts: Counts = Counts()
    chosen = ATTACKS[name]
    chosen.prepare()
    print(BEGUN, flush=True)
    with suppress(TimeoutError):
        async with asyncio.timeout(chosen.most_seconds or seconds):
            await chosen.run(address, counts)
    return counts


def main() -> None:
    """Read the command line, attack, and print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("link", help="as the server prints it")
    parser.add_argument("name", choices=ATTACKS)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--from", dest="source", metavar="ADDRESS", help="local address to connect from")
    asked = parser.parse_args()
    counts = asyncio.run(attack(asked.name, Address.of(asked.link, asked.source), asked.seconds))
    print(json.dumps(counts, indent=2, sort_keys=True))


if __name__ == "__main__":
    main()
