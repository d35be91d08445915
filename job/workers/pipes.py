"""The parent's ends of a model process's pipes: requests, replies, and what it prints."""

from __future__ import annotations

import os
import select
from contextlib import suppress

REPLY_LIMIT = 1 << 20
TAIL = 1 << 15
CHUNK = 1 << 16


class Pipes:
    """Three pipes, none of which ever blocks, whatever the model does with its ends.

    Attributes:
        child_ends: the process's descriptors: requests, replies, output. The caller closes them
            by `close_child_ends` once the process has its own.
        open: False once the process has closed its end of the replies.
    """

    def __init__(self) -> None:
        requests, self._requests = os.pipe()
        self._replies, replies = os.pipe()
        self._output, output = os.pipe()
        self.child_ends = (requests, replies, output)
        self.open = True
        self._output_open = True
        self._received = bytearray()
        self._unsent = b""
        self._tail = b""
        for descriptor in (self._requests, self._replies, self._output):
            os.set_blocking(descriptor, False)

    def close_child_ends(self) -> None:
        """Leave the process as the only holder of its ends, so that its end is noticed."""
        for descriptor in self.child_ends:
            os.close(descriptor)

    def close(self) -> None:
        """Close the parent's ends."""
        for descriptor in (self._requests, self._replies, self._output):
            os.close(descriptor)

    def send(self, line: bytes) -> None:
        """Queue a line; `step` writes it."""
        self._unsent += line

    def forget_output(self) -> None:
        """Leave what was printed up to now out of `tail`."""
        self._read_output()
        self._tail = b""

    def line(self) -> bytes | None:
        """The next reply if it is complete. Raises ValueError if it is longer than 1 MiB."""
        if len(self._received) > REPLY_LIMIT:
            raise ValueError("the process sent a reply of more than 1 MiB")
        end = self._received.find(b"\n")
        if end < 0:
            return None
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def tail(self) -> str:
        """The last 32 KB printed since the last `forget_output`."""
        self._read_output()
        return self._tail.decode("utf-8", "replace")

    def step(self, seconds: float) -> None:
        """Wait at most `seconds` for something to do on any pipe, and do it."""
        poll = select.poll()
        poll.register(self._replies, select.POLLIN)
        if self._output_open:
            poll.register(self._output, select.POLLIN)
        if self._unsent:
            poll.register(self._requests, select.POLLOUT)
        ready = {descriptor for descriptor, _ in poll.poll(max(0.0, seconds) * 1000)}
        if self._requests in ready:
            self._write()
        if self._output in ready:
            self._read_output(at_most=16)
        if self._replies in ready:
            self._read_replies()

    def _write(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._requests, self._unsent) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._unsent, self.open = b"", False

    def _read_replies(self) -> None:
        chunk = _read(self._replies)
        if chunk:
            self._received += chunk
        elif chunk is not None:
            self.open = False

    def _read_output(self, at_most: int = 1024) -> None:
        """Bounded, so that a model that prints for ever is still watched."""
        for _ in range(at_most):
            chunk = _read(self._output) if self._output_open else None
            if chunk is None:
                return
            self._output_open = bool(chunk)
            self._tail = (self._tail + chunk)[-TAIL:]


def _read(descriptor: int) -> bytes | None:
    """What is there; b"" at the end, None if nothing is there yet."""
    with suppress(BlockingIOError):
        return os.read(descriptor, CHUNK)
    return None
