"""Whether Keras may fetch weights: a check of the machine is not to download half a gigabyte."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, NoReturn
from urllib.error import URLError

REFUSED = "nothing is downloaded now"
"""What a download that was not allowed says of itself."""


class _RefusingOpener(urllib.request.OpenerDirector):
    def open(self, *_: Any, **__: Any) -> NoReturn:  # noqa: ANN401 - whatever is asked for
        raise URLError(REFUSED)


@contextmanager
def no_downloads() -> Iterator[None]:
    """Make every download by Keras fail at once; what it has fetched before is read as ever."""
    urllib.request.install_opener(_RefusingOpener())
    try:
        with redirect_stdout(io.StringIO()):  # where Keras announces what then does not happen
            yield
    finally:
        urllib.request.install_opener(urllib.request.build_opener())
