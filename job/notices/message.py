"""A message as it goes to a phone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Message:
    """What is told: a title of one line, a few lines of text, and whether it is good news."""

    title: str
    body: str
    kind: Literal["failure", "success"]

    def redacted(self, redact: Callable[[str], str]) -> Message:
        """The same without secrets."""
        return Message(redact(self.title), redact(self.body), self.kind)
