"""Typos in the settings are told before anything slow starts, and before a missing display is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from live_gradcam import typos
from live_gradcam.config import Settings
from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.methods.method import METHODS
from live_gradcam.models.preprocessing import PREPROCESSINGS
from live_gradcam.models.zoo import CATALOGUE, ZOO, entry_like
from live_gradcam.typos import refuse_typos, refuse_unknown_model

ALONE = """
import sys
from live_gradcam.cli import main
code = main(sys.argv[1:])
print([name for name in ("tensorflow", "keras") if name in sys.modules])
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("demo", "--method", "gradcan"), "unknown method 'gradcan'. Did you mean gradcam"),
        (("demo", "--model", "vgg61"), "unknown model 'vgg61'. Did you mean vgg"),
        (("demo", "--model", "efficientnet-lite0", "--model", "vgg61"), "unknown model 'vgg61'"),
        (("demo", "--target", "expresso"), "unknown class 'expresso'. Did you mean espresso"),
        (("demo", "--target", "tabby - expresso"), "unknown class 'expresso'. Did you mean espresso"),
        (("demo", "--colormap", "jett"), "unknown colour map 'jett'. Did you mean jet"),
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
    ],
)
def test_a_typo_is_told_without_loading_tensorflow_or_missing_a_display(
    tmp_path: Path, typed: tuple[str, ...], said: str
) -> None:
    without = {
        name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")
    }
    told = subprocess.run(
        [sys.executable, "-c", ALONE, *typed],
        cwd=tmp_path,
        env=without,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout) == (1, "[]\n")
    assert said in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_the_names_are_those_of_the_registries() -> None:
    assert tuple(METHODS) == typos.METHODS
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


def test_a_class_of_a_model_of_one_s_own_is_left_to_it(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("a\nb\n")
    refuse_typos(Settings(source="demo", target="a", labels=tmp_path / "names.txt"))
    refuse_typos(Settings(source="demo", target="mine", model="my_code:build"))
    with pytest.raises(LiveGradcamError, match="unknown class 'mine'"):
        refuse_typos(Settings(source="demo", target="mine"))
