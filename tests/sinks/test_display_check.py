"""Whether a window can be opened, asked of pretend X servers."""

import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from screen import HEIGHT, WIDTH, Screen, require_screen

from live_gradcam.errors import SinkError
from live_gradcam.sinks import display_check
from live_gradcam.sinks.display_check import find_display, hold_display, screen_size

pytestmark = pytest.mark.skipif(
    sys.platform in ("win32", "darwin"), reason="only on Unix desktops: they have X"
)

Answer = Callable[[socket.socket, bytes], None]
COOKIE = bytes(range(16))


class XServer:
    """Listens as an X server does and gives each client one of the answers, the last one again and again."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._clients: list[socket.socket] = []
        self.greetings: list[bytes] = []
        self.address = f"127.0.0.1:{self._listener.getsockname()[1] - 6000}.0"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._clients.append(client)
            greeting = client.recv(4096)
            self.greetings.append(greeting)
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            answer(client, greeting)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for client in self._clients:
            client.close()


def welcome(client: socket.socket, _: bytes) -> None:
    client.sendall(struct.pack("<BBHHH", 1, 0, 11, 0, 0))


def refuse(client: socket.socket, _: bytes) -> None:
    words = b"Authorization required"
    client.sendall(struct.pack("<BBHHH", 0, len(words), 11, 0, 6) + words + b"\0\0")


def welcome_the_cookie(client: socket.socket, greeting: bytes) -> None:
    (welcome if COOKIE in greeting else refuse)(client, greeting)


def hang_up(client: socket.socket, _: bytes) -> None:
    client.close()


def say_nothing(client: socket.socket, greeting: bytes) -> None:
    """Leave the client waiting."""


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., XServer]]:
    """Start a server and point DISPLAY at it."""
    servers = []
    monkeypatch.setenv("XAUTHORITY", str(tmp_path / "none"))
    monkeypatch.setattr(display_check, "_TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(display_check, "_RESET_SECONDS", 0.2)

    def start(*answers: Answer) -> XServer:
        servers.append(XServer(*answers))
        monkeypatch.setenv("DISPLAY", servers[-1].address)
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(autouse=True)
def _opencv_with_windows() -> None:
    if not cv2.currentUIFramework():
        pytest.skip("OpenCV here has no windows (opencv-python-headless)")


def reason() -> str:
    found = find_display()
    assert found is not None
    assert "\n" not in found
    return found


def test_a_server_that_welcomes_is_a_display(serve: Callable[..., XServer]) -> None:
    server = serve(welcome)
    assert find_display() is None
    assert server.greetings[0][:6] == struct.pack("<cxHH", b"l", 11, 0)


def test_without_the_variable_there_is_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert reason().startswith("there is no display (DISPLAY is not set): start it on a desktop")


def test_a_wayland_desktop_without_an_x_server_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "QT5")
    assert reason().endswith("install xwayland.")


@pytest.mark.parametrize("address", ["0", "nonsense", ":", ":x.0"])
def test_a_variable_that_makes_no_sense_is_quoted(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DISPLAY", address)
    assert reason() == f"there is no display: DISPLAY is '{address}', and it should look like ':0'."


@pytest.mark.parametrize("address", [":4711", "unix:4711", "127.0.0.1:59000"])
def test_a_server_that_is_not_there_is_no_display(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DISPLAY", address)
    assert reason().startswith(f"no display answers at DISPLAY='{address}' (")


def test_a_server_that_never_answers_is_no_display(serve: Callable[..., XServer]) -> None:
    server = serve(say_nothing)
    assert reason().startswith(f"no display answers at DISPLAY='{server.address}' (timed out)")


def test_a_server_that_hangs_up_is_no_display(serve: Callable[..., XServer]) -> None:
    serve(hang_up)
    assert "(it hung up)" in reason() or "(Connection reset by peer)" in reason()


def test_a_server_that_is_just_resetting_is_asked_again(serve: Callable[..., XServer]) -> None:
    serve(hang_up, welcome)
    assert find_display() is None


def test_a_server_that_refuses_is_quoted(serve: Callable[..., XServer]) -> None:
    server = serve(refuse)
    assert reason() == (
        f"the display '{server.address}' refuses this user (Authorization required): "
        "start it as the user who is logged in there."
    )


def test_the_cookie_of_the_display_is_shown(
    serve: Callable[..., XServer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = serve(welcome_the_cookie)
    number = server.address.partition(":")[2].partition(".")[0]

    def entry(*fields: bytes) -> bytes:
        return struct.pack(">H", 256) + b"".join(struct.pack(">H", len(field)) + field for field in fields)

    name = b"MIT-MAGIC-COOKIE-1"
    (tmp_path / "authority").write_bytes(
        entry(b"elsewhere", b"63", name, b"another display.")
        + entry(b"elsewhere", number.encode(), name, b"a stale cookie!!")
        + entry(socket.gethostname().encode(), number.encode(), name, COOKIE)
        + b"\x01"  # a torn end
    )
    monkeypatch.setenv("XAUTHORITY", str(tmp_path / "authority"))
    assert find_display() is None
    assert COOKIE in server.greetings[0]


def test_a_held_display_keeps_its_client_until_it_is_let_go(serve: Callable[..., XServer]) -> None:
    server = serve(welcome)
    with hold_display() as client:
        assert isinstance(client, socket.socket)
        assert client.fileno() >= 0
    assert client.fileno() == -1
    assert len(server.greetings) == 1


def test_a_display_that_has_gone_cannot_be_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    with pytest.raises(SinkError, match="no display answers at DISPLAY=':4711'"):
        hold_display()


def test_the_headless_wheel_is_told_from_a_missing_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "")
    assert reason() == (
        "this OpenCV was built without windows (opencv-python-headless): pip uninstall -y "
        "opencv-python-headless opencv-python, then pip install opencv-python."
    )


def test_a_library_that_the_window_plugin_lacks_is_named_with_the_line_to_type(
    serve: Callable[..., XServer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    serve(welcome)
    (tmp_path / "platforms").mkdir()
    (tmp_path / "platforms" / "libqxcb.so").write_bytes(b"no library")
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "QT5")
    monkeypatch.setenv("QT_QPA_PLATFORM_PLUGIN_PATH", str(tmp_path))
    assert reason().startswith("OpenCV's window lacks a system library (")
    assert reason().endswith("sudo apt install libgl1 libglib2.0-0 libsm6.")


def test_an_opencv_that_cannot_load_is_told_with_the_line_to_type(tmp_path: Path) -> None:
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    program = subprocess.run(
        [
            sys.executable,
            "-c",
            "from live_gradcam.sinks.display_check import find_display; print(find_display())",
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert program.stdout.startswith(
        "OpenCV cannot be loaded (libGL.so.1: cannot open shared object file): "
        "sudo apt install libgl1 libglib2.0-0 libsm6, or install opencv-python-headless"
    )


def test_opencv_after_pyav_is_told_instead_of_hanging() -> None:
    look = "import av, cv2; from live_gradcam.sinks.display_check import find_display; print(find_display())"
    done = subprocess.run(
        [sys.executable, "-c", look],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "DISPLAY": ":0"},
    )
    if sys.platform.startswith("linux"):
        assert "PyAV was imported before OpenCV, whose window then hangs: import cv2" in done.stdout
    else:
        assert done.stdout.strip() == "None"


@pytest.mark.parametrize(
    "module", ["sinks.recorder", "sinks.encoder", "sources.video", "sources.failure_reasons", "pipeline"]
)
def test_whatever_loads_pyav_loads_opencv_first(module: str) -> None:
    look = f"import sys, live_gradcam.{module}; n = list(sys.modules); print(n.index('cv2') < n.index('av'))"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_the_size_of_the_screen_is_what_the_server_says(monkeypatch: pytest.MonkeyPatch) -> None:
    require_screen()
    with Screen() as screen:
        monkeypatch.setenv("DISPLAY", screen.address)
        assert screen_size() == (WIDTH, HEIGHT)


def test_a_screen_that_cannot_be_asked_has_no_known_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    assert screen_size() is None
    monkeypatch.delenv("DISPLAY")
    assert screen_size() is None
