"""`check`: everything that can be known before a round, in one report."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from job.artifacts import Artifacts
from job.clock import Clock
from job.commands.prepare import manifest_of, start_logging
from job.connect import connect
from job.errors import Exit, JobError, UsageError
from job.findings import (
    Finding,
    dataset_findings,
    exit_code,
    faults_of,
    ok,
    slot_findings,
    token_findings,
)
from job.model_spec import ModelSpec
from job.output import say
from job.settings import Settings
from job.tournament import Tournament


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Prints the report, line by line as it is found; the exit code is that of the gravest
    fault.
    """
    findings = []
    for finding in _findings(environ):
        say(f"{finding.kind:<8} {finding.text}")
        findings.append(finding)
    faults, warnings = (sum(f.kind == kind for f in findings) for kind in ("fault", "warning"))
    say(f"\nfaults: {faults}, warnings: {warnings}")
    return exit_code(findings)


def _findings(environ: Mapping[str, str]) -> Iterator[Finding]:
    settings, faults = _settings(environ)
    yield from faults
    if settings is None:
        return
    start_logging(settings)
    models: list[ModelSpec] = []
    yield from _guarded(lambda: _manifest(settings, models))
    artifacts = Artifacts(settings.models_dir)
    for model in models:
        yield from _artifact(artifacts, model)
    if settings.public_id and settings.secret_key:
        yield from _numerai(connect(settings, Clock()), models)


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


def _manifest(settings: Settings, models: list[ModelSpec]) -> Iterator[Finding]:
    manifest = manifest_of(settings)
    models.extend(model for model in manifest.models if model.enabled)
    yield ok(f"manifest {manifest.path}: {len(manifest.models)} models, {len(models)} enabled")


def _artifact(artifacts: Artifacts, model: ModelSpec) -> Iterable[Finding]:
    try:
        artifact = artifacts.get(model)
    except JobError as error:
        return faults_of(error, subject=model.name)
    pinned = "as pinned" if model.sha256 else f"sha256 {artifact.sha256} (not pinned)"
    return [ok(f"{model.name}: artifact {model.artifact}, {pinned}")]


def _numerai(numerai: Tournament, models: Sequence[ModelSpec]) -> Iterator[Finding]:
    tournaments = sorted({model.tournament for model in models})
    yield from _guarded(lambda: token_findings(numerai.token_info()))
    yield from _guarded(lambda: slot_findings(models, numerai.account_state(tournaments)))
    for name in tournaments:
        yield from _guarded(partial(_datasets, numerai, name, models))


def _datasets(
    numerai: Tournament, tournament: str, models: Sequence[ModelSpec]
) -> Iterable[Finding]:
    return dataset_findings(models, numerai.datasets(tournament, None))


def _guarded(check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """A check's findings; an error ends this check only."""
    try:
        yield from check()
    except JobError as error:
        yield from faults_of(error)
