"""The prompt: what is found as one types."""

from __future__ import annotations

from acting import LABELS

from live_gradcam.live.class_search import SHOWN, ClassSearch


def typed(*keys: str) -> ClassSearch:
    prompt = ClassSearch(LABELS)
    for key in keys:
        prompt = prompt.typed(key)
    return prompt


def test_names_that_begin_so_come_first_then_words_then_the_rest() -> None:
    assert typed(*"cat").completions == ("cat flap", "tiger cat", "Egyptian cat")
    assert typed(*"ti").completions == ("tiger cat", "sea tiger", "Egyptian cat")


def test_upper_and_lower_case_and_spaces_around_do_not_matter() -> None:
    assert typed(*" EGYPT ").completions == ("Egyptian cat",)


def test_nothing_is_offered_before_anything_is_typed() -> None:
    assert typed().completions == ()
    assert typed(" ").class_id is None


def test_no_more_is_offered_than_there_is_room_for() -> None:
    assert len(ClassSearch([f"bird {n}" for n in range(50)]).typed("b").completions) == SHOWN


def test_backspace_takes_the_last_letter_back() -> None:
    assert typed(*"tix", "Backspace").text == "ti"
    assert typed("Backspace").text == ""


def test_arrows_and_tab_go_round_among_the_completions() -> None:
    choices = [typed(*"cat", *["ArrowDown"] * n).class_id for n in range(4)]
    assert choices == [5, 1, 3, 5]
    assert typed(*"cat", "Tab").class_id == 1
    assert typed(*"cat", "ArrowUp").class_id == 3
    assert typed("ArrowDown").class_id is None


def test_another_letter_goes_back_to_the_first_completion() -> None:
    assert typed(*"ca", "ArrowDown", "t").chosen == 0


def test_keys_that_are_no_letters_are_passed_over() -> None:
    assert typed(*"ca", "ArrowLeft", "F1", "\x07").text == "ca"


CHINESE, ENGLISH = ("虎斑猫", "猞猁", "美洲狮"), (("tabby", "tabby cat"), ("lynx", "catamount"), ("puma",))


def test_a_class_is_found_by_its_names_in_other_languages_too() -> None:
    prompt = ClassSearch(CHINESE, ENGLISH)
    assert prompt.with_text("lyn").class_id == 1
    assert prompt.with_text("猞").class_id == 1
    assert prompt.with_text("catam").completions == ("猞猁  (catamount)",)
    assert prompt.with_text("猞").completions == ("猞猁",)
    assert prompt.with_text("zebra").class_id is None


def test_its_own_name_goes_before_other_names() -> None:
    prompt = ClassSearch(("cat flap", "lynx"), ((), ("cat flap like",))).with_text("cat flap")
    assert prompt.completions[0] == "cat flap"


def test_one_class_is_meant_where_no_other_fits_or_the_name_is_whole() -> None:
    labels = ("tabby", "tiger cat", "Egyptian cat", "cat")
    assert ClassSearch(labels, text="tab").is_clear
    assert not ClassSearch(labels, text="at").is_clear
    assert ClassSearch(labels, text="Cat").is_clear
    assert not ClassSearch(labels, text="dog").is_clear


def test_the_advice_says_what_fits_and_what_to_do() -> None:
    labels = ("tabby", "tiger cat", "Egyptian cat")
    assert ClassSearch(labels).advice == "type the name of a class first"
    assert ClassSearch(labels, text="dog").advice == "no class is called 'dog': type another name"
    assert ClassSearch(labels, text="tab").advice == "'tabby' fits: press Enter again to take it"
    assert ClassSearch(labels, text="cat").advice == (
        "several classes fit (tiger cat, Egyptian cat): press Enter again to take 'tiger cat', or type more of the name"
    )
    many = ClassSearch([f"bird {number}" for number in range(50)], text="bird")
    assert many.advice.startswith(
        "several classes fit (bird 0, bird 1, bird 2, bird 3, bird 4, bird 5, …): press"
    )
