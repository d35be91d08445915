"""Further datasets that a model of format `python` asks for while it predicts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from job.data import RoundData
from job.errors import ModelError, NotReadyError
from job.model_spec import ModelSpec
from job.universe import dataset_name

NAME = re.compile(r"\w[\w./ -]*", re.ASCII)


class Fetched:
    """What one model has asked for; `digests` are the files' SHA-256 by name."""

    def __init__(self, data: RoundData, model: ModelSpec) -> None:
        self.digests: dict[str, str] = {}
        self._data = data
        self._model = model
        self._not_ready: NotReadyError | None = None

    def get(self, name: str) -> Path:
        """The dataset of that name, verified.

        Raises `ModelError` for what is no name of a dataset, `NotReadyError` while it is not
        published, `UnavailableError` when it cannot be had.
        """
        if not NAME.fullmatch(name) or ".." in name.split("/"):
            raise ModelError(f"{name[:100]!r} is not the name of a dataset")
        full = dataset_name(self._model.tournament, self._model.data_version, name)
        try:
            dataset = self._data.get(full)
        except NotReadyError as error:
            self._not_ready = error
            raise
        self.digests[dataset.filename] = dataset.sha256
        return dataset.path

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Has a model that fails for want of a dataset wait for it; others may do without it."""
        try:
            yield
        except ModelError as error:
            raise self._not_ready or error from error
