"""What shows only when it is tried, as findings: runtimes that start, models that predict."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

from job.artifacts import Artifact
from job.errors import Exit, JobError
from job.findings import Finding, faults_of, ok, warning
from job.manifest import Manifest
from job.model_spec import ModelSpec
from job.runtimes.interpreters import is_there
from job.sidecar import read_sidecar
from job.trial.bench import Bench
from job.trial.files import MADE_UP, scratch_folder
from job.trial.report import data_of, notes, taken
from job.workers import Worker, worker_environment

log = logging.getLogger(__name__)

SHOWN = ("Python", "numpy", "pandas")


def runtime_findings(
    manifest: Manifest, environ: Mapping[str, str], *, deep: bool
) -> Iterator[Finding]:
    """Whether the manifest's runtimes are there and, if `deep`, start. One that no enabled model
    names may be missing.
    """
    used = {model.runtime for model in manifest.models if model.enabled}
    for name, python in manifest.runtimes.items():
        if not is_there(python):
            text = f"runtime {name}: there is no {python}"
            mend = f"make it with `python -m job runtime create {name} --force`"
            fault = Finding("fault", f"{text}; {mend}", Exit.MODELS_FAILED)
            yield fault if name in used else warning(f"{text}; no enabled model names it")
        elif deep:
            yield from _started(name, python, environ)
        else:
            yield ok(f"runtime {name}: {python}")


def _started(name: str, python: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    log.info("starting the runtime %s", name)
    try:
        with scratch_folder() as folder:
            environment = worker_environment(environ, threads=1, home=folder)
            with Worker(python=python, environment=environment) as worker:
                versions = worker.versions()
    except JobError as error:
        yield from faults_of(error, subject=f"runtime {name}")
        return
    shown = ", ".join(f"{one} {versions[one]}" for one in SHOWN if one in versions)
    yield ok(f"runtime {name}: {shown}")


def trial_findings(bench: Bench, model: ModelSpec, artifact: Artifact) -> Iterator[Finding]:
    """Whether the model predicts what Numerai would take, in what time and memory."""
    log.info("%s: loading %s, then predicting", model.name, model.artifact)
    sidecar = read_sidecar(artifact.path, sha256=artifact.sha256)
    try:
        with scratch_folder() as folder:
            trial = bench.attempt(model, artifact, folder, sidecar=sidecar)
            artifact.check_unchanged()
            checked = trial.judge()
            found = list(notes(trial, checked))
    except JobError as error:
        yield from faults_of(error, subject=model.name)
        return
    data = "made-up live data" if trial.files.data == MADE_UP else data_of(trial)
    yield ok(f"{model.name}: predicted {checked.rows:,} rows of {data} in {taken(trial)}")
    yield from (Finding(note.kind, f"{model.name}: {note.text}") for note in found)
