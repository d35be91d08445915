"""The name of a container image, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

DOCKER_HUB: Final = "docker.io"
ACR: Final = ".azurecr.io"

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z0-9-]+(?::[0-9]{1,5})?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile("sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image: its registry's host, its path there, and what pins it.

    Attributes:
        tag: empty where none is given.
        digest: `sha256:...`; empty where none is given.
    """

    host: str
    path: str
    tag: str = ""
    digest: str = ""


def parse_image(text: str) -> Image:
    """`ghcr.io/someone/numerai-job:1.0` or `...@sha256:<digest>`.

    Raises:
        ValueError: it is neither.
    """
    if "://" in text:
        raise ValueError(f"{text!r}: leave out what stands before ://")
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise ValueError(f"{text!r}: a digest is sha256: and 64 hex digits in lower case")
    head, slash, last = rest.rpartition("/")
    last, colon, tag = last.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise ValueError(f"{text!r}: {tag!r} cannot be a tag")
    host, path = _split(f"{head}{slash}{last}")
    if not _HOST.fullmatch(host) or not _PATH.fullmatch(path):
        small = "; an image's path is in lower case" if path != path.lower() else ""
        raise ValueError(f"{text!r} is not an image such as ghcr.io/someone/numerai-job:1.0{small}")
    return Image(host=host.lower(), path=path, tag=tag, digest=digest)


def _split(name: str) -> tuple[str, str]:
    """A name without a host is one of Docker Hub's."""
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return DOCKER_HUB, name if slash else f"library/{name}"
