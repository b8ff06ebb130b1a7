from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import write_clip
from photos import FORMATS

from live_gradcam.errors import SourceError
from live_gradcam.sources.demo.demo import DemoSource
from live_gradcam.sources.opening import open_source
from live_gradcam.sources.slides import ImagesSource
from live_gradcam.sources.video import VideoSource


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("2.png", "10.png", "cat.jpg", "a[1].png"):
        cv2.imwrite(str(folder / name), np.zeros((20, 30, 3), np.uint8))
    (folder / "notes.txt").touch()
    return folder


def test_demo_is_the_demo() -> None:
    with open_source("demo") as source:
        assert isinstance(source, DemoSource)
        assert source.live


def test_a_video_opens_by_text_and_by_path(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", [0, 40])
    for spec in (path, str(path)):
        with open_source(spec) as source:
            assert isinstance(source, VideoSource)
            assert source.name == "clip.mp4"


def test_a_picture_a_folder_and_a_glob_open_as_pictures(pictures: Path) -> None:
    for spec, name, count in (
        (pictures / "cat.jpg", "cat.jpg", 1),
        (pictures, "photos", 4),
        (f"{pictures}/*.png", f"{pictures}/*.png", 3),
        (f"{pictures}/*", f"{pictures}/*", 4),
        (pictures / "a[1].png", "a[1].png", 1),
    ):
        with open_source(spec) as source:
            assert isinstance(source, ImagesSource)
            assert source.name == name
            assert len(list(source)) == count


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("foto/", "there is no folder 'foto/'. Did you mean photos/?"),
        ("photo/", "there is no folder 'photo/'. Did you mean photos/?"),
        ("foto/cat.jpg", "there is no file 'foto/cat.jpg'. Did you mean photos/cat.jpg?"),
        ("photos/kat.jpg", "there is no file 'photos/kat.jpg'. Did you mean photos/cat.jpg?"),
        ("photos/cat.png", "there is no file 'photos/cat.png'. Did you mean photos/cat.jpg?"),
        ("foto/*.png", "there is no folder 'foto' for 'foto/*.png'. Did you mean photos/?"),
        ("./dmeo", "there is no file './dmeo'. Did you mean demo?"),
        ("nothing/", "Give a camera's number, a file, a folder, a glob, an address or demo."),
    ],
)
def test_a_path_that_is_not_there_is_told_with_the_one_that_is(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, typed: str, said: str
) -> None:
    monkeypatch.chdir(pictures.parent)
    with pytest.raises(SourceError) as refused:
        open_source(typed)
    assert said in str(refused.value)


def test_a_folder_without_pictures_says_where_some_are_or_which_kinds_are_read(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures.parent)
    card, films, empty = Path("card"), Path("films"), Path("empty")
    for folder in (card / "DCIM" / "100", films, empty):
        folder.mkdir(parents=True)
    (pictures / "cat.jpg").rename(card / "DCIM" / "100" / "cat.jpg")
    for name in ("b.mp4", "a.mkv"):
        (films / name).touch()
    (empty / "notes.txt").touch()
    kinds = "JPEG, HEIC, PNG, WebP, AVIF, GIF, TIFF and BMP are read."

    def said(folder: str) -> str:
        with pytest.raises(SourceError) as refused:
            open_source(folder)
        return str(refused.value)

    assert said("card") == (
        f"the folder card has no pictures of its own; its folder '{card / 'DCIM' / '100'}' has some: give that."
    )
    assert said("films") == (
        f"the folder films has no pictures in it, but 2 films, such as '{films / 'a.mkv'}': give that."
    )
    assert said("empty") == f"the folder empty has no pictures in it. {kinds}"
    (card / "DCIM" / "101").mkdir()
    cv2.imwrite(str(card / "DCIM" / "101" / "dog.png"), np.zeros((20, 30, 3), np.uint8))
    first, second = card / "DCIM" / "100", card / "DCIM" / "101"
    assert said("card").endswith(f"its folders '{first}', '{second}' have some: give one of these.")


def test_a_colon_in_a_file_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "clip.mp4", [0, 40]).rename(tmp_path / "take:2.mp4")
    with open_source("take:2.mp4") as source:
        assert len(list(source)) == 2


def test_a_home_folder_may_be_written_as_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write_clip(tmp_path / "clip.mp4", [0, 40])
    with open_source("~/clip.mp4") as source:
        assert source.name == "clip.mp4"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "the source is empty. Give a camera's number, a file, a folder, a glob, an address or demo."),
        ("cta.jpg", "there is no file 'cta.jpg'. Did you mean cat.jpg?"),
        ("dmeo", "there is no file 'dmeo'. Did you mean demo?"),
        (
            "nothing/like.this",
            f"there is no file '{Path('nothing/like.this')}'. Give a camera's number, a file, a folder, a glob, an "
            "address or demo.",
        ),
        ("*.gif", "no picture matches '*.gif'. JPEG, HEIC, PNG, WebP, AVIF, GIF, TIFF and BMP are read."),
        ("ftp://host/x", "unknown kind of address 'ftp://'. Valid: rtsp, rtsps, rtmp, http, https."),
        ("-1", "there is no camera -1: cameras are counted from 0."),
        ("notes.txt", "notes.txt cannot be opened: the file is empty."),
    ],
)
def test_what_is_no_source_says_so_in_one_line(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, spec: str, message: str
) -> None:
    monkeypatch.chdir(pictures)
    with pytest.raises(SourceError) as error:
        open_source(spec)
    assert str(error.value) == message


def test_a_path_too_long_for_the_system_is_an_error_of_ours() -> None:
    with pytest.raises(SourceError, match=r"cannot be read|there is no file"):
        open_source("x" * 5000)


def test_the_demo_is_drawn_as_large_and_as_fast_as_was_asked_for() -> None:
    with open_source("demo", size=(320, 180), fps=15.0) as source:
        assert source.size == (320, 180)
        assert source.fps == 15


def test_a_size_that_was_asked_of_a_file_is_not_passed_over_in_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_clip(tmp_path / "clip.mp4", [0, 40])
    with open_source(path, size=(320, 180)) as source:
        assert source.size != (320, 180)
    assert caplog.messages == ["clip.mp4: --size, --camera-fps and --backend are for cameras only"]


@pytest.mark.parametrize("name", ["film.jpg", "film.heic", "film"])
def test_a_film_under_the_name_of_a_photo_is_a_film(tmp_path: Path, name: str) -> None:
    for made in ("clip.mp4", "clip.mkv", "clip.avi"):
        codec = "mjpeg" if made.endswith("avi") else "libx264"
        write_clip(tmp_path / made, [0, 40, 80], codec=codec).rename(tmp_path / name)
        with open_source(tmp_path / name) as source:
            assert isinstance(source, VideoSource)
            assert len(list(source)) == 3


def test_a_row_of_jpegs_is_a_film_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "camera.mjpeg"
    path.write_bytes(b"".join(FORMATS["JPEG"]() for _ in range(3)))
    with open_source(path) as source:
        assert isinstance(source, VideoSource)
        assert len(list(source)) == 3


def test_a_photo_under_the_name_of_a_film_is_a_photo(tmp_path: Path) -> None:
    for name in ("photo.mp4", "photo.txt", "photo"):
        (tmp_path / name).write_bytes(FORMATS["HEIC"]())
        with open_source(tmp_path / name) as source:
            assert isinstance(source, ImagesSource)
            assert source.single
