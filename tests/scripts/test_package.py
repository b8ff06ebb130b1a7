"""The script that tries what is published notices a file that is missing, and asks only for what there is."""

from __future__ import annotations

import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import typer

from live_gradcam.cli import app

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The script, for a checkout of two files."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    sys.modules.pop("package", None)
    import package

    checkout = tmp_path / "checkout"
    (checkout / "live_gradcam").mkdir(parents=True)
    for name in ("version.py", "page.html"):
        (checkout / "live_gradcam" / name).write_text(name)
    monkeypatch.setattr(package, "ROOT", checkout)
    return package


def written(path: Path, *names: str) -> Path:
    """Write a wheel, or for another name an sdist, with these files."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path, "w") as wheel:
            for name in names:
                wheel.writestr(f"live_gradcam/{name}", name)
    else:
        with tarfile.open(path, "w:gz"):
            pass
    return path


def test_a_wheel_that_lacks_a_file_or_depends_on_what_it_is_built_from_is_refused(
    script: ModuleType, tmp_path: Path
) -> None:
    sdist = written(tmp_path / "sdist.tar.gz")
    whole = written(tmp_path / "whole.whl", "version.py", "page.html")
    same = written(tmp_path / "same.whl", "page.html", "version.py")
    torn = written(tmp_path / "torn.whl", "version.py")
    script.check_files(sdist, whole, same)
    with pytest.raises(script.CheckError, match=r"the wheel lacks live_gradcam/page\.html"):
        script.check_files(sdist, torn, torn)
    with pytest.raises(script.CheckError, match="built from the sdist differs"):
        script.check_files(sdist, torn, whole)


def test_what_is_asked_for_without_its_extra_is_a_command_and_an_extra(script: ModuleType) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # of a group
    for typed, extra, code in script.LACKING:
        name = typed.split()[0]
        assert name in commands or name == "demo"
        assert extra in project["optional-dependencies"]
        assert code in (0, 1)
