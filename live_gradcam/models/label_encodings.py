"""In which encoding a text is written, where that can be told soundly."""

from __future__ import annotations

import codecs
import re

from live_gradcam.models.label_entries import LabelFault

UTF_8 = "UTF-8"

_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffe\uffff]")
_KANA = re.compile("[\u3041-\u309f\u30a1-\u30ff]")
_CJK = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uff01-\uff5e]")
_LATIN = re.compile("[A-Za-zÀ-ÖØ-öø-ÿŒœŠšŽžŸƒ’‘“”–—…«»°·ºª€£©®™¿¡§²³½¼¾×±µ\xa0]")
_STRANGE = re.compile("[þðÞÐ]|[a-zà-ÿ][¿¡³²¹½¼¾£§º»«][a-zà-ÿ]")
"""What western Europe's letters never give, but those of Turkey and of central Europe read as such do."""

_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_GB_PAIRS = re.compile(rb"(?:[\xa1-\xf7][\xa1-\xfe])+")
_GB_COMMON = re.compile(rb"[\xb0-\xd7][\xa1-\xfe]")
_SJIS_PAIRS = re.compile(rb"(?:[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc])")


def decoded(content: bytes) -> tuple[str, str]:
    """Return the text of a file, and the name of its encoding.

    A mark at the beginning decides; without one it is UTF-8, where it can be. Otherwise it is Shift-JIS or GB18030
    where all of it that is not ASCII gives that language's common characters, and Windows-1252 where it gives letters
    of western Europe.

    Raises:
        LabelFault: it is no text, or it cannot be told in which encoding.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return _checked(content.decode(encoding)), UTF_8
            except UnicodeDecodeError:
                name = encoding.upper().removesuffix("-SIG")
                raise LabelFault(f"it begins as {name} and is damaged. Save it as UTF-8 text") from None
    if b"\0" in content:
        raise LabelFault("it is no text: it holds NUL bytes. Save the names as UTF-8 text")
    try:
        return _checked(content.decode("utf-8")), UTF_8
    except UnicodeDecodeError:
        pass
    for name, encoding, fits in (
        ("Shift-JIS", "cp932", _is_japanese),
        ("GB18030", "gb18030", _is_chinese),
        ("Windows-1252", "cp1252", _is_western),
    ):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if fits(content, text):
            return _checked(text), name
    raise LabelFault("it is not UTF-8 text, and its encoding cannot be told. Save it as UTF-8")


def _checked(text: str) -> str:
    """Return a text that is one.

    Raises:
        LabelFault: it holds control characters, as a binary file does.
    """
    if _CONTROLS.search(text) is not None:
        raise LabelFault("it is no text: it holds control characters. Save the names as UTF-8 text")
    return text


def _beyond_ascii(text: str) -> str:
    return "".join(character for character in text if ord(character) > 127)


def _is_japanese(content: bytes, text: str) -> bool:
    """Return whether Shift-JIS gives nothing but Japanese, with kana or with bytes that no other encoding has."""
    beyond = _beyond_ascii(text)
    if not _CJK.search(beyond) or _CJK.sub("", beyond):
        return False
    if _runs_fit(content, _GB_PAIRS):  # both bytes high throughout: Chinese
        return False
    if _is_western(content, content.decode("cp1252", errors="replace")):
        return False
    leads = [pair[0] for pair in _SJIS_PAIRS.findall(content)]
    rare = sum(lead <= 0x9F for lead in leads)
    return len(_KANA.findall(beyond)) >= 1 or 2 * rare >= len(leads)


def _is_chinese(content: bytes, text: str) -> bool:
    """Return whether the bytes beyond ASCII are pairs of GB 2312, most of them common characters, and stand alone."""
    beyond = _beyond_ascii(text)
    if not _CJK.search(beyond) or not _runs_fit(content, _GB_PAIRS):
        return False
    pairs = [run[i : i + 2] for run in _HIGH_RUN.findall(content) for i in range(0, len(run), 2)]
    common = sum(_GB_COMMON.fullmatch(pair) is not None for pair in pairs)
    within_words = len(re.findall(rb"[a-z][\x80-\xff]+|[\x80-\xff]+[a-z]", content))
    return 2 * common >= len(pairs) and 2 * within_words <= len(_HIGH_RUN.findall(content))


def _is_western(content: bytes, text: str) -> bool:
    """Return whether what is beyond ASCII are letters and signs of western Europe, mostly within or beside words."""
    beyond = _beyond_ascii(text)
    runs = _HIGH_RUN.findall(content)
    if not beyond or _LATIN.sub("", beyond) or _STRANGE.search(text):
        return False
    longest = max(map(len, runs))
    return longest <= 3 and len(
        re.findall(rb"[A-Za-z][\x80-\xff]+|[\x80-\xff]+[A-Za-z ]", content)
    ) * 2 >= len(runs)


def _runs_fit(content: bytes, pairs: re.Pattern[bytes]) -> bool:
    return all(pairs.fullmatch(run) for run in _HIGH_RUN.findall(content))
