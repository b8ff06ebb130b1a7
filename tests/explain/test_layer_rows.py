"""The layers that a user sees, remembered from one start to the next."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import networks
import pytest

import live_gradcam as lg
from live_gradcam.cli import main
from live_gradcam.config import ExplainSettings
from live_gradcam.explain import layer_rows
from live_gradcam.explain.explainer import Explainer
from live_gradcam.explain.layer_rows import LayerMemory
from live_gradcam.explain.layer_table import layer_table
from live_gradcam.models import loading
from live_gradcam.models.model_key import ModelKey, key_of
from live_gradcam.settings_check import refuse_typos


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(layer_rows, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def network_file(tmp_path: Path) -> Path:
    path = tmp_path / "stage.keras"
    networks.stage_network().save(path)
    return path


def key_to(file: Path) -> ModelKey:
    key = key_of(ExplainSettings(model=str(file)))
    assert key is not None
    return key


def test_layers_are_remembered_until_the_file_changes(network_file: Path) -> None:
    key = key_to(network_file)
    assert LayerMemory().recall(key) == ()
    rows = layer_table(replace(lg.load_model(network_file), key=key))
    assert LayerMemory().recall(key) == tuple(rows)
    assert [row.path for row in rows if row.explainable] == ["first", "second", "third"]
    network_file.touch()
    assert LayerMemory().recall(key_to(network_file)) == ()


def test_layers_of_a_model_without_a_key_are_not_remembered(own_cache: Path) -> None:
    assert layer_table(lg.load_model(networks.stage_network()))
    assert not own_cache.exists()
    assert LayerMemory().recall(None) == ()


@pytest.mark.parametrize("content", [b"", b"[[1, 2]]", b'[{"path": "a"}]', b"{", b"null", b"[" * 100_000])
def test_damaged_layers_are_found_again(content: bytes, network_file: Path, own_cache: Path) -> None:
    key = key_to(network_file)
    rows = layer_table(replace(lg.load_model(network_file), key=key))
    (file,) = (own_cache / "layers").iterdir()
    file.write_bytes(content)
    assert LayerMemory().recall(key) == ()
    LayerMemory().keep(key, rows)
    assert LayerMemory().recall(key) == tuple(rows)


def test_a_folder_that_cannot_be_written_to_does_not_matter(tmp_path: Path, network_file: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = LayerMemory(tmp_path / "file" / "layers")
    memory.keep(key_to(network_file), [])
    assert memory.recall(key_to(network_file)) == ()


def test_the_command_layers_loads_a_network_once(
    network_file: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(("layers", str(network_file))) == 0
    first = capfd.readouterr().out
    assert "▶  third" in first
    monkeypatch.setattr(loading, "load_named", None)
    assert main(("layers", str(network_file))) == 0
    assert capfd.readouterr().out == first


@pytest.mark.parametrize("layer", ["nosuch", "secnd", "first,nosuch"])
def test_an_unknown_layer_is_refused_before_the_network_is_loaded_in_the_same_words(
    layer: str, network_file: Path
) -> None:
    settings = ExplainSettings(model=str(network_file), layer=layer)
    refuse_typos(settings)  # nothing is known yet
    model = replace(lg.load_model(network_file), key=key_to(network_file))
    with pytest.raises(lg.LayerError) as late:
        Explainer(model, layer=layer)
    layer_table(model)
    with pytest.raises(lg.LayerError) as early:
        refuse_typos(settings)
    assert str(early.value) == str(late.value)
    refuse_typos(replace(settings, layer="first, third"))


SERVED = """
import sys, time
from live_gradcam.config import Settings
from live_gradcam.question import Question
from live_gradcam.server.errors import RequestError
from live_gradcam.server.run import _load_service
from live_gradcam.server.settings import ServerSettings
service = _load_service(Settings(model=sys.argv[1], engine="openvino", precision="f32"), str, ServerSettings())
until = time.monotonic() + 60
while not service.layers and time.monotonic() < until:
    time.sleep(0.05)
print(service.layers)
try:
    service.checked(Question(layer="nosuch"))
except RequestError as error:
    print(error)
print("TensorFlow" if "tensorflow" in sys.modules else "OpenVINO alone")
service.close()
"""


@pytest.mark.long
@pytest.mark.runtimes
def test_the_second_start_of_the_server_needs_no_tensorflow(network_file: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "home"), "LIVE_GRADCAM_ENGINE": "auto"}
    told = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", SERVED, str(network_file)],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
        told.append(done.stdout.splitlines())
    assert [lines[-1] for lines in told] == ["TensorFlow", "OpenVINO alone"]
    assert told[0][:-1] == told[1][:-1]
    assert "'third'" in told[0][0]
    assert "unknown layer 'nosuch'" in told[0][1]
