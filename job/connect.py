"""The one place where the adapters are made: to Numerai, and to where models and records live."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from job.blob_url import Location
from job.clock import Clock
from job.errors import UsageError
from job.models_root import LocalRoot, ModelsRoot
from job.numerai.adapter import Numerai
from job.numerai.transport import Transport
from job.remote_root import RemoteRoot
from job.retry import Retry
from job.settings import Settings
from job.store import Folder, Store


def connect(settings: Settings, clock: Clock) -> Numerai:
    """Numerai as the settings name it; nothing is sent yet."""
    return Numerai(
        url=settings.api_url,
        token=(settings.public_id.reveal(), settings.secret_key.reveal()),
        transport=Transport(),
        retry=Retry(clock, settings.retry_patience),
    )


def open_store(
    location: Location, environ: Mapping[str, str], *, clock: Clock, patience: float
) -> Store:
    """A folder, or a place in Blob Storage; nothing is sent yet.

    Args:
        environ: where credentials are looked for.
        patience: seconds spent on trying one request again.

    Raises `UsageError` where Blob Storage is asked for and its packages are not installed.
    """
    if isinstance(location, Path):
        return Folder(location)
    try:
        from job.blob import Blob
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{location} cannot be opened",
            [f"no module named {error.name!r}"],
            hint="pip install '.[azure]' in a clone; the image has it",
        ) from error
    return Blob.open(location, environ=environ, clock=clock, retry_patience=patience)


def open_models(settings: Settings, environ: Mapping[str, str], clock: Clock) -> ModelsRoot:
    """The models root as the settings name it; nothing is sent yet."""
    if isinstance(settings.models_dir, Path):
        return LocalRoot(settings.models_dir)
    store = open_store(settings.models_dir, environ, clock=clock, patience=settings.retry_patience)
    cache = settings.data_dir / "artifacts"
    return RemoteRoot(store, cache, allow_unpinned=settings.allow_unpinned)
