from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest
from clips import made_by_ffmpeg

from live_gradcam.archive.annotate_job import Failure
from live_gradcam.errors import SourceError
from live_gradcam.sources.failure_reasons import film_failure
from live_gradcam.sources.film_structure import cut_short
from live_gradcam.sources.opening import open_source


def zipped(name: str = "config.json", content: str = "{}") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(
            zipfile.ZipInfo(name), content
        )  # which has no date: each process makes the same bytes
    return file.getvalue()


GIVE = "Give a video, a picture or a folder of them."

CASES = [
    ("notes.txt", b"hello world\n" * 200, f"it is text, no picture or film. {GIVE}"),
    ("umlauts.mp4", "Grüße, 視頻\n".encode() * 90, f"it is text, no picture or film. {GIVE}"),
    ("latin.mp4", "Grüße aus Köln\n".encode("latin-1") * 90, f"it is text, no picture or film. {GIVE}"),
    ("a.srt", b"1\n00:00:01,000 --> 00:00:02,000\nhi\n\n", "it is text (subtitles?), no picture or film. Give "
     "the video that it belongs to."),
    ("a.vtt", b"WEBVTT\n\n00:01.000 --> 00:02.000\nhi\n", "it is text (subtitles?), no picture or film. Give "
     "the video that it belongs to."),
    ("page.mp4", b"\n<!DOCTYPE html>\n<html><body>404</body></html>", "it is a web page, no picture or film. Open "
     "the address in a browser and save the file itself."),
    ("lfs.mp4", b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n", "it is a Git LFS pointer, not "
     "the file itself. Fetch it with: git lfs pull"),
    ("paper.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "it is a PDF document, no picture or film. Export "
     "its pages or pictures as PNG or JPEG first."),
    ("films.zip", zipped(), "it is a zip archive, no picture or film. Unpack it first."),
    ("mine.keras", zipped(), "it is a model, no picture or film. Give it with --model."),
    ("mine.mp4", b"\x89HDF\r\n\x1a\n" + bytes(100), "it is a model, no picture or film. Give it with --model."),
    ("mine.tflite", b"\x1c\0\0\0TFL3" + bytes(100), "it is a model, no picture or film. Give it with --model."),
    ("empty.mp4", b"", "the file is empty."),
    ("torn.mp4", b"\0\0\0\x18ftypisom" + bytes(100), "its index (the 'moov' box) is missing or incomplete: it was cut "
     "off. Copy, download or record it again."),
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


@pytest.mark.parametrize("ending", [".jpg", ".mp4", ".xyz"])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.7\n", "a PDF document"),
        (zipped(), "a zip archive"),
        (zipped("[Content_Types].xml"), "an Office document"),
        (zipped("mimetype", "application/vnd.oasis.opendocument.text"), "an OpenDocument file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an Office document"),
        (b"{\\rtf1 hello}", "a text document (RTF)"),
        (b"<!DOCTYPE html>\n<html>", "a web page"),
        (b"<?xml version='1.0'?>\n<annotation></annotation>", "XML"),
        (b"hello world\n", "text"),
        (b'{"a": 1}', "text"),
        (b"\x1f\x8b\x08" + bytes(50), "a gzip archive"),
        (bytes(257) + b"ustar" + bytes(300), "a tar archive"),
        (b"\x93NUMPY\1\0" + bytes(50), "a file of NumPy arrays"),
        (b"SQLite format 3\0" + bytes(50), "a database"),
        (b"MZ" + bytes(600), "a program"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "a model"),
    ],
)
def test_what_is_neither_picture_nor_film_is_called_so_under_any_name(
    tmp_path: Path, content: bytes, kind: str, ending: str
) -> None:
    path = tmp_path / f"x{ending}"
    path.write_bytes(content)
    with pytest.raises(SourceError) as error:
        open_source(path)
    failed = "read" if ending == ".jpg" else "opened"
    said = str(error.value)
    assert said.startswith(f"x{ending} cannot be {failed}: it is {kind}, no picture or film. ")
    assert said.endswith(".")


AGAIN = "Copy, download or record it again."
MOOV = f"cannot be opened: its index (the 'moov' box) is missing or incomplete: it was cut off. {AGAIN}"
COUNTED = rf": it is cut short: it has [\d,]+ of at least [\d,]+ bytes\. {re.escape(AGAIN)}"
NO_PICTURE = f"has no picture that can be read: its first picture is missing or damaged. {AGAIN}"
FASTSTART, FRAGMENTED = ("-movflags", "+faststart"), ("-movflags", "+frag_keyframe+empty_moov")


@pytest.mark.parametrize(
    ("name", "options", "mark", "more", "said"),
    [
        ("fast.mp4", FASTSTART, b"mdat", 4, f"has no picture that can be read{COUNTED}"),
        ("fast.mp4", FASTSTART, b"mdat", 60, f"has no picture that can be read{COUNTED}"),
        ("fast.mp4", FASTSTART, b"moov", 200, f"has no picture that can be read{COUNTED}"),
        ("plain.mp4", (), b"mdat", 900, re.escape(MOOV)),
        ("plain.mov", (), b"mdat", 900, re.escape(MOOV)),
        ("pieces.mp4", FRAGMENTED, b"moof", -4, re.escape(NO_PICTURE)),
        ("pieces.mp4", FRAGMENTED, b"moof", 30, f"has no picture that can be read{COUNTED}"),
        ("pieces.mp4", FRAGMENTED, b"mdat", 100, f"has no picture that can be read{COUNTED}"),
        ("a.mkv", (), b"\x1f\x43\xb6\x75", 6, f"has no picture that can be read{COUNTED}"),
        ("a.mkv", (), b"\x16\x54\xae\x6b", 20, f"cannot be opened{COUNTED}"),
        ("a.avi", (), b"movi", 4, f"has no picture that can be read{COUNTED}"),
        ("a.avi", (), b"avih", 8, f"cannot be opened{COUNTED}"),
        ("a.ts", (), b"", 3 * 188, re.escape(NO_PICTURE)),
    ],
)
def test_a_film_that_is_cut_before_its_first_picture_is_called_so(
    tmp_path: Path, name: str, options: tuple[str, ...], mark: bytes, more: int, said: str
) -> None:
    whole = made_by_ffmpeg(tmp_path / f"whole {name}", *options).read_bytes()
    torn = tmp_path / name
    torn.write_bytes(whole[: whole.index(mark) + more])
    with pytest.raises(SourceError) as error:
        open_source(torn)
    assert re.fullmatch(rf"{re.escape(name)} {said}", str(error.value)), str(error.value)
    # `annotate` adds no second name, but the folder: films of several folders may have the same name.
    assert str(Failure(f"films/{name}", str(error.value))) == f"films/{error.value}"


@pytest.mark.parametrize("name", ["whole.mp4", "whole.mov", "whole.mkv", "whole.webm", "whole.avi"])
def test_a_whole_film_is_not_called_cut_short(tmp_path: Path, name: str) -> None:
    path = made_by_ffmpeg(tmp_path / name)
    assert cut_short(path) is None
    path.write_bytes(path.read_bytes()[:-200])
    told = cut_short(path)
    assert told is not None
    assert re.search(rf"it has {path.stat().st_size:,} of at least {path.stat().st_size + 200:,} bytes", told)


LOCKED = "it is encrypted, so that only the player of its seller can show it. Give a film without such a protection."
KEYS = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "76" * 16, "-encryption_kid", "a7" * 16)


@pytest.mark.parametrize("more", [None, 4])
def test_an_encrypted_film_is_called_so_and_not_damaged(tmp_path: Path, more: int | None) -> None:
    path = made_by_ffmpeg(tmp_path / "shop.mp4", *FASTSTART, *KEYS)
    if more is not None:
        path.write_bytes(path.read_bytes()[: path.read_bytes().index(b"mdat") + more])
    with pytest.raises(SourceError, match=re.escape(f"shop.mp4 has no picture that can be read: {LOCKED}")):
        open_source(path)


def test_an_encrypted_webm_is_called_so(tmp_path: Path) -> None:
    def element(name: str, *content: bytes) -> bytes:
        joined = b"".join(content)
        return bytes.fromhex(name) + bytes([0x80 | len(joined)]) + joined

    video = element("e0", element("b0", b"\x40"), element("ba", b"\x30"))
    encryption = element("6240", element("5031", b"\0"), element("5035", element("47e1", b"\5")))
    entry = element("ae", element("86", b"V_VP9"), element("83", b"\1"), video, element("6d80", encryption))
    (tmp_path / "shop.webm").write_bytes(
        element("1a45dfa3", element("4282", b"webm")) + element("18538067", element("1654ae6b", entry))
    )
    with pytest.raises(SourceError) as error:
        open_source(tmp_path / "shop.webm")
    assert str(error.value).startswith("shop.webm ")
    assert str(error.value).endswith(f": {LOCKED}")


def test_a_segment_of_a_stream_without_its_beginning_says_what_to_join(tmp_path: Path) -> None:
    whole = made_by_ffmpeg(tmp_path / "whole.mp4", *FRAGMENTED).read_bytes()
    (tmp_path / "part.m4s").write_bytes(whole[whole.index(b"moof") - 4 :])
    with pytest.raises(SourceError) as error:
        open_source(tmp_path / "part.m4s")
    assert str(error.value) == (
        "part.m4s cannot be opened: it is one segment of a stream, without the beginning that says how its pictures "
        "are coded. Join both: cat INIT.mp4 SEGMENT.m4s > FILM.mp4"
    )


def test_a_film_in_a_coding_that_ffmpeg_does_not_know_is_not_called_sound(tmp_path: Path) -> None:
    path = made_by_ffmpeg(tmp_path / "new.mp4", "-c:v", "libx264")
    data = path.read_bytes()
    at = data.index(b"avc1", data.index(b"stsd"))
    path.write_bytes(data[:at] + b"new9" + data[at + 4 :])
    with pytest.raises(SourceError) as error:
        open_source(path)
    assert str(error.value) == (
        "new.mp4 has no picture that can be read: FFmpeg does not know how its video is coded ('new9'). Convert it to "
        "H.264 with the program that made it."
    )


def test_content_that_says_nothing_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(range(1, 256)))
    assert film_failure(tmp_path / "x") is None
