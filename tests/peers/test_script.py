"""The peers' environment is one of its own, made once; the pretend `uv` of test_scripts.py stands in for the real."""

from __future__ import annotations

import sys
from pathlib import Path

from test_scripts import Checkout, on_posix

PYTHON = "ROOT/.venv-peers/bin/python"


@on_posix
def test_the_peers_are_installed_once_into_an_environment_of_their_own(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    code, out, err = checkout.run("peers.py", "--torch", "torch==2.13.0", "test", "-k", "scorecam")
    assert (code, err) == (7, "")  # the pretend interpreter's own exit code
    assert out.splitlines()[-2:] == [
        "Installing torch==2.13.0, grad-cam==1.5.7, tf-keras-vis==0.8.7, torchcam==0.5.0, xplique==2.0.2, lxt==2.1 "
        "and zennit==0.5.1 into .venv-peers.",
        "ran -m pytest -m peers -k scorecam",
    ]
    made, project, torch, imported, peers = checkout.calls()
    assert made == f"venv --allow-existing --python {sys.executable} ROOT/.venv-peers"
    assert project == f"pip install --python {PYTHON} --editable ROOT[demo,dev]"
    assert torch == f"pip install --python {PYTHON} torch==2.13.0"
    assert imported.startswith(f"pip install --python {PYTHON} deprecated ")
    names = "grad-cam==1.5.7 tf-keras-vis==0.8.7 torchcam==0.5.0 xplique==2.0.2 lxt==2.1 zennit==0.5.1"
    assert peers == f"pip install --python {PYTHON} --no-deps {names}"
    assert not (checkout.root / ".venv").exists()
    assert next((checkout.root / ".venv-peers").rglob("torchvision/__init__.py"), None)

    _, out, _ = checkout.run("peers.py", "measure", "--rounds", "2")
    assert out == f"ran -P {checkout.root / 'scripts' / 'peers_measure.py'} --rounds 2\n"
    assert checkout.calls() == []


@on_posix
def test_a_peer_that_cannot_be_installed_is_told_and_tried_again(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    checkout.run("peers.py", "test")
    checkout.calls()
    (checkout.root / ".venv-peers" / "peers.json").unlink()
    # The project is there, so the first thing to fail is PyTorch.
    uv = checkout.tools / "uv"
    uv.write_text("#!/bin/sh\necho no such package >&2\nexit 1\n", "utf-8")
    code, _, err = checkout.run("peers.py", "test")
    assert code == 1
    assert err.splitlines() == [
        "no such package",
        f"`{uv} pip install --python {checkout.root / '.venv-peers' / 'bin' / 'python'} --quiet torch torchvision` "
        "ended with exit code 1: the lines above say why. Where it was PyTorch, name a build that can be had, with "
        "--torch, and run this again.",
    ]
    assert not (checkout.root / ".venv-peers" / "peers.json").exists()


def test_without_a_command_it_says_what_there_is(tmp_path: Path) -> None:
    code, out, _ = Checkout(tmp_path).run("peers.py")
    assert code == 2
    assert "python3 scripts/peers.py test [PYTEST ARGUMENTS]" in out
    assert "python3 scripts/peers.py measure [--rounds N]" in out
