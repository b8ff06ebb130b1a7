"""Class names: readable, findable, forgiving, and honest about what is ambiguous."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from typing import cast

import pytest

from live_gradcam.errors import ModelError, TargetError
from live_gradcam.fixed_choices import Lang
from live_gradcam.models.labels import Labels, imagenet_labels, labels_from, numbered_labels, translated


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


def test_there_are_1000_different_short_chinese_names() -> None:
    names = imagenet_labels("zh").names
    assert len(names) == len(set(names)) == 1000
    assert all(1 <= len(name) <= 12 and name == name.strip() for name in names)
    # The rest is written in ideographs throughout, but for four that hold Latin letters in China, too.
    latin = [name for name in names if not all("\u4e00" <= character <= "\u9fff" for character in name)]
    assert latin == ["CD播放机", "iPod", "T恤衫", "福特T型车"]
    assert (names[0], names[285], names[409], names[892], names[967]) == (
        "丁鲷",
        "埃及猫",
        "指针式时钟",
        "挂钟",
        "浓缩咖啡",
    )


def test_both_languages_name_the_same_classes_in_the_same_order() -> None:
    data = resources.files("live_gradcam.models") / "data"
    english, chinese = (
        [line.split("\t")[0] for line in (data / table).read_text(encoding="utf-8").splitlines()]
        for table in ("imagenet.tsv", "imagenet_zh.tsv")
    )
    assert english == chinese


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    ("target", "class_id"),
    [("老虎", 292), ("tiger", 292), ("T 恤衫", 610), ("jersey", 610), ("tee shirt", 610), ("iPod", 605)],
)
def test_a_class_is_found_by_its_name_in_either_language_whichever_is_shown(
    lang: Lang, target: str, class_id: int
) -> None:
    assert imagenet_labels(lang).find(target) == class_id


@pytest.mark.long
def test_every_english_name_finds_its_class_where_chinese_is_shown() -> None:
    english, chinese = imagenet_labels("en"), imagenet_labels("zh")
    for class_id in range(1000):
        # An exact name goes before a synonym: `maillot` is the one class's name and the other's synonym.
        assert chinese.find(english[class_id]) == class_id


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("虎班猫", r"unknown class '虎班猫'\. Did you mean .*虎斑猫"),
        ("expresso", "Did you mean espresso"),
        ("crane", r"2 classes: 鹤 \(134\), 起重机 \(517\)\. Give the number"),
    ],
)
def test_a_class_that_is_not_found_is_told_in_the_language_it_was_asked_in(target: str, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        imagenet_labels("zh").find(target)


def test_a_search_looks_through_both_languages() -> None:
    for lang in ("en", "zh"):
        found = imagenet_labels(lang).search("老虎")
        assert found == [292, 800]  # the tiger first; a slot machine is a "tiger machine" in Chinese
        assert 292 in imagenet_labels(lang).search("tiger")


def test_only_the_names_of_imagenet_are_translated() -> None:
    english, chinese, own = imagenet_labels("en"), imagenet_labels("zh"), labels_from(["red", "blue"])
    assert translated(english, "zh") is chinese
    assert translated(chinese, "zh") is chinese
    assert translated(own, "en") is own
    assert translated(own, "zh") is own


def test_a_language_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(ModelError, match=r"unknown language 'fr'\. Valid: en, zh\."):
        imagenet_labels(cast(Lang, "fr"))


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


@pytest.mark.parametrize(
    ("labels", "target", "said"),
    [
        (labels_from(["cat", "dog"]), "typo", "unknown class 'typo'. Valid: cat, dog."),
        (labels_from(["cat", "dog"]), "dgo", "unknown class 'dgo'. Did you mean dog? Valid: cat, dog."),
        (
            labels_from([f"bird of day {number}" for number in range(40)]),
            "typo",
            "unknown class 'typo'. The 40 names are those of --labels, or of the file beside the model; or give a "
            "number: this model's classes are 0 to 39.",
        ),
        (
            numbered_labels(40),
            "cat",
            "unknown class 'cat'. They have no names: this model's classes are 0 to 39. --labels FILE gives names.",
        ),
        (replace(labels_from(["x", "y"]), kind="value"), "typo", "unknown value 'typo'. Valid: x, y."),
        (
            replace(labels_from(["x", "y"]), kind="value"),
            7,
            "there is no value 7: this model's values are 0 to 1.",
        ),
        (
            replace(labels_from(["age"]), kind="value"),
            "1",
            "there is no value 1: this model has one value, number 0.",
        ),
        (replace(labels_from(["x", "y"]), kind="label"), "typo", "unknown label 'typo'. Valid: x, y."),
        (imagenet_labels(), "zzz", "unknown class 'zzz'. `live-gradcam classes QUERY` searches the names."),
    ],
)
def test_a_name_that_is_not_there_is_told_with_the_names_of_this_model(
    labels: Labels, target: int | str, said: str
) -> None:
    with pytest.raises(TargetError) as raised:
        labels.find(target)
    assert str(raised.value) == said


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


def test_a_name_that_stands_twice_is_told_apart_by_its_number() -> None:
    labels = labels_from(["crane", "cat", "crane"])
    assert labels.find(2) == 2
    with pytest.raises(
        TargetError, match=r"the name of 2 classes: crane \(0\), crane \(2\)\. Give the number"
    ):
        labels.find("crane")


def test_labels_without_their_first_keep_all_that_belongs_to_the_others() -> None:
    labels = Labels(("bg", "a", "b"), ((), ("x",), ()), (("1", "2", "3"),), ("", "cm", ""))
    assert labels.without_first() == Labels(("a", "b"), (("x",), ()), (("2", "3"),), ("cm", ""))
    assert labels_from(["bg", "a"]).without_first() == labels_from(["a"])
