"""Class names: readable, findable, forgiving, and honest about what is ambiguous."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from live_gradcam.errors import ModelError, TargetError
from live_gradcam.models.label_files import read_labels
from live_gradcam.models.labels import imagenet_labels


def test_there_are_1000_different_readable_imagenet_names() -> None:
    names = imagenet_labels().names
    assert len(names) == len(set(names)) == 1000
    assert not [name for name in names if "_" in name]
    assert (names[0], names[285], names[409], names[892], names[967]) == (
        "tench",
        "Egyptian cat",
        "analog clock",
        "wall clock",
        "espresso",
    )


@pytest.mark.parametrize(
    ("target", "class_id"),
    [
        (285, 285),
        ("285", 285),
        ("Egyptian cat", 285),
        ("egyptian_CAT", 285),
        (" egyptiancat ", 285),
        ("tabby cat", 281),  # a synonym
        ("crane (bird)", 134),
    ],
)
def test_a_class_is_found_by_id_name_or_synonym(target: int | str, class_id: int) -> None:
    assert imagenet_labels().find(target) == class_id


def test_an_unknown_class_lists_the_nearest() -> None:
    with pytest.raises(TargetError, match=r"unknown class 'expresso'\. Did you mean espresso"):
        imagenet_labels().find("expresso")
    with pytest.raises(TargetError, match="analog clock or digital clock or wall clock"):
        imagenet_labels().find("clock")


def test_an_ambiguous_class_lists_those_it_can_be() -> None:
    with pytest.raises(TargetError, match=r"2 classes: crane \(bird\) \(134\), crane \(machine\) \(517\)"):
        imagenet_labels().find("crane")


@pytest.mark.parametrize("target", [1000, -1, "-3"])
def test_an_id_out_of_range_is_told_what_the_range_is(target: int | str) -> None:
    with pytest.raises(TargetError, match="classes are 0 to 999"):
        imagenet_labels().find(target)


def test_search_gives_whole_words_first() -> None:
    labels = imagenet_labels()
    found = [labels[class_id] for class_id in labels.search("cat")]
    assert found.index("Egyptian cat") < found.index("catamaran")
    assert labels.search("person") == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.txt", "cat\n\ndog \n"),
        ("labels.txt", "0 cat\n1 dog\n"),
        ("labels.json", json.dumps({"dog": 1, "cat": 0})),
        ("labels.json", json.dumps(["cat", "dog"])),
        ("labels.json", json.dumps({"1": "dog", "0": "cat"})),
        ("labels.json", json.dumps({"0": ["n01", "cat"], "1": ["n02", "dog"]})),
    ],
)
def test_a_users_labels_are_read_in_every_usual_form(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert read_labels(path).names == ("cat", "dog")


@pytest.mark.parametrize(
    "content",
    [
        '{"a": 1}',
        "3",
        "{",
        '{"0": "cat", "2": "dog"}',
        '{"0": "cat", "0": "dog"}',
        '{"cat": 0, "dog": 0}',
        '["cat", null]',
        '[["n01", "cat"]]',
    ],
)
def test_labels_of_another_form_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r"have no form that is known\. Expected: one name a line"):
        read_labels(path)


def test_names_that_are_numbers_stay_names(tmp_path: Path) -> None:
    path = tmp_path / "digits.txt"
    path.write_text("0\n1\n2\n")
    assert read_labels(path).names == ("0", "1", "2")
    path.write_text("0 noughts\n7 sevens\n")
    assert read_labels(path).names == ("0 noughts", "7 sevens")


def test_a_name_that_stands_twice_is_told_apart_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("crane\ncat\ncrane\n")
    labels = read_labels(path)
    assert labels.names == ("crane", "cat", "crane")
    assert labels.find(2) == 2
    with pytest.raises(
        TargetError, match=r"the name of 2 classes: crane \(0\), crane \(2\)\. Give the number"
    ):
        labels.find("crane")


def test_labels_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read the labels .*none\.txt: No such file"):
        read_labels(tmp_path / "none.txt")
    path = tmp_path / "latin.txt"
    path.write_bytes("Äpfel\n".encode("latin-1"))
    with pytest.raises(ModelError, match="it is not UTF-8 text"):
        read_labels(path)
