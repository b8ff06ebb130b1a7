"""Files that are no films, told by their first bytes."""

from __future__ import annotations

from pathlib import Path

_FIRST = 512
_HTML = (b"<!doctype html", b"<html", b"<head", b"<?xml", b"<svg")
_MODEL_SUFFIXES = frozenset({".h5", ".hdf5", ".keras", ".model", ".onnx", ".pb", ".pt", ".pth", ".tflite"})
_ARCHIVES = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
) + ((b"Rar!", "a rar archive"),)
_KINDS = (
    (b"%PDF", "a PDF"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3", "a database"),
)


def why_no_film(path: Path) -> str | None:
    """Say why FFmpeg cannot open a file, from its first bytes and its ending.

    Args:
        path: the file.

    Returns:
        What stands after a colon, and the next step: `it is a model, no film. Give it with --model.`; None where
        the content says nothing.
    """
    try:
        with path.open("rb") as opened:
            start = opened.read(_FIRST)
    except OSError as error:
        return f"{error.strerror or error}."
    if not start:
        return "the file is empty."
    if start[4:8] == b"ftyp":
        return "its index (the 'moov' box) is missing, so it was cut off before it was finished."
    if start.startswith(b"version https://git-lfs.github.com/spec/"):
        return "it is a Git LFS pointer, not the file itself. Fetch it with: git lfs pull"
    if path.suffix.lower() in _MODEL_SUFFIXES or start.startswith(b"\x89HDF") or start[4:8] == b"TFL3":
        return "it is a model, no film. Give it with --model."
    for magic, kind in (*_KINDS, *_ARCHIVES):
        if start.startswith(magic):
            unpack = " Unpack it first." if (magic, kind) in _ARCHIVES else ""
            return f"it is {kind}, no film.{unpack} Give a video, a picture or a folder of them."
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(_HTML):
        return "it is a web page, no film: the download brought a page instead. Download the file itself."
    if text.startswith((b"#extm3u", b"ffconcat", b"[playlist]", b"#ext-x-")):
        return "it is a playlist: it names films, and holds none. Give one of these films, or its address."
    if text.startswith((b"webvtt", b"[script info]", b"{\\rtf")) or path.suffix.lower() in {".srt", ".sub"}:
        return "it is text (subtitles?), no film. Give the video that it belongs to."
    if start.startswith(b"YUV4MPEG2"):
        return None  # a film whose header is text
    if b"\0" not in start and _is_text(start):
        return "it is text, no film. Give a video, a picture or a folder of them."
    return None


def _is_text(start: bytes) -> bool:
    for encoding in ("utf-8", "latin-1"):
        try:
            text = start.decode(encoding)
        except UnicodeDecodeError as error:
            if error.start >= len(start) - 3 and len(start) == _FIRST:
                return True  # a character is cut in two
            continue
        return sum(character.isprintable() or character in "\t\r\n\f" for character in text) >= 0.97 * len(
            text
        )
    return False
