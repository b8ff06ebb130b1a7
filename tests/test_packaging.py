"""What is published: the wheel has every file of the package, and the version stands in one place."""

from __future__ import annotations

import re
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from live_gradcam.version import __version__

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "live_gradcam"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    return Path(next(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))


def test_the_wheel_has_every_file_of_the_package_as_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
    here = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert inside == here
    kinds = {Path(name).suffix for name in here}
    assert {".py", ".js", ".css", ".html", ".svg", ".tsv", ".toml", ".typed"} <= kinds


def test_the_version_stands_in_one_place(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = next(each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(archive.read(name))
    assert metadata["Version"] == __version__ == wheel.name.split("-")[1]
    assert PROJECT["dynamic"] == ["version"]
    assert "version" not in PROJECT


def test_every_line_that_says_what_to_install_names_an_extra_that_there_is() -> None:
    said = {
        extra
        for path in PACKAGE.rglob("*.py")
        for extras in re.findall(r"pip install[^\n]*live-gradcam\[([\w,]+)\]", path.read_text("utf-8"))
        for extra in extras.split(",")
    }
    assert said <= EXTRAS.keys()
    said |= {"web"}  # `serve` puts its extras together: tests/commands/test_serve.py
    assert {"audit", "cluster", "export", "fast", "gpu", "teach", "web"} <= said


def test_every_package_that_an_error_says_to_install_is_a_requirement() -> None:
    """Without the extra, because pip then installs a version that fits."""
    lines = [
        line
        for path in PACKAGE.rglob("*.py")
        for line in re.findall(r"Type: pip install ([^{}\"]+)\"", path.read_text("utf-8"))
    ]
    required = " ".join([*PROJECT["dependencies"], *(each for extra in EXTRAS.values() for each in extra)])
    for line in lines:
        for word in line.replace("'", "").split():
            assert word == "-U" or word.partition("[")[0] in (
                *re.findall(r"[\w-]+", required),
                PROJECT["name"],
            )
    assert len(lines) >= 8


def test_the_page_on_installing_has_a_line_for_every_extra() -> None:
    page = (ROOT / "docs" / "install.md").read_text("utf-8")
    table = page.partition("| extra | what it adds |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE)) == sorted(EXTRAS)
