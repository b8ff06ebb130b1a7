"""A page that takes the place of a notebook: it shows a widget, whose kernel is this process."""

from __future__ import annotations

import base64
from typing import Any

from playwright.sync_api import Page, Route

import live_gradcam as lg

ADDRESS = "http://localhost/notebook"
"""Answered by the test itself; a page of localhost may use the camera."""

HOST = """<!DOCTYPE html><meta charset="utf-8"><div id="cell" style="width: 640px"></div><script type="module">
import widget from "/widget.js";
const style = document.createElement("style");
style.textContent = await (await fetch("/widget.css")).text();
document.head.append(style);
const listeners = new Set();
const model = {
  get: (name) => window.traits[name],
  on: (_, listener) => listeners.add(listener),
  off: (_, listener) => listeners.delete(listener),
  async send(content, _, [buffer]) {
    const bytes = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
    for (const [said, data] of await window.kernel(content, btoa(bytes))) {
      const bytes = Uint8Array.from(atob(data ?? ""), (letter) => letter.charCodeAt(0));
      const letters = data === null ? [] : [new DataView(bytes.buffer)];
      for (const listener of listeners) listener(said, letters);
    }
  },
};
window.traits = await window.setup();
window.end = widget.render({ model, el: document.getElementById("cell") });
window.listeners = listeners;
</script>"""


class WidgetPage:
    """A widget whose messages go to a page of this test in place of a notebook."""

    def __init__(self, widget: lg.CameraWidget) -> None:
        self.widget = widget
        self.said: list[tuple[dict[str, Any], bytes | None]] = []
        self.answers = True
        widget.send = lambda content, buffers=(None,): self.said.append((content, buffers[0]))

    def took(self, content: dict[str, Any], data: str) -> list[Any]:
        if not self.answers:
            return []
        self.said.clear()
        self.widget._answer(self.widget, content, [memoryview(base64.b64decode(data))])
        return [(said, None if data is None else base64.b64encode(data).decode()) for said, data in self.said]

    def show(self, page: Page) -> None:
        files = {
            "notebook": (HOST, "text/html"),
            "widget.js": (str(self.widget._esm), "text/javascript"),
            "widget.css": (str(self.widget._css), "text/css"),
        }

        def fulfil(route: Route) -> None:
            text, kind = files.get(route.request.url.rsplit("/", 1)[-1], ("", "text/plain"))
            route.fulfill(body=text, content_type=kind)

        page.route("http://localhost/*", fulfil)
        page.expose_function("kernel", self.took)
        page.expose_function("setup", lambda: {"setup": self.widget.setup})
        page.goto(ADDRESS)
