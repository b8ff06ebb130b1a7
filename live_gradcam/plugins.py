"""Plug-ins: the sources, sinks and methods of other installed packages, which name them as entry points.

The names are read from the packages' metadata. A package is imported only when something of it is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from live_gradcam.errors import LiveGradcamError, SinkError, SourceError, reason_of
from live_gradcam.name_suggestions import nearest

Kind = Literal["source", "sink", "method"]
"""What a plug-in adds. Its entry point belongs to the group `live_gradcam.sources`, `.sinks` or `.methods`."""

GUIDE = "the page Plug-ins of the documentation says how to write one"
"""The end of a message about a plug-in that is missing or wrong, without its full stop."""

_ERRORS: dict[Kind, type[LiveGradcamError]] = {
    "source": SourceError,
    "sink": SinkError,
    "method": LiveGradcamError,
}
_NAME = re.compile(r"[a-z][a-z0-9_+.-]+")
_TAKEN: dict[Kind, frozenset[str]] = {
    "source": frozenset({"camera", "demo", "rtsp", "rtsps", "rtmp", "http", "https"}),
    "sink": frozenset(),
    "method": frozenset(),  # the methods of the registry: `own_methods` looks there first
}
"""The names of the program itself, which a plug-in cannot have."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One source, sink or method of an installed package."""

    kind: Kind
    name: str
    """In lower case, as `--source NAME:…`, `--sink NAME:…` and `--method NAME` take it."""

    reference: str
    """Module and attribute: `package.module:name`."""

    package: str
    """The package and its version: `live-gradcam-example 0.1.0`."""

    def __str__(self) -> str:
        return f"the {self.kind} '{self.name}' of {self.package}"

    def load(self) -> Callable[..., Any]:
        """Import the package and return what the entry point refers to.

        Raises:
            LiveGradcamError: a `SourceError` or `SinkError` for those kinds: the import fails, or it gives no function.
        """
        from importlib.metadata import EntryPoint

        try:
            found: object = EntryPoint(self.name, self.reference, _group(self.kind)).load()
        except (Exception, SystemExit) as error:
            raise self.error(f"cannot be imported from {self.reference}", error) from error
        if not callable(found):
            raise self.error(f"is no function: {self.reference} is {type(found).__name__}")
        return found

    def refuse_missing(self) -> None:
        """Check that the module is there, without importing it: those of methods load TensorFlow, which takes seconds.

        Raises:
            LiveGradcamError: as in `load`, if there is no such module.
        """
        from importlib.util import find_spec

        module = self.reference.partition(":")[0]
        try:
            found = find_spec(module)
        except (Exception, SystemExit) as error:  # a package around the module is imported
            raise self.error(f"cannot be imported from {self.reference}", error) from error
        if found is None:
            raise self.error(
                f"cannot be imported from {self.reference}: there is no module '{module}'. "
                "Install the package again, or uninstall it"
            )

    def error(self, failed: str, cause: BaseException | None = None) -> LiveGradcamError:
        """Return an error that names this plug-in and its package.

        Args:
            failed: what failed, as a predicate.
            cause: the exception of the plug-in's code; None if there is none.
        """
        return failure(self.kind, str(self), failed, cause)


def failure(kind: Kind, named: str, failed: str, cause: BaseException | None = None) -> LiveGradcamError:
    """Return the error for a source, sink or method of somebody else.

    Args:
        kind: which of the three.
        named: its name in a sentence.
        failed: what failed, as a predicate.
        cause: the exception of its code; None if there is none.
    """
    if cause is None:
        line = f"{named} {failed}."
    elif isinstance(cause, LiveGradcamError):
        line = f"{named} {failed}: {cause}"
    else:
        reason = reason_of(cause)
        kind_of_error = type(cause).__name__
        line = (
            f"{named} {failed}: {kind_of_error if reason == kind_of_error else f'{kind_of_error}: {reason}'}"
        )
    return _ERRORS[kind](line)


def plugins_of(kind: Kind) -> tuple[Plugin, ...]:
    """Return the plug-ins of a kind that can be used, by name; names of which there are two are left out."""
    return tuple(found[0] for found in _found(kind).values() if len(found) == 1)


def plugin_named(kind: Kind, name: str) -> Plugin | None:
    """Return the plug-in of that name, in whatever case; None if there is none.

    Raises:
        LiveGradcamError: a `SourceError` or `SinkError` for those kinds: two packages have one of that name.
    """
    folded = name.casefold()
    found = () if folded in _TAKEN[kind] else _found(kind).get(folded, ())
    if len(found) > 1:
        raise _ERRORS[kind](f"{_clash(found)} Uninstall one of the packages.")
    return found[0] if found else None


def called(kind: Kind, text: str) -> tuple[Plugin, str] | None:
    """Return the plug-in that `NAME` or `NAME:REST` names, and the rest; None if it names none.

    Raises:
        LiveGradcamError: as in `plugin_named`.
    """
    name, _, rest = text.partition(":")
    plugin = plugin_named(kind, name)
    return None if plugin is None else (plugin, rest)


def unknown_plugin(kind: Kind, name: str) -> str:
    """Return the message for a name that no plug-in has."""
    names = [plugin.name for plugin in plugins_of(kind)]
    near = nearest(name, names)
    if near:
        return f"unknown {kind} '{name}'. Did you mean {' or '.join(near)}?"
    valid = f"Valid: {', '.join(names)}." if names else f"No installed package has a {kind}: {GUIDE}."
    return f"unknown {kind} '{name}'. {valid}"


def plugin_faults(kind: Kind, taken: tuple[str, ...] = ()) -> list[str]:
    """Return one line for each entry point that cannot be used, because of its name.

    Args:
        kind: which entry points.
        taken: further names of the program itself.
    """
    faults = [_clash(found) for found in _found(kind).values() if len(found) > 1]
    for plugin in _entries(kind):
        if plugin.name in _TAKEN[kind] or plugin.name in taken:
            faults.append(f"{plugin} is hidden: the program's own {kind} has that name.")
        elif not _NAME.fullmatch(plugin.name):
            faults.append(f"{plugin} is left out: a name has letters, digits and _ + . - only.")
    return faults


@cache
def _entries(kind: Kind) -> tuple[Plugin, ...]:
    """Return the entry points of a kind, by name."""
    from importlib.metadata import entry_points  # it takes a moment, and most commands need no plug-in

    found = []
    for each in entry_points(group=_group(kind)):
        package = "an unknown package" if each.dist is None else f"{each.dist.name} {each.dist.version}"
        found.append(Plugin(kind, each.name.casefold(), each.value, package))
    return tuple(sorted(found, key=lambda plugin: (plugin.name, plugin.package)))


def _found(kind: Kind) -> dict[str, tuple[Plugin, ...]]:
    """Return name → the plug-ins of that name, which ought to be one."""
    found: dict[str, tuple[Plugin, ...]] = {}
    for plugin in _entries(kind):
        if _NAME.fullmatch(plugin.name) and plugin.name not in _TAKEN[kind]:
            found[plugin.name] = (*found.get(plugin.name, ()), plugin)
    return found


def _group(kind: Kind) -> str:
    return f"live_gradcam.{kind}s"


def _clash(found: tuple[Plugin, ...]) -> str:
    packages = " and ".join(plugin.package for plugin in found)
    return f"there are {len(found)} {found[0].kind}s '{found[0].name}', of {packages}."
