"""What a viewer chooses on the page: every key, the line of what is not the default, and the viewer's language."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from browser import of_page, start_camera, until_page
from networks import stage_network
from playwright.sync_api import Page, expect
from served import Served, small_service

from live_gradcam.server.page_setup import PAGE
from live_gradcam.translations import words_of
from live_gradcam.viewer_input import ACTIONS

pytest_plugins = ["page_fixtures"]

LABELS = ("red", "green", "blue", "grey", "pink", "brown")

DOES: dict[str, tuple[str, str]] = {
    "help": ("document.querySelector('#help').open", "both"),
    "freeze": ("page.grid.frozen !== null", "both"),
    "record": ("page.recorder.running", "both"),
    "snapshot": ("page.notice.said === 'saved'", ""),
    "method-next": ("page.answer.maps[0].method === 'gradcam++'", ""),
    "method-previous": ("page.method === page.setup.methods.at(-1).name", ""),
    "layer-shallower": ("page.layer === page.setup.layers.at(-2).path", ""),
    "layer-deeper": ("page.layer === null && page.notice.said.startsWith(page.usualLayer)", ""),
    **{
        f"pin-{rank}": (f"page.target === page.answer.top[{rank - 1}][0]", "both") for rank in (1, 2, 3, 4, 5)
    },
    "automatic": ("page.target === null", ""),
    "lock": ("page.target === page.answer.top[0][0]", "both"),
    "contrast": ("page.answer.maps[0].target.label.includes('−')", "both"),
    "search": ("document.activeElement.id === 'target'", ""),
    "whole": ("page.area.join() === '0,0,1,1'", ""),
    "style": ("page.grid.look.style === 'fade'", ""),
    "colormap": ("page.grid.look.colormap === 'turbo'", ""),
    "opacity-up": ("Math.abs(page.grid.look.alpha - 0.45) < 1e-9", ""),
    "opacity-down": ("Math.abs(page.grid.look.alpha - 0.35) < 1e-9", ""),
    "view": ("page.grid.view === 'side'", ""),
    "badge": ("!page.badge", "both"),
    "share": ("Math.abs(page.share - 0.4) < 1e-9", ""),
    "curves": ("page.curves && page.grid.frozen !== null && page.panel.curves.length === 4", ""),
    "scale-bar": ("!document.querySelector('#scale').hidden", "both"),
    "statistics": ("!document.querySelector('#statistics').hidden", "both"),
    "mirror": ("page.grid.mirrored", "both"),
    "reset": ("page.notice.said === 'as at the beginning'", ""),
    "fullscreen": ("document.fullscreenElement !== null", "both"),
}
"""Action → what its key brings about, and `both` where the key takes it back, too."""


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served(small_service(stage_network(), LABELS)) as served:
        yield served


@pytest.fixture(scope="module")
def chinese() -> Iterator[Served]:
    with Served(small_service(stage_network(), LABELS, lang="zh")) as served:
        yield served


@pytest.fixture
def live(page: Page) -> Page:
    """A page with a running camera, that knows the layers."""
    until_page(page, "page.setup.layers.length > 1 && page.usualLayer !== undefined")
    return page


@pytest.mark.screens
def test_every_key_that_the_help_lists_does_what_it_says_and_back(live: Page) -> None:
    page = live
    listed = [action for action in ACTIONS if action.place == "both"]
    assert {action.name for action in listed} == set(DOES)
    rows = page.locator("#help tr")
    assert [row.locator("kbd").text_content() for row in rows.all()] == [
        "space" if action.key == " " else action.key for action in listed
    ]
    for action in listed:
        effect, back = DOES[action.name]
        if action.name == "whole":
            of_page(page, "page.setArea([0.2, 0.2, 0.8, 0.8])")
        elif action.name == "automatic":
            page.keyboard.press("2")
        elif not action.name.startswith(("snapshot", "reset")):
            assert not of_page(page, effect), action
        page.keyboard.press(action.key)
        until_page(page, effect)
        if back:
            page.keyboard.press(action.key)
            until_page(page, f"!({effect})")
        page.keyboard.press("Escape")
        page.keyboard.press("z")
        until_page(page, "page.answer.ask === page.connection.asked")


def test_what_is_chosen_and_not_the_default_stands_in_a_line_as_long_as_it_is_so(live: Page) -> None:
    page, line = live, live.locator("#chosen")
    expect(line).to_be_hidden()
    page.keyboard.press("m")
    expect(line).to_have_text("gradcam++")
    page.keyboard.press("[")
    layer = of_page(page, "page.setup.layers.at(-2).path.split('/').at(-1)")
    expect(line).to_have_text(f"gradcam++ · layer {layer}")
    page.keyboard.press("2")
    second, first = of_page(page, "[page.setup.labels[page.target], page.answer.top[0][1]]")
    expect(line).to_have_text(f"gradcam++ · layer {layer} · {second}")
    page.keyboard.press("x")
    expect(line).to_have_text(f"gradcam++ · layer {layer} · {second} − {first}")
    of_page(page, "page.setView('methods')")
    expect(line).to_have_text(f"layer {layer} · {second} − {first}")
    of_page(page, "page.setView('targets')")
    expect(line).to_have_text(f"gradcam++ · layer {layer}")
    page.keyboard.press("M")
    page.keyboard.press("]")
    expect(line).to_be_hidden()


def test_one_key_takes_everything_back_to_the_beginning(live: Page) -> None:
    page = live
    state = """[page.connection.question, page.area, page.grid.look, page.grid.view, page.grid.mirrored,
        page.grid.frozen, document.querySelector('#scale').hidden, document.querySelector('#statistics').hidden,
        page.chosen]"""
    before = of_page(page, state)
    for key in "m[2xtcc-vvibd":
        page.keyboard.press(key)
    of_page(page, "page.setArea([0.2, 0.2, 0.8, 0.8])")
    page.keyboard.press(" ")
    changed = of_page(page, state)
    assert [one == other for one, other in zip(before, changed, strict=True)] == [False] * len(before)
    page.keyboard.press("z")
    assert of_page(page, state) == before
    expect(page.locator("#notice")).to_have_text("as at the beginning")
    answered = of_page(page, "page.answer.frame")
    until_page(page, f"page.answer.frame > {answered + 3} && page.answer.ask === page.connection.asked")
    page.keyboard.press("m")
    page.click("[data-action=reset]")
    assert of_page(page, state) == before


def test_a_choice_that_is_refused_goes_back_to_the_one_that_was_answered(live: Page) -> None:
    page = live
    page.keyboard.press("m")
    page.keyboard.press("v")
    until_page(page, "page.agreed?.method === 'gradcam++' && page.agreed.view === 'side'")
    of_page(page, "page.choose({ layer: 'nowhere' })")
    until_page(page, "page.layer === null")
    assert of_page(page, "[page.method, page.grid.view, page.target, page.contrast]") == [
        "gradcam++",
        "side",
        None,
        False,
    ]
    assert "nowhere" in page.locator("#notice").inner_text()
    expect(page.locator("#chosen")).to_have_text("gradcam++")


# The same words as in the window


@pytest.mark.screens
def test_the_page_speaks_the_language_of_the_server(page: Page, chinese: Served) -> None:
    page.goto(chinese.url())
    expect(page.locator("#question")).to_have_text("它看到了什么？")
    english = _english(page)
    start_camera(page, chinese.url())
    for key in "bdmx":
        page.keyboard.press(key)
    page.wait_for_selector("#statistics dt")
    english |= _english(page)
    expect(page.locator("#chosen")).to_contain_text("gradcam++ · 第一个 − 第二个")
    page.keyboard.press("z")
    expect(page.locator("#notice")).to_have_text("回到开始时的样子")
    page.keyboard.press("h")
    english |= _english(page)
    assert english == set()
    assert page.evaluate("document.documentElement.lang") == "zh"
    page.goto("about:blank")


def _english(page: Page) -> set[str]:
    """Return what is visible, or said by a screen reader or on hovering, and has Latin words and nothing Chinese."""
    texts: list[str] = page.evaluate(
        """[...document.querySelectorAll('body *')].filter((each) => each.checkVisibility())
        .flatMap((each) => [...['title', 'aria-label', 'placeholder'].map((name) => each.getAttribute(name)),
          ...[...each.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data)])
        .filter(Boolean).map((text) => text.trim())"""
    )
    names = set(LABELS) | {"live_gradcam", "jet", "gradcam++", "gradcam"}
    left = {
        text for text in texts if re.search("[A-Za-z]{2}", text) and not re.search("[\u4e00-\u9fff]", text)
    }
    plain = {re.sub(r"\d+(\.\d+)?|kB/s|fps|ms|%", "", text).strip(" ,−·") for text in left}
    setup = page.evaluate("fetch('/setup').then((reply) => reply.json())")
    named = {each["name"] for each in setup["methods"]} | {each["path"] for each in setup["layers"]}
    return {
        text
        for text in plain
        if text and not all(part in names | named for part in re.split(r"[\s,−·]+", text))
    } - {f"{each['path']}  {each['shape']}" for each in setup["layers"]}


@pytest.mark.long
def test_every_sentence_of_the_page_is_translated() -> None:
    words = words_of("zh")
    said = []
    before = {
        "start.js",
        "setup.js",
        "connection.js",
        "standalone.js",
    }  # they speak before the language is known
    before.add("report.js")  # a report is English, and so is what is added to it
    before.add("notebook.js")  # so are the cells of a notebook
    for file in sorted(each for each in PAGE.glob("*.js") if each.name not in before):
        code = re.sub(r"`\s*\+\s*`", "", file.read_text("utf-8"))
        code = re.sub(r"\$\{[^{}]*\}", "{}", code)
        said += re.findall(r'\b(?:say|words|says)\(\s*[`"]([^`"]+)[`"]', code)
        said += re.findall(r'(?:Error\(\s*|return |Error: |\? |: )[`"]([A-Z{][^`"]* [^`"]+)[`"]', code)
    assert len(said) > 30
    said = [text.replace("most {}{}", "most {} times as wide as it is high.") for text in said]
    sentences = [text for text in said if re.search("[a-z]{2} |…", text)]
    untold = [
        text
        for text in sentences
        if all(
            words(each) == each
            for each in (text.replace("{}", "x"), text.removesuffix("{}").replace("{}", "x"))
        )
    ]
    assert untold == []
