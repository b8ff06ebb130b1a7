"""The camera of a notebook's reader: the widget in Chromium, with the kernel's side in this process."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import chromium, require_chromium, until, write_camera
from networks import colour_network
from playwright.sync_api import Page, expect, sync_playwright
from widget_page import WidgetPage

import live_gradcam as lg
from live_gradcam.errors import LiveGradcamError, ModelError, RenderError
from live_gradcam.frame import Pixels


@pytest.fixture(scope="module")
def model() -> lg.Model:
    return lg.load_model(colour_network(), preprocess="unit", labels=["red", "blue"])


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera that sees blue on the left and red on the right."""
    pixels: Pixels = np.zeros((240, 320, 3), np.uint8)
    pixels[:, :160, 0] = pixels[:, 160:, 2] = 230
    return write_camera(tmp_path_factory.mktemp("camera") / "camera.y4m", [pixels] * 4)


@pytest.fixture
def page(camera: Path) -> Iterator[Page]:
    require_chromium()
    with sync_playwright() as playwright, chromium(playwright, camera) as browser:
        yield browser.new_page(viewport={"width": 700, "height": 900})


def test_the_readers_camera_is_explained_with_the_heat_on_the_thing(page: Page, model: lg.Model) -> None:
    shown = WidgetPage(lg.CameraWidget(model, target="red"))
    shown.show(page)
    assert shown.widget.explanation is None
    page.get_by_role("button", name="Start the camera").click()
    expect(page.locator(".label")).not_to_be_empty()
    expect(page.locator(".top li")).to_have_count(2)
    explanation = shown.widget.explanation
    assert explanation is not None
    assert explanation.target.label == "red"
    hot = np.argwhere(explanation.heatmap > 0.5)[:, 1]
    assert hot.min() >= explanation.heatmap.shape[1] // 2
    until(page, "document.querySelector('.heat').width > 0")
    box = page.locator(".frame").bounding_box()
    assert box is not None
    assert box["width"] / box["height"] == pytest.approx(320 / 240, rel=0.02)
    page.get_by_role("button", name="Stop the camera").click()
    expect(page.locator(".stage")).to_be_hidden()


def test_a_busy_kernel_and_an_error_of_it_are_told(
    page: Page, model: lg.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = WidgetPage(lg.CameraWidget(model))
    shown.answers = False
    shown.show(page)
    page.get_by_role("button", name="Start the camera").click()
    expect(page.get_by_role("status")).to_have_text(
        "Waiting for the kernel: it runs another cell, or has stopped."
    )
    page.get_by_role("button", name="Stop the camera").click()

    def broken(_: Pixels) -> lg.Explanation:
        raise ModelError("the network cannot be run.")

    monkeypatch.setattr(shown.widget._explainer, "explain", broken)
    shown.answers = True
    page.get_by_role("button", name="Start the camera").click()
    expect(page.get_by_role("status")).to_have_text("the network cannot be run.")
    expect(page.get_by_role("button", name="Start the camera")).to_be_enabled()


def test_a_damaged_picture_is_told_to_the_view_that_sent_it(model: lg.Model) -> None:
    shown = WidgetPage(lg.CameraWidget(model))
    ((said, data),) = shown.took({"view": "a", "frame": 3}, base64.b64encode(b"no JPEG").decode())
    assert (said["view"], said["frame"], data) == ("a", 3, None)
    assert "start the camera again" in said["error"]


@pytest.mark.screens
def test_a_closed_view_stops_the_camera_and_listens_no_more(page: Page, model: lg.Model) -> None:
    shown = WidgetPage(lg.CameraWidget(model))
    shown.show(page)
    page.get_by_role("button", name="Start the camera").click()
    expect(page.locator(".label")).not_to_be_empty()
    page.evaluate("window.track = document.querySelector('video').srcObject.getTracks()[0]; window.end()")
    assert page.evaluate("window.track.readyState") == "ended"
    assert page.evaluate("window.listeners.size") == 0


@pytest.mark.screens
def test_a_refused_camera_says_what_to_do(model: lg.Model, camera: Path) -> None:
    require_chromium()
    with sync_playwright() as playwright, chromium(playwright, camera, answer="deny") as browser:
        page = browser.new_page()
        WidgetPage(lg.CameraWidget(model)).show(page)
        page.get_by_role("button", name="Start the camera").click()
        expect(page.get_by_role("status")).to_contain_text("Allow it beside the page's address")


def test_wrong_settings_are_told_before_anything_is_shown(model: lg.Model) -> None:
    with pytest.raises(RenderError, match="colour map"):
        lg.CameraWidget(model, colormap="jett")
    with pytest.raises(LiveGradcamError, match="unknown method 'gradcan'"):
        lg.CameraWidget(model, method="gradcan")


def test_without_anywidget_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "live_gradcam.camera_widget", raising=False)
    monkeypatch.delitem(vars(lg), "CameraWidget", raising=False)
    with pytest.raises(RenderError, match=re.escape("pip install 'live-gradcam[notebook]'")):
        _ = lg.CameraWidget
