"""One model, from its artifact to a validated CSV with its figures; what a lane does with each
model.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from job import serving
from job.allowance import missed_or_failed, seconds_for
from job.arrival import awaited, check_arrived
from job.artifacts import Artifact
from job.clock import Clock
from job.data import Dataset, RoundData, live_keys
from job.errors import JobError, ModelError, NotReadyError, StoppedError
from job.features import features_file
from job.fetched import Fetched
from job.figures import guard_dataset, guard_peer
from job.files import disk_errors
from job.kept import Kept, KeptPredictions
from job.manifest import Manifest
from job.model_spec import ModelSpec
from job.models_root import ModelsRoot
from job.plan import Submit
from job.recipe import Recipe, read_recipe
from job.timer import Timer
from job.universe import dataset_name
from job.validate import RULES, validate_submission
from job.workers import Needs, Worker

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prediction:
    """A validated CSV, what it was made from, and the seconds that each part took.

    `rows` are those with an id of the universe, `universe` is how many ids that has.
    """

    csv: Path
    rows: int
    universe: int
    artifact_sha256: str
    datasets: Mapping[str, str]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Ready:
    """A model that can be given to a worker: its recipe and its data are here."""

    step: Submit
    recipe: Recipe
    kept: Kept | None
    timer: Timer


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a model may use where the manifest does not say: seconds, and bytes or None."""

    timeout: float
    memory: int | None


@dataclass(slots=True)
class Predictor:
    """Predicts the models of one round. One instance serves every lane of a tournament.

    Args:
        force: what is to be predicted by code is predicted anew, and a guard's reference may fail.
    """

    models: ModelsRoot
    data: RoundData
    manifest: Manifest
    data_dir: Path
    environ: Mapping[str, str]
    defaults: Defaults
    clock: Clock
    force: bool = False
    _keys: dict[str, Sequence[str]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _turns: dict[str, threading.Lock] = field(default_factory=dict)

    def prepare(self, step: Submit) -> Ready:
        """The model's recipe, and with it all data that it is known to need: what may take long
        and wants no worker.

        Raises `NotReadyError` for data or a file that has not come yet, `ModelError` for an
        artifact that is not what it should be, `UnavailableError` for what cannot be had.
        """
        timer = Timer(self.clock)
        with timer("fetch"):
            recipe = self._recipe(step)
            kept = self._kept(recipe)
            if kept is None:
                self.data.live(step.model.data_version)
            self._reference(step.model)
        return Ready(step, recipe, kept, timer)

    def predict(self, ready: Ready, worker: Worker) -> Prediction:
        """The model's prediction, kept or new; and that of the model that its guard names.

        Raises `ModelError` for a fault of the model's own, `DeadlineError` when time has run out,
        `NotReadyError` for data or a file that has not come yet, `UnavailableError` for what the
        services or the disk withhold.
        """
        with disk_errors(f"cannot keep the prediction of {ready.step.model.name}"):
            kept = self._kept_or_new(ready, worker)
            self._predict_peer(ready.step, worker)
        return Prediction(
            csv=kept.csv,
            rows=kept.rows,
            universe=kept.universe,
            artifact_sha256=ready.recipe.artifact.sha256,
            datasets=kept.datasets,
            seconds=ready.timer.seconds,
        )

    def peer(self, tournament: str, name: str) -> Path:
        """The validated prediction of another model of the manifest."""
        recipe = self._recipe_of(self._model(tournament, name))
        kept = KeptPredictions(self.data).find(recipe)
        if kept is None:
            raise ModelError(f"its reference {name} has no prediction")
        return kept.csv

    def forget(self, model: ModelSpec) -> None:
        """Has a model of code predict anew next time: what it asks elsewhere may have changed."""
        if model.format == "python":
            KeptPredictions(self.data).forget(model)

    def _recipe(self, step: Submit) -> Recipe:
        with awaited(step.model):
            artifact = self.models.artifact(step.model)
            check_arrived(artifact, step, clock=self.clock)
        self.data.begin_live(step.model.data_version)  # features.json may be needed first
        return self._recipe_of(step.model, artifact)

    def _recipe_of(self, model: ModelSpec, artifact: Artifact | None = None) -> Recipe:
        artifact = artifact or self.models.artifact(model)
        return read_recipe(model, artifact, data=self.data, feature_file=self.models.feature_file)

    def _model(self, tournament: str, name: str) -> ModelSpec:
        return next(model for model in self.manifest.models if model.key == (tournament, name))

    def _kept(self, recipe: Recipe) -> Kept | None:
        anew = self.force and recipe.model.format == "python"
        return None if anew else KeptPredictions(self.data).find(recipe)

    def _reference(self, model: ModelSpec) -> None:
        """Has the dataset that the model's guard compares with, unless nothing hangs on it."""
        name = guard_dataset(model)
        if name is not None and not self.force:
            self.data.get(name)

    def _kept_or_new(self, ready: Ready, worker: Worker) -> Kept:
        """One lane at a time for each model: another may want it as its reference."""
        step, recipe = ready.step, ready.recipe
        with self._guard:
            turn = self._turns.setdefault(step.model.name, threading.Lock())
        with turn:
            kept = ready.kept or self._kept(recipe)
            if kept is not None:
                log.info("%s: its validated prediction is here already", step.model.name)
                return kept
            keeper = KeptPredictions(self.data)
            try:
                with awaited(step.model):
                    kept = self._new(ready, worker, keeper.path(step.model))
            except ModelError as error:
                raise missed_or_failed(step, error, clock=self.clock) from error
            keeper.keep(recipe, kept)
            return kept

    def _predict_peer(self, step: Submit, worker: Worker) -> None:
        """Has the prediction of the model that this one's guard compares with."""
        name = guard_peer(step.model)
        if name is None:
            return
        peer = replace(step, model=self._model(step.model.tournament, name))
        try:
            self._kept_or_new(self.prepare(peer), worker)
        except NotReadyError as error:
            error.what = f"its reference {name} is not there yet: {error.what}"
            raise
        except StoppedError:
            raise
        except JobError as error:
            if not self.force:
                raise ModelError(f"its reference {name} failed", *error.lines()) from error
            log.warning("%s: its reference %s failed: %s", step.model.name, name, error)

    def _new(self, ready: Ready, worker: Worker, csv: Path) -> Kept:
        step, recipe, timer = ready.step, ready.recipe, ready.timer
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
        fetched = Fetched(self.data, model)
        given = serving.Given(
            live=live.path,
            benchmarks=None if benchmarks is None else benchmarks.path,
            context=context,
            fetch=fetched.get,
        )
        with fetched.awaited():
            predicted = serving.predict(
                worker, recipe, given, csv, timeout=self._allowed(step), memory=memory
            )
        recipe.artifact.check_unchanged()
        timer.add(predicted.seconds)
        keys = self._live_keys(live, model)
        checked = validate_submission(csv, live_ids=keys, rules=RULES[model.tournament])
        used = [live, *self._also_used(recipe, benchmarks)]
        digests = {dataset.filename: dataset.sha256 for dataset in used}
        digests |= fetched.digests
        return Kept(csv, checked.rows, len(keys), digests)

    def _datasets(self, model: ModelSpec, needs: Needs) -> tuple[Dataset, Dataset | None]:
        live = self.data.live(model.data_version)
        if not needs.benchmarks:
            return live, None
        return live, self.data.get(_named(model, "live_benchmark_models.parquet"))

    def _also_used(self, recipe: Recipe, benchmarks: Dataset | None) -> list[Dataset]:
        """The further datasets that the prediction hangs on, as far as they were read."""
        name = features_file(recipe.model)
        features = None if name is None else self.data.here(name)
        return [dataset for dataset in (features, benchmarks) if dataset is not None]

    def _allowed(self, step: Submit) -> float:
        limit = step.model.timeout or self.defaults.timeout
        return seconds_for(step, limit=limit, clock=self.clock)

    def _live_keys(self, live: Dataset, model: ModelSpec) -> Sequence[str]:
        with self._guard:
            if live.filename not in self._keys:
                self._keys[live.filename] = live_keys(live, model.tournament)
            return self._keys[live.filename]


def _named(model: ModelSpec, name: str) -> str:
    return dataset_name(model.tournament, model.data_version, name)
