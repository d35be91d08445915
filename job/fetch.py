"""One download to a file: resumed when it breaks, begun again when its bytes are wrong, replaced
at once when right.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from job.errors import TransientError, UnavailableError
from job.files import disk_errors, sha256_of
from job.retry import Retry
from job.tournament import Body, Progress, Source

log = logging.getLogger(__name__)

Check = Callable[[Path, bool], None]
"""Looks at a complete file; told whether a digest has already proven its bytes. Raises
`WrongBytesError`.
"""

WRONG_BYTES_TRIES = 3


class WrongBytesError(TransientError):
    """A complete body that is not what it should be."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that is whole: its SHA-256, and its size in bytes."""

    path: Path
    sha256: str
    size: int


def fetch(
    source: Source,
    target: Path,
    *,
    retry: Retry,
    check: Check,
    progress: Progress,
) -> Fetched:
    """Downloads `source` to `target`, which appears only whole and verified.

    Verified are the length, the MD5 where the server tells it, and what `check` raises
    `WrongBytesError` for.
    Raises `UnavailableError` when patience ends, or when the bytes stay wrong.
    """
    part = target.with_name(f".{target.name}.part")
    with disk_errors(f"cannot write {target}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        download = _Download(source, part, check, progress)
        try:
            retry(download.attempt, what=f"{source.name} could not be downloaded")
            fetched = Fetched(target, sha256_of(part), part.stat().st_size)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return fetched


class _Download:
    """What one download knows between tries: the version that the bytes so far came from."""

    def __init__(self, source: Source, part: Path, check: Check, progress: Progress) -> None:
        self.source = source
        self.part = part
        self.check = check
        self.progress = progress
        self.etag: str | None = None
        self.wrong = 0
        part.unlink(missing_ok=True)

    def attempt(self) -> None:
        """One try; keeps what came, so that the next one goes on from there."""
        have = self.part.stat().st_size if self.part.exists() else 0
        if have and self.etag is None:
            have = 0  # nothing says that the rest would belong to the same version
        with self.source.open(offset=have, etag=self.etag) as body:
            self._receive(body, have)
            total, md5 = body.total, body.md5
        try:
            self._verify(total, md5)
        except WrongBytesError as error:
            self._discard(error)
            raise

    def _receive(self, body: Body, have: int) -> None:
        resumes = body.start == have and have > 0 and body.etag == self.etag
        if not resumes and body.start != 0:
            self._forget()
            raise TransientError(f"{self.source.name} changed while it was read")
        self.etag = body.etag
        with self.part.open("ab" if resumes else "wb") as file:
            self._copy(body, file, have if resumes else 0)

    def _copy(self, body: Body, file: BinaryIO, done: int) -> None:
        for chunk in body.chunks:
            file.write(chunk)
            done += len(chunk)
            self.progress(done, body.total)
        if body.total is not None and done < body.total:
            file.flush()
            raise TransientError(f"{self.source.name} ended after {done:,} of {body.total:,} bytes")

    def _verify(self, total: int | None, md5: str | None) -> None:
        size = self.part.stat().st_size
        if total is not None and size != total:
            raise WrongBytesError(f"{self.source.name} has {size:,} bytes instead of {total:,}")
        if md5 is not None and _md5(self.part) != md5:
            raise WrongBytesError(f"{self.source.name} came with wrong bytes (MD5)")
        self.check(self.part, md5 is not None)

    def _discard(self, error: WrongBytesError) -> None:
        self.wrong += 1
        self._forget()
        if self.wrong >= WRONG_BYTES_TRIES:
            raise UnavailableError(
                f"{self.source.name} arrived wrong {self.wrong} times",
                error.what,
                hint="the published file itself may be damaged; run again later",
            ) from error

    def _forget(self) -> None:
        self.etag = None
        self.part.unlink(missing_ok=True)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        # MD5 because that is what object stores publish: against accidents, not against attackers.
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
