"""The server of the page for marking: what it writes, and what it refuses."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from marked import disc_mask, drawn_photographs
from marking_client import MarkingClient, marking

from live_gradcam.audit.marks import Marks
from live_gradcam.server.marking import AuditTurn, outline_picture

Served = tuple[MarkingClient, Marks, AuditTurn]
BOX = "x=0.3&y=0.2&width=0.4&height=0.6"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with marking(drawn_photographs(tmp_path), tmp_path / "report") as found:
        yield found


def test_a_person_marks_skips_and_takes_back(served: Served) -> None:
    client, marks, _ = served
    setup = client.json("/marks")
    assert setup["needed"] == 20
    assert setup["photos"] == [["cats", ""], ["dogs", ""], ["cats", ""], ["dogs", ""], ["cats", ""]]
    assert client.json("/marks/0") == {"size": [120, 80], "box": None, "state": ""}
    assert client.json(f"/marks/0?{BOX}", "PUT") == {"state": "box"}
    assert client.json(f"/marks/1?{BOX}&outlined=true", "PUT") == {"state": "outline"}
    assert client.json("/marks/2/none", "PUT") == {"state": "none"}
    assert client.json("/marks/0")["box"] == pytest.approx([0.3, 0.2, 0.4, 0.6])
    names = [each.name for each in marks.photos]
    assert json.loads(marks.boxes.read_bytes()) == {
        names[0]: [[36, 16, 48, 48]],
        names[1]: [[36, 16, 48, 48]],
        names[2]: [],
    }
    assert client.json("/marks/0", "DELETE") == {"state": ""}
    assert [state for _, state in client.json("/marks")["photos"]] == ["", "outline", "none", "", ""]


def test_the_picture_and_its_outline_have_its_size(served: Served) -> None:
    client, marks, _ = served
    for path, kind in (("picture", "image/jpeg"), (f"outline?{BOX}", "image/png")):
        reply = client.ask(f"/marks/0/{path}")
        assert (reply.status, reply.headers["content-type"]) == (200, kind)
        pixels = cv2.imdecode(np.frombuffer(reply.body, np.uint8), cv2.IMREAD_UNCHANGED)
        assert pixels is not None
        assert pixels.shape[:2] == (80, 120)
        if kind == "image/jpeg":
            assert np.abs(pixels.astype(int) - marks.picture(0)).mean() < 20


def test_what_is_laid_over_the_photograph_leaves_the_thing_clear() -> None:
    overlay = cv2.imdecode(np.frombuffer(outline_picture(disc_mask(), 1600), np.uint8), cv2.IMREAD_UNCHANGED)
    assert overlay is not None
    assert (overlay[disc_mask(), 3] == 0).all()
    outside = overlay[~disc_mask(), 3]
    assert outside.min() == 150
    assert 0.02 < (outside == 255).mean() < 0.06  # the edge, about 2π·21 of 8,343 pixels


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/marks/0?x=0.8&y=0&width=0.4&height=0.5", "PUT", 400),
        ("/marks/0?x=-1&y=0&width=0.4&height=0.5", "PUT", 422),
        ("/marks/0?x=nan&y=0&width=0.4&height=0.5", "PUT", 422),
        ("/marks/0?x=0&y=0&width=0&height=0.5", "PUT", 400),
        ("/marks/0?x=0&y=0", "PUT", 422),
        (f"/marks/5?{BOX}", "PUT", 404),
        (f"/marks/-1?{BOX}", "PUT", 422),
        ("/marks/99999999999999999999", "GET", 422),
        ("/marks/..%2f..%2fetc%2fpasswd/picture", "GET", 404),
        ("/marks/../../etc/passwd", "GET", 404),
        ("/page/..%2fmarking.py", "GET", 404),
        ("/page/../marking.py", "GET", 404),
        ("/report/photos/0", "GET", 400),
        ("/report/content", "GET", 400),
        ("/explain", "POST", 404),
        ("/docs", "GET", 404),
        ("/audit", "DELETE", 405),
    ],
)
def test_wrong_requests_are_refused_and_write_nothing(
    served: Served, path: str, method: str, status: int
) -> None:
    client, marks, _ = served
    reply = client.ask(path, method)
    assert reply.status == status, reply.body
    assert isinstance(reply.json["detail"], str)
    assert not marks.boxes.exists()


def test_without_the_token_or_from_another_site_nothing_is_told_or_written(served: Served) -> None:
    client, marks, turn = served
    for path, method in (
        ("/marks", "GET"),
        ("/marks/0/picture", "GET"),
        (f"/marks/0?{BOX}", "PUT"),
        ("/marks/0/none", "PUT"),
        ("/marks/0", "DELETE"),
        ("/audit", "POST"),
        ("/report/content", "GET"),
    ):
        assert client.ask(path, method, token="").status == 401
        assert client.ask(path, method, token="another-token-of-some-length").status == 401
        assert client.ask(path, method, Origin="https://evil.example").status == 403
        assert client.ask(path, method, Host="evil.example").status == 421
    assert client.ask("/", token="").status == 200  # the page itself holds nothing
    assert not marks.boxes.exists()
    assert turn.as_json()["state"] == "marking"


def test_every_reply_has_the_policy_of_the_page(served: Served) -> None:
    client, _, _ = served
    policy = client.ask("/").headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy


def test_a_photograph_that_is_gone_or_no_picture_is_told(served: Served) -> None:
    client, marks, _ = served
    marks.photos[0].path.unlink()
    marks.photos[1].path.write_text("no picture", "utf-8")
    for number in (0, 1):
        for path, method in (
            ("", "GET"),
            ("/picture", "GET"),
            (f"?{BOX}", "PUT"),
            (f"/outline?{BOX}", "GET"),
        ):
            reply = client.ask(f"/marks/{number}{path}", method)
            assert reply.status == 400
            assert "cannot be read" in reply.detail
    assert not marks.boxes.exists()


def test_a_box_that_cannot_be_written_is_told(served: Served) -> None:
    client, marks, _ = served
    marks.boxes.parent.parent.joinpath("report").touch()
    reply = client.ask(f"/marks/0?{BOX}", "PUT")
    assert (reply.status, "Name another folder with --out" in reply.detail) == (400, True)
    assert os.path.isfile(marks.boxes.parent)  # noqa: PTH113 - beside the sentence above


def test_the_wish_to_audit_wakes_the_program_and_its_progress_comes_back(served: Served) -> None:
    client, _, turn = served
    assert client.json("/audit")["state"] == "marking"
    waiting = threading.Thread(target=turn.wait)
    waiting.start()
    assert client.json("/audit", "POST")["state"] == "running"
    waiting.join(5)
    assert not waiting.is_alive()
    turn.begin(5)
    turn.advance(2)
    client.json("/audit", "POST")  # asked twice
    assert client.json("/audit") == {"state": "running", "line": "", "done": 2, "photos": 5}
    turn.end("no such layer")
    assert client.json("/audit") == {"state": "failed", "line": "no such layer", "done": 2, "photos": 5}
    assert client.json("/audit", "POST") == {"state": "running", "line": "", "done": 0, "photos": 0}
    turn.end()
    assert client.json("/audit")["state"] == "done"
