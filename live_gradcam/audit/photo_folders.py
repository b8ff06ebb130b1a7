"""The photographs and films of an audit and their classes: a folder with a folder for each, or a table of truths."""

from __future__ import annotations

import csv
import glob
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from live_gradcam.archive.annotate_job import Failure
from live_gradcam.archive.file_entries import FileEntries, plain_name
from live_gradcam.archive.inputs import find_entries
from live_gradcam.archive.record import RECORDS
from live_gradcam.config import DEFAULT_MODEL
from live_gradcam.errors import SourceError, TargetError
from live_gradcam.escaping import shown
from live_gradcam.file_names import expanded, fitting, nearest_paths
from live_gradcam.frame import Pixels
from live_gradcam.models.labels import Labels, imagenet_labels, wordnet_names
from live_gradcam.session.frame_file import reel_name
from live_gradcam.session.journal import FILE as SESSION
from live_gradcam.sources.photo import read_photo

_FORM = "Give CSV with the columns file, class."
_MOST_NAMED = 4
_WORDNET = re.compile(r"n\d{8}")


@dataclass(frozen=True, slots=True)
class AuditPhoto:
    """A photograph, or a film, with its class."""

    path: Path
    name: str
    """Its path below the common folder of all photographs, with `/`; of a frame, that of its film and the frame's."""

    truth: str
    """The name of its class, as the user gave it."""

    film: str | None = None
    """The name of the film or saved session that it is a frame of; of a film, its own; None for a photograph."""

    @property
    def is_film(self) -> bool:
        """Whether it is a whole film, whose frames are still to be taken: a file, or the folder of a session."""
        return self.film == self.name


def photos_in_folders(typed: Sequence[str]) -> tuple[list[AuditPhoto], list[Failure]]:
    """Find photographs and films that lie in a folder for each class; folders inside these belong to the class.

    Args:
        typed: folders of such folders.

    Returns:
        The photographs and films, and a failure for each that lies in no class's folder or shows drawn heat.

    Raises:
        SourceError: there are none.
    """
    for each in typed:
        if not expanded(each).is_dir() and (expanded(each).exists() or glob.has_magic(each)):
            raise SourceError(
                f"'{shown(each)}' is no folder: give a folder with a folder for each class, or the photographs' "
                "classes with --truths FILE.csv."
            )
    photos, failures = _photos_and_films(typed)
    tops = [Path(os.path.abspath(expanded(each))) for each in typed]  # noqa: PTH100 - resolve() follows links
    found: list[AuditPhoto] = []
    for path, name, film in photos:
        top = max((each for each in tops if path.is_relative_to(each)), key=lambda each: len(each.parts))
        parts = path.relative_to(top).parts
        if len(parts) > 1:
            found.append(AuditPhoto(path, name, parts[0], film))
        else:
            failures.append(Failure(name, "lies in no class's folder."))
    if not found:
        raise SourceError(
            f"'{shown(typed[0])}' has no folders with photographs: put the photographs of each class into a folder of "
            "its own, or name their classes with --truths FILE.csv."
        )
    return found, failures


def photos_with_truths(
    typed: Sequence[str], truths: Mapping[str, str] | Path
) -> tuple[list[AuditPhoto], list[Failure]]:
    """Find photographs and films whose classes stand in a table.

    Args:
        typed: photographs, films, folders (with their subfolders) and globs.
        truths: file name, with or without folders → class; or a CSV file with the columns file and class.

    Returns:
        The photographs that the table names, and a failure for each that it does not.

    Raises:
        SourceError: there are none, or the table cannot be read.
    """
    table = truths if isinstance(truths, Mapping) else _read_truths(truths)
    photos, failures = _photos_and_films(typed)
    entries = FileEntries({plain_name(name): truth for name, truth in table.items()})
    found = []
    for path, name, film in photos:
        truth = entries.of(path)
        if truth is None:
            failures.append(Failure(name, "has no class in the table of truths."))
        else:
            found.append(AuditPhoto(path, name, truth, film))
    if not found:
        raise SourceError(
            f"the table of truths names none of the photographs, such as {photos[0][1]}. Give the file names "
            "as they are."
        )
    return found, failures


def _photos_and_films(typed: Sequence[str]) -> tuple[list[tuple[Path, str, str | None]], list[Failure]]:
    """Return path, name and film's name (None for photographs) of all inputs, and a failure for each unfit film.

    The frames of a saved session are one film: the folder of the session.

    Raises:
        LiveGradcamError: there are none.
    """
    entries, failures = find_entries(typed, Path(os.devnull))
    found: list[tuple[Path, str, str | None]] = []
    for entry in entries:
        path, name = entry.source, entry.name
        if entry.kind == "picture":
            found.append((path, name, None))
        elif (path.parent / SESSION).is_file():
            if path.name == reel_name(1):
                folder = name.rpartition("/")[0] or path.parent.name
                found.append((path.parent, folder, folder))
        elif (reason := _drawn_heat(path)) is not None:
            failures.append(Failure(name, reason))
        else:
            found.append((path, name, name))
    if not found:
        raise SourceError(f"there is nothing to audit. {failures[0]}")
    return found, failures


def _drawn_heat(film: Path) -> str | None:
    """Return why a film's frames are none to audit: heat is drawn into them; None if nothing says so."""
    if (film.parent / RECORDS / f"{film.name}.jsonl").is_file():
        return "was written by `annotate`, which drew heat into it. Give the film that it was made from."
    try:
        with fitting(film.with_suffix(".jsonl")).open(encoding="utf-8") as file:
            header = json.loads(file.readline())
    except (OSError, ValueError):
        return None
    if not isinstance(header, dict) or header.get("kind") != "header":
        return None
    return (
        "is a recording: heat is drawn into its frames. `live-gradcam --save-session DIR` saves them without."
    )


def empty_classes(typed: Sequence[str], photos: Sequence[AuditPhoto], out: Path) -> list[Failure]:
    """Return a failure for each folder of a class without any photograph: its class would be missing in silence.

    Args:
        typed: folders of such folders.
        photos: what was found in them.
        out: the folder of the results, which may lie among them.
    """
    classes = {each.truth for each in photos}
    return [
        Failure(
            shown(folder.name),
            "the folder has no photograph and no film that can be audited: this class is left out.",
        )
        for top in filter(Path.is_dir, map(expanded, typed))
        for folder in sorted(each for each in top.iterdir() if each.is_dir())
        if folder.name not in classes
        and not folder.name.startswith(".")
        and folder.resolve() != out.resolve()
    ]


def class_ids(names: Sequence[str], labels: Labels, *, hint: str = "") -> dict[str, int]:
    """Return the id of each class by its name.

    A name is a label in any language or a synonym, where letter case, spaces, hyphens and underscores do not count; or
    a WordNet id such as `n02124075`, for ImageNet's classes; or a class's number, if no label is that number.

    Args:
        names: of folders, or of a table of truths.
        labels: of the model.
        hint: ends the message if at least half of the names are none of these.

    Raises:
        SourceError: a name is none of these; the message has the nearest labels. Or there is one class only.
    """
    if labels.kind == "value":
        raise SourceError(
            "this model computes values, and an audit asks for the classes of photographs: it needs a classifier."
        )
    found: dict[str, int] = {}
    wrong: list[tuple[str, TargetError]] = []
    for name in dict.fromkeys(names):
        try:
            found[name] = _class_id(name, labels)
        except TargetError as error:
            wrong.append((name, error))
    if len(wrong) < len(found):
        hint = ""
    if wrong and labels.are_numbered:
        last = len(labels) - 1
        one = " With one output, 1 is the class for which it is high." if last == 1 else ""
        raise SourceError(
            f"the classes of the photographs are called '{shown(wrong[0][0])}' and so on, and those of the model have "
            "no names: give the names in the model's order with --labels FILE, or call the folders by its numbers, 0 "
            f"to {last}, or give the number of each photograph with --truths FILE.csv.{one}"
        )
    if found and len(wrong) == 1:
        raise SourceError(f"the photographs have a class that the model does not: {wrong[0][1]}{hint}")
    if wrong:
        listed = ", ".join(f"'{shown(name)}'" for name, _ in wrong[:_MOST_NAMED])
        more = f" and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
        raise SourceError(f"no class of the model is called {listed}{more}: {wrong[0][1]}{hint}")
    if len(set(found.values())) < 2:
        raise SourceError(
            f"all photographs are of one class, '{shown(next(iter(found)))}': give those of a second one, onto whose "
            "backgrounds the things are put."
        )
    return found


def forgotten_model(model: object) -> str:
    """Return a hint for classes that the model does not have: the default network may be none that was chosen."""
    if model != DEFAULT_MODEL:
        return ""
    return f" These look like the classes of another network than {DEFAULT_MODEL}: give --model."


def _class_id(name: str, labels: Labels) -> int:
    """Return the id of one class.

    Raises:
        TargetError: there is none.
    """
    if len(exact := labels.exactly(name)) == 1:
        return exact[0]  # a class may be called 7 and not be the seventh
    if _WORDNET.fullmatch(name) and labels in (imagenet_labels("en"), imagenet_labels("zh")):
        ids = list(wordnet_names())
        if name in ids:
            return ids.index(name)
    return labels.find(name)


def _read_truths(path: Path) -> dict[str, str]:
    file = expanded(path)
    name = shown(file.name)
    try:
        rows = csv.reader(io.StringIO(file.read_text("utf-8-sig"), newline=""))
    except FileNotFoundError:
        near = nearest_paths(path)
        hint = f"Did you mean {' or '.join(near)}?" if near else _FORM
        raise SourceError(f"there is no table of truths '{shown(path)}'. {hint}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SourceError(f"the table of truths {name} cannot be read: {reason}. {_FORM}") from error
    header = [each.strip().casefold() for each in next(rows, [])]
    missing = [each for each in ("file", "class") if each not in header]
    if missing:
        raise SourceError(f"{name} has no column '{missing[0]}' in its first line. {_FORM}")
    at_file, at_class = header.index("file"), header.index("class")
    found: dict[str, str] = {}
    for row in filter(None, rows):
        cells = [row[at].strip() if at < len(row) else "" for at in (at_file, at_class)]
        if not all(cells):
            raise SourceError(f"{name}, line {rows.line_num}: it needs a file and a class. {_FORM}")
        found[cells[0]] = cells[1]
    if not found:
        raise SourceError(f"{name} has no rows. {_FORM}")
    return found


def read_whole(photo: AuditPhoto) -> Pixels:
    """Return a photograph, (H, W, 3) uint8 BGR, upright.

    Raises:
        SourceError: it cannot be read, or not all of it.
    """
    found = read_photo(photo.path)
    if found.damage is not None:
        what = found.damage.partition(":")[0]
        raise SourceError(f"the photograph {what}. Give the whole of it.")
    return found.pixels
