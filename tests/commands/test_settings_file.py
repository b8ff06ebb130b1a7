"""Files of settings: what is written is read again, and what is wrong in them is told with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from installed import Install

from live_gradcam.cli import COMMANDS, app, main
from live_gradcam.commands.live import live
from live_gradcam.commands.options import known_options, options_of
from live_gradcam.commands.settings_file import read_settings, write_settings
from live_gradcam.errors import SettingsError
from live_gradcam.setting import Setting

KNOWN = known_options(COMMANDS)
LIVE = options_of(live)

# What the settings themselves allow, where that is less than their type does.
_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_SIZE = st.tuples(st.integers(16, 9999), st.integers(16, 9999)).map(lambda size: f"{size[0]}x{size[1]}")
_NARROWER: dict[str, st.SearchStrategy[Any]] = {
    "alpha": st.floats(0, 1),
    "camera-fps": st.floats(1, 1000),
    "clip-seconds": st.floats(0, 30),
    "fps": st.floats(1, 1000),
    "port": st.integers(0, 65535),
    "visitors": st.integers(1, 1000),
    "memory": st.sampled_from(["3GB", "2500 MB"]),
    "backgrounds": st.integers(1, 32),
    "batch": st.integers(1, 1024),
    "fail-background": st.floats(0, 1),
    "steps": st.integers(1, 10_000),
    "grid": _SIZE,
    "size": _SIZE,
    "input": st.lists(st.builds("{}={}".format, st.text("abc_", min_size=1), _TEXT.filter(bool)), min_size=1),
}
_NARROWER["metrics"] = _NARROWER["controls"] = st.sampled_from(["all", "a,b", "a, b"])
_NARROWER["method"] = st.sampled_from(["gradcam", "FEM"])
_NARROWER["methods"] = st.sampled_from(["all", "gradcam,fem", "gradcam, FEM"])
_NARROWER["sink"] = st.nothing()  # only installed packages have sinks
_NARROWER["source"] = _NARROWER["model"] = st.sampled_from(
    ["0", "demo", "", 'camera:Cam "1"', "no/*.jpg", "a:b"]
)
_PATHS = st.text("abc. 好'\"\\", min_size=1).map(lambda name: f"/folder/x{name}x")


def values_of(setting: Setting) -> st.SearchStrategy[Any]:
    if setting.name in _NARROWER:
        return _NARROWER[setting.name]
    if setting.choices:
        return st.sampled_from(setting.choices)
    if setting.is_list:
        return st.lists(_TEXT, min_size=1)
    kinds: dict[Any, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        int: st.integers(1, 2**40),
        float: st.floats(0.001, 1e12),
        str: _TEXT,
        Path: _PATHS,
    }
    return kinds[setting.kind]


def read(path: Path, text: str) -> dict[str, Any]:
    path.write_text(text, encoding="utf-8")
    return read_settings(path, LIVE, KNOWN)


def complaint(path: Path, text: str) -> str:
    with pytest.raises(SettingsError) as error:
        read(path, text)
    assert "\n" not in str(error.value)
    told: str = error.value.args[0]  # the whole message
    return told.removeprefix(f"{path}, ")


@settings(max_examples=30, deadline=None)
@given(data=st.data())
@pytest.mark.long
def test_what_is_written_is_read_again(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("show") / "show.toml"
    values = {
        setting.field: data.draw(st.none() | values_of(setting), label=name)
        for name, setting in KNOWN.items()
    }
    path.write_bytes(write_settings(KNOWN, values).encode())
    assert read_settings(path, KNOWN, KNOWN) == {
        parameter: value for parameter, value in values.items() if value is not None
    }


def test_a_file_that_was_written_has_every_setting_once_and_says_what_it_is() -> None:
    lines = write_settings(KNOWN, {each.field: each.default for each in KNOWN.values()}).splitlines()
    for name in KNOWN:
        (at,) = (at for at, line in enumerate(lines) if line.removeprefix("# ").startswith(f"{name} = "))
        assert lines[at - 1].startswith("# "), name
    assert 'method = "gradcam"' in lines
    assert '# size = "1280x720"' in lines
    assert "## Only for `benchmark`" in lines


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('# a show\n\nmethd = "x"\n', "line 3: 'methd' is no setting: did you mean 'method'?"),
        ("xyzzy = 1\n", "line 1: 'xyzzy' is no setting: `live-gradcam config` lists them all."),
        ('config = "other.toml"', "line 1: 'config' is no setting: `live-gradcam config` lists them all."),
        (
            '\n[live]\nfit = "wide"\n',
            "line 2: 'live' is a table, and tables are not allowed: write one setting a line, as in fit = \"wide\".",
        ),
        ('fit = "wid"', "line 1: fit is 'wid'. Did you mean wide? Valid: crop, wide, scan, stretch, pad."),
        (
            "fit = 3",
            'line 1: fit is the number 3: one of crop, wide, scan, stretch, pad is wanted, such as fit = "crop".',
        ),
        (
            'mirror = true\nalpha = "0.5"',
            "line 2: alpha is the text '0.5': a number is wanted, such as alpha = 0.4.",
        ),
        ("alpha = true", "line 1: alpha is true: a number is wanted, such as alpha = 0.4."),
        ("mirror = 1", "line 1: mirror is the number 1: true or false is wanted, such as mirror = true."),
        ("frames = 1.5", "line 1: frames is the number 1.5: a whole number is wanted, such as frames = 10."),
        (
            "labels = 3",
            'line 1: labels is the number 3: a text in quotes is wanted, such as labels = "FILE".',
        ),
        (
            "model = ['a']",
            'line 1: model is a list: a text in quotes is wanted, such as model = "NAME|FILE|MODULE:FACTORY".',
        ),
        (
            "rivals = 2020-01-01",
            "line 1: rivals is the date 2020-01-01: a whole number is wanted, such as rivals = 3.",
        ),
        (
            "# values\ninput = [\n  'a=1',\n  'b=2',\n]\n\nalpha = 3.0\n",
            "line 7: alpha is 3.0: it must lie between 0 (no heat) and 1 (heat only).",
        ),
        (
            "input = [\n 'a=1',\n 'b'\n]",
            "line 1: input is 'b': it must be NAME=VALUE, such as --input age=40.",
        ),
        ("size = '8'", "line 1: size is '8': it must be WIDTHxHEIGHT in pixels, such as 1280x720."),
        (
            "fit = 'pad'\nport = 70000",
            "line 2: port is 70000: it must lie between 1 and 65535, or be 0 for any free one.",
        ),
        ("\nsink = ['diary:a.txt']", "line 2: unknown sink 'diary'. No installed package has a sink: "),
        ("fit = 'pad'\nmethod = 'mygradcam'", "line 2: unknown method 'mygradcam'. Did you mean gradcam"),
        ("methods = 'gradcam, mygradcam'", "line 1: unknown method 'mygradcam'. Did you mean gradcam"),
        ("memory = 'lots'", "line 1: memory is 'lots': give a size, such as 3GB or 2500MB."),
        ("size = '8x8'", "line 1: size is 8x8: at least 16x16 pixels are needed."),
        ("seconds = 'x'", "line 1: seconds is the text 'x': a number is wanted, such as seconds = 20.0."),
        (
            "camera_fps = 30\ncamera-fps = 20",
            "line 2: 'camera-fps' was set before, as 'camera_fps'. Keep one of them.",
        ),
        ("fit = 'wide'\nfit = 'pad'", 'line 2: this is no TOML: Key "fit" already exists.'),
        ("fit = 'wide'\nscore = logit", "line 2: this is no TOML: Unexpected character: 'l'."),
        (
            "fit = 'wide'\nalpha = \nscore = 'logit'",
            "line 2: 'alpha' has no value: write one after the =, or delete the line.",
        ),
        ("alpha = # later\n", "line 1: 'alpha' has no value: write one after the =, or delete the line."),
        ("\ncamera-fps =", "line 2: 'camera-fps' has no value: write one after the =, or delete the line."),
        ("fit = 'wide'\nscore = 'lo", "line 2: this is no TOML: Unexpected end of file."),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    said = complaint(tmp_path / "show.toml", text)
    # The lists of valid names are long, and what else is installed is in them.
    assert said.startswith(told) if told.endswith((": ", "gradcam")) else said == told


def test_what_an_installed_package_has_may_be_named_in_a_file(tmp_path: Path, install: Install) -> None:
    install("my-things", "raise SystemExit('imported')", source="mycam=open", sink="diary", method="positive")
    text = "method = 'positive'\nsink = ['diary:a.txt']\nsource = 'mycam:3'"
    found = read(tmp_path / "show.toml", text)
    assert (found["method"], found["source"], found["sinks"]) == ("positive", "mycam:3", ["diary:a.txt"])


def test_names_have_dashes_or_underscores_and_numbers_may_stand_for_texts(tmp_path: Path) -> None:
    text = "camera_fps = 60\nshow-stats = true\nsource = 1\ntarget = 967\ninput = 'age=40'\n"
    assert read(tmp_path / "show.toml", text) == {
        "camera_fps": 60.0,
        "show_stats": True,
        "source": "1",
        "target": "967",
        "inputs": ["age=40"],
    }


def test_a_setting_of_another_command_is_checked_and_left_out(tmp_path: Path) -> None:
    assert read(tmp_path / "show.toml", "seconds = 3\nfit = 'pad'\n") == {"fit": "pad"}
    assert "seconds" in read_settings(tmp_path / "show.toml", options_of(COMMANDS["benchmark"]), KNOWN)


def test_one_model_will_do_where_several_may_be_named(tmp_path: Path) -> None:
    own = options_of(COMMANDS["benchmark"])
    path = tmp_path / "show.toml"
    path.write_text('model = "vgg16"')
    assert read_settings(path, own, KNOWN) == {"model": ["vgg16"]}


def test_paths_start_from_the_folder_of_the_file(tmp_path: Path) -> None:
    for name in ("clip.mp4", "mine.keras", "a.jpg", "demo"):
        (tmp_path / name).touch()
    found = read(
        tmp_path / "show.toml",
        "source = 'clip.mp4'\nmodel = 'mine.keras'\nlabels = 'names.txt'\n"
        "record = '/videos/out.mp4'\nstats = '~/s.json'",
    )
    assert found == {
        "source": str(tmp_path / "clip.mp4"),
        "model": str(tmp_path / "mine.keras"),
        "labels": str(tmp_path / "names.txt"),
        "record": str(Path("/videos/out.mp4")),
        "stats": str(Path.home() / "s.json"),
    }
    assert read(tmp_path / "show.toml", "source = '*.jpg'") == {"source": str(tmp_path / "*.jpg")}
    elsewhere = "source = 'demo'\nmodel = 'vgg16'"
    assert read(tmp_path / "show.toml", elsewhere) == {"source": "demo", "model": "vgg16"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_of_windows_editors_and_shells_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "show.toml"
    path.write_bytes("# 浓缩\r\ntarget = '浓缩咖啡'\r\n".encode(encoding))
    assert read_settings(path, LIVE, KNOWN) == {"target": "浓缩咖啡"}


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "show.toml").write_bytes(b"fit = 'pad'\ntarget = 'caf\xe9'\n")
    assert complaint_of(tmp_path / "show.toml").endswith(
        "show.toml, line 2: this is no text in UTF-8. Save it as that."
    )
    assert complaint_of(tmp_path / "shwo.toml").endswith("shwo.toml'. Did you mean show.toml?")
    assert complaint_of(tmp_path).endswith("cannot be read: Is a directory.")
    alone = complaint_of(tmp_path / "empty" / "show.toml")
    assert alone.endswith("`live-gradcam config > show.toml` writes one.")


def complaint_of(path: Path) -> str:
    with pytest.raises(SettingsError) as error:
        read_settings(path, LIVE, KNOWN)
    return str(error.value)


def test_the_command_line_goes_before_the_file_and_the_file_before_the_defaults(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "show.toml"
    path.write_text('fit = "wide"\nscore = "probability"\nmirror = true\n')
    assert main(("config", "--fit", "pad", "--no-mirror", "--config", str(path))) == 0
    lines = capfd.readouterr().out.splitlines()
    assert 'fit = "pad"' in lines
    assert 'score = "probability"' in lines
    assert "mirror = false" in lines
    assert 'method = "gradcam"' in lines


def test_the_settings_that_are_in_force_can_be_written_and_used_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "show.toml"
    assert main(("config", "--model", "vgg16", "--fit", "wide", "--no-window", "--input", "age=40")) == 0
    written = capfd.readouterr().out
    for line in ('model = "vgg16"', 'fit = "wide"', "window = false", 'input = ["age=40"]'):
        assert line in written.splitlines()
    path.write_text(written, encoding="utf-8")
    assert main(("config", "--config", str(path))) == 0
    assert capfd.readouterr().out == written


@pytest.mark.long
def test_a_show_is_run_from_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "show.toml"
    path.write_text(
        'source = "demo"\nmodel = "networks:residual_network"\npreprocess = "unit"\nwindow = false\nframes = 2\n'
        'method = "hirescam"\nrecord = "out.mp4"\n'
    )
    assert main(("--config", str(path))) == 0
    out = capfd.readouterr().out
    assert ": hirescam at late" in out
    assert "2 frames explained" in out
    assert (tmp_path / "out.mp4").exists()


def test_a_mistake_in_the_file_is_one_line_and_exit_code_1(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "show.toml"
    path.write_text('\nmethd = "x"\n')
    assert main(("live", "--config", str(path))) == 1
    assert (
        capfd.readouterr().err
        == f"live-gradcam: {path}, line 2: 'methd' is no setting: did you mean 'method'?\n"
    )


def test_every_switch_can_be_turned_off_again() -> None:
    # Code that a file lets run is the exception: whoever wrote that into it meant it.
    switches = [each for each in KNOWN.values() if each.kind is bool and each.name != "allow-unsafe"]
    assert len(switches) > 5
    by_field = {each.name: each for each in options_of_click("config")}
    for setting in switches:
        option = by_field[setting.field]
        assert (option.opts[0], option.secondary_opts) == (f"--{setting.name}", [f"--no-{setting.name}"])


def test_no_two_settings_share_an_option() -> None:
    names = [name for each in options_of_click("config") for name in (*each.opts, *each.secondary_opts)]
    assert sorted(names) == sorted(set(names))
    parameters = [setting.field for setting in KNOWN.values()]
    assert sorted(parameters) == sorted(set(parameters))


def options_of_click(command: str) -> list[Any]:
    """Return the options of a command as typer made them."""
    parameters: list[Any] = typer.main.get_command(app).commands[command].params  # type: ignore[attr-defined]  # of a group
    return parameters
