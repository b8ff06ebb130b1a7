"""Animated pictures: every picture of them, each at its own time; the oracles are what was encoded, and OpenCV."""

from __future__ import annotations

import io
import logging
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import av
import numpy as np
import pytest
from clips import index_of, shade
from fakes import ShadeExplainer
from PIL import Image

from live_gradcam.archive.annotate_settings import AnnotateSettings
from live_gradcam.archive.inputs import find_entries
from live_gradcam.archive.record import read_rows
from live_gradcam.archive.video import annotate_video
from live_gradcam.errors import SourceError
from live_gradcam.frame import Pixels
from live_gradcam.sources.animation import AnimationSource
from live_gradcam.sources.file_kind import kind_of_file
from live_gradcam.sources.file_listing import pictures_in
from live_gradcam.sources.file_opening import film_info
from live_gradcam.sources.opening import open_source
from live_gradcam.sources.slides import ImagesSource

KINDS = {"GIF": ".gif", "PNG": ".png", "WEBP": ".webp", "AVIF": ".avif"}
DURATIONS = [200, 40, 500, 100, 60]

every_kind = pytest.mark.parametrize("kind", KINDS)


def write(
    path: Path, kind: str, durations: list[int] | int = DURATIONS, count: int = 5, mode: str = "RGB"
) -> Path:
    pictures = [Image.fromarray(np.full((48, 64, 3), shade(i), np.uint8)).convert(mode) for i in range(count)]
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    with path.open("wb") as file:
        pictures[0].save(file, kind, save_all=True, append_images=pictures[1:], duration=durations, **options)
    return path


def times(source: AnimationSource) -> list[float]:
    return [frame.media_time or 0.0 for frame in source]


@every_kind
def test_every_picture_comes_once_at_its_own_time(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / f"moves{KINDS[kind]}", kind)
    with open_source(path) as source:
        assert isinstance(source, AnimationSource)
        frames = list(source)
        assert source.describe() == f"moves{KINDS[kind]}: 64×48, 5 pictures"
        assert source.damage is None
    assert [index_of(frame.pixels) for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.media_time for frame in frames] == [0.0, 0.2, 0.24, 0.74, 0.84]
    assert source.last_seconds == 0.06


@every_kind
def test_the_name_does_not_decide_whether_it_moves(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "moves.jpg", kind)
    with open_source(path) as source:
        assert len(list(source)) == 5


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_a_single_picture_is_a_photo(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / f"still{KINDS[kind]}", kind, count=1, durations=100)
    with open_source(path) as source:
        assert isinstance(source, ImagesSource)
        assert source.single


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_a_picture_for_no_time_is_shown_for_a_tenth_of_a_second_as_browsers_do(
    tmp_path: Path, kind: str
) -> None:
    path = write(tmp_path / f"moves{KINDS[kind]}", kind, durations=[0, 10, 20, 0, 30])
    with AnimationSource(path) as source:
        assert times(source) == [0.0, 0.1, 0.2, 0.22, 0.32]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_pictures_without_durations_all_come(tmp_path: Path, kind: str) -> None:
    pictures = [Image.fromarray(np.full((48, 64, 3), shade(i), np.uint8)) for i in range(3)]
    path = tmp_path / f"moves{KINDS[kind]}"
    pictures[0].save(path, kind, save_all=True, append_images=pictures[1:])
    with AnimationSource(path) as source:
        frames = list(source)
        assert source.damage is None
    assert [index_of(each.pixels) for each in frames] == [0, 1, 2]
    assert [each.media_time for each in frames] == [0.0, 0.1, 0.2]
    info = film_info(path)
    assert info is not None
    assert info.frames == 3


@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
def test_what_stays_and_what_goes_is_as_in_opencv(tmp_path: Path, disposal: int) -> None:
    path = tmp_path / "moves.gif"
    pictures = [Image.new("RGBA", (64, 48), (0, 0, 0, 0)) for _ in range(4)]
    for index, each in enumerate(pictures):
        each.paste(
            (250 - 60 * index, 30, 60 * index, 255), (10 * index, 8 * index, 10 * index + 20, 8 * index + 16)
        )
    with path.open("wb") as file:
        pictures[0].save(
            file, "GIF", save_all=True, append_images=pictures[1:], duration=100, disposal=disposal
        )
    compare_with_opencv(path)


@pytest.mark.parametrize("blend", [0, 1])
@pytest.mark.parametrize("disposal", [0, 1, 2])
def test_apng_is_put_together_as_in_opencv(tmp_path: Path, disposal: int, blend: int) -> None:
    path = tmp_path / "moves.png"
    pictures = [Image.new("RGBA", (64, 48), (0, 0, 0, 0)) for _ in range(4)]
    for index, each in enumerate(pictures):
        box = (10 * index, 8 * index, 10 * index + 20, 8 * index + 16)
        each.paste((250 - 60 * index, 30, 60 * index, 255 - 40 * index), box)
    with path.open("wb") as file:
        pictures[0].save(
            file,
            "PNG",
            save_all=True,
            append_images=pictures[1:],
            duration=100,
            disposal=disposal,
            blend=blend,
        )
    compare_with_opencv(path)


def compare_with_opencv(path: Path) -> None:
    done, animation = cv2.imdecodeanimation(np.frombuffer(path.read_bytes(), np.uint8))
    assert done
    with AnimationSource(path) as source:
        frames = list(source)
    assert len(frames) == len(animation.frames) > 1
    for frame, expected in zip(frames, animation.frames, strict=True):
        share = expected[..., 3:] / 255
        assert np.abs(frame.pixels - (expected[..., :3] * share + 255 * (1 - share))).max() <= 1


def test_the_picture_before_an_apng_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "moves.png"
    pictures = [Image.fromarray(np.full((48, 64, 3), shade(i), np.uint8)) for i in range(4)]
    with path.open("wb") as file:
        pictures[0].save(
            file, "PNG", save_all=True, append_images=pictures[1:], duration=100, default_image=True
        )
    with AnimationSource(path) as source:
        assert [index_of(frame.pixels) for frame in source] == [1, 2, 3]


def test_transparent_parts_lie_on_white(tmp_path: Path) -> None:
    for kind in ("GIF", "PNG", "WEBP"):
        options: dict[str, Any] = {"lossless": True, "exact": True} if kind == "WEBP" else {"disposal": 2}
        path = tmp_path / f"clear{KINDS[kind]}"
        clear = [Image.new("RGBA", (64, 48), (10 * i, 0, 0, 0)) for i in range(2)]
        for index, each in enumerate(clear):
            each.paste((200, 10, 10, 255), (0, 0, 10 + 10 * index, 10))
        with path.open("wb") as file:
            clear[0].save(file, kind, save_all=True, append_images=clear[1:], duration=100, **options)
        with AnimationSource(path) as source:
            for frame in source:
                assert (frame.pixels[20:] == 255).all()
                assert np.abs(frame.pixels[4, 4].astype(int) - (10, 10, 200)).max() < 12


@every_kind
def test_it_can_be_wound_forwards_and_back(tmp_path: Path, kind: str) -> None:
    with AnimationSource(write(tmp_path / f"moves{KINDS[kind]}", kind)) as source:
        assert index_of(next(iter(source)).pixels) == 0
        source.seek(0.7)
        assert times(source) == [0.74, 0.84]
        source.step_back(0.74)
        assert times(source)[0] == 0.24
        source.seek(99)
        assert times(source) == [0.84]
        source.step_back(0.0)
        assert times(source) == [0.0, 0.2, 0.24, 0.74, 0.84]


@every_kind
def test_annotate_writes_a_film_with_the_same_times(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / f"moves{KINDS[kind]}", kind, durations=[*DURATIONS[:4], 1500])
    (entry,), failures = find_entries([str(path)], tmp_path / "out")
    assert failures == []
    assert (entry.kind, entry.output.name) == ("video", "moves.mp4")
    outcome = annotate_video(
        entry, ShadeExplainer(), AnnotateSettings(alpha=0), batch=2, advance=lambda _: None
    )
    assert (outcome.frames, outcome.failure) == (5, None)
    with av.open(str(entry.output)) as film:
        assert container_seconds(film) == pytest.approx(2.34, abs=0.01)
        shown = [(round(float(frame.time or 0), 3), index_of(bgr(frame))) for frame in film.decode(video=0)]
    assert shown == [(0.0, 0), (0.2, 1), (0.24, 2), (0.74, 3), (0.84, 4)]
    assert [row["seconds"] for row in read_rows(entry.record)] == [0.0, 0.2, 0.24, 0.74, 0.84]


def container_seconds(film: av.container.InputContainer) -> float:
    """How long a film lasts, its last picture included."""
    packets = [packet for packet in film.demux(video=0) if packet.pts is not None]
    film.seek(0)
    return max(float(((packet.pts or 0) + (packet.duration or 0)) * packet.time_base) for packet in packets)


def bgr(frame: av.VideoFrame) -> Pixels:
    return np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def test_what_an_animated_picture_promises_is_known_before(tmp_path: Path) -> None:
    promise = film_info(write(tmp_path / "moves.webp", "WEBP"))
    assert promise is not None
    assert (promise.frames, promise.size) == (5, (64, 48))


def test_among_slides_it_is_played_once_and_then_stands(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "black").save(tmp_path / "1.png")
    write(tmp_path / "2.gif", "GIF", durations=300, count=3)
    Image.new("RGB", (64, 48), "black").save(tmp_path / "3.jpg")
    with ImagesSource(pictures_in(tmp_path), name="talk") as source:
        assert [frame.media_time for frame in source] == [0.0, 2.0, 2.3, 2.6, 4.0]


@pytest.mark.parametrize("kind", ["GIF", "PNG"])
def test_one_that_is_cut_short_gives_what_there_is_and_says_so(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)) for _ in range(5)]
    data = io.BytesIO()
    pictures[0].save(data, kind, save_all=True, append_images=pictures[1:], duration=100)
    path = tmp_path / f"torn{KINDS[kind]}"
    path.write_bytes(data.getvalue()[: round(0.7 * len(data.getvalue()))])
    with caplog.at_level(logging.WARNING), AnimationSource(path) as source:
        assert 1 <= len(list(source)) < 5
    assert caplog.messages[0].startswith(f"{path.name} is damaged or cut short: ")


def test_a_webp_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "torn.webp", "WEBP")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError) as caught:
        AnimationSource(path)
    assert str(caught.value) == "torn.webp cannot be read: it is a damaged WEBP file. Is the file complete?"


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = write(tmp_path / "bomb.png", "PNG")
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(bytes(data))
    with pytest.raises(SourceError, match="60000×60000 pixels, and at most 250 million can be taken"):
        AnimationSource(path)


def test_kinds_that_move_are_told_from_those_that_do_not(tmp_path: Path) -> None:
    for kind, ending in KINDS.items():
        moving = kind_of_file(write(tmp_path / f"moving{ending}", kind))
        assert moving is not None
        assert (moving.name, moving.role) == (kind, "animation")
    still = kind_of_file(write(tmp_path / "still.gif", "GIF", count=1, durations=100))
    assert still is not None
    assert still.role == "photo"
