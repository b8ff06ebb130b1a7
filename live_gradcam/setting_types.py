"""The types of settings: as they are declared, as a user types them, and in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin


def typed_kind(hint: Any, *, read: bool) -> Any:  # noqa: ANN401 - types, as typing writes them
    """Return the type of a field's value as a user types it: `str` for `int | str`, `Task` for `Task | None`."""
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    origins = {get_origin(each): each for each in members}
    if read:
        return list[str] if Mapping in origins else str
    if Literal in origins:
        return origins[Literal]
    for plain in (Path, str):
        if plain in members:
            return plain
    if Sequence in origins or tuple in origins:
        return list[str]
    return str if Any in members else members[0]


def is_a(value: Any, hint: Any) -> bool:  # noqa: ANN401 - of any type
    """Return whether a value has a type that a settings class declares. A path may be a text."""
    origin, members = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(is_a(value, member) for member in members)
    if origin is Literal:
        return value in members
    if origin is tuple and members[-1] is Ellipsis:
        return isinstance(value, tuple) and all(is_a(each, members[0]) for each in value)
    if origin is tuple:
        return isinstance(value, tuple) and len(value) == len(members) and all(map(is_a, value, members))
    if isinstance(value, bool):
        return hint is bool
    if isinstance(value, str) and origin is Sequence:
        return False
    return isinstance(value, _WIDER.get(hint, origin or hint))


_WIDER: dict[Any, Any] = {int: Integral, float: Real, Path: (str, PathLike)}


def in_words(hint: Any) -> str:  # noqa: ANN401 - types, as typing writes them
    """Return what a type holds: `a pair of whole numbers, such as (1280, 720)`."""
    members = [each for each in get_args(hint) if each is not NoneType]
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(in_words, members)))
    if get_origin(hint) is tuple and members[-1] is not Ellipsis:
        return "a pair of whole numbers, such as (1280, 720),"
    return _WORDS.get(get_origin(hint) or hint, "another type")


_WORDS = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
    Literal: "a text",
    Mapping: "a dictionary",
    Sequence: "a list",
    tuple: "a tuple",
    Callable: "a function",
}


def typed_default(default: Any, kind: Any) -> Any:  # noqa: ANN401 - of any kind
    """Return a default as one would type it."""
    if default is MISSING or default is None or default == ():
        return None
    if isinstance(default, tuple):
        return "x".join(map(str, default))
    return str(default) if kind is str else default
