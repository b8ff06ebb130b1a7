"""A release needs a tag, a version and a changelog that fit together; its text is that of the changelog."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
VERSION = '"""The version."""\n\n__version__ = "1.2.0"\n'
CHANGELOG = """# Changelog

## [Unreleased]

## [1.2.0] - 2027-01-31

### Added

- More.

## [1.1.0] - 2026-12-24

- Less.
"""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release_notes", ROOT / "scripts" / "release_notes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_text_is_the_section_of_the_version_alone(script: ModuleType) -> None:
    assert script.notes("v1.2.0", VERSION, CHANGELOG) == "### Added\n\n- More."


@pytest.mark.parametrize(
    ("tag", "changelog", "reason"),
    [
        ("v1.3.0", CHANGELOG, "live_gradcam/version.py has 1.2.0: the tag must be v1.2.0"),
        ("1.2.0", CHANGELOG, "the tag must be v1.2.0"),
        ("v1.2.0", CHANGELOG.replace("1.2.0] - 2027-01-31", "1.2.0]"), "has no heading '## [1.2.0] - YEAR"),
        ("v1.2.0", CHANGELOG.replace("- More.", ""), "lists nothing under 1.2.0"),
    ],
)
def test_what_does_not_fit_together_is_no_release(
    script: ModuleType, tag: str, changelog: str, reason: str
) -> None:
    with pytest.raises(script.NotReadyError) as raised:
        script.notes(tag, VERSION, changelog)
    assert reason in str(raised.value)


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    sections = [line for line in text.splitlines() if line.startswith("## ")]
    assert sections[0] == "## [Unreleased]"
    kinds = {line for line in text.splitlines() if line.startswith("### ")}
    assert kinds <= {
        f"### {kind}" for kind in ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
    }
