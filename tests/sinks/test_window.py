"""The window, in processes of its own on a pretend screen."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from screen import Screen, require_screen

from live_gradcam.frame import Pixels
from live_gradcam.viewer_input import Key, Pointer

TITLE = "looking"
RED, GREEN = (20, 30, 220), (30, 200, 40)
GIVE_UP_SECONDS = 20

SHOW = """
import sys, time
import numpy as np
from live_gradcam.viewer_input import Key
from live_gradcam.frame import Frame
from live_gradcam.rendered_picture import Rendered
from live_gradcam.sinks.window import Window

width, height, still = int(sys.argv[1]), int(sys.argv[2]), "still" in sys.argv
picture = np.zeros((height, width, 3), np.uint8)
picture[:, : width // 2] = (20, 30, 220)
picture[: height // 2, width // 2 :] = (30, 200, 40)
window = Window("looking")
frame = Frame(picture, 0, time.monotonic())
window.write(Rendered(picture, frame))
events = []
while not window.finished and Key("q") not in events and time.monotonic() < frame.captured_at + 20:
    if still:
        window.poll(20)
    else:
        window.write(Rendered(picture, frame))
    new = window.take_events()
    if "aloud" in sys.argv:
        print(*new, sep="\\n", end="\\n" if new else "", flush=True)
    events += new
print("closed" if window.finished else "q" if Key("q") in events else "gave up", flush=True)
if "tell" in sys.argv:
    print(*(event.name if isinstance(event, Key) else event for event in events), sep="\\n", flush=True)
if "linger" in sys.argv:
    for _ in range(20):
        window.write(Rendered(picture, frame))
        window.poll(5)
    print("lingering", flush=True)
    sys.stdin.readline()
window.close()
window.close()
"""


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    require_screen()
    with Screen() as screen:
        yield screen


def is_red(seen: Pixels) -> npt.NDArray[np.bool_]:
    return np.asarray((seen == RED).all(axis=2), np.bool_)


class Show:
    """A program that shows a picture: red on the left, green at the top right, black below."""

    def __init__(self, screen: Screen, *arguments: str) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-c", SHOW, *(arguments or ("640", "360"))],
            env=screen.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            self.window = screen.painted_window(TITLE, lambda seen: bool(is_red(seen).any()))
        except AssertionError as error:
            self._program.kill()
            raise AssertionError(f"{error}: {self.end()}") from error

    def line(self) -> str:
        assert self._program.stdout is not None
        return self._program.stdout.readline().strip()

    def until_told(self, event: Key | Pointer) -> list[str]:
        """Wait until a program that speaks aloud has had an event; return what it had before that."""
        before: list[str] = []
        while (line := self.line()) != str(event):
            assert line, f"{event} never came: {before}"
            before.append(line)
        return before

    def end(self) -> tuple[int, str, str]:
        """Return exit code, what is left of stdout, and stderr."""
        try:
            out, err = self._program.communicate("\n", timeout=GIVE_UP_SECONDS + 10)
        finally:
            self._program.kill()
        return self._program.returncode, out.strip(), err


def test_the_picture_is_on_the_screen_pixel_for_pixel(screen: Screen) -> None:
    show = Show(screen)
    seen = screen.photograph_when(lambda seen: int(is_red(seen).sum()) == 320 * 360)
    screen.press("q", show.window)
    assert show.end() == (0, "q", "")
    top, left = (int(place.min()) for place in np.nonzero(is_red(seen)))
    shown = seen[top : top + 360, left : left + 640]
    assert (shown[:, :320] == RED).all()
    assert (shown[:180, 320:] == GREEN).all()
    assert not shown[180:, 320:].any()


def test_keys_are_told_by_the_names_that_browsers_give_them(screen: Screen) -> None:
    show = Show(screen, "640", "360", "tell")
    pressed = ["Left", "Right", "a", "Return", "Escape", "Tab", "slash", "plus", "bracketleft", "space", "Up"]
    for key in (*pressed, "F1"):  # the left arrow is 0xFF51, and 0x51 is Q; F1 has no name here
        screen.press(key, show.window)
    screen.press("q", show.window)
    code, said, complained = show.end()
    assert (code, complained) == (0, "")
    names = ["ArrowLeft", "ArrowRight", "a", "Enter", "Escape", "Tab", "/", "+", "[", " ", "ArrowUp", "q"]
    assert said.split("\n") == ["q", *names]


def test_the_shift_key_makes_another_letter(screen: Screen) -> None:
    show = Show(screen, "640", "360", "aloud")
    screen.hold("shift")
    screen.press("m", show.window)
    assert show.until_told(Key("M")) == []
    screen.release("shift")
    screen.press("m", show.window)
    screen.press("q", show.window)
    assert show.until_told(Key("q")) == [str(Key("m"))]
    assert show.line() == "q"
    assert show.end() == (0, "", "")


def test_the_mouse_is_told_in_pixels_of_the_picture_whatever_the_windows_size(screen: Screen) -> None:
    show = Show(screen, "640", "360", "aloud")
    screen.resize(show.window, 1280, 720)
    screen.photograph_when(lambda seen: is_red(seen).sum() > 3.9 * 320 * 360)  # the pointer lies on some
    screen.drag((200, 100), (600, 500))
    assert show.until_told(Pointer("up", 300, 250))[0] == str(Pointer("down", 100, 50))
    screen.press("q", show.window)
    assert show.until_told(Key("q")) == []
    assert show.line() == "q"
    assert show.end() == (0, "", "")


def test_the_wheel_changes_nothing_and_the_right_button_opens_no_menu_of_opencv_s(screen: Screen) -> None:
    show = Show(screen, "640", "360", "aloud")

    def photograph() -> Pixels:
        screen.move((1200, 780))  # the pointer is a part of what is on the screen
        return screen.photograph_when(lambda seen: int(is_red(seen).sum()) == 320 * 360)

    before = photograph()
    for button in (4, 4, 5, 6, 7, 4):
        screen.click((160, 90), button)
    screen.click((160, 90), 3)
    assert show.until_told(Pointer("menu", 160, 90)) == []
    screen.press("a", show.window)
    assert show.until_told(Key("a")) == []  # so it has been painted since
    after = photograph()
    screen.press("q", show.window)
    assert show.until_told(Key("q")) == []
    assert show.line() == "q"
    assert show.end() == (0, "", "")
    assert np.array_equal(after, before)


def test_a_drag_goes_on_beyond_the_window_s_edge() -> None:
    require_screen()
    with Screen() as screen:  # the pointer of which no other test sees
        show = Show(screen, "640", "360", "aloud")
        screen.drag((200, 100), (900, 600))
        assert show.until_told(Pointer("up", 900, 600))[0] == str(Pointer("down", 200, 100))
        screen.press("q", show.window)
        assert show.until_told(Key("q")) == []
        assert show.line() == "q"
        assert show.end() == (0, "", "")


def test_closing_it_ends_it_and_it_does_not_come_back(screen: Screen) -> None:
    show = Show(screen, "640", "360", "linger")
    screen.close_window(show.window)
    assert show.line() == "closed"
    assert show.line() == "lingering"
    assert screen.windows(TITLE) == []
    assert show.end() == (0, "", "")


def test_a_still_picture_stays_until_a_key(screen: Screen) -> None:
    show = Show(screen, "640", "360", "still")
    screen.move((1200, 780))  # the pointer is a part of what is on the screen
    screen.photograph_when(lambda seen: int(is_red(seen).sum()) == 320 * 360)
    time.sleep(0.5)
    assert is_red(screen.photograph()).sum() == 320 * 360
    screen.press("q", show.window)
    assert show.end() == (0, "q", "")


def test_closing_a_still_picture_ends_it(screen: Screen) -> None:
    show = Show(screen, "640", "360", "still")
    screen.close_window(show.window)
    assert show.end() == (0, "closed", "")


def test_a_window_that_is_resized_keeps_the_aspect_of_the_picture(screen: Screen) -> None:
    show = Show(screen)
    screen.resize(show.window, 1200, 360)
    seen = screen.photograph_when(lambda seen: not is_red(seen)[:, :280].any() and bool(is_red(seen).any()))
    screen.press("q", show.window)
    assert show.end() == (0, "q", "")
    columns = np.nonzero(is_red(seen))[1]
    assert (columns.min(), columns.max()) == (280, 280 + 319)
    assert not seen[:360, :280].any()  # the bars are black
    assert not seen[:360, 920:1200].any()


def printed(code: str, screen: Screen) -> str:
    """Run a program on the screen; return what it prints, after it has ended well and without a complaint."""
    program = subprocess.run(
        [sys.executable, "-c", code],
        env=screen.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (program.returncode, program.stderr) == (0, "")
    return program.stdout


def test_it_tells_the_size_that_the_viewer_chose(screen: Screen) -> None:
    code = (
        "import cv2, numpy as np; from live_gradcam.frame import Frame\n"
        "from live_gradcam.rendered_picture import Rendered; from live_gradcam.sinks.window import Window\n"
        "def show(high, wide):\n"
        "    picture = np.zeros((high, wide, 3), np.uint8)\n"
        "    for _ in range(5): window.write(Rendered(picture, Frame(picture, 0, 0.0))); window.poll(20)\n"
        "    return window.room\n"
        "with Window('looking') as window:\n"
        "    print(window.room, show(360, 640), show(640, 360))\n"
        "    cv2.resizeWindow('looking', 800, 450); print(show(640, 360), show(450, 800))\n"
        "print(window.room)"
    )
    assert printed(code, screen) == "None None None\n(800, 450) (800, 450)\nNone\n"


def test_fullscreen_is_asked_for(screen: Screen) -> None:
    # Nothing fills this screen: that would take a window manager. What the toolkit was asked is what can be seen.
    code = (
        "import cv2, numpy as np; from live_gradcam.frame import Frame\n"
        "from live_gradcam.rendered_picture import Rendered; from live_gradcam.sinks.window import Window\n"
        "picture = np.zeros((90, 160, 3), np.uint8)\n"
        "with Window('looking', fullscreen=True) as window:\n"
        "    window.write(Rendered(picture, Frame(picture, 0, 0.0)))\n"
        "    print(cv2.getWindowProperty('looking', cv2.WND_PROP_FULLSCREEN) == cv2.WINDOW_FULLSCREEN)"
    )
    assert printed(code, screen) == "True\n"


def test_a_large_picture_is_shown_smaller_and_whole(screen: Screen) -> None:
    show = Show(screen, "2560", "720")  # the screen has 1280 pixels, the window 98% of them
    seen = screen.photograph_when(lambda seen: bool((seen == GREEN).all(axis=2).any()))
    screen.press("q", show.window)
    assert show.end() == (0, "q", "")
    rows, columns = np.nonzero(is_red(seen))
    assert (columns.max() + 1, rows.max() + 1) == (pytest.approx(627, abs=3), pytest.approx(353, abs=3))
    greens = np.nonzero((seen == GREEN).all(axis=2))
    assert greens[1].max() < 1280


@pytest.mark.parametrize("address", [None, ":4711", "nonsense"])
def test_without_a_display_there_is_one_line_and_no_abort(address: str | None) -> None:
    require_screen()
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")
    }
    if address is not None:
        environment["DISPLAY"] = address
    code = (
        "from live_gradcam.errors import SinkError; from live_gradcam.sinks.window import Window\n"
        "try: Window('looking')\n"
        "except SinkError as error: print(error)"
    )
    program = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (program.returncode, program.stderr) == (0, "")
    assert program.stdout.startswith("no window: ")
    assert program.stdout.count("\n") == 1


@pytest.mark.parametrize("asked", ["wayland", "offscreen"])
def test_a_desktop_that_asks_qt_for_another_plugin_gets_the_one_there_is(screen: Screen, asked: str) -> None:
    code = (
        "import numpy as np; from live_gradcam.frame import Frame; from live_gradcam.sinks.window import Window\n"
        "from live_gradcam.rendered_picture import Rendered\n"
        "picture = np.zeros((90, 160, 3), np.uint8)\n"
        "with Window('looking') as window: window.write(Rendered(picture, Frame(picture, 0, 0.0))); print('shown')"
    )
    environment = {**screen.environment, "QT_QPA_PLATFORM": asked, "WAYLAND_DISPLAY": "wayland-0"}
    program = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (program.returncode, program.stdout, program.stderr) == (0, "shown\n", "")


def test_a_window_keeps_the_contract_of_all_sinks(screen: Screen) -> None:
    contract = Path(__file__).with_name("test_contract.py")
    program = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "window", str(contract)],
        env=screen.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert program.returncode == 0, program.stdout + program.stderr
    assert " passed" in program.stdout
