"""What every command begins with: settings, the log, the manifest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from job.errors import UsageError
from job.logs import Redactor, start_log
from job.manifest import Manifest, find_manifest, read_manifest
from job.notices.urls import secret_parts
from job.settings import Settings, manifest_place_of

log = logging.getLogger(__name__)


def no_flags(_: Manifest | None) -> Iterable[str]:
    """For a command without flags that could be wrong."""
    return ()


def prepare(
    environ: Mapping[str, str], flags: Callable[[Manifest | None], Iterable[str]] = no_flags
) -> tuple[Settings, Manifest]:
    """Settings and manifest, with the log started.

    Args:
        flags: gives a sentence for each fault of the command line, which may name models; None
            where the manifest cannot be read.

    Raises `UsageError` with every fault of all three.
    """
    errors: list[UsageError] = []
    settings = manifest = None
    with _gathered(errors):
        settings = Settings.from_env(environ)
    with _gathered(errors):
        manifest = _manifest_of(settings, environ)
    if faults := list(flags(manifest)):
        errors.append(UsageError("the command line is wrong; nothing was tried", faults))
    if settings is None or manifest is None or errors:
        raise errors[0] if len(errors) == 1 else _together(errors)
    start_logging(settings, secrets_of(manifest, environ))
    return settings, manifest


@contextmanager
def _gathered(errors: list[UsageError]) -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        errors.append(error)


def _together(errors: Iterable[UsageError]) -> UsageError:
    faults = [line for error in errors for line in error.lines()]
    return UsageError("the run is refused; nothing was tried", faults)


def _manifest_of(settings: Settings | None, environ: Mapping[str, str]) -> Manifest | None:
    """The manifest, also where other settings are at fault, so that all is told at once."""
    if settings is not None:
        return manifest_of(settings)
    place = manifest_place_of(environ)
    if place is None:
        return None
    setting, models_dir = place
    path = find_manifest(setting, models_dir=models_dir, cwd=Path.cwd())
    return read_manifest(path, models_dir=models_dir)


def secrets_of(manifest: Manifest, environ: Mapping[str, str]) -> set[str]:
    """What the manifest gives to models from the environment: as secret as the token."""
    names = {name for model in manifest.models for name in model.env}
    return {environ[name] for name in names if environ.get(name)}


def start_logging(settings: Settings, secrets: Iterable[str] = ()) -> Redactor:
    """Starts the log as the settings say, and gives what takes the secrets out of a text: the API
    token and further ones.
    """
    redact = start_log(
        format=settings.log_format,
        level=settings.log_level,
        secrets=[
            settings.public_id.reveal(),
            settings.secret_key.reveal(),
            *secret_parts(settings.notify.reveal()),
            *secret_parts(settings.ping_url.reveal()),
            *secrets,
        ],
    )
    for warning in settings.warnings:
        log.warning(warning)
    return redact


def manifest_of(settings: Settings) -> Manifest:
    """The manifest that the settings name."""
    path = find_manifest(settings.manifest, models_dir=settings.models_dir, cwd=Path.cwd())
    return read_manifest(path, models_dir=settings.models_dir)
