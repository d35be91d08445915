"""What a fault does to a reply."""

from __future__ import annotations

from dataclasses import replace

from job.sandbox.faults import Fault, Kind
from job.sandbox.messages import Ending, Reply, xml_error

HTML = b"<html><head><title>Sorry</title></head><body>We'll be back soon.</body></html>"


def instead(fault: Fault) -> Reply | None:
    """The reply in place of any work; None when the work is to be done."""
    if fault.kind is Kind.STATUS:
        headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        return Reply(fault.status, fault.body, {"Content-Type": "text/plain", **headers})
    if fault.kind is Kind.HTML:
        return Reply(200, HTML, {"Content-Type": "text/html"})
    if fault.kind is Kind.RESET:
        return Reply(0, ending=Ending.RESET)
    if fault.kind is Kind.EXPIRED:
        return xml_error(403, "AccessDenied", "Request has expired")
    return None


def spoil(reply: Reply, fault: Fault) -> Reply:
    """What becomes of the reply after the work is done."""
    half = len(reply.body) // 2
    if fault.kind is Kind.LOST_REPLY:
        return Reply(0, ending=Ending.RESET)
    if fault.kind is Kind.STALL:
        return replace(reply, sent=half, ending=Ending.HANG)
    if fault.kind is Kind.TRUNCATE:
        return replace(reply, sent=half, ending=Ending.CLOSE, length=fault.content_length)
    if fault.kind is Kind.SLOW:
        return replace(reply, seconds=fault.seconds)
    if fault.kind is Kind.WRONG_BYTES:
        headers = {k: v for k, v in reply.headers.items() if fault.etag or k != "ETag"}
        return replace(reply, body=corrupted(reply.body), headers=headers)
    return reply


def corrupted(content: bytes) -> bytes:
    """The same length; some bytes in the middle are other ones."""
    middle = len(content) // 2
    changed = bytes(byte ^ 0xFF for byte in content[middle : middle + 16])
    return content[:middle] + changed + content[middle + len(changed) :]
