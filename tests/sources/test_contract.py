"""What every source promises, asked of each of them.

The camera takes part where this runs inside a process that has the pretend webcam: test_sources_camera.py starts
one.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import shade, write_clip
from fakes import MjpegServer
from limits import at_most, within
from PIL import Image

from live_gradcam.frame import Pixels
from live_gradcam.sources.demo.demo import DemoSource
from live_gradcam.sources.demo.lesson_demo import LessonDemo
from live_gradcam.sources.function_source import FunctionSource
from live_gradcam.sources.opening import open_source
from live_gradcam.sources.own_source import OwnSource
from live_gradcam.sources.source import Source, is_live

Opener = Callable[[], Source]

FILES = ["video", "animated picture", "image", "folder", "glob", "demo as a file", "own file"]
LIVE = ["stream", "demo", "lesson", "own", *(["camera"] if "FAKECAM_DIR" in os.environ else [])]
PICTURES = 5


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("material")
    write_clip(folder / "clip.mp4", [40 * i for i in range(12)])
    moving = [Image.new("RGB", (64, 48), (shade(i),) * 3) for i in range(8)]
    moving[0].save(folder / "moves.webp", save_all=True, append_images=moving[1:], duration=40)
    (folder / "slides").mkdir()
    for i in range(PICTURES):
        cv2.imwrite(str(folder / "slides" / f"slide {i}.png"), np.full((48, 64, 3), shade(i), np.uint8))
    return folder


@pytest.fixture(scope="module")
def network_camera() -> Iterator[MjpegServer]:
    with MjpegServer() as server:
        yield server


def own_camera() -> FunctionSource:
    """Return a camera that fills the same array every 20 ms."""
    picture = np.zeros((48, 64, 3), np.uint8)

    def read() -> Pixels:
        time.sleep(0.02)
        picture[:] += 1
        return picture

    return FunctionSource(read, name="own", fps=50)


def own_film() -> FunctionSource:
    """Return a film of five pictures in one array."""
    picture = np.zeros((48, 64, 3), np.uint8)
    shades = iter(range(PICTURES))

    def read() -> Pixels | None:
        if (number := next(shades, None)) is None:
            return None
        picture[:] = shade(number)
        return picture

    return FunctionSource(read, name="own", live=False, fps=25)


@pytest.fixture
def opener(request: pytest.FixtureRequest, material: Path) -> Opener:
    kind: str = request.param
    if kind == "stream":
        url = request.getfixturevalue("network_camera").url("/video")
        return lambda: open_source(url)
    openers: dict[str, Opener] = {
        "video": lambda: open_source(material / "clip.mp4"),
        "animated picture": lambda: open_source(material / "moves.webp"),
        "image": lambda: open_source(material / "slides" / "slide 0.png"),
        "folder": lambda: open_source(material / "slides"),
        "glob": lambda: open_source(f"{material}/slides/*.png"),
        "demo": lambda: open_source("demo"),
        "lesson": lambda: LessonDemo(size=(320, 180)),
        "demo as a file": lambda: DemoSource(live=False, size=(160, 96), fps=2.0),
        "camera": lambda: open_source(0),
        "own": lambda: OwnSource(own_camera(), "the source 'own'"),
        "own file": lambda: OwnSource(own_film(), "the source 'own file'"),
    }
    return openers[kind]


every_source = pytest.mark.parametrize("opener", FILES + LIVE, indirect=True)
every_file = pytest.mark.parametrize("opener", FILES, indirect=True)
every_live_source = pytest.mark.parametrize("opener", LIVE, indirect=True)


@every_source
def test_a_source_tells_what_it_is_when_it_was_opened(opener: Opener) -> None:
    with opener() as source:
        assert source.name
        width, height = source.size
        assert width > 0
        assert height > 0
        assert source.fps is None or source.fps > 0
        assert source.describe().startswith(f"{source.name}: ")
        assert f"{width}×{height}" in source.describe()
        assert "\n" not in source.describe()


@every_source
def test_frames_are_colour_pictures_of_the_size_that_was_told(opener: Opener) -> None:
    with opener() as source:
        for frame in itertools.islice(source, 4):
            assert frame.pixels.dtype == np.uint8
            assert frame.pixels.ndim == 3
            assert frame.pixels.shape[2] == 3
            assert frame.size == source.size


@every_source
def test_a_frame_belongs_to_whoever_got_it(opener: Opener) -> None:
    with opener() as source:
        frames = iter(source)
        first = next(frames)
        first.pixels[:] = 77
        second = next(frames, None)
        assert (first.pixels == 77).all()
        assert second is None or not (second.pixels == 77).all()


@every_source
def test_frames_are_counted_and_stamped_in_order(opener: Opener) -> None:
    began = time.monotonic()
    with opener() as source:
        frames = list(itertools.islice(source, 5))
        indices = [frame.index for frame in frames]
        stamps = [frame.captured_at for frame in frames]
        assert indices == sorted(set(indices))
        assert stamps == sorted(stamps)
        assert all(began <= stamp <= time.monotonic() for stamp in stamps)
        assert source.frames_captured >= len(frames)


@every_file
def test_a_file_gives_every_frame_with_its_own_time_and_then_ends(opener: Opener) -> None:
    with opener() as source:
        assert not source.live
        frames = list(source)
        times = [frame.media_time for frame in frames]
        assert [frame.index for frame in frames] == list(range(len(frames)))
        assert times[0] == 0
        assert times == sorted(time for time in times if time is not None)
        assert source.frames_captured == len(frames)


@every_file
def test_a_slow_reader_of_a_file_misses_nothing(opener: Opener) -> None:
    with opener() as source:
        indices = []
        for frame in itertools.islice(source, 3):
            indices.append(frame.index)
            time.sleep(0.05)
        assert indices == list(range(len(indices)))


@every_live_source
def test_live_frames_have_no_place_in_a_file(opener: Opener) -> None:
    with opener() as source:
        assert source.live
        assert [frame.media_time for frame in itertools.islice(source, 3)] == [None] * 3


@every_live_source
def test_a_slow_reader_of_a_live_source_gets_the_newest_frame(opener: Opener) -> None:
    with opener() as source:
        frames = iter(source)
        first = next(frames)
        time.sleep(0.4)
        second = next(frames)
        assert second.index >= first.index + 3
        assert second.captured_at > first.captured_at
        assert within(
            0.2, second.captured_at - first.captured_at
        )  # a busy machine reads the camera less often
        assert source.frames_captured > 2


@every_live_source
def test_a_live_source_gives_the_newest_frame_within_a_time_or_none(opener: Opener) -> None:
    with opener() as source:
        assert is_live(source)
        first = source.newest(10)
        assert first is not None
        time.sleep(0.4)
        second = source.newest(0)
        assert second is not None
        assert second.index >= first.index + 3
        assert source.newest(0) is None, "no frame is given twice"
        assert not source.ended
    assert source.newest(1) is None
    assert source.ended


@every_live_source
def test_a_live_source_is_read_by_one_thread(opener: Opener) -> None:
    before = set(threading.enumerate())
    with opener() as source:
        next(iter(source))
        assert len({thread for thread in threading.enumerate() if _is_ours(thread)} - before) == 1


@every_source
def test_closing_twice_is_fine_and_ends_the_iteration(opener: Opener) -> None:
    source = opener()
    frames = iter(source)
    next(frames)
    source.close()
    source.close()
    assert next(frames, None) is None


@every_source
def test_leaving_the_with_block_leaves_no_thread_behind(opener: Opener) -> None:
    before = set(threading.enumerate())
    with ExitStack() as stack:
        next(iter(stack.enter_context(opener())))
        with at_most(1):
            stack.close()
    assert {thread for thread in threading.enumerate() if _is_ours(thread)} - before == set()


@every_source
def test_an_error_inside_the_with_block_closes_the_source_and_is_passed_on(opener: Opener) -> None:
    def read_and_fail(source: Source) -> None:
        with source:
            next(iter(source))
            raise ZeroDivisionError

    source = opener()
    with pytest.raises(ZeroDivisionError):
        read_and_fail(source)
    assert next(iter(source), None) is None


@every_source
def test_closing_from_another_thread_ends_the_iteration_within_a_second(opener: Opener) -> None:
    with opener() as source:
        frames = iter(source)
        next(frames)
        closer = threading.Thread(target=source.close)
        closer.start()
        with at_most(1):
            for _ in frames:
                pass
        closer.join(1)
        assert not closer.is_alive()


def _is_ours(thread: threading.Thread) -> bool:
    return "process_request_thread" not in thread.name  # one of the network camera's


@every_source
def test_a_closed_source_still_tells_what_it_was(opener: Opener) -> None:
    with opener() as source:
        described = source.describe()
        next(iter(source))
    assert source.describe() == described
    assert source.frames_captured >= 1


@every_source
def test_a_source_that_does_well_has_nothing_to_tell(opener: Opener) -> None:
    with opener() as source:
        next(iter(source))
        assert source.notice is None
        assert source.reconnects == 0
