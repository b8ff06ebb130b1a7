"""Damaged photos: each gives a picture or one line, quickly, and the memory stays bounded."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from limits import within
from photos import FORMATS
from PIL import Image

from live_gradcam.errors import SourceError
from live_gradcam.sources.animation import AnimationSource
from live_gradcam.sources.opening import open_source

MOST_SECONDS = 10.0
MOST_BYTES = 1_500_000_000

ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")


def originals() -> dict[str, bytes]:
    """Every format, still, and those that move."""
    files = {name: encode() for name, encode in FORMATS.items()}
    for kind in ANIMATED:
        pictures = [Image.new("RGB", (64, 48), (40 * i, 90, 200 - 40 * i)) for i in range(4)]
        buffer = io.BytesIO()
        pictures[0].save(buffer, kind, save_all=True, append_images=pictures[1:], duration=50)
        files[f"animated {kind}"] = buffer.getvalue()
    return files


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Change a file as accidents and strangers do: bits, bytes, numbers, pieces cut out, doubled or cut off."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        size = len(changed)
        if size < 2:
            break
        # Headers, where most of the decisions are, are hit as often as all the rest.
        at = int(rng.integers(0, min(size, 256) if rng.random() < 0.6 else size))
        match int(rng.integers(0, 6)):
            case 0:
                changed[at] ^= 1 << int(rng.integers(0, 8))
            case 1:
                changed[at] = int(rng.integers(0, 256))
            case 2:
                number = rng.choice([0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF])
                changed[at : at + 4] = int(number).to_bytes(4, "big" if rng.random() < 0.5 else "little")
            case 3:
                del changed[at : at + int(rng.integers(1, 32))]
            case 4:
                changed[at:at] = changed[at : at + int(rng.integers(1, 64))]
            case _:
                del changed[max(at, 4) :]
    return bytes(changed)


def try_all(tmp_path: Path, count: int, seed: int) -> int:
    """Read so many damaged files; return how many gave a picture all the same."""
    rng = np.random.default_rng(seed)
    files = list(originals().items())
    readable = 0
    refusals: list[str] = []
    before = most_memory()
    for number in range(count):
        name, data = files[number % len(files)]
        path = tmp_path / f"{number}{'.tga' if name == 'TGA' else '.jpg'}"
        path.write_bytes(mutated(data, rng))
        began = time.monotonic()
        try:
            with open_source(path) as source:
                for frame in source:
                    assert frame.pixels.dtype == np.uint8
                    assert frame.pixels.ndim == 3
                readable += 1
                assert not isinstance(source, AnimationSource) or source.total >= 1
        except SourceError as error:
            refusals.append(str(error))
        assert within(time.monotonic() - began, MOST_SECONDS), name
        path.unlink()
    assert all(10 < len(line) <= 400 and len(line.splitlines()) == 1 for line in refusals)
    assert most_memory() - before < MOST_BYTES
    return readable


def most_memory() -> int:
    """The most bytes that this process ever had; 0 where that is not known."""
    if sys.platform != "linux":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.filterwarnings("ignore")
def test_a_few_damaged_photos_give_a_picture_or_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert 0 < try_all(tmp_path, count=100, seed=0) < 100
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.fuzz
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(1, 8))
def test_many_damaged_photos_give_a_picture_or_one_line(
    tmp_path: Path, seed: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert try_all(tmp_path, count=100, seed=seed) > 0
    assert "Traceback" not in capfd.readouterr().err
