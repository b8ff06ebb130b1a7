"""A folder of examples: pictures in bursts, from which a head can be fitted again.

    FOLDER/examples.json              names, bursts and their times
    FOLDER/mug/burst-0001/0001.jpg    a folder for each class, in it one for each burst

A burst is written under a name that ends in `.part`, and then renamed. `examples.json` is written after it, and before
the first burst of a class. So a program that is killed leaves whole bursts, at most one without a time, and files whose
names end in `.part`, which the next burst of the class deletes.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from live_gradcam.cache_files import write_whole
from live_gradcam.errors import LiveGradcamError, SinkError, reason_of
from live_gradcam.escaping import shown
from live_gradcam.frame import Pixels
from live_gradcam.taught_head import MOST_CLASSES

logger = logging.getLogger(__name__)

FILE = "examples.json"
_VERSION = 1
_BURST = re.compile(r"burst-(\d+)")
_UNSAFE = re.compile(r'[\x00-\x1f<>:"/\\|?*]|^\.+|[. ]+$')
"""What no name of a folder has on all common systems."""

_QUALITY = 95
_PART = ".part"


@dataclass(frozen=True, slots=True)
class StoredBurst:
    """A burst of the folder."""

    number: int
    """The class, 1 to 9."""

    folder: Path
    pictures: tuple[Path, ...]
    """In the order in which they were taken."""

    def read(self) -> Iterator[Pixels]:
        """Yield its pictures, (H, W, 3) uint8 BGR each; one that cannot be read is left out, and the log says so."""
        for path in self.pictures:
            try:
                picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
            except (OSError, cv2.error):
                picture = None
            if picture is None:
                logger.warning("%s cannot be read: it is left out", shown(path))
            else:
                yield np.asarray(picture, np.uint8)


class ExamplesFolder:
    """Keeps bursts in a folder.

    Args:
        folder: made with the first burst.

    Raises:
        LiveGradcamError: it holds something else, or cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[int, str] = {}
        """The name of each class, by its number."""
        self._folders: dict[int, str] = {}
        self._times: dict[str, str] = {}
        if not folder.exists():
            return
        if not folder.is_dir():
            raise SinkError(f"the examples cannot be kept in '{shown(folder)}': it is a file. Give a folder.")
        stored = self._stored()
        if stored is None:
            if any(not each.name.endswith(_PART) for each in folder.iterdir()):
                raise SinkError(
                    f"'{shown(folder)}' holds other files: give --examples a new folder, or one that `teach` made."
                )
            return
        for each in stored["classes"]:
            self.names[int(each["number"])] = str(each["name"])
            self._folders[int(each["number"])] = str(each["folder"])
        self._times = {str(name): str(time) for name, time in stored["bursts"].items()}
        shown_ones = {each.number for each in self.bursts()}
        self.names = {number: name for number, name in self.names.items() if number in shown_ones}

    def bursts(self) -> list[StoredBurst]:
        """Return the bursts, in the order in which they were taken."""
        found = [
            StoredBurst(number, burst, pictures)
            for number, name in self._folders.items()
            for burst in self._bursts_in(self.folder / name)
            if (pictures := tuple(sorted(burst.glob("*.jpg"))))
        ]
        return sorted(found, key=lambda each: _number_of(each.folder))

    def add(self, number: int, name: str, pictures: Sequence[Pixels]) -> Path:
        """Store a burst, and return its folder.

        Args:
            number: the class, 1 to 9.
            name: its name.
            pictures: (H, W, 3) uint8 BGR each.

        Raises:
            SinkError: the burst cannot be written; the folder is as it was.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            own = self.folder / self._folders.setdefault(number, self._new_folder(name))
            if number not in self.names:
                self.names[number] = name
                self._write()
            own.mkdir(exist_ok=True)
            for left in own.glob(f".*{_PART}"):
                shutil.rmtree(left)
            last = max((_number_of(each.folder) for each in self.bursts()), default=0)
            burst = own / f"burst-{last + 1:04}"
            part = Path(tempfile.mkdtemp(dir=own, prefix=".", suffix=_PART))
            try:
                for place, picture in enumerate(pictures, 1):
                    _write_picture(part / f"{place:04}.jpg", picture)
                part.chmod(0o755)
                part.rename(burst)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
            self.names[number] = name
            key = burst.relative_to(self.folder).as_posix()
            self._times[key] = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            self._write()
        except OSError as error:
            raise SinkError(
                f"the pictures cannot be kept in '{shown(self.folder)}': {error.strerror or reason_of(error)}. "
                "They are learned all the same."
            ) from error
        return burst

    def rename(self, number: int, name: str) -> None:
        """Store another name of a class; its folder keeps its own.

        Raises:
            SinkError: it cannot be written.
        """
        if number in self._folders:
            self.names[number] = name
            self._try_to_write()

    def remove(self, bursts: Sequence[Path]) -> None:
        """Delete bursts.

        Raises:
            SinkError: they cannot be deleted.
        """
        for burst in bursts:
            self._times.pop(burst.relative_to(self.folder).as_posix(), None)
            shutil.rmtree(burst, ignore_errors=True)
            with suppress(OSError):  # it holds other bursts
                burst.parent.rmdir()
        for number, name in list(self._folders.items()):
            if not (self.folder / name).exists():
                del self._folders[number]
                self.names.pop(number, None)
        self._try_to_write()

    def _stored(self) -> dict[str, Any] | None:
        """Return what `examples.json` holds; None where there is no such file.

        Raises:
            LiveGradcamError: it is damaged.
        """
        try:
            stored = json.loads((self.folder / FILE).read_bytes())
            classes = {int(each["number"]): each["name"] for each in stored["classes"]}
            if stored["version"] != _VERSION or not set(classes) <= set(range(1, MOST_CLASSES + 1)):
                raise ValueError("another version")
            dict(stored["bursts"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise LiveGradcamError(
                f"'{shown(self.folder / FILE)}' cannot be read ({reason_of(error)}). Move it away: the folders of the "
                "classes can then be learned by `live-gradcam teach FOLDER`."
            ) from error
        found: dict[str, Any] = stored
        return found

    def _bursts_in(self, folder: Path) -> Iterator[Path]:
        if folder.is_dir():
            yield from (each for each in folder.iterdir() if _BURST.fullmatch(each.name) and each.is_dir())

    def _new_folder(self, name: str) -> str:
        """Return the name of a new folder for a class."""
        safe = _UNSAFE.sub("_", name)[:60].strip() or "class"
        taken = {each.casefold() for each in self._folders.values()} | {FILE}
        free = safe
        for number in range(2, 2 + MOST_CLASSES):
            if free.casefold() not in taken:
                break
            free = f"{safe} {number}"
        return free

    def _try_to_write(self) -> None:
        try:
            self._write()
        except OSError as error:
            raise SinkError(
                f"'{shown(self.folder / FILE)}' cannot be written: {error.strerror or reason_of(error)}."
            ) from error

    def _write(self) -> None:
        classes = [
            {"number": number, "name": self.names[number], "folder": name}
            for number, name in sorted(self._folders.items())
            if number in self.names
        ]
        stored = {"version": _VERSION, "classes": classes, "bursts": self._times}
        text = json.dumps(stored, ensure_ascii=False, indent=2) + "\n"
        write_whole(self.folder / FILE, lambda file: file.write(text.encode()))


def _number_of(burst: Path) -> int:
    found = _BURST.fullmatch(burst.name)
    return 0 if found is None else int(found[1])


def _write_picture(path: Path, picture: Pixels) -> None:
    done, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise OSError("a picture cannot be encoded")
    path.write_bytes(encoded.tobytes())
