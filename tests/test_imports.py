"""What is loaded when: the package and its help are quick because they leave the heavy libraries alone."""

from __future__ import annotations

import importlib.resources
import subprocess
import sys

import pytest

import live_gradcam

HEAVY = ("tensorflow", "keras", "cv2", "av", "openvino", "onnx", "onnxruntime")
TELL_LOADED = f"import sys; print([name for name in {HEAVY} if name in sys.modules])"


def run_python(code: str, *arguments: str) -> list[str]:
    """Run code in a fresh Python and return the lines it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_importing_the_package_loads_neither_tensorflow_nor_opencv() -> None:
    assert run_python(f"import live_gradcam; {TELL_LOADED}") == ["[]"]


def test_the_check_for_heavy_libraries_sees_one_that_was_loaded() -> None:
    assert run_python(f"import cv2; {TELL_LOADED}") == ["['cv2']"]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["live", "--help"], ["annotate", "--help"], ["export", "--help"], ["--version"]]
)
def test_help_loads_neither_tensorflow_nor_opencv(arguments: list[str]) -> None:
    code = (
        "import atexit, runpy\n"
        f"def tell():\n    {TELL_LOADED}\n"
        "atexit.register(tell)\n"
        "runpy.run_module('live_gradcam', run_name='__main__', alter_sys=True)"
    )
    lines = run_python(code, *arguments)
    assert lines[-1] == "[]"
    assert "live-gradcam" in "\n".join(lines[:-1])


def test_the_audit_is_a_function_and_a_package_whichever_is_used_first() -> None:
    call = "callable(live_gradcam.audit)"
    package = "import live_gradcam.audit.findings as findings; print(findings.__name__)"
    for code in (f"print({call}); {package}", f"{package}; print({call})"):
        lines = run_python(f"import live_gradcam; {code}; {TELL_LOADED}")
        assert sorted(lines[:2]) == ["True", "live_gradcam.audit.findings"]


def test_the_names_of_methods_are_known_without_tensorflow() -> None:
    assert run_python(f"import live_gradcam.explain.methods.method; {TELL_LOADED}") == ["[]"]


@pytest.mark.parametrize("name", live_gradcam.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(live_gradcam, name) is not None
    assert name in dir(live_gradcam)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'live_gradcam' has no attribute 'explode'"):
        _ = live_gradcam.explode


def test_the_package_says_that_it_is_typed() -> None:
    assert importlib.resources.files("live_gradcam").joinpath("py.typed").is_file()
