"""`--help --json`: the whole command line as JSON, for programs and assistants.

It is made from the commands that parse what is typed, and from the settings that their options are made of, so it
cannot differ from `--help`. docs/assistants.md describes every key.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer

from live_gradcam.commands.options import options_of
from live_gradcam.commands.positional_source import DEFAULT
from live_gradcam.setting import Limits, Setting
from live_gradcam.version import __version__

FORMAT = 1
"""Version of the format. It grows when a key is renamed or removed, or its meaning changes."""

_HELP = frozenset({"-h", "--help"})
_TYPES = {bool: "switch", int: "integer", float: "number", Path: "path"}
"""The type of a parameter → its name; all others are texts."""


def wanted(typed: Sequence[str]) -> bool:
    """Return whether the arguments ask for the help as JSON: `--help --json`, with a command or without."""
    words = {*typed}
    return "--json" in words and bool(words & _HELP)


def help_json(app: typer.Typer, commands: Mapping[str, Callable[..., Any]], typed: Sequence[str]) -> str:
    """Return the help as JSON.

    Args:
        app: the command line.
        commands: name → function of all commands.
        typed: the arguments; if one is the name of a command, only that command is described.
    """
    group: Any = typer.main.get_command(app)
    root = typer.Context(group, info_name="live-gradcam", **group.context_settings)
    named = [name for name in commands if name in typed] or list(commands)
    tree = {
        "format": FORMAT,
        "program": "live-gradcam",
        "version": __version__,
        "help": group.help,
        "default_command": DEFAULT,
        "options": [_option(each, None, {}) for each in group.get_params(root)],
        "commands": [_command(root, group.commands[name], commands[name]) for name in named],
    }
    return json.dumps(tree)


def _command(root: typer.Context, command: Any, function: Callable[..., Any]) -> dict[str, Any]:  # noqa: ANN401 - typer's
    context = typer.Context(command, info_name=command.name, parent=root)
    settings = {each.field: each for each in options_of(function).values()}
    types = get_type_hints(function)
    parameters = command.get_params(context)
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    options = [each for each in parameters if each.param_type_name == "option"]
    return {
        "name": command.name,
        "usage": " ".join(command.get_usage(context).removeprefix("Usage:").split()),
        "help": " ".join(str(command.help).split()),
        "arguments": [_argument(each, types) for each in arguments],
        "options": [_option(each, settings.get(each.name), types) for each in options],
    }


def _argument(parameter: Any, types: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - typer's
    return {
        "name": str(parameter.metavar or parameter.name.upper()).rstrip("."),
        "type": _type(parameter, types),
        "required": bool(parameter.required),
        "repeatable": parameter.nargs == -1,
        "help": _plain(parameter.help),
    }


def _option(
    parameter: Any,  # noqa: ANN401 - typer's
    setting: Setting | None,
    types: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the description of an option; what only settings have is left out of the others."""
    described = {
        "names": sorted(parameter.opts, key=len, reverse=True),
        "negation": parameter.secondary_opts[0] if parameter.secondary_opts else None,
        "type": _type(parameter, types),
        "metavar": parameter.metavar or None,
        "required": bool(parameter.required),
        "repeatable": bool(parameter.multiple),
        "default": _default(parameter),
        "group": getattr(parameter, "rich_help_panel", None),
        "help": _plain(parameter.help if setting is None else setting.help),
    }
    if setting is not None:
        described |= {
            "type": "choice" if setting.choices else described["type"],
            "choices": list(setting.choices),
            "default_in_words": setting.usual,
            **_limits(setting.limits),
            "key_in_files": setting.name,
        }
    return described


def _type(parameter: Any, types: Mapping[str, Any]) -> str:  # noqa: ANN401 - typer's
    """Return the name of a parameter's type, by its hint: `path` for `list[Path] | None`."""
    if getattr(parameter, "is_flag", False):
        return "switch"
    hint = types.get(parameter.name)
    members = [hint, *get_args(hint), *(each for member in get_args(hint) for each in get_args(member))]
    return next((_TYPES[each] for each in members if each in _TYPES), "text")


def _default(parameter: Any) -> Any:  # noqa: ANN401 - of the option's type
    if parameter.required or callable(parameter.default):
        return None
    default = parameter.default
    return str(default) if isinstance(default, Path) else default


def _limits(limits: Limits | None) -> dict[str, Any]:
    if limits is None:
        return {}
    most = None if math.isinf(limits.most) else limits.most
    return {"least": limits.least, "least_excluded": limits.open, "most": most}


def _plain(text: str | None) -> str:
    """Return a help text without the escapes of its markup, and in one line."""
    return " ".join((text or "").replace("\\[", "[").split())
