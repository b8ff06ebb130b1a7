"""The options of the commands: one for each field of a settings class, and what they give."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import typer

from live_gradcam.cli import COMMANDS, app
from live_gradcam.commands.options import given, known_options, options_of, takes_settings
from live_gradcam.config import ExplainSettings, Settings
from live_gradcam.setting import REQUIRED, in_model, in_options, in_source


@pytest.mark.parametrize("name", ["live", "annotate", "serve", "doctor"])
def test_all_that_is_said_of_an_explanation_can_be_said_to_every_command_that_explains(name: str) -> None:
    known = {setting.field for setting in options_of(COMMANDS[name]).values()}
    assert {each.name for each in fields(ExplainSettings)} <= known


def test_live_has_an_option_for_each_of_its_settings_and_the_same_default() -> None:
    options_of_live = {each.field: each for each in options_of(COMMANDS["live"]).values()}
    assert set(options_of_live) == {each.name for each in fields(Settings)}
    usual = Settings()
    parameters = inspect.signature(COMMANDS["live"]).parameters
    for name, option in options_of_live.items():
        # 0 is typed as a text, and nothing is None, False or empty.
        assert parameters[name].default == option.default
        assert str(option.default) == str(getattr(usual, name)) or not (
            option.default or getattr(usual, name)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    kept: str = in_options("own", "own")
    out: Path = in_options(REQUIRED, "where")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    late: int = in_model(1, "late", usual="one")
    left: int = in_source(2, "left out")
    early: int = in_source(3, "lent", option="soon", short="-e")
    kept: int = in_source(4, "lent")


def test_options_stand_before_config_by_panel_and_of_two_with_one_name_the_first_stays() -> None:
    @takes_settings(Own, Shared, without=["left"], verbose=False)
    def command(argument: int, **typed: Any) -> None: ...

    parameters = inspect.signature(command).parameters
    assert list(parameters) == ["argument", "kept", "out", "early", "late", "config", "debug"]
    assert parameters["out"].default is inspect.Parameter.empty
    found = options_of(command)
    assert list(found) == ["kept", "out", "soon", "late"]
    assert (found["kept"].kind, found["kept"].default) == (str, "own")
    assert (found["soon"].kind, found["soon"].default, found["soon"].help) == (int, 3, "lent")
    assert found["late"].default is None


def test_what_was_not_typed_is_left_to_the_class() -> None:
    assert given(Shared, {"late": None, "early": 7, "config": None, "other": 1}) == {"early": 7}
    typed = {"size": "640x480", "also": ["1", "demo"], "inputs": ["age=40"], "grid": None}
    assert given(Settings, typed) == {
        "size": (640, 480),
        "also": ("1", "demo"),
        "inputs": {"age": "40"},
    }


def test_every_option_of_a_command_with_settings_is_declared_in_a_settings_class() -> None:
    tree = typer.main.get_command(app)
    common = {"config", "verbose", "debug"}
    for name, command in COMMANDS.items():
        settings = options_of(command)
        if settings:
            parameters = tree.commands[name].params  # type: ignore[attr-defined]  # of a group
            options = {each.name for each in parameters if each.param_type_name == "option"}
            assert options - common == {each.field for each in settings.values()}, name


def test_settings_that_live_has_not_tell_whose_they_are() -> None:
    known = known_options(COMMANDS)
    assert known["fit"].panel == "Explanation"
    assert known["port"].panel == "Only for `serve`"
    assert known["seconds"].panel == "Only for `benchmark`"
