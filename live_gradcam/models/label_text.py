"""Decodes the text of a label file, and reads labels from its lines."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from live_gradcam.models.label_entries import WNID, LabelEntry, LabelFault, are_numbers, with_synonyms
from live_gradcam.models.labels import wordnet_names

_COMMENT = re.compile(r"(#|//)(\s|$)")
_BEFORE = tuple(
    re.compile(rf"\s*(\d{{1,9}}){separator}\s*(\S.*)")
    for separator in (
        r" *\t",
        " *: ?",
        " *, ?",
        " *; ?",
        " *= ?",
        r" *-> ?",
        r" - ",
        r" *\| ?",
        r"[.)] ",
        " ",
    )
)
"""A number before the name, with each separator; the first pattern that fits every line counts."""

_BEHIND = tuple(
    re.compile(rf"\s*(\S.*?){separator}(\d{{1,9}})\s*")
    for separator in (r"\t *", ": *", ", *", "; *", "= *", " +")
)
_SYNSET = re.compile(r"(n\d{8})(?:[\s,:;]+(\S.*))?")
_QUOTED = re.compile(r"(['\"])(.+)\1,?")
_PLURAL = re.compile(r"e?s$")

_SURE = 5
"""Fewest lines with a number and a separator that are certainly numbered; fewer may be names."""


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, without blank lines and surrounding spaces.

    `splitlines` would also break at characters that occur in names.
    """
    return [line for line in map(str.strip, re.split(r"\r\n|\r|\n", text)) if line]


def line_readings(text: str) -> Iterator[list[LabelEntry]]:
    """Yield the possible readings of lines, the likeliest first: without comments, then with every line as a name.

    A single line may be a list of names.

    Raises:
        LabelFault: the lines are numbered, but not from 0 or 1 without a gap.
    """
    lines = lines_of(text)
    bare = [line for line in lines if not _COMMENT.match(line)]
    if bare and (synsets := _synsets(bare)) is not None:
        yield synsets
        return
    if bare and (numbered := _numbered(bare)) is not None:
        yield numbered
        return
    if len(bare) == 1 and (listed := re.split(r"\s*[,;]\s*", bare[0].strip(",;"))) and len(listed) > 1:
        yield _plain(listed)
    if bare:
        yield _plain(bare)
    if len(bare) != len(lines):
        yield _plain(lines)


def _plain(lines: Sequence[str]) -> list[LabelEntry]:
    return [LabelEntry(name) for name in _unquoted(lines)]


def _unquoted(names: Sequence[str]) -> list[str]:
    """Return names without quotes and commas, where every name has them."""
    matches = [_QUOTED.fullmatch(name) for name in names]
    return [
        match[2] if match is not None and all(matches) else name
        for match, name in zip(matches, names, strict=True)
    ]


def _synsets(lines: Sequence[str]) -> list[LabelEntry] | None:
    """Return the entries of lines such as `n02123045 tabby, tabby cat`, or of ids alone; None for other lines."""
    matches = [_SYNSET.fullmatch(line) for line in lines]
    if not all(matches) or not matches:
        return None
    words = [match[2] for match in matches if match is not None]
    if all(words):
        numbered = _numbered(words, sure=False)
        if numbered is not None:  # `n02119789 1 kit_fox`, the order of ImageNet's development kit
            return [with_synonyms(entry.name, entry.number) for entry in numbered]
        return [with_synonyms(text) for text in words]
    if any(words):
        return None
    known = wordnet_names()
    return [LabelEntry(known.get(line, line)) for line in lines]


def _numbered(lines: Sequence[str], *, sure: bool = True) -> list[LabelEntry] | None:
    """Return the entries of numbered lines; None where there are no numbers, or they are part of the names.

    Args:
        lines: the lines.
        sure: whether numbered lines are returned even if a number is missing or occurs twice, so that `labels_of`
            reports it.
    """
    for place, pattern in enumerate(_BEFORE):
        matches = [pattern.fullmatch(line) for line in lines]
        if not all(matches):
            continue
        entries = [LabelEntry(match[2].strip(), int(match[1])) for match in matches if match is not None]
        if are_numbers([entry.number for entry in entries]):
            return None if _is_counted_thing(entries) else _named_behind(entries)
        if sure and len(lines) >= _SURE and (place < len(_BEFORE) - 1 or _is_nearly_numbered(entries)):
            return entries
        return None
    for pattern in _BEHIND:
        matches = [pattern.fullmatch(line) for line in lines]
        if not all(matches):
            continue
        entries = [LabelEntry(match[1].strip(), int(match[2])) for match in matches if match is not None]
        space = pattern is _BEHIND[-1]
        if are_numbers([entry.number for entry in entries]) and not _is_counted_thing(entries):
            if space and min(entry.number or 0 for entry in entries) != 0:
                return None  # `Class 1`, `Class 2`: names
            return entries
        return None
    return None


def _named_behind(entries: list[LabelEntry]) -> list[LabelEntry]:
    """Return entries without the quotes or WordNet id of each name."""
    names = _unquoted([entry.name for entry in entries])
    entries = [replace(entry, name=name) for entry, name in zip(entries, names, strict=True)]
    if all(WNID.match(entry.name) for entry in entries):
        matches = [_SYNSET.fullmatch(entry.name) for entry in entries]
        if all(match is not None and match[2] for match in matches):
            return [
                replace(with_synonyms(match[2]), number=entry.number)
                for match, entry in zip(matches, entries, strict=True)
                if match is not None
            ]
    return entries


def _is_counted_thing(entries: Sequence[LabelEntry]) -> bool:
    """Whether the numbers count one thing, as in `1 star`, `2 stars`, and so are part of the names."""
    names = {_PLURAL.sub("", entry.name.casefold()) for entry in entries}
    return len(entries) > 1 and len(names) == 1


def _is_nearly_numbered(entries: Sequence[LabelEntry]) -> bool:
    """Whether the numbers rise and most of their range is there: a list with gaps."""
    numbers = [entry.number or 0 for entry in entries]
    rising = all(before < after for before, after in pairwise(numbers))
    return rising and numbers[0] <= 1 and len(numbers) > (numbers[-1] - numbers[0]) / 2


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
"""Sequences that never occur in western European text, but do in Turkish or central European text read as such."""

_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_GB_PAIRS = re.compile(rb"(?:[\xa1-\xf7][\xa1-\xfe])+")
_GB_COMMON = re.compile(rb"[\xb0-\xd7][\xa1-\xfe]")
_SJIS_PAIRS = re.compile(rb"(?:[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc])")


def decoded(content: bytes) -> tuple[str, str]:
    """Return the text of a file, and the name of its encoding.

    A byte order mark decides. Without one, the encoding is UTF-8 if the bytes are valid. Otherwise it is Shift-JIS or
    GB18030 if all bytes beyond ASCII give common characters of the language, or Windows-1252 if they give letters of
    western Europe.

    Raises:
        LabelFault: it is no text, or its encoding is unknown.
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
    """Return a text if it has no control characters.

    Raises:
        LabelFault: it has some, as a binary file does.
    """
    if _CONTROLS.search(text) is not None:
        raise LabelFault("it is no text: it holds control characters. Save the names as UTF-8 text")
    return text


def _beyond_ascii(text: str) -> str:
    return "".join(character for character in text if ord(character) > 127)


def _is_japanese(content: bytes, text: str) -> bool:
    """Whether a text decoded from Shift-JIS is all Japanese, with kana or with bytes that no other encoding has."""
    beyond = _beyond_ascii(text)
    if not _CJK.search(beyond) or _CJK.sub("", beyond):
        return False
    if _runs_fit(content, _GB_PAIRS):  # Chinese
        return False
    if _is_western(content, content.decode("cp1252", errors="replace")):
        return False
    leads = [pair[0] for pair in _SJIS_PAIRS.findall(content)]
    rare = sum(lead <= 0x9F for lead in leads)
    return len(_KANA.findall(beyond)) >= 1 or 2 * rare >= len(leads)


def _is_chinese(content: bytes, text: str) -> bool:
    """Whether the bytes beyond ASCII are pairs of GB 2312, most of them common characters, and not inside words."""
    beyond = _beyond_ascii(text)
    if not _CJK.search(beyond) or not _runs_fit(content, _GB_PAIRS):
        return False
    pairs = [run[i : i + 2] for run in _HIGH_RUN.findall(content) for i in range(0, len(run), 2)]
    common = sum(_GB_COMMON.fullmatch(pair) is not None for pair in pairs)
    within_words = len(re.findall(rb"[a-z][\x80-\xff]+|[\x80-\xff]+[a-z]", content))
    return 2 * common >= len(pairs) and 2 * within_words <= len(_HIGH_RUN.findall(content))


def _is_western(content: bytes, text: str) -> bool:
    """Whether the characters beyond ASCII are western European, and mostly inside or beside words."""
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
