from __future__ import annotations

import logging

import pytest

from live_gradcam.sources.feed import Shot, SourceHealth

SLOW = "camera 0 gives 16 fps of the 30 it promised (dark room? slow USB port?)"


def feed(
    health: SourceHealth, seconds: float, *, fps: float, waits: float = 0.7, start: float = 100.0
) -> float:
    """Give evenly spaced frames, the reader having waited for them for this share of the time; return the end."""
    count = round(seconds * fps)
    for i in range(count):
        health.note(Shot(None, start + i / fps, waits / fps))
    return start + count / fps


def test_the_rate_is_known_after_a_second() -> None:
    health = SourceHealth("camera 0", 30.0)
    end = feed(health, 0.9, fps=30)
    assert health.measured_fps is None
    feed(health, 0.3, fps=30, start=end)
    assert health.measured_fps == pytest.approx(30)
    health.restart()
    assert health.measured_fps is None


def test_the_rate_is_that_of_the_last_seconds() -> None:
    health = SourceHealth("camera 0", 30.0)
    feed(health, 4, fps=10, start=feed(health, 10, fps=30))
    assert health.measured_fps == pytest.approx(10, abs=0.5)


def test_a_camera_that_keeps_its_promise_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        feed(SourceHealth("camera 0", 30.0), 20, fps=27)
        feed(SourceHealth("camera 0", None), 20, fps=5)
    assert caplog.messages == []


def test_a_camera_that_gives_less_is_warned_of_once_and_not_at_once(caplog: pytest.LogCaptureFixture) -> None:
    health = SourceHealth("camera 0", 30.0)
    with caplog.at_level(logging.WARNING):
        end = feed(health, 3.5, fps=16)
        assert caplog.messages == []
        end = feed(health, 5, fps=16, start=end)
        health.restart()
        feed(health, 10, fps=16, start=end)
    assert caplog.messages == [SLOW]


def test_a_rate_that_sinks_later_is_warned_of_too(caplog: pytest.LogCaptureFixture) -> None:
    health = SourceHealth("camera 0", 30.0)
    with caplog.at_level(logging.WARNING):
        feed(health, 10, fps=16, start=feed(health, 60, fps=30))
    assert caplog.messages == [SLOW]  # and not while the two rates were mixed


def test_a_machine_that_is_too_slow_is_not_blamed_on_the_camera(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        feed(SourceHealth("camera 0", 30.0), 10, fps=16, waits=0.01)
        missing_some = SourceHealth("camera 0", 30.0)
        for i in range(300):
            if i % 3:  # two of each three frames are read, and the machine waits for the second
                missing_some.note(Shot(None, 100 + i / 30, 0.02))
    assert caplog.messages == []


def test_damaged_frames_are_warned_of_once_and_forgotten_when_they_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    health = SourceHealth("camera 0", 30.0)
    with caplog.at_level(logging.WARNING):
        for i in range(4):
            health.note(Shot(None, 100 + i / 30, 0.02, damaged=True))
        assert not health.damaged
        health.note(Shot(None, 101, 0.02, damaged=True))
        assert health.damaged
        feed(health, 2, fps=30, start=102)
        assert not health.damaged
        for i in range(9):
            health.note(Shot(None, 105 + i / 30, 0.02, damaged=True))
        assert health.damaged
    assert caplog.messages == ["camera 0 sends damaged frames (cable or hub?)"]
