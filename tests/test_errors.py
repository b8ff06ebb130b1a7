"""Error messages: one line, never too long, and the next step is never cut away."""

from __future__ import annotations

import pytest

import live_gradcam as lg
from live_gradcam import cli
from live_gradcam.errors import LONGEST_LINE, one_line, reason_of
from live_gradcam.models.labels import imagenet_labels
from live_gradcam.name_suggestions import nearest


def test_a_message_of_many_lines_is_one_line() -> None:
    error = lg.ModelError("it failed:\n\n  first\tcause\r\nsecond\x1b cause.\nDo this.")
    assert str(error) == "it failed: first cause second cause. Do this."
    assert error.args[0].startswith("it failed:\n\n")


@pytest.mark.parametrize(
    "dump",
    ["config={'a': 1}, " * 9000, "x" * 114_167, "é" * 1000 + " " + "word " * 1000, "/folder" * 200 + ".h5"],
    ids=["words", "one word", "mixed", "path"],
)
def test_a_long_message_loses_its_middle_and_keeps_the_next_step(dump: str) -> None:
    message = f"cannot load the model: {dump}. Save it again, or use --model module:function."
    line = str(lg.ModelError(message))
    assert len(line) <= LONGEST_LINE
    assert line.startswith("cannot load the model: ")
    assert line.endswith("Save it again, or use --model module:function.")
    assert "…" in line


def test_a_message_that_fits_is_left_as_it_is() -> None:
    message = "a" * 100 + ". " + "b" * 200 + ". Do this."
    assert str(lg.ModelError(message)) == message
    assert one_line("") == ""


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("first\nsecond", "first"),
        ("\n\n  indented\n", "indented"),
        (
            "Exception encountered when calling Conv2D.call().\n\n\x1b[1mNegative dimension\x1b[0m\n\nArguments",
            "Negative dimension",
        ),
        (
            "Graph execution error:\n\nDetected at node a/b defined at (most recent call last):\n"
            '  File "net.py", line 3, in call\n\n<stack traces unavailable>\nToo many axes\n\t [[{{node a/b}}]]',
            "Too many axes",
        ),
        ("", "ValueError"),
        ("y" * 500, "y" * 159 + "…"),
    ],
)
def test_the_reason_of_another_librarys_error_is_its_first_telling_line(said: str, reason: str) -> None:
    assert reason_of(ValueError(said)) == reason


@pytest.mark.parametrize("known", [True, False])
def test_the_command_line_prints_one_line_of_400_characters_at_most(
    known: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise (lg.ModelError if known else RuntimeError)(
            "all of it failed: " + "so it goes\n" * 5000 + "Do this."
        )

    monkeypatch.setattr(cli, "_app_of", lambda _: fail)
    assert cli.main(["layers", "x"]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert len(line) <= 400
    assert line.endswith("Do this." if known else "(--debug shows where)")
    assert cli.main(["layers", "x", "--debug"]) == 1
    assert "so it goes\n" * 5000 in capfd.readouterr().err, "the whole of it stays behind --debug"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("expresso", "espresso"),
        ("tabyb", "tabby"),
        ("taby", "tabby"),
        ("egyptain cat", "Egyptian cat"),
        ("egiptian cat", "Egyptian cat"),
        ("golden retreiver", "golden retriever"),
        ("golden retriver", "golden retriever"),
        ("german shepard", "German shepherd"),
        ("bannana", "banana"),
        ("bananna", "banana"),
        ("acoustic gitar", "acoustic guitar"),
        ("brocoli", "broccoli"),
        ("strawbery", "strawberry"),
        ("tennisball", "tennis ball"),
        ("labtop", "laptop"),
        ("wall clok", "wall clock"),
        ("siamese", "Siamese cat"),
        ("clock", "analog clock"),
        ("pineaple", "pineapple"),
        ("ladybgu", "ladybug"),
        ("vulcano", "volcano"),
        ("chihuaha", "Chihuahua"),
        ("retreiver", "golden retriever"),
        ("egyptain", "Egyptian cat"),
    ],
)
def test_a_plausible_typo_finds_the_name_that_was_meant(typed: str, meant: str) -> None:
    assert meant in nearest(typed, imagenet_labels())


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("eel", ["ant", "bee", "cat", "dog", "wheel", "steel drum"]),
        ("person", ["persimmon jam", "pear", "poison ivy"]),
        ("typo", ["tabby", "tiger cat", "mask", "type of clay"]),
        ("hello", ["jelly", "yellow jacket"]),
        ("holiday.mp4", ["birthday.mp4", "concert.mp4", "highway.mov"]),
        ("cat.jpg", ["dog.jpg", "bath.jpg"]),
        ("ant", ["elephant", "mantis", "restaurant"]),
        ("resnet", ["densenet", "regression", "pressure"]),
        ("car", ["scarf", "oscar", "crab"]),
    ],
)
def test_a_name_that_is_not_alike_is_not_suggested(typed: str, names: list[str]) -> None:
    assert nearest(typed, names) == []
