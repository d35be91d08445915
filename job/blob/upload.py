"""One file to one blob: in blocks, several at once, committed when all are there and the bytes are
proven to be the right ones.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobBlock, ContentSettings

from job.blob.container import Container, unless_missing
from job.blob.errors import TAKEN, code_of
from job.errors import ModelError, UnavailableError
from job.files import disk_errors

BLOCK_BYTES: Final = 8 * 1024 * 1024
AT_ONCE: Final = 4
MOST_BLOCKS: Final = 50_000
BEGINNINGS: Final = 3
Report = Callable[[int, int | None], None]


class _BlocksGoneError(UnavailableError):
    """The service does not have all the blocks that were sent."""


def upload(
    container: Container,
    name: str,
    source: Path,
    *,
    sha256: str,
    report: Report,
    block_bytes: int = BLOCK_BYTES,
) -> None:
    """Makes a blob of a file's bytes, whole or not at all; one that is there is left as it is.

    Blocks that an upload left there when it was cut are not sent again.

    Raises:
        ModelError: the file's bytes have another SHA-256 than `sha256`.
        UnavailableError: the file cannot be read, or patience ends.
    """
    for _ in range(BEGINNINGS):
        file = _File(container, name, source, report, max(block_bytes, _least_block(source)))
        try:
            return file.send(sha256)
        except _BlocksGoneError as error:
            gone = error  # another upload has committed them, or they were a week old
    raise gone


def _least_block(source: Path) -> int:
    with disk_errors(f"cannot read {source}"):
        return -(-source.stat().st_size // MOST_BLOCKS)


@dataclass(frozen=True, slots=True)
class _Block:
    """Some of a file's bytes, and what the service is to call them."""

    id: str
    data: bytes


class _File:
    """One try to send a file."""

    def __init__(
        self, container: Container, name: str, source: Path, report: Report, block_bytes: int
    ) -> None:
        self._container, self._name, self._source = container, name, source
        self._report, self._block_bytes = report, block_bytes
        self._blob = container.blob(name)
        self._what = f"cannot write {name}"
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._total = 0

    def send(self, sha256: str) -> None:
        """Sends what is lacking, and commits if the digest is right."""
        with disk_errors(f"cannot read {self._source}"):
            self._total = self._source.stat().st_size
        if self._total <= self._block_bytes:
            data = b"".join(block.data for block in self._blocks())
            self._check(sha256)
            self._unless_taken(lambda: self._put(data))
        elif not self._container.find(self._name):
            ids = self._stage_all()
            self._check(sha256)
            self._unless_taken(lambda: self._commit(ids))
        self._report(self._total, self._total)

    def _blocks(self) -> Iterator[_Block]:
        """The file's bytes, hashed as they pass."""
        with disk_errors(f"cannot read {self._source}"), self._source.open("rb") as file:
            index = 0
            while data := file.read(self._block_bytes):
                self._sha256.update(data)
                self._md5.update(data)
                # 64 characters, which is the longest. Without the place in the file, two equal
                # blocks of it would have one name.
                yield _Block(f"{index:06d}-{hashlib.sha256(data).hexdigest()[:57]}", data)
                index += 1

    def _check(self, sha256: str) -> None:
        if self._sha256.hexdigest() != sha256:
            raise ModelError(
                f"{self._source} changed while it was uploaded",
                f"its SHA-256 is {self._sha256.hexdigest()} and was {sha256}",
                hint="nothing was put in its place; run again when it is complete",
            )

    def _stage_all(self) -> list[str]:
        """Sends the blocks that the service does not hold; gives the names of all."""
        held = self._held()
        ids: list[str] = []
        done = 0
        waiting: deque[tuple[Future[None], int]] = deque()
        with ThreadPoolExecutor(AT_ONCE, "blob") as pool:
            try:
                for block in self._blocks():
                    ids.append(block.id)
                    if block.id in held:
                        done += len(block.data)
                        continue
                    waiting.append((pool.submit(self._stage, block), len(block.data)))
                    del block  # the pool holds no more than it works on
                    while len(waiting) > AT_ONCE:
                        done += _ended(*waiting.popleft())
                        self._report(done, self._total)
                while waiting:
                    done += _ended(*waiting.popleft())
                    self._report(done, self._total)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        return ids

    def _held(self) -> set[str]:
        """The blocks that a former try has left."""
        lists = self._container.ask(
            lambda: unless_missing(lambda: self._blob.get_block_list("uncommitted")),
            what=self._what,
            writes=True,
        )
        return {block.id for block in lists[1]} if lists else set()

    def _stage(self, block: _Block) -> None:
        self._container.clock.check()
        self._container.ask(
            lambda: self._blob.stage_block(
                block.id, block.data, length=len(block.data), validate_content=True
            ),
            what=self._what,
            writes=True,
        )

    def _put(self, data: bytes) -> None:
        self._blob.upload_blob(
            data,
            length=len(data),
            overwrite=False,
            validate_content=True,
            content_settings=self._settings(),
        )

    def _commit(self, ids: list[str]) -> None:
        try:
            self._blob.commit_block_list(
                [BlobBlock(one) for one in ids],
                match_condition=MatchConditions.IfMissing,
                content_settings=self._settings(),
            )
        except HttpResponseError as error:
            if code_of(error) == "InvalidBlockList":
                raise _BlocksGoneError(
                    f"{self._what} in {self._container}",
                    "the blocks that were sent are not there any more",
                    hint="does another upload of the same file go on?",
                ) from None
            raise

    def _settings(self) -> ContentSettings:
        # A blob that is made of blocks has no MD5 unless it is given one.
        return ContentSettings(content_md5=bytearray(self._md5.digest()))

    def _unless_taken(self, operation: Callable[[], None]) -> None:
        """Runs what puts the blob in place; what is there already has the same bytes, since its
        name says so, or is our own after a reply was lost.
        """

        def attempt() -> None:
            try:
                operation()
            except HttpResponseError as error:
                if code_of(error) not in TAKEN:
                    raise

        self._container.ask(attempt, what=self._what, writes=True)


def _ended(future: Future[None], size: int) -> int:
    future.result()
    return size
