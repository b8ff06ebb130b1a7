"""The file of settings (TOML): what the command line can say, said once and kept."""

from __future__ import annotations

import codecs
import glob
import re
import textwrap
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError
from tomlkit.items import Comment, Trivia

from live_gradcam.address import is_address
from live_gradcam.choices import choice_meant, not_among
from live_gradcam.commands.settings import Setting, fields_of
from live_gradcam.config import AnnotateSettings, Settings
from live_gradcam.errors import SettingsError
from live_gradcam.file_names import expanded, matches
from live_gradcam.near_names import nearest
from live_gradcam.redaction import shown_address
from live_gradcam.version import __version__

_CHECKED = (Settings, AnnotateSettings)
"""They know which values make sense."""

_WANTED = {bool: "true or false", int: "a whole number", float: "a number"}
_TOLD_DEFAULT = re.compile(r"\[default: (\d[\d.x]*)\]")
"""The default that a help tells, where it is a number or a size."""

_LINE = 100


def read_settings(path: Path, own: Mapping[str, Setting], known: Mapping[str, Setting]) -> dict[str, Any]:
    """Return what a file says to a command.

    Names are the command line's long options, with dashes or underscores. A path starts from the file's folder, and
    so do `source` and `model` where such a file is there.

    Args:
        path: of the TOML file.
        own: the settings of the command, by name.
        known: those of all commands, which the file may hold as well: they are checked, too.

    Returns:
        The command's parameter → value, of those that the file sets.

    Raises:
        SettingsError: it cannot be read, or something in it is wrong: the message has the line.
    """
    text = _text_of(path)
    try:
        document = tomlkit.parse(text).unwrap()
    except ParseError as error:
        reason = str(error).rpartition(" at line ")[0].rstrip(".")
        raise SettingsError(f"{path}, line {error.line}: this is no TOML: {reason}.") from error
    found: dict[str, Any] = {}
    names: dict[str, str] = {}
    for key, received in document.items():
        name = key.replace("_", "-")
        try:
            if name in names:
                raise SettingsError(f"'{key}' was set before, as '{names[name]}'. Keep one of them.")
            names[name] = key
            setting = own.get(name) or known.get(name)
            if setting is None:
                raise SettingsError(_unknown(key, received, known))
            value = _checked(setting, received)
        except SettingsError as error:
            said = str(error).removeprefix("--")  # an option's dashes
            raise SettingsError(f"{path}, line {_line_of(key, text)}: {said}") from error
        if name in own:
            found[setting.parameter] = _placed(setting, value, path.parent)
    return found


def write_settings(known: Mapping[str, Setting], values: Mapping[str, Any]) -> str:
    """Return the text of a file of settings, each with a comment that says what it is.

    Args:
        known: the settings, by name.
        values: parameter → value. What is None or missing is written as a comment.
    """
    document = tomlkit.document()
    lines = [
        f"Settings of live-gradcam {__version__}. To use them: live-gradcam --config FILE",
        "The command line overrides this file. A path starts from the folder of this file.",
        "A line that begins with # is not set.",
    ]
    given, values = values, {name: _shown(value) for name, value in values.items()}
    if values != given:
        lines.append("Passwords and keys of addresses are left out: write them in, or type --source.")
    for line in lines:
        document.add(tomlkit.comment(line))
    part = None
    for setting in known.values():
        here = (
            f"Only for `{setting.command}`" if setting.command != "live" else setting.option.rich_help_panel
        )
        if here != part:
            part = here
            document.add(tomlkit.nl())
            document.add(Comment(Trivia(comment=f"## {part}")))
        document.add(tomlkit.nl())
        for line in textwrap.wrap(_help(setting), _LINE):
            document.add(tomlkit.comment(line))
        value = values.get(setting.parameter)
        if value is None or value == []:
            document.add(tomlkit.comment(f"{setting.name} = {_example(setting)}"))
        else:
            document.add(setting.name, str(value) if isinstance(value, Path) else value)
    return tomlkit.dumps(document)


def _shown(value: Any) -> Any:  # noqa: ANN401 - of the setting's kind
    """Return a value without the secrets of an address: the file may be shown and passed on."""
    if isinstance(value, list):
        return [_shown(each) for each in value]
    return shown_address(value) if isinstance(value, str) and is_address(value) else value


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
        # Windows PowerShell's `>` writes UTF-16.
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode("utf-16" if wide else "utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        neighbours = [each.name for each in path.parent.glob("*.toml")]
        near = nearest(path.name, neighbours)
        hint = (
            f"Did you mean {' or '.join(near)}?" if near else "`live-gradcam config > show.toml` writes one."
        )
        raise SettingsError(f"there is no file of settings '{path}'. {hint}") from None
    except OSError as error:
        raise SettingsError(f"the settings in '{path}' cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path}, line {line}: this is no text in UTF-8. Save it as that.") from error


def _line_of(key: str, text: str) -> int:
    """Return the line in which a key of a TOML text is set, from 1; the parser does not tell.

    It is the first line behind the longest beginning of the text that is whole and has not got the key yet.
    """
    lines = text.split("\n")
    line = 1
    for count in range(1, len(lines) + 1):
        try:
            before = tomlkit.parse("\n".join(lines[:count]))
        except ParseError:
            continue  # in the middle of a value of several lines
        if key in before:
            break
        line = count + 1
    return line


def _unknown(key: str, received: object, known: Mapping[str, Setting]) -> str:
    if isinstance(received, dict):
        return (
            f"'{key}' is a table, and there are none: each setting stands for itself, as in fit = \"wide\"."
        )
    near = nearest(key.replace("_", "-"), known, 1)
    hint = f"did you mean '{near[0]}'?" if near else "`live-gradcam config` lists them all."
    return f"'{key}' is no setting: {hint}"


def _checked(setting: Setting, received: Any) -> Any:  # noqa: ANN401 - whatever stands in a file, and what is wanted
    """Return a value as the command line would have it.

    Raises:
        SettingsError: it is of the wrong type, no known choice, or makes no sense.
    """
    value = _converted(setting, received)
    field, meant = fields_of({setting.parameter: value}).popitem()
    for settings in _CHECKED:
        if field in {each.name for each in fields(settings)}:
            settings(**{field: meant})
    return value


def _converted(setting: Setting, received: Any) -> Any:  # noqa: ANN401 - as above
    kind = setting.kind
    if setting.is_list:
        listed = received if isinstance(received, list) else [received]
        if all(_is_text(each) for each in listed):
            return [str(each) for each in listed]
    elif setting.choices:
        if isinstance(received, str):
            if (meant := choice_meant(received, setting.choices)) is not None:
                return meant
            raise SettingsError(not_among(setting.name, received, setting.choices))
    elif kind is bool or kind is int:
        if type(received) is kind:
            return received
    elif kind is float:
        if type(received) in (int, float):
            return float(received)
    elif isinstance(received, str) or (kind is str and _is_text(received)):
        return str(received)
    raise SettingsError(
        f"{setting.name} is {_as_received(received)}: {_wanted(setting)} is wanted, "
        f"such as {setting.name} = {_example(setting)}."
    )


def _is_text(received: object) -> bool:
    """Return whether it is a text, or a whole number, which stands for a camera, a class or an output."""
    return type(received) in (str, int)


def _as_received(received: object) -> str:
    match received:
        case bool():
            return str(received).lower()
        case str():
            return f"the text '{received}'"
        case int() | float():
            return f"the number {received}"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return f"the {type(received).__name__} {received}"


def _wanted(setting: Setting) -> str:
    if setting.is_list:
        return "a list of texts"
    if setting.choices:
        return f"one of {', '.join(setting.choices)}"
    return _WANTED.get(setting.kind, "a text in quotes")


def _example(setting: Setting) -> str:
    """Return how a setting might stand in a file."""
    if setting.kind is bool:
        return "true"
    if setting.choices:
        return f'"{setting.choices[0]}"'
    told = _TOLD_DEFAULT.search(setting.option.help or "")
    if setting.kind in (int, float):
        return told[1] if told else str(setting.default or 10)
    stands_for = told[1] if told else setting.option.metavar or setting.name.upper()
    return f'["{stands_for}"]' if setting.is_list else f'"{stands_for}"'


def _help(setting: Setting) -> str:
    """Return what a setting is, without the signs that rich needs."""
    told = (setting.option.help or "").replace("\\[", "[").replace("--", "")
    choices = f"  ({', '.join(setting.choices)})" if setting.choices else ""
    return told + choices


def _placed(setting: Setting, value: Any, folder: Path) -> Any:  # noqa: ANN401 - of the setting's kind
    """Return a value with the paths in it starting from a folder."""
    if setting.kind is Path:
        return str(folder / expanded(value))
    if setting.name == "source" and value not in ("", "demo"):
        return _beside(value, folder)
    if setting.name == "model" and value:
        return [_beside(each, folder) for each in value] if setting.is_list else _beside(value, folder)
    return value


def _beside(text: str, folder: Path) -> str:
    """Return the path of a file or glob in a folder, if that is what a text names; else the text."""
    place = folder / expanded(text)
    if place.exists() or (glob.has_magic(text) and any(matches(place))):
        return str(place)
    return text
