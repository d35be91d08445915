"""Who may ask the management endpoint for what, and in which form it refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import requests

from tests.azure import roles
from tests.azure.bodies import (
    ACCOUNT,
    GROUP,
    IDENTITY,
    JOB,
    SCOPE,
    WORKFLOW,
    group_body,
    identity_resource,
    recurrence,
    says,
    storage_account,
    workflow,
)
from tests.azure.cloud import Cloud
from tests.azure.directory import STORAGE
from tests.azure.errors import Json
from tests.azure.sdk import Sdk
from tests.azure.specs import SPECS

_TAGGED = {"location": "eastus", "tags": {"numerai-job": "mine"}}


def _ask(cloud: Cloud, token: str | None) -> requests.Response:
    return requests.get(
        f"{cloud.url}{SCOPE}",
        params={"api-version": "2021-04-01"},
        headers={"Authorization": f"Bearer {token}"} if token else {},
        verify=str(cloud.ca_bundle),
        timeout=10,
    )


def test_without_a_good_token_nothing_is_answered(cloud: Cloud) -> None:
    good = cloud.token(cloud.deployer)
    wrong = {
        "AuthenticationFailed": None,
        "InvalidAuthenticationToken": good[:-4] + "AAAA",
        "InvalidAuthenticationTokenAudience": cloud.token(cloud.deployer, STORAGE),
        "ExpiredAuthenticationToken": cloud.token(cloud.deployer, lifetime=-timedelta(minutes=1)),
    }
    assert _ask(cloud, good).status_code == 200
    for code, token in wrong.items():
        reply = _ask(cloud, token)
        assert (reply.status_code, reply.json()["error"]["code"]) == (401, code)
        assert reply.headers["WWW-Authenticate"].startswith("Bearer ")


def test_plain_http_and_strangers_certificates_do_not_get_through(cloud: Cloud) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(cloud.url, timeout=10)


def test_a_request_names_its_api_version(sdk: Sdk) -> None:
    missing = sdk.send("GET", JOB, None, **{"api-version": ""})
    assert sdk.refused(missing) == (400, "MissingApiVersionParameter")
    unknown = sdk.send("GET", JOB, None, **{"api-version": "1999-01-01"})
    assert sdk.refused(unknown) == (400, "NoRegisteredProviderFound")
    assert "2023-05-01" in unknown.json()["error"]["message"]


def test_what_is_not_there_is_not_found(sdk: Sdk) -> None:
    assert sdk.refused(sdk.send("GET", JOB)) == (404, "ResourceNotFound")
    elsewhere = JOB.replace(f"/{GROUP}/", "/nowhere/")
    assert sdk.refused(sdk.send("GET", elsewhere)) == (404, "ResourceGroupNotFound")
    assert sdk.send("DELETE", JOB).status_code == 204


def test_resource_groups_come_and_go_with_all_that_is_in_them(cloud: Cloud, sdk: Sdk) -> None:
    path = SCOPE.replace(GROUP, "other")
    assert sdk.send("HEAD", path).status_code == 404
    assert sdk.send("PUT", path, {"location": "eastus"}).status_code == 201
    assert sdk.send("PUT", path, {"location": "eastus"}).status_code == 200
    assert sdk.send("HEAD", path).status_code == 204
    identity = IDENTITY.replace(GROUP, "other")
    sdk.put(identity, {"location": "eastus"})
    assert cloud.ids == [identity]
    assert sdk.send("DELETE", path).status_code == 202
    cloud.close()
    assert cloud.ids == []


def test_a_group_lists_what_has_a_tag_and_ids_have_no_case(sdk: Sdk) -> None:
    sdk.put(IDENTITY, _TAGGED)
    sdk.put(IDENTITY.replace("starter", "other"), {"location": "eastus"})
    wanted = "tagName eq 'numerai-job' and tagValue eq 'mine'"
    found = sdk.get(f"{SCOPE}/resources", **{"$filter": wanted})["value"]
    assert [one["id"] for one in found] == [IDENTITY]
    assert found[0]["tags"] == {"numerai-job": "mine"}
    assert len(sdk.get(f"{SCOPE.upper()}/resources")["value"]) == 2
    assert sdk.get(IDENTITY.replace("resourceGroups", "resourcegroups"))["id"] == IDENTITY


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [
        (roles.OWNER, 200, 201),
        (roles.CONTRIBUTOR, 200, 201),
        (roles.READER, 200, 403),
        ("", 403, 403),
    ],
)
def test_rights_decide(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, role: str, reads: int, writes: int
) -> None:
    someone = cloud.add_principal("someone", role=role)
    with Sdk(cloud, monkeypatch, cloud.sign_in(someone)) as sdk:
        assert sdk.send("GET", SCOPE).status_code == reads
        reply = sdk.send("PUT", IDENTITY, {"location": "eastus"})
        assert reply.status_code == writes
        if writes == 403:
            assert sdk.refused(reply) == (403, "AuthorizationFailed")
            assert someone.object_id in reply.json()["error"]["message"]
            assert cloud.ids == []


def _bad(body: Json, *path: str | int, value: Any = None, key: str = "") -> Json:
    """A body that is wrong in one place."""
    at: Any = body
    for part in path:
        at = at[part]
    at[key] = value
    return body


_CONTAINER = ("properties", "containers", 0, "properties")
_DEFINITION = ("properties", "definition")
_RECURRENCE = (*_DEFINITION, "triggers", "trigger", "recurrence")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (JOB, _bad(group_body(says("")), "properties", key="restartpolicy", value="Never")),
        (JOB, _bad(group_body(says("")), *_CONTAINER, key="enviromentVariables", value=[])),
        (
            JOB,
            _bad(group_body(says("")), *_CONTAINER, key="resources", value={"requests": {"x": 1}}),
        ),
        (WORKFLOW, _bad(workflow(recurrence()), *_RECURRENCE, key="frequency", value="Weekly")),
        (WORKFLOW, _bad(workflow(recurrence()), *_RECURRENCE, "schedule", key="hours", value=[24])),
        (WORKFLOW, _bad(workflow(recurrence()), *_DEFINITION, key="triggers", value={})),
        (ACCOUNT, storage_account(allowSharedKeyAcces=False)),
    ],
    ids=["policy", "variables", "requests", "frequency", "hours", "triggers", "account"],
)
def test_a_mistyped_key_or_value_is_refused_with_its_place(
    cloud: Cloud, sdk: Sdk, path: str, body: Json
) -> None:
    cloud.add(IDENTITY, {"location": "eastus"})
    before = cloud.ids
    reply = sdk.send("PUT", path, body)
    assert sdk.refused(reply) == (400, "InvalidRequestContent")
    assert "$" in reply.json()["error"]["message"]
    assert cloud.ids == before


@pytest.mark.skipif(not SPECS.is_dir(), reason=f"there is no {SPECS}")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        (JOB, _bad(group_body(says("")), "properties", key="restartPolicy", value="never")),
        (IDENTITY, {"location": "eastus", "sku": {}}),
        (WORKFLOW, _bad(workflow(recurrence()), "identity", key="type", value="userAssigned")),
    ],
    ids=["policy", "identity", "workflow"],
)
def test_the_published_types_are_held_to(sdk: Sdk, path: str, body: Json) -> None:
    assert sdk.refused(sdk.send("PUT", path, body)) == (400, "InvalidRequestContent")


def test_what_needs_a_location_says_so(sdk: Sdk) -> None:
    body = identity_resource()
    reply = sdk.send("PUT", IDENTITY, {"tags": body.get("tags", {})})
    assert sdk.refused(reply) == (400, "LocationRequired")
