"""Damaged files of labels: each is read or told in one line, soon, and in little memory."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits import at_most

from live_gradcam.errors import ModelError
from live_gradcam.models.label_files import read_labels

LONGEST = 400
SECONDS = 5.0
MEMORY = 200_000_000


def _array(tmp: list[str]) -> bytes:
    import io

    stream = io.BytesIO()
    np.save(stream, np.array(tmp))
    return stream.getvalue()


WHOLE: tuple[bytes, ...] = (
    b"cat\ndog\nbird\n",
    b"0 cat\n1 dog\n2 bird\n",
    b"# names\ncat: 0\ndog: 1\nbird: 2\n",
    b"n02123045 tabby, tabby cat\nn02123159 tiger cat\n",
    b'id,name,unit\n0,"cat, tabby",kg\n1,dog,\n',
    b"sep=;\r\nid;label\r\n0;cat\r\n1;dog\r\n",
    json.dumps({"tfjsVersion": "1", "labels": ["cat", "dog"], "more": [{"a": [1, 2.5, None]}]}).encode(),
    json.dumps({str(i): [f"n{i:08}", f"name {i}"] for i in range(20)}).encode(),
    json.dumps({"id2label": {"0": "cat", "1": "dog"}, "label2id": {"cat": 0, "dog": 1}}).encode(),
    json.dumps([{"id": i, "name": f"class {i}", "supercategory": "x"} for i in range(20)]).encode(),
    b"path: x\nnames:\n  0: cat\n  1: 'dog'\n  2: &a bird\nother: *a\ndownload: |\n  print(1)\n",
    b'- cat\n- "dog"\n- [a, {b: c}]\n',
    b"item {\n  id: 1\n  name: 'caf\\303\\251'\n  keypoints { id: 1 label: \"x\" }\n}\nitem { id: 2 name: 'dog' }\n",
    "\ufeff0 Äpfel\n1 猫\n".encode("utf-16"),
    "Äpfel\nKäse\n".encode("cp1252"),
    "ねこ\n犬\n".encode("shift_jis"),
    b"{0: 'cat',\n 1: 'dog'}",
    _array(["cat", "dog"]),
)
PIECES: tuple[bytes, ...] = (
    *(
        b"\0",
        b"\n",
        b"\r",
        b'"',
        b"'",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b"- ",
        b"\t",
        b",",
        b";",
        b"\\",
        b"&a ",
        b"*a",
        b"<<: *a",
    ),
    *(
        b"!!python/object/apply:os.system [x]",
        b"item {",
        b"99999999999999999999",
        b"-1",
        b"1e999",
        b"NaN",
        b"null",
        b"\xff",
    ),
    *(
        b"\xed\xa0\x80",
        "\u202e".encode(),
        b"[" * 2000,
        b"{" * 2000,
        b"- " * 2000,
        b"(" * 2000,
        b"0 " * 2000,
        b"\\u0000",
    ),
    *(
        b"# ",
        b"a" * 3000,
        b"id",
        b"name",
        b"labels",
        b"%YAML 9.9\n",
        b"---\n",
        b"? ",
        b"| \n",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
    ),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file of labels with some places cut out, doubled, flipped, or filled with what parsers stumble over."""
    content = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(1, 6))):
        begin = draw(st.integers(0, len(content)))
        end = min(len(content), begin + draw(st.integers(0, 12)))
        match draw(st.integers(0, 4)):
            case 0:
                del content[begin:end]
            case 1:
                content[begin:begin] = content[begin:end] * draw(st.integers(1, 50))
            case 2:
                content[begin:end] = draw(st.sampled_from(PIECES))
            case 3 if begin < len(content):
                content[begin] ^= 1 << draw(st.integers(0, 7))
            case _:
                content[begin:begin] = draw(st.binary(max_size=12))
    return bytes(content)


def assert_read_or_told(folder: Path, content: bytes) -> None:
    path = folder / "labels.txt"
    path.write_bytes(content)
    with at_most(SECONDS):
        try:
            labels = read_labels(path, (2, 3))
        except ModelError as error:
            said = str(error)
        else:
            said = ""
            assert all(name and name == " ".join(name.split()) for name in labels.names)
            assert len(labels.units) in (0, len(labels))
            assert len(labels.synonyms) in (0, len(labels))
        assert len(said) <= LONGEST
        assert said.isprintable() or "\n" not in said
        assert len(said.splitlines()) <= 1


@given(damaged())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_told_in_one_line(tmp_path: Path, content: bytes) -> None:
    assert_read_or_told(tmp_path, content)


@pytest.mark.fuzz
def test_seven_hundred_damaged_files_are_read_or_told_in_one_line_and_little_memory(tmp_path: Path) -> None:
    count = 0

    @given(damaged())
    @settings(
        max_examples=700,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def try_one(content: bytes) -> None:
        nonlocal count
        count += 1
        assert_read_or_told(tmp_path, content)

    tracemalloc.start()
    try_one()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count >= 700
    assert peak < MEMORY
