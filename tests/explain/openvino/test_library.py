"""OpenVINO's import: silent towards the network, and clear where it is missing, old or broken."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from live_gradcam.config import ExplainSettings
from live_gradcam.errors import SettingsError
from live_gradcam.explain import compilers
from live_gradcam.explain.openvino import library

WATCHED = """
import socket, sys, threading
tried = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request"):
        tried.append((event, arguments[-1]))
sys.addaudithook(watch)
from live_gradcam.explain.openvino.library import core
core()
from live_gradcam.explain.openvino.gradient_rules import add_rules
add_rules()
assert "openvino.tools.ovc" not in sys.modules
import openvino
assert callable(openvino.convert_model)  # of the converter, which reports its import where it can
from openvino.tools.ovc import telemetry_utils
assert telemetry_utils.tm.__name__.endswith("telemetry_stub"), telemetry_utils.tm
assert "openvino_telemetry" not in sys.modules
for thread in threading.enumerate():
    if thread is not threading.current_thread():
        thread.join(5)
print(tried)
"""


def test_nothing_opens_a_connection(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "PATH": ""}  # no file that says whether reports are allowed
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], capture_output=True, text=True, check=False, env=home
    )
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (None, "OpenVINO is not installed. Type: pip install 'live-gradcam[fast]'"),
        (
            "2022.3.1",
            "OpenVINO 2022.3.1 is too old: 2026.4 or later is needed. Type: pip install 'live-gradcam[fast]'",
        ),
    ],
)
def test_without_it_or_with_an_old_one_a_line_says_so_and_tensorflow_computes(
    found: str | None, line: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(library, "installed_version", lambda: found)
    monkeypatch.delitem(sys.modules, "openvino", raising=False)
    library._core.cache_clear()
    try:
        with caplog.at_level(logging.INFO):
            assert compilers.compiler_for("openvino", "auto") is None
    finally:
        library._core.cache_clear()
    assert caplog.record_tuples == [
        (
            "live_gradcam.explain.compilers",
            logging.WARNING,
            f"TensorFlow computes instead of OpenVINO: {line}",
        )
    ]


def test_a_broken_one_is_named_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(name: str) -> object:
        raise ImportError(f"lib{name}.so: undefined symbol")

    monkeypatch.setattr("importlib.import_module", broken)
    monkeypatch.delitem(sys.modules, "openvino", raising=False)
    library._core.cache_clear()
    try:
        assert compilers.compiler_for("auto", "auto") is None
        with caplog.at_level(logging.INFO):
            assert compilers.compiler_for("openvino", "auto") is None
    finally:
        library._core.cache_clear()
    assert caplog.messages[-1].endswith("cannot be imported: libopenvino.so: undefined symbol")


def test_auto_is_tensorflow_on_a_gpu_without_openvino_and_where_the_environment_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(compilers.VARIABLE, raising=False)
    monkeypatch.setattr(compilers, "may_find_gpu", lambda: False)
    assert compilers.runtime_for("auto", "auto") == "auto"
    assert compilers.runtime_for("auto", "gpu:0") == "tensorflow"
    assert compilers.runtime_for("openvino", "auto") == "openvino"
    monkeypatch.setattr(compilers, "may_find_gpu", lambda: True)
    assert compilers.runtime_for("auto", "auto") == "tensorflow"
    assert compilers.runtime_for("auto", "cpu") == "auto"
    monkeypatch.setattr(compilers, "installed_version", lambda: None)
    assert compilers.runtime_for("auto", "cpu") == "tensorflow"
    monkeypatch.undo()
    monkeypatch.setenv(compilers.VARIABLE, "torch")
    with pytest.raises(
        SettingsError, match=r"LIVE_GRADCAM_ENGINE is 'torch'\. Valid: auto, tensorflow, openvino"
    ):
        compilers.runtime_for("auto")
    monkeypatch.setenv(compilers.VARIABLE, "tensorflow")
    assert compilers.runtime_for("auto", "cpu") == "tensorflow"
    assert compilers.runtime_for("openvino", "cpu") == "openvino"


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(SettingsError, match="For bf16 take OpenVINO: --engine openvino"):
        compilers.compiler_for("tensorflow", "bf16")
    with pytest.raises(SettingsError, match="on the processor, not on gpu:0: leave --engine or --device out"):
        compilers.runtime_for("openvino", "gpu:0")
    with pytest.raises(SettingsError, match="engine is 'torch'"):
        ExplainSettings(engine="torch")  # type: ignore[arg-type]
