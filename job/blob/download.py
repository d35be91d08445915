"""One blob to one file: in ranges, several at once, all of the same version of the blob."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError

from job.blob.container import Container
from job.blob.errors import MISSING, code_of, status_of
from job.errors import TransientError, UnavailableError
from job.files import disk_errors
from job.store import Entry

log = logging.getLogger(__name__)

RANGE_BYTES: Final = 4 * 1024 * 1024
AT_ONCE: Final = 4
VERSIONS: Final = 5
"""So many versions of a blob are begun, before it is said that it changes all the time."""


class _ReplacedError(UnavailableError):
    """The blob is not the one any more whose first bytes were read."""


def download(
    container: Container, name: str, target: Path, *, range_bytes: int = RANGE_BYTES
) -> Entry | None:
    """Copies a blob to `target`, which appears only whole; None when there is no such blob.

    A blob that is replaced meanwhile is read again from the start.

    Raises `UnavailableError` when patience ends or the blob is replaced all the time.
    """
    part = target.with_name(f".{target.name}.part")
    with disk_errors(f"cannot write {target}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            for _ in range(VERSIONS):
                entry = container.find(name)
                if entry is None:
                    return None
                if _is_copied(container, name, entry, part, range_bytes):
                    part.replace(target)
                    return entry
                log.warning("%s was replaced while it was read: reading it again", name)
        finally:
            part.unlink(missing_ok=True)
    raise UnavailableError(
        f"cannot read {name} in {container}",
        f"it was replaced {VERSIONS} times while it was read",
        hint="what writes it all the time?",
    )


def _is_copied(container: Container, name: str, entry: Entry, part: Path, range_bytes: int) -> bool:
    """Copies one version; False when another has taken its place."""
    with part.open("wb") as file:
        file.truncate(entry.size)
        copy = _Copy(container, name, entry, file, range_bytes)
        starts = range(0, entry.size, range_bytes)
        try:
            if len(starts) > 1:
                with ThreadPoolExecutor(min(AT_ONCE, len(starts)), "blob") as pool:
                    list(pool.map(copy.copy_range, starts))
            elif starts:
                copy.copy_range(0)
        except _ReplacedError:
            return False
    return True


@dataclass(frozen=True, slots=True)
class _Copy:
    """One version of a blob on its way into a file."""

    container: Container
    name: str
    entry: Entry
    file: BinaryIO
    range_bytes: int
    writing: threading.Lock = field(default_factory=threading.Lock)

    def copy_range(self, start: int) -> None:
        """Brings one range into its place."""
        self.container.clock.check()
        data = self.container.ask(lambda: self._read(start), what=f"cannot read {self.name}")
        with self.writing:
            self.file.seek(start)
            self.file.write(data)

    def _read(self, start: int) -> bytes:
        length = min(self.range_bytes, self.entry.size - start)
        try:
            data: bytes = (
                self.container.blob(self.name)
                .download_blob(
                    offset=start,
                    length=length,
                    max_concurrency=1,
                    etag=self.entry.tag,
                    match_condition=MatchConditions.IfNotModified,
                )
                .readall()
            )
        except HttpResponseError as error:
            if status_of(error) in {412, 416} or code_of(error) in MISSING:
                raise _ReplacedError(f"{self.name} was replaced while it was read") from None
            raise
        if len(data) != length:
            raise TransientError(f"{self.container.place.host} sent {len(data):,} of {length:,} B")
        return data
