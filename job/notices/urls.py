"""The URLs of `NUMERAI_NOTIFY` and `NUMERAI_PING_URL`: what they may be, and what of them is to be
hidden. They are secrets: who has one can write to its owner, or silence an alarm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from job.secret import Secret

EXTRA = "needs the extra notify: pip install 'numerai-job[notify]', or '.[notify]' in a clone"
PIECES = re.compile(r"[\s/:@?&=#;,]+")
PASSWORD = re.compile(r"://[^\s/@:]*:([^\s/]+)@")
LONG, VERY_LONG = 8, 16


def parse_notify(text: str) -> Secret:
    """One or more Apprise URLs.

    Raises:
        ValueError: Apprise is not installed, or does not understand one; the message does not quote
            it.
    """
    if "://" not in text:
        raise ValueError("is no Apprise URL such as mailto://...; see https://appriseit.com")
    try:
        from job.notices.services import open_services
    except ModuleNotFoundError as error:
        if error.name != "apprise":
            raise
        raise ValueError(EXTRA) from None
    open_services(text)
    return Secret(text)


def parse_ping_url(text: str) -> Secret:
    """The address of a dead man's switch.

    Raises:
        ValueError: it is none, or would be sent in clear; the message does not quote it.
    """
    try:
        url = urlsplit(text)
        host, _ = url.hostname or "", url.port
    except ValueError:
        raise ValueError("is no URL") from None
    plain = text.isascii() and text.isprintable() and " " not in text and "@" not in url.netloc
    if url.scheme not in {"http", "https"} or not host or not plain or url.fragment:
        raise ValueError("give a URL such as https://hc-ping.com/<uuid>, without user or password")
    if url.scheme == "http" and not is_loopback(host):
        raise ValueError("http would send it in clear; use https")
    return Secret(text)


def is_loopback(host: str) -> bool:
    """Whether a host of a URL is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def secret_parts(urls: str) -> set[str]:
    """What no log may show of some URLs: each as a whole, passwords, and what looks like a token;
    a host's or a channel's name is a word that a log may need.
    """
    found = {urls, *urls.split(), *(url.strip(",;") for url in urls.split())}
    found |= set(PASSWORD.findall(urls))
    found |= {piece for piece in PIECES.split(urls) if _like_a_token(piece)}
    return {form for part in found if part for form in _forms(part)}


def _forms(part: str) -> Iterator[str]:
    yield part
    yield unquote(part)


def _like_a_token(piece: str) -> bool:
    if len(piece) < LONG or is_loopback(piece):
        return False
    return len(piece) >= VERY_LONG or any(one.isdigit() or one.isupper() for one in piece)
