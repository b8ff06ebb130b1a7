"""Typos in the settings are told before anything slow starts, and before a missing display is."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from live_gradcam import settings_check as typos
from live_gradcam.cli import COMMANDS, app, main
from live_gradcam.commands.options import known_options
from live_gradcam.config import Settings
from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.methods.method import METHODS
from live_gradcam.models.preprocessing import PREPROCESSINGS
from live_gradcam.models.zoo import CATALOGUE, ZOO, entry_like
from live_gradcam.render.heat import colormap_names
from live_gradcam.settings_check import refuse_typos, refuse_unknown_model

EACH = """
import contextlib, io, json, sys
from live_gradcam.cli import main
told = []
for typed in json.load(sys.stdin):
    with contextlib.redirect_stderr(io.StringIO()) as err, contextlib.redirect_stdout(io.StringIO()) as out:
        code = main(typed)
    assert out.getvalue() == "", typed
    told.append((code, err.getvalue().splitlines()))
json.dump((told, [name for name in ("tensorflow", "keras") if name in sys.modules]), sys.stdout)
"""
NEEDED = {
    "annotate": ("x.mp4", "--out", "out"),
    "audit": ("x", "--out", "out"),
    "evaluate": ("x.jpg",),
    "export": ("--out", "out.onnx"),
}
"""What a command has to be given besides."""


def told_by(folder: Path, lines: list[list[str]], *, display: bool = True) -> list[tuple[int, list[str]]]:
    """Return the exit code and the lines on stderr of each command line, none of which may load TensorFlow.

    Args:
        folder: where they are typed.
        lines: what is typed.
        display: whether there may be one.
    """
    environment = dict(os.environ)
    if not display:
        for name in ("DISPLAY", "WAYLAND_DISPLAY"):
            environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", EACH],
        cwd=folder,
        env=environment,
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    told, loaded = json.loads(done.stdout)
    assert loaded == []
    return [(code, lines) for code, lines in told]


TYPOS = [
    (("demo", "--method", "gradcan"), "unknown method 'gradcan'. Did you mean gradcam"),
    (("demo", "--model", "vgg61"), "unknown model 'vgg61'. Did you mean vgg"),
    (("demo", "--model", "efficientnet-lite0", "--model", "vgg61"), "unknown model 'vgg61'"),
    (("demo", "--target", "expresso"), "unknown class 'expresso'. Did you mean espresso"),
    (("demo", "--target", "tabby - expresso"), "unknown class 'expresso'. Did you mean espresso"),
    (("demo", "--colormap", "jett"), "unknown colour map 'jett'. Did you mean jet"),
    (("demo", "--view", "models"), "view is 'models': it needs two models. Give --model twice"),
    (("demo", "--preprocess", "tff"), "unknown preprocessing 'tff'. Did you mean tf"),
    (("demo", "--labels", "none.txt"), "there is no file of labels 'none.txt'"),
    (("demo", "--record", "out.avi"), "the name must end in .mp4, .mkv, .webm"),
    (("demo", "--snapshot", "out.jpg"), "the name must end in .png"),
    (("demo", "--model", "mine.kers"), "unknown model 'mine.kers'"),
    (("demo", "--model", "./mine.keras"), "there is no model file mine.keras"),
    (("layers", "nosuch"), "unknown model 'nosuch'"),
    (("layers", "vgg61"), "Did you mean vgg"),
    (("methods", "--model", "mobilnet"), "Did you mean mobilenet"),
    (("classes", "1234"), "there is no class 1234: this model's classes are 0 to 999"),
    (("classes", "expresso"), "Did you mean espresso"),
]


def test_typos_are_told_without_loading_tensorflow_or_missing_a_display(tmp_path: Path) -> None:
    told = told_by(tmp_path, [list(typed) for typed, _ in TYPOS], display=False)
    for (typed, said), (code, complaint) in zip(TYPOS, told, strict=True):
        assert code == 1, typed
        (line,) = complaint
        assert said in line, typed


def misspelt(name: str) -> str:
    """Swap two neighbouring letters, as near to the middle as there are two different ones."""
    places = [at for at in range(len(name) - 1) if name[at].isalnum() and name[at + 1].isalnum()]
    places = [at for at in places if name[at] != name[at + 1]]
    at = min(places, key=lambda at: abs(at - len(name) // 2))
    return name[:at] + name[at + 1] + name[at] + name[at + 2 :]


def with_choices() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Give command, option and choices of every option that is one of a few texts, or of a list of names."""
    lists = {
        "method": METHODS,
        "model": typos.MODELS,
        "beside": typos.MODELS,
        "preprocess": typos.PREPROCESSINGS,
        "colormap": colormap_names(),
        "device": ("auto", "cpu", "gpu:0"),
        "backend": ("v4l2", "any") if sys.platform == "linux" else (),
        "tls": ("self-signed",),
    }
    known = known_options(COMMANDS)
    tree: Any = typer.main.get_command(app)
    for name, command in tree.commands.items():
        if name == "config":
            continue  # what it is given it writes, and does not use
        # `doctor` tells what is wrong with a model among its findings, when it has looked at everything.
        findings = ("model", "beside", "preprocess", "device") if name == "doctor" else ()
        names = [max(each.opts, key=len) for each in command.params if each.param_type_name == "option"]
        for option in (name.removeprefix("--") for name in names):
            choices = (known[option].choices if option in known else ()) or lists.get(option, ())
            if choices and option not in findings:
                yield name, option, choices


def test_every_option_with_choices_names_the_nearest_one_without_loading_tensorflow(tmp_path: Path) -> None:
    cases = [
        (command, option, choice, choices)
        for command, option, choices in with_choices()
        for choice in (choices if command == "live" and len(choices) < 5 else choices[:1])
        if misspelt(choice) not in choices
    ]
    assert {option for _, option, *_ in cases} >= {
        *("fit", "lang", "score", "task", "fusion", "smooth", "motion", "scale"),
        *("method", "model", "beside", "preprocess", "colormap", "device", "tls"),
    }
    lines = [
        [command, *NEEDED.get(command, ()), *(("x",) if command == "replay" else ())]
        + [f"--{option}={misspelt(choice)}"]
        for command, option, choice, _ in cases
    ]
    for typed, (_, _, choice, choices), (code, told) in zip(
        lines, cases, told_by(tmp_path, lines), strict=True
    ):
        assert code in (1, 2), typed
        assert len(told) == code, told  # wrong usage has a line that says how it is used
        line = told[-1]
        assert f"'{misspelt(choice)}'" in line, (typed, line)
        meant, _, valid = line.partition("Valid: ")
        near = [each for each in choices if each in meant.partition("Did you mean ")[2]]
        alone = len(choices) == 1 and f"it must be {choice}" in line
        assert choice in near or alone or (len(choice) <= 3 and choice in valid), (typed, line)
        assert len(line) <= 400


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ("method", METHODS),
        ("model", typos.MODELS),
        ("preprocess", typos.PREPROCESSINGS),
        ("colormap", colormap_names()),
    ],
)
def test_every_name_of_a_long_list_is_found_again_where_it_is_misspelt(
    setting: str, names: tuple[str, ...]
) -> None:
    for name in names:
        if misspelt(name) in names:
            continue
        chosen: dict[str, Any] = {setting: misspelt(name)}
        with pytest.raises(LiveGradcamError) as refused:
            refuse_typos(Settings(source="demo", **chosen))
        near = str(refused.value).partition("Did you mean ")[2]
        assert name in near or (len(name) <= 3 and name in str(refused.value)), refused.value


def test_every_choice_is_taken_whatever_the_case_of_its_letters(tmp_path: Path) -> None:
    cases = [
        (option, form)
        for option, choices in ((o, c) for name, o, c in with_choices() if name == "live")
        for choice in choices
        for form in (choice.upper(), choice.title())
        if option in ("fit", "lang", "score", "task", "fusion", "smooth", "motion", "scale")
    ]
    cases += [
        ("lang", form) for form in ("zh_CN", "zh-cn", "zh_CN.UTF-8", "zh-Hans", "zh_SG", "en_US", "en-GB")
    ]
    lines = [["demo", f"--{option}={form}", "--frames=0"] for option, form in cases]
    for typed, (code, told) in zip(lines, told_by(tmp_path, lines), strict=True):
        assert (code, told) == (1, ["live-gradcam: frames is 0: it must be at least 1."]), typed


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("--lang", "chinese"), "--lang is 'chinese'. Did you mean zh? Valid: en, zh."),
        (("--lang", "English"), "--lang is 'English'. Did you mean en? Valid: en, zh."),
        (("--lang", "zh_TW"), "--lang is 'zh_TW'. Did you mean zh? Valid: en, zh."),
        (("--lang", "de"), "--lang is 'de'. Valid: en, zh."),
        (("--fit", "wdie"), "--fit is 'wdie'. Did you mean wide? Valid: crop, wide, scan, stretch, pad."),
        (("--mirorr",), "there is no option --mirorr. Did you mean --mirror?"),
        (("--no-mirorr",), "there is no option --no-mirorr. Did you mean --no-mirror?"),
        (("--save_session", "x"), "there is no option --save_session. Did you mean --save-session?"),
        (("--style", "fade"), "there is no option --style. In the window the key t does it."),
        (("--csv", "x"), "there is no option --csv for `live-gradcam live`; `live-gradcam annotate` has it."),
        (("--tls", "x"), "there is no option --tls for `live-gradcam live`; `live-gradcam serve` has it."),
        (("--qwxz",), "there is no option --qwxz. `live-gradcam live --help` lists the options."),
        (("--frames", "ten"), "--frames is 'ten': it must be a whole number."),
        (("--alpha", "half"), "--alpha is 'half': it must be a number."),
        (("--target", "tabby", "-", "tiger", "cat"), "put it in quotes, --target 'tabby - tiger cat'."),
        (("--target", "tabby", "-tiger", "cat"), "put it in quotes, --target 'tabby -tiger cat'."),
        (("--target", "tiger", "cat"), "put it in quotes, --target 'tiger cat'."),
        (("--target=tabby", "-"), "put it in quotes, --target 'tabby -'."),
    ],
)
def test_wrong_usage_is_told_with_the_right_one(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    typed: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["live", "demo", *typed]) == 2
    usage, line = capfd.readouterr().err.splitlines()
    assert usage.startswith("Usage: live-gradcam")
    assert said in line


def test_an_option_that_is_an_argument_is_told_as_one(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["layers", "--model", "vgg16"]) == 2
    usage, line = capfd.readouterr().err.splitlines()
    assert usage.startswith("Usage: live-gradcam layers")
    assert (
        line == "live-gradcam: there is no option --model: give it alone, as in `live-gradcam layers MODEL`."
    )


def test_a_list_on_stdin_behind_a_target_is_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert main(["annotate", "x.mp4", "--out", "out", "--target", "tabby", "-"]) == 1
    assert "there is no file 'x.mp4'" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("efficentnet", "efficientnet-lite0"),
        ("eficientnet", "efficientnet-lite0"),
        ("efficientnetlite", "efficientnet-lite0"),
        ("resent50", "resnet50"),
        ("mobilnet", "mobilenet"),
        ("inceptoin", "inception-v3"),
    ],
)
def test_the_beginning_of_a_networks_name_is_enough_for_a_suggestion(typed: str, meant: str) -> None:
    with pytest.raises(LiveGradcamError, match=f"unknown model '{typed}'. Did you mean .*{meant}"):
        refuse_unknown_model(typed)


def test_a_missing_display_comes_after_a_bad_file_and_a_file_after_a_typo(tmp_path: Path) -> None:
    (tmp_path / "torch.keras").write_bytes(b"PK\x03\x04 torn")
    (tmp_path / "names.txt").write_bytes(b"%PDF-1.4\n")
    (tmp_path / "out.mp4").touch()
    (tmp_path / "shot.png").touch()
    (tmp_path / "show").mkdir()
    (tmp_path / "show" / "session.jsonl").touch()
    both = ["demo", "--window", "--model", "torch.keras"]
    lines = {
        (*both, "--colormap", "jte"): "unknown colour map 'jte'",
        tuple(both): "torch.keras is incomplete: its last part is missing",
        ("demo", "--window", "--labels", "names.txt"): "it is a PDF document",
        ("demo", "--window", "--labels", "nams.txt"): "no file of labels 'nams.txt'. Did you mean names.txt?",
        (
            "demo",
            "--window",
            "--model",
            "./torch.kers",
        ): "no model file torch.kers. Did you mean torch.keras?",
        ("demo", "--window", "--record", "out.mp4"): "cannot record to 'out.mp4': it exists",
        ("demo", "--window", "--record", "no/out.mp4"): "there is no folder 'no'. Make it first",
        ("demo", "--window", "--snapshot", "shot.png"): "'shot.png' exists",
        ("demo", "--window", "--save-session", "show"): "'show' holds a session already",
        ("demo", "--window", "--save-session", "out.mp4"): "it is a file. Give a folder",
        ("demo", "--window", "--stats", "no/stats.json"): "there is no folder 'no'. Make it first",
        ("demo", "--window", "--input", "age=ages.npy"): "there is no file 'ages.npy' for --input age",
        ("demo", "--window"): "cannot open a window",
        ("replay", "show", "--method", "gardcam"): "unknown method 'gardcam'. Did you mean gradcam",
        ("benchmark", "--json", "no/figures.json"): "there is no folder 'no'. Make it first",
    }
    told = told_by(tmp_path, [list(typed) for typed in lines], display=False)
    for (typed, said), (code, complaint) in zip(lines.items(), told, strict=True):
        assert code == 1, typed
        (line,) = complaint
        assert said in line, (typed, line)


def test_layers_says_in_one_line_which_part_of_a_model_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "ck").mkdir()
    (tmp_path / "ck" / "model.ckpt.index").write_bytes(bytes(40) + bytes.fromhex("57fb808b247547db"))
    (tmp_path / "ck" / "model.ckpt.data-00000-of-00001").write_bytes(bytes(40))
    (tmp_path / "net.json").write_text('{"class_name": "Sequential", "config": {"layers": []}}')
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "keras_metadata.pb").write_bytes(b"\x12\x04root")
    (tmp_path / "lone.h5").write_bytes(b"")
    checkpoint = (
        "is a TensorFlow checkpoint: weights only, not the network. Give the folder that holds saved_model.pb"
    )
    lines = {
        "ck/model.ckpt": f"ck/model.ckpt {checkpoint}",
        "ck/model.ckpt.index": f"ck/model.ckpt.index {checkpoint}",
        "ck": checkpoint,
        "net.json": "net.json holds the network without its weights. Save all of it with model.save('NAME.keras')",
        "export/keras_metadata.pb": "holds Keras's notes on a SavedModel, not the network. Give the folder that holds",
        "export": "holds Keras's notes on a SavedModel, not the network. Give the folder that holds",
        "lone.h5": "lone.h5 is empty. Download or save it again.",
        "net.jsn": "unknown model 'net.jsn'. Did you mean net.json?",
        "expert/net.h5": "there is no model file expert/net.h5. Did you mean export/?",
    }
    told = told_by(tmp_path, [["layers", name] for name in lines])
    for (name, said), (code, complaint) in zip(lines.items(), told, strict=True):
        assert code == 1, name
        (line,) = complaint
        assert said in line, (name, line)


def test_the_names_are_those_of_the_registries() -> None:
    assert tuple(ZOO) == typos.MODELS
    assert tuple(PREPROCESSINGS) == typos.PREPROCESSINGS


@pytest.mark.parametrize("name", ["VGG16", "EfficientNetV2B0", "efficientnet_lite0", "MobileNetV3Small"])
def test_every_name_that_the_zoo_takes_is_let_through(name: str) -> None:
    refuse_unknown_model(name)
    assert entry_like(name) is not None or name == "efficientnet_lite0"


def test_builders_names_are_let_through() -> None:
    for entry in CATALOGUE:
        refuse_unknown_model(entry.name)
        if entry.builder is not None:
            refuse_unknown_model(str(entry.builder))


@pytest.mark.parametrize(
    "target",
    ["espresso", "#2", "281", "tabby - tiger cat", "tabby -", "#1 - #2", "lock", "my_code:score", "浓缩咖啡"],
)
def test_every_form_of_a_target_is_let_through(target: str) -> None:
    refuse_typos(Settings(source="demo", target=target))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="only on Linux and macOS: named pipes")
def test_labels_in_a_pipe_are_refused_and_not_called_empty(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "names")
    with pytest.raises(LiveGradcamError) as error:
        refuse_typos(Settings(source="demo", labels=tmp_path / "names"))
    assert str(error.value) == (
        f"cannot read the labels {tmp_path / 'names'}: they are a pipe, which gives its names only once. Write them "
        "to a file."
    )


def test_a_class_of_a_model_of_one_s_own_is_left_to_it(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("a\nb\n")
    refuse_typos(Settings(source="demo", target="a", labels=tmp_path / "names.txt"))
    refuse_typos(Settings(source="demo", target="mine", model="my_code:build"))
    with pytest.raises(LiveGradcamError, match="unknown class 'mine'"):
        refuse_typos(Settings(source="demo", target="mine"))
