"""A setting: what is derived from its declaration, and the keywords of `run`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pytest

import live_gradcam as lg
from live_gradcam.archive.annotate_settings import AnnotateSettings
from live_gradcam.commands.annotate import AnnotateOutput
from live_gradcam.commands.benchmark import BenchmarkSettings
from live_gradcam.config import Settings
from live_gradcam.errors import SettingsError
from live_gradcam.fixed_choices import Fit
from live_gradcam.server.settings import ServerSettings
from live_gradcam.setting import Limits, Panel, assignments, check_settings, in_options, pixels, settings_of
from live_gradcam.settings_json import as_json, from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    switch: bool = in_options(False, "x")
    maybe: bool | None = in_options(None, "x")
    number: float | None = in_options(None, "x", limits=Limits(0, 1, open=True))
    name_or_number: int | str = in_options(0, "x")
    anything: Any = in_options(None, "x")
    file: str | Path | None = in_options(None, "x")
    several: Sequence[int | str] = in_options((), "x")
    many: tuple[str, ...] = in_options((), "x")
    choice: Fit | None = in_options(None, "x")
    size: tuple[int, int] = in_options((4, 3), "x", read=pixels, limits=Limits(2))
    inputs: Mapping[str, Any] | None = in_options(None, "x", read=assignments)


def test_the_type_that_is_typed_follows_from_the_type_of_the_field() -> None:
    assert {name: each.kind for name, each in settings_of(Kinds).items()} == {
        "switch": bool,
        "maybe": bool,
        "number": float,
        "name_or_number": str,
        "anything": str,
        "file": Path,
        "several": list[str],
        "many": list[str],
        "choice": Literal["crop", "wide", "scan", "stretch", "pad"],
        "size": str,
        "inputs": list[str],
    }
    assert settings_of(Kinds)["size"].default == "4x3"
    assert settings_of(Kinds)["name_or_number"].default == "0"
    assert settings_of(Kinds)["many"].default is None


def test_values_of_the_declared_types_are_taken() -> None:
    check_settings(
        Kinds(
            maybe=True,
            number=np.float64(0.5),
            name_or_number="a",
            anything=object(),
            file=Path("a"),
            several=[0, "a"],
            many=("a", "b"),
            choice="wide",
            size=(4, 3),
            inputs={"a": 1},
        )
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"number": 0.0}, "number is 0.0: it must lie between 0 and 1."),
        ({"number": float("nan")}, "number is nan: it must lie between 0 and 1."),
        ({"size": (4, 1)}, "size is 4x1: it must be at least 2."),
        ({"choice": "wid"}, "choice is 'wid'. Did you mean wide? Valid: crop, wide, scan, stretch, pad."),
        ({"switch": 1}, "switch is 1: True or False is needed."),
        ({"number": "0.5"}, "number is '0.5': a number is needed."),
        ({"number": True}, "number is True: a number is needed."),
        ({"name_or_number": None}, "name-or-number is None: a whole number or a text is needed."),
        ({"file": 3}, "file is 3: a text or a path is needed."),
        ({"several": "demo"}, "several is 'demo': a list is needed."),
        ({"many": ("a", 1)}, "many is ('a', 1): a tuple is needed."),
        ({"size": "4x3"}, "size is '4x3': a pair of whole numbers, such as (1280, 720), is needed."),
        ({"size": (4, 3, 2)}, "size is (4, 3, 2): a pair of whole numbers, such as (1280, 720), is needed."),
        ({"inputs": ["a=1"]}, "inputs is ['a=1']: a dictionary is needed."),
    ],
)
def test_a_value_that_its_declaration_excludes_is_refused(wrong: dict[str, Any], said: str) -> None:
    check_settings(Kinds())
    with pytest.raises(SettingsError) as error:
        check_settings(Kinds(**wrong))
    assert str(error.value) == said


@pytest.mark.parametrize(
    "settings", [Settings, AnnotateSettings, AnnotateOutput, ServerSettings, BenchmarkSettings]
)
def test_every_setting_has_help_a_known_panel_and_a_metavar_where_it_takes_a_free_value(
    settings: type,
) -> None:
    for each in settings_of(settings).values():
        assert each.help.endswith((".", "…")), each.name
        assert each.panel in (*get_args(Panel), None)
        assert (each.metavar is None) == (each.kind is bool or bool(each.choices)), each.name


def test_run_takes_each_setting_as_a_keyword_which_type_checkers_know() -> None:
    parameters = inspect.signature(lg.run).parameters
    assert list(parameters) == ["tell", *(each.name for each in fields(Settings))]
    assert parameters["fit"].default == "crop"
    # mypy refuses these lines; where it did not, it would complain of the comment.
    with pytest.raises(TypeError, match="frams"):
        lg.run(frams=3)  # type: ignore[call-arg]
    with pytest.raises(SettingsError, match="fit is 'wid'"):
        lg.run(fit="wid")  # type: ignore[arg-type]


def test_settings_survive_json_without_what_writes_files_and_without_passwords() -> None:
    settings = Settings(
        source="rtsp://me:secret@camera/1",
        also=(1, "demo"),
        size=(640, 480),
        labels=Path("names.txt"),
        record="out.mp4",
        frames=3,
        alpha=0.5,
    )
    saved = as_json(settings)
    assert "secret" not in str(saved)
    assert set(saved) == {each.name for each in fields(Settings)}
    restored = from_json({**saved, "of an earlier version": 1})
    assert (restored.also, restored.size, restored.labels) == ((1, "demo"), (640, 480), "names.txt")
    assert (restored.record, restored.frames, restored.alpha) == (None, None, 0.5)
