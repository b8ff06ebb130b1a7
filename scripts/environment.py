"""The project's own `.venv`: made, filled and kept in step with pyproject.toml; standard library only.

`.venv/live-gradcam.json` tells what was installed. It says `installing` until the last step is done, so that
an installation that was interrupted is never taken for a finished one.

The grammar of this file, and all that runs before the version is looked at, must suit Python 3.6: an old
Python then prints what is wrong instead of a syntax error.
"""

import ctypes
import hashlib
import importlib.util
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import typing
from pathlib import Path

OLDEST = (3, 11)
NEWER = ">=3.11,<3.14"  # what uv is asked for: the versions that TensorFlow is built for
PYTHON_VERSION = "{}.{}".format(*sys.version_info[:2])
INTERRUPTED = 130


def run(command: "list[str]", cwd: "Path | None" = None) -> int:
    """Run a command on this terminal, leave Ctrl-C to it, and return its exit code."""
    child = subprocess.Popen(command, cwd=cwd)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    while True:
        try:
            code = child.wait()
        except KeyboardInterrupt:
            continue  # the terminal sent it to the child too, which ends in its own good time
        return code if code >= 0 else 128 - code


def _leave_this_python() -> None:
    uv = shutil.which("uv")
    if uv is None:
        sys.exit(
            f"live_gradcam needs Python 3.11 or newer, and this is {PYTHON_VERSION} ({sys.executable}): "
            "install Python 3.13 (https://www.python.org/downloads/), or uv (https://docs.astral.sh/uv/), "
            "which fetches one, then run this again."
        )
    print(
        f"This is Python {PYTHON_VERSION}, and 3.11 or newer is needed: uv finds or fetches one.", flush=True
    )
    sys.exit(run([uv, "run", "--quiet", "--no-project", "--python", NEWER, *sys.argv]))


if sys.version_info < OLDEST:
    _leave_this_python()

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "live-gradcam.json"

_TAIL_LINES = 12
_PATIENCE_S = 60.0
_NO_NETWORK = re.compile(
    "NewConnectionError|NameResolutionError|ConnectTimeoutError|Failed to establish a new connection|"
    "Temporary failure in name resolution|Name or service not known|getaddrinfo failed|"
    "nodename nor servname|Network is unreachable|dns error|tcp connect error"
)
_NO_TENSORFLOW = re.compile("No matching distribution found for tensorflow|tensorflow[^\n]* no wheels")
_MISSING_LIBRARY = re.compile(r"(\S+\.so[.\d]*): cannot open shared object file")
_OPENCV_WHEELS = """
from importlib.metadata import distributions
for name in ("opencv-python", "opencv-python-headless"):
    print(*{found.version for found in distributions(name=name)})
"""


class CommandError(Exception):
    """A step of the installation ended with an exit code other than 0."""

    def __init__(self, command: list[str], code: int, output: str) -> None:
        super().__init__(command, code)
        self.command = command
        self.code = code
        self.output = output


def prepare(*extras: str) -> str | None:
    """Make `.venv` hold this project, editable, with `extras`; quick where it does already.

    Ends the program with one clear line where that fails.

    Returns:
        The shared library for want of which OpenCV came without windows; None where it has them.
    """
    stamp = _read_stamp()
    missing: str | None = stamp.get("missing_library")
    current = stamp.get("digest") == _digest() and {*extras} <= {*stamp["extras"]} and PYTHON.exists()
    if current and (missing is None or not _loads(missing)):
        return missing
    extras = tuple(sorted({*extras, *stamp.get("extras", [])}))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        kept = _make_room(stamp)
        if current:
            print(f"{missing} is here now: putting back OpenCV's wheel with windows.", flush=True)
        else:
            _install(extras, update=kept and "digest" in stamp)
        missing = _settle_opencv()
        _write_stamp({"digest": _digest(), "extras": extras, "missing_library": missing})
    except CommandError as error:
        STAMP.unlink()  # a pip or uv that fails leaves things as they were: no need to start afresh
        sys.exit(_worded(error))
    except KeyboardInterrupt:
        print("\nInterrupted: the next run starts the installation afresh.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except OSError as error:
        sys.exit(f"Could not make {VENV} ({error}): see to the disk's space and rights, then run this again.")
    return missing


def window_hint(missing_library: str) -> str:
    """Say what to type for a window where OpenCV's wheel with windows lacks a library of the system."""
    return (
        f"OpenCV's windows need {missing_library}, which this system lacks. For a window, type "
        "`apt-get install libgl1 libglib2.0-0 libsm6` and run this again: the wheel with windows comes back."
    )


def _digest() -> str:
    """Hash what makes an environment the right one: the requirements, the Python, the place."""
    facts = [(ROOT / "pyproject.toml").read_bytes(), PYTHON_VERSION.encode(), os.fsencode(ROOT)]
    return hashlib.sha256(b"\0".join(facts)).hexdigest()


def _read_stamp() -> dict[str, typing.Any]:
    try:
        stamp: dict[str, typing.Any] = json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp


def _write_stamp(stamp: dict[str, typing.Any]) -> None:
    partial = STAMP.with_suffix(".tmp")
    partial.write_text(json.dumps(stamp), "utf-8")
    partial.replace(STAMP)


def _make_room(stamp: dict[str, typing.Any]) -> bool:
    """Make `.venv` an environment of this Python, marked as not finished; return whether it was one before."""
    reason = _why_afresh(stamp)
    if reason is not None:
        print(f"{reason}: making .venv afresh.", flush=True)
        shutil.rmtree(VENV)
    VENV.mkdir(exist_ok=True)
    _write_stamp({"installing": True, "extras": stamp.get("extras", [])})
    uv = shutil.which("uv")
    if PYTHON.exists() and (uv is not None or _succeeds([str(PYTHON), "-m", "pip", "--version"])):
        return True
    print(f"Making .venv for Python {PYTHON_VERSION} with {'venv' if uv is None else 'uv'}.", flush=True)
    if uv is not None:
        _do([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(VENV)])
    elif importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        STAMP.unlink()
        sys.exit(
            f"This Python ({sys.executable}) cannot make virtual environments: on Debian and Ubuntu type "
            "`apt-get install python3-venv`, or install uv (https://docs.astral.sh/uv/), then run this again."
        )
    else:
        _do([sys.executable, "-m", "venv", str(VENV)])
    return False


def _why_afresh(stamp: dict[str, typing.Any]) -> str | None:
    """Return why the `.venv` that is there is of no use; None where it is, or where there is none."""
    if not VENV.exists():
        return None
    if stamp.get("installing"):
        return "The last installation was interrupted"
    try:
        configuration = (VENV / "pyvenv.cfg").read_text("utf-8")
    except OSError:
        return None  # a folder that is not yet an environment becomes one
    version = re.search(r"^version(?:_info)? *= *(\d+\.\d+)", configuration, re.MULTILINE)
    if version is not None and version[1] != PYTHON_VERSION:
        return f".venv is of Python {version[1]} and this is {PYTHON_VERSION}"
    return None if PYTHON.exists() else "The Python that .venv was made with is gone"


def _install(extras: tuple[str, ...], *, update: bool) -> None:
    what = f"live_gradcam [{', '.join(extras)}]"
    first = "TensorFlow alone is a download of 200 to 600 MB: this first time takes minutes."
    print(
        f"Bringing {what} in .venv up to date." if update else f"Installing {what} into .venv. {first}",
        flush=True,
    )
    _do([*_pip("install"), "--editable", f"{ROOT}[{','.join(extras)}]"])


def _settle_opencv() -> str | None:
    """Leave the OpenCV wheel that this system can load: the one with windows, else the headless one.

    Returns:
        The library that the wheel with windows lacks; None where that wheel loads.
    """
    with_windows, headless = _do([str(PYTHON), "-c", _OPENCV_WHEELS]).splitlines()
    version = with_windows or headless
    if headless:  # alone, or half overwritten by the other wheel: they share a folder
        _replace_opencv(f"opencv-python=={version}")
    try:
        _do([str(PYTHON), "-c", "import cv2"])
    except CommandError as error:
        missing = _MISSING_LIBRARY.search(error.output)
        if missing is None:
            raise
        print(
            f"OpenCV's wheel with windows needs {missing[1]}: installing the headless one instead.",
            flush=True,
        )
        _replace_opencv(f"opencv-python-headless=={version}")
        _do([str(PYTHON), "-c", "import cv2"])
        return missing[1]
    return None


def _replace_opencv(requirement: str) -> None:
    _do([*_pip("uninstall"), "opencv-python", "opencv-python-headless"])
    _do([*_pip("install"), "--force-reinstall", "--no-deps", requirement])


def _pip(verb: str) -> list[str]:
    uv = shutil.which("uv")
    if uv is not None:
        return [uv, "pip", verb, "--quiet", "--python", str(PYTHON)]
    quiet = ["--quiet", "--disable-pip-version-check", "--retries=3"]
    return [str(PYTHON), "-m", "pip", verb, *quiet, *(["--yes"] if verb == "uninstall" else [])]


def _do(command: list[str]) -> str:
    """Run a command in silence and return what it printed; every minute, say that it goes on.

    Raises:
        CommandError: its exit code was not 0.
    """
    with tempfile.TemporaryFile() as log:
        began = time.monotonic()
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT) as child:
            while child.returncode is None:
                try:
                    child.wait(_PATIENCE_S)
                except subprocess.TimeoutExpired:
                    print(f"  still at it after {(time.monotonic() - began) / 60:.0f} min", flush=True)
                except BaseException:
                    child.terminate()  # Ctrl-C, or a signal meant for this process alone
                    raise
        log.seek(0)
        output = log.read().decode(errors="replace")
    if child.returncode != 0:
        raise CommandError(command, child.returncode, output)
    return output


def _succeeds(command: list[str]) -> bool:
    try:
        _do(command)
    except CommandError:
        return False
    return True


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _worded(error: CommandError) -> str:
    """Word a failed step: the tail of its output, then one line with what to do."""
    lines = [line for line in error.output.splitlines() if not line.startswith("WARNING: ")]
    tail = "\n".join(f"  | {line}" for line in lines[-_TAIL_LINES:])
    if _NO_NETWORK.search(error.output):
        reason = "No network: the package index could not be reached. Connect, then run this again."
    elif _NO_TENSORFLOW.search(error.output):
        reason = (
            f"TensorFlow is not built for Python {PYTHON_VERSION} on {platform.system()} "
            f"{platform.machine()}: it is for Python 3.11 to 3.13 on 64-bit Linux, Windows and Apple silicon."
        )
    else:
        reason = "The installation failed; the lines above say why. Then run this again."
    return f"{tail}\n{reason} (`{shlex.join(error.command)}` ended with exit code {error.code}.)"
