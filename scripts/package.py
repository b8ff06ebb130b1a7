#!/usr/bin/env python3
"""Build wheel and sdist, install the wheel in a fresh environment, and use the program from an empty folder.

    python3 scripts/package.py [--out FOLDER] [--work FOLDER]

The sdist is built from this checkout and the wheel from the sdist, as for a release. They go to FOLDER (`dist`), once
everything holds: both have all files; without extras each command names the extra that it needs; the demo, `annotate`
and the page work. --work is where they are built and installed; it is kept, to look into. Without it, a temporary
folder is used. TensorFlow is a download of 200 to 600 MB.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import typing
import urllib.request
import zipfile
from pathlib import Path

import environment

ROOT = environment.ROOT
PACKAGE = "live_gradcam"
PATIENCE_S = 600.0

LACKING = (
    ("serve", "web", 1),
    ("audit photos --out report", "audit", 1),
    ("teach --source demo --out mug.keras", "teach", 1),
    ("export --out cam.onnx", "export", 1),
    ("annotate photo.png --out ray --ray", "cluster", 1),
    ("demo --no-window --frames 1 --engine openvino", "fast", 0),  # TensorFlow computes instead
)
"""A command, the extra that it needs and that is not installed, and its exit code."""


class CheckError(Exception):
    """Something about wheel, sdist or the installed program is not as it must be."""


class Environment:
    """A virtual environment, and an empty folder from which its program is started."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "environment" / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.programs / ("python.exe" if os.name == "nt" else "python")
        self.empty = folder / "empty"
        self.log = folder / "server.log"
        shutil.rmtree(self.empty, ignore_errors=True)
        self.empty.mkdir(parents=True)
        self.uv = shutil.which("uv")
        place = str(folder / "environment")
        shutil.rmtree(place, ignore_errors=True)  # an earlier one has extras
        if self.uv is not None:
            do([self.uv, "venv", "--quiet", "--python", sys.executable, place], folder)
        else:
            do([sys.executable, "-m", "venv", place], folder)

    def install(self, *requirements: str) -> None:
        """Install packages."""
        start = [str(self.python), "-m", "pip", "install"]
        if self.uv is not None:
            start = [self.uv, "pip", "install", "--python", str(self.python)]
        do([*start, "--quiet", *requirements], self.empty)

    @property
    def variables(self) -> "dict[str, str]":
        """The variables of the process, without those through which this checkout could be found."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}

    def live_gradcam(self, typed: str, code: int = 0) -> str:
        """Run a command of the installed program, and return what it printed on stdout and stderr."""
        command = [str(self.programs / "live-gradcam"), *typed.split()]
        try:
            done = subprocess.run(
                command,
                cwd=self.empty,
                env=self.variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                timeout=PATIENCE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CheckError(f"`live-gradcam {typed}` did not end within {PATIENCE_S:.0f} s") from None
        if done.returncode != code:
            raise CheckError(
                f"`live-gradcam {typed}` ended with exit code {done.returncode}, not {code}:\n{done.stdout}"
            )
        return done.stdout


def main(arguments: "list[str]") -> int:
    """Run all steps, say how long each took, and return 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--work", type=Path)
    chosen = parser.parse_args(arguments)
    try:
        if chosen.work is not None:
            run(chosen.work.resolve(), chosen.out.resolve())
        else:
            with tempfile.TemporaryDirectory() as folder:
                run(Path(folder), chosen.out.resolve())
    except CheckError as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    return 0


def run(work: Path, out: Path) -> None:
    """Build, check and copy to `out`."""
    built = work / "built"
    shutil.rmtree(built, ignore_errors=True)
    built.mkdir(parents=True)
    used = Environment(work)
    step("build", lambda: build(used, built))
    sdist, wheel = one(built, "*.tar.gz"), one(built, "*.whl")
    step("files of wheel and sdist", lambda: check_files(sdist, wheel, one(built / "direct", "*.whl")))
    step("install the wheel", lambda: used.install(str(wheel)))
    step("version and help", lambda: check_version(used, wheel))
    step("demo", lambda: check_demo(used))
    step("annotate", lambda: check_annotate(used))
    step("what to type without extras", lambda: check_lacking(used))
    step(
        "install the extra web", lambda: used.install(f"{PACKAGE.replace('_', '-')}[web] @ {wheel.as_uri()}")
    )
    step("the page", lambda: check_page(used, wheel))
    out.mkdir(parents=True, exist_ok=True)
    for each in (sdist, wheel):
        shutil.copy(each, out)
        print(f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {out / each.name}")


def step(name: str, action: "typing.Callable[[], None]") -> None:
    """Run one step, and print its name and duration."""
    began = time.monotonic()
    action()
    print(f"    ok  {name} ({time.monotonic() - began:.0f} s)", flush=True)


def do(command: "list[str]", cwd: Path) -> None:
    """Run a command in silence.

    Raises:
        CheckError: its exit code is not 0.
    """
    done = subprocess.run(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False
    )
    if done.returncode:
        raise CheckError(f"`{' '.join(command)}` ended with exit code {done.returncode}:\n{done.stdout}")


def one(folder: Path, pattern: str) -> Path:
    """Return the only file of a folder that matches."""
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise CheckError(f"{folder} has {len(found)} files {pattern}, and must have one")
    return found[0]


def build(used: Environment, built: Path) -> None:
    """Build sdist → wheel, and beside them a wheel of the checkout itself."""
    if used.uv is not None:
        do([used.uv, "build", "--quiet", "--out-dir", str(built), str(ROOT)], built)
        do([used.uv, "build", "--quiet", "--wheel", "--out-dir", str(built / "direct"), str(ROOT)], built)
        (built / ".gitignore").unlink(missing_ok=True)
        return
    used.install("build")
    start = [str(used.python), "-m", "build"]
    do([*start, "--outdir", str(built), str(ROOT)], built)
    do([*start, "--wheel", "--outdir", str(built / "direct"), str(ROOT)], built)


def check_files(sdist: Path, wheel: Path, direct: Path) -> None:
    """Check that the wheel has every file of the package, and that it does not matter what it is built from."""
    inside = contents(wheel)
    if inside != contents(direct):
        raise CheckError("the wheel that is built from the sdist differs from the one of the checkout")
    here = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / PACKAGE).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    missing = sorted(here - inside.keys())
    if missing:
        raise CheckError(f"the wheel lacks {', '.join(missing)}")
    tracked = files_of_git()
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()} - {"PKG-INFO"}
    if tracked and names != tracked:
        raise CheckError(f"sdist and git differ in {', '.join(sorted(names ^ tracked))}")


def contents(wheel: Path) -> "dict[str, int]":
    """Return the files of a wheel and their checksums, without the list of them, which orders as it was built."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            each.filename: each.CRC for each in archive.infolist() if not each.filename.endswith("/RECORD")
        }


def files_of_git() -> "set[str]":
    """Return the files that git tracks; none outside a repository."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return set()
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return {name for name in os.fsdecode(listed.stdout).split("\0") if name and (ROOT / name).exists()}


def check_version(used: Environment, wheel: Path) -> None:
    """Check that all names of the version agree, and that the program can be described."""
    version = wheel.name.split("-")[1]
    said = used.live_gradcam("--version").strip()
    if said != f"live-gradcam {version}":
        raise CheckError(f"`live-gradcam --version` printed '{said}' and the wheel is {version}")
    described = json.loads(used.live_gradcam("--help --json"))
    if described["version"] != version or len(described["commands"]) < 10:
        raise CheckError("`live-gradcam --help --json` does not describe the commands")
    if "teapot" not in used.live_gradcam("classes teapot"):
        raise CheckError("`live-gradcam classes` does not find ImageNet's names")


def check_demo(used: Environment) -> None:
    """Explain thirty frames of the demo, and save the last one."""
    said = used.live_gradcam("demo --no-window --frames 30 --snapshot photo.png")
    if "30 frames explained" not in said or not (used.empty / "photo.png").is_file():
        raise CheckError(f"the demo explained no 30 frames or saved no snapshot:\n{said}")


def check_annotate(used: Environment) -> None:
    """Annotate the snapshot."""
    used.live_gradcam("annotate photo.png --out heat")
    pictures = [each for each in (used.empty / "heat").iterdir() if each.suffix in (".png", ".jpg")]
    if len(pictures) != 1:
        raise CheckError(f"`annotate` wrote {len(pictures)} pictures for one")


def check_lacking(used: Environment) -> None:
    """Check that each command names the extra that it needs, in one line."""
    for typed, extra, code in LACKING:
        said = used.live_gradcam(typed, code)
        line = f"Type: pip install 'live-gradcam[{extra}]'"
        if line not in said or "Traceback" in said:
            raise CheckError(f"`live-gradcam {typed}` does not say `{line}`:\n{said}")


def check_page(used: Environment, wheel: Path) -> None:
    """Serve the page, load each of its files, and explain a photo."""
    with used.log.open("w", encoding="utf-8") as log:
        server = subprocess.Popen(
            [str(used.programs / "live-gradcam"), "serve", "--port", "0"],
            cwd=used.empty,
            env=used.variables,
            stdout=log,
            stderr=log,
        )
    try:
        address = opened(used, server)
        if b"<title>" not in answer(address):
            raise CheckError("the page has no title")
        json.loads(answer(f"{address}healthz"))
        with zipfile.ZipFile(wheel) as archive:
            folder = f"{PACKAGE}/server/page/"
            for name in archive.namelist():
                if not name.startswith(folder) or name.endswith(".py"):
                    continue
                if answer(f"{address}page/{name.removeprefix(folder)}") != archive.read(name):
                    raise CheckError(f"the server does not give the page's file {name}")
        explained = json.loads(answer(f"{address}explain", (used.empty / "photo.png").read_bytes()))
        if not explained["top"]:
            raise CheckError("the server explained nothing")
    finally:
        server.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGINT)
        code = server.wait(PATIENCE_S)
    if code and os.name != "nt":
        raise CheckError(f"`live-gradcam serve` ended with exit code {code}: {used.log.read_text('utf-8')}")


def opened(used: Environment, server: "subprocess.Popen[bytes]") -> str:
    """Return the address that the server printed, once it listens."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and server.poll() is None:
        said = used.log.read_text("utf-8")
        address = re.search(r"open (http://\S+)", said)
        if address is not None and "Ctrl-C" in said:
            return address[1]
        time.sleep(0.2)
    raise CheckError(f"`live-gradcam serve` printed no link: {used.log.read_text('utf-8')}")


def answer(address: str, body: "bytes | None" = None) -> bytes:
    """Return what the server answers; with a body, to a POST."""
    request = urllib.request.Request(address, body, {"Content-Type": "image/png"} if body else {})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
        return bytes(response.read())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
