"""JSON lines over two private pipes: one request, one reply; in between a model may ask back."""

from __future__ import annotations

import itertools
import json
import os
import queue
import signal
import threading
from collections.abc import Iterator
from typing import Any

CHUNK = 1 << 16

Message = dict[str, Any]


class Channel:
    """The worker's end of the conversation.

    A thread reads ahead, so that the parent's end is noticed while a model runs. All else is for
    the main thread.

    Args:
        requests: descriptor that requests are read from.
        replies: descriptor that replies are written to.
    """

    def __init__(self, *, requests: int, replies: int) -> None:
        self._replies = replies
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._questions = itertools.count()
        threading.Thread(target=self._read, args=(requests,), daemon=True).start()

    def requests(self) -> Iterator[Message]:
        """Requests as they come; never ends by itself. Answers that nobody awaits are skipped."""
        while True:
            message: Message = json.loads(self._lines.get())
            if "do" in message:
                yield message

    def ask(self, question: Message) -> Message:
        """The parent's answer to a question, while a request is carried out.

        They are numbered, because an alarm of the model's may break off the wait for one.
        """
        number = next(self._questions)
        self.reply({**question, "number": number})
        while True:
            answer: Message = json.loads(self._lines.get())
            if answer.get("number") == number:
                return answer

    def reply(self, message: Message) -> None:
        """Write one line. Raises OSError if the pipe is gone."""
        left = memoryview(json.dumps(message).encode() + b"\n")
        while left:
            left = left[os.write(self._replies, left) :]

    def _read(self, descriptor: int) -> None:
        rest = b""
        while chunk := _read_some(descriptor):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._lines.put(line)
        _leave()


def _read_some(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, CHUNK)
    except OSError:  # the model closed it
        return b""


def _leave() -> None:
    """End at once, together with what the model has started."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)
