"""Deployments of a resource group: checked, foreseen, carried out and waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError
from azure.mgmt.resource.deployments import DeploymentsMgmtClient
from azure.mgmt.resource.deployments.models import (
    Deployment,
    DeploymentExtended,
    DeploymentProperties,
    DeploymentWhatIf,
    DeploymentWhatIfProperties,
)

from deploy.arm import Arm, connection_options, shown
from deploy.refusals import AbsentError, code_of, lines_of
from job.errors import UnavailableError, UsageError

DEPLOYING: Final = 20 * 60.0
ASKING: Final = 5 * 60.0
MARK: Final = "numerai-job-apply"
"""A deployment's tag that says which call of `apply` it belongs to."""
ACTIVE: Final = "DeploymentActive"
ENDED: Final = frozenset({"succeeded", "failed", "canceled"})
Json = dict[str, Any]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What Azure's what-if says of a resource: `Create`, `Modify`, `NoChange` and so on."""

    change: str
    id: str


class ActiveError(UnavailableError):
    """Another call of `apply` deploys, or has deployed: what was planned is out of date."""


class Deployments:
    """The deployments called `name` of the resource group `group`."""

    def __init__(
        self, arm: Arm, credential: TokenCredential, *, subscription: str, group: str, name: str
    ) -> None:
        self.group, self.name = group, name
        self._arm, self._clock = arm, arm.clock
        self._former: str | None = None
        client = DeploymentsMgmtClient(
            credential,
            subscription,
            base_url=arm.endpoint.url,
            polling_interval=max(1, round(arm.endpoint.poll_seconds)),
            **connection_options(arm.endpoint),
        )
        self._deployments, self._operations = client.deployments, client.deployment_operations

    def validate(self, template: Json, parameters: Json) -> None:
        """Has Azure check a template; raises `UsageError` with what it finds."""
        body = Deployment(properties=DeploymentProperties(**_how(template, parameters)))
        result = self._result_of(
            f"check the deployment {self.name}",
            lambda: self._deployments.begin_validate(self.group, self.name, body),
        )
        if (error := getattr(result, "error", None)) is not None:
            raise UsageError(f"Azure refuses the deployment {self.name}", lines_of(error))

    def what_if(self, template: Json, parameters: Json) -> tuple[Foreseen, ...]:
        """What Azure itself says a deployment would change."""
        body = DeploymentWhatIf(properties=DeploymentWhatIfProperties(**_how(template, parameters)))
        result = self._result_of(
            f"foresee the deployment {self.name}",
            lambda: self._deployments.begin_what_if(self.group, self.name, body),
        )
        if result.error is not None:
            raise UsageError(f"Azure refuses the deployment {self.name}", lines_of(result.error))
        changes = (result.properties and result.properties.changes) or ()
        return tuple(Foreseen(_text(one.change_type), str(one.resource_id)) for one in changes)

    def deploy(self, template: Json, parameters: Json, *, tell: Tell) -> None:
        """Carries out a deployment and waits for its end, telling the id of what has come about.

        Raises:
            ActiveError: another has come before it, or after it: look again at what there is.
            UnavailableError: it fails, or has not ended after `DEPLOYING` seconds.
        """
        mark = uuid4().hex
        properties = DeploymentProperties(**_how(template, parameters))
        body = Deployment(properties=properties, tags={MARK: mark})
        self._arm.tried(f"begin the deployment {self.name}", lambda: self._begin(body, mark))
        told: set[str] = set()
        self._wait(lambda: self._state(mark, told, tell))

    def wait_for_former(self, tell: Tell) -> None:
        """Waits for a deployment that another call has left under way."""
        found = self._found()
        if found is not None and _state_of(found) not in ENDED:
            tell("a former deployment is still under way; waiting for its end")
            self._wait(lambda: _state_of(self._found()), failed=lambda _: None)
            found = self._found()
        self._former = _mark_of(found)

    def check_alone(self) -> None:
        """Raises `ActiveError` if another has deployed since `wait_for_former`."""
        self._is_there(self._found(), "")

    def _begin(self, body: Deployment, mark: str) -> None:
        """Begins it, unless a try before has done so and only its answer was lost."""
        if self._is_there(self._found(), mark):
            return
        try:
            self._deployments.begin_create_or_update(self.group, self.name, body, polling=False)
        except HttpResponseError as error:
            if code_of(error) == ACTIVE:
                raise self._active() from error
            raise

    def _is_there(self, found: DeploymentExtended | None, mark: str) -> bool:
        """Whether this is the deployment of that mark; raises `ActiveError` if it is another's."""
        there = _mark_of(found)
        if there not in {mark, self._former, None}:
            raise self._active()
        return there == mark

    def _active(self) -> ActiveError:
        return ActiveError(
            f"another `apply` deploys {self.name} at the same time", hint="`apply` again"
        )

    def _wait(
        self, state_now: Callable[[], str], failed: Callable[[str], None] | None = None
    ) -> None:
        end = self._clock.monotonic() + DEPLOYING
        while (state := state_now()) not in ENDED:
            if self._clock.monotonic() >= end:
                raise self._stuck(state)
            self._clock.sleep(self._arm.endpoint.poll_seconds)
        if state != "succeeded":
            (failed or self._fail)(state)

    def _stuck(self, state: str) -> UnavailableError:
        return UnavailableError(
            f"the deployment {self.name} has not ended after {DEPLOYING / 60:.0f} minutes",
            f"Azure says that it is {state}",
            hint=f"`az deployment operation group list -g {self.group} -n {self.name}` shows where "
            "it hangs; `apply` again when it has ended",
        )

    def _fail(self, state: str) -> None:
        found = self._found()
        error = None if found is None or found.properties is None else found.properties.error
        lines = self._failures() or lines_of(error)
        raise UnavailableError(
            f"the deployment {self.name} has {'failed' if state == 'failed' else 'been stopped'}",
            *lines,
            hint="mend that and `apply` again: what is there already stays",
        )

    def _state(self, mark: str, told: set[str], tell: Tell) -> str:
        """The state of the deployment with this mark; tells what has come about since."""
        found = self._found()
        if not self._is_there(found, mark):
            return "accepted"
        for resource_id, state, _ in self._parts():
            if state == "Succeeded" and resource_id not in told:
                told.add(resource_id)
                tell(resource_id)
        return _state_of(found)

    def _found(self) -> DeploymentExtended | None:
        try:
            return self._arm.tried(
                f"look at the deployment {self.name}",
                lambda: self._deployments.get(self.group, self.name),
            )
        except AbsentError:
            return None

    def _parts(self) -> Iterator[tuple[str, str, list[str]]]:
        """Resource id, state and errors of each part of the deployment."""
        try:
            found = self._arm.tried(
                f"look at the deployment {self.name}",
                lambda: list(self._operations.list(self.group, self.name)),
            )
        except AbsentError:
            return
        for part in (one.properties for one in found):
            if part is not None and part.target_resource is not None:
                error = None if part.status_message is None else part.status_message.error
                resource_id = str(part.target_resource.id)
                yield resource_id, str(part.provisioning_state), lines_of(error)

    def _failures(self) -> list[str]:
        return [
            f"{shown(resource_id)}: {line}"
            for resource_id, state, errors in self._parts()
            if state == "Failed"
            for line in errors or ["failed"]
        ]

    def _result_of(self, what: str, begin: Callable[[], Any]) -> Any:
        """The result of a long-running operation that changes nothing."""

        def run() -> Any:
            poller = begin()
            end = self._clock.monotonic() + ASKING
            while not poller.done():
                if self._clock.monotonic() >= end:
                    raise UnavailableError(
                        f"Azure could not {what} within {ASKING / 60:.0f} minutes",
                        hint="nothing was changed; run again later",
                    )
                poller.wait(min(self._arm.endpoint.poll_seconds, 0.5))
                self._clock.check()
            return poller.result()

        return self._arm.tried(what, run)


def _how(template: Json, parameters: Json) -> Json:
    return {"mode": "Incremental", "template": template, "parameters": parameters}


def _mark_of(found: DeploymentExtended | None) -> str | None:
    return None if found is None or found.tags is None else found.tags.get(MARK)


def _state_of(found: DeploymentExtended | None) -> str:
    if found is None or found.properties is None:
        return "accepted"
    return _text(found.properties.provisioning_state or "accepted").lower()


def _text(word: object) -> str:
    """A word of Azure's, which is an enum where the SDK knows it."""
    return str(getattr(word, "value", word))
