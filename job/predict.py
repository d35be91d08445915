"""One model, from its artifact to a validated CSV with its figures; what a lane does with each
model.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from job import serving
from job.arrival import check_arrived
from job.artifacts import Artifacts
from job.clock import Clock
from job.data import Dataset, RoundData, live_keys
from job.errors import DeadlineError, ModelError, NotReadyError
from job.features import features_file
from job.figures import Figures, held_back
from job.files import disk_errors
from job.kept import Kept, KeptPredictions
from job.manifest import Manifest
from job.model_spec import ModelSpec
from job.plan import UPLOAD_SECONDS, Submit
from job.recipe import Recipe, read_recipe
from job.timer import Timer
from job.universe import dataset_name
from job.validate import RULES, validate_submission
from job.workers import Needs, Worker

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prediction:
    """A validated CSV, what it was made from, its figures, and the seconds that each part took.

    `held_back` says why it is not to be uploaded, None if it is.
    """

    csv: Path
    rows: int
    artifact_sha256: str
    datasets: Mapping[str, str]
    seconds: Mapping[str, float]
    figures: Mapping[str, float] = field(default_factory=dict)
    held_back: str | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a model may use where the manifest does not say: seconds, and bytes or None."""

    timeout: float
    memory: int | None


@dataclass(slots=True)
class Predictor:
    """Predicts the models of one round. One instance serves every lane of a tournament.

    Args:
        force: nothing is held back.
    """

    artifacts: Artifacts
    data: RoundData
    figures: Figures
    manifest: Manifest
    models_dir: Path
    data_dir: Path
    environ: Mapping[str, str]
    defaults: Defaults
    clock: Clock
    force: bool = False
    _keys: dict[str, Sequence[str]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _turns: dict[str, threading.Lock] = field(default_factory=dict)

    def predict(self, step: Submit, worker: Worker) -> Prediction:
        """The model's prediction, kept or new.

        Raises `ModelError` for a fault of the model's own, `DeadlineError` when time has run out,
        `NotReadyError` for data or a file that has not come yet, `UnavailableError` for what the
        services or the disk withhold.
        """
        timer = Timer(self.clock)
        with disk_errors(f"cannot keep the prediction of {step.model.name}"):
            recipe, kept = self._kept_or_new(step, worker, timer)
            with timer("figures"):
                figures = self.figures.of(step, kept, partial(self._peer, step, worker))
        held = held_back(step.model, figures)
        if held and self.force:
            log.warning("%s: not %s", step.model.name, held)
            held = None
        return Prediction(
            csv=kept.csv,
            rows=kept.rows,
            artifact_sha256=recipe.artifact.sha256,
            datasets=kept.datasets,
            seconds=timer.seconds,
            figures=figures,
            held_back=held,
        )

    def _kept_or_new(self, step: Submit, worker: Worker, timer: Timer) -> tuple[Recipe, Kept]:
        """One lane at a time for each model: another may want it as its reference."""
        with self._guard:
            turn = self._turns.setdefault(step.model.name, threading.Lock())
        with turn:
            keeper = KeptPredictions(self.data)
            if not keeper.path(step.model).is_file():
                serving.warm_up(worker, step.model, self.manifest)
            with timer("fetch"):
                recipe = self._recipe(step)
            kept = keeper.find(recipe)
            if kept is not None:
                log.info("%s: its validated prediction is here already", step.model.name)
                return recipe, kept
            try:
                kept = self._new(step, recipe, worker, keeper.path(step.model), timer)
            except ModelError as error:
                raise self._missed_instead(step, error) or error from error
            keeper.keep(recipe, kept)
            return recipe, kept

    def _recipe(self, step: Submit) -> Recipe:
        model = step.model
        artifact = self.artifacts.get(model)
        if model.format == "predictions":
            check_arrived(artifact, step, clock=self.clock)
        self.data.begin_live(model.data_version)  # every model needs it, and a process still starts
        return read_recipe(model, artifact, data=self.data, models_dir=self.models_dir)

    def _peer(self, step: Submit, worker: Worker, name: str) -> Kept:
        """The prediction of another model of the manifest, as this one's reference."""
        tournament = step.model.tournament
        model = next(m for m in self.manifest.models if m.key == (tournament, name))
        try:
            return self._kept_or_new(replace(step, model=model), worker, Timer(self.clock))[1]
        except NotReadyError:
            raise
        except ModelError as error:
            raise ModelError(f"its reference {name} failed", *error.lines()) from error

    def _new(self, step: Submit, recipe: Recipe, worker: Worker, csv: Path, timer: Timer) -> Kept:
        model, memory = step.model, step.model.memory or self.defaults.memory
        context = serving.context_of(
            model,
            round_number=step.round.number,
            data_dir=self.data_dir,
            environ=self.environ,
        )
        needs = serving.load(
            worker, recipe, self.manifest, timeout=self._allowed(step), memory=memory
        )
        with timer("fetch"):
            live, benchmarks = self._datasets(model, needs)
        fetched: dict[str, str] = {}
        given = serving.Given(
            live=live.path,
            benchmarks=None if benchmarks is None else benchmarks.path,
            context=context,
            fetch=partial(self._fetch, model, fetched),
        )
        predicted = serving.predict(
            worker, recipe, given, csv, timeout=self._allowed(step), memory=memory
        )
        recipe.artifact.check_unchanged()
        timer.add(predicted.seconds)
        keys = self._live_keys(live, model)
        checked = validate_submission(csv, live_ids=keys, rules=RULES[model.tournament])
        used = [live, *self._also_used(recipe, benchmarks)]
        digests = {dataset.filename: dataset.sha256 for dataset in used} | fetched
        return Kept(csv, checked.rows, len(keys), digests)

    def _missed_instead(self, step: Submit, error: ModelError) -> DeadlineError | None:
        """A model that the deadline cut short is missed, not faulty; its own reason is kept."""
        try:
            self._allowed(step)
        except DeadlineError as missed:
            return DeadlineError(missed.what, *error.lines())
        return None

    def _datasets(self, model: ModelSpec, needs: Needs) -> tuple[Dataset, Dataset | None]:
        live = self.data.live(model.data_version)
        if not needs.benchmarks:
            return live, None
        return live, self.data.get(_named(model, "live_benchmark_models.parquet"))

    def _fetch(self, model: ModelSpec, fetched: dict[str, str], name: str) -> Path:
        dataset = self.data.get(_named(model, name))
        fetched[dataset.filename] = dataset.sha256
        return dataset.path

    def _also_used(self, recipe: Recipe, benchmarks: Dataset | None) -> list[Dataset]:
        """The further datasets that the prediction hangs on, as far as they were read."""
        name = features_file(recipe.model)
        features = None if name is None else self.data.here(name)
        return [dataset for dataset in (features, benchmarks) if dataset is not None]

    def _allowed(self, step: Submit) -> float:
        """Seconds that the model may still take: its own limit, cut by the time left to upload
        in.
        """
        limit = step.model.timeout or self.defaults.timeout
        if step.deadline is None:
            return limit
        left = (step.deadline - self.clock.now()).total_seconds() - UPLOAD_SECONDS
        if left <= 0:
            raise DeadlineError(f"no time left before the deadline {step.deadline:%a %H:%M} UTC")
        return min(limit, left)

    def _live_keys(self, live: Dataset, model: ModelSpec) -> Sequence[str]:
        with self._guard:
            if live.filename not in self._keys:
                self._keys[live.filename] = live_keys(live, model.tournament)
            return self._keys[live.filename]


def _named(model: ModelSpec, name: str) -> str:
    return dataset_name(model.tournament, model.data_version, name)
