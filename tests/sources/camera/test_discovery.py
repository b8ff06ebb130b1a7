from __future__ import annotations

from pathlib import Path

import pytest

from live_gradcam.errors import SourceError
from live_gradcam.sources.camera import discovery as camera_names
from live_gradcam.sources.camera.discovery import CameraLocator, CameraName, camera_called, same_camera

BACKEND = 200
LAPTOP = CameraName(0, "Integrated Camera", "/dev/video0", "04f2:b6d0", "1-8:1.0")
LOGITECH = CameraName(2, "HD Pro Webcam C920", "/dev/video2", "046d:082d", "1-2:1.0")
SECOND = CameraName(4, "HD Pro Webcam C920", "/dev/video4", "046d:082d", "1-3:1.0")


@pytest.fixture
def plugged_in(monkeypatch: pytest.MonkeyPatch) -> list[CameraName]:
    """The cameras that are there; a test may change the list."""
    cameras = [LAPTOP, LOGITECH]
    monkeypatch.setattr(camera_names, "list_cameras", lambda _: tuple(cameras))
    monkeypatch.setattr(camera_names, "_present", lambda _: tuple(cameras))
    return cameras


@pytest.mark.parametrize("part", ["C920", "hd pro", "HD Pro Webcam C920"])
@pytest.mark.usefixtures("plugged_in")
def test_a_part_of_the_name_is_enough(part: str) -> None:
    assert camera_called(part, BACKEND) == LOGITECH


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            "Razer",
            "there is no camera called 'Razer'. There is 'Integrated Camera' (--source 0), 'HD Pro Webcam C920' "
            "(--source 2).",
        ),
        (
            "cam",
            "'cam' is the name of 2 cameras. There is 'Integrated Camera' (--source 0), 'HD Pro Webcam C920' "
            "(--source 2).",
        ),
        (
            "",
            "there is no camera called ''. There is 'Integrated Camera' (--source 0), 'HD Pro Webcam C920' "
            "(--source 2).",
        ),
    ],
)
@pytest.mark.usefixtures("plugged_in")
def test_a_name_that_is_unknown_or_not_enough_lists_the_names(part: str, message: str) -> None:
    with pytest.raises(SourceError) as error:
        camera_called(part, BACKEND)
    assert str(error.value) == message


def test_a_whole_name_wins_over_a_longer_one_that_contains_it(plugged_in: list[CameraName]) -> None:
    plugged_in.append(CameraName(6, "Integrated Camera: infrared", "/dev/video6"))
    assert camera_called("integrated camera", BACKEND) == LAPTOP


def test_a_camera_is_found_again_under_another_number(plugged_in: list[CameraName]) -> None:
    locator = CameraLocator(2, BACKEND)
    assert locator.find() == 2
    plugged_in.remove(LOGITECH)
    assert locator.find() is None
    plugged_in.append(CameraName(3, LOGITECH.name, "/dev/video3", LOGITECH.usb, LOGITECH.port))
    assert locator.find() == 3


def test_a_camera_is_found_again_on_another_port(plugged_in: list[CameraName]) -> None:
    locator = CameraLocator(2, BACKEND)
    plugged_in[1] = CameraName(3, LOGITECH.name, "/dev/video3", LOGITECH.usb, "3-1:1.0")
    assert locator.find() == 3


def test_its_twin_is_not_taken_for_it(plugged_in: list[CameraName]) -> None:
    plugged_in.append(SECOND)
    locator = CameraLocator(2, BACKEND)
    plugged_in.remove(LOGITECH)
    assert locator.find() is None
    plugged_in.insert(0, LOGITECH)
    assert locator.find() == 2


def test_a_cameras_second_node_is_not_taken_for_it() -> None:
    metadata = CameraName(3, LOGITECH.name, "/dev/video3", LOGITECH.usb, LOGITECH.port, stream=1)
    assert same_camera(LOGITECH, frozenset(), (metadata,)) is None
    assert same_camera(LOGITECH, frozenset(), (metadata, LOGITECH)) == 2


def test_linux_tells_names_ids_and_ports_without_opening_a_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interface = tmp_path / "devices" / "1-2" / "1-2:1.0"
    folder = tmp_path / "class" / "video2"
    interface.mkdir(parents=True)
    folder.mkdir(parents=True)
    (folder / "name").write_text("HD Pro Webcam C920\n")
    (folder / "index").write_text("0\n")
    (folder / "device").symlink_to(interface)
    (interface.parent / "idVendor").write_text("046d\n")
    (interface.parent / "idProduct").write_text("082d\n")
    monkeypatch.setattr(camera_names, "SYSFS", tmp_path / "class")
    monkeypatch.setattr(camera_names, "is_there", lambda number: number == 2)
    monkeypatch.setattr("sys.platform", "linux")
    locator = CameraLocator(2, BACKEND)
    assert locator.camera == LOGITECH
    assert locator.find() == 2


def test_a_camera_of_which_nothing_is_known_is_looked_for_by_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(camera_names, "_present", lambda _: ())
    there = [True]
    monkeypatch.setattr(camera_names, "is_there", lambda _: there[0])
    locator = CameraLocator(0, BACKEND)
    assert locator.find() == 0
    there[0] = False
    assert locator.find() is None
