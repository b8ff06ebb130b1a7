from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import cv2
import av
import numpy as np
import pytest
from clips import made_by_ffmpeg

from live_gradcam.sources.film_display import AS_IT_IS, orientation_of, quarter_turns, square_size, video_info
from live_gradcam.sources.video import VideoSource

ONE = 1 << 16


def write_lying(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Write a picture without symmetry and the display matrix (a, b, c, d) with it."""
    a, b, c, d = matrix
    pixels = np.full((48, 64, 3), 60, np.uint8)
    pixels[:16, :24], pixels[32:, :24] = (0, 0, 250), (0, 250, 0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_matrix((a, b, 0, c, d, 0, 0, 0, 1 << 30))
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
        container.mux(stream.encode(None))
    return path


EIGHT = {
    "as it is": (ONE, 0, 0, ONE),
    "mirrored": (-ONE, 0, 0, ONE),
    "flipped": (ONE, 0, 0, -ONE),
    "upside down": (-ONE, 0, 0, -ONE),
    "to the right": (0, ONE, -ONE, 0),
    "to the left": (0, -ONE, ONE, 0),
    "transposed": (0, ONE, ONE, 0),
    "transposed the other way": (0, -ONE, -ONE, 0),
}


def by_the_formula(pixels: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """Put each pixel (x, y) where the standard says: at (a x + c y, b x + d y)."""
    a, b, c, d = (np.sign(each) for each in matrix)
    rows, columns = pixels.shape[:2]
    y, x = np.mgrid[:rows, :columns]
    right, down = a * x + c * y, b * x + d * y
    shown = np.zeros((np.ptp(down) + 1, np.ptp(right) + 1, 3), np.uint8)
    shown[down - down.min(), right - right.min()] = pixels
    return shown


@pytest.mark.parametrize("matrix", EIGHT.values(), ids=EIGHT.keys())
def test_a_display_matrix_is_obeyed(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    path = write_lying(tmp_path / "lying.mp4", matrix)
    with VideoSource(path) as source:
        (frame,) = source
    lying = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    lying.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
    decoded = lying.read()[1]
    assert np.abs(frame.pixels.astype(int) - by_the_formula(decoded, matrix)).max() <= 3
    assert source.size == frame.size


@pytest.mark.parametrize("matrix", EIGHT.values(), ids=EIGHT.keys())
def test_a_matrix_says_the_same_of_an_array(matrix: tuple[int, int, int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 3)).astype(np.uint8)
    a, b, c, d = matrix
    orientation = orientation_of(struct.pack("=9i", a, b, 0, c, d, 0, 0, 0, 1 << 30))
    assert orientation.exact
    assert np.array_equal(orientation.applied(pixels), by_the_formula(pixels, matrix))


@pytest.mark.parametrize(("degrees", "code"), [(90, 2), (180, 1), (-90, 0), (270, 0)])
def test_quarter_turns_are_counter_clockwise(degrees: int, code: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 3)).astype(np.uint8)
    assert np.array_equal(quarter_turns(degrees).applied(pixels), cv2.rotate(pixels, code))


@pytest.mark.parametrize("matrix", [b"", bytes(36), struct.pack("=9i", 5, 5, 0, 5, 5, 0, 0, 0, 1)])
def test_a_matrix_that_makes_no_sense_changes_nothing(matrix: bytes) -> None:
    assert orientation_of(matrix) == AS_IT_IS


def test_a_slant_is_told_and_the_nearest_quarter_turn_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    slanted = tuple(round(ONE * each) for each in (0.5, 0.866, -0.866, 0.5))
    path = write_lying(tmp_path / "slanted.mp4", (slanted[0], slanted[1], slanted[2], slanted[3]))
    with VideoSource(path) as source:
        assert source.size == (48, 64)
    assert caplog.messages == [
        "slanted.mp4 asks for a slanted picture: it is rotated by the nearest quarter turn instead"
    ]


@pytest.mark.parametrize(
    ("proportions", "size"),
    [
        (None, (360, 240)),
        (Fraction(1), (360, 240)),
        (Fraction(2), (720, 240)),
        (Fraction(16, 15), (384, 240)),
        (Fraction(8, 9), (360, 270)),
        (Fraction(1, 2), (360, 480)),
        (Fraction(0), (360, 240)),
        (Fraction(65535), (360, 240)),
        (Fraction(16), (360, 240)),
    ],
)
def test_the_shorter_side_grows(proportions: Fraction | None, size: tuple[int, int]) -> None:
    assert square_size(360, 240, proportions, 1_000_000) == size


@pytest.mark.parametrize(
    ("name", "ratio", "size"),
    [
        ("wide.mp4", "2/1", (128, 48)),
        ("high.mkv", "1/2", (64, 96)),
        ("pal.mpg", "16/15", None),
        ("dv.ts", "4/3", (85, 48)),
    ],
)
def test_pixels_become_square(tmp_path: Path, name: str, ratio: str, size: tuple[int, int] | None) -> None:
    path = made_by_ffmpeg(tmp_path / name, "-vf", f"setsar={ratio}")
    with VideoSource(path) as source:
        frame = next(iter(source))
        if size is not None:
            assert source.size == frame.size == size
            assert f"{size[0]}×{size[1]}" in source.describe()
        promise = video_info(path)
        assert promise is not None
        assert promise.size == frame.size
    with av.open(str(path)) as container:
        told = container.streams.video[0].display_aspect_ratio
    assert told is not None
    assert frame.size[0] / frame.size[1] == pytest.approx(float(told), rel=0.02)


def test_pixels_that_change_their_proportions_in_the_middle_are_followed(tmp_path: Path) -> None:
    parts = [
        made_by_ffmpeg(
            tmp_path / f"{number}.m2v", "-c:v", "mpeg2video", "-vf", f"setdar={ratio}"
        ).read_bytes()
        for number, ratio in enumerate(("4/3", "16/9"))
    ]
    (tmp_path / "both.m2v").write_bytes(b"".join(parts))
    with VideoSource(tmp_path / "both.m2v") as source:
        sizes = [frame.size for frame in source]
    assert sizes[0] == (64, 48)
    assert sizes[-1] == (85, 48)
