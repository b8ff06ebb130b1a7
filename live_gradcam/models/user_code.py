"""Functions in a user's own code, named on the command line as `module:name`."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from live_gradcam.errors import ModelError, reason_of
from live_gradcam.name_suggestions import unknown_name

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_REFERENCE = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")


def is_reference(text: str) -> bool:
    r"""Whether a text means `module:name`: it has a colon, but is no URL and no Windows path (`C:\\…`)."""
    return ":" in text and "://" not in text and _DRIVE.match(text) is None


def callable_named(reference: str) -> Callable[..., Any]:
    """Import a function by its reference, as `python` in the current folder would.

    Args:
        reference: `module:name`; both may have dots, as in `package.module:Class.method`.

    Raises:
        ModelError: the reference has another form, the import fails, or the name is no function.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise ModelError(
            f"'{reference}' does not have the form module:name, such as my_code:build for build in my_code.py."
        )
    module_name, attributes = match.groups()
    with current_folder_first():
        found: object = _module(module_name, reference)
    for attribute in attributes.split("."):
        if not hasattr(found, attribute):
            public = [name for name in dir(found) if not name.startswith("_")]
            where = f"It has to be defined in {getattr(found, '__file__', None) or module_name}."
            raise ModelError(f"{module_name}: {unknown_name('name', attribute, public, where)}")
        found = getattr(found, attribute)
    if not callable(found):
        raise ModelError(f"{reference} is {type(found).__name__}, not a function.")
    return found


@contextmanager
def current_folder_first() -> Iterator[None]:
    """Let imports find modules in the current folder; an installed command does not look there."""
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _module(name: str, reference: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise ModelError(f"cannot import {name}: {error}. Install it, or correct {name}.") from error
        stem = name.removesuffix(".py")
        hint = (
            f"Leave out .py: {stem}:{reference.partition(':')[2]}"
            if stem != name
            else f"It was looked for in {Path.cwd()} and where Python looks."
        )
        raise ModelError(f"there is no module {name} for '{reference}'. {hint}") from error
    except Exception as error:
        raise ModelError(f"cannot import {name}: {error_text(error)}") from error


def error_text(error: BaseException) -> str:
    """Return an error's type and the first line of its message."""
    name, message = type(error).__name__, reason_of(error)
    return name if message == name else f"{name}: {message}"
