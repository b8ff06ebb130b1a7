"""The report: what stands in it, that names cannot break it, and that it is whole or not there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from audit_findings import cluster, photo, report_of, spot, with_comparison

from live_gradcam.audit import report as report_module
from live_gradcam.audit import thumbnails
from live_gradcam.audit.advice import what_next
from live_gradcam.audit.findings import AuditReport, CauseFinding, DuplicateFinding
from live_gradcam.audit.headlines import first_lines, little_text, read_first
from live_gradcam.audit.report import write_report
from live_gradcam.audit.report_texts import (
    better_text,
    cluster_title,
    drop_text,
    effect_text,
    number,
    picture_text,
    settings,
    signed,
    unseen_text,
)
from live_gradcam.audit.thumbnails import Thumbnails
from live_gradcam.errors import SinkError
from live_gradcam.metrics.bootstrap import Mean
from live_gradcam.sources.demo.lesson_scene import photograph

VOID = {"meta", "img", "br", "line", "rect", "circle"}


class Outline(HTMLParser):
    """Checks that elements are closed in order, and keeps the headings and the texts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.alts: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.attributes.update(values)
        if values.get("id"):
            self.ids.append(str(values["id"]))
        if tag == "img":
            self.alts.append(str(values["alt"]))
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] in (["style"], ["title"]):
            return
        self.text += data
        if self.open and re.fullmatch("h[1-6]", self.open[-1]):
            level, said = self.headings[-1]
            self.headings[-1] = (level, said + data)


def written(
    report: AuditReport, folder: Path, photos: Mapping[str, Path] | None = None
) -> tuple[str, Outline]:
    write_report(report, folder, photos or {})
    text = (folder / "index.html").read_text("utf-8")
    outline = Outline()
    outline.feed(text)
    outline.close()
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    levels = [level for level, _ in outline.headings]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    return text, outline


def photo_files(report: AuditReport, folder: Path) -> dict[str, Path]:
    path = folder / "coffee.jpg"
    cv2.imwrite(str(path), photograph("coffee.png"))
    return {each.name: path for each in report.photos}


def test_every_class_has_its_sentence_in_the_order_of_the_report(tmp_path: Path) -> None:
    report = report_of(["cat", "cup", "rocket", "owl"])
    _, outline = written(report, tmp_path)
    places = [outline.text.index(each.sentence) for each in report.classes]
    assert places == sorted(places)
    assert "48 photographs of 4 classes; 75% are recognised." in outline.text
    assert "Verdicts: background 1, both 1, cannot tell 1, thing 1." in outline.text


def test_a_class_has_its_share_on_each_other_classs_backgrounds(tmp_path: Path) -> None:
    report = report_of(["cat", "cup"])
    shares = {"cup": Mean(0.381, 0.322, 0.44, 30), "dog": Mean(0.0, 0.0, 0.02, 28)}
    first = replace(report.classes[0], by_background=shares)
    _, page = written(replace(report, classes=(first, *report.classes[1:])), tmp_path)
    said = "The background’s share on the backgrounds of each other class (95%): cup 38% (32 to 44), dog 0% (0 to 2)."
    assert page.text.count(said) == 1
    assert page.text.count("of each other class (95%)") == 1


def test_the_page_opens_with_a_sentence_about_the_photographs_and_the_verdicts(tmp_path: Path) -> None:
    names = ("blur", "height", "camera", "contrast", "mean colour")
    report = replace(
        report_of(["cat", "cup"]),
        causes=tuple(
            CauseFinding(name=each, accuracy=0.9, baseline=0.5, sentence=f"{each} alone tells them apart.")
            for each in names
        ),
        duplicates=(DuplicateFinding(first="a", second="b", sentence="a and b show the same picture."),),
    )
    text, outline = written(report, tmp_path)
    order = [
        "Read this first: 4 of 12 photographs of cat have their heat bottom right, at the border. 4 of 12 photographs "
        "of cup have their heat bottom right, at the border. Blur (90%), height (90%), camera (90%) and 2 more each "
        "tell the classes apart alone (50% by chance), so the network may have learned them. 1 pair of photographs "
        "shows the same picture or nearly so, and should not.",
        *(each.sentence for each in report.classes),
        *(f"{each} alone tells them apart." for each in names),
        "a and b show the same picture.",
    ]
    places = [outline.text.index(each) for each in order]
    assert places == sorted(places)
    assert text.index('href="#photographs"') < text.index('id="verdicts"') < text.index('id="photographs"')
    assert first_lines(order[3:8]) == [*order[3:6], "and 2 more, in the report"]
    assert first_lines(order[3:6]) == order[3:6]
    plain = report_of(["cat", "cup"], clusters=False)
    assert read_first(replace(plain, causes=report.causes[:1])) == (
        "Blur alone tells the classes apart in 90% of the photographs (50% by chance), so the network may have learned "
        "it."
    )
    assert read_first(plain) == ""
    assert "Read this first" not in written(plain, tmp_path / "calm")[1].text


def test_what_tells_only_a_little_is_no_warning(tmp_path: Path) -> None:
    weak = CauseFinding(name="blur", accuracy=0.6, baseline=0.5, sentence="blur tells a little.")
    report = replace(report_of(["cat", "cup"], clusters=False), causes=(weak,))
    assert (
        little_text(report) == "Blur (60%) tells a little about the classes, where 50% are right by chance."
    )
    text, outline = written(report, tmp_path)
    assert little_text(report) in outline.text
    assert "The photographs themselves tell a little about the classes." in outline.text
    assert 'class="notice"' not in text
    strong = replace(weak, accuracy=0.9, sentence="camera alone.", name="camera")
    text, _ = written(replace(report, causes=(strong, weak)), tmp_path)
    assert text.index("Camera alone tells") < text.index("Blur (60%)")
    assert text.count('class="notice"') == 2


def test_what_the_effect_is_stands_in_plain_words_once(tmp_path: Path) -> None:
    report = report_of(["cat", "cup"])
    said = (
        "“50% of the effect is the background” means: of what the probability of cat loses on other backgrounds and "
        "with other things in its place, 50% is lost on the other backgrounds."
    )
    assert effect_text(report) == said
    assert written(report, tmp_path)[1].text.count("means: of what") == 1
    assert effect_text(replace(report, classes=report_of(["a", "b", "few"]).classes[2:])) == ""


def test_too_few_photographs_are_not_called_free_of_dull_causes(tmp_path: Path) -> None:
    _, outline = written(report_of(["cat", "cup"], photos_each=12), tmp_path / "a")
    assert "None of brightness, contrast, blur, " in outline.text
    _, outline = written(report_of(["cat", "cup"], photos_each=9), tmp_path / "b")
    assert "None of brightness" not in outline.text
    assert "there are too few photographs or classes" in outline.text


def test_a_cluster_of_which_none_is_recognised_says_so() -> None:
    wrong = [photo(f"{number}.jpg", spot(3, 3), predicted="dog") for number in range(4)]
    assert cluster_title(cluster(wrong)) == "4 photographs, 0% recognised; they are mostly taken for dog"
    assert cluster_title(cluster([*wrong[:1], photo("a", spot(3, 3))])) == (
        "2 photographs, 50% recognised; the others are mostly taken for dog"
    )


def test_numbers_of_the_table_are_those_of_the_findings(tmp_path: Path) -> None:
    text, _ = written(report_of(["cat", "cup"]), tmp_path)
    (row,) = re.findall(r'<tr><th scope="row" title="cat">cat</th><td>background.*?</tr>', text, re.DOTALL)
    words = re.sub(r"<[^>]+>", " ", row).split()
    assert words[:8] == ["cat", "background", "12", "too", "few", "30", "–", "75%"]
    assert words[8:20] == "0.50 0.42 to 0.58 0.70 0.62 to 0.78 0.10 0.02 to 0.18".split()


def test_what_rests_on_too_few_is_marked_in_words_and_grey(tmp_path: Path) -> None:
    report = report_of(["cat", "cup", "owl"], photos_each=24)
    cat, cup, owl = report.classes
    few = replace(
        cat, background_need=Mean(0.7, 0.6, 0.8, 8), exchange_need=Mean(0.1, 0.0, 0.2, 8), lenders=19
    )
    text, _ = written(replace(report, classes=(few, replace(cup, lenders=2), owl)), tmp_path)
    rows = re.findall(r'<tr><th scope="row".*?</tr>', text[text.index("Known: ") :], re.DOTALL)[:3]
    cells = [re.findall("<td(.*?)>(.*?)</td>", row, re.DOTALL) for row in rows]
    assert [[number for number, (style, _) in enumerate(row) if "few" in style] for row in cells] == [
        [2, 6, 7],  # known; background and exchange need
        [3, 5, 6, 7, 8, 9],  # lenders; share and all needs, and not lift and pointing
        [],
    ]
    assert (cells[0][2][1], cells[1][3][1]) == ("8<br><small>too few</small>", "2<br><small>too few</small>")
    assert text.count("(too few)</small></span>") == 2  # in the plot
    assert "cat, too few for a verdict: background need" in text


def test_the_matrix_counts_what_is_taken_for_what(tmp_path: Path) -> None:
    report = report_of(["cat", "cup"])
    other = photo("cat/99.jpg", spot(3, 3), predicted="fox")
    page = report_module._Page(replace(report, photos=(*report.photos, other)), Thumbnails({}), None)
    assert [[number for number, _ in row] for _, row in page.matrix()] == [[9, 3, 1], [3, 9, 0]]
    text, _ = written(report, tmp_path)
    assert "Confusion matrix" in text


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "a\u202eb\x00\n\x1b[31m",
    "caf\udce9",
    "' onload='x",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_a_name(tmp_path: Path, name: str) -> None:
    report = report_of([name, "cup"], fit=name)
    report = replace(
        report,
        model=name,
        failures=(f"{name} cannot be read.",),
        causes=(CauseFinding(name=name, accuracy=0.9, baseline=0.5, sentence=f"{name} alone."),),
        duplicates=(DuplicateFinding(first=name, second="b", sentence=f"{name} and b"),),
    )
    plain = replace(
        report_of(["cat", "cup"], fit="crop"),
        causes=(CauseFinding(name="blur", accuracy=0.9, baseline=0.5, sentence="blur alone."),),
    )
    tags = written(plain, tmp_path / "plain")[1].tags
    text, outline = written(report, tmp_path / "hostile", photo_files(report, tmp_path))
    assert "script" not in outline.tags
    assert "<script" not in text
    assert set(outline.tags) <= {*tags, "img"}
    assert [each for each in outline.attributes if each.startswith("on")] == []
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", text, re.DOTALL)[0]
    assert not re.search("[\x00\x1b\u202e]", text)


def test_pictures_stand_in_the_page_with_their_texts(tmp_path: Path) -> None:
    report = report_of(["cat", "cup"], photos_each=8)
    text, outline = written(report, tmp_path / "out", photo_files(report, tmp_path))
    assert len(outline.alts) == text.count("data:image/jpeg;base64,") > 20
    assert "cat/0.jpg: cat, recognised, 80%. Hottest: bottom right." in outline.alts
    assert all(outline.alts)
    # It needs no network.
    assert re.findall(r'(?:src|href)="(?!data:image/jpeg|#)[^"]*"', text) == []
    assert "url(" not in text
    assert "default-src 'none'" in text


def test_a_photograph_that_is_gone_has_no_picture(tmp_path: Path) -> None:
    report = report_of(["cat", "cup"], clusters=False)
    files = photo_files(report, tmp_path)
    files["cat/0.jpg"] = tmp_path / "gone.jpg"
    text, _ = written(report, tmp_path / "out", files)
    assert 'aria-label="cat/0.jpg: cat, recognised, 80%. Hottest: bottom right.">no picture' in text


def test_one_class_is_no_error(tmp_path: Path) -> None:
    text, outline = written(report_of(["cat"]), tmp_path)
    assert "No photograph is taken for another class." in outline.text
    assert "matrix" not in outline.text
    assert "All are recognised." in text


def test_no_clusters_and_no_photographs_are_no_error(tmp_path: Path) -> None:
    _, outline = written(report_of(["cat", "cup"], clusters=False), tmp_path / "a")
    assert outline.text.count("No clusters: ") == 2
    _, outline = written(AuditReport(model="m", classes=(), photos=()), tmp_path / "b")
    assert "No photograph was examined." in outline.text


@pytest.mark.audits
def test_three_hundred_classes_make_a_file_that_a_browser_opens(tmp_path: Path) -> None:
    report = report_of([f"class {number}" for number in range(300)], photos_each=8)
    text, outline = written(report, tmp_path / "out", photo_files(report, tmp_path))
    assert text.count("<img") <= thumbnails.MOST_PICTURES + 600 + 12  # mean maps are not counted
    assert len(text) < 20_000_000
    assert "A matrix of 300 classes is left out" in outline.text
    assert "later ones are left out" in outline.text


def test_an_interrupted_audit_says_so_and_failures_are_listed(tmp_path: Path) -> None:
    report = replace(
        report_of(["cat", "cup"]),
        interrupted=True,
        failures=tuple(f"cat/{number}.jpg cannot be read." for number in range(12)),
    )
    _, outline = written(report, tmp_path)
    assert "The audit was interrupted." in outline.text
    assert "12 were left out: photographs, films or classes." in outline.text
    assert "cat/11.jpg cannot be read." in outline.text
    assert "failures" in outline.ids


def test_two_models_stand_side_by_side_with_their_differences(tmp_path: Path) -> None:
    report = with_comparison(report_of(["cat", "cup"], photos_each=24), model="runs/<before>.keras")
    assert report.comparison is not None
    text, outline = written(report, tmp_path)
    assert "Compared with <before>.keras" in outline.text
    assert "they say nothing about photographs outside this set." in outline.text
    assert all(each.sentence in outline.text for each in report.comparison.classes)
    assert outline.text.index("One sentence for each class") < outline.text.index("changed most first")
    (row,) = re.findall(
        r'<tr><th scope="row" title="cat">cat</th><td class="words">[^–]*? → .*?</tr>', text, re.DOTALL
    )
    words = re.sub(r"<[^>]+>", " ", row).split()
    assert words[:5] == ["cat", "background", "→", "background", "24"]
    share = next(each.share for each in report.comparison.classes if each.name == "cat")
    assert share is not None
    assert words[5:8] == [f"{share.other:.0%}", "→", f"{share.first:.0%}"]
    assert "Thing need" not in text[text.index("changed most first") : text.index("All else on this page")]
    assert ("<strong>" in row) == any(
        change is not None and change.is_known
        for each in report.comparison.classes
        if each.name == "cat"
        for change in (each.share, each.accuracy, each.background_need, each.exchange_need)
    )
    _, alone = written(report_of(["cat", "cup"]), tmp_path / "alone")
    assert "compare" not in alone.ids


def test_frames_of_films_are_no_photographs_in_silence(tmp_path: Path) -> None:
    report = report_of(["cat", "cup"])
    frames = [replace(each, film=f"{each.truth}.mp4") for each in report.photos[:10]]
    _, outline = written(replace(report, photos=(*frames, *report.photos[10:])), tmp_path)
    assert "24 photographs of 2 classes, 10 of them frames of 1 film; 75% are recognised." in outline.text


def test_the_settings_are_listed_in_plain_words(tmp_path: Path) -> None:
    report = report_of(
        ["cat", "cup"], version="1.2", model="mine.keras", model_file={"bytes": 3}, method="gradcam", layer=None,
        fit="crop", fusion="mean", smooth="aug", lenders="6ad88a5b", backgrounds=4, preprocess="none",
    )  # fmt: skip
    assert settings(report) == [
        ("Written by", "live-gradcam 1.2"),
        ("Network", "mine.keras"),
        ("Method of the heat", "gradcam"),
        ("What the network sees", "the largest square in the middle of each photograph"),
        ("Other backgrounds for each thing", "4"),
        ("Other options", "--smooth aug, --preprocess none"),
    ]
    _, outline = written(report, tmp_path)
    assert re.search(r"Network\s*mine.keras", outline.text)


def test_without_any_place_the_page_says_so_and_how_to_mark_them(tmp_path: Path) -> None:
    _, outline = written(report_of(["cat", "cup"]), tmp_path)
    assert "This audit has no places: nobody said where the things are." in outline.text
    assert "Type the same command with --mark" in outline.text
    _, outline = written(replace(report_of(["cat", "cup"]), places={"mask": 24}), tmp_path / "known")
    assert "no places" not in outline.text


def test_of_a_better_cluster_the_rest_is_called_the_faulty_part() -> None:
    good = cluster([photo("a.jpg", spot(3, 3))])
    assert better_text(good) == ""
    assert better_text(replace(good, better=True, rest_accuracy=0.25)) == (
        "Better than the rest of the class, of which 25% are recognised: look for the fault in the rest."
    )
    assert better_text(replace(good, better=True, rest_accuracy=0.25, suspicious="heat in one place")) == (
        "Better than the rest of the class, of which 25% are recognised."
    )


def test_a_probability_that_grows_is_not_said_to_fall() -> None:
    assert drop_text(Mean(-0.04, -0.07, 0.01, 9)) == "rises by 0.04 (−0.01 to 0.07)"
    assert drop_text(Mean(0.3, 0.22, 0.38, 9)) == "falls by 0.30 (0.22 to 0.38)"
    assert drop_text(Mean(-0.001, -0.01, 0.01, 9)) == "falls by 0.00 (−0.01 to 0.01)"


def test_the_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "index.html").write_text("before")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Thumbnails, "photo", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_report(report_of(["cat", "cup"]), tmp_path, {})
    assert [each.name for each in tmp_path.iterdir()] == ["index.html"]
    assert (tmp_path / "index.html").read_text() == "before"


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=r"cannot write '.*index.html': .* Name another folder with --out"):
        write_report(report_of(["cat"]), tmp_path / "file", {})


def test_the_heat_lies_over_the_region_that_the_network_saw(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((300, 600, 3), 128, np.uint8))
    found = Thumbnails({"grey": path}).photo("grey", np.ones((7, 7), np.float32), (150, 0, 300, 300))
    assert found is not None
    assert (found.width, found.height) == (200, 100)
    picture = decoded(found.uri).astype(int)
    changed = np.abs(picture - 128).sum(axis=2) > 60
    assert changed[:, 55:145].all()
    assert not changed[:, :45].any()
    assert not changed[:, 155:].any()


def decoded(uri: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    import base64

    data = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_small_pictures_end_at_their_greatest_number(tmp_path: Path) -> None:
    report = report_of(["cat"])
    made = Thumbnails(photo_files(report, tmp_path), most=2)
    found = [made.photo(f"cat/{number}.jpg", None) for number in range(4)]
    assert [each is not None for each in found] == [True, True, False, False]
    assert made.are_used_up
    assert Thumbnails({}).photo("unknown", None) is None


def test_a_wrong_photograph_says_whose_heat_it_shows() -> None:
    wrong = photo("a.jpg", spot(0, 3), predicted="dog", probability=0.7)
    assert picture_text(wrong, wrong.heatmap, "truth") == (
        "a.jpg: cat, taken for dog, 70%. heat for cat, 30%. Hottest: left."
    )


def test_the_page_says_how_much_of_the_photographs_the_network_does_not_see(tmp_path: Path) -> None:
    report = report_of(["cat", "cup"], fit="crop")
    wide = [replace(each, region=(100, 0, 600, 600)) for each in report.photos[:12]]  # of 800×600 pixels
    high = [replace(each, region=(0, 150, 300, 300)) for each in report.photos[12:]]  # of 300×600 pixels
    _, outline = written(replace(report, photos=(*wide, *high)), tmp_path)
    assert "38% of their area, at the edges, is not seen" in outline.text
    for photos, fit in ((wide, "stretch"), ([replace(each, region=(0, 0, 9, 9)) for each in wide], "crop")):
        assert unseen_text(replace(report, photos=tuple(photos), settings={"fit": fit})) == ""


def test_the_page_says_for_which_class_all_heat_is(tmp_path: Path) -> None:
    report = report_of(["cat", "cup"], photos_each=8)
    alone = photo("cup/9.jpg", spot(3, 3), truth="cup", predicted="cat", probability=0.7)
    _, outline = written(
        replace(report, photos=(*report.photos, alone)), tmp_path, photo_files(report, tmp_path)
    )
    for name in ("cat", "cup"):
        assert (
            outline.text.count(f"All heat below is that for {name}, whatever a photograph was taken for.")
            == 1
        )
    worst = outline.text[outline.text.index("Wrong with confidence") :]
    assert "Below each picture stands the class whose heat it shows" in worst
    assert "heat for cat, 20%" in worst  # of a photograph of cat, and that for what it is taken for
    assert "heat for cup, 80%" in worst
    assert "taken for cat, 70%; heat for cup" in worst


def test_what_to_photograph_next_follows_from_the_findings() -> None:
    report = report_of(["cat", "cup"], photos_each=12)
    said = what_next(report)
    small = sum(
        each.right and (each.background_need or 0) < 0.25 for each in report.photos if each.truth == "cat"
    )
    assert said[:4] == [
        "Say where the things are, with masks, boxes or --mark: then the audit can tell things from backgrounds.",
        "Photograph cat on the backgrounds of the other classes, and these on the backgrounds of cat: "
        f"{small} of 9 recognised photographs of cat keep the probability on another background, to within 0.25.",
        "Photograph cat at least 8 times more: a verdict needs 20 photographs, and there are 12.",
        "Look at the photographs of cat for a mark, a date or a logo (bottom right, at the border), and photograph cat "
        "without it: 4 of 12 have their heat there.",
    ]
    enough = replace(report_of(["cat", "cup"], photos_each=24), places={"mask": 16})
    known = replace(enough.classes[0], background_need=Mean(0.7, 0.6, 0.8, 8), lenders=2)
    said = what_next(replace(enough, classes=(known,)))
    assert said[1:3] == [
        "Say where the thing is in at least 12 more photographs of cat: a verdict needs 20, and it is known in 8.",
        "Say where the thing is in more photographs of the classes beside cat: its backgrounds come from only 2 of "
        "them.",
    ]
    assert what_next(AuditReport(model="m", classes=(), photos=())) == []


def test_zero_has_no_sign_and_minus_is_a_minus() -> None:
    assert [number(each) for each in (-0.001, 0.0, -0.085, 1.4)] == ["0.00", "0.00", "−0.09", "1.40"]
    assert [signed(each) for each in (-0.001, 0.001, -0.31, 0.31)] == ["0.00", "0.00", "−0.31", "+0.31"]
