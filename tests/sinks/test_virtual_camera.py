"""The virtual camera: pyvirtualcam with a pretend backend gets each newest picture, and never holds up the show."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pytest
from limits import at_most, until
from pretend_camera import DEVICE, PretendCamera, virtual_camera

from live_gradcam.config import Settings
from live_gradcam.errors import SinkError
from live_gradcam.frame import Frame, Pixels
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks import virtual_camera as module
from live_gradcam.sinks.sink import NullSink, SinkGroup
from live_gradcam.sinks.virtual_camera import VirtualCamera


def shown(pixels: Pixels) -> Rendered:
    return Rendered(pixels, Frame(pixels, 0, captured_at=0.0))


def noise(width: int, height: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_the_camera_gets_the_picture_as_it_is_from_a_thread_of_its_own() -> None:
    picture = noise(64, 48)
    with virtual_camera((64, 48), 25.0) as camera:
        device = PretendCamera.opened[-1]
        assert (camera.device, camera.size, device.size, device.fps) == (DEVICE, (64, 48), (64, 48), 25.0)
        camera.write(shown(picture))
        until(lambda: device.pictures)
        assert np.array_equal(device.pictures[0], picture)
    assert device.threads == {f"virtual camera {DEVICE}"}
    assert device.closed == 1


def test_pictures_of_other_sizes_are_scaled_and_get_black_bars() -> None:
    with virtual_camera((64, 48)) as camera:
        device = PretendCamera.opened[-1]
        for number, (width, height, inner) in enumerate(
            [(128, 64, (slice(8, 40), slice(0, 64))), (24, 48, (slice(0, 48), slice(20, 44)))]
        ):
            camera.write(shown(np.full((height, width, 3), 200, np.uint8)))
            until(lambda number=number: len(device.pictures) > number)  # type: ignore[misc]
            expected = np.zeros((48, 64, 3), np.uint8)
            expected[inner] = 200
            assert np.array_equal(device.pictures[-1], expected)


@pytest.mark.parametrize(
    ("source", "camera"),
    [((1280, 720), (1280, 720)), ((641, 479), (640, 480)), ((4000, 3000), (1440, 1080)), ((1, 1), (2, 2))],
)
def test_the_size_is_that_of_the_source_even_and_no_larger_than_full_hd(
    source: tuple[int, int], camera: tuple[int, int]
) -> None:
    with virtual_camera(source) as opened:
        assert opened.size == PretendCamera.opened[-1].size == camera


def test_a_still_picture_is_sent_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 0.01)
    picture = noise(64, 48)
    with virtual_camera((64, 48)) as camera:
        camera.write(shown(picture))
        device = PretendCamera.opened[-1]
        until(lambda: len(device.pictures) >= 4)
    assert all(np.array_equal(each, picture) for each in device.pictures)


def test_a_receiver_that_hangs_costs_pictures_and_holds_up_nobody() -> None:
    with virtual_camera((64, 48)) as camera:
        device = PretendCamera.opened[-1]
        device.goes_on.clear()
        with at_most(1):
            for grey in range(100):
                camera.write(shown(np.full((48, 64, 3), grey, np.uint8)))
        device.goes_on.set()
        until(lambda: device.pictures and device.pictures[-1].max() == 99)
        assert len({int(each.max()) for each in device.pictures}) <= 3


def test_when_the_device_fails_the_show_goes_on_and_one_line_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    group = SinkGroup()
    with group:
        group.add(NullSink())
        group.add(virtual_camera((64, 48)))
        device = PretendCamera.opened[-1]
        device.fails = True
        deadline = time.monotonic() + 10
        while not group.failures and time.monotonic() < deadline:
            group.write(shown(noise(64, 48)))
            time.sleep(0.01)
        group.write(shown(noise(64, 48)))
        assert group.any_left
    (line,) = group.failures
    assert line == (
        f"the virtual camera {DEVICE} takes no more pictures ([Errno 19] No such device). The show goes on without it; "
        "start it again to use the camera again."
    )
    assert [record.getMessage() for record in caplog.records] == [line]
    assert device.closed == 1


def test_a_picture_that_is_drawn_again_goes_to_the_camera_and_to_no_recording() -> None:
    class Counting(NullSink):
        count = 0

        def write(self, rendered: Rendered) -> None:  # noqa: ARG002
            self.count += 1

    recording = Counting()
    with SinkGroup() as group:
        group.add(recording)
        group.add(virtual_camera((64, 48)))
        group.write_again(shown(noise(64, 48)))
        until(lambda: PretendCamera.opened[-1].pictures)
    assert recording.count == 0


def test_without_the_package_the_line_to_type_is_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from live_gradcam.pipeline import run

    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(SinkError, match=r"Type: pip install 'live-gradcam\[virtual-camera\]'$"):
        run(source="no such file.mp4", virtual_camera=True, window=False)


@pytest.mark.parametrize(
    ("platform", "remedy"),
    [
        ("linux", "Type: sudo apt install v4l2loopback-dkms && sudo modprobe v4l2loopback"),
        ("win32", "Install OBS Studio"),
        ("darwin", "allow the extension in System Settings"),
    ],
)
def test_without_a_device_the_message_says_what_to_do_on_this_system(
    monkeypatch: pytest.MonkeyPatch, platform: str, remedy: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    before = set(threading.enumerate())
    with pytest.raises(SinkError) as error:
        VirtualCamera((64, 48), device="/dev/video987")
    told = str(error.value)
    assert told.startswith("there is no virtual camera '/dev/video987' (")
    assert remedy in told
    assert "\n" not in told
    assert set(threading.enumerate()) <= before


def test_a_named_device_asks_for_the_camera_too() -> None:
    assert not Settings().uses_virtual_camera
    assert Settings(virtual_camera=True).uses_virtual_camera
    assert Settings(virtual_camera_device="/dev/video10").uses_virtual_camera
