"""Pretended packages with plug-ins: a module, and the metadata that an installer would write."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from live_gradcam import plugins
from live_gradcam.explain.methods import own_methods

Install = Callable[..., Path]
"""Installs a package of one module: `install("some-package", code, source="mycam=open_camera")`, with an entry point of
each kind as `name=attribute`, or as one word for both. Returns the folder that it lies in."""


def write_package(
    site: Path, name: str, code: str, entries: Mapping[str, Mapping[str, str]], version: str = "1.2"
) -> None:
    """Write a package of one module into a folder.

    Args:
        site: the folder.
        name: the package's name.
        code: the module's code.
        entries: group → name → `module:attribute`.
        version: the package's version.
    """
    module = name.replace("-", "_")
    (site / f"{module}.py").write_text(code, "utf-8")
    info = site / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", "utf-8")
    sections = [
        f"[{group}]\n" + "".join(f"{each} = {reference}\n" for each, reference in points.items())
        for group, points in entries.items()
    ]
    (info / "entry_points.txt").write_text("\n".join(sections), "utf-8")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that installs packages for one test."""
    site = tmp_path / "site"
    site.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(site))

    def installed(name: str, code: str, **plugins_by_kind: str) -> Path:
        module = name.replace("-", "_")
        groups: dict[str, dict[str, str]] = {}
        for kind, text in plugins_by_kind.items():
            called, _, attribute = text.partition("=")
            groups[f"live_gradcam.{kind}s"] = {called: f"{module}:{attribute or called}"}
        write_package(site, name, code, groups)
        plugins._entries.cache_clear()
        return site

    yield installed
    plugins._entries.cache_clear()
    own_methods._tried.cache_clear()
    for module in {path.stem for path in site.glob("*.py")} - before:
        sys.modules.pop(module, None)
