"""A round's files, and models to try a worker with."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cloudpickle
import pandas as pd
import psutil
import pytest

from job.errors import ModelError
from job.workers import Predicted, Worker, worker_environment

cloudpickle.register_pickle_by_value(sys.modules[__name__])

WIDE = [f"feature_{i:03d}" for i in range(120)]
ROWS = 300
MIB = 1 << 20
SECRETS = {
    "NUMERAI_SECRET_KEY": "s3cret",
    "AZURE_CLIENT_SECRET": "s3cret",
    "IDENTITY_ENDPOINT": "http://169.254.169.254/s3cret",
    "AWS_SESSION_TOKEN": "s3cret",
    "GITHUB_TOKEN": "s3cret",
}


@dataclass(frozen=True, slots=True)
class Round:
    """The files of a round, and a folder for models and answers."""

    folder: Path
    live: Path
    benchmarks: Path

    def save(self, model: object, name: str = "model.pkl") -> Path:
        path = self.folder / name
        path.write_bytes(cloudpickle.dumps(model))
        return path

    def predict(
        self,
        worker: Worker,
        model: object,
        *,
        timeout: float = 30.0,
        memory: int | None = None,
        features: list[str] | None = None,
        format: str = "pickle",
    ) -> Predicted:
        artifact = model if isinstance(model, Path) else self.save(model)
        limits = {"timeout": timeout, "memory": memory}
        needs = worker.load(artifact, format=format, features=features, **limits)
        benchmarks = self.benchmarks if needs.benchmarks else None
        return worker.predict(self.live, benchmarks, self.out, **limits)

    def fails(self, worker: Worker, model: object, **limits: object) -> ModelError:
        """Have a model fail, and the next one succeed."""
        self.out.unlink(missing_ok=True)
        with pytest.raises(ModelError) as caught:
            self.predict(worker, model, **limits)  # type: ignore[arg-type]
        assert not self.out.exists()
        assert self.predict(worker, first_feature).rows == ROWS
        return caught.value

    @property
    def out(self) -> Path:
        return self.folder / "out.csv"

    def answers(self) -> pd.Series:
        return pd.read_csv(self.out, index_col="id")["prediction"]


def new_worker(folder: Path, **options: object) -> Worker:
    environ = {**os.environ, **SECRETS}
    environment = worker_environment(environ, threads=1, home=folder / "home")
    return Worker(environment=environment, **options)  # type: ignore[arg-type]


def first_feature(live_features):
    return live_features[["feature_000"]] / 4


def process_id(live_features):
    return pd.Series(float(os.getpid()), index=live_features.index)


def pid_of(worker: Worker, round_: Round) -> int:
    round_.predict(worker, process_id)
    return int(round_.answers().iloc[0])


def gone(pid: int, *, within: float = 5.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False
