"""The workflows: actions are named by commit, jobs get no more rights than they need, and what they run exists."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAY_WRITE = {
    "release.yml": {
        "attest": {"id-token", "attestations"},
        "publish": {"id-token"},
        "announce": {"contents"},
    }
}
"""Workflow → job → the rights to write that it has."""


def parsed(path: Path) -> dict[Any, Any]:
    tree: dict[Any, Any] = yaml.safe_load(path.read_text("utf-8"))
    return tree


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_named_by_its_commit_and_its_version_stands_beside_it(path: Path) -> None:
    uses = re.findall(r"uses: (.+)$", path.read_text("utf-8"), re.MULTILINE)
    assert uses != []
    for action in uses:
        assert action.startswith("./") or re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*", action), (
            action
        )


def test_one_action_has_one_commit_everywhere() -> None:
    commits: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for action, commit in re.findall(r"uses: ([\w/-]+)@(.+)$", path.read_text("utf-8"), re.MULTILINE):
            commits.setdefault(action, set()).add(commit)
    assert {action: found for action, found in commits.items() if len(found) > 1} == {}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_reads_and_only_named_jobs_write(path: Path) -> None:
    tree = parsed(path)
    assert tree["permissions"] == {"contents": "read"}
    writing = {
        name: {right for right, value in job.get("permissions", {}).items() if value == "write"}
        for name, job in tree["jobs"].items()
        if "permissions" in job
    }
    assert writing == MAY_WRITE.get(path.name, {})


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_script_and_test_that_a_workflow_runs_exists(path: Path) -> None:
    files = re.findall(r"\b(?:scripts|tests)/[\w/.]+\.py\b|\.ci/\w+", path.read_text("utf-8"))
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_the_release_publishes_only_what_was_built_tried_and_attested() -> None:
    jobs = parsed(ROOT / ".github" / "workflows" / "release.yml")["jobs"]
    assert [jobs[name].get("needs") for name in ("build", "attest", "publish", "announce")] == [
        *(None, "build", "attest", "publish")
    ]
    commands = [step.get("run", "") for step in jobs["build"]["steps"]]
    assert any("scripts/package.py" in each for each in commands)
    assert any("scripts/release_notes.py" in each for each in commands)
    assert all("checkout" not in step.get("uses", "") for step in jobs["publish"]["steps"])


def test_the_devcontainer_has_what_continuous_integration_installs() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    listed = re.search(r"^packages=\((.+)\)$", script, re.MULTILINE)
    assert listed is not None
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    assert {*listed[1].split()} <= {*container["onCreateCommand"].split()}


def test_the_hooks_call_the_checks_of_continuous_integration() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert [each["repo"] for each in hooks] == ["local"]
    entries = [hook["entry"] for hook in hooks[0]["hooks"]]
    assert entries[0] == "python3 scripts/check.py --no-tests"
    assert entries[0] in (ROOT / ".ci" / "run").read_text("utf-8")
