"""Conditional and ranged reads of an object, by RFC 9110, sections 13 and 14."""

from __future__ import annotations

from collections.abc import Mapping

from job.sandbox.messages import Reply, xml_error

LAST_MODIFIED = "Tue, 03 Nov 2026 12:00:00 GMT"


def serve(content: bytes, etag: str | None, headers: Mapping[str, str]) -> Reply:
    """The reply to a GET: 200, 206, 304, 412 or 416."""
    given = {"ETag": etag} if etag else {}
    fields = {
        "Content-Type": "binary/octet-stream",
        "Accept-Ranges": "bytes",
        "Last-Modified": LAST_MODIFIED,
        **given,
    }
    if "if-match" in headers and not _matches(headers["if-match"], etag):
        message = "At least one of the pre-conditions you specified did not hold"
        return xml_error(412, "PreconditionFailed", message)
    if "if-none-match" in headers and _matches(headers["if-none-match"], etag):
        return Reply(304, b"", given)
    wanted = headers.get("range", "")
    if "if-range" in headers and headers["if-range"] not in (etag, LAST_MODIFIED):
        wanted = ""
    span = byte_range(wanted, len(content))
    if span is None:
        return Reply(200, content, fields)
    if not span:
        message = "The requested range is not satisfiable"
        size = {"Content-Range": f"bytes */{len(content)}"}
        return xml_error(416, "InvalidRange", message, **size)
    place = f"bytes {span.start}-{span.stop - 1}/{len(content)}"
    body = content[span.start : span.stop]
    return Reply(206, body, {**fields, "Content-Range": place})


def byte_range(header: str, size: int) -> range | None:
    """The bytes that a Range header asks for: None for the whole, empty when it cannot be met."""
    unit, _, spec = header.partition("=")
    first, dash, last = spec.strip().partition("-")
    if unit.strip() != "bytes" or not dash or not (first + last).isdigit():
        return None
    if not first:
        return range(max(0, size - int(last)), size) if int(last) else range(0)
    stop = min(int(last) + 1, size) if last else size
    if last and int(last) < int(first):
        return None
    return range(int(first), stop) if int(first) < size else range(0)


def _matches(header: str, etag: str | None) -> bool:
    return header.strip() == "*" or etag in [one.strip() for one in header.split(",")]
