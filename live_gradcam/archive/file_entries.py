"""Entries of a table by file name, which a photograph finds wherever its folder lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class FileEntries(Generic[Entry]):
    """Finds the entry of a photograph.

    Args:
        entries: file name, with or without folders → entry.
        by_stem: whether the names have no ending, so that each stands for the photograph of that name and any ending.
    """

    def __init__(self, entries: Mapping[str, Entry], *, by_stem: bool = False) -> None:
        self._entries = entries
        self._by_stem = by_stem
        self._by_name: dict[str, list[str]] = {}
        for each in entries:
            self._by_name.setdefault(PurePosixPath(each).name, []).append(each)

    def of(self, photo: Path) -> Entry | None:
        """Return the entry of a photograph; None if there is none.

        Names with folders are compared from the end, so that `cats/1.jpg` is found in every folder that has it.
        """
        name = self._name_of(photo)
        return None if name is None else self._entries[name]

    def shared(self, photos: Iterable[Path]) -> tuple[str, list[Path]] | None:
        """Return the first name that stands for several photographs, and these; None if there is none."""
        found: dict[str, list[Path]] = {}
        for photo in photos:
            if (name := self._name_of(photo)) is not None:
                found.setdefault(name, []).append(photo)
        return next(((name, several) for name, several in found.items() if len(several) > 1), None)

    def _name_of(self, photo: Path) -> str | None:
        """Return the longest name that ends the path of a photograph."""
        if self._by_stem:
            photo = photo.with_suffix("")
        found = None
        longest = 0
        for each in self._by_name.get(photo.name, ()):
            parts = PurePosixPath(each).parts
            if photo.parts[-len(parts) :] == parts and len(parts) > longest:
                found, longest = each, len(parts)
        return found


def plain_name(file: str) -> str:
    """Return a file name from a table with `/` between its folders, and no `./` before it."""
    return PurePosixPath(file.replace("\\", "/")).as_posix()
