"""`deploy.yaml` as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from deploy.triggers import Grid, Schedule, Trigger, Webhook, grids

TOKEN = ("NUMERAI_PUBLIC_ID", "NUMERAI_SECRET_KEY")
"""The secrets that every deployment has."""


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
        return max((trigger.wait for trigger in self.triggers), default=0.0)

    @property
    def webhook(self) -> bool:
        """Whether Numerai is to call when a round opens."""
        return any(isinstance(trigger, Webhook) for trigger in self.triggers)

    @property
    def grids(self) -> tuple[Grid, ...]:
        """What the schedules come to: one workflow each."""
        schedules = (trigger for trigger in self.triggers if isinstance(trigger, Schedule))
        return tuple(grid for schedule in schedules for grid in grids(schedule))

    @property
    def all_secrets(self) -> tuple[str, ...]:
        """Names of the secret variables, those of the API token first."""
        return (*TOKEN, *self.secrets)
