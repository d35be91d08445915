"""Which of Numerai's files are on this machine for a trial outside a round: those that a run has
left, or one that the user names with what lies beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from job.data import Dataset
from job.errors import ModelError
from job.files import disk_errors
from job.model_spec import ModelSpec
from job.universe import dataset_name, live_candidates

NUMERAPI: Final = {"classic": "NumerAPI", "signals": "SignalsAPI", "crypto": "CryptoAPI"}


@dataclass(frozen=True, slots=True)
class LocalData:
    """The files of one version of a tournament's data that are here.

    Args:
        data_dir: the data root, under which runs leave what they fetch by tournament and round.
        given: a live file to be used instead; what belongs to it is looked for beside it.
    """

    data_dir: Path
    tournament: str
    version: str
    given: Path | None = None

    @classmethod
    def of(cls, model: ModelSpec, *, data_dir: Path, given: Path | None) -> LocalData:
        """What is here for a model."""
        return cls(data_dir, model.tournament, model.data_version, given)

    @property
    def round(self) -> int:
        """The round that the newest live data are of, 0 where nothing tells."""
        newest = self._newest()
        return 0 if newest is None or self.given is not None else int(newest.name)

    def live(self) -> Dataset | None:
        """The file that the user names, else the newest live data; None where there are none."""
        if self.given is not None:
            return _dataset(self.given.name, self.given)
        newest = self._newest()
        return None if newest is None else self._live_in(newest)

    def beside_live(self, name: str) -> Dataset | None:
        """A further file of the same round as the live data."""
        if self.given is not None:
            return _dataset_in(self.given.parent, PurePosixPath(name).name)
        newest = self._newest()
        return None if newest is None else _dataset_in(newest, self.named(name))

    def find(self, name: str) -> Dataset | None:
        """A file of any round: beside the live data, else the newest there is."""
        found = (_dataset_in(folder, self.named(name)) for folder in self._rounds())
        newest = next((dataset for dataset in found if dataset is not None), None)
        return self.beside_live(name) or newest

    def get(self, filename: str) -> Dataset:
        """As `find`; raises `ModelError` with the way to get what is not here."""
        dataset = self.find(filename)
        if dataset is None:
            raise ModelError(f"{self.named(filename)} is not here", hint=self.how_to_get(filename))
        return dataset

    def how_to_get(self, name: str) -> str:
        """A sentence for whoever lacks a file."""
        api, filename = NUMERAPI[self.tournament], self.named(name)
        program = f"import numerapi; numerapi.{api}().download_dataset('{filename}')"
        is_live = filename in live_candidates(self.tournament, self.version)
        then = f"--data {filename}" if is_live else "have it beside the file that --data names"
        return f'a run leaves it here; or, without an account: python -c "{program}", then {then}'

    def named(self, name: str) -> str:
        """What a file is called at Numerai: `v5.3/live.parquet`."""
        return dataset_name(self.tournament, self.version, name)

    def _newest(self) -> Path | None:
        """The newest round's folder that has live data of this version."""
        return next((one for one in self._rounds() if self._live_in(one) is not None), None)

    def _live_in(self, folder: Path) -> Dataset | None:
        names = live_candidates(self.tournament, self.version)
        found = (_dataset_in(folder, name) for name in names)
        return next((dataset for dataset in found if dataset is not None), None)

    def _rounds(self) -> Iterator[Path]:
        """The folders that runs have left, newest round first."""
        with disk_errors(f"cannot read {self.data_dir}"):
            folders = list((self.data_dir / self.tournament).glob("[0-9]*"))
        numbered = [folder for folder in folders if folder.name.isdigit()]
        yield from sorted(numbered, key=lambda folder: -int(folder.name))


def _dataset_in(folder: Path, name: str) -> Dataset | None:
    path = folder / name
    return _dataset(name, path) if path.is_file() else None


def _dataset(name: str, path: Path) -> Dataset:
    """Without its digest, which nothing in a trial asks for: a file may be gigabytes large."""
    return Dataset(name, path, sha256="")
