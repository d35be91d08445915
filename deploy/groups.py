"""The container group: its state, its start, its logs."""

from __future__ import annotations

from typing import Any, Final

from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError
from azure.mgmt.containerinstance import ContainerInstanceManagementClient
from azure.mgmt.containerinstance.models import ContainerGroup

from deploy.arm import Arm, connection_options
from deploy.instance import Instance
from deploy.refusals import AbsentError, asking, code_of
from deploy.template.group import CONTAINER
from job.errors import UsageError

LOG_LINES: Final = 1000
GLANCE: Final[dict[str, Any]] = {"connection_timeout": 5, "read_timeout": 10}
"""Seconds that a look at the logs may take while something else is waited for."""
TRANSITIONING: Final = "ContainerGroupTransitioning"


class Groups:
    """The container group `name` of the resource group `group`."""

    def __init__(
        self, arm: Arm, credential: TokenCredential, *, subscription: str, group: str, name: str
    ) -> None:
        self.group, self.name = group, name
        self._arm = arm
        client = ContainerInstanceManagementClient(
            credential,
            subscription,
            base_url=arm.endpoint.url,
            **connection_options(arm.endpoint),
        )
        self._groups, self._containers = client.container_groups, client.containers

    def instance(self) -> Instance | None:
        """The container group as it is now, None where there is none."""
        try:
            found = self._arm.tried(
                f"look at the container group {self.name}",
                lambda: self._groups.get(self.group, self.name),
            )
        except AbsentError:
            return None
        return _instance(found)

    def start(self) -> None:
        """Starts the container group; nothing happens where it runs. Does not wait."""
        self._arm.tried(f"start the container group {self.name}", self._begin)

    def _begin(self) -> None:
        try:
            self._groups.begin_start(self.group, self.name, polling=False)
        except HttpResponseError as error:
            # A group that has ended by itself may want to be stopped before it starts again.
            now = self.instance() if code_of(error) == TRANSITIONING else None
            if now is not None and now.over:
                self._groups.stop(self.group, self.name)
            raise

    def logs(self) -> str | None:
        """What the container has written, as far as Azure has it; None where it has none now."""
        try:
            return self._arm.tried(f"read the logs of {self.name}", self._logs)
        except (AbsentError, UsageError):
            return None

    def glance_at_logs(self) -> str | None:
        """The same, asked for once and in a hurry. Raises as `refusals.asking` does."""
        with asking(f"read the logs of {self.name}"):
            return self._logs(**GLANCE)

    def _logs(self, **options: Any) -> str | None:
        found = self._containers.list_logs(
            self.group, self.name, CONTAINER, tail=LOG_LINES, **options
        )
        return found.content


def _instance(found: ContainerGroup) -> Instance:
    # What only Azure fills in has the type None in the models.
    container: Any = found.containers[0]
    view: Any = container.instance_view
    group: Any = found.instance_view
    state: Any = view and view.current_state
    events = [*((view and view.events) or ()), *((group and group.events) or ())]
    return Instance(
        group=(group and group.state) or "",
        container=(state and state.state) or "",
        detail=(state and state.detail_status) or "",
        exit_code=state and state.exit_code,
        started=state and state.start_time,
        finished=state and state.finish_time,
        restarts=(view and view.restart_count) or 0,
        image=container.image or "",
        events=tuple(f"{event.name}: {event.message}" for event in events),
    )
