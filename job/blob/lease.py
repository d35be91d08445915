"""The lock of a place in Blob Storage: a lease on a blob, renewed as long as it is held.

A lease lapses by itself when its holder dies, but not at once: a lock that is in the way may be a
dead predecessor's, and is waited for until it would have lapsed. And a holder can lose it while it
lives, when it cannot renew it in time: then the run is stopped before its next upload, for by then
another may have begun.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from shlex import quote
from typing import Final

from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobLeaseClient

from job.blob.container import Container, unless_missing
from job.blob.errors import MISSING, TAKEN, code_of, translated
from job.blob_url import BlobUrl
from job.errors import Exit, JobError, StoppedError, TransientError
from job.store import Holder

log = logging.getLogger(__name__)

HELD: Final = "LeaseAlreadyPresent"
LEASED: Final = {"LeaseIdMissing", HELD}
ANSWER_SECONDS: Final = 10
HURRY_SECONDS: Final = 0.4
"""A run that is told to stop has ten seconds in all; a lease that is not given back lapses."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds: how long the service keeps a lease that is not renewed (15 to 60), how long a lock
    in the way is waited for, how often it is tried meanwhile, and how often a lease is renewed.
    """

    lasts: int = 60
    wait: float = 75.0
    retry: float = 5.0
    renewal: float = 15.0


class Lease:
    """A lock on the blob `name`. One object can be held once at a time."""

    def __init__(self, container: Container, name: str, times: LeaseTimes) -> None:
        self._container, self._name, self._times = container, name, times
        self._what = f"cannot lock {container}"
        self._let_go = threading.Event()
        self._lost: StoppedError | None = None
        self._renewed = 0.0

    def check(self) -> None:
        """Raises `StoppedError` when the lease was lost, or may have been."""
        self._expire()
        if self._lost is not None:
            raise StoppedError(self._lost.what, self._lost.exit_code)

    @contextmanager
    def held(self, holder: Callable[[], Holder]) -> Iterator[Holder | None]:
        """Holds the lock inside: None, or who holds it already.

        Args:
            holder: asks who holds it; for the log and for who gave up.

        Raises:
            UnavailableError: the place cannot be reached or written.
            StoppedError: the run was stopped while it waited.
        """
        # An id of our own: when the answer is lost, the same request succeeds again.
        lease = BlobLeaseClient(self._container.blob(self._name), lease_id=str(uuid.uuid4()))
        other = self._acquire(lease, holder)
        if other is not None:
            yield other
            return
        self._let_go.clear()
        thread = threading.Thread(target=self._keep, args=(lease,), name="lease", daemon=True)
        thread.start()
        try:
            yield None
        finally:
            self._let_go.set()
            stopping = self._container.clock.stopping is not None
            seconds = HURRY_SECONDS if stopping else ANSWER_SECONDS
            thread.join(seconds)
            self._release(lease, seconds)

    def _acquire(self, lease: BlobLeaseClient, holder: Callable[[], Holder]) -> Holder | None:
        """Takes the lease, if need be when that of a dead holder has lapsed; else who holds it."""
        clock = self._container.clock
        until = clock.monotonic() + self._times.wait
        told = False
        while not self._is_acquired(lease):
            left = until - clock.monotonic()
            if left <= 0:
                return self._described(holder())
            if not told:
                log.warning(
                    "%s holds the lock of %s; if it is dead, its lock lapses within %.0f s",
                    holder().text,
                    self._container,
                    self._times.wait,
                )
                told = True
            clock.sleep(min(self._times.retry, left))
        return None

    def _described(self, holder: Holder) -> Holder:
        """The same, with what the service tells of the lease, and how to break it."""
        blob, url = self._container.blob(self._name), self._container.place.url
        found = self._container.ask(
            lambda: unless_missing(blob.get_blob_properties), what=f"cannot read {self._name}"
        )
        return replace(
            holder,
            endless=found is not None and found.lease.duration == "infinite",
            how_to_end=how_to_break(url, self._name),
        )

    def _is_acquired(self, lease: BlobLeaseClient) -> bool:
        return self._container.ask(
            lambda: self._try_to_acquire(lease), what="cannot take the lock", writes=True
        )

    def _try_to_acquire(self, lease: BlobLeaseClient) -> bool:
        asked = _seconds()
        try:
            self._ask_for(lease)
        except HttpResponseError as error:
            if code_of(error) != HELD:
                raise
            return False
        self._renewed, self._lost = asked, None
        return True

    def _ask_for(self, lease: BlobLeaseClient) -> None:
        try:
            lease.acquire(lease_duration=self._times.lasts, read_timeout=ANSWER_SECONDS)
        except HttpResponseError as error:
            if code_of(error) not in MISSING:
                raise
            self._make()
            lease.acquire(lease_duration=self._times.lasts, read_timeout=ANSWER_SECONDS)

    def _make(self) -> None:
        """Makes the blob that is leased; it is empty."""
        try:
            self._container.blob(self._name).upload_blob(b"", overwrite=False)
        except HttpResponseError as error:
            if code_of(error) not in TAKEN | LEASED:
                raise

    def _keep(self, lease: BlobLeaseClient) -> None:
        """Renews the lease until it is let go or lost.

        It goes by real time, and goes on while the run is stopping: the service does too.
        """
        pause = self._times.renewal
        while not self._let_go.wait(pause) and self._lost is None:
            asked = _seconds()
            try:
                with translated(self._what, self._container.place, writes=True):
                    lease.renew(read_timeout=ANSWER_SECONDS)
            except TransientError as error:
                log.warning("the lock of %s was not renewed: %s", self._container, error)
                pause = self._times.renewal / 5
                self._expire()
            except JobError as error:
                self._lose(str(error))
            else:
                self._renewed, pause = asked, self._times.renewal

    def _expire(self) -> None:
        """Counts the lease as lost when nothing proves that it has not lapsed."""
        age = _seconds() - self._renewed
        if self._renewed and age > self._times.lasts:
            self._lose(f"it was not renewed for {age:.0f} s")

    def _lose(self, why: str) -> None:
        if self._lost is not None or self._let_go.is_set():
            return
        log.error("the lock of %s is lost: %s", self._container, why)
        self._lost = StoppedError(
            f"the lock of {self._container} was lost: another run may have begun", Exit.UNAVAILABLE
        )
        self._container.clock.stop(self._lost)

    def _release(self, lease: BlobLeaseClient, seconds: float) -> None:
        self._renewed = 0.0
        if self._lost is not None:
            return
        try:
            with translated(self._what, self._container.place, writes=True):
                lease.release(connection_timeout=seconds, read_timeout=seconds)
        except JobError as error:
            log.warning("the lock of %s lapses by itself: %s", self._container, error)


def how_to_break(url: BlobUrl, name: str) -> str:
    """The command that takes the lease of a blob below that URL from who has it."""
    host, _, path = url.account.partition("://")[2].partition("/")
    account = path or host.partition(".")[0]
    return (
        "if no run goes on there, break its lease: az storage blob lease break --auth-mode login "
        f"--account-name {account} -c {quote(url.container)} -b {quote(url.name(name))}"
    )


def _seconds() -> float:
    """Seconds on a scale that goes on while the machine sleeps, where there is one."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
