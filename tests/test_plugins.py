"""Plug-ins are found by their entry points, and imported when they are used."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import pytest
from installed import Install
from networks import pooled_network
from served import small_service

import live_gradcam as lg
from live_gradcam import cli
from live_gradcam.commands.doctor_findings import judge_plugins
from live_gradcam.config import Settings
from live_gradcam.explain.methods.method import METHODS, method_named, method_names
from live_gradcam.frame import Pixels
from live_gradcam.live.choice import Choice, question_of
from live_gradcam.live.run_setup import menu_of
from live_gradcam.metrics.photo_test import wanted_values
from live_gradcam.plugins import Kind, called, plugin_faults, plugin_named, plugins_of, unknown_plugin
from live_gradcam.render.appearance import Appearance
from live_gradcam.settings_json import as_json, from_json

QUIET: dict[str, Any] = {"window": False, "fit": "stretch", "preprocess": "unit"}

KINDS: tuple[Kind, ...] = ("source", "sink", "method")


def test_names_are_read_from_the_metadata_and_nothing_is_imported(install: Install) -> None:
    install("some-cams", "raise SystemExit('imported')", source="MyCam=open", sink="diary", method="mine")
    assert [plugin.name for kind in KINDS for plugin in plugins_of(kind)] == ["mycam", "diary", "mine"]
    assert str(plugin_named("source", "MYCAM")) == "the source 'mycam' of some-cams 1.2"
    assert called("sink", "Diary:a:b") == (plugin_named("sink", "diary"), "a:b")
    assert method_named("Mine").paper == "some-cams 1.2"
    assert method_names() == (*METHODS, "mine")
    assert "some_cams" not in sys.modules


def test_a_package_is_imported_when_its_plugin_is_used(install: Install) -> None:
    install("some-cams", "def diary(rest): return rest * 2", sink="diary")
    plugin = plugin_named("sink", "diary")
    assert plugin is not None
    assert plugin.load()("ab") == "abab"


@pytest.mark.parametrize(
    ("code", "attribute", "told"),
    [
        (
            "import none_such",
            "f",
            "cannot be imported from odd_one:f: ModuleNotFoundError: No module named 'none_such'",
        ),
        ("raise SystemExit(3)", "f", "cannot be imported from odd_one:f: SystemExit: 3"),
        ("x = 1", "f", "cannot be imported from odd_one:f: AttributeError: module 'odd_one' has no"),
        ("f = 3", "f", "is no function: odd_one:f is int."),
    ],
)
@pytest.mark.parametrize(
    ("kind", "error"),
    [("source", lg.SourceError), ("sink", lg.SinkError), ("method", lg.LiveGradcamError)],
)
def test_what_cannot_be_imported_is_an_error_that_names_the_package(
    install: Install, kind: Kind, error: type[Exception], code: str, attribute: str, told: str
) -> None:
    install("odd-one", code, **{kind: f"odd={attribute}"})
    plugin = plugin_named(kind, "odd")
    assert plugin is not None
    with pytest.raises(error) as raised:
        plugin.load()
    assert str(raised.value).startswith(f"the {kind} 'odd' of odd-one 1.2 {told}")


def test_two_packages_with_one_name_are_an_error_that_names_both_only_where_it_is_asked_for(
    install: Install,
) -> None:
    install("some-cams", "", source="mycam", method="mine")
    install("other-cams", "", source="mycam", method="other")
    with pytest.raises(lg.SourceError, match=r"2 sources 'mycam', of other-cams 1\.2 and some-cams 1\.2\."):
        lg.open_source("mycam:3")
    assert plugins_of("source") == ()
    assert method_names() == (*METHODS, "mine", "other")
    assert plugin_faults("source") == ["there are 2 sources 'mycam', of other-cams 1.2 and some-cams 1.2."]


def test_the_programs_own_names_win_and_doctor_says_so(install: Install) -> None:
    install("some-cams", "", source="demo", method="gradcam", sink="a b")
    install("good-cams", "def good(): ...\nfine = well = good", source="good", method="fine", sink="well")
    install("broken-cams", "import nowhere", source="broken")
    assert method_named("gradcam").own is None
    assert plugin_named("source", "demo") is None
    assert method_names() == (*METHODS, "fine")
    assert [(found.state, found.text) for found in judge_plugins()] == [
        (
            "fault",
            "the source 'broken' of broken-cams 1.2 cannot be imported from broken_cams:broken: "
            "ModuleNotFoundError: No module named 'nowhere'",
        ),
        ("good", "good-cams 1.2: source good, sink well, method fine"),
        ("note", "the source 'demo' of some-cams 1.2 is hidden: the program's own source has that name."),
        (
            "note",
            "the sink 'a b' of some-cams 1.2 is left out: a name has letters, digits and _ + . - only.",
        ),
        ("note", "the method 'gradcam' of some-cams 1.2 is hidden: the program's own method has that name."),
    ]


def test_a_method_can_be_chosen_in_the_window_on_the_page_and_in_evaluations(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("some-cams", "raise SystemExit('imported')", method="mine")
    service = small_service()
    on_page = service.setup(camera=None)["methods"][-1]
    assert on_page == {"name": "mine", "quick": True, "any_network": True, "paper": "some-cams 1.2"}
    menu = menu_of(service.engine, Settings())
    assert menu.methods[-1] == "mine"
    four = question_of(Choice(method="mine", look=Appearance(view="methods")), menu)
    assert four.methods == ("mine", "gradcam", "gradcam++", "hirescam")
    wanted = wanted_values(["all"], ["deletion"], (), places=False)
    assert [value.method for value in wanted] == [*METHODS, "mine"]
    assert cli.main(["methods"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == [
        *("mine", "1", "forward,", "1", "backward", "some-cams", "1.2")
    ]


@pytest.mark.parametrize(
    ("kind", "settings", "told"),
    [
        (
            "sink",
            {"source": "none-such", "sinks": ("odd:x",)},
            "cannot be imported from odd_one:f: OSError: no",
        ),
        (
            "method",
            {"source": "none-such", "method": "odd"},
            "cannot be imported from odd_one:f: there is no module",
        ),
        ("source", {"source": "demo", "also": ("odd:1",)}, "cannot be imported from odd_one:f: OSError: no"),
    ],
)
def test_a_package_that_cannot_be_used_is_told_before_a_source_is_opened_or_a_model_is_loaded(
    install: Install, monkeypatch: pytest.MonkeyPatch, kind: Kind, settings: dict[str, Any], told: str
) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    site = install("odd-one", "raise OSError('no')", **{kind: "odd=f"})
    if kind == "method":
        (site / "odd_one.py").unlink()
    monkeypatch.setattr("live_gradcam.pipeline.load", never)
    monkeypatch.setattr("live_gradcam.sources.opening.open_source", never)
    with pytest.raises(lg.LiveGradcamError) as raised:
        lg.run(**settings, window=False)
    assert str(raised.value).startswith(f"the {kind} 'odd' of odd-one 1.2 {told}")


def test_an_unknown_name_is_answered_with_the_nearest(install: Install) -> None:
    assert unknown_plugin("sink", "diarry") == (
        "unknown sink 'diarry'. No installed package has a sink: the page Plug-ins of the documentation says "
        "how to write one."
    )
    install("some-cams", "", source="mycam", sink="diary", method="halo")
    assert unknown_plugin("sink", "diarry") == "unknown sink 'diarry'. Did you mean diary?"
    assert unknown_plugin("sink", "x") == "unknown sink 'x'. Valid: diary."
    with pytest.raises(lg.SourceError, match=r"there is no file 'mycan:3'\. Did you mean mycam:\?"):
        lg.open_source("mycan:3")
    with pytest.raises(lg.SourceError, match="No installed package has a source 'other'"):
        lg.open_source("other:3")
    with pytest.raises(lg.LiveGradcamError, match=r"unknown method 'haloo'\. Did you mean halo\?"):
        method_named("haloo")


class Broken(lg.Sink):
    """Fails at the second picture."""

    name = "broken"

    def write(self, rendered: lg.Rendered) -> None:
        if rendered.frame.index:
            raise ConnectionError("the broker is away")


class Keeping(lg.Sink):
    """Keeps the numbers of the frames."""

    name = "keeping"

    def __init__(self) -> None:
        self.frames: list[int] = []
        self.explained: list[bool] = []
        self.closed = 0

    def write(self, rendered: lg.Rendered) -> None:
        self.frames.append(rendered.frame.index)
        self.explained.append(rendered.explanation is not None)

    def close(self) -> None:
        self.closed += 1


def film(count: int, *, fails_at: int = 100, live: bool = False) -> lg.FunctionSource:
    """Return a source of grey pictures."""
    numbers = iter(range(count))

    def read() -> Pixels | None:
        number = next(numbers, None)
        if number == fails_at:
            raise OSError("the link is down")
        return None if number is None else np.full((16, 16, 3), 20 * number, np.uint8)

    return lg.FunctionSource(read, name="link", live=live, fps=25)


def test_a_run_goes_on_without_a_sink_that_fails_and_closes_everything() -> None:
    keeping = Keeping()
    done = lg.run(source=film(6), sinks=[Broken(), keeping], model=pooled_network(), **QUIET)
    assert done.statistics.frames_explained == 6
    assert done.failures == ["the sink Broken failed: ConnectionError: the broker is away"]
    assert keeping.frames == [0, 1, 2, 3, 4, 5]
    assert keeping.closed == 1


def test_a_run_ends_with_a_source_error_where_the_source_fails() -> None:
    keeping = Keeping()
    with pytest.raises(lg.SourceError, match="link failed: OSError: the link is down"):
        lg.run(source=film(6, fails_at=3), sinks=[keeping], model=pooled_network(), **QUIET)
    assert keeping.frames == [0, 1, 2]
    assert keeping.closed == 1


def test_the_last_frame_of_a_live_source_that_ended_before_the_first_answer_waits_for_it() -> None:
    source, keeping = film(3, live=True), Keeping()
    while source.frames_captured < 3:  # it ends while the network is loaded
        time.sleep(0.01)
    lg.run(source=source, sinks=[keeping], model=pooled_network(), **QUIET)
    assert keeping.explained[-1]
    assert keeping.frames[-1] == 2


def test_a_typo_in_a_sink_is_found_before_anything_is_opened(install: Install) -> None:
    install("some-cams", "raise SystemExit('imported')", sink="diary")
    with pytest.raises(lg.SinkError, match=r"unknown sink 'dairy'\. Did you mean diary\?"):
        lg.run(source="nowhere.mp4", sinks=["dairy:x"], **QUIET)


def test_files_hold_the_names_of_sources_and_sinks_and_no_more() -> None:
    settings = Settings(source=film(1), sinks=("mqtt:user:password@host", Keeping()))
    assert (as_json(settings)["source"], as_json(settings)["sinks"]) == ("link", ["mqtt", "keeping"])
    assert from_json(as_json(settings)).sinks == ()


def test_an_open_source_goes_alone() -> None:
    source = film(1)
    with pytest.raises(lg.SettingsError, match="also goes with a source that is named"):
        lg.run(source=source, also=["demo"], **QUIET)
