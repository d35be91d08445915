"""Seconds by name, added up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from job.clock import Clock


class Timer:
    """What the parts of one model's work took, in seconds by name."""

    def __init__(self, clock: Clock) -> None:
        self.seconds: dict[str, float] = {}
        self._clock = clock

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Adds what is inside to a name."""
        began = self._clock.monotonic()
        try:
            yield
        finally:
            self.add({name: self._clock.monotonic() - began})

    def add(self, seconds: Mapping[str, float]) -> None:
        """Adds what was measured elsewhere."""
        for name, value in seconds.items():
            self.seconds[name] = round(self.seconds.get(name, 0.0) + value, 4)
