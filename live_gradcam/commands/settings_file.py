"""The settings file (TOML): settings read with checks that name the line, and written with comments."""

from __future__ import annotations

import codecs
import glob
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError
from tomlkit.items import Comment, Trivia

from live_gradcam.errors import LiveGradcamError, SettingsError
from live_gradcam.explain.methods.method import method_named
from live_gradcam.file_names import expanded, matches
from live_gradcam.name_suggestions import nearest
from live_gradcam.plugins import called, unknown_plugin
from live_gradcam.redaction import shown_address
from live_gradcam.setting import Setting
from live_gradcam.setting_choices import choice_meant, not_among
from live_gradcam.source_address import is_address
from live_gradcam.stream_address import stream_name, stream_of
from live_gradcam.version import __version__

_WANTED = {bool: "true or false", int: "a whole number", float: "a number"}
_NUMBER_OR_SIZE = re.compile(r"\d[\d.x]*")
_VALUELESS = re.compile(r"\s*(?P<key>[\w.\-]+)\s*=\s*(#.*)?$")
_LINE = 100


def read_settings(path: Path, own: Mapping[str, Setting], known: Mapping[str, Setting]) -> dict[str, Any]:
    """Return the settings of a file for a command.

    Names are the command line's long options, with dashes or underscores. Paths are relative to the file's folder;
    so are `source` and `model` if such a file exists.

    Args:
        path: the TOML file.
        own: the settings of the command, by name.
        known: the settings of all commands. The file may have these, too; they are checked.

    Returns:
        Field → value as typed, of the command's settings that the file sets.

    Raises:
        SettingsError: the file cannot be read, or has a mistake: the message names the line.
    """
    text = _text_of(path)
    try:
        document = tomlkit.parse(text).unwrap()
    except ParseError as error:
        raise SettingsError(f"{path}, line {error.line}: {_no_toml(error, text)}") from error
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
            _refuse_unknown_plugin(name, value)
        except LiveGradcamError as error:
            said = str(error).removeprefix("--")  # an option's dashes
            raise SettingsError(f"{path}, line {_line_of(key, text)}: {said}") from error
        if name in own:
            found[setting.field] = _placed(setting, value, path.parent)
    return found


def write_settings(known: Mapping[str, Setting], values: Mapping[str, Any]) -> str:
    """Return the text of a settings file, with a comment on each setting.

    Args:
        known: the settings, by name.
        values: field → value as typed. A setting that is None or missing is written as a comment.
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
    panel = None
    for setting in known.values():
        if setting.panel != panel:
            panel = setting.panel
            document.add(tomlkit.nl())
            document.add(Comment(Trivia(comment=f"## {panel}")))
        document.add(tomlkit.nl())
        for line in textwrap.wrap(_help(setting), _LINE):
            document.add(tomlkit.comment(line))
        value = values.get(setting.field)
        if value is None or value == []:
            document.add(tomlkit.comment(f"{setting.name} = {_example(setting)}"))
        else:
            document.add(setting.name, str(value) if isinstance(value, Path) else value)
    return tomlkit.dumps(document)


def _shown(value: Any) -> Any:  # noqa: ANN401 - of the setting's kind
    """Return a value without the secrets of an address, because people share such files."""
    if isinstance(value, list):
        return [_shown(each) for each in value]
    if isinstance(value, Path) and (stream := stream_of(value)) is not None:
        return stream_name(stream)
    return shown_address(value) if isinstance(value, str) and is_address(value) else value


def _no_toml(error: ParseError, text: str) -> str:
    """Return what is wrong where a file is no TOML."""
    line = text.split("\n")[error.line - 1] if error.line <= text.count("\n") + 1 else ""
    if valueless := _VALUELESS.match(line):
        return f"'{valueless['key']}' has no value: write one after the =, or delete the line."
    reason = str(error).rpartition(" at line ")[0].rstrip(".")
    return f"this is no TOML: {reason}."


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
    """Return the line, from 1, that sets a key of a TOML text; the parser does not tell it.

    It is the line after the longest run of first lines that is valid TOML without the key.
    """
    lines = text.split("\n")
    line = 1
    for count in range(1, len(lines) + 1):
        try:
            before = tomlkit.parse("\n".join(lines[:count]))
        except ParseError:
            continue  # inside a value of several lines
        if key in before:
            break
        line = count + 1
    return line


def _unknown(key: str, received: object, known: Mapping[str, Setting]) -> str:
    if isinstance(received, dict):
        return (
            f"'{key}' is a table, and tables are not allowed: write one setting a line, as in fit = \"wide\"."
        )
    near = nearest(key.replace("_", "-"), known, 1)
    hint = f"did you mean '{near[0]}'?" if near else "`live-gradcam config` lists them all."
    return f"'{key}' is no setting: {hint}"


def _checked(setting: Setting, received: Any) -> Any:  # noqa: ANN401 - whatever stands in a file, and what is wanted
    """Return a value of a file as it would be typed on the command line.

    Raises:
        SettingsError: its type is wrong, or it is out of range or none of the choices.
    """
    value = _converted(setting, received)
    setting.check(setting.value(value))
    return value


def _refuse_unknown_plugin(name: str, value: Any) -> None:  # noqa: ANN401 - of the setting's kind
    """Refuse the name of a method or sink that no installed package has, without importing one.

    A source is not checked here, because one that is typed takes the place of the file's.

    Raises:
        LiveGradcamError: there is none of that name.
    """
    if name == "method":
        method_named(value)
    elif name == "methods":
        for each in str(value).split(","):
            if each.strip().casefold() not in ("", "all"):
                method_named(each.strip())
    elif name == "sink":
        for each in value:
            if called("sink", each) is None:
                raise SettingsError(unknown_plugin("sink", each.partition(":")[0]))


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
    """Return whether it is a text or a whole number, which can name a camera, a class or an output."""
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
    """Return an example value of a setting, as TOML."""
    if setting.kind is bool:
        return "true"
    if setting.choices:
        return f'"{setting.choices[0]}"'
    usual = setting.usual if _NUMBER_OR_SIZE.fullmatch(setting.usual or "") else None
    if setting.kind in (int, float):
        return usual or str(setting.default or 10)
    stands_for = usual or setting.metavar or setting.name.upper()
    return f'["{stands_for}"]' if setting.is_list else f'"{stands_for}"'


def _help(setting: Setting) -> str:
    """Return the help of a setting, with its default and its choices."""
    usual = f"  [default: {setting.usual}]" if setting.usual else ""
    choices = f"  ({', '.join(setting.choices)})" if setting.choices else ""
    return f"{setting.help}{usual}".replace("--", "") + choices


def _placed(setting: Setting, value: Any, folder: Path) -> Any:  # noqa: ANN401 - of the setting's kind
    """Return a value whose paths are relative to a folder."""
    if setting.kind is Path:
        return value if stream_of(value) is not None else str(folder / expanded(value))
    if setting.name == "source" and value not in ("", "demo"):
        return _beside(value, folder)
    if setting.name == "model" and value:
        return [_beside(each, folder) for each in value] if setting.is_list else _beside(value, folder)
    return value


def _beside(text: str, folder: Path) -> str:
    """Return the path in a folder if a text names an existing file or a glob with matches there; else the text."""
    place = folder / expanded(text)
    if place.exists() or (glob.has_magic(text) and any(matches(place))):
        return str(place)
    return text
