from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from live_gradcam.errors import SourceError
from live_gradcam.sources.content import why_no_film
from live_gradcam.sources.opening import open_source


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", "{}")
    return file.getvalue()


GIVE = "Give a video, a picture or a folder of them."

CASES = [
    ("notes.txt", b"hello world\n" * 200, f"it is text, no film. {GIVE}"),
    ("umlauts.mp4", "Grüße, 視頻\n".encode() * 90, f"it is text, no film. {GIVE}"),
    ("latin.mp4", "Grüße aus Köln\n".encode("latin-1") * 90, f"it is text, no film. {GIVE}"),
    ("a.srt", b"1\n00:00:01,000 --> 00:00:02,000\nhi\n\n", "it is text (subtitles?), no film. Give the video that it "
     "belongs to."),
    ("a.vtt", b"WEBVTT\n\n00:01.000 --> 00:02.000\nhi\n", "it is text (subtitles?), no film. Give the video that it "
     "belongs to."),
    ("page.mp4", b"\n<!DOCTYPE html>\n<html><body>404</body></html>", "it is a web page, no film: the download brought "
     "a page instead. Download the file itself."),
    ("lfs.mp4", b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n", "it is a Git LFS pointer, not "
     "the file itself. Fetch it with: git lfs pull"),
    ("paper.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", f"it is a PDF, no film. {GIVE}"),
    ("films.zip", zipped(), f"it is a zip archive, no film. Unpack it first. {GIVE}"),
    ("mine.keras", zipped(), "it is a model, no film. Give it with --model."),
    ("mine.mp4", b"\x89HDF\r\n\x1a\n" + bytes(100), "it is a model, no film. Give it with --model."),
    ("mine.tflite", b"\x1c\0\0\0TFL3" + bytes(100), "it is a model, no film. Give it with --model."),
    ("empty.mp4", b"", "the file is empty."),
    ("torn.mp4", b"\0\0\0\x18ftypisom" + bytes(100), "its index (the 'moov' box) is missing, so it was cut off before "
     "it was finished."),
    ("zeros.mp4", bytes(5000), f"its content is no video that FFmpeg knows. {GIVE}"),
    ("noise.mp4", bytes((i * i * 31 + 7 * i) % 256 for i in range(3000)), f"its content is no video that FFmpeg knows. "
     f"{GIVE}"),
    ("huge.y4m", b"YUV4MPEG2 W100000 H100000 F25:1 C420jpeg\nFRAME\n", f"its header makes no sense. {GIVE}"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "reason"), CASES, ids=[case[0] for case in CASES])
def test_what_is_no_film_is_called_what_it_is(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError) as error:
        open_source(path)
    assert str(error.value) == f"{name} cannot be opened: {reason}"


def test_content_that_says_nothing_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(range(1, 256)))
    assert why_no_film(tmp_path / "x") is None
