"""The settings: what the commands' options are called and what each takes, read off the commands themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from typer.models import OptionInfo

from live_gradcam.errors import SettingsError

Command = Callable[..., Any]

NO_SETTINGS = frozenset({"config", "debug", "verbose"})
"""Options that say how a command talks, and not what it does."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """An option of a command, which may stand in a file of settings as well."""

    name: str
    """The long option without its dashes: `camera-fps`."""

    parameter: str
    """What the command's function calls it: `camera_fps`."""

    kind: Any
    """What it takes: `bool`, `int`, `float`, `str`, `Path`, `list[str]`, or a `Literal` of texts."""

    default: Any
    """Its value where nobody says another; None where that is found out, or has to be said."""

    option: OptionInfo
    """Its help, its metavar, and the part of the help that it stands in."""

    command: str
    """The command that has it; of several the first."""

    @property
    def choices(self) -> tuple[str, ...]:
        """The texts that it can be; empty where it can be any."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    @property
    def is_list(self) -> bool:
        """Whether it may be said more than once."""
        return get_origin(self.kind) is list


def settings_of(name: str, command: Command) -> dict[str, Setting]:
    """Return the settings of a command by their names, in the order of its function's parameters.

    Args:
        name: what the command is called.
        command: its function.
    """
    hints = get_type_hints(command, include_extras=True)
    found: dict[str, Setting] = {}
    for parameter in inspect.signature(command).parameters.values():
        hint = hints[parameter.name]
        option = next(
            (each for each in getattr(hint, "__metadata__", ()) if isinstance(each, OptionInfo)), None
        )
        if option is None or parameter.name in NO_SETTINGS:
            continue
        default = None if parameter.default is inspect.Parameter.empty else parameter.default
        long = _long_name(option) or parameter.name.replace("_", "-")
        found[long] = Setting(long, parameter.name, _kind(hint), default, option, name)
    return found


def known_settings(commands: Mapping[str, Command]) -> dict[str, Setting]:
    """Return the settings of all the commands that can be given a file of them, by their names.

    Args:
        commands: name → function. What several have is told by the first of them.
    """
    known: dict[str, Setting] = {}
    for name, command in commands.items():
        if "config" in inspect.signature(command).parameters:
            for setting in settings_of(name, command).values():
                known.setdefault(setting.name, setting)
    return known


def take_options(command: Command, settings: Iterable[Setting]) -> None:
    """Make typer give options that others declare to a command whose function takes `**options`, too.

    They stand before its `config`, which with `debug` ends what is its own. What it declares itself, it does not
    take again.

    Args:
        command: its function, whose signature is changed.
        settings: what takes the place of `**options`; none of them has to be said.
    """
    own = inspect.signature(command).parameters
    hints = get_type_hints(command, include_extras=True)
    taken = [
        inspect.Parameter(
            setting.parameter,
            inspect.Parameter.KEYWORD_ONLY,
            default=setting.default,
            annotation=Annotated[
                setting.kind if setting.default is not None else setting.kind | None, setting.option
            ],
        )
        for setting in settings
        if setting.parameter not in own
    ]
    parameters = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in own.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    place = list(own).index("config")
    parameters[place:place] = taken
    command.__annotations__ = {each.name: each.annotation for each in parameters} | {"return": None}
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # which inspect.signature looks for
        parameters, return_annotation=None
    )


def _long_name(option: OptionInfo) -> str | None:
    """Return `window` of `--window/--no-window`; None where the option is called as its parameter is."""
    # In Annotated[…] the first of the names stands where a default would.
    names = [each for each in (option.default, *(option.param_decls or ())) if isinstance(each, str)]
    return next((each[2:].partition("/")[0] for each in names if each.startswith("--")), None)


def _kind(hint: Any) -> Any:  # noqa: ANN401 - a type, as typing writes it
    """Return what an option takes, of `Annotated[str | None, …]` the `str`."""
    plain = get_args(hint)[0]
    if get_origin(plain) in (list, Literal) or isinstance(plain, type):
        return plain
    (kind,) = (each for each in get_args(plain) if each is not type(None))
    return kind


def fields_of(typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the settings classes that options stand for.

    Args:
        typed: parameter → value, as typer gives it; what is no setting is left out.

    Raises:
        SettingsError: a text has not the form that it should.
    """
    chosen = {name: value for name, value in typed.items() if name not in NO_SETTINGS}
    if "inputs" in chosen:
        chosen["inputs"] = input_values(chosen["inputs"] or [])
    if "also" in chosen:
        chosen["also"] = tuple(chosen["also"] or ())
    if chosen.get("grid") is not None:
        chosen["grid"] = pair("--grid", chosen["grid"], "HEIGHTxWIDTH in tokens, such as 14x14")
    if chosen.get("size") is not None:
        chosen["size"] = pair("--size", chosen["size"], "WIDTHxHEIGHT in pixels, such as 1280x720")
    return chosen


def input_values(pairs: list[str]) -> dict[str, str] | None:
    """Return the values of further inputs, as they were typed.

    Raises:
        SettingsError: one is not NAME=VALUE.
    """
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise SettingsError(f"--input is '{pair}': it must be NAME=VALUE, such as --input age=40.")
        values[name] = value
    return values or None


def pair(option: str, text: str, form: str) -> tuple[int, int]:
    """Return the two numbers of an option such as `14x14`.

    Raises:
        SettingsError: it has another form.
    """
    match = re.fullmatch(r"([1-9]\d*)[x×]([1-9]\d*)", text)
    if match is None:
        raise SettingsError(f"{option} is '{text}': it must be {form}.")
    return int(match[1]), int(match[2])
