"""What the visitors share who teach: the room for pictures that wait, and the files of models to download."""

from __future__ import annotations

import logging
import secrets
import shutil
import tempfile
import threading
import zipfile
from contextlib import suppress
from pathlib import Path

from live_gradcam.closeable import Closeable
from live_gradcam.models.remembered_model import KnownModel
from live_gradcam.server.errors import RequestError
from live_gradcam.server.service import Service
from live_gradcam.taught_head import TaughtHead

logger = logging.getLogger(__name__)

LINK = "/taught/"
"""Where the files lie, before the key."""

FILE_NAME = "taught.zip"
"""What the browser calls the file: a folder with the model, `taught.keras`, and the names of its classes."""

MOST_BYTES = 300_000_000
"""Maximum size of a file: the default network has 14 MB, VGG16 up to its pooling 59 MB."""


MOST_WAITING = 600
"""Pictures of all visitors that may wait to be learned: each takes 0.4 MB until then."""


class TaughtFiles(Closeable):
    """Makes and keeps the files, in a temporary folder. Several threads may use it.

    Args:
        model: what the visitors teach.
    """

    def __init__(self, model: KnownModel) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._files: dict[str, Path] = {}
        self._folder: Path | None = None
        self._closed = False

    def make(self, head: TaughtHead) -> str:
        """Write a model file and the names of its classes into one archive. It takes seconds, so call it in a thread.

        Returns:
            The key of its link, which nobody can guess.

        Raises:
            RequestError: it is too large, or the server is ending.
            ModelError: it cannot be written.
        """
        from live_gradcam.teach.saved_model import labels_path, save_taught_model  # it loads Keras

        with self._lock:
            if self._closed:
                raise RequestError(503, "the server is ending.")
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="live_gradcam-taught-"))
            folder = self._folder
        key = secrets.token_urlsafe(24)
        archive = folder / f"{key}.zip"
        with tempfile.TemporaryDirectory(dir=folder) as name:
            path = Path(name, "taught.keras")
            save_taught_model(self._model.loaded(), head, path)
            size = path.stat().st_size
            if size > MOST_BYTES:
                raise RequestError(
                    413, f"the model has {size / 1e6:.0f} MB: at most {MOST_BYTES / 1e6:.0f} MB are sent."
                )
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:  # weights do not get smaller
                for each in (path, labels_path(path)):
                    file.write(each, f"taught/{each.name}")
        with self._lock:
            self._files[key] = archive
        return key

    def take(self, key: str) -> Path:
        """Return the file of a link, which is no link any more; whoever takes it deletes it.

        Raises:
            RequestError: there is none (404).
        """
        with self._lock:
            archive = self._files.pop(key, None)
        if archive is None:
            raise RequestError(
                404, "this file was downloaded already, or its visit has ended: save it again."
            )
        return archive

    def discard(self, key: str) -> None:
        """Delete the file of a link that was not used."""
        with suppress(RequestError):
            self.take(key).unlink(missing_ok=True)

    def close(self) -> None:
        """Delete all files."""
        with self._lock:
            self._closed, folder = True, self._folder
            self._files.clear()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


class TeachingRoom(Closeable):
    """What the visitors share who teach: the network, the turn at fitting heads, and the files to download.

    Args:
        service: explains the pictures.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.files = TaughtFiles(service.model)
        self.turn = threading.Lock()
        """Is held by the thread that writes a model, which takes all cores."""
        self._lock = threading.Lock()
        self._held = 0
        service.at_end(self.close)

    @property
    def is_full(self) -> bool:
        """Whether so many pictures wait to be learned that no more are taken."""
        return self._held >= MOST_WAITING

    def holds(self, count: int) -> int:
        """Note that so many more pictures wait to be learned, and return the number."""
        with self._lock:
            self._held += count
        return count

    def close(self) -> None:
        """Delete the files."""
        self.files.close()
