"""One setting: its declaration, and the checks and messages derived from it."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cache, partial
from typing import Any, Literal, ParamSpec, Protocol, TypeVar, get_args, get_origin, get_type_hints

from live_gradcam.errors import SettingsError
from live_gradcam.name_suggestions import unknown_name
from live_gradcam.setting_choices import not_among
from live_gradcam.setting_types import in_words, is_a, typed_default, typed_kind

Panel = Literal["Server", "Source", "Model", "Explanation", "Picture", "Output", "Frames"]
"""The groups of settings, in the order of the help."""

Value = TypeVar("Value")
Result = TypeVar("Result")
Done = TypeVar("Done", covariant=True)
Keywords = ParamSpec("Keywords")

REQUIRED: Any = MISSING
"""Stands for the default of a setting that must be given."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The valid numbers of a setting: finite, from `least` to `most`."""

    least: float
    most: float = math.inf
    text: str = ""
    """The rule in words; empty: made from the numbers."""

    open: bool = False
    """Whether `least` itself is excluded."""

    def check(self, name: str, value: float | tuple[int, ...]) -> None:
        """Raise a SettingsError if a number, or one of a pair, is not valid."""
        numbers = value if isinstance(value, tuple) else (value,)
        if all(math.isfinite(each) and self.least <= each <= self.most for each in numbers) and not (
            self.open and self.least in numbers
        ):
            return
        between = f"it must lie between {self.least:g} and {self.most:g}"
        rule = self.text or (f"it must be at least {self.least:g}" if self.most == math.inf else between)
        raise SettingsError(f"{name} is {'x'.join(map(str, numbers))}: {rule}.")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setting:
    """A field of a settings class: also an option of the command line and a key of a settings file."""

    field: str
    """`camera_fps`."""

    hint: Any
    """The type of the field's value, as it is declared."""

    kind: Any
    """The type as typed: `bool`, `int`, `float`, `str`, `Path`, `list[str]`, or a `Literal` of texts."""

    default: Any
    """The default as typed; None: chosen at run time, or required."""

    required: bool
    help: str
    panel: str | None = None
    """A `Panel`, or the title of another; None: the panel of all other options."""

    metavar: str | None = None
    short: str | None = None
    """A second name of the option: `-m`."""

    option: str | None = None
    """The option's long name without dashes, if it differs from the field's name."""

    usual: str | None = None
    """The default in words, if it is chosen at run time."""

    limits: Limits | None = None
    read: Callable[[str, Any], Any] | None = None
    """Turns (option, typed value) into the field's value; raises SettingsError."""

    negatable: bool = True
    """Whether a switch has a `--no-` form."""

    @property
    def name(self) -> str:
        """The long option without its dashes, and the key in a file: `camera-fps`."""
        return self.option or self.field.replace("_", "-")

    @property
    def choices(self) -> tuple[str, ...]:
        """The valid texts; empty: any value."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    @property
    def is_list(self) -> bool:
        """Whether it may be given more than once."""
        return get_origin(self.kind) is list

    def value(self, typed: Any) -> Any:  # noqa: ANN401 - of the setting's kind
        """Return the field's value for a typed one.

        Raises:
            SettingsError: the text has the wrong form.
        """
        if self.read is not None:
            return self.read(f"--{self.name}", typed)
        return tuple(typed) if isinstance(typed, list) else typed

    def check(self, value: Any) -> None:  # noqa: ANN401 - of the setting's kind
        """Raise a SettingsError if a value has another type, is out of range or none of the choices."""
        if not is_a(value, self.hint) and not (self.choices and isinstance(value, str)):
            raise SettingsError(f"{self.name} is {value!r}: {in_words(self.hint)} is needed.")
        if value is None:
            return
        if self.limits is not None:
            self.limits.check(self.name, value)
        if self.choices and value not in self.choices:
            raise SettingsError(not_among(self.name, str(value), self.choices))


class Group:
    """Declares settings of one panel: a call takes the place of `dataclasses.field`.

    Args:
        panel: the panel of the help; None: the one of all other options.
    """

    def __init__(self, panel: Panel | None = None) -> None:
        self._panel = panel

    def __call__(self, default: Value, help: str, **more: Any) -> Value:  # noqa: ANN401
        """Declare a field.

        Args:
            default: its default, or `REQUIRED`.
            help: its text for `--help` and the settings file.
            more: further fields of `Setting`.
        """
        return field(default=default, metadata={"help": help, "panel": self._panel, **more})

    def like(self, settings: type, name: str) -> Any:  # noqa: ANN401 - of the field's type
        """Declare a field as another class declares it, in this panel."""
        other = next(each for each in fields(settings) if each.name == name)
        return field(default=other.default, metadata={**other.metadata, "panel": self._panel})


in_server, in_source, in_model = Group("Server"), Group("Source"), Group("Model")
in_explanation, in_picture = Group("Explanation"), Group("Picture")
in_output, in_frames, in_options = Group("Output"), Group("Frames"), Group()


@cache
def settings_of(settings: type) -> dict[str, Setting]:
    """Return the settings of a settings class, field → setting, in the order of the fields."""
    found = {}
    hints = get_type_hints(settings)
    for each in fields(settings):
        kind = typed_kind(hints[each.name], read="read" in each.metadata)
        default = None if "usual" in each.metadata else typed_default(each.default, kind)
        found[each.name] = Setting(
            field=each.name,
            hint=hints[each.name],
            kind=kind,
            default=default,
            required=each.default is MISSING,
            **each.metadata,
        )
    return found


def check_settings(settings: Any) -> None:  # noqa: ANN401 - an instance of any settings class
    """Raise a SettingsError if a field is out of range or none of its choices."""
    for name, declared in settings_of(settings.__class__).items():
        declared.check(getattr(settings, name))


def pair(option: str, text: str, *, form: str) -> tuple[int, int]:
    """Return the two numbers of a text such as `14x14`.

    Raises:
        SettingsError: it has another form.
    """
    match = re.fullmatch(r"([1-9]\d*)[x×]([1-9]\d*)", text)
    if match is None:
        raise SettingsError(f"{option} is '{text}': it must be {form}.")
    return int(match[1]), int(match[2])


pixels = partial(pair, form="WIDTHxHEIGHT in pixels, such as 1280x720")
tokens = partial(pair, form="HEIGHTxWIDTH in tokens, such as 14x14")


def assignments(option: str, texts: Sequence[str]) -> dict[str, str] | None:
    """Return name → value of texts `NAME=VALUE`; None if there are none.

    Raises:
        SettingsError: one has another form.
    """
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise SettingsError(f"{option} is '{text}': it must be NAME=VALUE, such as {option} age=40.")
        values[name] = value
    return values or None


class TakesSettings(Protocol[Keywords, Done]):
    """A function whose keywords are the fields of a settings class, known to type checkers and editors."""

    def __call__(
        self, tell: Callable[[str], None] | None = None, *args: Keywords.args, **settings: Keywords.kwargs
    ) -> Done:
        """Call the function; `tell` receives each message."""


def keywords_of(
    settings: Callable[Keywords, object],
) -> Callable[[Callable[..., Result]], TakesSettings[Keywords, Result]]:
    """Return a decorator that gives `function(*, tell, **settings)` the keywords of a settings class."""

    def typed(function: Callable[..., Result]) -> TakesSettings[Keywords, Result]:
        own = inspect.signature(function)
        keywords = [*own.parameters.values()][:-1] + [*inspect.signature(settings).parameters.values()]
        function.__signature__ = own.replace(parameters=keywords)  # type: ignore[attr-defined]  # inspect looks for it
        return function

    return typed


def refuse_unknown_keywords(
    function: str, received: Iterable[str], valid: Iterable[str], *, described: str
) -> None:
    """Check the keywords that a function takes as `**settings`.

    Args:
        function: its name, as the caller wrote it.
        received: the keywords that were given.
        valid: those that there are.
        described: the name of the package whose help describes them.

    Raises:
        TypeError: the function has no such keyword; the message names the nearest.
    """
    names = list(valid)
    for keyword in received:
        if keyword not in names:
            said = unknown_name("keyword", keyword, names, f"help(live_gradcam.{described}) lists them.")
            raise TypeError(f"{function}(): {said}")
