"""What is known of the manifest's models before a round: that what a run needs of them is there, or
that they predict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from job.artifacts import Artifact, check_size
from job.errors import JobError, ModelError
from job.findings import Finding, env_findings, faults_of, guarded, ok, warning
from job.manifest import Manifest
from job.model_spec import ModelSpec
from job.models_root import ModelsRoot
from job.objects import PUSH
from job.recipe import feature_paths
from job.sidecar import Sidecar, how_to_freeze, read_sidecar, unfrozen
from job.trial.bench import Bench
from job.trial.findings import runtime_findings, trial_findings


def enabled_models(manifest: Manifest | None) -> list[ModelSpec]:
    """The models that runs are about."""
    return [model for model in manifest.models if model.enabled] if manifest else []


def model_findings(
    root: ModelsRoot, manifest: Manifest, environ: Mapping[str, str], bench: Bench | None
) -> Iterator[Finding]:
    """What the models of the manifest are, tried if there is a bench."""
    models = enabled_models(manifest)
    yield from runtime_findings(manifest, environ, deep=bench is not None)
    yield from env_findings(models, environ)
    for model in models:
        if bench is None and not root.is_local:
            yield from guarded(partial(_stored, root, model), subject=model.name)
            continue
        artifact, findings = _artifact(root, model)
        yield from findings
        if artifact is None:
            continue
        sidecar = read_sidecar(artifact.path, sha256=artifact.sha256)
        yield from _unfrozen(model, sidecar)
        if bench is None:
            yield from _features(root, model, sidecar)
        elif not _lacks(model, environ):
            yield from trial_findings(bench, model, artifact)


def _lacks(model: ModelSpec, environ: Mapping[str, str]) -> bool:
    """Whether it cannot be tried for want of a variable, which has been told already."""
    return not all(environ.get(name) for name in model.env)


def _stored(root: ModelsRoot, model: ModelSpec) -> Iterator[Finding]:
    """Whether a run would find what it needs of a model, for a root from which that would have to
    be fetched.
    """
    root.check_pinned(model)
    found = root.stored(model)
    if found is None and model.format == "predictions":
        yield _not_yet(model)
        return
    if found is None:
        raise ModelError(f"there is no file {model.artifact} in {root.shown}", hint=PUSH)
    check_size(model, found.size)
    there = f"{model.name}: artifact {model.artifact}, {found.size:,} bytes in {root.shown}"
    if found.by_path:
        yield warning(f"{there}, found by its path; its digest was not verified; --deep does")
    else:
        yield ok(f"{there}; --deep reads it")
    yield from _features(root, model, found.sidecar)
    yield from _unfrozen(model, found.sidecar)


def _features(root: ModelsRoot, model: ModelSpec, sidecar: Sidecar | None) -> Iterator[Finding]:
    """What is wrong with the lists of features that lie beside the artifact."""
    for path in feature_paths(model, sidecar):
        try:
            root.check_feature_file(path)
        except JobError as error:
            yield from faults_of(error, subject=model.name)


def _not_yet(model: ModelSpec) -> Finding:
    what = f"{model.name}: {model.artifact} is not there yet"
    return warning(f"{what}; another program is to write it in each round")


def _artifact(root: ModelsRoot, model: ModelSpec) -> tuple[Artifact | None, list[Finding]]:
    try:
        if model.format == "predictions" and root.stored(model) is None:
            return None, [_not_yet(model)]
        artifact = root.artifact(model)
    except JobError as error:
        return None, faults_of(error, subject=model.name)
    if model.format == "predictions":
        return artifact, [
            ok(f"{model.name}: {model.artifact}, of {artifact.modified:%a %H:%M} UTC")
        ]
    pinned = "as pinned" if model.sha256 else f"sha256 {artifact.sha256} (not pinned)"
    return artifact, [ok(f"{model.name}: artifact {model.artifact}, {pinned}")]


def _unfrozen(model: ModelSpec, sidecar: Sidecar | None) -> Iterator[Finding]:
    """Sets of features that `add` could not look up: another meaning would go unnoticed."""
    for name in unfrozen(sidecar, model) if sidecar else ():
        what = f"{model.name}: what the set {name!r} had when it was added is not known"
        yield warning(f"{what}, so a change of it goes unnoticed; {how_to_freeze(model)}")
