"""One model's way from its artifact to a validated CSV, in a worker process, within the time that
is left.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from job.artifacts import Artifact, Artifacts
from job.clock import Clock
from job.data import Dataset, RoundData, live_ids
from job.errors import Exit, ModelError
from job.features import features_file, resolve_features
from job.files import disk_errors
from job.kept import Kept, KeptPredictions
from job.model_spec import ModelSpec
from job.plan import UPLOAD_SECONDS, Submit
from job.validate import validate_submission
from job.workers import Needs, Worker

log = logging.getLogger(__name__)


class DeadlineError(ModelError):
    """There is no time left to submit this model on time."""

    exit_code = Exit.MISSED


@dataclass(frozen=True, slots=True)
class Prediction:
    """A validated CSV, what it was made from, and the seconds that each part took."""

    csv: Path
    rows: int
    artifact_sha256: str
    datasets: Mapping[str, str]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model may use where the manifest does not say: seconds, and bytes or None."""

    timeout: float
    memory: int | None


@dataclass(slots=True)
class Predictor:
    """Predicts the models of one round. One instance serves every lane of a run.

    `live_ids` of a file are read once and shared.
    """

    artifacts: Artifacts
    data: RoundData
    models_dir: Path
    limits: Limits
    clock: Clock
    _ids: dict[str, Sequence[str]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def predict(self, step: Submit, worker: Worker) -> Prediction:
        """The model's prediction, kept or new.

        Raises `ModelError` for a fault of the model's own, `DeadlineError` when time has run out,
        `UnavailableError` for what the services or the disk withhold.
        """
        with disk_errors(f"cannot keep the prediction of {step.model.name}"):
            return self._predict(step, worker)

    def _predict(self, step: Submit, worker: Worker) -> Prediction:
        timer = _Timer(self.clock)
        with timer("fetch"):
            artifact = self.artifacts.get(step.model)
        keeper = KeptPredictions(self.data, models_dir=self.models_dir)
        kept = keeper.find(step.model, artifact)
        if kept is not None:
            log.info("%s: its validated prediction is here already", step.model.name)
            return _prediction(kept, artifact, timer.seconds)
        try:
            kept = self._new(step, artifact, worker, keeper.path(step.model), timer)
        except ModelError as error:
            raise self._missed_instead(step, error) or error from error
        keeper.keep(step.model, artifact, kept)
        return _prediction(kept, artifact, timer.seconds)

    def _new(
        self, step: Submit, artifact: Artifact, worker: Worker, csv: Path, timer: _Timer
    ) -> Kept:
        model = step.model
        self.data.begin(_live(model))  # every model needs it; its process is still starting
        with timer("fetch"):
            features = resolve_features(model, self.data, models_dir=self.models_dir)
        needs = self._load(step, artifact, features, worker)
        with timer("fetch"):
            live, benchmarks = self._datasets(model, needs)
        with disk_errors(f"cannot write {csv}"):
            csv.parent.mkdir(parents=True, exist_ok=True)
        predicted = worker.predict(
            live.path,
            None if benchmarks is None else benchmarks.path,
            csv,
            timeout=self._allowed(step),
            memory=model.memory or self.limits.memory,
        )
        timer.add(predicted.seconds)
        checked = validate_submission(csv, live_ids=self._live_ids(live))
        used = [live, *self._also_used(model, benchmarks)]
        return Kept(csv, checked.rows, {dataset.filename: dataset.sha256 for dataset in used})

    def _load(
        self, step: Submit, artifact: Artifact, features: list[str] | None, worker: Worker
    ) -> Needs:
        needs = worker.load(
            artifact.path,
            name=step.model.name,
            format=step.model.format,
            features=features,
            timeout=self._allowed(step),
            memory=step.model.memory or self.limits.memory,
        )
        artifact.check_unchanged()
        return needs

    def _missed_instead(self, step: Submit, error: ModelError) -> DeadlineError | None:
        """A model that the deadline cut short is missed, not faulty; its own reason is kept."""
        try:
            self._allowed(step)
        except DeadlineError as missed:
            return DeadlineError(missed.what, *error.lines())
        return None

    def _datasets(self, model: ModelSpec, needs: Needs) -> tuple[Dataset, Dataset | None]:
        live = self.data.get(_live(model))
        if not needs.benchmarks:
            return live, None
        return live, self.data.get(f"{model.data_version}/live_benchmark_models.parquet")

    def _also_used(self, model: ModelSpec, benchmarks: Dataset | None) -> list[Dataset]:
        features = features_file(model)
        named = [] if features is None else [self.data.get(features)]
        return named if benchmarks is None else [*named, benchmarks]

    def _allowed(self, step: Submit) -> float:
        """Seconds that the model may still take: its own limit, cut by the time left to upload
        in.
        """
        limit = step.model.timeout or self.limits.timeout
        if step.deadline is None:
            return limit
        left = (step.deadline - self.clock.now()).total_seconds() - UPLOAD_SECONDS
        if left <= 0:
            raise DeadlineError(f"no time left before the deadline {step.deadline:%a %H:%M} UTC")
        return min(limit, left)

    def _live_ids(self, live: Dataset) -> Sequence[str]:
        with self._guard:
            if live.filename not in self._ids:
                self._ids[live.filename] = live_ids(live)
            return self._ids[live.filename]


def _live(model: ModelSpec) -> str:
    return f"{model.data_version}/live.parquet"


def _prediction(kept: Kept, artifact: Artifact, seconds: Mapping[str, float]) -> Prediction:
    return Prediction(kept.csv, kept.rows, artifact.sha256, kept.datasets, seconds)


class _Timer:
    """Adds up seconds by name."""

    def __init__(self, clock: Clock) -> None:
        self.seconds: dict[str, float] = {}
        self._clock = clock
        self._name = ""
        self._since = 0.0

    def __call__(self, name: str) -> _Timer:
        self._name = name
        return self

    def __enter__(self) -> None:
        self._since = self._clock.monotonic()

    def __exit__(self, *_: object) -> None:
        self.add({self._name: self._clock.monotonic() - self._since})

    def add(self, seconds: Mapping[str, float]) -> None:
        for name, value in seconds.items():
            self.seconds[name] = round(self.seconds.get(name, 0.0) + value, 4)
