"""A container as the rest of this package asks it: every request with patience, every error in the
job's words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient, ContainerClient
from tenacity import RetryCallState, wait_exponential, wait_random

from job.blob.account import Place
from job.blob.errors import MISSING, code_of, translated
from job.clock import Clock
from job.errors import JobError
from job.retry import FIRST_WAIT, Retry
from job.store import Entry

T = TypeVar("T")

LONGEST_WAIT = 5.0
"""Seconds between two tries: an endpoint or a role that has come up is not to be slept past."""
_growing = wait_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT)
_differing = wait_random(0, FIRST_WAIT)


def _backoff(state: RetryCallState) -> float:
    return _growing(state) + _differing(state)


@dataclass(frozen=True, slots=True)
class Container:
    """Names in it are those below the place's prefix. Safe to use from many threads."""

    client: ContainerClient
    place: Place
    clock: Clock
    patience: float

    def __str__(self) -> str:
        return str(self.place)

    def blob(self, name: str) -> BlobClient:
        """A client for one blob; nothing is sent."""
        return self.client.get_blob_client(self.place.url.name(name))

    def ask(self, operation: Callable[[], T], *, what: str, writes: bool = False) -> T:
        """Runs `operation`, again and again while waiting can help.

        Args:
            what: what cannot be done, should it fail; the place is added.
            writes: whether it takes the right to write.

        Raises:
            UnavailableError: it did not succeed.
            StoppedError: the run is to stop, and this would have had to wait.
        """
        what = f"{what} in {self}"
        retry = Retry(self.clock, self.patience, backoff=_backoff)
        return retry(lambda: self.once(operation, what=what, writes=writes), what=what)

    def once(self, operation: Callable[[], T], *, what: str, writes: bool = False) -> T:
        """Runs `operation` once; raises `TransientError` where another try may succeed."""
        was_stopping = self.clock.stopping is not None
        try:
            with translated(what, self.place, writes=writes):
                return operation()
        except JobError:
            # The SDK may have taken an order to stop, raised inside it, for an error of its own.
            if not was_stopping:
                self.clock.check()
            raise

    def find(self, name: str) -> Entry | None:
        """What is known of a blob, None when there is none."""
        blob = self.blob(name)
        found = self.ask(
            lambda: unless_missing(blob.get_blob_properties), what=f"cannot read {name}"
        )
        return None if found is None else entry_of(found)


def entry_of(properties: Any) -> Entry:
    """What is known of a blob by its properties; the tag is its ETag."""
    return Entry(properties.size, properties.last_modified, str(properties.etag))


def unless_missing(operation: Callable[[], T]) -> T | None:
    """What `operation` gives, None where there definitely is no such blob."""
    try:
        return operation()
    except HttpResponseError as error:
        if code_of(error) in MISSING:
            return None
        raise
