#!/usr/bin/env python3
"""Measure the page in a real Chromium with a pretend camera: `python scripts/serve_page.py http://127.0.0.1:8000/`.

For a page that runs the network itself, give the file that `live-gradcam export --out cam.html` wrote, or the address
of `serve --in-browser`.

The camera shows scikit-image's cup of coffee at 1280×720 and 30 fps. Browser, page and server share this machine, so
what the browser itself costs is in the figures. `--picture FILE` keeps what it looked like.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
import urllib.request
from contextlib import chdir
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Page, sync_playwright
from skimage import data

_FIGURES = """async () => {
  const { page } = window.liveGradcam ?? (await import("/page/main.js"));
  const engine = page.connection.engine ?? "", heat = page.grid.panes[0].painter.kind;
  return { ...page.meter.figures(page.connection), engine, heat };
}"""


def camera(path: Path) -> Path:
    """Write what Chromium's pretend camera shows: JPEGs, one after another."""
    coffee = np.asarray(data.coffee()[..., ::-1], np.uint8)
    large = cv2.resize(coffee, (1280, 853), interpolation=cv2.INTER_CUBIC)[:720]
    path.write_bytes(b"".join([bytes(cv2.imencode(".jpg", large)[1])] * 30))
    return path


def server_cpu(url: str, *, alone: bool) -> float:
    """Return how many CPU seconds the server has used; 0 for a page that is `alone`."""
    if alone:
        return 0.0
    with urllib.request.urlopen(f"{url}/metrics") as reply:
        for line in reply.read().decode().splitlines():
            if line.startswith("process_cpu_seconds_total "):
                return float(line.split()[1])
    raise ValueError("the server tells no process_cpu_seconds_total")


def measure(page: Page, url: str, seconds: float) -> dict[str, object]:
    """Let the page run, and return its own figures: the median of what it said each second."""
    seen = []
    alone = bool(page.evaluate("Boolean(window.liveGradcam)"))
    cpu, began = server_cpu(url, alone=alone), time.monotonic()
    end = began + seconds
    while time.monotonic() < end:
        time.sleep(1)
        seen.append(page.evaluate(_FIGURES))
    middle = {
        name: round(float(np.median([each[name] for each in seen])), 1)
        for name in ("paints", "answers", "p50", "p95", "sent", "explain")
    }
    return {
        "heat a second": middle["answers"],
        "picture fps": middle["paints"],
        "capture to heat ms": {"p50": middle["p50"], "p95": middle["p95"]},
        "upstream kB/s": middle["sent"],
        "network ms": middle["explain"],
        "runs on": seen[-1]["engine"] or "the server",
        "server cpu": round((server_cpu(url, alone=alone) - cpu) / (time.monotonic() - began), 2),
        "drawn with": seen[-1]["heat"],
        "says": page.inner_text("#headline"),
    }


def main() -> None:
    """Read the command line, measure, and print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", help="address of the server, or the file of a page")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--size", default="1280x720", help="of the browser's window")
    parser.add_argument("--picture", type=Path, help="PNG or JPEG of the page to write")
    asked = parser.parse_args()
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        sys.exit("there is no Chromium here: type `apt-get install chromium`.")
    width, height = (int(side) for side in asked.size.split("x"))
    file = Path(asked.url)
    url = file.resolve().as_uri() if file.is_file() else asked.url.rstrip("/")
    picture = None if asked.picture is None else asked.picture.resolve()
    # Chromium calls the camera by the file's name, as it is given: without folders.
    with tempfile.TemporaryDirectory() as folder, chdir(folder), sync_playwright() as playwright:
        arguments = [
            "--no-sandbox",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={camera(Path('cup.mjpeg'))}",
        ]
        browser = playwright.chromium.launch(executable_path=browser_path, args=arguments)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(url)
        page.wait_for_selector("#buttons button")
        page.click("#start")
        page.wait_for_selector("#plate:visible")
        time.sleep(6)
        print(json.dumps(measure(page, url, asked.seconds), indent=2))
        if picture is not None:
            page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main()
