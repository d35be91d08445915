"""The identity endpoint answers azure-identity, late and with faults where that is wanted."""

from __future__ import annotations

from pathlib import Path

import jwt
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CredentialUnavailableError,
    DefaultAzureCredential,
    ManagedIdentityCredential,
)

from tests.azure.bodies import GROUP, IDENTITY, JOB, container_group, says
from tests.azure.cloud import Cloud
from tests.azure.directory import STORAGE
from tests.azure.sdk import Sdk
from tests.e2e.driver import wait_for

_ASKS = """
import sys
from azure.identity import ManagedIdentityCredential
for client in sys.argv[1:]:
    try:
        ManagedIdentityCredential(client_id=client).get_token("https://storage.azure.com/.default")
        print("token")
    except Exception as error:
        print(type(error).__name__, "Identity not found" in str(error))
"""

_KNOCKS = """
import os, time, urllib.request
from urllib.error import URLError
url = os.environ["AZURE_POD_IDENTITY_AUTHORITY_HOST"] + "/metadata/identity/oauth2/token"
url += "?resource=https://storage.azure.com"
request = urllib.request.Request(url, headers={"Metadata": "true"})
refused = False
while True:
    try:
        urllib.request.urlopen(request)
    except URLError:
        if not refused:
            print("refused", flush=True)
        refused = True
        time.sleep(0.01)
    else:
        print("up")
        break
"""


def _sign_in(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cloud.environ.items():
        monkeypatch.setenv(name, value)


def test_a_token_tells_who_it_is_for_and_for_whom(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    _sign_in(cloud, monkeypatch)
    with ManagedIdentityCredential(client_id=cloud.deployer.client_id) as credential:
        token = credential.get_token(f"{STORAGE}/.default").token
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["aud"] == STORAGE
    assert claims["oid"] == cloud.deployer.object_id
    assert claims["idtyp"] == "user"
    assert cloud.identity_endpoint.asked == [STORAGE]


def test_the_default_credential_finds_it_too(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    _sign_in(cloud, monkeypatch)
    with DefaultAzureCredential() as credential:
        assert credential.get_token(f"{cloud.url}/.default").token


@pytest.mark.parametrize(
    ("client", "resource", "why"),
    [("", "https://elsewhere.example", "AADSTS500011"), ("nobody", STORAGE, "Identity not found")],
)
def test_for_others_there_is_no_token(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, client: str, resource: str, why: str
) -> None:
    _sign_in(cloud, monkeypatch)
    with (
        ManagedIdentityCredential(client_id=client or cloud.deployer.client_id) as credential,
        pytest.raises((CredentialUnavailableError, ClientAuthenticationError), match=why),
    ):
        credential.get_token(f"{resource}/.default")


def test_an_endpoint_can_be_late(cloud: Cloud) -> None:
    url = cloud.identity_endpoint.add_caller("late", lambda: [cloud.deployer], late=3600.0)
    with pytest.raises(requests.ConnectionError, match="refused"):
        requests.get(url, timeout=10)


@pytest.mark.parametrize("late", [3600.0, 0.05])
def test_a_containers_endpoint_comes_up_after_the_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: float
) -> None:
    with Cloud(tmp_path, late=late) as cloud:
        cloud.add_group(GROUP)
        with Sdk(cloud, monkeypatch) as sdk:
            sdk.put(IDENTITY, {"location": "eastus"})
            group = container_group(says(_KNOCKS), identity=IDENTITY)
            begun = sdk.containers.container_groups.begin_create_or_update(GROUP, "job", group)
            begun.result()
            process = cloud.run_of(JOB).containers[0].process
            assert process is not None
            if late > 60:
                wait_for(lambda: process.output() == "refused\n", "it knocks in vain")
                cloud.identity_endpoint.listen()
            assert cloud.wait_for_group(JOB) == "Succeeded"
    assert process.code == 0


def test_its_faults_are_met_and_counted(cloud: Cloud) -> None:
    fault = cloud.faults.add(where="token", kind="status", status=500, times=2)
    reset = cloud.faults.add(where="token", kind="reset")
    url = cloud.environ["AZURE_POD_IDENTITY_AUTHORITY_HOST"] + "/metadata/identity/oauth2/token"
    for _ in range(2):
        assert requests.get(url, timeout=10).status_code == 500
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=10)
    reply = requests.get(
        url, params={"resource": STORAGE}, headers={"Metadata": "true"}, timeout=10
    )
    assert reply.json()["token_type"] == "Bearer"
    assert (fault.hits, reset.hits) == (2, 1)


def test_a_container_has_the_identities_of_its_group_and_no_others(cloud: Cloud, sdk: Sdk) -> None:
    mine = sdk.put(IDENTITY, {"location": "eastus"})["properties"]["clientId"]
    other = IDENTITY.replace("starter", "other")
    foreign = sdk.put(other, {"location": "eastus"})["properties"]["clientId"]
    group = container_group([*says(_ASKS), mine, foreign], identity=IDENTITY)
    made = sdk.containers.container_groups.begin_create_or_update(GROUP, "job", group).result()
    assert made.identity.user_assigned_identities[IDENTITY].client_id == mine
    cloud.wait_for_group(JOB)
    said = sdk.containers.containers.list_logs(GROUP, "job", "job").content
    assert said.splitlines().count("token") == 1
    assert said.splitlines().count("CredentialUnavailableError True") == 1


def test_a_group_with_an_identity_that_is_not_there_is_refused(sdk: Sdk) -> None:
    group = container_group(says("pass"), identity=IDENTITY)
    reply = sdk.send("PUT", JOB, dict(group.serialize()))
    assert sdk.refused(reply) == (404, "FailedIdentityOperation")
