"""How the page begins: what it says and does where a part of it, or the server, does not come."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import of_page, until_page
from playwright.sync_api import Browser, Page, Route, expect
from served import Served, small_service

from live_gradcam.server.settings import ServerSettings

pytest_plugins = ["page_fixtures"]


WRONG_TOKEN = "the token is wrong: open the link that the server printed when it started."


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own, which waits no longer than it must before it tries again."""
    page = browser.new_page()
    page.add_init_script("Math.random = () => 0;")
    yield page
    page.close()


class Failing:
    """Lets requests for some path fail until it is mended.

    Args:
        page: whose requests.
        path: as `page.route` takes it.
        status: what they are answered with; 0: nothing; −1: not even that, as long as anybody waits.
    """

    def __init__(self, page: Page, path: str, status: int) -> None:
        self._failed, self._mended, self._status, self._page = 0, False, status, page
        page.route(path, self._answer)

    def _answer(self, route: Route) -> None:
        if self._mended:
            route.continue_()
            return
        self._failed += 1
        if self._status > 0:
            route.fulfill(status=self._status, json={"detail": "slow down."})
        elif self._status == 0:
            route.abort()

    def mend(self) -> None:
        """Let requests come through from now on, once one has failed."""
        self.until_more_fail(than=0)
        self._mended = True

    def until_more_fail(self, than: int | None = None) -> None:
        """Wait until more requests have failed than so many; None: than have by now."""
        failed = self._failed if than is None else than
        while self._failed <= failed:
            self._page.wait_for_timeout(20)


def starts(page: Page) -> None:
    """Assert that the page works: the camera starts and is explained."""
    expect(page.locator("#start")).to_be_enabled()
    page.click("#start")
    until_page(page, "page.answer !== null")
    expect(page.locator("#again")).to_be_hidden()
    expect(page.locator("#stuck")).to_be_hidden()


@pytest.mark.parametrize(
    ("module", "status"),
    [
        ("main.js", 503),
        *(
            pytest.param(module, status, marks=pytest.mark.screens)
            for module, status in (
                ("style.css", 0),
                ("heat_painter.js", 429),
                ("heat_painter.js", 0),
                ("main.js", 429),
                ("style.css", 503),
                ("fit.js", 503),
            )
        ),
    ],
)
def test_where_a_part_of_the_page_does_not_come_it_says_so_and_tries_again_by_itself(
    page: Page, served: Served, module: str, status: int
) -> None:
    failing = Failing(page, f"**/page/{module}", status)
    page.goto(served.url())
    expect(page.locator("#notice")).to_have_text(
        "A part of this page did not load: the server is busy or away. Trying again …"
    )
    assert page.locator("#start").is_disabled()  # it would do nothing
    failing.mend()
    starts(page)


def test_where_it_stays_away_the_page_stops_trying_and_a_button_tries_again(
    page: Page, served: Served
) -> None:
    failing = Failing(page, "**/page/label_plate.js", 503)
    page.add_init_script("history.replaceState({ tries: 6 }, '')")
    page.goto(served.url("/#token=kept"))
    expect(page.locator("#notice")).to_have_text(
        "A part of this page did not load: the server is busy or away."
    )
    failing.mend()
    page.click("#again")
    starts(page)
    assert page.evaluate("location.hash") == "#token=kept"


@pytest.mark.screens
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (429, "The server is busy: slow down. Trying again …"),
        (503, "The server is busy: slow down. Trying again …"),
        (0, "The server cannot be reached. Trying again …"),
    ],
)
def test_where_the_setup_does_not_come_it_says_why_and_tries_again(
    page: Page, served: Served, status: int, said: str
) -> None:
    failing = Failing(page, "**/setup", status)
    page.goto(served.url())
    expect(page.locator("#notice")).to_have_text(said)
    assert page.locator("#start").is_disabled()
    if status == 429:
        page.click("#again")
        failing.until_more_fail(than=1)
    failing.mend()
    starts(page)


@pytest.mark.screens
@pytest.mark.parametrize("path", ["**/page/label_plate.js", "**/setup"])
def test_where_the_server_says_nothing_at_all_the_page_says_so_and_a_button_tries_again(
    page: Page, served: Served, path: str
) -> None:
    page.add_init_script(
        "const wait = setTimeout; setTimeout = (act, ms, ...rest) => wait(act, ms === 10000 ? 500 : ms, ...rest);"
    )
    failing = Failing(page, path, -1)
    page.goto(served.url(), wait_until="commit")
    expect(page.locator("#notice")).to_have_text("The server has not answered yet.")
    assert page.locator("#start").is_disabled()
    failing.mend()
    page.click("#again")
    starts(page)
    expect(page.locator("#notice")).to_have_text("")


@pytest.mark.screens
def test_a_setup_that_never_comes_is_given_up_and_asked_for_again(page: Page, served: Served) -> None:
    page.add_init_script(
        "const limit = AbortSignal.timeout; AbortSignal.timeout = () => limit.call(AbortSignal, 700);"
    )
    failing = Failing(page, "**/setup", -1)
    page.goto(served.url(), wait_until="commit")
    expect(page.locator("#notice")).to_have_text("The server cannot be reached. Trying again …")
    failing.mend()
    starts(page)


@pytest.mark.screens
def test_without_its_first_module_the_page_asks_to_be_loaded_again(page: Page, served: Served) -> None:
    Failing(page, "**/page/start.js", 503)
    page.goto(served.url())
    expect(page.locator("#stuck")).to_have_text("The page is loading. If this stays, reload it.")
    expect(page.locator("#stuck")).to_be_hidden()  # most pages are there before anybody reads it
    expect(page.locator("#stuck")).to_be_visible()
    assert page.locator("#start").is_disabled()


@pytest.mark.screens
def test_a_server_that_takes_no_more_visitors_is_told_and_the_page_comes_in_when_one_leaves(
    page: Page,
) -> None:
    with Served(small_service(), ServerSettings(visitors=2)) as crowded:
        with crowded.socket(), crowded.socket():
            page.goto(crowded.url())
            expect(page.locator("#notice")).to_have_text(
                "The server has as many visitors as it takes. Trying again …"
            )
        expect(page.locator("#notice")).to_have_text("")
        starts(page)


def test_the_link_with_the_token_opens_the_page_and_another_token_is_told_before_and_after_a_new_start(
    page: Page, browser: Browser
) -> None:
    with Served(small_service(), token="the-first-token!") as served:
        port = served.port
        page.goto(served.url("/#token=the-first-token!"))
        starts(page)
        stranger = browser.new_page()
        stranger.goto(served.url("/#token=wrong"))
        expect(stranger.locator("#notice")).to_have_text(WRONG_TOKEN)
        stranger.close()
    with Served(small_service(), token="another-token-it-is", port=port):
        expect(page.locator("#notice")).to_have_text(WRONG_TOKEN)
        assert of_page(page, "page.grid.drawable !== null")
