"""Workflows fire at their times, when they are called, and with no more rights than they have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from tests.azure import roles
from tests.azure.bodies import (
    ASSIGNMENTS,
    IDENTITY,
    JOB,
    ROLES,
    SCOPE,
    WORKFLOW,
    assignment,
    group_body,
    recurrence,
    says,
    start_role,
    workflow,
)
from tests.azure.cloud import Cloud
from tests.azure.errors import Json
from tests.azure.schedule import next_firings
from tests.azure.sdk import Sdk

_ROLE = "11111111-1111-4111-8111-111111111111"
_REQUEST: Json = {"type": "Request", "kind": "Http", "inputs": {"schema": {}}}
_START = "Microsoft.ContainerInstance/containerGroups/start/action"


@pytest.fixture
def ended(cloud: Cloud) -> Cloud:
    """A cloud with a container group that has ended, and an identity without rights."""
    cloud.add(IDENTITY, {"location": "eastus"})
    cloud.add(JOB, group_body(says("print('ran')")))
    cloud.wait_for_group(JOB)
    return cloud


def _give_right(cloud: Cloud, *actions: str) -> None:
    principal = cloud.show(IDENTITY)["properties"]["principalId"]
    cloud.add(f"{SCOPE}{ROLES}{_ROLE}", start_role(*actions))
    cloud.add(f"{JOB}{ASSIGNMENTS}{_ROLE}", assignment(_ROLE, principal))


def test_a_workflow_starts_the_group_with_a_role_that_allows_just_that(ended: Cloud) -> None:
    _give_right(ended, _START)
    ended.add(WORKFLOW, workflow(recurrence()))
    before = ended.run_of(JOB)
    firing = ended.fire(WORKFLOW)
    assert (firing.status, firing.actions[0].code) == ("Succeeded", 202)
    ended.wait_for_operations()
    assert ended.run_of(JOB) is not before
    assert ended.wait_for_group(JOB) == "Succeeded"
    asked = ended.requests[-1]
    assert (asked.operation, asked.principal) == ("containerGroups.start", "starter")


@pytest.mark.parametrize("actions", [(), ("Microsoft.ContainerInstance/containerGroups/read",)])
def test_without_the_right_it_fails_and_nothing_starts(
    ended: Cloud, actions: tuple[str, ...]
) -> None:
    if actions:
        _give_right(ended, *actions)
    ended.add(WORKFLOW, workflow(recurrence()))
    before = ended.run_of(JOB)
    firing = ended.fire(WORKFLOW)
    assert (firing.status, firing.actions[0].code) == ("Failed", 403)
    assert "AuthorizationFailed" in firing.actions[0].answer
    assert ended.run_of(JOB) is before


def test_a_system_assigned_identity_acts_too(ended: Cloud, sdk: Sdk) -> None:
    body = workflow(recurrence())
    body["identity"] = {"type": "SystemAssigned"}
    action = body["properties"]["definition"]["actions"]["start"]
    del action["inputs"]["authentication"]["identity"]
    made = sdk.put(WORKFLOW, body)
    ended.add(f"{SCOPE}{ROLES}{_ROLE}", start_role(_START))
    principal = made["identity"]["principalId"]
    ended.add(f"{JOB}{ASSIGNMENTS}{_ROLE}", assignment(_ROLE, principal))
    assert ended.fire(WORKFLOW).status == "Succeeded"


def test_an_identity_that_is_not_attached_does_not_act(ended: Cloud) -> None:
    body = workflow(recurrence())
    del body["identity"]
    ended.add(WORKFLOW, body)
    firing = ended.fire(WORKFLOW)
    assert firing.status == "Failed"
    assert "WorkflowManagedIdentityConfigurationInvalid" in firing.actions[0].answer


def test_what_can_pass_is_tried_again_and_a_conflict_is_not(ended: Cloud) -> None:
    _give_right(ended, _START)
    ended.add(WORKFLOW, workflow(recurrence()))
    ended.faults.add(where="containerGroups.start", kind="status", status=503, times=2)
    assert ended.fire(WORKFLOW).actions[0].tries == 3
    ended.wait_for_operations()
    ended.wait_for_group(JOB)
    ended.faults.add(where="containerGroups.start", kind="status", status=409)
    firing = ended.fire(WORKFLOW)
    assert (firing.status, firing.actions[0].tries) == ("Failed", 1)


def test_a_workflow_can_wait_and_try_again_after_a_conflict(ended: Cloud) -> None:
    _give_right(ended, _START)
    body = workflow(recurrence())
    actions = body["properties"]["definition"]["actions"]
    interval = {"count": 1, "unit": "Minute"}
    wait = {"type": "Wait", "inputs": {"interval": interval}, "runAfter": {"start": ["Failed"]}}
    actions["wait"] = wait
    actions["again"] = {**actions["start"], "runAfter": {"wait": ["Succeeded"]}}
    ended.add(WORKFLOW, body)
    ended.faults.add(where="containerGroups.start", kind="status", status=409, times=3)
    firing = ended.fire(WORKFLOW)
    assert [one.code for one in firing.actions] == [409, 0, 409]
    assert firing.status == "Failed"
    firing = ended.fire(WORKFLOW)
    assert [one.code for one in firing.actions] == [409, 0, 202]
    assert firing.status == "Succeeded"
    ended.wait_for_operations()
    ended.wait_for_group(JOB)
    firing = ended.fire(WORKFLOW)
    assert [one.status for one in firing.actions] == ["Succeeded", "Skipped", "Skipped"]
    assert firing.status == "Succeeded"


def test_without_a_start_time_a_deployment_fires_it_and_with_one_it_waits(ended: Cloud) -> None:
    ended.add(WORKFLOW, workflow(recurrence()))
    assert ended.firings == []
    trigger = recurrence()
    del trigger["recurrence"]["startTime"]
    ended.add(WORKFLOW, workflow(trigger))
    assert [one.trigger for one in ended.firings] == ["trigger"]


def test_the_next_times_are_the_grid_of_days_hours_and_minutes(cloud: Cloud) -> None:
    cloud.add(IDENTITY, {"location": "eastus"})
    cloud.add(WORKFLOW, workflow(recurrence()))
    saturday = datetime(2026, 11, 21, 12, 25, tzinfo=UTC)
    assert cloud.next_firings(WORKFLOW, saturday, 4) == [
        datetime(2026, 11, 21, 12, 45, tzinfo=UTC),
        datetime(2026, 11, 24, 12, 5, tzinfo=UTC),
        datetime(2026, 11, 24, 12, 25, tzinfo=UTC),
        datetime(2026, 11, 24, 12, 45, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("given", "first"),
    [
        (
            {"frequency": "Day", "interval": 1, "schedule": {"hours": [9], "minutes": [0]}},
            "2026-01-01T09",
        ),
        ({"frequency": "Day", "interval": 2, "startTime": "2025-12-30T10:00:00Z"}, "2026-01-01T10"),
        ({"frequency": "Week", "interval": 1, "startTime": "2025-12-29T08:00:00"}, "2026-01-05T08"),
        (
            {
                "frequency": "Week",
                "interval": 2,
                "startTime": "2025-12-22T08:00:00Z",
                "schedule": {"weekDays": ["Thursday"], "hours": [8], "minutes": [0]},
            },
            "2026-01-08T08",
        ),
        ({"frequency": "Day", "interval": 1, "startTime": "2026-03-01T10:00:00Z"}, "2026-03-01T10"),
    ],
)
def test_other_recurrences_are_reckoned_too(given: Json, first: str) -> None:
    after = datetime(2026, 1, 1, 0, 0, tzinfo=UTC)
    assert next_firings(given, after, 1)[0].isoformat().startswith(first)


@pytest.mark.parametrize(
    "change",
    [
        {"timeZone": "Pacific Standard Time"},
        {"frequency": "Day"},
        {"frequency": "Hour"},
        {"startTime": "2024-13-01T00:00:00"},
    ],
)
def test_a_recurrence_that_cannot_be_is_refused(cloud: Cloud, sdk: Sdk, change: Any) -> None:
    cloud.add(IDENTITY, {"location": "eastus"})
    refused = sdk.refused(sdk.send("PUT", WORKFLOW, workflow(recurrence(**change))))
    assert refused == (400, "InvalidRecurrence")


def test_the_callback_url_fires_and_only_with_its_signature(ended: Cloud, sdk: Sdk) -> None:
    _give_right(ended, _START)
    sdk.put(WORKFLOW, workflow(_REQUEST))
    trigger = f"{WORKFLOW}/triggers/trigger"
    listed = sdk.send("POST", f"{trigger}/listCallbackUrl").json()
    assert listed["method"] == "POST"

    def call(url: str) -> int:
        return requests.post(url, verify=str(ended.ca_bundle), timeout=10).status_code

    assert call(listed["value"].replace("sig=", "sig=0")) == 401
    assert call(listed["value"].partition("?")[0]) == 401
    assert ended.firings == []
    assert call(listed["value"]) == 202
    assert [one.status for one in ended.firings] == ["Succeeded"]
    again = sdk.send("POST", f"{trigger}/listCallbackUrl").json()
    assert again["value"] == listed["value"]


def test_a_workflow_that_is_off_is_not_called(ended: Cloud, sdk: Sdk) -> None:
    body = workflow(_REQUEST)
    body["properties"]["state"] = "Disabled"
    sdk.put(WORKFLOW, body)
    url = sdk.send("POST", f"{WORKFLOW}/triggers/trigger/listCallbackUrl").json()["value"]
    reply = requests.post(url, verify=str(ended.ca_bundle), timeout=10)
    assert (reply.status_code, ended.firings) == (404, [])


def test_a_recurrence_has_no_url_and_tells_when_it_is_due(ended: Cloud, sdk: Sdk) -> None:
    sdk.put(WORKFLOW, workflow(recurrence()))
    refused = sdk.refused(sdk.send("POST", f"{WORKFLOW}/triggers/trigger/listCallbackUrl"))
    assert refused == (400, "InvalidTrigger")
    shown = sdk.get(f"{WORKFLOW}/triggers/trigger")["properties"]
    assert datetime.fromisoformat(shown["nextExecutionTime"]) > datetime.now(UTC)
    assert sdk.send("POST", f"{WORKFLOW}/triggers/trigger/run").status_code == 202
    assert [one.status for one in ended.firings] == ["Failed"]
    assert len(sdk.get(f"{WORKFLOW}/runs")["value"]) == 1


def test_a_reader_of_the_group_cannot_list_callback_urls(
    ended: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended.add(WORKFLOW, workflow(_REQUEST))
    reader = ended.add_principal("reader", role=roles.READER)
    with Sdk(ended, monkeypatch, ended.sign_in(reader)) as sdk:
        reply = sdk.send("POST", f"{WORKFLOW}/triggers/trigger/listCallbackUrl")
        assert sdk.refused(reply) == (403, "AuthorizationFailed")
