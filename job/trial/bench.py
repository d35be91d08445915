"""One model outside a round: loaded in its runtime as a run would load it, given real live data
where some are here and made-up ones elsewhere, measured, and judged by Numerai's rules.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from job import serving
from job.artifacts import Artifact
from job.errors import ModelError
from job.files import disk_errors
from job.machine import cores
from job.manifest import Manifest
from job.model_spec import Features, ModelSpec
from job.models_root import ModelsRoot
from job.predict import Defaults
from job.recipe import Recipe
from job.runtimes.interpreters import python_of
from job.settings import Settings
from job.sidecar import Sidecar, frozen_features, frozen_neutralizers
from job.trial.files import MADE_UP, FileMaker, Files
from job.trial.local_data import LocalData
from job.trial.names import Names, names_of
from job.validate import RULES, Checked, validate_submission
from job.workers import Context, Needs, Predicted, Worker, worker_environment

log = logging.getLogger(__name__)

LIVE = "live.parquet"
CSV = "prediction.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a model did.

    Attributes:
        csv: its post-processed prediction, not judged yet.
        local: the data that are here.
        files: what it was given.
        seconds: by part: load, decode, predict, postprocess, write.
        memory: peak bytes of its process, 0 if unknown.
        versions: of its Python and of the libraries there.
        features: what the manifest's `features` mean, None where nothing here tells.
        neutralizers: the same of `neutralize`.
    """

    model: ModelSpec
    csv: Path
    local: LocalData
    files: Files
    seconds: Mapping[str, float]
    memory: int
    versions: Mapping[str, str]
    features: Sequence[str] | None
    neutralizers: Sequence[str] | None

    def judge(self) -> Checked:
        """The prediction's figures; raises `ModelError` for what Numerai would refuse."""
        rules = RULES[self.model.tournament]
        return validate_submission(self.csv, live_ids=self.files.keys, rules=rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where models are tried, one after another, each in a process of its own.

    Args:
        manifest: whose runtimes they name.
        models: where lists of features are.
        data: a live file to use instead of the newest one under `data_dir`.
        made_up: whether made-up data will do where no real ones are here.
    """

    manifest: Manifest
    models: ModelsRoot
    data_dir: Path
    environ: Mapping[str, str]
    defaults: Defaults
    data: Path | None = None
    made_up: bool = True

    @classmethod
    def of(
        cls,
        settings: Settings,
        manifest: Manifest,
        models: ModelsRoot,
        environ: Mapping[str, str],
        *,
        data: str | None = None,
        made_up: bool = True,
    ) -> Self:
        """The bench that the settings ask for."""
        return cls(
            manifest=manifest,
            models=models,
            data_dir=settings.data_dir,
            environ=environ,
            defaults=Defaults(settings.model_timeout, settings.model_memory),
            data=None if data is None else Path(data),
            made_up=made_up,
        )

    def attempt(
        self, model: ModelSpec, artifact: Artifact, folder: Path, *, sidecar: Sidecar | None = None
    ) -> Trial:
        """Has the model predict, with scratch files and the prediction in `folder`.

        Raises `ModelError` for a fault of the model's own and for data that it cannot do without,
        `UnavailableError` for files that cannot be read or written.
        """
        local = LocalData.of(model, data_dir=self.data_dir, given=self.data)
        if local.live() is None and not self.made_up:
            what = f"no live data of {local.named('').rstrip('/')} are here"
            raise ModelError(what, hint=local.how_to_get(LIVE))
        features, neutralizers = self._names(model, local, sidecar)
        recipe = Recipe(
            model=model,
            artifact=artifact,
            sidecar=sidecar,
            features=features.names,
            neutralizers=neutralizers.names,
        )
        environment = worker_environment(self.environ, threads=cores(), home=folder / "worker")
        with Worker(environment=environment, threads=cores()) as worker:
            versions = worker.versions(python_of(model, self.manifest))
            files, predicted = self._predicted(worker, recipe, local, folder, known=features.known)
        return Trial(
            model=model,
            csv=folder / CSV,
            local=local,
            files=files,
            seconds=predicted.seconds,
            memory=predicted.memory,
            versions=versions,
            features=features.to_freeze,
            neutralizers=neutralizers.to_freeze,
        )

    def _predicted(
        self, worker: Worker, recipe: Recipe, local: LocalData, folder: Path, *, known: bool
    ) -> tuple[Files, Predicted]:
        needs = self._load(worker, recipe, known=known)
        maker = FileMaker(recipe.model, recipe.artifact, local, folder, self.made_up)
        files = maker.files(needs, recipe.neutralizers)
        return files, self._predict(worker, recipe, files, local, folder / CSV)

    def _names(
        self, model: ModelSpec, local: LocalData, sidecar: Sidecar | None
    ) -> tuple[Names, Names]:
        """Of the model's features and of its neutralizers: as frozen, else as told here."""

        def names(asked: Features | None, frozen: Sequence[str] | None) -> Names:
            if frozen is not None:
                return Names(frozen)
            return names_of(asked, model, local, feature_file=self.models.feature_file)

        return (
            names(model.features, frozen_features(sidecar, model) if sidecar else None),
            names(model.neutralizers, frozen_neutralizers(sidecar, model) if sidecar else None),
        )

    def _load(self, worker: Worker, recipe: Recipe, *, known: bool) -> Needs:
        """Loads the model. Made-up names are for one that has none of its own only."""
        if not known:
            try:
                needs = self._loaded(worker, replace(recipe, features=None))
            except ModelError as error:
                log.debug("%s: not without `features`: %s", recipe.model.name, error)
            else:
                if needs.columns is not None:
                    return needs
        return self._loaded(worker, recipe)

    def _loaded(self, worker: Worker, recipe: Recipe) -> Needs:
        timeout, memory = self._limits(recipe.model)
        return serving.load(worker, recipe, self.manifest, timeout=timeout, memory=memory)

    def _predict(
        self, worker: Worker, recipe: Recipe, files: Files, local: LocalData, out: Path
    ) -> Predicted:
        timeout, memory = self._limits(recipe.model)
        given = serving.Given(
            live=files.live,
            benchmarks=files.benchmarks,
            context=self._context(recipe.model, local, out.parent),
            fetch=lambda name: local.get(name).path,
        )
        try:
            return serving.predict(worker, recipe, given, out, timeout=timeout, memory=memory)
        except ModelError as error:
            raise _told_of_names(error, files, local) from error

    def _context(self, model: ModelSpec, local: LocalData, scratch: Path) -> Context | None:
        """What a model of format `python` is told; its data folder is a copy of the one that runs
        know, so that what it makes of a trial is not there in the next round.
        """
        known = serving.own_folder(model, self.data_dir)
        if model.format == "python" and known.is_dir():
            with disk_errors(f"cannot copy {known}"):
                shutil.copytree(known, serving.own_folder(model, scratch))
        return serving.context_of(
            model, round_number=local.round, data_dir=scratch, environ=self.environ
        )

    def _limits(self, model: ModelSpec) -> tuple[float, int | None]:
        timeout = model.timeout or self.defaults.timeout
        return timeout, model.memory or self.defaults.memory


def _told_of_names(error: ModelError, files: Files, local: LocalData) -> ModelError:
    """A model that knows real features by name fails on made-up ones: not the model's fault."""
    text = str(error)
    if files.data != MADE_UP or "KeyError" not in text or "feature_" not in text:
        return error
    why = "the features of the made-up live data have made-up names; it needs real ones"
    return ModelError(error.what, *error.why, why, hint=local.how_to_get(LIVE))
