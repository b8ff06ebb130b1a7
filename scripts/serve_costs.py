"""Attacks by pictures and questions that cost the server much and the sender little."""

from __future__ import annotations

import asyncio
import functools
import io
import itertools
import json
import random
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
from PIL import Image
from serve_bombs import jpeg_of_scans, plain_png, png_bomb, text_bomb
from serve_connection import BINARY, CLOSE, TEXT, Address, Connection, frame
from serve_crowd import JPEG, PNG, Counts, crowd, photo, post, send_frames

MOST_MESSAGE = 512 * 1024
"""Bytes that a message over the socket may have."""

PAIRS = 200
"""Pairs of method and layer that `pairs` asks for."""


@functools.cache
def bombs() -> tuple[bytes, ...]:
    """Return PNGs that inflate to 500 MB, then a larger one for a post."""
    kinds = (png_bomb(500_000_000), text_bomb(500_000_000), text_bomb(500_000_000, b"iCCP"))
    return (*kinds, png_bomb(2_000_000_000))


@functools.cache
def scans() -> list[bytes]:
    """Return progressive JPEGs of a million pixels that take seconds to decode."""
    return [jpeg_of_scans(1000, MOST_MESSAGE - 8)]


@functools.cache
def wide_pictures() -> tuple[list[bytes], list[bytes]]:
    """Return pictures of odd shapes: all, and those that a frame may have."""
    sizes = [(1_000_000, 10), (100_000, 400), (400, 100_000), (20_000, 50), (50, 20_000)]
    sizes += [(1000 + 320 * place, 100) for place in range(20)]
    sizes += [(240 + 32 * place, 224) for place in range(20)]  # not odd, but each needs another graph
    pictures = [plain_png(*size) for size in sizes]
    return pictures, [
        each for each, (wide, high) in zip(pictures, sizes, strict=True) if wide * high <= 1_000_000
    ]


def all_pictures() -> None:
    """Make what the attacks of every server send."""
    bombs()
    scans()
    photos()


async def png_bomb_frames(address: Address, counts: Counts) -> None:
    """Frames and posts of a few hundred kB that inflate to hundreds of megabytes."""
    *frames, large = bombs()

    async def act(place: int) -> None:
        await (send_frames(address, frames, counts) if place else post(address, "", large, PNG, counts))

    await crowd(2, act, counts)


async def jpeg_scan_frames(address: Address, counts: Counts) -> None:
    """Frames that are progressive JPEGs of tens of thousands of empty scans: seconds of decoding each."""
    await crowd(1, lambda _: send_frames(address, scans(), counts), counts)


@functools.cache
def photos() -> tuple[tuple[dict[str, str], bytes], ...]:
    """Return headers and files of photos that take long: as large as may be, and of kinds that decode slowly."""
    shades = np.asarray(Image.open(io.BytesIO(photo())).convert("RGB"))
    large = np.asarray(cv2.resize(shades, (7680, 5120)), np.uint8)
    small = Image.fromarray(large[:512, :512])
    found = [(JPEG, bytes(cv2.imencode(".jpg", large, (cv2.IMWRITE_JPEG_PROGRESSIVE, 1))[1]))]
    found.append((PNG, plain_png(7680, 5120)))
    for kind, ending in (("AVIF", "avif"), ("WEBP", "webp")):
        file = io.BytesIO()
        small.save(file, kind)
        found.append(({"Content-Type": f"image/{ending}"}, file.getvalue()))
    return tuple(found)


async def large_photos(address: Address, counts: Counts) -> None:
    """Eight programs that post photos of forty million pixels and of slow kinds, again and again."""

    async def act(place: int) -> None:
        headers, body = photos()[place % len(photos())]
        await post(address, "?overlay=true" if place < 4 else "", body, headers, counts)

    await crowd(8, act, counts)


async def scorecam_posts(address: Address, counts: Counts) -> None:
    """Four programs that ask for Score-CAM, again and again."""
    body = photo()

    async def act(_: int) -> None:
        await post(address, "?method=scorecam", body, JPEG, counts)

    await crowd(4, act, counts)


async def hung_up_scorecam(address: Address, counts: Counts) -> None:
    """Eight programs that ask for Score-CAM and hang up."""
    body = photo()
    head = address.head("POST", "/explain?method=scorecam", {**JPEG, "Content-Length": str(len(body))})

    async def act(_: int) -> None:
        async with await Connection.open(address) as connection:
            await connection.send(head + b"\r\n" + body)
            counts["posts"] += 1
            await asyncio.sleep(0.3)
        await asyncio.sleep(2)

    await crowd(8, act, counts)


async def nonsense_layers(address: Address, counts: Counts) -> None:
    """Layers that there are not, by posts and by a socket."""
    body, methods = photo(), ("gradcam", "layercam", "eigencam", "scorecam")
    numbers = itertools.count()

    async def act(place: int) -> None:
        layer = f"nonsense_{next(numbers)}" + "\0 \ud800é,"[place] * place
        if place < 2:
            query = f"?method={random.choice(methods)}&layer={quote(layer, errors='surrogatepass')}"
            await post(address, query, body, JPEG, counts)
            return
        async with await Connection.open(address) as connection:
            await connection.upgrade()
            for number in range(1000):
                ask = {"ask": number, "methods": [random.choice(methods)], "layer": f"{layer}_{number}"}
                await connection.send(frame(TEXT, json.dumps(ask).encode()))
                await connection.send(frame(BINARY, number.to_bytes(4, "little") + body))
                counts["asks"] += 1
                opcode, _ = await connection.message()
                if opcode == CLOSE:
                    raise EOFError
                await asyncio.sleep(0.02)

    await crowd(4, act, counts)


async def wide_shapes(address: Address, counts: Counts) -> None:
    """Pictures that are a thousand times as wide as high, each of another shape; for a server with --fit wide."""
    pictures, small = wide_pictures()

    async def act(place: int) -> None:
        if place == 1:
            await send_frames(address, small, counts)
        for picture in pictures:
            await post(address, "", picture, PNG, counts)

    await crowd(2, act, counts)


async def pairs(address: Address, counts: Counts) -> None:
    """Two hundred honest questions, each about another pair of method and layer; one after another, in any order."""
    async with await Connection.open(address) as connection:
        setup: dict[str, Any] = {}
        while not setup.get("layers"):  # they are found out in the background
            setup = json.loads((await connection.ask("GET", "/setup")).body)
            await asyncio.sleep(1)
    methods = [each["name"] for each in setup["methods"] if each["quick"]]
    wanted = list(itertools.product(methods, [each["path"] for each in setup["layers"]]))
    random.Random(0).shuffle(wanted)
    for method, layer in wanted[:PAIRS]:
        while (
            await post(address, f"?method={quote(method)}&layer={quote(layer)}", photo(), JPEG, counts) == 503
        ):
            await asyncio.sleep(1)
        counts["pairs"] += 1
