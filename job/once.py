"""What is had once for all who ask, and asked for again only a while after it was not ready."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Generic, TypeVar

from job.clock import Clock
from job.errors import NotReadyError

T = TypeVar("T")

POLL_SECONDS = (2.0, 5.0, 10.0, 20.0)
"""Between questions after a thing that is not there yet; the last one stays."""


class Once(Generic[T]):
    """Things by name, each had by the first caller while the others wait for it. Safe to use from
    many threads.

    A failure is told to all who ask; only a `NotReadyError` passes, after its `again_in` seconds.

    Args:
        wait_until: monotonic moment at which whoever waits asks a last time: it passes by then.
    """

    def __init__(self, clock: Clock, *, wait_until: float = math.inf) -> None:
        self._clock = clock
        self._wait_until = wait_until
        self._tries: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self._had: dict[str, Future[T]] = {}
        self._guard = threading.Lock()

    def get(self, name: str, have: Callable[[], T]) -> T:
        """The thing of that name; `have` gets it if nobody has, and raises what all are told."""
        with self._guard:
            future = self._had.get(name)
            mine = future is None or self._is_due_again(name, future)
            if future is None or mine:
                future = self._had[name] = Future()
        if mine:
            try:
                future.set_result(have())
            except BaseException as error:  # noqa: BLE001 - the callers that wait must have it too
                self._postpone(name, error)
                future.set_exception(error)
        return future.result()

    def begin(self, name: str, get: Callable[[], object]) -> None:
        """Has `get` called in a thread, unless somebody has asked for the thing of that name."""
        if name not in self._had:
            threading.Thread(target=_quietly, args=(get,), daemon=True).start()

    def _is_due_again(self, name: str, future: Future[T]) -> bool:
        """Whether a thing was not there yet, so long ago that it may be now."""
        if not future.done() or not isinstance(future.exception(), NotReadyError):
            return False
        return self._clock.monotonic() >= self._due[name]

    def _postpone(self, name: str, error: BaseException) -> None:
        if isinstance(error, NotReadyError):
            tries = self._tries[name] = self._tries.get(name, -1) + 1
            now = self._clock.monotonic()
            due = now + POLL_SECONDS[min(tries, len(POLL_SECONDS) - 1)]
            if now < self._wait_until:
                due = min(due, self._wait_until)
            self._due[name], error.again_in = due, due - now


def _quietly(get: Callable[[], object]) -> None:
    with suppress(Exception):  # whoever asks for the thing is told
        get()
