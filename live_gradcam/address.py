"""Addresses of sources: what of them may be shown, and how FFmpeg takes them.

Whatever is shown, logged or stored of an address passes `shown_address`; text in which one may stand, such as the error
of a library, passes `without_secrets`.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import threading
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote, urlsplit

from live_gradcam.printable import shown

HIDDEN = "***"
"""Stands in the place of a secret."""

PLACEHOLDER = "USER:PASSWORD"
"""Stands in an address that is to be typed, where the user's own name and password belong."""

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]{1,20}):/{1,2}(?!/)")
_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{1,20}:/{1,2}[^\s'\"<>`]+")
_BARE_USERINFO = re.compile(r"^[^/@\s:]+:[^@]*@(?=[^@]*$)")
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[\w.\-]+)(?::(?P<port>\d{0,5}))?(?=[/?#]|$)")
_JWT = re.compile(r"eyJ[\w\-]{5,}\.[\w\-]{5,}\.[\w\-]*")

_SECRET_PARTS = (
    *("pass", "pwd", "psw", "token", "secret", "auth", "signature", "credential", "session", "hmac", "jwt"),
    *("bearer", "apikey", "accesskey", "streamkey", "user", "login", "hdnts", "hdnea"),
)
"""A name that contains one of these, letters only, names a secret."""

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
"""A name that ends with one of these names a secret."""

_SECRET_FOLDERS = re.compile(
    r"(?i)/(password|passwd|pwd|token|access_?token|secret|api_?key|signature|sig)/([^/?#&]+)"
)
_XMEYE = r"_(?:user|username|password|channel|stream|onvif|real_stream|subtype)="
"""How the pairs of `/user=admin_password=x_channel=1_stream=0.sdp` begin, the path of many IP cameras."""

_PAIR = re.compile(rf"(?:^|[?&;#/,])(?P<name>_{{0,2}}[A-Za-z][\w.\-%\[\]]*?)=|(?P<joined>{_XMEYE})")

_SHORTEST = 4
"""Length of the shortest secret that is replaced in any text; a shorter one is part of too many words."""

_WORDS = frozenset({"camera", "demo", "gradcam", "live", "password", "stream", "user", "video"})
"""Words of the program's own messages: as secrets they are hidden in addresses only."""

_MOST_REMEMBERED = 256

_DEEPEST = 4
"""Addresses within addresses that are looked into."""


def is_address(text: str) -> bool:
    """Return whether a text is an address, `scheme://…`, rather than a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.\-]+://", text) is not None


def shown_address(address: str) -> str:
    """Return an address fit to be shown: without user and password, and with `***` for other secrets.

    Secrets are the values that a name calls one (`pwd=`, `token=`, `key=`, `X-Amz-Signature=`, `user=`, …), in the
    query, the fragment or the path (`/user=a_password=b_channel=1`, `/token/abc`), and JSON web tokens. A password may
    hold `#`, `/`, `?`, `@`, `:`, `%` and spaces, percent-encoded or not. `PLACEHOLDER` is no secret. A text
    that is no address comes back as it is, but for a `user:password@` that it begins with.
    """
    return _shown(address, nested=0)


def address_name(address: str) -> str:
    """Return an address as a name that is read: fit to be shown, and with `#`, spaces and letters for `%23` and so on.

    Where a decoded character would be taken for a part of the address that it is not, such as an `@`, it stays encoded.
    """
    safe = shown_address(address)
    try:
        decoded = unquote(safe, errors="strict")
    except UnicodeDecodeError:
        return safe
    return shown(decoded) if shown_address(decoded) == decoded else safe


def address_to_type(address: str) -> str:
    """Return an address fit to be shown, with `USER:PASSWORD@` where it has a user or a password."""
    shown = shown_address(address)
    if credentials_of(address) is None:
        return shown
    scheme = _SCHEME.match(shown)
    return shown if scheme is None else f"{scheme[0]}{PLACEHOLDER}@{shown[scheme.end() :]}"


def without_secrets(text: str) -> str:
    """Return a text with every address in it fit to be shown, and the secrets of remembered ones replaced."""
    text = _MEMORY.hidden_in(text)
    if ":/" not in text:
        return text
    return _IN_TEXT.sub(_shown_match, text)


def remember_address(address: str) -> None:
    """Let `without_secrets` know an address, so that it finds the parts of it in any text.

    A program does so with what was typed: libraries quote addresses in forms of their own, in pieces or decoded.
    """
    shown = shown_address(address)
    if shown != address:
        _MEMORY.add(address, shown, _secrets_of(address))


def _secrets_of(address: str) -> list[str]:
    """Return the secret values of an address: the password, and what its names call a secret. The user is left out."""
    found = _SCHEME.match(address)
    if found is None:
        return []
    secrets = []
    for showing in (False, True):  # where it is not clear where the password ends, both
        userinfo, place = _split(address[found.end() :], showing=showing)
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


def opened_address(address: str) -> str:
    """Return an address as FFmpeg takes it: what is not allowed in user, password and elsewhere is percent-encoded.

    A password that holds `%` followed by two hex digits, and no other `%`, is taken for encoded already.
    """
    found = _SCHEME.match(address)
    if found is None:
        return address
    userinfo, place = _split(address[found.end() :], showing=False)
    place = re.sub(r"[\s\"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})", lambda match: quote(match[0], safe=""), place)
    if userinfo is None:
        return address[: found.end()] + place
    user, colon, password = userinfo.partition(":")
    return f"{address[: found.end()]}{_encoded(user)}{colon}{_encoded(password)}@{place}"


def credentials_of(address: str) -> tuple[str, str] | None:
    """Return user and password of an address, decoded; None where it has none."""
    found = _SCHEME.match(address)
    userinfo = None if found is None else _split(address[found.end() :], showing=False)[0]
    if userinfo is None:
        return None
    user, _, password = userinfo.partition(":")
    return unquote(_encoded(user)), unquote(_encoded(password))


def host_of(address: str) -> str | None:
    """Return the host's name or number, in small letters; None where an address names none."""
    try:
        return urlsplit(opened_address(address)).hostname
    except ValueError:  # such as a bracket that is not closed
        return None


class SecretsHidden(logging.Formatter):
    """Formats log records, tracebacks included, with `without_secrets`: the last net."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return without_secrets(super().format(record))


class _Memory:
    """The literal texts that stand for secrets, and what is shown instead."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shown: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def add(self, address: str, shown: str, secrets: Iterable[str]) -> None:
        forms = {address: shown, opened_address(address): shown}
        for secret in secrets:
            for form in (secret, unquote(secret), _encoded(secret), quote(unquote(secret), safe="")):
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
    """Return a pattern that finds a text where it is not part of a longer word."""
    before = r"(?<!\w)" if literal[:1].isalnum() else ""
    after = r"(?!\w)" if literal[-1:].isalnum() else ""
    return f"{before}{re.escape(literal)}{after}"


_MEMORY = _Memory()  # of the process: what was typed


def _shown(address: str, *, nested: int) -> str:
    """Return `shown_address`, `nested`: how many addresses it is within."""
    found = _SCHEME.match(address)
    if found is None:
        return _BARE_USERINFO.sub("", address) if "@" in address else address
    if nested > _DEEPEST:
        return HIDDEN
    userinfo, place = _split(address[found.end() :], showing=True)
    kept = f"{PLACEHOLDER}@" if userinfo == PLACEHOLDER else ""
    return address[: found.end()] + kept + _shown_place(place, nested=nested)


def _shown_match(match: re.Match[str]) -> str:
    text = match[0].rstrip(".,;:)]}")
    return shown_address(text) + match[0][len(text) :]


def _split(rest: str, *, showing: bool) -> tuple[str | None, str]:
    """Split what stands behind `scheme://` into user:password, None without one, and host with all that follows.

    A password may hold `/`, `?`, `#` and `@` as they are, and a path or query may hold an `@`; which it is, the hosts
    tell that would come of it.

    Args:
        rest: what stands behind the scheme.
        showing: whether rather too much than too little is to be taken for a password.
    """
    if "@" not in rest:
        return None, rest
    authority = re.match(r"[^/?#]*", rest)
    assert authority is not None
    ats = [i for i, character in enumerate(rest) if character == "@" and _HOST.match(rest, i + 1)]
    within = [i for i in ats if i < authority.end()]
    later = [i for i in ats if i >= authority.end()]
    strong = [i for i in later if _is_strong(rest, i + 1) and not _in_value(rest[:i], authority.end())]
    if within:
        first = within[-1]
        if strong and (showing or not _is_strong(rest, first + 1)):
            first = strong[-1]
        return rest[:first], rest[first + 1 :]
    host = _HOST.match(rest)
    regular = host is not None and host.end() == authority.end()
    if not regular and later:
        # `anna:p/ss@10.0.0.7/live`: what stands before the slash is no host and port.
        best = strong[-1] if strong else later[0]
        return rest[:best], rest[best + 1 :]
    if regular and strong and ":" in authority[0] and not _is_strong(rest, 0):
        return rest[: strong[-1]], rest[strong[-1] + 1 :]
    return None, rest


def _in_value(before: str, path_at: int) -> bool:
    """Return whether what stands before an `@` is the beginning of a query's value, as in `?mail=a@b.com`."""
    return re.search(r"\?[\w.\-]+=", before[path_at:]) is not None


def _is_strong(rest: str, begin: int) -> bool:
    """Return whether there stands a host that cannot be taken for anything else: a number, or a name with dots."""
    match = _HOST.match(rest, begin)
    if match is None:
        return False
    host = match["host"].strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.casefold() == "localhost" or re.search(r"\.[A-Za-z]{2,}$", host) is not None
    return True


def _encoded(text: str) -> str:
    """Return part of a user:password percent-encoded; one that is so already stays as it is."""
    is_encoded = "%" in text and re.search(r"%(?![0-9A-Fa-f]{2})", text) is None
    return quote(text, safe="%!$&'()*+,;=-._~" if is_encoded else "!$&'()*+,;=-._~")


def _shown_place(place: str, *, nested: int) -> str:
    """Return host, path, query and fragment without what they hold of secrets."""
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
    within = _SCHEME.search(text)
    if within is not None:  # an address in the path of another, as proxies have them
        text = text[: within.start()] + _shown(text[within.start() :], nested=nested + 1)
    text = _SECRET_FOLDERS.sub(rf"/\g<1>/{HIDDEN}", text)
    return _JWT.sub(HIDDEN, text)


def _pairs(place: str) -> Iterator[tuple[str, int, int]]:
    """Yield (name, begin and end of its value) of everything of the form `name=value`, from left to right."""
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
