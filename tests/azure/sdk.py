"""The real clients of Azure's management, pointed at a stand-in."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import pytest
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    HeadersPolicy,
    RetryPolicy,
    UserAgentPolicy,
)
from azure.core.rest import HttpRequest, HttpResponse
from azure.identity import ManagedIdentityCredential
from azure.mgmt.containerinstance import ContainerInstanceManagementClient
from azure.mgmt.core import ARMPipelineClient
from azure.mgmt.core.policies import ARMHttpLoggingPolicy
from azure.mgmt.resource.deployments import DeploymentsMgmtClient

from tests.azure.cloud import Cloud
from tests.azure.errors import Json

API = {
    "Microsoft.ContainerInstance": "2023-05-01",
    "Microsoft.Logic": "2019-05-01",
    "Microsoft.ManagedIdentity": "2023-01-31",
    "Microsoft.Authorization": "2022-04-01",
    "Microsoft.Storage": "2023-05-01",
    "Microsoft.ContainerRegistry": "2023-07-01",
    "Microsoft.Resources": "2024-03-01",
}


class Sdk:
    """Container groups and deployments by their clients, everything else by ids.

    Args:
        environ: who is signed in; the cloud's deployer unless told otherwise.
    """

    def __init__(
        self,
        cloud: Cloud,
        monkeypatch: pytest.MonkeyPatch,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        environ = environ or cloud.environ
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        self.cloud = cloud
        self.credential = ManagedIdentityCredential(client_id=environ["AZURE_CLIENT_ID"])
        scope = f"{cloud.url}/.default"
        common: dict[str, Any] = {
            "base_url": cloud.url,
            "credential_scopes": [scope],
            "connection_verify": str(cloud.ca_bundle),
            "polling_interval": 0,
            "retry_total": 0,
        }
        self.containers = ContainerInstanceManagementClient(
            self.credential, cloud.subscription, **common
        )
        self.deployments = DeploymentsMgmtClient(self.credential, cloud.subscription, **common)
        self.arm: ARMPipelineClient[HttpRequest, HttpResponse] = ARMPipelineClient(
            base_url=cloud.url,
            policies=[
                HeadersPolicy(),
                UserAgentPolicy(),
                RetryPolicy.no_retries(),
                BearerTokenCredentialPolicy(self.credential, scope),
                ARMHttpLoggingPolicy(),
            ],
            connection_verify=str(cloud.ca_bundle),
        )

    def __enter__(self) -> Sdk:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in (self.containers, self.deployments, self.arm, self.credential):
            one.close()

    def send(self, method: str, path: str, body: Json | None = None, **query: str) -> HttpResponse:
        """One request for a resource by its id (or a path below it), with the right version."""
        namespace = path.rpartition("/providers/")[2].split("/")[0]
        version = API.get(namespace, API["Microsoft.Resources"])
        params = {"api-version": version, **query}
        request = HttpRequest(method, f"{self.cloud.url}{path}", params=params, json=body)
        response: HttpResponse = self.arm.send_request(request)
        return response

    def get(self, path: str, body: None = None, **query: str) -> Json:
        """What a GET answers."""
        response = self.send("GET", path, body, **query)
        response.raise_for_status()
        found: Json = response.json()
        return found

    def put(self, path: str, body: Json) -> Json:
        """Makes or changes a resource that takes no time."""
        response = self.send("PUT", path, body)
        assert response.status_code in (200, 201), response.text()
        made: Json = response.json()
        return made

    def refused(self, response: HttpResponse) -> tuple[int, str]:
        """Status and code of a refusal, in Resource Manager's form."""
        assert response.headers["x-ms-request-id"]
        error = response.json()["error"]
        assert error["message"]
        return response.status_code, error["code"]
