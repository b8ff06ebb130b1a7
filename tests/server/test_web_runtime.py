"""ONNX Runtime for browsers: fetched once, checked, and never half kept."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websites import Site, content, website

from live_gradcam.errors import LiveGradcamError
from live_gradcam.server import web_runtime
from live_gradcam.server.web_runtime import FILES, package_path, runtime_parts


def package(**files: bytes) -> bytes:
    """A package of npm: a compressed archive whose files lie in `package/`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/dist/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


CONTENT = package(**{file: name.encode() for name, file in FILES.items()}, other=b"?")


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The checksum of this test's package, and a cache of its own."""
    checksum = base64.b64encode(hashlib.sha512(CONTENT).digest()).decode()
    monkeypatch.setattr(web_runtime, "_SHA512", checksum)
    monkeypatch.setattr(web_runtime, "user_cache_path", lambda _: tmp_path)


@contextmanager
def registry(monkeypatch: pytest.MonkeyPatch, body: bytes) -> Iterator[Site]:
    """Let a web server of this test stand for the registry."""
    with website({"/package.tgz": content(body, "application/octet-stream")}) as site:
        monkeypatch.setattr(web_runtime, "ADDRESS", site.url("/package.tgz"))
        yield site


def test_it_is_fetched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with registry(monkeypatch, CONTENT) as site:
        assert runtime_parts() == {name: name.encode() for name in FILES}
        assert runtime_parts() == {name: name.encode() for name in FILES}
        assert site.count("/package.tgz") == 1
    assert package_path().read_bytes() == CONTENT


def test_a_package_that_was_placed_by_hand_is_taken() -> None:
    package_path().parent.mkdir(parents=True)
    package_path().write_bytes(CONTENT)
    assert runtime_parts() == {name: name.encode() for name in FILES}


def test_another_file_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    said = r"gave another file than expected \(\d+ bytes\): nothing was kept"
    with registry(monkeypatch, CONTENT[:-9]), pytest.raises(LiveGradcamError, match=said):
        runtime_parts()
    assert not package_path().exists()
    assert [each for each in package_path().parent.parent.rglob("*") if each.is_file()] == []


def test_another_file_in_its_place_is_named() -> None:
    package_path().parent.mkdir(parents=True)
    package_path().write_bytes(b"<html>Sign in</html>")
    with pytest.raises(LiveGradcamError, match=r"its checksum is .*Delete it, and it is fetched again"):
        runtime_parts()
    assert package_path().read_bytes() == b"<html>Sign in</html>"


def test_without_a_network_it_says_where_to_place_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_runtime, "ADDRESS", "http://127.0.0.1:9/onnxruntime-web.tgz")
    with pytest.raises(LiveGradcamError) as error:
        runtime_parts()
    text = str(error.value)
    assert text.startswith(
        "ONNX Runtime for browsers cannot be fetched from http://127.0.0.1:9/onnxruntime-web.tgz: "
    )
    assert text.endswith(f"Without a network, place that file at '{package_path()}'.")


def test_a_folder_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "web-runtime").write_text("a file")
    said = f"cannot keep ONNX Runtime at '{package_path()}'"
    with registry(monkeypatch, CONTENT), pytest.raises(LiveGradcamError, match=said):
        runtime_parts()
