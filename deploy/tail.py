"""A text that is read again and again while it grows, shown once."""

from __future__ import annotations

from collections.abc import Iterator


class Tail:
    """Gives what is new in each reading. A reading may have lost its beginning, for only so many
    lines or bytes of a log are kept.
    """

    def __init__(self) -> None:
        self._shown: list[str] = []

    def new_lines(self, text: str, *, ended: bool = False) -> list[str]:
        """The lines that were not given before.

        Args:
            ended: whether nothing more will come; else a last line without its end waits.
        """
        lines = text.split("\n")
        last = lines.pop()
        if ended and last:
            lines.append(last)
        new = lines[self._overlap(lines) :]
        self._shown = lines or self._shown
        return new

    def _overlap(self, lines: list[str]) -> int:
        """How many of these lines were given before."""
        for start in self._starts(lines):
            common = self._shown[start:]
            if lines[: len(common)] == common:
                return len(common)
        return 0

    def _starts(self, lines: list[str]) -> Iterator[int]:
        """Where in what was given a reading may begin, the earliest first."""
        if lines:
            yield from (n for n, line in enumerate(self._shown) if line == lines[0])
