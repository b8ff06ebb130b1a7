"""Redaction: hides passwords and other secrets of addresses in everything that is shown, logged or stored.

Every address passes `shown_address`. Text that may contain one, such as a library's error message, passes
`without_secrets`.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote

from live_gradcam.escaping import shown
from live_gradcam.source_address import (
    SCHEME,
    credentials_of,
    opened_address,
    percent_encoded,
    split_credentials,
)

HIDDEN = "***"
"""Replaces a secret."""

PLACEHOLDER = "USER:PASSWORD"
"""Placeholder for user and password in an address that the user is told to type."""

_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{1,20}:/{1,2}[^\s'\"<>`]+")

_BARE_USERINFO = re.compile(r"^[^/@\s:]+:[^@]*@(?=[^@]*$)")

_JWT = re.compile(r"eyJ[\w\-]{5,}\.[\w\-]{5,}\.[\w\-]*")

_SECRET_PARTS = (
    *("pass", "pwd", "psw", "token", "secret", "auth", "signature", "credential", "session", "hmac", "jwt"),
    *("bearer", "apikey", "accesskey", "streamkey", "user", "login", "hdnts", "hdnea"),
)
"""A name whose letters contain one of these names a secret."""

_SECRET_ENDS = (
    "key",
    "keyid",
    "pw",
    "psk",
    "sig",
    "sid",
    "sign",
    "pin",
    "otp",
    "usr",
    "hash",
    "md5",
    "policy",
)
"""A name whose letters end with one of these names a secret."""

_SECRET_FOLDERS = re.compile(
    r"(?i)/(password|passwd|pwd|token|access_?token|secret|api_?key|signature|sig)/([^/?#&]+)"
)

_XMEYE = r"_(?:user|username|password|channel|stream|onvif|real_stream|subtype)="
"""Starts of the pairs in `/user=admin_password=x_channel=1_stream=0.sdp`, the path of many IP cameras."""

_PAIR = re.compile(rf"(?:^|[?&;#/,])(?P<name>_{{0,2}}[A-Za-z][\w.\-%\[\]]*?)=|(?P<joined>{_XMEYE})")

_SHORTEST = 4
"""Length from which a secret is replaced in any text; a shorter one is part of too many words."""

_WORDS = frozenset({"camera", "demo", "gradcam", "live", "password", "stream", "user", "video"})
"""Words of the program's own messages; as secrets they are hidden in addresses only."""

_MOST_REMEMBERED = 256

_DEEPEST = 4
"""How many levels of addresses within addresses are searched."""


def shown_address(address: str) -> str:
    """Return an address that is safe to show: without user and password, and with `***` for other secrets.

    A secret is a value whose name says so (`pwd=`, `token=`, `key=`, `X-Amz-Signature=`, `user=`, …), in the query,
    the fragment or the path (`/user=a_password=b_channel=1`, `/token/abc`), or a JSON web token. A password may
    contain `#`, `/`, `?`, `@`, `:`, `%` and spaces, percent-encoded or not. `PLACEHOLDER` is kept. A text that is no
    address is returned unchanged, except for a leading `user:password@`.
    """
    return _shown(address, nested=0)


def address_name(address: str) -> str:
    """Return an address as a readable name: safe to show, and percent-decoded.

    If decoding would change how the address is parsed, as with an encoded `@`, it stays encoded.
    """
    safe = shown_address(address)
    try:
        decoded = unquote(safe, errors="strict")
    except UnicodeDecodeError:
        return safe
    return shown(decoded) if shown_address(decoded) == decoded else safe


def address_to_type(address: str) -> str:
    """Return an address that is safe to show, with `USER:PASSWORD@` if it has a user or a password."""
    shown = shown_address(address)
    if credentials_of(address) is None:
        return shown
    scheme = SCHEME.match(shown)
    return shown if scheme is None else f"{scheme[0]}{PLACEHOLDER}@{shown[scheme.end() :]}"


def without_secrets(text: str) -> str:
    """Return a text in which every address is safe to show and the secrets of remembered addresses are replaced."""
    text = _MEMORY.hidden_in(text)
    if ":/" not in text:
        return text
    return _IN_TEXT.sub(_shown_match, text)


def remember_address(address: str) -> None:
    """Let `without_secrets` replace the secrets of this address in any text.

    Call it with every address that the user typed: libraries quote addresses in other forms, in parts or decoded.
    """
    shown = shown_address(address)
    if shown != address:
        _MEMORY.add(address, shown, _secrets_of(address))


def remember_shown(address: str, shown: str, secrets: Iterable[str]) -> None:
    """Let `without_secrets` replace an address and its secrets in any text, for an address of a further kind."""
    if shown != address:
        _MEMORY.add(address, shown, [*secrets, *_secrets_of(address)])


def _secrets_of(address: str) -> list[str]:
    """Return an address's secret values: the password, and the values of secret names. The user is not among them."""
    found = SCHEME.match(address)
    if found is None:
        return []
    secrets = []
    for showing in (False, True):  # both readings if it is not clear where the password ends
        userinfo, place = split_credentials(address[found.end() :], showing=showing)
        if userinfo is not None:
            _, colon, password = userinfo.partition(":")
            secrets.append(password if colon else userinfo)
        secrets += [
            place[begin:end]
            for name, begin, end in _pairs(place)
            if _is_secret(name) and not re.search(r"(?i)user|usr|login(?!pas)", name)
        ]
        secrets += [match[2] for match in _SECRET_FOLDERS.finditer(place)]
    return list(dict.fromkeys(filter(None, secrets)))


class SecretsHidden(logging.Formatter):
    """Log formatter that removes secrets from every record, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the formatted record without secrets."""
        return without_secrets(super().format(record))


class _Memory:
    """Literal secrets that were remembered, and their replacements."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shown: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def add(self, address: str, shown: str, secrets: Iterable[str]) -> None:
        forms = {address: shown, opened_address(address): shown}
        for secret in secrets:
            for form in (secret, unquote(secret), percent_encoded(secret), quote(unquote(secret), safe="")):
                if len(form) >= _SHORTEST and form.casefold() not in _WORDS:
                    forms.setdefault(form, HIDDEN)
        with self._lock:
            self._shown.update(forms)
            while len(self._shown) > _MOST_REMEMBERED:
                del self._shown[next(iter(self._shown))]
            literals = sorted(self._shown, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(_as_a_word, literals)))

    def hidden_in(self, text: str) -> str:
        pattern, shown = self._pattern, self._shown
        return text if pattern is None else pattern.sub(lambda match: shown.get(match[0], HIDDEN), text)


def _as_a_word(literal: str) -> str:
    """Return a pattern that matches a text unless it is part of a longer word."""
    before = r"(?<!\w)" if literal[:1].isalnum() else ""
    after = r"(?!\w)" if literal[-1:].isalnum() else ""
    return f"{before}{re.escape(literal)}{after}"


_MEMORY = _Memory()  # one for the process


def _shown(address: str, *, nested: int) -> str:
    """Return `shown_address` for an address that is nested within this many others."""
    found = SCHEME.match(address)
    if found is None:
        return _BARE_USERINFO.sub("", address) if "@" in address else address
    if nested > _DEEPEST:
        return HIDDEN
    userinfo, place = split_credentials(address[found.end() :], showing=True)
    kept = f"{PLACEHOLDER}@" if userinfo == PLACEHOLDER else ""
    return address[: found.end()] + kept + _shown_place(place, nested=nested)


def _shown_match(match: re.Match[str]) -> str:
    text = match[0].rstrip(".,;:)]}")
    return shown_address(text) + match[0][len(text) :]


def _shown_place(place: str, *, nested: int) -> str:
    """Return host, path, query and fragment with their secrets replaced."""
    shown, done = [], 0
    for name, begin, end in _pairs(place):
        value = place[begin:end]
        if value and _is_secret(name):
            shown += [place[done:begin], HIDDEN]
            done = end
        elif ("://" in value or "%3a%2f" in value.casefold()) and (
            inner := _shown(decoded := unquote(value), nested=nested + 1)
        ) != decoded:
            shown += [place[done:begin], inner if "://" in value else quote(inner, safe="*")]
            done = end
    text = "".join([*shown, place[done:]])
    within = SCHEME.search(text)
    if within is not None:  # an address in another's path, as proxies use
        text = text[: within.start()] + _shown(text[within.start() :], nested=nested + 1)
    text = _SECRET_FOLDERS.sub(rf"/\g<1>/{HIDDEN}", text)
    return _JWT.sub(HIDDEN, text)


def _pairs(place: str) -> Iterator[tuple[str, int, int]]:
    """Yield (name, start of value, end of value) for every `name=value`, from left to right."""
    query_at = place.find("?")
    position = 0
    while (match := _PAIR.search(place, position)) is not None:
        begin = match.end()
        name = match["name"] or match["joined"].strip("_=")
        in_path = query_at < 0 or begin <= query_at
        end = _end_of_value(place, begin, in_path=in_path, secret=_is_secret(name))
        yield name, begin, end
        position = end


def _end_of_value(place: str, begin: int, *, in_path: bool, secret: bool) -> int:
    ampersand = place.find("&", begin)
    end = len(place) if ampersand < 0 else ampersand
    following = re.compile(rf";[\w.\-]+=|{_XMEYE}" if in_path else r";[\w.\-]+=").search(place, begin, end)
    if following is not None:
        return following.start()
    if in_path:
        stop = re.compile(r"[/?]").search(place, begin, end)
        return end if stop is None else stop.start()
    fragment = -1 if secret else place.find("#", begin, end)
    return end if fragment < 0 else fragment


def _is_secret(name: str) -> bool:
    letters = re.sub(r"[^a-z0-9]", "", unquote(name).casefold())
    return any(part in letters for part in _SECRET_PARTS) or letters.endswith(_SECRET_ENDS)
