"""The object store: live data by tournament, round and name, and the uploaded files."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from enum import StrEnum

from job.sandbox.messages import Incoming, Reply, xml_error
from job.sandbox.presign import Signer
from job.sandbox.ranges import serve
from job.sandbox.rounds import CLASSIC, Rounds
from job.sandbox.synthetic import Shape, Source, datasets

UPLOADS = "/uploads/"


class ETags(StrEnum):
    """What the store's ETag is made of."""

    MD5 = "md5"
    MULTIPART = "multipart"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Key:
    """Names one object."""

    tournament: int
    round: int
    filename: str

    @property
    def path(self) -> str:
        """The path of its URL."""
        return f"/objects/{self.tournament}/{self.round}/{self.filename}"


def parse_key(path: str) -> Key | None:
    """The reverse of `Key.path`."""
    parts = path.split("/", 4)
    if len(parts) != 5 or not (parts[2].isdigit() and parts[3].isdigit()):
        return None
    return Key(int(parts[2]), int(parts[3]), parts[4])


@dataclass(frozen=True, slots=True)
class Stored:
    """An object's bytes with the MD5 that belongs to them, and what they were made from.

    `source` is None for bytes that somebody put there: no change of a round replaces them.
    """

    content: bytes
    md5: str
    source: Source | None = None


class Objects:
    """Contents are built at first use and kept. Thread-safe."""

    def __init__(
        self, *, rounds: Rounds, shape: Shape, seed: int, versions: tuple[str, ...], signer: Signer
    ) -> None:
        self.etags = ETags.MD5
        self.crypto_live = "live_universe.parquet"
        """What Crypto's universe is called; sources differ, and `live.parquet` is the other."""
        self.signer = signer
        self.base = ""
        self.uploads: dict[str, bytes] = {}
        self._rounds = rounds
        self._shape, self._seed, self._versions = shape, seed, versions
        self._lock = threading.RLock()
        self._contents: dict[Key, Stored] = {}
        self._withheld: set[tuple[int, str]] = set()

    def source(self, tournament: int, round_: int) -> Source:
        """What the live data of a round are made from."""
        known = self._rounds.get(tournament, round_)
        return Source(
            seed=self._seed,
            tournament=tournament,
            round=round_,
            shape=self._shape,
            versions=self._versions,
            day=known.data_day if known and tournament != CLASSIC else None,
            crypto_live=self.crypto_live,
        )

    def names(self, tournament: int, round_: int) -> list[str]:
        """Files of a round, withheld ones left out."""
        with self._lock:
            made = set(datasets(self.source(tournament, round_)))
            put = [key for key, stored in self._contents.items() if stored.source is None]
            names = made | {
                k.filename for k in put if (k.tournament, k.round) == (tournament, round_)
            }
            return sorted(n for n in names if (tournament, n) not in self._withheld)

    def content(
        self, filename: str, *, tournament: int = CLASSIC, round: int | None = None
    ) -> bytes:
        """The bytes of a file of a round (by default the newest open one).

        Raises:
            LookupError: there is no such file.
        """
        return self._stored(self._key(filename, tournament, round)).content

    def replace(
        self, filename: str, content: bytes, *, tournament: int = CLASSIC, round: int | None = None
    ) -> None:
        """Puts other bytes in a file's place, or adds one. Replies under way keep the old."""
        key = self._key(filename, tournament, round)
        with self._lock:
            self._contents[key] = Stored(content, _md5(content))

    def make_stale(
        self, filename: str, *, tournament: int = CLASSIC, round: int | None = None
    ) -> None:
        """Gives a round (by default the newest open one) the file of the round before it.

        Raises:
            LookupError: there is no round before it, or no such file.
        """
        key = self._key(filename, tournament, round)
        stale = self._rounds.get(tournament, key.round)
        before = stale and self._rounds.before(stale)
        if before is None:
            raise LookupError("there is no earlier round to take the file from")
        old = self.content(filename, tournament=tournament, round=before.number)
        self.replace(filename, old, tournament=tournament, round=key.round)

    def restore(
        self, filename: str, *, tournament: int = CLASSIC, round: int | None = None
    ) -> None:
        """Undoes `replace`, `make_stale` and `withhold`."""
        key = self._key(filename, tournament, round)
        with self._lock:
            self._contents.pop(key, None)
            self._withheld.discard((tournament, filename))

    def withhold(self, filename: str, *, tournament: int = CLASSIC) -> None:
        """The file is not there yet: neither listed nor to be had, until `restore`."""
        with self._lock:
            self._withheld.add((tournament, filename))

    def dataset_url(self, filename: str, tournament: int, round_: int) -> str:
        """A presigned URL.

        Raises:
            LookupError: the round has no such file, or it is withheld.
        """
        if filename not in self.names(tournament, round_):
            raise LookupError(f"dataset {filename} not found")
        return self.signer.url(self.base, "GET", Key(tournament, round_, filename).path)

    def upload_url(self, filename: str) -> str:
        """A presigned URL that takes one PUT, or several of which the last counts."""
        return self.signer.url(self.base, "PUT", f"{UPLOADS}{filename}")

    def download_url(self, filename: str) -> str:
        """A presigned URL that gives an uploaded file back."""
        return self.signer.url(self.base, "GET", f"{UPLOADS}{filename}")

    def etag(self, stored: Stored) -> str | None:
        """The ETag with its quotes; None when the store gives none."""
        styles = {ETags.MD5: f'"{stored.md5}"', ETags.MULTIPART: f'"{stored.md5}-2"'}
        return styles.get(self.etags)

    def put(self, request: Incoming, content: bytes) -> Reply:
        """Stores an uploaded file: 200, or 403 when the URL is not good for it."""
        refusal = self.signer.refusal("PUT", request.path, request.query)
        if refusal:
            return xml_error(403, *refusal)
        self.uploads[request.path.removeprefix(UPLOADS)] = content
        return Reply(200, b"", {"ETag": f'"{_md5(content)}"'})

    def get(self, request: Incoming) -> Reply:
        """Serves a file, or the range of it that was asked for."""
        refusal = self.signer.refusal(request.method, request.path, request.query)
        if refusal:
            return xml_error(403, *refusal)
        stored = self._at(request.path)
        if stored is None:
            return xml_error(404, "NoSuchKey", "The specified key does not exist.")
        return serve(stored.content, self.etag(stored), request.headers)

    def _at(self, path: str) -> Stored | None:
        """What a path leads to: an uploaded file, or a dataset."""
        content = self.uploads.get(path.removeprefix(UPLOADS))
        if content is not None:
            return Stored(content, _md5(content))
        key = parse_key(path)
        try:
            return self._stored(key) if key else None
        except LookupError:
            return None

    def _stored(self, key: Key) -> Stored:
        """What is kept, unless its round was changed since it was made."""
        source = self.source(key.tournament, key.round)
        with self._lock:
            kept = self._contents.get(key)
            if kept is not None and kept.source in (None, source):
                return kept
            build = datasets(source).get(key.filename)
            if build is None:
                raise LookupError(f"no dataset {key.filename}")
            content = build()
            self._contents[key] = Stored(content, _md5(content), source)
            return self._contents[key]

    def _key(self, filename: str, tournament: int, round_: int | None) -> Key:
        opened = self._rounds.latest_opened(tournament) or self._rounds.newest(tournament)
        return Key(tournament, opened.number if round_ is None else round_, filename)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
