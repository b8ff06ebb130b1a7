"""Folders of boxes: Pascal VOC's XML and YOLO's text."""

from __future__ import annotations

from pathlib import Path

import pytest

from live_gradcam.archive.places_file import read_places
from live_gradcam.errors import SourceError

VOC = """<annotation><filename>other.jpg</filename><size><width>100</width><height>50</height></size>
<object><name>cat</name><bndbox><xmin>11</xmin><ymin>21</ymin><xmax>30</xmax><ymax>25</ymax></bndbox></object>
<object><name>dog</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>1</xmax><ymax>1</ymax></bndbox></object>
</annotation>"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def test_pascal_voc_counts_pixels_from_one(tmp_path: Path) -> None:
    places = read_places(write(tmp_path / "boxes", cats__1_xml=VOC, empty_xml="<annotation/>"))
    assert places.of(Path("/any/cats/1.jpg"), (100, 50)) == [(10, 20, 20, 5), (0, 0, 1, 1)]
    assert places.of(Path("/any/dogs/1.jpg"), (100, 50)) is None
    assert not places.names(Path("/any/empty.jpg"))


def test_yolo_has_shares_of_the_photograph(tmp_path: Path) -> None:
    text = "0 0.5 0.5 0.2 0.4\n3 0.25 0.75 0.5 0.5 0.99\n\n"
    places = read_places(write(tmp_path / "boxes", **{"1_txt": text, "classes_txt": "cat\ndog\n"}))
    found = places.of(Path("/any/cats/1.jpg"), (100, 50))
    assert found is not None
    assert found[0] == pytest.approx((40, 15, 20, 20))
    assert found[1] == pytest.approx((0, 25, 50, 25))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("1_txt", "0 0.5 0.5 0.2\n", "1.txt, line 1: '0 0.5 0.5 0.2' is no box. It needs `class x y width"),
        ("1_txt", "0 50 50 20 20\n", "1.txt, line 1: '0 50 50 20 20' is no box"),
        ("1_txt", "0 0.5 0.5 0 0.1\n", "width and height are more than 0"),
        ("1_txt", "\n", "has no boxes. Give Pascal VOC's .xml or YOLO's .txt files"),
        ("1_xml", "<annotation>", "1.xml is no XML"),
        ("1_xml", VOC.replace("<xmin>11", "<xmin>31"), "1.xml, object 1: '31, 21, 30, 25' is no box"),
        ("1_xml", VOC.replace("<xmin>11", "<xmin>left"), "1.xml, object 1: 'left, 21, 30, 25' is no box"),
        ("1_xml", VOC.replace("<xmin>11</xmin>", ""), "1.xml, object 1: ', 21, 30, 25' is no box"),
        (
            "1_xml",
            '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><annotation>&c;</annotation>',
            "1.xml declares a document type",
        ),
    ],
)
def test_boxes_of_another_form_are_refused_with_the_place(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    with pytest.raises(SourceError) as caught:
        read_places(write(tmp_path / "boxes", **{name: text}))
    assert told in str(caught.value)


def test_a_folder_has_one_kind_of_boxes(tmp_path: Path) -> None:
    folder = write(tmp_path / "boxes", **{"1_xml": VOC, "2_txt": "0 0.5 0.5 0.2 0.4"})
    with pytest.raises(SourceError, match=r"has .xml and .txt files. Give a folder of one kind"):
        read_places(folder)


def test_a_folder_of_an_audit_or_of_masks_says_where_they_belong(tmp_path: Path) -> None:
    (tmp_path / "1.png").touch()
    with pytest.raises(
        SourceError, match=r"has no boxes. Masks go with `live-gradcam audit --masks`, or in Py"
    ):
        read_places(tmp_path)
    (tmp_path / "boxes.json").touch()
    with pytest.raises(SourceError, match=r"The boxes that were drawn in an audit are in '.*boxes.json'."):
        read_places(tmp_path)
