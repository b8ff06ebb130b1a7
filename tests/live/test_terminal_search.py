"""The search for a class is typed in the terminal, too: Chinese, which OpenCV's window does not take, above all."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from programs import TESTS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")

PATIENCE = 30.0
SHOW = """
import time
from acting import Acting, MENU
from live.test_run_controller import Hand
from programs import TESTS
from dataclasses import replace
chinese = ("虎斑猫", "虎猫", "猞猁", "埃及猫", "美洲狮", "猫洞", "海虎")
hand = Hand(acting=Acting(menu=replace(MENU, other_names=tuple((name,) for name in chinese))))
hand.press("/")
print("open", flush=True)
until = time.monotonic() + 60
while hand.acting.view.prompt is not None and time.monotonic() < until:
    hand.press()
    time.sleep(0.02)
print("target", hand.acting.view.choice.target, flush=True)
"""


@dataclass(slots=True)
class Typist:
    """A program in a terminal of its own, and who types there."""

    process: subprocess.Popen[bytes]
    terminal: int
    said: str = ""

    def types(self, text: str) -> None:
        """Type, or paste, a text."""
        os.write(self.terminal, text.encode())

    def sees(self, text: str) -> bool:
        """Wait until a text stands in the terminal, and return whether it does."""
        until = time.monotonic() + PATIENCE
        while text not in self.said and time.monotonic() < until:
            if select.select([self.terminal], [], [], 0.1)[0]:
                try:
                    self.said += os.read(self.terminal, 4096).decode("utf-8", "replace")
                except OSError:  # it has ended
                    break
        return text in self.said


@pytest.fixture
def typist() -> Iterator[Typist]:
    import pty

    ours, theirs = pty.openpty()
    places = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        # Its own session, whose terminal this becomes: only who is in its foreground may read.
        [sys.executable, "-c", f"import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n{SHOW}"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places), "PYTHONUTF8": "1"},
    )
    os.close(theirs)
    yield Typist(process, ours)
    process.kill()
    process.wait()
    os.close(ours)


def test_chinese_is_pasted_in_the_terminal_while_the_search_is_open(typist: Typist) -> None:
    assert typist.sees("type the name of a class here or in the window, and press Enter"), typist.said
    typist.types("猞猁\n")
    assert typist.sees("chosen: lynx"), typist.said
    assert typist.sees("target 2"), typist.said


def test_where_several_classes_fit_the_terminal_says_which_and_what_to_do(typist: Typist) -> None:
    assert typist.sees("press Enter"), typist.said
    typist.types("虎\n")
    assert typist.sees("several classes fit (tiger cat  (虎猫), tabby  (虎斑猫), sea tiger  (海虎))"), (
        typist.said
    )
    assert typist.sees("press Enter again to take 'tiger cat  (虎猫)', or type more of the name"), typist.said
    typist.types("狗\n")
    assert typist.sees("no class is called '狗': type another name"), typist.said
    typist.types("虎\n")
    typist.types("\n")
    assert typist.sees("chosen: tiger cat"), typist.said
    assert typist.sees("target 1"), typist.said
