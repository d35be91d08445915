"""Azure Resource Manager as such: things by their ids, each request tried again while that can
help.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.core.pipeline.policies import HeadersPolicy, RequestIdPolicy, UserAgentPolicy
from azure.core.rest import HttpRequest
from azure.mgmt.core import ARMPipelineClient
from azure.mgmt.core.exceptions import ARMErrorFormat
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

from deploy.endpoint import Endpoint
from deploy.refusals import AbsentError, asking
from job.clock import Clock
from job.errors import UnavailableError
from job.retry import Retry

T = TypeVar("T")
Json = dict[str, Any]

LISTING: Final = "2021-04-01"
"""The API version of resource groups and of what is in them."""


def connection_options(endpoint: Endpoint) -> dict[str, Any]:
    """What every client is made with. Trying again is this project's own business: its retries
    keep to the clock and say what they wait for.
    """
    return {
        "credential_scopes": [endpoint.scope],
        "connection_verify": str(endpoint.ca) if endpoint.ca else True,
        "connection_timeout": 30,
        "read_timeout": 120,
        "retry_total": 0,
    }


class Arm:
    """Things by their ids."""

    def __init__(
        self, *, endpoint: Endpoint, credential: TokenCredential, clock: Clock, patience: float
    ) -> None:
        self.endpoint = endpoint
        self.clock = clock
        self._retry = Retry(clock, patience)
        self._client: ARMPipelineClient[Any, Any] = ARMPipelineClient(
            base_url=endpoint.url,
            policies=[
                RequestIdPolicy(),
                HeadersPolicy(),
                UserAgentPolicy("numerai-job"),
                ARMChallengeAuthenticationPolicy(credential, endpoint.scope),
            ],
            **connection_options(endpoint),
        )

    def tried(self, what: str, ask: Callable[[], T]) -> T:
        """What `ask` gives, tried again while waiting can help.

        Raises as `refusals.asking` does; `UnavailableError` when patience ends.
        """

        def once() -> T:
            with asking(what):
                return ask()

        return self._retry(once, what=f"Azure could not {what}")

    def get(self, resource_id: str, api_version: str) -> Json | None:
        """A resource, None where there is none."""
        what = f"look at {shown(resource_id)}"
        try:
            return self._json("GET", resource_id, api_version, what=what)
        except AbsentError:
            return None

    def put(self, resource_id: str, api_version: str, body: Json) -> Json | None:
        """Makes or changes a resource; what it is now."""
        return self._json(
            "PUT", resource_id, api_version, what=f"make {shown(resource_id)}", body=body
        )

    def post(self, resource_id: str, api_version: str, *, what: str) -> Json | None:
        """Has a resource do something."""
        return self._json("POST", resource_id, api_version, what=what)

    def delete(self, resource_id: str, api_version: str, *, patience: float) -> bool:
        """Deletes a resource and waits until it is gone; False where there was none.

        Raises `UnavailableError` when it is still there after `patience` seconds.
        """
        if self.get(resource_id, api_version) is None:
            return False
        try:
            self._json("DELETE", resource_id, api_version, what=f"delete {shown(resource_id)}")
        except AbsentError:
            return True
        end = self.clock.monotonic() + patience
        while self.get(resource_id, api_version) is not None:
            if self.clock.monotonic() >= end:
                raise UnavailableError(
                    f"{shown(resource_id)} is still there {patience:.0f} s after Azure was told "
                    "to delete it",
                    hint=f"look at it in the portal: {portal_url(resource_id)}; then run again",
                )
            self.clock.sleep(self.endpoint.poll_seconds)
        return True

    def tagged(self, group_id: str, tag: str, value: str) -> list[str]:
        """The ids of what in a resource group has a tag; none where there is no such group."""
        wanted = f"tagName eq '{tag}' and tagValue eq '{value}'"
        query = urlencode({"$filter": wanted, "api-version": LISTING}, quote_via=quote)
        try:
            return [
                str(row["id"])
                for row in self._pages(f"{group_id}/resources?{query}", what="list what is there")
            ]
        except AbsentError:
            return []

    def assignments(self, scope: str, principal: str, api_version: str) -> list[Json]:
        """The role assignments that a principal has at, above and below a scope; none where there
        is no such scope.
        """
        query = urlencode(
            {"$filter": f"principalId eq '{principal}'", "api-version": api_version},
            quote_via=quote,
        )
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments?{query}"
        try:
            return list(self._pages(path, what=f"list who may do what with {shown(scope)}"))
        except AbsentError:
            return []

    def _pages(self, path: str, *, what: str) -> Iterator[Json]:
        url: str | None = self._url(path)
        while url:
            page = self.tried(what, lambda url=url: self._send("GET", url)) or {}  # type: ignore[misc]
            yield from page.get("value") or ()
            url = page.get("nextLink")

    def _json(
        self,
        method: str,
        resource_id: str,
        api_version: str,
        body: Json | None = None,
        *,
        what: str,
    ) -> Json | None:
        url = self._url(f"{resource_id}?{urlencode({'api-version': api_version})}")
        return self.tried(what, lambda: self._send(method, url, body))

    def _url(self, path: str) -> str:
        return f"{self.endpoint.url}{path}"

    def _send(self, method: str, url: str, body: Json | None = None) -> Json | None:
        response = self._client.send_request(HttpRequest(method, url, json=body))
        if response.status_code >= 400:
            kinds: Mapping[int, type[HttpResponseError]] = {
                401: ClientAuthenticationError,
                404: ResourceNotFoundError,
            }
            kind = kinds.get(response.status_code, HttpResponseError)
            raise kind(response=response, error_format=ARMErrorFormat)
        if response.status_code == 204 or not response.content:
            return None
        found = response.json()
        return found if isinstance(found, dict) else None


def shown(resource_id: str) -> str:
    """A resource as messages name it: `containerGroups numerai`."""
    parts = resource_id.rstrip("/").split("/")
    return " ".join(parts[-2:])


def portal_url(resource_id: str) -> str:
    """Where people can look at a resource."""
    return f"https://portal.azure.com/#resource{resource_id}"
