"""The container: an ordinary user, the server's own health route, and a start command that the program understands."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import typer
import yaml

from live_gradcam.cli import app
from live_gradcam.commands.options import given
from live_gradcam.server.access_control import OPEN_PATHS
from live_gradcam.server.settings import ServerSettings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
FINAL = DOCKERFILE.rpartition("\nFROM ")[2]
"""The second stage, which becomes the image."""


def instruction(name: str) -> list[str]:
    """Return the arguments of the image's instructions of that name."""
    return re.findall(rf"^{name} (.+)$", FINAL, re.MULTILINE)


def start_command() -> list[str]:
    command: list[str] = json.loads(instruction("CMD")[-1])
    return command


def typed(tmp_path: Path, **variables: str) -> list[str]:
    """Return the words that the image's command gives to the program, with these variables."""
    program = tmp_path / "live-gradcam"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", **variables}
    done = subprocess.run(start_command(), capture_output=True, encoding="utf-8", env=environment, check=True)
    return done.stdout.splitlines()


@pytest.mark.skipif(os.name == "nt", reason="only on Linux and macOS: the image's command is one of a shell")
@pytest.mark.parametrize(
    ("variables", "name", "token"),
    [
        ({}, "localhost", None),
        ({"SPACE_HOST": "me-cam.hf.space"}, "me-cam.hf.space", None),
        (
            {
                "ALLOW_HOST": "cam.example.org",
                "SPACE_HOST": "me-cam.hf.space",
                "TOKEN": "a b; $(c) 'd' 0123456789",
            },
            "cam.example.org",
            "a b; $(c) 'd' 0123456789",
        ),
    ],
)
def test_the_images_command_is_understood_with_and_without_its_variables(
    tmp_path: Path, variables: dict[str, str], name: str, token: str | None
) -> None:
    words = typed(tmp_path, **variables)
    command = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]  # of a group
    assert words[0] == "serve"
    parameters = command.make_context("serve", words[1:]).params
    settings = ServerSettings.typed(**given(ServerSettings, parameters))
    assert (settings.host, settings.insecure, settings.allow_host) == ("0.0.0.0", True, (name,))
    assert settings.token == token
    assert str(settings.port) in instruction("EXPOSE")


def test_the_image_runs_as_an_ordinary_user_and_asks_the_servers_own_health_route() -> None:
    assert instruction("USER") == ["1000"]
    assert FINAL.index("\nUSER 1000") < FINAL.index("\nCMD ")
    (check,) = instruction("HEALTHCHECK")
    route = re.search(r"http://127\.0\.0\.1:8000(/\w+)'", check)
    assert route is not None
    assert route[1] in OPEN_PATHS


def test_the_build_gets_all_that_the_wheel_is_made_of_and_nothing_else() -> None:
    copied = {
        word
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for word in line.split()[:-1]
    }
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"
    }
    assert copied == allowed == {"pyproject.toml", "README.md", "LICENSE", "live_gradcam"}


def test_only_the_proxy_has_ports_and_the_program_has_no_privileges() -> None:
    services = COMPOSE["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["caddy"]
    program = services["live-gradcam"]
    assert program["read_only"]
    assert program["cap_drop"] == ["ALL"]
    assert {each.partition(":")[0] for service in services.values() for each in service["volumes"]} == {
        *COMPOSE["volumes"],
        "./Caddyfile",
    }
    assert f"reverse_proxy live-gradcam:{ServerSettings().port}" in (ROOT / "Caddyfile").read_text("utf-8")
    assert {*program["environment"]} == {*re.findall(r"^\| `(\w+)` \|", page(), re.MULTILINE)}


def page() -> str:
    return (ROOT / "docs" / "container.md").read_text("utf-8")


def test_the_page_says_of_a_space_what_the_image_needs() -> None:
    front = re.search(r"^ {7}---\n(.+?)\n {7}---$", page(), re.MULTILINE | re.DOTALL)
    assert front is not None
    assert yaml.safe_load(front[1])["app_port"] == ServerSettings().port
    assert "--uid 1000" in FINAL
