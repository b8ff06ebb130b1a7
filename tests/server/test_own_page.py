"""A page that runs the network itself: one file, which explains a camera without a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import cv2
import networks
import numpy as np
import pytest
from browser import FAULTS, chromium, close_page, new_page, require_chromium, until, write_camera
from playwright.sync_api import Browser, Page, expect, sync_playwright

import live_gradcam as lg
from live_gradcam.config import Settings
from live_gradcam.errors import LiveGradcamError
from live_gradcam.explain.export.exporter import write_page_network
from live_gradcam.prediction import Prediction
from live_gradcam.server import own_page
from live_gradcam.server.own_page import MOST_BYTES, write_page
from live_gradcam.server.own_page_server import page_app
from live_gradcam.server.run import listening_socket
from live_gradcam.server.settings import ServerSettings
from live_gradcam.server.uvicorn_server import ViewServer, configuration
from live_gradcam.server.web_runtime import runtime_parts

pytest_plugins = ["exported"]

LABELS = ["red", "green", "blue", "grey", "pink", "brown"]

RUNTIME = """
const KNOWN = %s;
export const env = { wasm: {} };
export class Tensor { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } }
export const InferenceSession = {
  async create(network, { executionProviders: [kind] }) {
    if (%s.includes(kind)) throw new Error(`no ${kind} here`);
    if (network.length !== %s) throw new Error("this is another network");
    const lost = %s, slow = kind === "wasm" && lost !== null;
    let runs = 0;
    return {
      inputNames: ["image", "aims", "strengths"],
      async run({ image, aims }) {
        if (kind === "webgpu" && ++runs > lost) throw new Error("device lost");
        if (slow) await new Promise((resolve) => setTimeout(resolve, 20));
        const [id] = aims.data, found = {};
        for (const [name, data] of Object.entries(KNOWN)) found[name] = { data };
        if (image.data.length !== 32 * 32 * 3 || image.dims.join() !== "1,32,32,3") throw new Error("no picture");
        if (id >= 0) found.class_id = { data: [id] };
        return found;
      },
    };
  },
};
"""
"""In place of ONNX Runtime: it finds in every picture what is known of one, and explains what it is asked for."""


class Written:
    """A page of a small network, with a runtime that this test makes up.

    Args:
        folder: where it is written.
        fails: the kinds of processors that the runtime refuses.
        lost: after how many runs the graphics card is lost, which is then the fastest; None: it is like the others.
        known: changes of what it finds.
    """

    def __init__(
        self, folder: Path, *, fails: tuple[str, ...] = (), lost: int | None = None, **known: Any
    ) -> None:
        self.path = folder / "cam.html"
        settings = Settings(model=networks.stage_network(), labels=LABELS)
        contents, network = write_page_network(settings, folder, MOST_BYTES)
        found = {name: array.ravel().tolist() for name, array in contents.example().items()}
        self.known = {name: found[name] for name in contents.outputs} | known
        answers, size = json.dumps(self.known), network.stat().st_size
        script = (RUNTIME % (answers, json.dumps(fails), size, json.dumps(lost))).encode()
        binary = b"\0asm"
        parts = {"wasm.js": script, "wasm.wasm": binary, "webgpu.js": script, "webgpu.wasm": binary}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(own_page, "write_page_network", lambda *_: (contents, network))
            write_page(settings, self.path, parts=lambda: parts)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    require_chromium()
    noise = np.random.default_rng(1).integers(0, 256, (9, 16, 3)).astype(np.uint8)
    frames = [noise.repeat(40, axis=0).repeat(40, axis=1)] * 2
    camera = write_camera(tmp_path_factory.mktemp("camera") / "noise.y4m", frames)
    with sync_playwright() as playwright, chromium(playwright, camera) as browser:
        yield browser


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(tmp_path_factory.mktemp("page"))


@pytest.fixture
def empty(browser: Browser) -> Iterator[Page]:
    page = new_page(browser)
    yield page
    close_page(page)


def start(page: Page, written: Written) -> None:
    """Open the file, start the camera and wait for the first answer."""
    page.goto(written.path.as_uri())
    page.click("#start")
    expect(page.locator("#plate")).to_be_visible()


def state(page: Page, expression: str) -> Any:
    return page.evaluate(f"() => {{ const {{ page }} = window.liveGradcam; return {expression}; }}")


def until_state(page: Page, expression: str) -> Any:
    return until(page, f"() => {{ const {{ page }} = window.liveGradcam; return {expression}; }}")


def test_the_file_explains_a_camera(empty: Page, written: Written) -> None:
    requests: list[str] = []
    empty.on("request", lambda request: requests.append(request.url))
    start(empty, written)
    best = int(np.argmax(written.known["scores"]))
    expect(empty.locator("#label")).to_have_text(LABELS[best])
    rows = empty.locator("#top .name").all_inner_texts()
    order = np.argsort(written.known["scores"])[::-1][:5]
    assert rows == [LABELS[number] for number in order]
    heat = state(empty, "[...page.answer.maps[0].heat]")
    assert np.abs(np.array(heat) - 255 * np.array(written.known["heatmap"])).max() <= 1
    assert empty.locator("#private").text_content() == (
        "Or drop one here. The network runs in this page: no picture leaves this device."
    )
    # Nothing is asked of anybody.
    assert [url for url in requests if not url.startswith(("file:", "blob:", "data:"))] == []


def test_a_class_is_pinned_contrasted_and_searched(empty: Page, written: Written) -> None:
    start(empty, written)
    second = int(np.argsort(written.known["scores"])[-2])
    empty.keyboard.press("2")
    until_state(empty, f"page.answer.maps[0].target.id === {second} && !page.answer.maps[0].automatic")
    empty.keyboard.press("x")
    until_state(empty, "page.answer.ask === page.connection.asked && page.contrast")
    assert state(empty, "page.connection.aims[0].rival") == -1
    empty.keyboard.press("0")
    empty.fill("#target", "brown")
    empty.keyboard.press("Enter")
    until_state(empty, "page.answer.maps[0].target.label === 'brown'")
    empty.fill("#target", "mauve")
    empty.keyboard.press("Enter")
    expect(empty.locator("#notice")).to_have_text("There is no class mauve. The list has all names.")
    assert state(empty, "page.target") == LABELS.index("brown")  # the choice before holds


def test_it_offers_what_it_can_do(empty: Page, written: Written) -> None:
    start(empty, written)
    actions = [each.get_attribute("data-action") for each in empty.locator("#buttons [data-action]").all()]
    assert {"freeze", "record", "snapshot", "view", "contrast", "lock"} <= set(actions)
    assert not {"badge", "curves", "share", "method-next", "layer-deeper"} & set(actions)
    assert not empty.locator("#methods").is_visible()
    views = []
    for _ in range(4):
        views.append(state(empty, "page.grid.view"))
        empty.keyboard.press("v")
        until_state(empty, "page.answer.ask === page.connection.asked")
    assert views == ["one", "side", "targets", "history"]
    empty.keyboard.press("v")
    empty.keyboard.press("v")
    until_state(empty, "page.answer.maps.length === 4")
    order = np.argsort(written.known["scores"])[::-1][:4]
    assert state(empty, "page.connection.aims.map((each) => each.id)") == [-1, -2, -3, -4]
    assert len(order) == state(empty, "page.grid.panes.length")


def test_a_picture_is_explained_once(empty: Page, written: Written, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "photo.png"), networks.picture(60, 80))
    empty.goto(written.path.as_uri())
    expect(empty.locator("#start")).to_be_enabled()
    empty.set_input_files("#file", str(tmp_path / "photo.png"))
    expect(empty.locator("#plate")).to_be_visible()
    until_state(empty, "page.answered === page.still")
    first = state(empty, "(page.mark = page.answer, 1)")
    empty.wait_for_timeout(600)
    assert state(empty, "page.answer === page.mark") is True, first


def test_where_nothing_runs_the_page_says_so(empty: Page, tmp_path: Path) -> None:
    written = Written(tmp_path, fails=("wasm", "webgpu"))
    empty.goto(written.path.as_uri())
    said = "The network does not run in this browser: no wasm here"
    expect(empty.locator("#notice")).to_have_text(said)
    empty.wait_for_timeout(7000)  # longer than a notice stays: nothing else will ever come
    expect(empty.locator("#notice")).to_have_text(said)


def test_the_processor_takes_over_from_a_lost_graphics_card(empty: Page, tmp_path: Path) -> None:
    written = Written(tmp_path, lost=8)
    card = "{ requestAdapter: async () => ({ info: { architecture: 'made-up' } }) }"
    empty.add_init_script(f"Object.defineProperty(navigator, 'gpu', {{ get: () => ({card}) }});")
    empty.goto(written.path.as_uri())
    expect(empty.locator("#start")).to_be_enabled()
    until_state(empty, "page.connection.engine === 'graphics card' && page.connection.triedAll")
    empty.click("#start")
    until_state(empty, "page.connection.engine === 'one thread'")
    until_state(empty, "(page.mark ??= page.answer) && page.answer !== page.mark")  # it goes on


def test_a_transparent_picture_is_explained_as_it_is_shown(
    empty: Page, written: Written, tmp_path: Path
) -> None:
    """A browser's pixels have the colours that a transparent picture hides; shown, they are black."""
    shown = np.full((40, 40, 4), 255, np.uint8)
    shown[:, 20:, 3] = 51  # a fifth of white
    cv2.imwrite(str(tmp_path / "logo.png"), shown)
    empty.goto(written.path.as_uri())
    expect(empty.locator("#start")).to_be_enabled()
    empty.set_input_files("#file", str(tmp_path / "logo.png"))
    expect(empty.locator("#plate")).to_be_visible()
    grabbed = "page.exchange.grabbed.getContext('2d').getImageData(%s, 16, 1, 1).data[0]"
    assert state(empty, grabbed % 4) == 255
    assert state(empty, grabbed % 28) == pytest.approx(51, abs=2)


def test_a_runtime_with_wrong_results_is_not_taken(empty: Page, tmp_path: Path) -> None:
    written = Written(tmp_path, heatmap=[0.5] * 16)
    empty.goto(written.path.as_uri())
    expect(empty.locator("#notice")).to_contain_text(
        "The network does not run in this browser: its results differ from the known ones by"
    )


def test_threads_take_over_where_the_server_allows_them(browser: Browser, written: Written) -> None:
    """The made-up runtime is as fast in both ways, so whichever is measured faster stays; both must load."""
    page = new_page(browser)
    try:
        page.add_init_script("Object.defineProperty(navigator, 'hardwareConcurrency', { get: () => 8 });")
        with serving(written.path) as url:
            page.goto(url)
            assert page.evaluate("crossOriginIsolated")
            page.click("#start")
            expect(page.locator("#plate")).to_be_visible()
            until_state(page, "page.connection.triedAll")
        assert FAULTS[page] == []
    finally:
        close_page(page)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"method": "scorecam"}, "scorecam cannot be exported, because it takes many passes"),
        (
            {"fit": "wide"},
            "the fit 'wide' does not go where the browser runs the network. Valid: crop, stretch.",
        ),
        ({"target": "lock"}, "the target 'lock' follows a film"),
    ],
)
def test_what_a_page_cannot_do_is_refused(settings: dict[str, Any], said: str, tmp_path: Path) -> None:
    """Before the runtime is fetched."""

    def fetched() -> dict[str, bytes]:
        raise AssertionError("the runtime was fetched")

    with pytest.raises(LiveGradcamError, match=said.replace("(", r"\(")):
        write_page(Settings(model=networks.stage_network(), **settings), tmp_path / "cam.html", parts=fetched)
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_page, "MOST_BYTES", 1000)
    with pytest.raises(LiveGradcamError, match="stage has 0 MB of weights, and a file can hold 0 MB"):
        write_page(Settings(model=networks.stage_network()), tmp_path / "cam.html", parts=dict)
    assert list(tmp_path.iterdir()) == []


def test_the_server_sends_the_page_and_nothing_else(written: Written) -> None:
    with serving(written.path) as url:
        status, headers, content = get(url)
        assert (status, content) == (200, written.path.read_bytes())
        assert headers["content-type"] == "text/html; charset=utf-8"
        assert headers["cross-origin-embedder-policy"] == "require-corp"
        assert "connect-src blob: data:;" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-cache"
        assert get(url, If_None_Match=headers["etag"])[0] == 304
        for path in ("setup", "page/main.js", "explain", "metrics"):
            assert get(url + path)[0] == 404
        assert get(url, Host="evil.example")[0] == 421


@contextmanager
def serving(path: Path) -> Iterator[str]:
    """Serve a page as `serve --in-browser` does; give its address."""
    server, begun = ServerSettings(in_browser=True, port=0), Event()
    with listening_socket(server) as listening:
        running = ViewServer(
            configuration(page_app(path), server, None), on_started=begun.set, on_ending=lambda: None
        )
        thread = Thread(target=running.run, kwargs={"sockets": [listening]}, name="served")
        thread.start()
        try:
            assert begun.wait(20)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            running.should_exit = True
            thread.join(10)


def get(url: str, **headers: str) -> tuple[int, Any, bytes]:
    """Fetch something; underscores in the names of headers stand for hyphens."""
    request = Request(url, None, {name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urlopen(request, timeout=60) as reply:
            return reply.status, reply.headers, reply.read()
    except HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


@pytest.mark.runtimes
def test_the_real_runtime_finds_what_the_explainer_finds(browser: Browser, tmp_path: Path) -> None:
    """ONNX Runtime for browsers is fetched from the npm registry (33 MB) if it is not in the cache yet."""
    picture = networks.picture(224, 224, 4)
    cv2.imwrite(str(tmp_path / "photo.png"), picture)
    write_page(Settings(), tmp_path / "cam.html", parts=runtime_parts)
    expected = lg.Explainer(lg.load_model("efficientnet-lite0"), target=281).explain(picture)
    page = new_page(browser)
    page.goto((tmp_path / "cam.html").as_uri())
    expect(page.locator("#start")).to_be_enabled()
    page.set_input_files("#file", str(tmp_path / "photo.png"))
    page.fill("#target", "tabby")
    page.keyboard.press("Enter")
    until_state(page, "page.answer?.maps[0].target.id === 281")
    heat = np.array(state(page, "[...page.answer.maps[0].heat]")).reshape(expected.heatmap.shape)
    assert np.abs(heat - 255 * expected.heatmap).max() <= 0.51
    probability = state(page, "page.answer.maps[0].target.probability")
    assert isinstance(expected.target, Prediction)
    assert probability == pytest.approx(expected.target.probability, abs=1e-5)
    close_page(page)
