"""Names and resource ids of everything that a deployment consists of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from deploy.settings import DeploySettings

MODELS: Final = "models"
RUNS: Final = "runs"
WEBHOOK_TRIGGER: Final = "numerai"
"""The name of the trigger in the webhook's workflow, for `listCallbackUrl`."""
SCHEDULE_TRIGGER: Final = "schedule"

# What ARM's guid() uses, as its documentation has it: a template and this module agree on names.
_ARM_NAMESPACE: Final = UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")


def arm_guid(*parts: str) -> str:
    """What the template function `guid(...)` gives for these texts."""
    return str(uuid5(_ARM_NAMESPACE, "-".join(parts)))


def guid_of(*parts: str) -> str:
    """The same of ids and names of which the case does not matter, for Azure compares them without:
    what has a name made of another spelling would be in the way of itself.
    """
    return arm_guid(*(part.lower() for part in parts))


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a deployment's resources have, and their ids.

    Ids begin with a slash and carry no API version.
    """

    settings: DeploySettings

    @property
    def subscription_id(self) -> str:
        """The subscription."""
        return f"/subscriptions/{self.settings.subscription}"

    @property
    def scope(self) -> str:
        """The resource group."""
        return f"{self.subscription_id}/resourceGroups/{self.settings.resource_group}"

    @property
    def identity(self) -> str:
        """The job's identity."""
        return self._id("Microsoft.ManagedIdentity/userAssignedIdentities", self.identity_name)

    @property
    def identity_name(self) -> str:
        """The job's identity, by name."""
        return f"{self.settings.name}-identity"

    @property
    def starter(self) -> str:
        """The identity of the workflows, which may start the groups and nothing else."""
        return self._id("Microsoft.ManagedIdentity/userAssignedIdentities", self.starter_name)

    @property
    def starter_name(self) -> str:
        """The identity of the workflows, by name."""
        return f"{self.settings.name}-starter"

    @property
    def group(self) -> str:
        """The container group."""
        return self._id("Microsoft.ContainerInstance/containerGroups", self.settings.name)

    @property
    def check_group(self) -> str:
        """The container group that checks before a round."""
        return self._id("Microsoft.ContainerInstance/containerGroups", self.check_group_name)

    @property
    def check_group_name(self) -> str:
        """The container group that checks before a round, by name."""
        return f"{self.settings.name}-check"

    @property
    def storage(self) -> str:
        """The storage account."""
        return self._id("Microsoft.Storage/storageAccounts", self.settings.storage.account)

    @property
    def blobs(self) -> str:
        """The account's blob service."""
        return f"{self.storage}/blobServices/default"

    @property
    def lifecycle(self) -> str:
        """What becomes of the account's former versions."""
        return f"{self.storage}/managementPolicies/default"

    def container(self, name: str) -> str:
        """A container of the account: `MODELS` or `RUNS`."""
        return f"{self.blobs}/containers/{name}"

    def container_url(self, name: str) -> str:
        """Where a container is in Azure's public cloud: `https://<account>.blob...`."""
        return f"https://{self.settings.storage.account}.blob.core.windows.net/{name}"

    @property
    def registry(self) -> str | None:
        """The container registry, if one is used."""
        if self.settings.acr is None:
            return None
        return self._id("Microsoft.ContainerRegistry/registries", self.settings.acr)

    def workflow(self, name: str) -> str:
        """A workflow by its name."""
        return self._id("Microsoft.Logic/workflows", name)

    @property
    def schedule_names(self) -> tuple[str, ...]:
        """The workflows of the schedules, one for each of `settings.grids`."""
        return self._numbered("trigger", len(self.settings.grids))

    @property
    def check_names(self) -> tuple[str, ...]:
        """The workflows of the checks, one for each of `settings.check_grids`."""
        return self._numbered("check", len(self.settings.check_grids))

    @property
    def webhook_name(self) -> str:
        """The workflow that Numerai calls."""
        return f"{self.settings.name}-webhook"

    @property
    def webhook(self) -> str:
        """The workflow that Numerai calls, by id."""
        return self.workflow(self.webhook_name)

    @property
    def webhook_trigger(self) -> str:
        """The trigger in it that has a callback URL."""
        return f"{self.webhook}/triggers/{WEBHOOK_TRIGGER}"

    @property
    def start_role(self) -> str:
        """The custom role that may start the container groups that it is assigned on."""
        guid = guid_of(self.group, "start")
        return f"{self.scope}/providers/Microsoft.Authorization/roleDefinitions/{guid}"

    def assignment(self, scope: str, *, guid: str) -> str:
        """A role assignment on a resource."""
        return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{guid}"

    def _numbered(self, what: str, count: int) -> tuple[str, ...]:
        return tuple(f"{self.settings.name}-{what}-{n}" for n in range(1, count + 1))

    def _id(self, kind: str, name: str) -> str:
        return f"{self.scope}/providers/{kind}/{name}"
