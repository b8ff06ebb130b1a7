"""The report beside the live view: its photographs by number, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from audit_findings import report_of
from marked import drawn_photograph
from served import Served, small_service

from live_gradcam.audit.report import write_report
from live_gradcam.errors import SettingsError
from live_gradcam.report_photos import read_photo_list, write_photo_list
from live_gradcam.server.report_pages import ReportFolder
from live_gradcam.server.run import serve
from live_gradcam.server.settings import ServerSettings

TOKEN = "a-token-that-is-long-enough"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of four photographs: a large one, one that is gone, one that is no picture, and one unknown."""
    folder = tmp_path_factory.mktemp("served report")
    large = np.asarray(cv2.resize(drawn_photograph(), (3000, 2000)), np.uint8)
    cv2.imwrite(str(folder / "large.png"), large)
    (folder / "secret.txt").write_text("a secret", "utf-8")
    report = report_of(["cat", "dog"], photos_each=12)
    report = replace(report, photos=report.photos[:4])
    names = [each.name for each in report.photos]
    paths = {names[0]: folder / "large.png", names[1]: folder / "gone.jpg", names[2]: folder / "secret.txt"}
    write_report(report, folder / "report", paths)
    return folder / "report"


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    with Served(small_service(), ServerSettings(port=0, report=folder), token=TOKEN) as served:
        yield served


def test_the_report_numbers_its_photographs_and_a_hidden_file_says_where_they_lie(folder: Path) -> None:
    assert [None if each is None else each.name for each in read_photo_list(folder)] == [
        "large.png",
        "gone.jpg",
        "secret.txt",
        None,
    ]
    text = (folder / "index.html").read_text("utf-8")
    assert {f'data-photo="{number}"' in text for number in range(4)} == {True}
    assert str(folder.parent) not in text  # the report may be given away
    assert read_photo_list(folder / "nowhere") == ()
    (folder / ".live-gradcam" / "odd").mkdir(exist_ok=True)
    write_photo_list(folder / ".live-gradcam" / "odd", [])
    assert read_photo_list(folder / ".live-gradcam" / "odd") == ()


def test_it_gives_the_report_and_its_photographs_to_those_with_the_token(
    served: Served, folder: Path
) -> None:
    known = f"Bearer {TOKEN}"
    found = served.get("/report/content", Authorization=known).json
    assert found == {"html": (folder / "index.html").read_text("utf-8"), "live": True}
    reply = served.get("/report/photos/0", Authorization=known)
    assert (reply.status, reply.headers["content-type"]) == (200, "image/jpeg")
    pixels = cv2.imdecode(np.frombuffer(reply.body, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert pixels.shape == (1365, 2048, 3)
    assert served.get("/setup", Authorization=known).json["report"] is True
    assert served.get("/report").status == 200
    for path in ("/report/content", "/report/photos/0"):
        assert served.get(path).status == 401


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("1", 404, "cannot be shown: gone.jpg cannot be read"),
        ("2", 404, "cannot be shown: secret.txt cannot be read"),
        ("3", 404, "has no photograph 3"),
        ("4", 404, "has no photograph 4"),
        ("-1", 422, "number"),
        ("1e3", 422, "number"),
        ("..%2f..%2fsecret.txt", 404, ""),
        ("../../secret.txt", 404, ""),
        ("0/../../../secret.txt", 404, ""),
    ],
)
def test_nothing_but_its_photographs_can_be_asked_for(
    served: Served, path: str, status: int, told: str
) -> None:
    reply = served.get(f"/report/photos/{path}", Authorization=f"Bearer {TOKEN}")
    assert reply.status == status
    assert told in reply.detail
    assert b"a secret" not in reply.body
    assert str(Path.cwd()).encode() not in reply.body


def test_only_the_report_may_have_styles_of_its_own_and_nothing_has_scripts(served: Served) -> None:
    policies = {path: served.get(path).headers["content-security-policy"] for path in ("/", "/report")}
    assert "unsafe-inline" not in policies["/"]
    assert "style-src 'self' 'unsafe-inline'" in policies["/report"]
    assert all("script-src 'self';" in each for each in policies.values())


def test_a_folder_without_a_report_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no index\.html of an audit in it\. Write one"):
        ReportFolder(tmp_path)
    from live_gradcam.config import Settings

    with pytest.raises(SettingsError, match="report is "):
        serve(Settings(source=0), ServerSettings(port=0, report=tmp_path), source=None, tell=print)


def test_a_server_without_a_report_has_none() -> None:
    with Served(small_service()) as served:
        assert served.get("/setup").json["report"] is False
        assert served.get("/report").status == 404
        assert served.get("/report/photos/0").status == 404
