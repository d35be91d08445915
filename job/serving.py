"""A recipe in a model process: loaded in its runtime, given its data, its prediction written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from job.errors import ModelError
from job.files import disk_errors
from job.manifest import Manifest
from job.model_spec import ModelSpec
from job.recipe import Recipe
from job.runtimes.interpreters import python_of
from job.sidecar import made_with
from job.universe import KEYS, VALUE_COLUMNS
from job.workers import Context, Needs, Predicted, Worker

log = logging.getLogger(__name__)

Fetch = Callable[[str], Path]
"""A further dataset of the model's tournament, by its name."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a model is given: files, and what only models of format `python` are told."""

    live: Path
    benchmarks: Path | None
    context: Context | None
    fetch: Fetch


def load(
    worker: Worker, recipe: Recipe, manifest: Manifest, *, timeout: float, memory: int | None
) -> Needs:
    """Loads the model in its runtime; what it needs is known afterwards.

    Raises `ModelError` for a runtime that is not there or is not what the model was made with, for
    a model that cannot be loaded, and for one that wants what its tournament does not have.
    """
    model, artifact = recipe.model, recipe.artifact
    python = python_of(model, manifest)
    if recipe.sidecar is not None:
        versions = worker.versions(python)
        for warning in made_with(
            recipe.sidecar, versions, format=model.format, runtimes=manifest.runtimes
        ):
            log.warning("%s: %s", model.name, warning)
    needs = worker.load(
        artifact.path,
        name=model.name,
        format=model.format,
        features=recipe.features,
        timeout=timeout,
        memory=memory,
        python=python,
    )
    artifact.check_unchanged()
    if needs.benchmarks and model.tournament != "classic":
        raise ModelError(
            "the model takes live_benchmark_models, but only Classic has benchmark models",
            hint="have it take its live data alone, or make it a model of Classic",
        )
    return needs


def predict(
    worker: Worker, recipe: Recipe, given: Given, out: Path, *, timeout: float, memory: int | None
) -> Predicted:
    """Predicts with the model just loaded, and writes a CSV with its tournament's header.

    Raises `ModelError` for a model that fails or whose answer does not fit the live ids.
    """
    model = recipe.model
    neutralize = None
    if model.neutralize is not None and recipe.neutralizers is not None:
        neutralize = (recipe.neutralizers, model.neutralize.proportion)
    with disk_errors(f"cannot write {out}"):
        out.parent.mkdir(parents=True, exist_ok=True)
    return worker.predict(
        given.live,
        given.benchmarks,
        out,
        timeout=timeout,
        memory=memory,
        key=KEYS[model.tournament],
        column=VALUE_COLUMNS[model.tournament],
        partial=model.tournament != "classic",
        neutralize=neutralize,
        postprocess=model.postprocess,
        context=given.context,
        fetch=given.fetch,
    )


def own_folder(model: ModelSpec, data_dir: Path) -> Path:
    """Where a model of format `python` keeps what it wants to find again."""
    return data_dir / model.tournament / "models" / quote(model.name, safe="")


def context_of(
    model: ModelSpec, *, round_number: int, data_dir: Path, environ: Mapping[str, str]
) -> Context | None:
    """What a model of format `python` is told of its round, None for any other.

    Its folder under the data root is made here and stays from round to round.
    Raises `ModelError` when a variable that it is to be given is not set.
    """
    if model.format != "python":
        return None
    missing = [name for name in model.env if not environ.get(name)]
    if missing:
        raise ModelError(
            f"the model is to be given {', '.join(missing)}, which the environment does not hold",
            hint="set it for the job, or take it out of the model's `env`",
        )
    folder = own_folder(model, data_dir)
    with disk_errors(f"cannot make {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
    return Context(
        round=round_number,
        tournament=model.tournament,
        data_dir=folder.absolute(),
        secrets={name: environ[name] for name in model.env},
    )
