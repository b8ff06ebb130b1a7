"""A cluster of this machine's cores, one of whose workers is killed in the middle."""

from __future__ import annotations

import builtins
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2  # noqa: F401 - before PyAV, or a window would hang
import av
import pytest
from clips import write_clip

from live_gradcam.cli import main

ROOT = Path(__file__).parents[2]
FRAMES = 1500


def workers_of(process: int) -> list[int]:
    """Return the process ids of Ray's workers that annotate, among the descendants of a process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            busy = (folder / "cmdline").read_bytes().startswith(b"ray::_annotate")
            parent = int(folder.name)
            while busy and parent not in (0, 1, process):
                status = Path(f"/proc/{parent}/status").read_text("utf-8")
                parent = int(status.partition("PPid:")[2].split()[0])
        except OSError:
            continue  # it is gone
        if busy and parent == process:
            found.append(int(folder.name))
    return found


def frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.mark.load
@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only on Linux: finds Ray's processes in /proc"
)
def test_two_workers_share_an_archive_and_one_that_is_killed_is_replaced(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'live-gradcam[cluster]'")
    archive, out, table = tmp_path / "archive", tmp_path / "out", tmp_path / "all.csv"
    archive.mkdir()
    for name in "ab":
        write_clip(archive / f"{name}.mp4", [40 * number for number in range(FRAMES)])
    (archive / "broken.mp4").touch()
    command = [sys.executable, "-m", "live_gradcam", "annotate", str(archive), "--out", str(out)]
    command += ["--csv", str(table), "--preprocess", "unit", "--model", "networks:colour_network", "--ray"]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as running:
        deadline = time.monotonic() + 60
        while len(list(out.glob("?.part.mp4"))) < 2:
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        workers = workers_of(running.pid)
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        said, errors = running.communicate(timeout=120)
    assert errors == "live-gradcam: broken.mp4 cannot be opened: the file is empty.\n"
    assert running.returncode == 1
    assert f"a.mp4: {FRAMES} frames" in said.splitlines()
    assert f"b.mp4: {FRAMES} frames" in said.splitlines()
    assert [frames_of(out / f"{name}.mp4") for name in "ab"] == [FRAMES, FRAMES]
    rows = [line.split(",")[:2] for line in table.read_text("utf-8").splitlines()[1:]]
    assert rows == [[f"{name}.mp4", str(index)] for name in "ab" for index in range(FRAMES)]
    assert workers_of(running.pid) == []


def test_without_ray_the_command_that_installs_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    clip = write_clip(tmp_path / "a.mp4", [0, 40])
    real = builtins.__import__

    def without_ray(name: str, *rest: object) -> object:
        if name == "ray":
            raise ModuleNotFoundError(name)
        return real(name, *rest)  # type: ignore[arg-type] # handed on as they came

    monkeypatch.setattr(builtins, "__import__", without_ray)
    assert main(("annotate", str(clip), "--out", str(tmp_path / "out"), "--ray")) == 1
    assert capfd.readouterr().err == (
        "live-gradcam: --ray needs Ray. Type: pip install 'live-gradcam[cluster]'\n"
    )


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9"])
def test_a_cluster_that_does_not_answer_is_told_at_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], address: str
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'live-gradcam[cluster]'")
    clip = write_clip(tmp_path / "a.mp4", [0, 40])
    assert main(("annotate", str(clip), "--out", str(tmp_path / "out"), "--ray", address)) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert f"cannot reach the Ray cluster at '{address}': Connection refused." in line
