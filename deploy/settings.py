"""`deploy.yaml` as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from deploy.triggers import Check, Grid, Schedule, Trigger, Webhook, grids

TOKEN = ("NUMERAI_PUBLIC_ID", "NUMERAI_SECRET_KEY")
"""The secrets that every deployment has."""
MANIFEST: Final = "models_manifest.yaml"
"""The manifest's name, unless NUMERAI_MANIFEST gives it another."""
CHECK_CPU: Final = 1
CHECK_MEMORY: Final = 1
"""The smallest container that there is, in vCPU and GB: a check loads no model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """The storage account: its name, and whether it is made here or was there before."""

    account: str
    create: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploySettings:
    """What `deploy.yaml` asks for.

    Attributes:
        subscription: its id, lower case.
        location: the region in Azure's own spelling, such as `swedencentral`.
        name: of the container group; the other resources are named after it.
        acr: the registry that the image is pulled from by identity; None: a public image.
        cpu: cores.
        memory: GB.
        job: the job's variables that the file gives, by name in the table's order, as text.
        secrets: names of the secret variables beside the API token.
        warnings: sentences about what is allowed and perhaps not meant.
    """

    subscription: str
    resource_group: str
    location: str
    name: str
    image: str
    acr: str | None = None
    cpu: float
    memory: float
    storage: Storage
    triggers: tuple[Trigger, ...] = ()
    job: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def wait(self) -> float:
        """Seconds that a run waits for its round: the longest of the triggers' waits, for a start
        can pass no variables.
        """
        return max((trigger.wait for trigger in self.starts), default=0.0)

    @property
    def manifest(self) -> str:
        """The name of the current manifest in the models container."""
        return dict(self.job).get("NUMERAI_MANIFEST") or MANIFEST

    @property
    def starts(self) -> tuple[Schedule | Webhook, ...]:
        """The triggers that start the job itself."""
        return tuple(trigger for trigger in self.triggers if not isinstance(trigger, Check))

    @property
    def checks(self) -> tuple[Schedule, ...]:
        """When a check is started: for `next_start` and its like."""
        return tuple(trigger.schedule for trigger in self.triggers if isinstance(trigger, Check))

    @property
    def webhook(self) -> bool:
        """Whether Numerai is to call when a round opens."""
        return any(isinstance(trigger, Webhook) for trigger in self.triggers)

    @property
    def grids(self) -> tuple[Grid, ...]:
        """What the schedules of the job come to: one workflow each."""
        schedules = (trigger for trigger in self.triggers if isinstance(trigger, Schedule))
        return tuple(grid for schedule in schedules for grid in grids(schedule))

    @property
    def check_grids(self) -> tuple[Grid, ...]:
        """What the schedules of the checks come to: one workflow each."""
        return tuple(grid for schedule in self.checks for grid in grids(schedule))

    @property
    def all_secrets(self) -> tuple[str, ...]:
        """Names of the secret variables, those of the API token first."""
        return (*TOKEN, *self.secrets)
