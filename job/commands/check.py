"""`check`: everything that can be known before a round, in one report."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial

from job.clock import Clock
from job.commands.prepare import secrets_of, start_logging
from job.connect import connect, open_models
from job.errors import Exit, JobError, UsageError
from job.findings import (
    Finding,
    dataset_findings,
    exit_code,
    faults_of,
    guarded,
    ok,
    slot_findings,
    token_findings,
    warning,
)
from job.logs import hide
from job.manifest import Manifest
from job.model_findings import enabled_models, model_findings
from job.model_spec import ModelSpec
from job.models_root import ModelsRoot
from job.notices.report import report
from job.output import say
from job.settings import Settings, notices_of, wants_exit_zero
from job.storage_secrets import storage_secrets
from job.tournament import Tournament
from job.trial.bench import Bench

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
    models = enabled_models(None if found is None else found[1])
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
    counts = f"{len(manifest.models)} models, {len(enabled_models(manifest))} enabled"
    return (root, manifest), [ok(f"manifest {manifest.path}: {counts}")]


def _numerai(
    numerai: Tournament, models: Sequence[ModelSpec], own_webhook: str | None
) -> Iterator[Finding]:
    tournaments = sorted({model.tournament for model in models})
    yield from guarded(lambda: token_findings(numerai.token_info()))
    yield from guarded(
        lambda: slot_findings(models, numerai.account_state(tournaments), own_webhook=own_webhook)
    )
    for name in tournaments:
        yield from guarded(partial(_datasets, numerai, name, models))


def _datasets(
    numerai: Tournament, tournament: str, models: Sequence[ModelSpec]
) -> Iterable[Finding]:
    return dataset_findings(models, numerai.datasets(tournament, None), tournament=tournament)
