"""Inputs: finds the files that the user named, and the paths of their outputs."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from live_gradcam.archive.annotate_job import ArchiveFile, Failure
from live_gradcam.archive.record import RECORDS
from live_gradcam.errors import SinkError, SourceError
from live_gradcam.escaping import shown
from live_gradcam.file_names import expanded, fitting, fixed_part, matches, nearest_paths
from live_gradcam.redaction import shown_address
from live_gradcam.sinks.encoder import CONTAINERS
from live_gradcam.source_address import is_address
from live_gradcam.sources.file_listing import FILM_SUFFIXES as VIDEOS
from live_gradcam.sources.file_listing import is_film, is_picture, natural_order, numbered_files
from live_gradcam.sources.file_opening import is_still
from live_gradcam.sources.photo import READABLE

WRITABLE = frozenset(
    {".bmp", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
"""File name endings of pictures that are written; other pictures become .png."""

_KINDS = f"{READABLE} are read, and films such as .mp4, .mov, .mkv, .webm and .avi."

LIST = "-"
"""The input that means: read a list from stdin."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A file, and the folder that was searched for it."""

    file: Path
    folder: Path


def find_entries(
    typed: Sequence[str], out: Path, listed: TextIO | None = None
) -> tuple[list[ArchiveFile], list[Failure]]:
    """Find the input files.

    Args:
        typed: videos, pictures, folders (searched recursively), globs, and `-` for a list of them.
        out: folder of the outputs; for a single input, it may be the name of the output.
        listed: the list that `-` stands for: one input a line, or separated by NUL.

    Returns:
        The files in order, each once; and a failure for each input that does not exist or cannot be used.

    Raises:
        LiveGradcamError: there is no file to annotate.
    """
    out = Path(os.path.abspath(expanded(out)))  # noqa: PTH100 - resolve() follows links
    found: list[_Found] = []
    failures: list[Failure] = []
    for name in all_named(typed, listed):
        try:
            found += _expanded(name, out)
        except SourceError as error:
            failures.append(Failure(shown_address(name), str(error)))
        except OSError as error:
            shown = shown_address(name)
            failures.append(Failure(shown, f"'{shown}' cannot be read: {error.strerror}."))
    unique: dict[Path, Path] = {}
    for each in found:
        unique.setdefault(each.file.resolve(), each.file)
    files = list(unique.values())
    if not files:
        raise SourceError(
            failures[0].reason if failures else "no input is named. Give videos, pictures or folders."
        )
    if _is_file_name(out):
        if len(files) > 1:
            raise SinkError(f"cannot write {len(files)} files to '{out}': give the name of a folder.")
        entries = [_single(files[0], out)]
    else:
        entries = _mirrored(files, _common_folder(found), out)
    entries, own = _without_own_outputs(entries)
    return entries, [*failures, *own]


def find_photos(
    typed: Sequence[str], listed: TextIO | None = None
) -> tuple[list[tuple[Path, str]], list[Failure]]:
    """Find photographs, for a command that writes no copies of them.

    Args:
        typed: photographs, folders (searched recursively; videos in them are left out), globs, and `-` for a list.
        listed: the list that `-` stands for, as in `find_entries`.

    Returns:
        The path of each photograph, once, with its name: the path below the common folder of all inputs. And a failure
        for each input that does not exist or is no photograph.

    Raises:
        LiveGradcamError: there is no photograph.
    """
    entries, failures = find_entries(typed, Path(os.devnull), listed)
    named = {Path(os.path.abspath(expanded(each))) for each in typed}  # noqa: PTH100 - as above
    photos = [(each.source, each.name) for each in entries if each.kind == "picture"]
    failures += [
        Failure(each.name, "is a video. Give photographs.")
        for each in entries
        if each.kind == "video" and each.source in named
    ]
    if not photos:
        if entries and all(each.kind == "video" and each.source in named for each in entries):
            names = ", ".join(f"'{each.name}'" for each in entries[:2])
            more = f" and {len(entries) - 2} more" if len(entries) > 2 else ""
            raise SourceError(f"{names}{more}: no photograph by its ending. Give photographs.")
        raise SourceError(failures[0].reason if not entries else "there are only videos. Give photographs.")
    return photos, failures


def all_named(typed: Sequence[str], listed: TextIO | None) -> Iterator[str]:
    """Yield the inputs, with the lines of a list in place of `-`; see `find_entries`."""
    for each in typed:
        if each == LIST and listed is not None:
            text = _read(listed)
            # Not splitlines(): it would also split names at characters that do not end a line in a shell.
            lines = text.split("\0") if "\0" in text else text.replace("\r\n", "\n").split("\n")
            yield from filter(None, lines)
        else:
            yield each


def _read(listed: TextIO) -> str:
    """Read a list of names as bytes, so that names that are not UTF-8 stay usable."""
    buffer = getattr(listed, "buffer", None)
    return listed.read() if buffer is None else os.fsdecode(buffer.read())


def _expanded(typed: str, out: Path) -> list[_Found]:
    """Return the files that one input names.

    Raises:
        SourceError: it names none.
    """
    if is_address(typed):
        raise SourceError(
            f"'{shown_address(shown(typed))}' is an address: files are needed. Record the stream first: "
            "live-gradcam --source ADDRESS --record out.mp4."
        )
    path = Path(os.path.abspath(expanded(typed)))  # noqa: PTH100 - as above
    if path.is_dir():
        found = list(_within(path, out))
        if not found:
            raise SourceError(f"the folder '{shown(typed)}' has no videos or pictures in it. {_KINDS}")
        return found
    if path.exists():
        return [_Found(path, path.parent)]
    if numbered := [file for file in numbered_files(path) if _is_wanted(file)]:
        return [_Found(file, path.parent) for file in numbered]
    if glob.has_magic(typed):
        found_files = (each for each in matches(path, recursive=True) if _is_wanted(each) and each.is_file())
        files = sorted(found_files, key=natural_order)
        if not files:
            raise SourceError(f"no video or picture matches '{shown_address(shown(typed))}'.")
        return [_Found(each, fixed_part(path)) for each in files]
    near = nearest_paths(typed, among=_may_be_meant)
    hint = f"Did you mean {' or '.join(near)}?" if near else "Give videos, pictures, folders or globs."
    raise SourceError(f"there is no file '{shown_address(shown(typed))}'. {hint}")


def _may_be_meant(path: Path) -> bool:
    """Return whether a file or folder may have been meant: no empty folder, and none that this program has written."""
    if not path.is_dir():
        return _is_wanted(path)
    try:
        names = {each.name for each in path.iterdir()}
    except OSError:
        return False
    return any(not name.startswith(".") for name in names) and names.isdisjoint((RECORDS, "audit.json"))


def _within(folder: Path, out: Path) -> Iterator[_Found]:
    """Yield the files of a folder, recursively, except those in the output folder.

    Raises:
        SourceError: the folder is the output folder, or cannot be read.
    """
    if folder.resolve() == out.resolve():
        raise SourceError(f"the folder '{folder}' is the output, too. Choose another --out.")
    unreadable: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=unreadable.append):
        here = Path(parent)
        folders[:] = sorted(
            (
                name
                for name in folders
                if not name.startswith(".") and (here / name).resolve() != out.resolve()
            ),
            key=lambda name: natural_order(Path(name)),
        )
        for name in sorted(files, key=lambda name: natural_order(Path(name))):
            if _is_wanted(here / name):
                yield _Found(here / name, folder)
    if unreadable:
        raise SourceError(f"the folder '{unreadable[0].filename}' cannot be read: {unreadable[0].strerror}.")


def _is_wanted(path: Path) -> bool:
    return is_picture(path) or is_film(path)


def _common_folder(found: Iterable[_Found]) -> Path:
    """Return the deepest folder that holds all inputs.

    Raises:
        SourceError: there is none.
    """
    try:
        return Path(os.path.commonpath([each.folder for each in found]))
    except ValueError as error:
        raise SourceError("the inputs lie on several drives: annotate them one drive at a time.") from error


def _is_file_name(out: Path) -> bool:
    suffix = out.suffix.lower()
    known = suffix in CONTAINERS or suffix in VIDEOS or suffix in WRITABLE
    return known and not out.is_dir()


def _single(file: Path, out: Path) -> ArchiveFile:
    """Return the entry of a single file, with the given output name.

    Raises:
        SinkError: the output cannot have that name.
    """
    picture = is_still(file)
    endings = sorted(WRITABLE if picture else CONTAINERS)
    if out.suffix.lower() not in endings:
        what = "picture" if picture else "video"
        raise SinkError(
            f"cannot write the {what} {file.name} to '{out.name}': the name must end in "
            f"{', '.join(endings[:-1])} or {endings[-1]}."
        )
    return _entry(file, file.name, out.parent, Path(out.name), picture)


def _mirrored(files: Sequence[Path], folder: Path, out: Path) -> list[ArchiveFile]:
    """Return entries whose output paths mirror the folders of the inputs."""
    inside = [file.relative_to(folder) for file in files]
    stills = [is_still(file) for file in files]
    plain = [each.with_suffix(_ending_of(each, still)) for each, still in zip(inside, stills, strict=True)]
    count = Counter(str(each).casefold() for each in plain)
    outputs = [
        # If a.avi and a.mp4 would both become a.mp4, then a.avi becomes a.avi.mp4.
        new if count[str(new).casefold()] == 1 or new == old else old.with_name(old.name + new.suffix)
        for old, new in zip(inside, plain, strict=True)
    ]
    return [
        _entry(file, old.as_posix(), out, new, still)
        for file, old, new, still in zip(files, inside, outputs, stills, strict=True)
    ]


def _ending_of(file: Path, still: bool) -> str:
    """Return the ending of a file's output."""
    kept = WRITABLE if still else CONTAINERS
    return file.suffix if file.suffix.lower() in kept else ".png" if still else ".mp4"


def _entry(file: Path, name: str, out: Path, output: Path, still: bool) -> ArchiveFile:
    place = fitting(out / output)
    return ArchiveFile(
        source=file,
        name=shown(name),
        kind="picture" if still else "video",
        output=place,
        record=fitting(out / RECORDS / place.relative_to(out).with_name(f"{place.name}.jsonl")),
    )


def _without_own_outputs(entries: Sequence[ArchiveFile]) -> tuple[list[ArchiveFile], list[Failure]]:
    """Return the entries without those whose output would replace an input, and failures for the latter."""
    sources = {entry.source.resolve(): entry for entry in entries}
    good: list[ArchiveFile] = []
    failures: list[Failure] = []
    for entry in entries:
        victim = sources.get(entry.output.resolve())
        if victim is None:
            good.append(entry)
        else:
            what = "itself" if victim is entry else f"the input {victim.name}"
            failures.append(Failure(entry.name, f"its output would replace {what}. Choose another --out."))
    return good, failures
