"""Addresses of sources: parse them, and encode them for FFmpeg. Their secrets are hidden by `redaction`."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote, unquote, urlsplit, urlunsplit

SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]{1,20}):/{1,2}(?!/)")
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[\w.\-]+)(?::(?P<port>(?!0)\d{0,5}))?(?=[/?#]|$)")
_REQUEST_SAFE = "%/:?#[]@!$&'()*+,;=-._~"


def is_address(text: str) -> bool:
    """Return whether a text is an address, `scheme://…`, and not a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.\-]+://", text) is not None


def opened_address(address: str) -> str:
    """Return an address for FFmpeg: characters that are not allowed are percent-encoded.

    A password that contains `%` and two hex digits, and no other `%`, counts as already encoded.
    """
    found = SCHEME.match(address)
    if found is None:
        return address
    userinfo, place = split_credentials(address[found.end() :], showing=False)
    place = re.sub(r"[\s\"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})", lambda match: quote(match[0], safe=""), place)
    if userinfo is None:
        return address[: found.end()] + place
    user, colon, password = userinfo.partition(":")
    return f"{address[: found.end()]}{percent_encoded(user)}{colon}{percent_encoded(password)}@{place}"


def request_address(url: str) -> str:
    """Return an address for an HTTP request: without user, password and fragment, in ASCII.

    Raises:
        ValueError: it is invalid.
    """
    split = urlsplit(opened_address(url))
    host = split.netloc.rpartition("@")[2]
    if not split.hostname:
        raise ValueError("no host")
    if not host.isascii():
        host = host.encode("idna").decode()
    path, query = (quote(part, safe=_REQUEST_SAFE) for part in (split.path, split.query))
    return urlunsplit((split.scheme, host, path, query, ""))


def credentials_of(address: str) -> tuple[str, str] | None:
    """Return the decoded user and password of an address; None if it has none."""
    found = SCHEME.match(address)
    userinfo = None if found is None else split_credentials(address[found.end() :], showing=False)[0]
    if userinfo is None:
        return None
    user, _, password = userinfo.partition(":")
    return unquote(percent_encoded(user)), unquote(percent_encoded(password))


def host_of(address: str) -> str | None:
    """Return the host's name or number in lower case; None if the address has no host."""
    try:
        return urlsplit(opened_address(address)).hostname
    except ValueError:  # such as an unclosed bracket
        return None


def split_credentials(rest: str, *, showing: bool) -> tuple[str | None, str]:
    """Split the text after `scheme://` into user:password (None if there is none) and host with all that follows.

    A password may contain an unencoded `/`, `?`, `#` or `@`, and a path or query may contain an `@`. The candidate
    hosts after each `@` decide between the two.

    Args:
        rest: the text after the scheme.
        showing: whether the address will be shown. In doubt, more of it then counts as the password.
    """
    if "@" not in rest:
        return None, rest
    authority = re.match(r"[^/?#]*", rest)
    assert authority is not None
    ats = [i for i, character in enumerate(rest) if character == "@" and _HOST.match(rest, i + 1)]
    within = [i for i in ats if i < authority.end()]
    later = [i for i in ats if i >= authority.end()]
    # `anna:000?0=@10.0.0.7/live`: if no path follows, `anna:000` is more likely user and password than host and port.
    unclear = ":" in authority[0] and not rest.startswith("/", authority.end()) and not _is_strong(rest, 0)

    def is_value(at: int) -> bool:
        """Return whether an `@` stands within a query's value, and not before the address's own host."""
        if not _in_value(rest[:at], authority.end()):
            return False
        if not _goes_on(rest, at + 1):  # as after the host of a mail address
            return not (showing and unclear)
        return "://" in rest[:at] or not (showing or unclear)

    strong = [i for i in later if _is_strong(rest, i + 1) and not is_value(i)]
    if within:
        first = within[-1]
        # `anna:0@b.de/@10.0.0.7/live`: no path begins with `@` and a host, unless it is an address itself.
        last = strong[-1] if strong else first
        nested = "://" in rest[:last] or _in_value(rest[:last], authority.end())
        if strong and (
            showing or not _is_strong(rest, first + 1) or (not nested and _goes_on(rest, last + 1))
        ):
            first = last
        return rest[:first], rest[first + 1 :]
    host = _HOST.match(rest)
    # `anna:?0=@10.0.0.7/live`: neither port nor path follows the colon, so it ends a user's name.
    named = authority[0].endswith(":") and not rest.startswith("/", authority.end())
    regular = host is not None and host.end() == authority.end() and not named
    if not regular and later:
        # `anna:p/ss@10.0.0.7/live`: the text before the slash is no host and port.
        sure = strong or [i for i in later if _is_strong(rest, i + 1) and _goes_on(rest, i + 1)]
        best = sure[-1] if sure else later[0]
        return rest[:best], rest[best + 1 :]
    if regular and strong and ":" in authority[0] and not _is_strong(rest, 0):
        return rest[: strong[-1]], rest[strong[-1] + 1 :]
    return None, rest


def _in_value(before: str, path_at: int) -> bool:
    """Return whether the text before an `@` ends in a query value, as in `?mail=a@b.com`."""
    return re.search(r"\?[\w.\-]+=", before[path_at:]) is not None


def _is_strong(rest: str, begin: int) -> bool:
    """Return whether an unmistakable host begins here: IP address, `localhost`, or a name with a top-level domain."""
    match = _HOST.match(rest, begin)
    if match is None:
        return False
    host = match["host"].strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.casefold() == "localhost" or re.search(r"\.[A-Za-z]{2,}$", host) is not None
    return True


def _goes_on(rest: str, begin: int) -> bool:
    """Return whether a port or a path follows the host that begins here, as after no mail address."""
    match = _HOST.match(rest, begin)
    return match is not None and (match["port"] is not None or rest.startswith("/", match.end()))


def percent_encoded(text: str) -> str:
    """Return part of a user:password percent-encoded; unchanged if it is already encoded."""
    is_encoded = "%" in text and re.search(r"%(?![0-9A-Fa-f]{2})", text) is None
    return quote(text, safe="%!$&'()*+,;=-._~" if is_encoded else "!$&'()*+,;=-._~")
