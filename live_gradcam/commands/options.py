"""The options of the commands: one for each field of a settings class, and `--config`, `--verbose`, `--debug`."""

from __future__ import annotations

import inspect
import os
import shlex
import subprocess
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer

from live_gradcam.commands.misspelt_options import one_of
from live_gradcam.commands.positional_source import DEFAULT
from live_gradcam.config import Settings
from live_gradcam.setting import Panel, Setting, settings_of

Command = Callable[..., Any]

Verbose = Annotated[bool, typer.Option("--verbose", help="Print more: what is compiled, and how.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def _read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Make the values of a settings file the defaults, before any other option is read."""
    if path is not None and not context.resilient_parsing:
        from live_gradcam.commands.settings_file import read_settings

        every: Mapping[str, Any] = context.find_root().obj
        commands = {name: inspect.unwrap(each.callback) for name, each in every.items()}
        own = options_of(commands[str(context.command.name)])
        context.default_map = read_settings(path, own, known_options(commands))
    return path


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE.toml",
        help="Read settings from a file (`live-gradcam config > FILE.toml` writes one). Options on the command line "
        "override them.",
        is_eager=True,
        callback=_read_config,
    ),
]


def takes_settings(
    *classes: type, without: Collection[str] = (), verbose: bool = True
) -> Callable[[Command], Command]:
    """Return a decorator that gives a command `f(…, **typed)` an option for each field of settings classes.

    Args:
        classes: settings classes. If several have a field of the same name, the first one counts.
        without: fields that get no option.
        verbose: whether the command has `--verbose`.
    """
    settings: dict[str, Setting] = {}
    for each in classes:
        for declared in sorted(settings_of(each).values(), key=_place):
            if declared.field not in without:
                settings.setdefault(declared.name, declared)
    return lambda command: with_options(command, settings.values(), verbose=verbose)


def with_options(command: Command, settings: Iterable[Setting], *, verbose: bool) -> Command:
    """Give a command `f(…, **typed)` an option for each setting, and `--config`, `--verbose` and `--debug`."""
    hints = get_type_hints(command, include_extras=True)
    parameters = [
        each.replace(annotation=hints[each.name])
        for each in inspect.signature(command).parameters.values()
        if each.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    for each in settings:
        kind = each.kind if each.required or each.default is not None else each.kind | None
        default = inspect.Parameter.empty if each.required else each.default
        parameters.append(_parameter(each.field, Annotated[kind, _option(each), each], default))
    parameters.append(_parameter("config", ConfigFile, None))
    if verbose:
        parameters.append(_parameter("verbose", Verbose, False))
    parameters.append(_parameter("debug", Debug, False))
    command.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}
    # `inspect.signature`, and with it typer, looks for it.
    command.__signature__ = inspect.Signature(parameters, return_annotation=None)  # type: ignore[attr-defined]
    return command


def options_of(command: Command) -> dict[str, Setting]:
    """Return the settings of a command by their names; none where it takes no settings."""
    parameters = inspect.signature(command).parameters.values()
    declared = [part for each in parameters for part in getattr(each.annotation, "__metadata__", ())]
    return {part.name: part for part in declared if isinstance(part, Setting)}


def known_options(commands: Mapping[str, Command]) -> dict[str, Setting]:
    """Return the settings of all commands by their names; if several share a name, that of the first command.

    No setting is required. Settings that `live` does not have are in a panel named after their command.
    """
    known: dict[str, Setting] = {}
    for name, command in commands.items():
        for setting in options_of(command).values():
            place = setting.panel if name == DEFAULT else f"Only for `{name}`"
            known.setdefault(setting.name, replace(setting, panel=place, required=False))
    return known


def shared(field: str, help: str = "") -> Any:  # noqa: ANN401 - typer's own
    """Return the option of one setting of `live`, for a command that takes no other settings.

    Args:
        field: the setting.
        help: its help for that command; empty: as for `live`.
    """
    setting = settings_of(Settings)[field]
    return _option(replace(setting, panel=None, help=help or setting.help))


def given(settings: type, typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a settings class for which options were given.

    Args:
        settings: the class.
        typed: field → value as typer gives it.

    Raises:
        SettingsError: a text has the wrong form.
    """
    return {
        name: setting.value(typed[name])
        for name, setting in settings_of(settings).items()
        if typed.get(name) is not None
    }


def typed_again(command: Command, arguments: Sequence[str], typed: Mapping[str, Any], *more: str) -> str:
    """Return the line that runs a command once more with the same settings, ready for a shell.

    Args:
        command: the command.
        arguments: its name, and its arguments without options.
        typed: field → value as typer gives it.
        more: options to add.
    """
    words = ["live-gradcam", *arguments]
    for name, setting in options_of(command).items():
        value = typed.get(setting.field)
        if value is None or value == setting.default:
            continue
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        else:
            for each in value if isinstance(value, list | tuple) else [value]:
                words += [f"--{name}", str(each)]
    words += more
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _place(setting: Setting) -> int:
    return (None, *get_args(Panel)).index(setting.panel)


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:  # noqa: ANN401 - as inspect has them
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _option(setting: Setting) -> Any:  # noqa: ANN401 - typer's own
    """Return a setting as typer declares an option."""
    long = f"--{setting.name}"
    if setting.kind is bool and setting.negatable:
        long += f"/--no-{setting.name}"
    usual = f"  \\[default: {setting.usual}]" if setting.usual else ""
    return typer.Option(
        *(long, setting.short) if setting.short else (long,),
        metavar=setting.metavar,
        help=setting.help + usual,
        rich_help_panel=setting.panel,
        parser=one_of(long, setting.choices) if setting.choices else None,
        show_default=setting.default is not False,
    )
