"""What every command begins with: settings, the log, the manifest."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from job.logs import Redactor, start_log
from job.manifest import Manifest, find_manifest, read_manifest
from job.settings import Settings

log = logging.getLogger(__name__)


def prepare(environ: Mapping[str, str]) -> tuple[Settings, Manifest]:
    """Settings and manifest; raises `UsageError` with every fault of the first that has any."""
    settings = Settings.from_env(environ)
    start_logging(settings)
    return settings, manifest_of(settings)


def start_logging(settings: Settings) -> Redactor:
    """Starts the log as the settings say, and gives what takes the secrets out of a text."""
    redact = start_log(
        format=settings.log_format,
        level=settings.log_level,
        secrets=[settings.public_id.reveal(), settings.secret_key.reveal()],
    )
    for warning in settings.warnings:
        log.warning(warning)
    return redact


def manifest_of(settings: Settings) -> Manifest:
    """The manifest that the settings name."""
    path = find_manifest(settings.manifest, models_dir=settings.models_dir, cwd=Path.cwd())
    return read_manifest(path)
