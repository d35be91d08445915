"""The datasets that the plan needs: once each, of the right round, verified, and none that is
still the last round's.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import rmtree

from job.clock import Clock
from job.errors import NotReadyError, UnavailableError
from job.fetch import Fetched, WrongBytesError, fetch
from job.files import disk_errors, read_json, sha256_of, write_whole
from job.progress import progress_of
from job.retry import Retry
from job.tournament import Round, Tournament

log = logging.getLogger(__name__)

POLL_SECONDS = (2.0, 5.0, 10.0, 20.0)
"""Between questions after a file that is not there yet; the last one stays."""
COLUMNS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Dataset:
    """A verified file of the round, with its name at Numerai and its SHA-256."""

    filename: str
    path: Path
    sha256: str


class RoundData:
    """The files of one round, under `<data>/<tournament>/<round>/`. Safe to use from many threads.

    Args:
        stale: SHA-256 of the last round's live files by name; the same bytes again are not ready
            yet.
    """

    def __init__(
        self,
        numerai: Tournament,
        folder: Path,
        round_: Round,
        *,
        clock: Clock,
        retry: Retry,
        stale: Mapping[str, str],
    ) -> None:
        self.folder = folder
        self._numerai = numerai
        self._round = round_
        self._clock = clock
        self._retry = retry
        self._stale = stale
        self._tries: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self._files: dict[str, Future[Dataset]] = {}
        self._guard = threading.Lock()

    def get(self, filename: str) -> Dataset:
        """The file, fetched by the first caller while the others wait for it.

        Raises `NotReadyError` while it is not published, `UnavailableError` when it cannot
        be had.
        """
        with self._guard:
            future = self._files.get(filename)
            mine = future is None or self._is_to_be_asked_again(filename, future)
            if future is None or mine:
                future = self._files[filename] = Future()
        if mine:
            try:
                future.set_result(self._here_or_fetched(filename))
            except BaseException as error:  # noqa: BLE001 - the callers that wait must have it too
                self._postpone(filename, error)
                future.set_exception(error)
        return future.result()

    def _is_to_be_asked_again(self, filename: str, future: Future[Dataset]) -> bool:
        """Whether a file was not there yet, so long ago that it may be now."""
        if not future.done() or not isinstance(future.exception(), NotReadyError):
            return False
        return self._clock.monotonic() >= self._due[filename]

    def _postpone(self, filename: str, error: BaseException) -> None:
        if isinstance(error, NotReadyError):
            tries = self._tries[filename] = self._tries.get(filename, -1) + 1
            error.again_in = POLL_SECONDS[min(tries, len(POLL_SECONDS) - 1)]
            self._due[filename] = self._clock.monotonic() + error.again_in

    def begin(self, filename: str) -> None:
        """Has the file fetched while the caller goes on; what comes of it is told by `get`."""
        if filename not in self._files:
            threading.Thread(target=self._begun, args=(filename,), daemon=True).start()

    def _begun(self, filename: str) -> None:
        with suppress(Exception):  # whoever gets the file is told
            self.get(filename)

    def _here_or_fetched(self, filename: str) -> Dataset:
        return self.here(filename) or self._fetch(filename)

    def here(self, filename: str) -> Dataset | None:
        """The file as an earlier run left it, None unless its bytes are still those that were
        verified.
        """
        path = self.folder / filename
        note = read_json(_note(path))
        if not isinstance(note, dict) or not path.is_file():
            return None
        with disk_errors(f"cannot read {path}"):
            digest = sha256_of(path)
        return Dataset(filename, path, digest) if digest == note.get("sha256") else None

    def _fetch(self, filename: str) -> Dataset:
        source = self._numerai.dataset(self._round.tournament, self._round.number, filename)
        path = self.folder / filename
        with progress_of(filename) as progress:
            got = fetch(source, path, retry=self._retry, check=check_dataset, progress=progress)
        if self._stale.get(filename) == got.sha256:
            path.unlink(missing_ok=True)
            raise NotReadyError(
                f"{filename} of round {self._round.number} is not ready yet",
                "it is still byte for byte the file of the round before",
                hint="run again in a while, or let the job wait with --wait",
            )
        _remember(got)
        return Dataset(filename, path, got.sha256)


def live_ids(live: Dataset) -> list[str]:
    """The ids that Numerai wants predictions for, in file order."""
    from pyarrow import ArrowException
    from pyarrow import parquet as pq

    try:
        column = pq.read_table(live.path, columns=["id"]).column("id")
    except (ArrowException, KeyError, OSError) as error:
        raise UnavailableError(
            f"{live.filename} has no readable `id`", str(error).splitlines()[0]
        ) from error
    return [str(value) for value in column.to_pylist()]


def check_dataset(path: Path, proven: bool) -> None:
    """Raises `WrongBytesError` for a file that does not decode or names an id twice.

    Args:
        proven: a digest has shown that the bytes are those that were published: pages are not
            decoded.
    """
    if ".parquet" in path.suffixes:
        _check_parquet(path, pages=not proven)
    elif ".json" in path.suffixes:
        try:
            json.loads(path.read_bytes())
        except ValueError as error:
            raise WrongBytesError(f"{_shown(path)} is not JSON", str(error)) from error


def _check_parquet(path: Path, *, pages: bool) -> None:
    from pyarrow import ArrowException
    from pyarrow import parquet as pq

    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            names = file.schema_arrow.names
            ids = file.read(columns=["id"]).column("id") if "id" in names else None
            for first in range(0, len(names) if pages else 0, COLUMNS_AT_ONCE):
                file.read(columns=names[first : first + COLUMNS_AT_ONCE])
    except (ArrowException, OSError, ValueError) as error:
        raise WrongBytesError(
            f"{_shown(path)} does not decode", str(error).splitlines()[0]
        ) from error
    if ids is not None and len(ids.unique()) != len(ids):
        raise WrongBytesError(f"{_shown(path)} names an id twice")


def remove_old_rounds(folder: Path, *, current: int) -> None:
    """Removes the data of rounds before the last one from `<data>/<tournament>`."""
    with disk_errors(f"cannot clear old rounds from {folder}"):
        numbers = sorted(int(entry.name) for entry in folder.glob("*") if entry.name.isdigit())
        before = [number for number in numbers if number < current]
        for number in before[:-1]:
            log.info("removing the data of round %d", number)
            rmtree(folder / str(number))


def _shown(path: Path) -> str:
    return path.name.removeprefix(".").removesuffix(".part")


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _remember(got: Fetched) -> None:
    note = asdict(got) | {"path": got.path.name}
    write_whole(_note(got.path), json.dumps(note).encode())
