"""Whether everybody can use the page: with fingers, with the keyboard, with a screen reader, on every screen."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, close_shared, is_reset, of_page, start_camera, until, until_page
from networks import stage_network
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect
from served import Served, small_service

pytest_plugins = ["page_fixtures"]

PHONE, ON_ITS_SIDE = (390, 844), (844, 390)
SCREENS = [
    PHONE,
    ON_ITS_SIDE,
    *(
        pytest.param(size, marks=pytest.mark.screens)
        for size in ((1280, 720), (320, 568), (1920, 1080), (1024, 768))
    ),
]


def context_of(browser: Browser, size: tuple[int, int]) -> BrowserContext:
    touch = min(size) < 480
    return browser.new_context(
        viewport={"width": size[0], "height": size[1]}, has_touch=touch, is_mobile=touch
    )


def open_page(context: BrowserContext, served: Served, *, start: bool = True) -> Page:
    page = context.new_page()
    page.goto(served.url())
    until(page, "!document.querySelector('#start').disabled")
    if start:
        page.click("#start")
        until_page(page, "page.answer !== null")
    return page


@pytest.fixture(scope="module", params=SCREENS, ids=lambda size: f"{size[0]}x{size[1]}")
def screen(request: pytest.FixtureRequest, browser: Browser, served: Served) -> Iterator[Page]:
    """A page with a running camera on a screen of some size: the tests of one size follow one another, and share it."""
    close_shared()
    page = open_page(context_of(browser, request.param), served)
    yield page
    page.context.close()


def boxes(page: Page, selector: str) -> list[dict[str, Any]]:
    """Return the places of the elements that are visible: name, left, top, right, bottom, width, height."""
    found: list[dict[str, Any]] = page.evaluate(
        """(selector) => [...document.querySelectorAll(selector)].filter((each) => each.checkVisibility())
        .map((each) => [each, each.getBoundingClientRect()]).filter(([, box]) => box.width && box.height)
        .map(([each, { left, top, right, bottom, width, height }]) =>
          ({ name: each.id || each.dataset.action || each.textContent, left, top, right, bottom, width, height }))""",
        selector,
    )
    return found


def size_of(page: Page) -> tuple[int, int]:
    size = page.viewport_size
    assert size is not None
    return size["width"], size["height"]


def overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    across = min(one["right"], other["right"]) - max(one["left"], other["left"])
    down = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
    return bool(across > 0.5 and down > 0.5)


# On every screen


def test_words_figures_scale_and_controls_never_overlap_in_any_view(screen: Page) -> None:
    page, size = screen, size_of(screen)
    assert is_reset(page)
    page.keyboard.press("b")
    page.keyboard.press("d")
    of_page(page, "page.choose({ method: 'hirescam', target: page.answer.top[1][0], layer: 'features' })")
    expect(page.locator("#statistics dt").first).to_be_visible()
    for view in ("one", "side", "methods", "targets", "history"):
        of_page(page, f"page.setView('{view}')")
        until_page(page, "page.answer.ask === page.connection.asked && page.answer.compiling === null")
        of_page(page, "page.say('The camera was unplugged. It goes on when it is back.', true)")
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        found = boxes(page, "#chosen, #notice, #statistics, #scale, #plate, #bar")
        assert {each["name"] for each in found} == {"chosen", "notice", "statistics", "scale", "plate", "bar"}
        for i, one in enumerate(found):
            assert one["left"] >= 0, (view, one)
            assert one["right"] <= size[0] + 0.5, (view, one)
            for other in found[i + 1 :]:
                assert not overlap(one, other), (view, one, other)
        scale = next(each for each in found if each["name"] == "scale")
        assert max(scale["height"], scale["width"]) > 60, (view, scale)
        if view in ("side", "methods", "targets"):  # nothing lies on the panes
            for pane in boxes(page, ".pane"):
                assert not any(overlap(each, pane) for each in found), (view, pane)


@pytest.mark.screens
@pytest.mark.parametrize("size", SCREENS[:2], ids=lambda size: f"{size[0]}x{size[1]}")
def test_what_a_finger_touches_has_44_pixels_each_way(
    browser: Browser, served: Served, size: tuple[int, int]
) -> None:
    context = context_of(browser, size)
    page = open_page(context, served, start=False)
    touched = boxes(page, "button, select, input:not(.unseen)")
    page.tap("#start")
    until_page(page, "page.answer !== null")
    touched += boxes(page, "button, select, input:not(.unseen)")
    of_page(page, "page.controls.run('help')")
    touched += boxes(page, "#help button")
    assert {"start", "choose", "open", "freeze", "opacity", "cameras", "target", "Close"} <= {
        each["name"] for each in touched
    }
    assert [each for each in touched if each["width"] < 43.9 or each["height"] < 43.9] == []
    context.close()


def test_where_controls_are_cut_off_an_arrow_says_so_until_the_last_is_reached(screen: Page) -> None:
    page, size = screen, size_of(screen)
    assert is_reset(page)
    signs = """([id, side]) => getComputedStyle(document.getElementById(id), `::${side}`).visibility === 'visible'
      && !['none', 'normal'].includes(getComputedStyle(document.getElementById(id), `::${side}`).content)"""
    more = """([id]) => {
      const { scrollWidth, clientWidth } = document.getElementById(id);
      return scrollWidth > clientWidth + 2;
    }"""
    for group in ("buttons", "choices"):
        cut = page.evaluate(more, [group])
        assert page.evaluate(signs, [group, "after"]) == cut
        assert not page.evaluate(signs, [group, "before"])
        last = page.locator(f"#{group} > :last-child")
        last.scroll_into_view_if_needed()
        page.evaluate(f"document.getElementById('{group}').scrollLeft = 9999")
        until(page, f"!document.getElementById('{group}').classList.contains('more-after')")
        box = last.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= size[0]
        assert page.evaluate(signs, [group, "before"]) == cut
    page.keyboard.press("h")
    close = page.locator("#help form button").bounding_box()
    assert close is not None
    assert close["y"] + close["height"] <= size[1]  # however long the list is


@pytest.mark.screens
def test_a_browser_without_full_screen_hides_the_controls_instead_and_gives_them_back(
    browser: Browser, served: Served
) -> None:
    context = context_of(browser, PHONE)
    context.add_init_script(
        "for (const name of ['requestFullscreen', 'webkitRequestFullscreen']) Element.prototype[name] = undefined;"
    )
    page = open_page(context, served)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    before = boxes(page, "#panes")[0]["height"]
    button = page.locator("[data-action=fullscreen]")
    button.scroll_into_view_if_needed()
    button.tap()
    expect(page.locator("#bar")).to_be_hidden()
    expect(page.locator("#notice")).to_have_text(
        "This browser gives pages no full screen: the controls are hidden instead."
    )
    assert boxes(page, "#panes")[0]["height"] > before + 80
    page.locator("#leave").tap()
    expect(page.locator("#bar")).to_be_visible()
    page.keyboard.press("f")
    expect(page.locator("#bar")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#bar")).to_be_visible()
    assert faults == []
    context.close()


# By keyboard


FOCUS = """() => {
  const each = document.activeElement, style = getComputedStyle(each), box = each.getBoundingClientRect();
  if (each === document.body) return null;
  const wide = parseFloat(style.outlineWidth) + parseFloat(style.outlineOffset);
  let [left, top, right, bottom] = [0, 0, innerWidth, innerHeight];
  for (let parent = each.parentElement; parent; parent = parent.parentElement)
    if (getComputedStyle(parent).overflowX !== 'visible' && parent !== document.body) {
      const clip = parent.getBoundingClientRect();
      [left, top] = [Math.max(left, clip.left), Math.max(top, clip.top)];
      [right, bottom] = [Math.min(right, clip.right), Math.min(bottom, clip.bottom)];
    }
  const sides = [box.left - wide - left, box.top - wide - top, right - box.right - wide, bottom - box.bottom - wide];
  return { name: each.id || each.dataset.action || each.textContent, style: style.outlineStyle,
    wide: parseFloat(style.outlineWidth), opacity: Number(style.opacity), cut: Math.min(...sides) };
}"""
"""What the focused element looks like: `cut` is how far its outline lies within all that clips it, in pixels."""


@pytest.mark.screens
@pytest.mark.parametrize("size", [PHONE, ON_ITS_SIDE, (1280, 720)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_focus_is_seen_on_everything_that_the_keyboard_reaches(
    browser: Browser, served: Served, size: tuple[int, int]
) -> None:
    context = context_of(browser, size)
    page = open_page(context, served, start=False)
    for state in ("welcome", "live", "help"):
        if state == "live":
            page.click("#start")
            until_page(page, "page.answer !== null")
        if state == "help":
            page.keyboard.press("h")
            expect(page.locator("#help")).to_be_visible()
        reached: dict[str, Any] = {}
        for _ in range(60):
            page.keyboard.press("Tab")
            page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            found = page.evaluate(FOCUS)
            if found is None:
                continue
            if found["name"] in reached:
                break
            reached[found["name"]] = found
        assert len(reached) > 15, (state, list(reached))
        assert "file" not in reached
        for each in reached.values():
            assert each["style"] == "solid", (state, each)
            assert each["wide"] >= 3, (state, each)
            assert each["opacity"] == 1, (state, each)
            assert each["cut"] >= -1, (state, each)
    context.close()


def test_a_digit_that_is_typed_into_a_control_pins_no_class_and_elsewhere_it_does(page: Page) -> None:
    for control in ("opacity", "target", "methods", "layers", "cameras"):
        page.focus(f"#{control}")
        page.keyboard.press("2")
        page.keyboard.press("0")
        if control == "target":
            assert page.input_value("#target") == "20"
            page.keyboard.press("Escape")  # what was typed and not entered is forgotten
        assert of_page(page, "page.target") is None, control
    page.focus("#opacity")
    page.keyboard.press("i")  # letters mean nothing to a slider
    assert of_page(page, "page.grid.mirrored")
    page.focus("[data-action=mirror]")
    page.keyboard.press("2")
    assert of_page(page, "page.target !== null")


def test_a_list_that_was_chosen_from_by_mouse_gives_the_keys_back(page: Page) -> None:
    page.click("#methods")
    page.select_option("#methods", "hirescam")
    page.keyboard.press("Escape")
    page.keyboard.press("i")
    assert of_page(page, "page.grid.mirrored")


# Rows


def test_a_row_explains_the_class_that_stood_there_when_it_was_touched(empty: Page, served: Served) -> None:
    page = empty
    start_camera(page, served.url())
    row = page.locator("#top li:nth-child(2) button")
    box = row.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 8)
    of_page(page, "Object.defineProperty(page.connection, 'ready', { get: () => false })")
    until_page(page, "page.connection.sent.size === 0")
    touched = of_page(page, "page.answer.top[1][0]")
    page.mouse.down()
    of_page(page, "(page.answer.top.reverse(), page.plate.show(page.answer, null, 0))")
    page.mouse.up()
    assert of_page(page, "page.target") == touched
    page.keyboard.press("0")
    page.keyboard.press("1")
    assert of_page(page, "page.target") == of_page(page, "page.answer.top[0][0]")
    assert page.locator("#top li:first-child .name").inner_text() == of_page(page, "page.answer.top[0][1]")


def test_what_the_network_is_not_sure_of_is_called_so_and_its_heat_is_faint(browser: Browser) -> None:
    labels = [f"thing {number}" for number in range(6)]
    with Served(small_service(stage_network(sure=False), labels)) as unsure:
        context = context_of(browser, (1280, 720))
        page = open_page(context, unsure)
        expect(page.locator("#label")).to_have_text("not sure")
        expect(page.locator("#percent")).to_be_empty()
        assert of_page(page, "page.answer.top[0][2] < 0.25")
        until_page(page, "page.grid.panes[0].smoothing.shown !== null")
        until_page(page, "page.grid.panes[0].smoothing.opacity === page.grid.panes[0].smoothing.goalOpacity")
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        opacity = page.locator("canvas.heat").evaluate("(each) => Number(each.style.opacity)")
        assert opacity == pytest.approx(0.12, abs=0.03)
        expect(page.locator("#top .target")).to_have_count(0)  # the heat is for nothing in particular
        page.keyboard.press("1")
        until_page(page, "page.grid.panes[0].smoothing.opacity > 0.95")
        expect(page.locator("#top .target")).to_have_count(1)
        context.close()


# By a screen reader


@pytest.mark.screens
@pytest.mark.skipif(
    importlib.util.find_spec("axe_playwright_python") is None,
    reason="no axe: pip install axe-playwright-python",
)
def test_axe_finds_nothing_at_welcome_live_help_and_refused(
    playwright: Playwright, browser: Browser, camera: Path, served: Served
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    def faults(page: Page) -> list[str]:
        found = Axe().run(page).response["violations"]
        return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]

    for size in (PHONE, (1280, 720)):
        context = context_of(browser, size)
        page = open_page(context, served, start=False)
        assert faults(page) == []
        page.click("#start")
        until_page(page, "page.answer !== null")
        page.keyboard.press("b")
        page.keyboard.press("d")
        assert faults(page) == []
        of_page(page, "page.setView('methods')")
        assert faults(page) == []
        page.keyboard.press("h")
        assert faults(page) == []
        context.close()
    with chromium(playwright, camera, answer="deny") as refusing:
        page = open_page(refusing.new_context(), served, start=False)
        page.click("#start")
        expect(page.locator("#notice")).to_contain_text("The camera was refused.")
        assert faults(page) == []
