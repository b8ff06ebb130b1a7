"""The package of docs/plugins.md works word for word: its camera, its sink and its method."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from installed import Install, write_package
from networks import stage_network

import live_gradcam as lg

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text("utf-8")
SOURCE, SINK, METHOD, _, COMPARED = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(PROJECT,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

SDK = """
import time

import numpy as np

class GrabTimeout(Exception):
    pass

class Camera:
    def __init__(self, serial):
        self.serial, self.grabs = serial, 0

    def grab(self):
        time.sleep(0.01)
        self.grabs += 1
        if self.grabs % 2:
            raise GrabTimeout("no picture after 10 ms")
        return np.full((32, 48, 3), (200, 100, 0), np.uint8)

    def stop(self):
        print("stopped", self.serial)
"""


@pytest.fixture
def package(install: Install) -> None:
    """Install the guide's package, and the SDK that it uses."""
    site = install("my-sdk", SDK)
    project = tomllib.loads(PROJECT)["project"]
    write_package(site, project["name"], SOURCE + SINK + METHOD, project["entry-points"], project["version"])


@pytest.mark.usefixtures("package")
def test_the_guides_package_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    diary = tmp_path / "diary.txt"
    quiet: dict[str, Any] = {"window": False, "fit": "stretch"}
    done = lg.run(
        source="mycam:3",
        sinks=[f"diary:{diary}"],
        method="positive",
        model=stage_network(),
        frames=3,
        **quiet,
    )
    assert (done.source, done.method, done.failures) == ("mycam 3", "positive", [])
    assert re.match(r"frame \d+: ", diary.read_text("utf-8"))
    assert "stopped 3" in capsys.readouterr().out


@pytest.mark.usefixtures("package")
def test_the_guides_camera_turns_rgb_into_bgr() -> None:
    with lg.open_source("mycam:3") as source:
        frame = next(iter(source))
    assert frame.pixels[0, 0].tolist() == [0, 100, 200]


def test_the_guide_names_what_it_defines() -> None:
    groups = tomllib.loads(PROJECT)["project"]["entry-points"]
    references = {
        group: {name: each.partition(":")[2] for name, each in points.items()}
        for group, points in groups.items()
    }
    assert references == {
        "live_gradcam.sources": {"mycam": "open_mycam"},
        "live_gradcam.sinks": {"diary": "Diary"},
        "live_gradcam.methods": {"positive": "positive"},
    }
    for name in ("def open_mycam", "class Diary", "def positive"):
        assert name in SOURCE + SINK + METHOD


def test_the_guides_method_is_the_same_in_numpy(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("skimage")
    exec(compile(METHOD + "import live_gradcam as lg\n" + COMPARED, "plugins.md", "exec"), {})
    assert float(capsys.readouterr().out) < 1e-5
