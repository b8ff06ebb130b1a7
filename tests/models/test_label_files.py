"""Files of class names: every usual form is read, what is ambiguous is decided soundly, the rest is told in a line."""

from __future__ import annotations

import codecs
import csv
import io
import json
import pickle
import tempfile
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from limits import at_most

from live_gradcam.errors import ModelError
from live_gradcam.models.label_files import MOST_BYTES, read_labels
from live_gradcam.models.labels import imagenet_labels

_FOLDER = tempfile.TemporaryDirectory()

PBTXT = """# made by hand
item {
  name: "/m/02"
  id: 2
  display_name: "dog"
}
item { id: 1, name: 'cat' keypoints { id: 9 label: "nose" } }
"""


@pytest.mark.parametrize(
    "content",
    [
        "cat\n\ndog \n",
        "# my classes\ncat\n// and\ndog\n",
        "cat\r\ndog\r\n",
        "cat\rdog\r",
        '"cat"\n"dog"\n',
        "0 cat\n1 dog\n",
        "0: cat\n1: dog\n",
        "0,cat\n1,dog\n",
        "0\tcat\n1\tdog\n",
        "0. cat\n1. dog\n",
        "1) cat\n2) dog\n",
        "0=cat\n1=dog\n",
        "1 cat\n2 dog\n",
        "#id name\n1 dog\n0 cat\n".replace("#id", "# id"),
        "01: dog\n00: cat\n",
        "cat: 0\ndog: 1\n",
        "dog,1\ncat,0\n",
        "cat 0\ndog 1\n",
        "id,name\n1,dog\n0,cat\n",
        "class,label\ncat,0\ndog,1\n",
        "label,class\n0,cat\n1,dog\n",
        "name,index,made\ndog,2,x\ncat,1,y\n",
        'sep=;\r\nId;Class Name;\r\n0;"cat";\r\n1;"dog";\r\n',
        "index\tmid\tdisplay_name\n0\t/m/01\tcat\n1\t/m/02\tdog\n",
        ",label\n0,cat\n1,dog\n",
        "class_id|class_name\n0|cat\n1|dog\n",
        "label\ncat\ndog\n",
        "ClassId,SignName\n0,cat\n1,dog\n",
        "Kennung;Art;Farbe\n1;cat;rot\n2;dog;blau\n",
        "0 - cat\n1 - dog\n",
        "0 -> cat\n1 -> dog\n",
        "0|cat\n1|dog\n",
        '"cat",\n"dog",\n',
        "0: 'cat',\n1: 'dog',\n",
        '0 "cat"\n1 "dog"\n',
        "cat, dog\n",
        "cat;dog",
        'class_names = ["cat", "dog"]\n',
        "# made by a script\nCLASSES = {0: 'cat', 1: 'dog'}\n",
        '{"cat": {"id": 0, "colour": "x"}, "dog": {"id": 1, "colour": "y"}}',
        '[{"0": "cat"}, {"1": "dog"}]',
        "label,score\ncat,0.25\ndog,0.5\n",
        "/m/01yrx,cat\n/m/0bt9lr,dog\n",
        '"cat",0\n"dog",1\n',
        "x,0,cat\ny,1,dog\n".replace("x,", "n02121808,").replace("y,", "n02084071,"),
        '["cat", "dog"]',
        '{"1": "dog", "0": "cat"}',
        '{"dog": 1, "cat": 0}',
        '{"cat": "0", "dog": "1"}',
        '{"0": ["n01", "cat"], "1": ["n02", "dog"]}',
        '[{"id": 2, "name": "dog"}, {"id": 1, "name": "cat"}]',
        '[{"label": "cat"}, {"label": "dog"}]',
        '[{"name": "dog", "label": 1}, {"name": "cat", "label": 0}]',
        '[[0, "cat"], [1, "dog"]]',
        '[["n02121808", "cat"], ["n02084071", "dog"]]',
        '{"id": 0, "name": "cat"}\n{"id": 1, "name": "dog"}\n',
        '{"0": {"name": "cat"}, "1": {"name": "dog"}}',
        '{"tfjsVersion": "1.3.1", "labels": ["cat", "dog"], "imageSize": 224}',
        '{"wordLabels": ["cat", "dog"]}',
        '{"model_type": "vit", "id2label": {"0": "cat", "1": "dog"}, "label2id": {"cat": 0, "dog": 1}}',
        '{"default": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}',
        '{"info": {}, "categories": [{"supercategory": "x", "id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]}',
        "{0: 'cat',\n 1: 'dog'}",
        "['cat', 'dog']",
        "- cat\n- dog\n",
        "0: 'cat'\n1: dog\n",
        "path: ../coco\nnames:\n  0: cat\n  1: dog\n\ndownload: |\n  some: code\n",
        "train: a\nnc: 2\nnames: ['cat', 'dog']  # two\n",
        "dataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n        names:\n"
        "          '0': cat\n          '1': dog\n",
        PBTXT,
        "item {\n  name: 'cat'\n}\nitem {\n  id: 1\n  name: 'dog'\n}\n",
        "item: { id: 1 name: 'cat' }\nitem: { id: 2 name: 'dog' }",
    ],
)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_labels_are_read_in_every_usual_form(tmp_path: Path, content: str, mark: str) -> None:
    path = tmp_path / "names"  # which says nothing: the content decides
    path.write_bytes((mark + content).encode())
    assert read_labels(path).names == ("cat", "dog")


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("0\n1\n2\n", ("0", "1", "2")),
        ("0 0\n1 1\n2 2\n", ("0", "1", "2")),
        ("0: 7\n1: 8\n", ("7", "8")),
        ("7up\ncola\n", ("7up", "cola")),
        ("[0, 1, 2]", ("0", "1", "2")),
        ('{"0": 0, "1": 1, "10": 2}', ("0", "1", "10")),
        ("index,label\n0,0\n1,1\n", ("0", "1")),
        ("0 noughts\n7 sevens\n", ("0 noughts", "7 sevens")),
        ("1 star\n2 stars\n3 stars\n", ("1 star", "2 stars", "3 stars")),
        ("Class 1\nClass 2\n", ("Class 1", "Class 2")),
        ("0 Class 1\n1 Class 2\n", ("Class 1", "Class 2")),
        ("n02123045 tabby, tabby cat\nn02123159 tiger cat\n", ("tabby", "tiger cat")),
        ("n02123159 2 tiger_cat\nn02123045 1 tabby\n", ("tabby", "tiger cat")),
        ("0 n01440764 tench, Tinca tinca\n1 n01443537 goldfish\n", ("tench", "goldfish")),
        (
            "tench, Tinca tinca\ngoldfish, Carassius auratus\n",
            ("tench, Tinca tinca", "goldfish, Carassius auratus"),
        ),
        ("0,tench, Tinca tinca\n1,goldfish, Carassius\n", ("tench, Tinca tinca", "goldfish, Carassius")),
        ("n01440764\nn01443537\n", ("tench", "goldfish")),
        ("C#\n#1\n# one\n", ("C#", "#1")),
        ("- 'no'\n- yes\n- 1.0\n- null\n", ("no", "yes", "1.0", "null")),
        ('0,"red, round"\n1,"a ""b"""\n', ("red, round", 'a "b"')),
        ("crane\ncat\ncrane\n", ("crane", "cat", "crane")),
        ("a\u2028b\nc\x85d\n", ("a b", "c d")),
        ("item { id: 1 name: 'caf\\303\\251 \\'x\\'' }", ("café 'x'",)),
    ],
)
def test_what_may_mean_two_things_is_decided_as_its_maker_meant_it(
    tmp_path: Path, content: str, names: tuple[str, ...]
) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(content, encoding="utf-8")
    assert read_labels(path).names == names


@pytest.mark.parametrize(
    ("content", "count", "names"),
    [
        ("label\ncat\n", 2, ("label", "cat")),
        ("label\ncat\n", 1, ("cat",)),
        ("# a\n# b\nc\n", 3, ("# a", "# b", "c")),
        ("# a\n# b\nc\n", 1, ("c",)),
        ("tench, Tinca tinca\n", 1, ("tench, Tinca tinca",)),
        ("tench, Tinca tinca\n", 2, ("tench", "Tinca tinca")),
    ],
)
def test_the_number_of_classes_decides_between_two_readings(
    tmp_path: Path, content: str, count: int, names: tuple[str, ...]
) -> None:
    path = tmp_path / "labels.txt"
    path.write_text(content)
    assert read_labels(path, (count,)).names == names


def test_synonyms_of_wordnet_are_found_too(tmp_path: Path) -> None:
    path = tmp_path / "synset_words.txt"
    path.write_text("n02123045 tabby, tabby cat\nn02123159 tiger cat\n")
    labels = read_labels(path)
    assert labels.find("tabby cat") == 0
    assert labels.synonyms == (("tabby cat",), ())


@pytest.mark.parametrize(
    ("content", "names", "units"),
    [
        ("age [years]\nheight (cm)\nsmile\n", ("age", "height", "smile"), ("years", "cm", "")),
        ("age [a]\nload [widgets]\n", ("age", "load"), ("a", "widgets")),
        ("dog [golden]\ncat\n", ("dog [golden]", "cat"), ()),
        ("crane (bird)\ncrane (machine)\nplan (A)\n", ("crane (bird)", "crane (machine)", "plan (A)"), ()),
        ("share (%)\ntemperature (°C)\n", ("share", "temperature"), ("%", "°C")),
        ("name,unit\nage,years\nmass,kg\nsex,\n", ("age", "mass", "sex"), ("years", "kg", "")),
        ('[{"name": "age", "unit": "years"}]', ("age",), ("years",)),
    ],
)
def test_units_are_read_where_they_are_surely_some(
    tmp_path: Path, content: str, names: tuple[str, ...], units: tuple[str, ...]
) -> None:
    path = tmp_path / "labels.txt"
    path.write_text(content, encoding="utf-8")
    labels = read_labels(path)
    assert (labels.names, labels.units) == (names, units)


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        ("Äpfel\nBirne\nKäse\nStraße\nGröße\n", "cp1252", "Windows-1252"),
        ("café\ncrème brûlée\nœuf\n", "cp1252", "Windows-1252"),
        ("niño\n¿qué?\n20 €\n", "cp1252", "Windows-1252"),
        ("ねこ\n犬\nカメラ\n", "shift_jis", "Shift-JIS"),
        ("猫\n犬\n鳥\n", "shift_jis", "Shift-JIS"),
        ("0 東京タワー\n1 富士山\n", "shift_jis", "Shift-JIS"),
        ("猫\n狗\n汽车\n", "gb18030", "GB18030"),
        ("0 苹果\n1 香蕉\n2 桌子\n", "gb2312", "GB18030"),
        ("Äpfel\n猫\n", "utf-16", None),
        ("Äpfel\n猫\n", "utf-32", None),
        ("Äpfel\n猫\n", "utf-8-sig", None),
        ("Äpfel\n猫\n", "utf-8", None),
    ],
)
def test_an_encoding_is_found_and_one_that_is_not_unicode_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, encoding: str, said: str | None
) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(text.encode(encoding))
    names = tuple(line.lstrip("012 ") if line[1:2] == " " else line for line in text.split("\n") if line)
    assert read_labels(path).names == names
    wanted = (
        []
        if said is None
        else [f"labels.txt is not UTF-8: its names are read as {said}. If they look wrong, save it as UTF-8"]
    )
    assert caplog.messages == wanted


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("żółw\nłóżko\nkrzesło\n", "cp1250"),
        ("ağaç\nşişe\nkedi\n", "cp1254"),
        ("кошка\nсобака\n", "cp1251"),
        ("кошка\nсобака\n", "koi8-r"),
        ("γάτα\nσκύλος\n", "cp1253"),
    ],
)
def test_an_encoding_that_cannot_be_told_is_not_guessed(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(text.encode(encoding))
    with pytest.raises(
        ModelError, match=r"it is not UTF-8 text, and its encoding cannot be told\. Save it as UTF-8"
    ):
        read_labels(path)


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf_16_with_its_mark_is_read_in_both_orders(tmp_path: Path, order: str) -> None:
    path = tmp_path / "labels.txt"
    mark = codecs.BOM_UTF16_LE if order == "utf-16-le" else codecs.BOM_UTF16_BE
    path.write_bytes(mark + "0 cat\r\n1 Käse\r\n".encode(order))
    assert read_labels(path).names == ("cat", "Käse")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b" \n\n", "it is empty"),
        (b"\xef\xbb\xbf", "there is no name in it"),
        (b"cat\0dog\n", "it is no text: it holds NUL bytes. Save the names as UTF-8 text"),
        (b"cat\x01\x02dog\n", "it holds control characters"),
        (b"\x81\x8d\x90\n\xff\xfe\xfd", "its encoding cannot be told. Save it as UTF-8"),
        (
            b"<!DOCTYPE html><html>",
            r"it is a web page, not the file. Download the file itself (on GitHub: Raw)",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
            "Git LFS pointer, not the file. Fetch it with",
        ),
        (b"PK\x03\x04abc", "it is a ZIP archive or an Excel workbook. Unpack it, or save it as CSV"),
        (b"\x89HDF\r\n\x1a\n", "it is an HDF5 file, perhaps the model itself"),
        (pickle.dumps({"cat": 0}), "it is a Python pickle, which can run code when it is read"),
        (b'{"0": "cat", "2": "dog"}', "its numbers run from 0 to 2, but 1 is missing"),
        (b'{"0": "cat", "0": "dog"}', "'0' occurs twice in it"),
        (b'{"cat": 0, "dog": 0}', "the number 0 occurs twice"),
        (b'{"cat": 5, "dog": 6}', "its numbers begin at 5, not at 0 or 1"),
        (b'["cat", null]', "not every name in its list is a text"),
        (b'["cat", ""]', "the name of class 1 is empty"),
        (b'[["n01", "cat"]]', "but no pairs of a number and a name"),
        (b'{"0": "cat",', "it begins like JSON, but is invalid (line 1)"),
        (b'{"a": {"b": 1}}', "its objects give no number for each name"),
        (b"[" * 100_000, "its JSON is nested too deeply"),
        (b"names: " + b"[" * 50_000, "its YAML is nested too deeply"),
        (b"names: " + b"[" * 50_000 + b"]" * 50_000, "its YAML is nested too deeply"),
        (b"names:\n" + b"- " * 50_000 + b"a\n", "its YAML is nested too deeply"),
        (b"names: " + b"[" * 150 + b"]" * 150, "its YAML is nested too deeply"),
        (b"names: {a: [\n", "it begins like YAML, but is invalid"),
        (b"item { id: 1 name: 'cat'", "its last item is not closed: the file is cut off"),
        (b"0 a\n1 b\n2 c\n4 d\n5 e\n6 f\n", "its numbers run from 0 to 6, but 3 is missing"),
        (b"0: a\n1: b\n2: c\n2: d\n4: e\n", "the number 2 occurs twice"),
        (b"x" * 2000, "the name of class 0 has 2000 characters"),
    ],
)
def test_what_is_no_file_of_labels_is_told_in_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "labels.json"
    path.write_bytes(content)
    with pytest.raises(ModelError) as error:
        read_labels(path)
    said = str(error.value)
    assert said.startswith(f"cannot read the labels {path}: ")
    assert reason in said
    assert len(said) <= 400
    assert "\n" not in said


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no file of labels .*none\.txt.\. Check the path"):
        read_labels(tmp_path / "none.txt")
    with pytest.raises(ModelError, match=r": it is a folder\."):
        read_labels(tmp_path)


@pytest.mark.parametrize("kind", ["U", "S", "i8"])
def test_a_list_of_numpy_is_read(tmp_path: Path, kind: str) -> None:
    names = ["3", "7"] if kind == "i8" else ["cat", "dog"]
    path = tmp_path / "classes.npy"
    np.save(path, np.array(names).astype(kind))
    assert read_labels(path).names == tuple(names)


def test_a_numpy_file_that_is_a_pickle_or_promises_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "classes.npy"
    np.save(path, np.array(["cat", "dog"], object))
    with pytest.raises(
        ModelError, match=r"Python objects, which can run code .* Save it as numpy\.save\(FILE"
    ):
        read_labels(path)
    np.save(path, np.array(["cat", "dog"]))
    path.write_bytes(path.read_bytes().replace(b"(2,)", b"(9999999999,)".ljust(4))[:200])
    with pytest.raises(ModelError, match=r"NumPy file"):
        read_labels(path)


def test_a_bomb_of_yaml_aliases_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "data.yaml"
    lines = ["a0: &a0 [x, y]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    path.write_text("\n".join([*lines, "names: *a29"]))
    with at_most(2), pytest.raises(ModelError, match="cannot read the labels"):
        read_labels(path)


@pytest.mark.long
def test_twenty_thousand_names_of_yaml_are_read_in_time_also_without_the_parser_in_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data.yaml"
    for count in (20_000, 5_000):
        path.write_text("names:\n" + "".join(f"  {i}: class number {i}\n" for i in range(count)))
        with at_most(10):
            assert len(read_labels(path)) == count
        monkeypatch.delattr(yaml, "CBaseLoader", raising=False)
    path.write_text("names: " + "[" * 50_000)
    with pytest.raises(ModelError, match="its YAML is nested too deeply"):
        read_labels(path)


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    with path.open("wb") as file:
        file.truncate(10 * MOST_BYTES)
        file.write(b"cat\n" * 100)
    tracemalloc.start()
    with pytest.raises(ModelError, match="larger than 16 MB, too large for names"):
        read_labels(path)
    assert tracemalloc.get_traced_memory()[1] < 3 * MOST_BYTES
    tracemalloc.stop()


@pytest.mark.parametrize(
    "piece", ["a ", "0 ", "n0", '"', "a,", "#", "{", "name: ", "[ ", "(m", "item {", "\u00e4", " \t"]
)
@pytest.mark.long
def test_no_line_of_one_kind_of_text_takes_long(tmp_path: Path, piece: str) -> None:
    path = tmp_path / "labels.txt"
    for text in (piece * 50_000, (piece + "\n") * 20_000):
        path.write_text(text, encoding="utf-8")
        with at_most(5), suppress(ModelError):
            read_labels(path)


NAME = (
    st.text(
        st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cn")),
        min_size=1,
        max_size=30,
    )
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: text and not text.endswith((")", "]")) and "\ufeff" not in text)
)
NAMES = st.lists(NAME, min_size=2, max_size=8)
WORD = st.text("abcdefghijklmnopqrstuvwxyz äöüß中猫'-", min_size=1, max_size=20).map(
    lambda t: "x" + t.strip()
)


def read_back(content: str) -> tuple[str, ...]:
    path = Path(_FOLDER.name) / "labels"
    path.write_bytes(content.encode())
    return read_labels(path).names


def as_csv(rows: list[tuple[object, ...]], **options: str) -> str:
    stream = io.StringIO()
    csv.writer(stream, **options).writerows(rows)  # type: ignore[arg-type]
    return stream.getvalue()


@given(NAMES)
@settings(max_examples=25, deadline=None)
def test_names_of_any_content_come_back_from_every_form_that_can_hold_them(names: list[str]) -> None:
    wanted = tuple(names)
    numbered = list(enumerate(names))
    assert read_back(json.dumps(names)) == wanted
    assert read_back(json.dumps({"labels": names}, ensure_ascii=False)) == wanted
    assert read_back(json.dumps({"id2label": {str(i): name for i, name in numbered}})) == wanted
    assert read_back(json.dumps([{"id": i + 1, "name": f"x{name}"} for i, name in numbered][::-1])) == tuple(
        f"x{name}" for name in names
    )
    assert read_back(yaml.safe_dump({"names": names}, allow_unicode=True)) == wanted
    assert read_back(yaml.safe_dump({"names": dict(numbered), "nc": len(names)})) == wanted
    for delimiter in ",;\t":
        for terminator in ("\n", "\r\n"):
            rows: list[tuple[object, ...]] = [("index", "name"), *numbered]
            assert read_back(as_csv(rows, delimiter=delimiter, lineterminator=terminator)) == wanted
    items = [
        f"item {{\n  id: {i + 1}\n  name: {json.dumps(name, ensure_ascii=False)}\n}}\n"
        for i, name in numbered
    ]
    assert read_back("".join(items)) == wanted
    if len(set(names)) == len(names):
        assert read_back(json.dumps({name: i for i, name in numbered})) == wanted


@given(st.lists(WORD, min_size=2, max_size=8, unique=True), st.randoms(), st.sampled_from([0, 1]))
@settings(max_examples=25, deadline=None)
def test_names_come_back_from_lines_numbered_in_every_way(
    names: list[str], random: object, first: int
) -> None:
    names = [" ".join(name.split()) for name in names]
    if len({name.removesuffix("s") for name in names}) < 2:
        return
    numbered = list(enumerate(names, first))
    random.shuffle(numbered)  # type: ignore[attr-defined]
    assert read_back("\n".join(names)) == tuple(names)
    for between in (" ", ": ", ":", ",", "\t", ";", " = ", ". "):
        assert read_back("".join(f"{i}{between}{name}\n" for i, name in numbered)) == tuple(names), between
    for between in (": ", ":", ",", "\t"):
        assert read_back("".join(f"{name}{between}{i}\n" for i, name in numbered)) == tuple(names), between


def test_imagenet_comes_back_from_a_list_of_its_synsets(tmp_path: Path) -> None:
    known = imagenet_labels()
    path = tmp_path / "synsets.txt"
    lines = [
        f"n{i:08d} {', '.join([name, *others])}"
        for i, (name, others) in enumerate(zip(known.names, known.synonyms, strict=True))
    ]
    path.write_text("\n".join(lines))
    labels = read_labels(path)
    assert labels.names == known.names
    assert labels.synonyms == known.synonyms


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("daisy\t120\nrose\t95\ntulip\t300\n", ("daisy", "rose", "tulip")),
        ("daisy,120\nrose,95\n", ("daisy", "rose")),
        ("daisy; 120\nrose; 95\n", ("daisy", "rose")),
        ("daisy\t1,204\t0.25\nrose\t95\t0.02\n", ("daisy", "rose")),
        ("daisy,12%\nrose,88 %\n", ("daisy", "rose")),
        ("daisy\t120\nrose\t120\n", ("daisy", "rose")),
        ("daisy: 120\nrose: 95\n", ("daisy", "rose")),
        ("# name and count\ndaisy\t120\nrose\t95\n", ("daisy", "rose")),
        ("Blume\tAnzahl\ndaisy\t120\nrose\t95\n", ("daisy", "rose")),
        ("boeing 747\t12\nairbus 380\t9\n", ("boeing 747", "airbus 380")),
        ("0\tdaisy\t120\n1\trose\t95\n", ("daisy", "rose")),
        ("1,95,rose\n0,120,daisy\n", ("daisy", "rose")),
        ("daisy\t120\t1\nrose\t95\t0\n", ("rose", "daisy")),
    ],
)
def test_a_column_of_counts_is_no_part_of_the_names(
    tmp_path: Path, text: str, names: tuple[str, ...]
) -> None:
    (tmp_path / "labels.txt").write_text(text)
    assert read_labels(tmp_path / "labels.txt").names == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("0\tcat\n1\tdog\n", ("cat", "dog")),
        ("cat\t1\ndog\t0\n", ("dog", "cat")),
        ("boeing 747\nairbus 380\n", ("boeing 747", "airbus 380")),
        ("boeing,747\nboeing,737\nairbus,380\n", ("boeing,747", "boeing,737", "airbus,380")),
        ("tench, Tinca tinca\ngoldfish, Carassius\n", ("tench, Tinca tinca", "goldfish, Carassius")),
        ("1 star\n2 stars\n", ("1 star", "2 stars")),
    ],
)
def test_an_index_orders_the_names_and_numbers_that_tell_names_apart_stay(
    tmp_path: Path, text: str, names: tuple[str, ...]
) -> None:
    (tmp_path / "labels.txt").write_text(text)
    assert read_labels(tmp_path / "labels.txt").names == names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "<?xml version='1.0'?>\n<annotation></annotation>",
            "it is XML (an annotation of one picture, as of Pascal",
        ),
        (
            "\ufeff<annotation>\n<folder>x</folder></annotation>",
            "it is XML (an annotation of one picture, as of",
        ),
        (
            "<?xml version='1.0'?><labels><label>a</label></labels>",
            "it is XML, not a list of names. Write the names",
        ),
        (
            "<?xml version='1.0'?>\n<!DOCTYPE html><html></html>",
            "it is a web page, not the file. Download the file",
        ),
        ("<!DOCTYPE html><html></html>", "it is a web page, not the file. Download the file"),
    ],
)
def test_xml_is_called_xml_and_a_web_page_a_web_page(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "labels.xml").write_text(text, "utf-8")
    with pytest.raises(ModelError) as caught:
        read_labels(tmp_path / "labels.xml")
    assert f": {said}" in str(caught.value)
    (tmp_path / "labels.txt").write_text("<unk>\ncat\n")
    assert read_labels(tmp_path / "labels.txt").names == ("<unk>", "cat")
