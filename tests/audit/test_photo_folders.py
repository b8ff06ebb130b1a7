"""Photographs and their classes: folders, tables of truths, and names that match labels or do not."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from networks import picture

from live_gradcam.audit.photo_folders import (
    class_ids,
    empty_classes,
    forgotten_model,
    photos_in_folders,
    photos_with_truths,
)
from live_gradcam.errors import SourceError
from live_gradcam.models.labels import Labels, imagenet_labels, numbered_labels

LABELS = Labels(("African elephant", "grass", "7", "crane (bird)"))


def write(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), picture(8, 8))


def test_each_folder_is_a_class_with_the_folders_inside(tmp_path: Path) -> None:
    write(*(tmp_path / each for each in ("a/1.png", "a/deep/2.png", "b/1.png", "loose.png")))
    photos, failures = photos_in_folders([str(tmp_path)])
    assert sorted((each.name, each.truth) for each in photos) == [
        ("a/1.png", "a"),
        ("a/deep/2.png", "a"),
        ("b/1.png", "b"),
    ]
    assert [str(each) for each in failures] == ["loose.png: lies in no class's folder."]


def test_a_class_without_photographs_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a/1.png")
    for name in ("b", "c/deep", ".hidden", "results"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "c/notes.txt").write_text("none")
    photos, _ = photos_in_folders([str(tmp_path)])
    told = empty_classes([str(tmp_path), str(tmp_path / "gone")], photos, tmp_path / "results")
    assert [str(each) for each in told] == [
        "b: the folder has no photograph and no film that can be audited: this class is left out.",
        "c: the folder has no photograph and no film that can be audited: this class is left out.",
    ]


def test_several_folders_of_folders_are_one_set(tmp_path: Path) -> None:
    write(tmp_path / "x/a/1.png", tmp_path / "y/a/1.png")
    photos, _ = photos_in_folders([str(tmp_path / "x"), str(tmp_path / "y")])
    assert {(each.name, each.truth) for each in photos} == {("x/a/1.png", "a"), ("y/a/1.png", "a")}


def test_no_photographs_and_no_folders_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no videos or pictures in it"):
        photos_in_folders([str(tmp_path)])
    write(tmp_path / "1.png")
    with pytest.raises(
        SourceError, match="has no folders with photographs: put the photographs of each class"
    ):
        photos_in_folders([str(tmp_path)])
    with pytest.raises(SourceError, match=r"1.png' is no folder: give a folder with a folder for each class"):
        photos_in_folders([str(tmp_path / "1.png")])
    with pytest.raises(SourceError, match=r"\*.png' is no folder"):
        photos_in_folders([str(tmp_path / "*.png")])
    with pytest.raises(SourceError, match="there is no file"):
        photos_in_folders([str(tmp_path / "nothing")])


def test_a_table_names_the_classes_of_files(tmp_path: Path) -> None:
    write(*(tmp_path / "photos" / each for each in ("x/1.png", "y/1.png", "2.png")))
    table = tmp_path / "truths.csv"
    table.write_text("Class,file\nelephant,x/1.png\ngrass,y/1.png\n", "utf-8")
    photos, failures = photos_with_truths([str(tmp_path / "photos")], table)
    assert {each.name: each.truth for each in photos} == {"x/1.png": "elephant", "y/1.png": "grass"}
    assert [str(each) for each in failures] == ["2.png: has no class in the table of truths."]
    photos, _ = photos_with_truths([str(tmp_path / "photos")], {"2.png": "grass"})
    assert [each.name for each in photos] == ["2.png"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("file\n1.png\n", "truths.csv has no column 'class' in its first line"),
        ("file,class\n1.png\n", "truths.csv, line 2: it needs a file and a class"),
        ("file,class\n", "truths.csv has no rows"),
        ("file,class\nother.png,grass\n", "the table of truths names none of the photographs, such as 1.png"),
    ],
)
def test_a_table_of_another_form_is_refused(tmp_path: Path, text: str, told: str) -> None:
    write(tmp_path / "photos/1.png")
    table = tmp_path / "truths.csv"
    table.write_text(text, "utf-8")
    with pytest.raises(SourceError) as caught:
        photos_with_truths([str(tmp_path / "photos")], table)
    assert told in str(caught.value)


def test_a_missing_table_names_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "truths.csv").touch()
    with pytest.raises(SourceError, match=r"no table of truths '.*truth.csv'. Did you mean .*truths.csv"):
        photos_with_truths([str(tmp_path)], tmp_path / "truth.csv")


def test_names_match_labels_by_their_letters() -> None:
    names = ["african_elephant", "Grass", "crane", "7", "1"]
    assert class_ids(names, LABELS) == {
        "african_elephant": 0,
        "Grass": 1,
        "crane": 3,
        "7": 2,  # a label
        "1": 1,  # a number
    }


def test_wordnet_ids_match_imagenet_s_classes() -> None:
    labels = imagenet_labels()
    found = class_ids(["n02124075", "n02123045"], labels)
    assert [labels[each] for each in found.values()] == ["Egyptian cat", "tabby"]


def test_a_name_that_matches_no_label_comes_with_the_nearest() -> None:
    with pytest.raises(SourceError) as caught:
        class_ids(["grass", "african elefant"], LABELS)
    assert "the photographs have a class that the model does not: unknown class 'african elefant'" in str(
        caught.value
    )
    assert "Did you mean African elephant?" in str(caught.value)


def test_where_nothing_matches_some_names_are_listed() -> None:
    with pytest.raises(SourceError) as caught:
        class_ids(["u", "v", "w", "x", "y", "z"], LABELS)
    assert "no class of the model is called 'u', 'v', 'w', 'x' and 2 more" in str(caught.value)
    assert "Valid: African elephant, grass, 7, crane (bird)." in str(caught.value)
    with pytest.raises(
        SourceError, match="no class of the model is called 'elefant', 'gras': unknown class 'elefant'"
    ):
        class_ids(["grass", "elefant", "7", "gras"], LABELS)


def test_classes_without_names_come_with_how_to_name_the_folders() -> None:
    with pytest.raises(SourceError) as caught:
        class_ids(["cats", "dogs"], numbered_labels(2))
    assert str(caught.value) == (
        "the classes of the photographs are called 'cats' and so on, and those of the model have no names: give the "
        "names in the model's order with --labels FILE, or call the folders by its numbers, 0 to 1, or give the number "
        "of each photograph with --truths FILE.csv. With one output, 1 is the class for which it is high."
    )
    with pytest.raises(
        SourceError, match=r"by its numbers, 0 to 6, or give the number .* --truths FILE.csv.$"
    ):
        class_ids(["0", "dogs"], numbered_labels(7))
    assert class_ids(["0", "1"], numbered_labels(2)) == {"0": 0, "1": 1}


def test_the_default_network_is_named_where_most_classes_are_those_of_another() -> None:
    assert forgotten_model("mine.keras") == ""
    hint = forgotten_model("efficientnet-lite0")
    assert hint == " These look like the classes of another network than efficientnet-lite0: give --model."
    with pytest.raises(SourceError) as caught:
        class_ids(["pagoda", "grass", "temple"], LABELS, hint=hint)
    assert str(caught.value).endswith(hint)
    with pytest.raises(SourceError) as caught:
        class_ids(["grass", "7", "elefant"], LABELS, hint=hint)  # rather one that is misspelt
    assert "--model" not in str(caught.value)


def test_one_class_is_not_enough() -> None:
    with pytest.raises(
        SourceError, match="all photographs are of one class, 'grass': give those of a second"
    ):
        class_ids(["grass", "Grass"], LABELS)
