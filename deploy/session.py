"""What every command begins with: deploy.yaml, the log, and the way to Azure."""

from __future__ import annotations

import logging
import threading
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from deploy.endpoint import Endpoint
from deploy.loading import load_settings
from deploy.names import MODELS, Names
from deploy.pieces import Kind
from deploy.push.shelf import Shelf
from deploy.settings import DeploySettings
from deploy.template.part import API_VERSIONS
from job.blob_url import BlobUrl, parse_blob_url
from job.clock import Clock
from job.connect import open_store
from job.errors import Exit, StoppedError, UnavailableError, UsageError
from job.logs import redacted, start_log
from job.notices.urls import secret_parts
from job.output import say
from job.secret import Secret
from job.storage_secrets import storage_secrets
from job.store import Store
from job.units import parse_duration
from job.variables import VARIABLES

if TYPE_CHECKING:
    from deploy.azure import Azure

log = logging.getLogger(__name__)


def tell(text: str) -> None:
    """Prints a text for people, without what the log does not show either."""
    say(redacted(text))


@dataclass(frozen=True)
class Session:
    """A command's surroundings; nothing is sent by making one.

    Attributes:
        patience: seconds for which a request is tried again.
    """

    settings: DeploySettings
    environ: Mapping[str, str]
    endpoint: Endpoint
    clock: Clock
    patience: float

    @cached_property
    def names(self) -> Names:
        """What everything is called."""
        return Names(self.settings)

    @cached_property
    def azure(self) -> Azure:
        """Azure's management, signed in to when it is first asked."""
        try:
            from deploy.azure import Azure
            from job.identity import credential
        except ModuleNotFoundError as error:
            raise UsageError(
                "Azure cannot be asked",
                [f"no module named {error.name!r}"],
                hint="pip install '.[deploy]' in a clone",
            ) from error
        return Azure(
            subscription=self.settings.subscription,
            group=self.settings.resource_group,
            name=self.settings.name,
            endpoint=self.endpoint,
            credential=credential(self.environ),
            clock=self.clock,
            patience=self.patience,
        )

    def container(self, name: str) -> BlobUrl:
        """Where a container of the storage account is: `MODELS` or `RUNS`.

        Raises `UsageError` where there is no account yet.
        """
        body = self.azure.arm.get(self.names.storage, API_VERSIONS[Kind.STORAGE])
        if body is None:
            raise UsageError(
                f"there is no storage account {self.settings.storage.account} in "
                f"{self.settings.resource_group} yet",
                [],
                hint="`python -m deploy apply` makes it",
            )
        try:
            return parse_blob_url(body["properties"]["primaryEndpoints"]["blob"] + name)
        except (KeyError, TypeError, ValueError) as error:
            raise UnavailableError(
                f"cannot understand where {self.settings.storage.account} is", str(error)
            ) from error

    def store(self, name: str) -> Store:
        """A container of the storage account, to be read and written as whoever is signed in."""
        url = self.container(name)
        return open_store(url, self.environ, clock=self.clock, patience=self.patience)

    @contextmanager
    def hurried(self, seconds: float) -> Iterator[Session]:
        """The same, but nothing waits for longer: for what is good to know and no more."""
        clock = Clock()
        late = StoppedError("there was no answer in time", Exit.UNAVAILABLE)
        timer = threading.Timer(seconds, clock.stop, [late])
        timer.daemon = True
        timer.start()
        try:
            yield replace(self, clock=clock)
        finally:
            timer.cancel()

    def shelf(self) -> Shelf:
        """The models container."""
        return cast(Shelf, self.store(MODELS))


def begin(args: Namespace, environ: Mapping[str, str]) -> Session:
    """What a command works with; the log is started.

    Raises `UsageError` for what is wrong with deploy.yaml or with the environment.
    """
    settings = load_settings(Path(args.file))
    start((), environ)
    return Session(
        settings=settings,
        environ=environ,
        endpoint=Endpoint.from_env(environ),
        clock=Clock(),
        patience=_patience(environ),
    )


def start(secrets: Iterable[Secret], environ: Mapping[str, str]) -> None:
    """Starts the log; it shows none of these, nor what opens a storage account."""
    given = {secret.reveal() for secret in secrets}
    parts = {part for text in given if "://" in text for part in secret_parts(text)}
    hidden = given | parts | storage_secrets(environ)
    start_log(format="text", level="info", secrets=hidden)
    logging.getLogger("deploy").setLevel(logging.INFO)
    # What they warn of comes as an error as well, in words that say what to do.
    logging.getLogger("azure").setLevel(logging.ERROR)


def _patience(environ: Mapping[str, str]) -> float:
    name = "NUMERAI_RETRY_PATIENCE"
    default = next(variable.default for variable in VARIABLES if variable.name == name)
    try:
        return parse_duration(environ.get(name) or default or "2m")
    except ValueError as error:
        raise UsageError(
            "the settings are wrong; nothing was tried", [f"{name}: {error}"]
        ) from None
