"""Displays: whether a window can be opened, tested before Qt starts.

If Qt finds no X server that answers, it calls `abort()`, which Python cannot catch. So all conditions are checked
first, by talking to the server in its own protocol, with a time limit.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from live_gradcam.errors import SinkError

_TIMEOUT_SECONDS = 2.0
_RESET_SECONDS = 1.0
_WELCOME = 1
_MAGIC_COOKIE = b"MIT-MAGIC-COOKIE-1"
_APT = "sudo apt install libgl1 libglib2.0-0 libsm6"


def find_display() -> str | None:
    """Return why no window can be opened; None if one can.

    Windows and macOS are assumed to have a display.

    Returns:
        None, or one line with the reason and what to do.
    """
    try:
        import cv2  # here, so that a missing library gives a message
    except ImportError as error:
        return f"OpenCV cannot be loaded ({error}): {_APT}, or install opencv-python-headless for no window."
    toolkit = cv2.currentUIFramework()
    if not toolkit:
        return (
            "this OpenCV was built without windows (opencv-python-headless): pip uninstall -y "
            "opencv-python-headless opencv-python, then pip install opencv-python."
        )
    if sys.platform in ("win32", "darwin"):
        return None
    address = os.environ.get("DISPLAY", "")
    loaded = list(sys.modules)
    if "av" in sys.modules and loaded.index("av") < loaded.index("cv2"):
        # Each has its own libxcb, and with PyAV's loaded first OpenCV's window hangs.
        return "PyAV was imported before OpenCV, whose window then hangs: import cv2 (or this package's modules) first."
    if not address:
        if "WAYLAND_DISPLAY" not in os.environ:
            return "there is no display (DISPLAY is not set): start it on a desktop, or log in with ssh -X."
        if toolkit.startswith("QT"):
            return "OpenCV's window needs an X server, and this Wayland desktop has none: install xwayland."
        return None
    try:
        _open(address).close()
    except SinkError as error:
        return str(error)
    return _why_no_plugin() if toolkit.startswith("QT") else None


def hold_display() -> AbstractContextManager[object]:
    """Return a context in which the display keeps answering, for the moment in which Qt connects to it.

    An X server may reset itself when its last client leaves, and disconnects new clients; Qt would abort. This context
    keeps a client connected.

    Raises:
        SinkError: there is no display any more; the message says why.
    """
    address = os.environ.get("DISPLAY", "")
    if sys.platform in ("win32", "darwin") or not address:
        return nullcontext()
    return _open(address)


def screen_size() -> tuple[int, int] | None:
    """Return the (width, height) of the screen in pixels; None if unknown.

    With several monitors an X server returns the size of all of them together.
    """
    if sys.platform == "win32":
        user32 = ctypes.windll.user32
        return int(user32.GetSystemMetrics(0)), int(user32.GetSystemMetrics(1))
    address = os.environ.get("DISPLAY", "")
    if sys.platform == "darwin" or not address:
        return None
    try:
        with _open(address) as connection:
            # The server's setup reply: 32 bytes, the vendor's name, the pixel formats, the first screen.
            fixed = _receive(connection, 32)
            vendor, formats = struct.unpack_from("<H", fixed, 16)[0], fixed[21]
            rest = _receive(connection, vendor + -vendor % 4 + 8 * formats + 24)
    except (SinkError, OSError, EOFError):
        return None
    width, height = struct.unpack_from("<HH", rest, len(rest) - 4)
    return int(width), int(height)


def _why_no_plugin() -> str | None:
    """Return which system library Qt's window plugin lacks, for which Qt would abort; None if it lacks none."""
    plugin = Path(os.environ.get("QT_QPA_PLATFORM_PLUGIN_PATH", "")) / "platforms" / "libqxcb.so"
    if not plugin.is_file():
        return None
    try:
        ctypes.CDLL(str(plugin), mode=os.RTLD_LAZY)
    except OSError as error:
        return f"OpenCV's window lacks a system library ({error}): {_APT}."
    return None


def _open(address: str) -> socket.socket:
    """Return a connection to the X server at an address such as `:0` or `localhost:10.0`.

    Raises:
        SinkError: it did not accept the connection; the message says why and what to do.
    """
    host, colon, numbers = address.rpartition(":")
    number = numbers.partition(".")[0]
    if not colon or not number.isdecimal():
        raise SinkError(f"there is no display: DISPLAY is '{address}', and it should look like ':0'.")
    refusal = ""
    for cookie in [*_cookies(number), b""]:
        try:
            connection, refusal = _handshake(host, int(number), cookie)
        except (OSError, EOFError) as error:
            cause = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise SinkError(
                f"no display answers at DISPLAY='{address}' ({cause}): start it on a desktop, log in with ssh -X, "
                "or unset DISPLAY."
            ) from error
        if not refusal:
            return connection
        connection.close()
    raise SinkError(
        f"the display '{address}' refuses this user ({refusal}): start it as the user who is logged in there."
    )


def _connect(host: str, number: int) -> socket.socket:
    """Return a connection to an X server, trying the same ways as libxcb."""
    if host and host != "unix":
        return socket.create_connection((host.strip("[]"), 6000 + number), timeout=_TIMEOUT_SECONDS)
    path = f"/tmp/.X11-unix/X{number}"  # the standard socket of X servers on Unix
    paths = [f"\0{path}", path] if sys.platform == "linux" else [path]
    for place in paths:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(_TIMEOUT_SECONDS)
        try:
            connection.connect(place)
        except OSError:
            connection.close()
            if place == paths[-1]:
                raise
        else:
            return connection
    raise ConnectionRefusedError


def _handshake(host: str, number: int, cookie: bytes) -> tuple[socket.socket, str]:
    """Set up an X connection.

    Returns:
        The connection, and the server's reason if it refuses, otherwise an empty string.

    Raises:
        OSError, EOFError: it does not answer like an X server.
    """
    name = _MAGIC_COOKIE if cookie else b""
    header = struct.pack("<cxHHHHxx", b"l", 11, 0, len(name), len(cookie))
    deadline = time.monotonic() + _RESET_SECONDS
    while True:
        connection = _connect(host, number)
        try:
            connection.sendall(header + _padded(name) + _padded(cookie))
            status, length = struct.unpack("<BBxxxxxx", _receive(connection, 8))
            refused = status != _WELCOME
            words = _receive(connection, length).decode("latin-1").strip() if refused else ""
        except (EOFError, ConnectionResetError, BrokenPipeError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)  # it may be resetting after its last client left
        except OSError:
            connection.close()
            raise
        else:
            return connection, (words or "it asks for a password") if refused else ""


def _padded(field: bytes) -> bytes:
    return field + bytes(-len(field) % 4)


def _receive(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        piece = connection.recv(count - len(received))
        if not piece:
            raise EOFError("it hung up")
        received += piece
    return received


def _cookies(number: str) -> list[bytes]:
    """Return the cookies in the user's Xauthority file for a display, this host's first."""
    place = Path(os.environ.get("XAUTHORITY", "~/.Xauthority")).expanduser()
    try:
        content = place.read_bytes()
    except OSError:
        return []
    here = socket.gethostname().encode()
    found: list[tuple[bool, bytes]] = []
    offset = 0
    while offset + 2 < len(content):
        offset += 2
        fields: list[bytes] = []
        for _ in range(4):
            (size,) = struct.unpack_from(">H", content.ljust(offset + 2, b"\0"), offset)
            fields.append(content[offset + 2 : offset + 2 + size])
            offset += 2 + size
        host, display, name, cookie = fields
        if name == _MAGIC_COOKIE and display in (b"", number.encode()):
            found.append((host != here, cookie))
    return list(dict.fromkeys(cookie for _, cookie in sorted(found)))
