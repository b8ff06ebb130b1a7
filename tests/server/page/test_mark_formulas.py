"""What the page for marking computes: boxes, and which photograph comes next. Without a browser."""

from __future__ import annotations

from typing import Any

import pytest
from javascript import run_javascript

BOX = [0.2, 0.3, 0.4, 0.2]


def edited(calls: list[tuple[str, list[Any]]]) -> list[Any]:
    """Return the results of functions of box_editing.js."""
    names = "arrowed, boxText, drawn, gripAt, moved, sized"
    body = "return given[0].map(([name, args]) => all[name](...args));"
    found: list[Any] = run_javascript("box_editing.js", names, f"const all = {{ {names} }}; {body}", calls)
    return found


def test_a_box_is_drawn_in_any_direction_and_cut_off_at_the_edges() -> None:
    right_down, left_up, beyond, click = edited(
        [
            ("drawn", [[0.2, 0.3], [0.6, 0.5]]),
            ("drawn", [[0.6, 0.5], [0.2, 0.3]]),
            ("drawn", [[-0.5, 0.5], [0.25, 1.5]]),
            ("drawn", [[0.2, 0.3], [0.201, 0.9]]),
        ]
    )
    assert right_down == left_up == pytest.approx(BOX)
    assert beyond == pytest.approx([0, 0.5, 0.25, 0.5])
    assert click is None


def test_a_box_moves_to_the_edge_and_keeps_its_size() -> None:
    found = edited([("moved", [BOX, 0.1, -0.1]), ("moved", [BOX, 9, 9]), ("moved", [BOX, -9, -9])])
    assert found[0] == pytest.approx([0.3, 0.2, 0.4, 0.2])
    assert found[1] == pytest.approx([0.6, 0.8, 0.4, 0.2])
    assert found[2] == pytest.approx([0, 0, 0.4, 0.2])


def test_edges_move_alone_and_never_pass_one_another_or_the_picture() -> None:
    calls = [("sized", [BOX, grip, across, down]) for grip, across, down in [
        ("e", 0.1, 9), ("w", 0.1, 9), ("n", 9, -0.1), ("s", 9, 0.1), ("nw", 9, 9), ("se", 9, 9), ("ne", -9, 9)
    ]]  # fmt: skip
    east, west, north, south, closed, open_, other = edited(calls)
    assert east == pytest.approx([0.2, 0.3, 0.5, 0.2])
    assert west == pytest.approx([0.3, 0.3, 0.3, 0.2])
    assert north == pytest.approx([0.2, 0.2, 0.4, 0.3])
    assert south == pytest.approx([0.2, 0.3, 0.4, 0.3])
    assert closed == pytest.approx([0.595, 0.495, 0.005, 0.005])
    assert open_ == pytest.approx([0.2, 0.3, 0.8, 0.7])
    assert other == pytest.approx([0.2, 0.495, 0.005, 0.005])


@pytest.mark.parametrize(
    ("place", "grip"),
    [
        ((0.2, 0.3), "nw"),
        ((0.61, 0.51), "se"),
        ((0.4, 0.31), "n"),
        ((0.19, 0.4), "w"),
        ((0.4, 0.4), "move"),
        ((0.7, 0.4), ""),
        ((0.4, 0.6), ""),
    ],
)
def test_a_place_on_the_box_moves_an_edge_a_corner_or_all_of_it(
    place: tuple[float, float], grip: str
) -> None:
    tiny = [0.5, 0.5, 0.02, 0.02]
    found = edited(
        [
            ("gripAt", [BOX, place, [0.02, 0.02]]),
            ("gripAt", [None, place, [0.02, 0.02]]),
            ("gripAt", [tiny, [0.51, 0.51], [0.1, 0.1]]),
        ]
    )
    assert found == [grip, "", "move"]  # also a small box has an inside under a thick finger


def test_arrow_keys_begin_move_and_size_a_box() -> None:
    found = edited(
        [
            ("arrowed", [None, "ArrowLeft", False, 0.01]),
            ("arrowed", [BOX, "ArrowLeft", False, 0.01]),
            ("arrowed", [BOX, "ArrowDown", True, 0.01]),
            ("arrowed", [BOX, "ArrowUp", True, 0.01]),
            ("arrowed", [BOX, "a", False, 0.01]),
            ("arrowed", [BOX, "toString", False, 0.01]),
            ("boxText", [BOX]),
        ]
    )
    assert found[0] == [0.25, 0.25, 0.5, 0.5]
    assert found[1] == pytest.approx([0.19, 0.3, 0.4, 0.2])
    assert found[2] == pytest.approx([0.2, 0.3, 0.4, 0.21])
    assert found[3] == pytest.approx([0.2, 0.3, 0.4, 0.19])
    assert found[4:6] == [None, None]
    assert found[6] == "box: left 20%, top 30%, width 40%, height 20%"


def ordered(states: str, at: int, needed: int) -> Any:
    """Return the counts, what is left, and the next number.

    Args:
        states: class (c or d) and state of each photograph, such as `c-db`: nothing is said about a cat, and a dog
            has a box.
        at: the number that is shown.
        needed: boxes of each class.
    """
    words = {"-": "", "b": "box", "o": "outline", "n": "none", "u": "unread"}
    pairs = zip(states[::2], states[1::2], strict=True)
    photos = [{"name": name, "state": words[state]} for name, state in pairs]
    body = (
        "const [photos, at, needed] = given; const counts = countsOf(photos, needed);"
        "return [Object.fromEntries([...counts].map(([name, each]) => [name, [each.known, each.wanted, each.left]])),"
        " leftOf(counts), nextOf(photos, at, needed)];"
    )
    return run_javascript("mark_order.js", "countsOf, leftOf, nextOf", body, photos, at, needed)


def test_it_counts_what_is_left_and_goes_to_classes_that_need_more() -> None:
    assert ordered("c-d-c-d-", -1, 2) == [{"c": [0, 2, 2], "d": [0, 2, 2]}, 4, 0]
    assert ordered("cbd-c-d-", 0, 1) == [{"c": [1, 1, 0], "d": [0, 1, 1]}, 1, 1]
    assert ordered("cbdoc-d-", 1, 1) == [
        {"c": [1, 1, 0], "d": [1, 1, 0]},
        0,
        2,
    ]  # then it goes on with the others
    assert ordered("c-dbc-d-", 1, 2) == [{"c": [0, 2, 2], "d": [1, 2, 1]}, 3, 2]


def test_the_search_goes_round_and_ends() -> None:
    assert ordered("c-dbcb", 2, 9)[2] == 0
    assert ordered("cbdbcn", 1, 9)[2] is None
    assert ordered("cbdbcu", 1, 9)[2] is None


def test_photographs_without_a_thing_are_not_asked_for() -> None:
    assert ordered("cncuc-cbdb", -1, 20) == [{"c": [1, 2, 1], "d": [1, 1, 0]}, 1, 2]


@pytest.mark.parametrize(
    ("search", "number"),
    [("?photo=7", 7), ("?view=side&photo=0", 0), ("?photo=-1", None), ("?photo=../a", None), ("", None)],
)
def test_the_address_of_the_live_view_names_a_photograph_by_its_number(
    search: str, number: int | None
) -> None:
    assert (
        run_javascript("report_photo.js", "photoOfAddress", "return photoOfAddress(...given);", search)
        == number
    )


def test_a_link_to_the_live_view_keeps_the_token_behind_the_hash() -> None:
    body = "return [liveAddress('7', '#token=abc'), liveTitle('cat/1.jpg: cat, recognised.'), liveTitle('')];"
    assert run_javascript("report.js", "liveAddress, liveTitle", body) == [
        "/?photo=7#token=abc",
        "Open cat/1.jpg in the live view",
        "Open in the live view",
    ]
