"""What all tests share."""

from __future__ import annotations

import live_gradcam  # noqa: F401 - first, for it sets OpenCV's environment before anything imports OpenCV

# isort: split
import gc
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import limits
import numpy as np
import pytest
from fakecam.webcam import PretendWebcam, build, panning, write_frames
from installed import install as install  # a fixture of all tests

from live_gradcam.explain.methods import own_methods
from live_gradcam.explain.openvino import conversion
from live_gradcam.frame import Pixels

os.environ["LIVE_GRADCAM_ENGINE"] = "tensorflow"
"""The tests of OpenVINO ask for it. In all others each new network would be converted in the background."""

SLOW_GROUPS = (
    "audits",
    "fuzz",
    "geometry",
    "hostile",
    "keras2",
    "lessons",
    "load",
    "peers",
    "runs",
    "runtimes",
    "screens",
    "soak",
)
"""The markers that scripts/test.py leaves out unless they are named."""


def pytest_configure(config: pytest.Config) -> None:
    """Take Ctrl-C as usual, though whoever started the tests in the background had it ignored: programs inherit it."""
    limits.asserted = config.getoption("markexpr") == "timed"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests of the slow groups an hour, and put those that bound a time into the group `timed`."""
    for item in items:
        if limits.has_bounds(item):
            item.add_marker(pytest.mark.timed)
        if any(item.get_closest_marker(group) for group in SLOW_GROUPS):
            item.add_marker(pytest.mark.timeout(3600))


def pytest_collection_finish() -> None:
    """Let Python look for garbage less often, and never among what TensorFlow's import made: a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Kill what a failed test leaves running: it would slow all that follow, until they fail as well."""
    before = _children()
    try:
        return (yield)
    except BaseException:
        for child in _children() - before:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        raise


def _children() -> set[int]:
    """Return the ids of this process's children; on Linux only."""
    found: set[int] = set()
    for list_ in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # a thread may have ended since it was listed
            found.update(map(int, list_.read_text().split()))
    return found


@pytest.fixture(autouse=True)
def no_test_knows_the_methods_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget functions that became methods: from then on they can be named, and are in every list."""
    monkeypatch.setattr(own_methods, "_given", {})


@pytest.fixture(autouse=True, scope="session")
def conversions_have_the_usual_priority() -> None:
    """Let conversions run at the usual priority: while the tests use all cores, others would wait for minutes."""
    conversion.PRIORITY = 0


@pytest.fixture(autouse=True)
def no_error_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test during which this package logged an error."""
    yield
    errors = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.levelno >= logging.ERROR and record.name.startswith("live_gradcam")
    ]
    assert errors == []


@pytest.fixture(autouse=True)
def logging_is_as_before() -> Iterator[None]:
    """Take back what the command line sets: its level, and its handlers, which write to streams that are gone."""
    root, own = logging.getLogger(), logging.getLogger("live_gradcam")
    handlers, level = list(root.handlers), root.level
    own.setLevel(logging.NOTSET)  # a fixture of a whole module may have run a command before this one
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    own.setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def nothing_that_is_measured_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Let each test measure for itself where maps lie."""
    module = sys.modules.get("live_gradcam.explain.geometry_store")
    if module is not None:
        monkeypatch.setattr(module, "user_cache_path", lambda *_, **__: tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def webcam(tmp_path_factory: pytest.TempPathFactory) -> PretendWebcam:
    """A webcam that looks at a cup of coffee; `webcam.environment()` is for the process that is to see it."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the pretend webcam stands in for Linux's V4L2")
    compiler = next(filter(shutil.which, [os.environ.get("CC", "cc"), "gcc", "clang"]), None)
    if compiler is None:
        pytest.skip("the pretend webcam is written in C and there is no compiler (cc, gcc, clang)")
    folder = tmp_path_factory.mktemp("webcam")
    frames = write_frames(folder / "frames", list(panning(_coffee(), 10)))
    return PretendWebcam(build(compiler, folder), frames)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only on Linux: a small disk is a tmpfs")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("only on a machine where a tmpfs may be mounted")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _coffee() -> Pixels:
    try:
        from skimage import data
    except ImportError:
        steps = np.linspace(0, 255, 640)
        return np.stack([np.tile(steps, (400, 1))] * 3, axis=-1).astype(np.uint8)
    return np.asarray(data.coffee()[..., ::-1], np.uint8)
