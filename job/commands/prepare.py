"""What every command begins with: settings, the log, the models root and its manifest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from job.clock import Clock
from job.connect import open_models
from job.errors import UsageError
from job.logs import Redactor, hide, start_log
from job.manifest import Manifest
from job.models_root import LocalRoot, ModelsRoot
from job.notices.urls import secret_parts
from job.settings import Settings, manifest_place_of
from job.storage_secrets import storage_secrets

log = logging.getLogger(__name__)


def no_flags(_: Manifest | None) -> Iterable[str]:
    """For a command without flags that could be wrong."""
    return ()


def prepare(
    environ: Mapping[str, str],
    clock: Clock,
    flags: Callable[[Manifest | None], Iterable[str]] = no_flags,
    *,
    also: Iterable[logging.Handler] = (),
) -> tuple[Settings, ModelsRoot, Manifest]:
    """Settings, models root and manifest, with the log started.

    Args:
        flags: gives a sentence for each fault of the command line, which may name models; None
            where the manifest cannot be read.
        also: what gets the log beside stderr.

    Raises:
        UsageError: with every fault of all three.
        UnavailableError: the manifest is elsewhere and cannot be read; nothing else is known to be
            wrong with the settings.
    """
    hide(storage_secrets(environ))
    errors: list[UsageError] = []
    settings = found = None
    with _gathered(errors):
        settings = Settings.from_env(environ)
    with _gathered(errors):
        found = _manifest_of(settings, environ, clock)
    if faults := list(flags(found and found[1])):
        errors.append(UsageError("the command line is wrong; nothing was tried", faults))
    if settings is None or found is None or errors:
        raise errors[0] if len(errors) == 1 else _together(errors)
    start_logging(settings, environ, secrets_of(found[1], environ), also=also)
    return settings, *found


@contextmanager
def _gathered(errors: list[UsageError]) -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        errors.append(error)


def _together(errors: Iterable[UsageError]) -> UsageError:
    faults = [line for error in errors for line in error.lines()]
    return UsageError("the run is refused; nothing was tried", faults)


def _manifest_of(
    settings: Settings | None, environ: Mapping[str, str], clock: Clock
) -> tuple[ModelsRoot, Manifest] | None:
    """The manifest and where it lies; where other settings are at fault only one of this machine,
    so that all is told at once and nobody else is asked.
    """
    if settings is not None:
        models = open_models(settings, environ, clock)
        return models, models.manifest(settings.manifest)
    place = manifest_place_of(environ)
    if place is None:
        return None
    setting, folder = place
    return LocalRoot(folder), LocalRoot(folder).manifest(setting)


def secrets_of(manifest: Manifest, environ: Mapping[str, str]) -> set[str]:
    """What the manifest gives to models from the environment: as secret as the token."""
    names = {name for model in manifest.models for name in model.env}
    return {environ[name] for name in names if environ.get(name)}


def start_logging(
    settings: Settings,
    environ: Mapping[str, str],
    secrets: Iterable[str] = (),
    *,
    also: Iterable[logging.Handler] = (),
) -> Redactor:
    """Starts the log as the settings say, and gives what takes the secrets out of a text: the API
    token, what opens a storage account, and further ones.
    """
    own = (settings.public_id.reveal(), settings.secret_key.reveal())
    receivers = [
        part
        for address in (settings.notify, settings.ping_url)
        for part in secret_parts(address.reveal())
    ]
    redact = start_log(
        format=settings.log_format,
        level=settings.log_level,
        secrets=[*own, *receivers, *storage_secrets(environ), *secrets],
        also=also,
    )
    for warning in settings.warnings:
        log.warning(warning)
    return redact


def local_models_dir(settings: Settings, command: str) -> Path:
    """The models root, for what changes it; raises `UsageError` where it is not on this machine."""
    if isinstance(settings.models_dir, Path):
        return settings.models_dir
    raise UsageError(
        f"`{command}` works in a models root on this machine",
        [f"NUMERAI_MODELS_DIR is {settings.models_dir}"],
        hint="set it to a folder, then put what is there into Blob Storage with "
        "`python -m deploy push`",
    )
