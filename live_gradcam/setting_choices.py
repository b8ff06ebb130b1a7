"""Settings with a few valid texts: which of them a user means, and the message for any other text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from live_gradcam.name_suggestions import nearest

_CHINESE = "zh"
_LANGUAGES = {
    "english": "en",
    "eng": "en",
    "chinese": _CHINESE,
    "zho": _CHINESE,
    "cn": _CHINESE,
    "中文": _CHINESE,
    "汉语": _CHINESE,
    "简体中文": _CHINESE,
    "繁體中文": _CHINESE,
}
"""Other names of the languages, for suggestions."""

_LOCALE = re.compile(r"([a-z]{2})(?:[_-]([a-z]{2,4}))?(?:[_-]([a-z]{2}))?(?:[.@].*)?", re.IGNORECASE)
_NOT_SIMPLIFIED = frozenset({"hant", "tw", "hk", "mo"})
"""Scripts and regions of Chinese whose readers expect Traditional characters."""


def choice_meant(received: str, choices: Sequence[str]) -> str | None:
    """Return the choice that a text means; None if it means none.

    Letter case, spaces, hyphens and underscores do not count. A locale such as `zh_CN.UTF-8` means its language, except
    that a locale of Traditional Chinese means none.

    Args:
        received: the text.
        choices: the values that the setting can have.
    """
    by_letters = {_letters(choice): choice for choice in choices}
    if (same := by_letters.get(_letters(received))) is not None:
        return same
    locale = _LOCALE.fullmatch(received.strip()) if _CHINESE in choices else None
    if locale is None or {str(part).casefold() for part in locale.groups()} & _NOT_SIMPLIFIED:
        return None
    return by_letters.get(locale[1].casefold())


def not_among(name: str, received: str, choices: Sequence[str]) -> str:
    """Return the message for a value that is none of a setting's choices.

    Args:
        name: the setting.
        received: the value.
        choices: the values that the setting can have.

    Returns:
        One line with the nearest choice, if there is one, and with all choices.
    """
    meant = choice_meant(received, choices)
    near = [meant] if meant is not None else nearest(received, choices, 1)
    if not near and _CHINESE in choices:
        locale = _LOCALE.fullmatch(received.strip())
        code = "" if locale is None else locale[1].casefold()
        near = [_LANGUAGES[each] for each in nearest(received, _LANGUAGES, 1)]
        near += [each for each in choices if each == code]
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"{name} is '{received}'. {hint}Valid: {', '.join(choices)}."


def _letters(text: str) -> str:
    return re.sub(r"[\s_-]+", "", text).casefold()
