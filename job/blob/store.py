"""The adapter to Blob Storage: a `Store` of the blobs below a container's URL, and what `push`
asks of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError

from job.blob.account import STALL_SECONDS, open_container
from job.blob.container import Container, unless_missing
from job.blob.download import RANGE_BYTES, download
from job.blob.errors import CHANGED, MISSING, TAKEN, code_of
from job.blob.lease import Lease, LeaseTimes
from job.blob.upload import BLOCK_BYTES, Report, upload
from job.blob_url import BlobUrl
from job.clock import Clock
from job.errors import TransientError
from job.store import HOLDER, LOCK, Entry, Holder, holder_of, note_of_holder

PATIENCE = 60.0


def _unwatched(_: int, __: int | None) -> None:
    """For who does not watch."""


class Blob:
    """The blobs below a container's URL as a store. Safe to use from many threads.

    Raises, with all its methods, `UnavailableError` when patience ends, and `StoppedError` when it
    would have to wait while the run is to stop.
    """

    def __init__(
        self, container: Container, *, times: LeaseTimes, range_bytes: int, block_bytes: int
    ) -> None:
        self._container = container
        self._lease = Lease(container, LOCK, times)
        self._range_bytes, self._block_bytes = range_bytes, block_bytes

    @classmethod
    def open(
        cls,
        url: BlobUrl,
        *,
        environ: Mapping[str, str],
        clock: Clock,
        retry_patience: float = PATIENCE,
        stall: float = STALL_SECONDS,
        lease: LeaseTimes | None = None,
        range_bytes: int = RANGE_BYTES,
        block_bytes: int = BLOCK_BYTES,
    ) -> Blob:
        """The place that the URL names; nothing is sent yet.

        Args:
            environ: where a connection string and the identity's variables are looked for.
            retry_patience: seconds for what waiting can mend; an identity's endpoint gets 90, the
                role of an identity 300.
            stall: seconds without a byte after which a request counts as dead.

        Raises:
            UsageError: the connection string is wrong, or a token would go over plain http.
        """
        client, place = open_container(url, environ, stall=stall)
        container = Container(client, place, clock, retry_patience)
        times = lease or LeaseTimes()
        return cls(container, times=times, range_bytes=range_bytes, block_bytes=block_bytes)

    @property
    def shown(self) -> str:
        """The URL, without a SAS."""
        return str(self._container)

    def read(self, name: str) -> bytes | None:
        """A blob's bytes, None when there is no such blob."""
        found = self.read_tagged(name)
        return None if found is None else found[0]

    def read_tagged(self, name: str) -> tuple[bytes, str] | None:
        """A blob's bytes and its ETag, None when there is no such blob."""
        blob = self._container.blob(name)

        def read() -> tuple[bytes, str]:
            try:
                stream = blob.download_blob()
                return stream.readall(), str(stream.properties.etag)
            except HttpResponseError as error:
                if code_of(error) == CHANGED:
                    raise TransientError(f"{name} was replaced while it was read") from None
                raise

        return self._container.ask(lambda: unless_missing(read), what=f"cannot read {name}")

    def write(self, name: str, data: bytes) -> None:
        """Puts a blob in place, whole or not at all."""
        blob = self._container.blob(name)
        self._container.ask(
            lambda: blob.upload_blob(data, length=len(data), overwrite=True),
            what=f"cannot write {name}",
            writes=True,
        )

    def exchange(self, name: str, data: bytes, tag: str | None) -> bool:
        """Puts a blob in place of the one with that ETag, or with None where there is none; False
        when there is another by now, which after a lost reply may be this very one.
        """
        blob = self._container.blob(name)
        only: dict[str, Any] = {"overwrite": False}
        if tag is not None:
            only = {
                "overwrite": True,
                "etag": tag,
                "match_condition": MatchConditions.IfNotModified,
            }

        def write() -> bool:
            try:
                blob.upload_blob(data, length=len(data), **only)
            except HttpResponseError as error:
                if code_of(error) in TAKEN | MISSING:
                    return False
                raise
            return True

        return self._container.ask(write, what=f"cannot write {name}", writes=True)

    def names(self, suffix: str, *, under: str = "") -> list[str]:
        """The names with that ending directly in the root, or in the folder `under` of it, in
        order of name; each begins with `under`.
        """
        prefix = self._container.place.url.prefix
        found = self._container.ask(
            lambda: [
                blob.name.removeprefix(prefix)
                for blob in self._container.client.walk_blobs(name_starts_with=prefix + under)
                if not blob.name.endswith("/")  # a folder
            ],
            what=f"cannot list {under or 'what is there'}",
        )
        return sorted(name for name in found if name.endswith(suffix))

    def find(self, name: str) -> Entry | None:
        """What is known of a blob, None when there is no such blob."""
        return self._container.find(name)

    def fetch(self, name: str, target: Path) -> Entry | None:
        """Copies a blob to the local `target`, whole or not at all; None when there is none. One
        that is replaced meanwhile is read again from the start.
        """
        return download(self._container, name, target, range_bytes=self._range_bytes)

    def upload(self, name: str, source: Path, *, sha256: str, report: Report = _unwatched) -> None:
        """Makes a blob of a local file, whole or not at all; one that is there is left as it is.

        Args:
            sha256: the digest that the file's bytes have to have.
            report: told of the bytes that are there, and of those that are to be.

        Raises `ModelError` when the file's bytes have another digest.
        """
        upload(
            self._container,
            name,
            source,
            sha256=sha256,
            report=report,
            block_bytes=self._block_bytes,
        )

    def delete(self, name: str) -> None:
        """Removes a blob, if there is one."""
        blob = self._container.blob(name)
        self._container.ask(
            lambda: unless_missing(lambda: blob.delete_blob(delete_snapshots="include")),
            what=f"cannot remove {name}",
            writes=True,
        )

    def check_lock(self) -> None:
        """Raises `StoppedError` when the lock that this process held is its own no longer."""
        self._lease.check()

    @contextmanager
    def lock(self, since: str) -> Iterator[Holder | None]:
        """Holds the lock, which lapses within a minute when this process dies; waits so long for
        one that is in the way. Losing it stops the clock.

        Args:
            since: when this run began, for whoever finds the lock held.
        """
        with self._lease.held(lambda: holder_of(self.read(HOLDER))) as other:
            if other is None:
                self.write(HOLDER, note_of_holder(since))
            yield other
