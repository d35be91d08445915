"""`check`: everything that can be known before a round, in one report."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial

from job.artifacts import Artifact, check_size
from job.clock import Clock
from job.commands.prepare import secrets_of, start_logging
from job.connect import connect, open_models
from job.errors import Exit, JobError, ModelError, UsageError
from job.findings import (
    Finding,
    dataset_findings,
    env_findings,
    exit_code,
    faults_of,
    ok,
    slot_findings,
    token_findings,
    warning,
)
from job.logs import hide
from job.manifest import Manifest
from job.model_spec import ModelSpec
from job.models_root import ModelsRoot
from job.notices.report import report
from job.objects import PUSH
from job.output import say
from job.recipe import feature_paths
from job.settings import Settings, notices_of, wants_exit_zero
from job.sidecar import Sidecar, how_to_freeze, read_sidecar, unfrozen
from job.storage_secrets import storage_secrets
from job.tournament import Tournament
from job.trial.bench import Bench
from job.trial.findings import runtime_findings, trial_findings

log = logging.getLogger(__name__)


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Prints the report, line by line as it is found; the exit code is that of the gravest fault,
    or 0 where the platform would start again what ends otherwise, and so tell everything again.
    """
    exit_zero = wants_exit_zero(environ)
    try:
        code = _checked(args, environ)
    except JobError as error:
        error.exit_code = Exit.OK if exit_zero else error.exit_code
        raise
    except Exception:
        if not exit_zero:
            raise
        log.exception("unforeseen error")
        return Exit.OK
    return Exit.OK if exit_zero else code


def _checked(args: Namespace, environ: Mapping[str, str]) -> Exit:
    findings: list[Finding] = []
    with report(environ, findings) if args.notify else nullcontext():
        for finding in _findings(environ, args):
            say(f"{finding.kind:<8} {finding.text}")
            findings.append(finding)
        faults, warnings = (sum(f.kind == kind for f in findings) for kind in ("fault", "warning"))
        say(f"\nfaults: {faults}, warnings: {warnings}")
    return exit_code(findings)


def _findings(environ: Mapping[str, str], args: Namespace) -> Iterator[Finding]:
    hide(storage_secrets(environ))
    settings, faults = _settings(environ)
    yield from faults
    if args.notify and not notices_of(environ)[0]:
        yield warning("--notify: NUMERAI_NOTIFY names nobody to tell")
    if settings is None:
        return
    clock = Clock()
    start_logging(settings, environ)
    found, faults = _manifest(settings, environ, clock)
    yield from faults
    if found is not None:
        root, manifest = found
        start_logging(settings, environ, secrets_of(manifest, environ))
        bench = Bench.of(settings, manifest, root, environ)
        yield from model_findings(root, manifest, environ, bench if args.deep else None)
    models = _enabled(None if found is None else found[1])
    if settings.public_id and settings.secret_key:
        yield from _numerai(connect(settings, clock), models, settings.own_webhook)


def _settings(environ: Mapping[str, str]) -> tuple[Settings | None, list[Finding]]:
    """The settings, also where only the credentials are at fault, so that the rest is checked."""
    try:
        return Settings.from_env(environ), [ok("settings")]
    except UsageError as error:
        faults = faults_of(error)
    try:
        return Settings.from_env(environ, credentials=False), faults
    except UsageError:
        return None, faults


def _manifest(
    settings: Settings, environ: Mapping[str, str], clock: Clock
) -> tuple[tuple[ModelsRoot, Manifest] | None, list[Finding]]:
    try:
        root = open_models(settings, environ, clock)
        manifest = root.manifest(settings.manifest)
    except JobError as error:
        return None, faults_of(error)
    counts = f"{len(manifest.models)} models, {len(_enabled(manifest))} enabled"
    return (root, manifest), [ok(f"manifest {manifest.path}: {counts}")]


def _enabled(manifest: Manifest | None) -> list[ModelSpec]:
    return [model for model in manifest.models if model.enabled] if manifest else []


def model_findings(
    root: ModelsRoot, manifest: Manifest, environ: Mapping[str, str], bench: Bench | None
) -> Iterator[Finding]:
    """What the models of the manifest are, tried if there is a bench."""
    models = _enabled(manifest)
    yield from runtime_findings(manifest, environ, deep=bench is not None)
    yield from env_findings(models, environ)
    for model in models:
        if bench is None and not root.is_local:
            yield from _guarded(partial(_stored, root, model), subject=model.name)
            continue
        artifact, findings = _artifact(root, model)
        yield from findings
        if bench is None and artifact is not None:
            yield from _features(root, model, read_sidecar(artifact.path, sha256=artifact.sha256))
        if bench is not None and artifact is not None and not _lacks(model, environ):
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
    sidecar = read_sidecar(artifact.path, sha256=artifact.sha256)
    there = ok(f"{model.name}: artifact {model.artifact}, {pinned}")
    return artifact, [there, *_unfrozen(model, sidecar)]


def _unfrozen(model: ModelSpec, sidecar: Sidecar | None) -> Iterator[Finding]:
    """Sets of features that `add` could not look up: another meaning would go unnoticed."""
    for name in unfrozen(sidecar, model) if sidecar else ():
        what = f"{model.name}: what the set {name!r} had when it was added is not known"
        yield warning(f"{what}, so a change of it goes unnoticed; {how_to_freeze(model)}")


def _numerai(
    numerai: Tournament, models: Sequence[ModelSpec], own_webhook: str | None
) -> Iterator[Finding]:
    tournaments = sorted({model.tournament for model in models})
    yield from _guarded(lambda: token_findings(numerai.token_info()))
    yield from _guarded(
        lambda: slot_findings(models, numerai.account_state(tournaments), own_webhook=own_webhook)
    )
    for name in tournaments:
        yield from _guarded(partial(_datasets, numerai, name, models))


def _datasets(
    numerai: Tournament, tournament: str, models: Sequence[ModelSpec]
) -> Iterable[Finding]:
    return dataset_findings(models, numerai.datasets(tournament, None), tournament=tournament)


def _guarded(check: Callable[[], Iterable[Finding]], *, subject: str = "") -> Iterator[Finding]:
    """A check's findings; an error ends this check only."""
    try:
        yield from check()
    except JobError as error:
        yield from faults_of(error, subject=subject)
