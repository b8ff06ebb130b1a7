"""Labels that lie beside a model are taken where they fit, and it is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from networks import pooled_network, sigmoid_network

import live_gradcam as lg
from live_gradcam.errors import ModelError
from live_gradcam.models.label_files import read_labels
from live_gradcam.models.label_places import OTHERS, STEMS, SUFFIXES
from live_gradcam.models.labels import Labels
from live_gradcam.models.model_labels import read_beside

NAMES = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("model") / "mine.keras"
    pooled_network().save(path)
    return path.read_bytes()


@pytest.fixture
def model(saved: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "mine.keras"
    path.write_bytes(saved)
    return path


def names_of(model: Path, **chosen: object) -> tuple[str, ...]:
    return lg.load_model(model, preprocess="unit", **chosen).labels.names  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.txt", "0 a\n1 b\n2 c\n3 d\n"),
        ("metadata.json", json.dumps({"tfjsVersion": "1", "labels": NAMES})),
        ("class_indices.json", json.dumps({name: i for i, name in enumerate(NAMES)})),
        ("mine.txt", "a\nb\nc\nd\n"),
        ("mine.labels.txt", "a\nb\nc\nd\n"),
    ],
)
def test_a_file_beside_the_model_names_its_classes(
    model: Path, caplog: pytest.LogCaptureFixture, name: str, content: str
) -> None:
    (model.parent / name).write_text(content)
    assert names_of(model) == NAMES
    assert caplog.messages == [
        f"the class names are those of {name} beside mine.keras (--labels FILE takes others)"
    ]


def test_labels_that_are_given_go_before_those_beside_the_model(
    model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (model.parent / "labels.txt").write_text("a\nb\nc\nd\n")
    (model.parent / "others").write_text("e\nf\ng\nh\n")
    assert names_of(model, labels=["p", "q", "r", "s"]) == ("p", "q", "r", "s")
    assert names_of(model, labels=model.parent / "others") == ("e", "f", "g", "h")
    assert caplog.messages == []


def test_labels_that_do_not_fit_are_not_used_and_both_numbers_are_told(
    model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (model.parent / "labels.txt").write_text("a\nb\nc\n")
    (model.parent / "classes.txt").write_bytes(b"a\0b")
    (model.parent / "metadata.json").write_text('{"labels": ["a"]}')
    assert names_of(model) == ("class 0", "class 1", "class 2", "class 3")
    assert caplog.messages == [
        "labels.txt beside mine.keras is not used: it has 3 names, the model has 4 classes",
        f"classes.txt beside mine.keras is not used: cannot read the labels {model.parent / 'classes.txt'}: it is no "
        "text: it holds NUL bytes. Save the names as UTF-8 text.",
        "metadata.json beside mine.keras is not used: it has 1 name, the model has 4 classes",
    ]


def test_files_that_are_about_something_else_are_passed_over_in_silence(
    model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (model.parent / "mine.txt").write_text("notes\non\nthe training, which took long\n")
    (model.parent / "mine.json").write_text('{"class_name": "Functional", "config": {}}')
    (model.parent / "metadata.json").write_text('{"keras_version": "3.12", "date_saved": "2026"}')
    (model.parent / "config.json").write_text('{"module": "keras"}')
    assert names_of(model)[0] == "class 0"
    assert caplog.messages == []


def test_the_first_that_fits_is_taken_in_the_order_of_the_documentation(tmp_path: Path) -> None:
    model = tmp_path / "m.h5"
    model.touch()
    tried: list[str] = []

    def read(path: Path) -> Labels:
        tried.append(path.name)
        raise ModelError("no")

    expected = [f"m{joint}labels{suffix}" for joint in "._-" for suffix in SUFFIXES]
    expected += [f"m{suffix}" for suffix in SUFFIXES]
    expected += [f"{stem}{suffix}" for stem in STEMS for suffix in SUFFIXES] + list(OTHERS)
    for name in expected:
        (tmp_path / name).write_text("x")
    assert read_beside(model, read) is None
    assert tried == expected


@pytest.mark.parametrize(
    "place", ["saved/labels.txt", "saved/assets/labels.txt", "labels.txt", "saved.labels.txt"]
)
def test_a_model_that_is_a_folder_has_its_labels_in_it_or_beside_it(tmp_path: Path, place: str) -> None:
    (tmp_path / "saved" / "assets").mkdir(parents=True)
    (tmp_path / place).write_text("a\nb\n")
    labels = read_beside(tmp_path / "saved", read_labels)
    assert labels is not None
    assert labels.names == ("a", "b")


def test_a_background_that_the_network_has_no_output_for_is_left_out(
    model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for first in ("background", "__background__", "???"):
        caplog.clear()
        path = model.parent / "given.txt"
        path.write_text(f"{first}\na\nb\nc\nd\n")
        assert names_of(model, labels=path) == NAMES
        assert caplog.messages == [
            f"mine.keras has 4 classes and there are 5 labels in given.txt: the first, '{first}', is left out"
        ]


def test_labels_of_another_number_are_told_with_both_numbers(model: Path) -> None:
    path = model.parent / "given.txt"
    path.write_text("a\nb\nc\nd\ne\n")
    with pytest.raises(
        ModelError, match=r"mine\.keras has 4 classes but 5 labels were given in given\.txt: one for"
    ):
        names_of(model, labels=path)


def test_one_name_stands_for_the_second_class_of_a_network_with_one_unit(tmp_path: Path) -> None:
    path = tmp_path / "yes.keras"
    sigmoid_network().save(path)
    (tmp_path / "labels.txt").write_text("cat\n")
    assert names_of(path) == ("not cat", "cat")


def test_units_come_with_labels_that_are_given_as_names() -> None:
    labels = lg.load_model(
        pooled_network(), labels=["age [years]", "b", "c (bird)", "d"], preprocess="unit"
    ).labels
    assert labels.names == ("age", "b", "c (bird)", "d")
    assert labels.units == ("years", "", "", "")
    single = lg.load_model(sigmoid_network(), labels=["age (years)"], preprocess="unit").labels
    assert (single.names, single.units) == (("not age", "age"), ())  # classes have no units


def test_the_zoo_looks_for_no_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.txt").write_text("\n".join(f"n{i}" for i in range(1000)))
    (tmp_path / "efficientnet-lite0").mkdir()
    assert lg.load_model("efficientnet-lite0").labels[285] == "Egyptian cat"
