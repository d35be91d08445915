"""What is done to resources, whoever asks: a request for one, or a deployment of many."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.azure.access import Access
from tests.azure.directory import Principal
from tests.azure.errors import Json, Refusal
from tests.azure.faults import Fault, Faults, Kind
from tests.azure.ids import ResourceId
from tests.azure.messages import Reply, json_reply
from tests.azure.operations import Operations
from tests.azure.providers import Provider
from tests.azure.specs import Specs
from tests.azure.state import Resource, State


class Desk:
    """Checks bodies and rights, and hands on to the providers of the kinds."""

    def __init__(
        self,
        state: State,
        access: Access,
        specs: Specs,
        operations: Operations,
        faults: Faults,
        *,
        providers: Iterable[Provider],
        wait: Callable[[float | None], bool],
    ) -> None:
        self._state, self._access, self._specs = state, access, specs
        self._operations, self._faults, self._wait = operations, faults, wait
        self._providers = {one.type.lower(): one for one in providers}

    def kind(self, id_: ResourceId) -> Provider:
        """Who looks after a kind of resource.

        Raises:
            Refusal: nobody does.
        """
        provider = self._providers.get(id_.type.lower())
        if provider is None:
            raise Refusal(
                404,
                "InvalidResourceType",
                f"The resource type '{'/'.join(id_.types)}' could not be found in the namespace "
                f"'{id_.namespace}'.",
            )
        return provider

    def provider(self, id_: ResourceId, api_version: str) -> Provider:
        """The same, for requests of one version.

        Raises:
            Refusal: nobody does, or not by this version.
        """
        provider = self.kind(id_)
        if api_version not in provider.api_versions:
            raise Refusal(
                400,
                "NoRegisteredProviderFound",
                f"No registered resource provider found for API version '{api_version}' for type "
                f"'{'/'.join(id_.types)}'. The supported api-versions are "
                f"'{', '.join(provider.api_versions)}'.",
            )
        return provider

    def show(self, resource: Resource) -> Json:
        """What a GET of it answers."""
        return self._providers[resource.id.type.lower()].show(resource)

    def may_write(self, who: Principal, id_: ResourceId) -> bool:
        """Whether a principal may make or change a resource."""
        return self._access.allows(who, f"{id_.type}/write", id_.text)

    def check_form(self, id_: ResourceId, api_version: str, body: Any) -> Provider:
        """Refuses a body that is not of its kind."""
        provider = self.provider(id_, api_version)
        if provider.tracked and "location" not in body:
            raise Refusal(
                400, "LocationRequired", "The location property is required for this definition."
            )
        self._specs.check(id_.type, body)
        return provider

    def put(self, id_: ResourceId, api_version: str, body: Json, fault: Fault | None) -> Reply:
        """Makes or changes a resource, at once or as a long-running operation."""
        provider, former = self._checked(id_, api_version, body)
        status = 200 if former else 201
        if "put" not in provider.slow:
            return json_reply(status, provider.show(provider.put(id_, body)))
        fails = fault is not None and fault.kind is Kind.FAIL
        made = self._state.put(id_, body, provisioning="Failed" if fails else "Creating")
        first = json_reply(status, provider.show(made))
        return self._operations.begin(
            lambda: provider.show(provider.put(id_, body)), first, fault=fault
        )

    def put_now(self, who: Principal, id_: ResourceId, api_version: str, body: Json) -> None:
        """The same for a deployment: it waits for the end."""
        self._spoil(self._faults.draw(f"{id_.types[-1]}.put", id_.text))
        self._access.check(who, f"{id_.type}/write", id_.text)
        provider, _ = self._checked(id_, api_version, body)
        provider.put(id_, body)

    def delete(self, id_: ResourceId, api_version: str, fault: Fault | None) -> Reply:
        """Removes a resource; 204 where there is none."""
        provider = self.provider(id_, api_version)
        resource = self._state.find(id_)
        if resource is None:
            return Reply(204)
        if "delete" in provider.slow:
            return self._operations.begin(
                lambda: self._remove(provider, resource), Reply(202), fault=fault
            )
        self._remove(provider, resource)
        return Reply(200)

    def remove_all(self, scope: str) -> None:
        """Removes every resource of a group, what was made last first."""
        for resource in reversed(self._state.under(scope)):
            if self._state.find(resource.id) is not None:
                self._remove(self._providers[resource.id.type.lower()], resource)

    def _remove(self, provider: Provider, resource: Resource) -> None:
        provider.delete(resource)
        self._state.drop(resource.id)
        for one in reversed(self._state.under(resource.id.text)):
            self._state.drop(one.id)  # what is below it, and the assignments at it

    def _checked(
        self, id_: ResourceId, api_version: str, body: Json
    ) -> tuple[Provider, Resource | None]:
        if id_.group:
            self._state.group(id_.group)
        provider = self.check_form(id_, api_version, body)
        former = self._state.find(id_)
        if former is not None and former.body.get("location") != body.get("location"):
            raise Refusal(
                409,
                "InvalidResourceLocation",
                f"The resource '{id_.names[-1]}' already exists in location "
                f"'{former.body.get('location')}' in resource group '{id_.group}'. A resource with "
                f"the same name cannot be created in location '{body.get('location')}'.",
            )
        provider.check(id_, body, former)
        return provider, former

    def _spoil(self, fault: Fault | None) -> None:
        """Faults at a resource of a deployment make the deployment wait, or fail."""
        if fault is None or fault.kind is Kind.LOST_REPLY:
            return
        if fault.kind in (Kind.SLOW, Kind.STUCK):
            self._wait(fault.seconds if fault.kind is Kind.SLOW else None)
        else:
            raise Refusal(fault.status, fault.code, fault.message)
