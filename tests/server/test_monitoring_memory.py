"""The memory of the server: what `--memory` takes, and what is given back."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import psutil
import pytest

from live_gradcam.errors import SettingsError
from live_gradcam.server import monitoring
from live_gradcam.server.monitoring import Memory, machine_bytes
from live_gradcam.server.settings import LEAST_BYTES, bytes_in


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("3GB", 3 * 10**9),
        ("2.5 GiB", 5 * 2**29),
        ("2500mb", 2_500_000_000),
        ("4G", 4 * 10**9),
        ("3000000000", 3_000_000_000),
    ],
)
def test_a_size_is_read_in_its_unit(text: str, size: int) -> None:
    assert bytes_in(text) == size


@pytest.mark.parametrize("text", ["", "lots", "-3GB", "3 TBit", "GB", "3GB 2", "nan", "1e9"])
def test_what_is_no_size_is_told(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^memory is '.*': give a size, such as 3GB or 2500MB\.$"):
        bytes_in(text)


def test_a_size_that_is_too_small_for_any_network_is_told() -> None:
    with pytest.raises(SettingsError, match=r"memory is '300MB': the server needs at least 1\.5GB"):
        bytes_in("300MB")


def test_the_limit_is_half_of_what_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Memory().limit == max(LEAST_BYTES, machine_bytes() // 2)
    assert Memory(2 * 10**9).limit == 2 * 10**9
    monkeypatch.setattr(monitoring, "machine_bytes", lambda: 10**9)
    assert Memory().limit == LEAST_BYTES


def test_a_container_has_what_it_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit, none = tmp_path / "memory.max", tmp_path / "unlimited"
    limit.write_text("2000000000\n")
    none.write_text("max\n")
    monkeypatch.setattr(monitoring, "_CONTAINER_LIMITS", (none, limit, tmp_path / "missing"))
    assert machine_bytes() == min(2_000_000_000, psutil.virtual_memory().total)


def test_memory_is_short_where_one_more_graph_has_no_room() -> None:
    used = Memory().used
    assert used == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
    assert Memory(used + 20_000_000).is_short
    assert not Memory(used + 500_000_000).is_short


def test_what_lies_in_a_circle_is_given_back() -> None:
    class Graph:
        own: Graph

    graph = Graph()
    graph.own = graph
    found = weakref.ref(graph)
    gc.disable()
    try:
        del graph
        assert found() is not None
        Memory().free()
    finally:
        gc.enable()
    assert found() is None
