"""An argument without an option: the name of a command, or the source of `live`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import typer

from live_gradcam.errors import LiveGradcamError
from live_gradcam.name_suggestions import nearest
from live_gradcam.plugins import plugin_named, plugins_of
from live_gradcam.source_address import is_address

DEFAULT = "live"
"""The command that runs if none is named."""

USAGE = "Usage: live-gradcam [SOURCE] [OPTIONS], or live-gradcam COMMAND …; live-gradcam --help lists the commands."
_NEAR, _SUGGESTED = 12, 3
"""Near names that are looked at, because files among them may be no source, and names in the message."""

_OF_THE_PROGRAM = frozenset({"-h", "--help", "--version"})


class WrongUsage(typer.BadParameter):
    """Wrong usage: exit code 2, and a message of one line."""

    def format_message(self) -> str:
        """Return the message alone."""
        return str(self.message)


def with_command(typed: Sequence[str], commands: Collection[str]) -> list[str]:
    """Return the arguments with the command first: `live`, if none is named.

    Args:
        typed: the arguments after the program's name.
        commands: the names of all commands. A file with such a name must be given as `./models`.

    Raises:
        WrongUsage: the first word is neither a command nor a source.
    """
    if typed and (typed[0] in commands or typed[0] in _OF_THE_PROGRAM):
        return list(typed)
    if typed and not typed[0].startswith("-") and not may_be_source(typed[0]):
        # Now, because `live` may not have the options that follow.
        raise WrongUsage(_unknown(typed[0], commands))
    return [DEFAULT, *typed]


def source_of(context: typer.Context, bare: Sequence[str] | None, option: str) -> str:
    """Return the source of `live`: the bare argument, or else the value of `--source`.

    Args:
        context: the command's context.
        bare: the bare arguments.
        option: the value of `--source`: as typed, from a file of settings, or the default.

    Raises:
        WrongUsage: several sources are given, or the one given cannot be a source.
    """
    if not bare:
        return option
    first, commands = bare[0], list(context.find_root().obj)
    if first in commands and not _exists(first):
        raise WrongUsage(f"the command comes first: live-gradcam {first} …")
    if getattr(context.get_parameter_source("source"), "name", "") == "COMMANDLINE":
        raise WrongUsage(f"the source is given twice: '{first}' and --source '{option}'. Give one of them.")
    if not may_be_source(first):
        raise WrongUsage(_unknown(first, commands))
    if len(bare) > 1:
        raise WrongUsage(
            f"{len(bare)} sources are given, '{first}' and '{bare[1]}' first, and one can be shown. For many pictures "
            "give their folder, or a glob in quotes such as 'photos/*.jpg'; for a further camera use --also.",
        )
    return first


def may_be_source(word: str) -> bool:
    """Return whether a word looks like a source.

    Such are `0`, `demo`, `clip.mp4`, `photos/`, `rtsp://…`, an existing file, and the name of a plug-in's source, which
    is read from its package's metadata.
    """
    if word == "demo" or word.lstrip("-").isdecimal() or is_address(word) or not word:
        return True
    return any(sign in word for sign in "./\\:*?[%@~") or _exists(word) or _is_plugin(word)


def _is_plugin(word: str) -> bool:
    try:
        return plugin_named("source", word) is not None
    except LiveGradcamError:  # two packages have a source of that name
        return True  # opening it fails with the reason


def _exists(word: str) -> bool:
    try:
        return Path(word).exists()
    except (OSError, ValueError):  # not a valid file name
        return True  # opening it fails with the reason


def _unknown(word: str, commands: Collection[str]) -> str:
    # Here, because only this message needs it, and it loads Pillow.
    from live_gradcam.sources.file_listing import may_be_source as can_be_shown

    beside = (
        [path.name for path in Path().iterdir() if not path.name.startswith(".")] if Path().is_dir() else []
    )
    sources = ["demo", *(plugin.name for plugin in plugins_of("source"))]
    near = [
        name
        for name in nearest(word, [*commands, *sources, *beside], count=_NEAR)
        if name in commands or name in sources or can_be_shown(Path(name))
    ]
    hint = (
        f"Did you mean {' or '.join(near[:_SUGGESTED])}?"
        if near
        else "Give a camera's number, a file, a folder, an address or demo."
    )
    return f"'{word}' is no command, and there is no file of that name. {hint}"
