"""The files that a model is given in a trial: real ones as far as they are here."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from job.artifacts import Artifact
from job.data import Dataset, live_keys
from job.errors import ModelError, UnavailableError, UsageError
from job.files import disk_errors
from job.model_spec import ModelSpec
from job.published import read_names
from job.trial.local_data import LocalData
from job.trial.made_up import made_up_keys, made_up_names, write_benchmarks, write_live
from job.trial.names import published_names
from job.universe import KEYS
from job.workers import Needs

MADE_UP = "synthetic"
BENCHMARKS = "live_benchmark_models.parquet"


@dataclass(frozen=True, slots=True)
class Files:
    """What a model is given.

    Attributes:
        live: the file of live data.
        keys: its ids, tickers or symbols.
        benchmarks: None where the model takes none.
        data: the live file's name, or `synthetic`.
        notes: sentences on what is not as in a round.
    """

    live: Path
    keys: Sequence[str]
    benchmarks: Path | None
    data: str
    notes: tuple[str, ...] = ()


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for a trial's files, gone at the end; raises `UnavailableError` where there is no
    room for one.
    """
    with disk_errors("cannot make a folder for temporary files"):
        folder = TemporaryDirectory(prefix="numerai-trial-", ignore_cleanup_errors=True)
    with folder as name:
        yield Path(name)


@dataclass(frozen=True, slots=True)
class FileMaker:
    """Finds or makes the files for one model.

    Args:
        folder: where made-up files go.
        made_up: whether made-up files will do where real ones are not here.
    """

    model: ModelSpec
    artifact: Artifact
    local: LocalData
    folder: Path
    made_up: bool

    def files(self, needs: Needs, neutralizers: Sequence[str] | None) -> Files:
        """The files for a loaded model.

        Raises `ModelError` with the way to get what only a real file will do for, `UsageError` for
        one that the user names and that cannot be read, `UnavailableError` for any other.
        """
        live = self.local.live()
        if live is not None:
            keys: Sequence[str] = self._keys_of(live)
            benchmarks, notes = self._benchmarks(needs, keys, real=True)
            return Files(live.path, keys, benchmarks, live.filename, notes)
        keys = self._keys()
        path = self.folder / "live.parquet"
        columns = self._columns(needs, neutralizers or ())
        write_live(path, tournament=self.model.tournament, columns=columns, keys=keys)
        benchmarks, _ = self._benchmarks(needs, keys, real=False)
        return Files(path, keys, benchmarks, MADE_UP)

    def _keys_of(self, live: Dataset) -> Sequence[str]:
        try:
            return live_keys(live, self.model.tournament)
        except UnavailableError as error:
            if self.local.given is None:
                raise
            raise UsageError(f"--data {self.local.given} cannot be used", [str(error)]) from error

    def _keys(self) -> Sequence[str]:
        """Made-up ids; for a finished prediction file, its own: no others would fit."""
        if self.model.format == "predictions":
            return _ids_in(self.artifact.path, self.model.tournament)
        return made_up_keys(self.model.tournament)

    def _columns(self, needs: Needs, neutralizers: Sequence[str]) -> list[str]:
        """Those that the model asks for, as far as a features.json that is here has them: it is
        the model process that says best what live data lack.
        """
        published = published_names(self.local)
        wanted = needs.columns
        if wanted is None:
            wanted = tuple(self._whole_frame(published))
        known = None if published is None else set(published)
        return [
            name
            for name in (*wanted, *neutralizers)
            if known is None or name in known or not name.startswith("feature_")
        ]

    def _whole_frame(self, published: Sequence[str] | None) -> Sequence[str]:
        """What a model gets that takes all there is."""
        if self.model.tournament != "classic" or self.model.format == "predictions":
            return ()
        return published or made_up_names("all", version=self.model.data_version) or ()

    def _benchmarks(
        self, needs: Needs, keys: Sequence[str], *, real: bool
    ) -> tuple[Path | None, tuple[str, ...]]:
        if not needs.benchmarks:
            return None, ()
        beside = self.local.beside_live(BENCHMARKS) if real else None
        if beside is not None:
            return beside.path, ()
        if not self.made_up:
            raise ModelError(
                f"the model takes {BENCHMARKS}, which is not beside the live data",
                hint=self.local.how_to_get(BENCHMARKS),
            )
        path = self.folder / BENCHMARKS
        write_benchmarks(path, keys)
        return path, ("the benchmark models that it was given are made up",)


def _ids_in(path: Path, tournament: str) -> list[str]:
    """The ids of a prediction file. Raises `ModelError` where it has none that can be read."""
    key = KEYS[tournament]
    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        ids = read_names(path, key, filename=path.name) if is_parquet else _ids_in_csv(path, key)
    except (UnavailableError, OSError, ValueError, KeyError, csv.Error) as error:
        raise ModelError(
            f"{path.name} is no prediction file with a column {key!r}", str(error)
        ) from error
    return list(dict.fromkeys(ids))


def _ids_in_csv(path: Path, key: str) -> list[str]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [row[key] for row in csv.DictReader(file)]
