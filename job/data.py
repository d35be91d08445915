"""The datasets that the plan needs: once each, of the right round, verified, and none that is
still the last round's.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from shutil import rmtree

from job.clock import Clock
from job.errors import NotReadyError
from job.fetch import Fetched, fetch
from job.files import disk_errors, read_json, sha256_of, write_whole
from job.listing import Listing
from job.once import Once
from job.progress import progress_of
from job.published import check_dataset, read_days, read_names, read_numbers
from job.retry import Retry
from job.tournament import Round, Tournament
from job.universe import KEYS, check_day, is_universe, live_candidates

log = logging.getLogger(__name__)


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
        note_live: is told the name and SHA-256 of each live file that is had.
        wait_until: monotonic moment until which data that are not ready are waited for.
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
        note_live: Callable[[str, str], None] = lambda filename, sha256: None,
        wait_until: float = math.inf,
    ) -> None:
        self.folder = folder
        self._numerai = numerai
        self._round = round_
        self._retry = retry
        self._stale = stale
        self._note_live = note_live
        self._files: Once[Dataset] = Once(clock, wait_until=wait_until)
        self._live_names: Once[str] = Once(clock, wait_until=wait_until)
        self._listing = Listing(numerai, round_)

    def get(self, filename: str) -> Dataset:
        """The file, fetched by the first caller while the others wait for it.

        Raises `NotReadyError` while it is not published, `UnpublishedError` where it will never be,
        `UnavailableError` when it cannot be had.
        """
        return self._files.get(filename, lambda: self._had(filename))

    def live(self, version: str) -> Dataset:
        """The live data of a version: for Signals and Crypto the universe, of the round's own day.

        Raises as `get` does; `NotReadyError` also while the universe is of an earlier day.
        """
        return self.get(self._live_names.get(version, lambda: self._live_name(version)))

    def begin(self, filename: str) -> None:
        """Has the file fetched while the caller goes on; what comes of it is told by `get`."""
        self._files.begin(filename, lambda: self.get(filename))

    def begin_live(self, version: str) -> None:
        """Has the live data fetched while the caller goes on; what comes of it is told by
        `live`.
        """
        self._live_names.begin(version, lambda: self.live(version))

    def _had(self, filename: str) -> Dataset:
        dataset = self.here(filename) or self._fetch(filename)
        if "/live" in filename:
            self._note_live(filename, dataset.sha256)
        return dataset

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

    def _live_name(self, version: str) -> str:
        """Classic's is known, and one that is here already need not be looked for."""
        candidates = live_candidates(self._round.tournament, version)
        known = [name for name in candidates if (self.folder / name).is_file()]
        if known or len(candidates) == 1:
            return (known or candidates)[0]
        name = self._listing.live(version)
        if name is None:
            raise NotReadyError(
                f"no live data of version {version} are listed for {self._round.tournament} round "
                f"{self._round.number}",
                f"neither {' nor '.join(candidates)}",
                hint="is data_version right? If so, let the job wait with --wait",
            )
        return name

    def _fetch(self, filename: str) -> Dataset:
        source = self._numerai.dataset(self._round.tournament, self._round.number, filename)
        path = self.folder / filename
        check = partial(check_dataset, key=self._unique_key(filename))
        try:
            with progress_of(filename) as progress:
                got = fetch(source, path, retry=self._retry, check=check, progress=progress)
        except NotReadyError as error:
            if missing := self._listing.missing(filename):
                raise missing from error
            raise
        try:
            self._check_fresh(filename, got)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        _remember(got)
        return Dataset(filename, path, got.sha256)

    def _unique_key(self, filename: str) -> str | None:
        """The column whose values may not repeat: a universe's, but no history of one's."""
        tournament = self._round.tournament
        unique = tournament == "classic" or is_universe(tournament, filename)
        return KEYS[tournament] if unique else None

    def _check_fresh(self, filename: str, got: Fetched) -> None:
        if self._stale.get(filename) == got.sha256:
            raise NotReadyError(
                f"{filename} of round {self._round.number} is not ready yet",
                "it is still byte for byte the file of the round before",
                hint="run again in a while, or let the job wait with --wait",
            )
        if is_universe(self._round.tournament, filename):
            days = read_days(got.path, filename=filename)
            check_day(days, filename=filename, round_=self._round)


def live_keys(live: Dataset, tournament: str) -> list[str]:
    """The ids, tickers or symbols that Numerai wants predictions for, in file order.

    Raises `UnavailableError` where the file does not name them.
    """
    return read_names(live.path, KEYS[tournament], filename=live.filename)


def read_column(dataset: Dataset, column: str | None, *, tournament: str) -> dict[str, float]:
    """A column of numbers by its rows' ids, tickers or symbols.

    Args:
        column: None: `prediction`, or the only column of floating-point numbers there is.

    Raises `ModelError` where there is no such column, `UnavailableError` where it cannot be read.
    """
    return read_numbers(dataset.path, KEYS[tournament], column, filename=dataset.filename)


def remove_old_rounds(folder: Path, *, current: int) -> None:
    """Removes the data of rounds before the last one from `<data>/<tournament>`."""
    with disk_errors(f"cannot clear old rounds from {folder}"):
        numbers = sorted(int(entry.name) for entry in folder.glob("*") if entry.name.isdigit())
        before = [number for number in numbers if number < current]
        for number in before[:-1]:
            log.info("removing the data of round %d", number)
            rmtree(folder / str(number))


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _remember(got: Fetched) -> None:
    note = asdict(got) | {"path": got.path.name}
    write_whole(_note(got.path), json.dumps(note).encode())
