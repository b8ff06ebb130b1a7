"""What the tests of exported files and of pages that run a network share."""

from __future__ import annotations

from pathlib import Path

import pytest

from live_gradcam.explain.export import file_writing
from live_gradcam.explain.openvino import conversion


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write files without a process of their own, which takes two seconds."""

    def apart(_module: str, arguments: list[str], *_: object, **_limits: float) -> str:
        file_writing.main(Path(arguments[0]))
        return ""

    monkeypatch.setattr(conversion, "run_apart", apart)
