"""The two commands of a fresh machine: what they make, when they make it again, and what they say.

A pretend `uv` stands in for the installation (fake_uv.py); the real one is what runs these tests.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import SLOW_GROUPS
from limits import until

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "scripts"
BARE = ("demo.py", "test.py", "check.py", "environment.py")

on_posix = pytest.mark.skipif(os.name == "nt", reason="only on Linux and macOS: the pretend uv is a script")


class Checkout:
    """A copy of the scripts beside a pyproject.toml, on a machine whose `uv` is a pretence."""

    def __init__(self, place: Path) -> None:
        self.root = place / "checkout"
        self.tools = place / "tools"
        self.variables: dict[str, str] = {}
        self.tools.mkdir()
        shutil.copytree(SCRIPTS, self.root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        (self.root / "pyproject.toml").write_text("[project]\n", "utf-8")
        fake = (ROOT / "tests" / "fake_uv.py").read_text("utf-8")
        (self.tools / "uv").write_text(f"#!{sys.executable}\n{fake}", "utf-8")
        (self.tools / "uv").chmod(0o755)
        self.behave("")

    @property
    def stamp(self) -> Path:
        return self.root / ".venv" / "live-gradcam.json"

    def behave(self, behaviour: str) -> None:
        """Tell the pretend uv what is to go wrong; nothing, where it is empty."""
        (self.tools / "behaviour").write_text(behaviour, "utf-8")

    def calls(self) -> list[str]:
        """Return what uv was asked for since the last time, one line each, shortened."""
        log = self.tools / "log"
        lines = log.read_text("utf-8").splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [line.replace(str(self.root), "ROOT").replace(" --quiet", "") for line in lines]

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name != "LIVE_GRADCAM_NO_SKIPS"}
        return {**inherited, **self.variables, "PATH": f"{self.tools}{os.pathsep}{os.environ['PATH']}"}

    def start(self, script: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(self.root / "scripts" / script), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=self.environment,
        )

    def run(self, script: str, *arguments: str) -> tuple[int, str, str]:
        """Run a script and return its exit code and what it printed on stdout and stderr."""
        with self.start(script, *arguments) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


MADE = f"venv --allow-existing --python {sys.executable} ROOT/.venv"
INSTALLED = "pip install --python ROOT/.venv/bin/python --editable ROOT"


@on_posix
def test_the_first_run_makes_the_environment_and_passes_the_arguments_on(checkout: Checkout) -> None:
    code, out, err = checkout.run("demo.py", "--alpha", "0.5")
    show = checkout.root / "scripts" / "show.py"
    assert (code, err) == (7, "")  # the pretend interpreter's own exit code
    assert out.splitlines() == [
        f"Making .venv for Python {sys.version_info[0]}.{sys.version_info[1]} with uv.",
        "Installing live_gradcam [demo, fast] into .venv. TensorFlow alone is a download of 200 to 600 MB: "
        "this first time takes minutes.",
        f"ran -P {show}  --alpha 0.5",
    ]
    assert checkout.calls() == [MADE, f"{INSTALLED}[demo,fast]"]


@on_posix
def test_the_second_run_starts_at_once(checkout: Checkout) -> None:
    checkout.run("demo.py")
    checkout.calls()
    _, out, _ = checkout.run("demo.py", "--frames", "3")
    assert out == f"ran -P {checkout.root / 'scripts' / 'show.py'}  --frames 3\n"
    assert checkout.calls() == []


@on_posix
def test_the_tests_leave_the_slow_groups_out_and_pass_the_arguments_on(checkout: Checkout) -> None:
    _, out, _ = checkout.run("test.py", "-k", "demo")
    slow = "not audits and not fuzz and not geometry and not hostile and not keras2"
    slow += " and not lessons and not load and not peers and not runs and not runtimes and not screens"
    slow += " and not soak"
    spread = f"-n {min(4, (os.cpu_count() or 1) + 2)} --dist worksteal"
    assert out.splitlines()[-1] == f"ran -m pytest -m {slow} {spread} -k demo"


@on_posix
def test_a_slow_group_runs_in_one_process(checkout: Checkout) -> None:
    _, out, _ = checkout.run("test.py", "-m", "load")
    assert out.splitlines()[-1].endswith(" and not soak -m load")


@on_posix
def test_the_quick_tests_are_kept_by_a_plugin(checkout: Checkout) -> None:
    _, out, _ = checkout.run("test.py", "--quick", "-k", "demo")
    assert out.splitlines()[-1].endswith(" --dist worksteal -p tests.quick -k demo")


def test_every_slow_group_is_declared_and_has_tests() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]["ini_options"]
    declared = {line.partition(":")[0] for line in settings["markers"]}
    assert declared == {*SLOW_GROUPS, "timed", "long"}
    written = re.search(r"^SLOW_GROUPS = (\(.*?\))$", (SCRIPTS / "test.py").read_text("utf-8"), re.M | re.S)
    assert written is not None
    assert ast.literal_eval(written[1]) == SLOW_GROUPS
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert [group for group in (*SLOW_GROUPS, "long") if f"mark.{group}" not in code] == []


@on_posix
def test_the_tests_may_be_forbidden_to_skip(checkout: Checkout) -> None:
    checkout.variables["LIVE_GRADCAM_NO_SKIPS"] = "1"
    _, out, _ = checkout.run("test.py")
    assert out.splitlines()[-1].endswith(" --dist worksteal -p tests.no_skips")


@on_posix
def test_the_demo_and_the_tests_share_an_environment(checkout: Checkout) -> None:
    checkout.run("demo.py")
    checkout.run("test.py")
    assert checkout.calls() == [MADE, f"{INSTALLED}[demo,fast]", f"{INSTALLED}[demo,dev,fast]"]
    checkout.run("demo.py")
    checkout.run("test.py")
    assert checkout.calls() == []


@on_posix
def test_a_change_of_the_requirements_is_installed(checkout: Checkout) -> None:
    checkout.run("test.py")
    (checkout.root / "pyproject.toml").write_text("[project]\nname = 'x'\n", "utf-8")
    checkout.calls()
    _, out, _ = checkout.run("demo.py")
    assert out.startswith("Bringing live_gradcam [demo, dev, fast] in .venv up to date.\n")
    assert checkout.calls() == [f"{INSTALLED}[demo,dev,fast]"]


@on_posix
def test_another_python_makes_the_environment_afresh(checkout: Checkout) -> None:
    checkout.run("demo.py")
    (checkout.root / ".venv" / "pyvenv.cfg").write_text("version = 3.99.1\n", "utf-8")
    checkout.stamp.write_text(json.dumps({"digest": "of 3.99", "extras": ["demo"]}), "utf-8")
    checkout.calls()
    _, out, _ = checkout.run("demo.py")
    this = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert out.startswith(f".venv is of Python 3.99 and this is {this}: making .venv afresh.\n")
    assert checkout.calls() == [MADE, f"{INSTALLED}[demo,fast]"]


@on_posix
@pytest.mark.parametrize(
    "end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=["Ctrl-C", "terminated", "killed"]
)
def test_an_interrupted_installation_is_not_taken_for_a_finished_one(
    checkout: Checkout, end: signal.Signals
) -> None:
    checkout.behave("hang")
    with checkout.start("demo.py") as process:
        log = checkout.tools / "log"
        until(lambda: log.exists() and "--editable" in log.read_text("utf-8"), "the installation")
        process.send_signal(end)
        if end is not signal.SIGKILL:  # a killed script cannot end its child, which holds the pipes
            out, err = process.communicate(timeout=60)
            assert "Traceback" not in out + err
            assert process.returncode in (130, 143)
    checkout.behave("")
    checkout.calls()
    (checkout.root / ".venv" / "half").touch()
    _, out, _ = checkout.run("demo.py")
    assert out.startswith("The last installation was interrupted: making .venv afresh.\n")
    assert checkout.calls() == [MADE, f"{INSTALLED}[demo,fast]"]
    assert not (checkout.root / ".venv" / "half").exists()


@on_posix
@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("fail", "The installation failed; the lines above say why. Then run this again."),
        ("offline", "No network: the package index could not be reached. Connect, then run this again."),
    ],
)
def test_a_failed_installation_ends_in_one_line_with_the_command(
    checkout: Checkout, behaviour: str, reason: str
) -> None:
    checkout.behave(behaviour)
    code, out, err = checkout.run("demo.py")
    assert code == 1
    assert "ran " not in out
    *tail, last = err.splitlines()
    assert tail[0] == "  | line one"
    assert last.startswith(f"{reason} (`{checkout.tools / 'uv'} pip install")
    assert last.endswith("ended with exit code 2.)")
    checkout.behave("")
    checkout.calls()
    code, _, _ = checkout.run("demo.py")
    assert code == 7
    assert checkout.calls() == [f"{INSTALLED}[demo,fast]"]


@on_posix
def test_without_libgl_the_headless_opencv_takes_the_place_of_the_one_with_windows(
    checkout: Checkout,
) -> None:
    checkout.behave("no-libgl")
    code, out, _ = checkout.run("demo.py", "--frames", "3")
    replaced = [
        "pip uninstall --python ROOT/.venv/bin/python opencv-python opencv-python-headless",
        "pip install --python ROOT/.venv/bin/python --force-reinstall --no-deps opencv-python-headless==5.0.0",
    ]
    hint = (
        "OpenCV's windows need libNoSuch.so.1, which this system lacks. For a window, type "
        "`apt-get install libgl1 libglib2.0-0 libsm6` and run this again: the wheel with windows comes back."
    )
    assert code == 7
    assert "OpenCV's wheel with windows needs libNoSuch.so.1: installing the headless one instead.\n" in out
    assert out.splitlines()[-1] == f"ran -P {checkout.root / 'scripts' / 'show.py'} {hint} --frames 3"
    assert checkout.calls() == [MADE, f"{INSTALLED}[demo,fast]", *replaced]
    checkout.run("demo.py")
    assert checkout.calls() == []


@on_posix
def test_the_opencv_with_windows_comes_back_once_the_library_is_there(checkout: Checkout) -> None:
    checkout.behave("no-libgl")
    checkout.run("demo.py")
    checkout.calls()
    stamp = json.loads(checkout.stamp.read_text("utf-8"))
    there = "libc.so.6" if sys.platform == "linux" else "libSystem.dylib"
    checkout.stamp.write_text(json.dumps({**stamp, "missing_library": there}), "utf-8")
    checkout.behave("")
    _, out, _ = checkout.run("demo.py")
    assert out.startswith(f"{there} is here now: putting back OpenCV's wheel with windows.\n")
    assert checkout.calls()[1].endswith("--no-deps opencv-python==5.0.0")
    assert json.loads(checkout.stamp.read_text("utf-8"))["missing_library"] is None


@on_posix
def test_an_opencv_that_fails_for_another_reason_is_an_error(checkout: Checkout) -> None:
    checkout.behave("broken-opencv")
    code, _, err = checkout.run("demo.py")
    assert code == 1
    assert "  | ImportError: numpy is too old" in err
    assert not checkout.stamp.exists()


@pytest.mark.parametrize("script", BARE)
def test_an_old_python_can_read_the_scripts(script: str) -> None:
    source = (SCRIPTS / script).read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 6))
    futures = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert all(node.module != "__future__" for node in futures), "3.6 knows no `annotations`"


@pytest.mark.parametrize("script", BARE)
def test_the_scripts_import_the_standard_library_only(script: str) -> None:
    names = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse((SCRIPTS / script).read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        )
    }
    assert names <= sys.stdlib_module_names | {"environment"}


@pytest.mark.parametrize("script", ["demo.py", "test.py", "check.py", "site.py"])
def test_an_old_python_is_told_what_to_install(script: str) -> None:
    pretend = (
        "import runpy, shutil, sys\n"
        "sys.version_info = (3, 8, 10, 'final', 0)\n"
        "shutil.which = lambda name: None\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "runpy.run_path(sys.argv[1] + '/' + sys.argv[2], run_name='__main__')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", pretend, str(SCRIPTS), script],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        f"live_gradcam needs Python 3.11 or newer, and this is 3.8 ({sys.executable}): install Python 3.13 "
        "(https://www.python.org/downloads/), or uv (https://docs.astral.sh/uv/), which fetches one, then run "
        "this again.\n"
    )


@on_posix
def test_an_old_python_hands_over_to_uv_where_there_is_one(checkout: Checkout) -> None:
    pretend = (
        "import runpy, sys\n"
        "sys.version_info = (3, 8, 10, 'final', 0)\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "del sys.argv[0]\n"
        "sys.argv[0] += '/demo.py'\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    scripts = checkout.root / "scripts"
    done = subprocess.run(
        [sys.executable, "-c", pretend, str(scripts), "--alpha", "1"],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env=checkout.environment,
    )
    assert done.stdout == "This is Python 3.8, and 3.11 or newer is needed: uv finds or fetches one.\n"
    assert checkout.calls() == ["run --no-project --python >=3.11,<3.14 ROOT/scripts/demo.py --alpha 1"]
