"""Long-running operations in every style, and everything that can go wrong on the way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ServiceRequestError,
    ServiceResponseError,
)

from tests.azure.bodies import GROUP, IDENTITY, JOB, container_group, group_body, says
from tests.azure.cloud import Cloud
from tests.azure.faults import OPERATIONS
from tests.azure.operations import Style
from tests.azure.sdk import Sdk

_QUIET = says("pass")


@pytest.fixture(params=list(Style))
def styled(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sdk]:
    """The clients on a cloud that knows one style only."""
    with Cloud(tmp_path, styles=(request.param,)) as cloud:
        cloud.add_group(GROUP)
        with Sdk(cloud, monkeypatch) as clients:
            yield clients


def _create(sdk: Sdk) -> str:
    begun = sdk.containers.container_groups.begin_create_or_update(
        GROUP, "job", container_group(_QUIET)
    )
    return str(begun.result().id)


def test_the_clients_follow_every_style_through_create_start_and_delete(styled: Sdk) -> None:
    for _ in range(4):  # operations of several lengths
        assert _create(styled) == JOB
        styled.cloud.wait_for_group(JOB)
        styled.containers.container_groups.begin_start(GROUP, "job").result()
        styled.cloud.wait_for_group(JOB)
        styled.containers.container_groups.begin_delete(GROUP, "job").result()
        assert styled.cloud.ids == []


def test_a_failure_on_the_way_reaches_the_client_in_every_style(styled: Sdk) -> None:
    styled.cloud.faults.add(
        where="containerGroups.put", kind="fail", code="RegionFull", message="no room in eastus"
    )
    with pytest.raises(HttpResponseError, match=r"RegionFull|no room in eastus"):
        _create(styled)
    assert styled.containers.container_groups.get(GROUP, "job").provisioning_state == "Failed"
    assert _create(styled) == JOB


def test_an_operation_can_be_stuck_for_ever(styled: Sdk) -> None:
    fault = styled.cloud.faults.add(where="containerGroups.put", kind="stuck")
    poller = styled.containers.container_groups.begin_create_or_update(
        GROUP, "job", container_group(_QUIET), polling=False
    )
    assert poller.done()
    assert fault.hits == 1
    for _ in range(5):
        assert styled.containers.container_groups.get(GROUP, "job").provisioning_state == "Creating"
    refused = styled.refused(styled.send("POST", f"{JOB}/start"))
    assert refused == (409, "ContainerGroupTransitioning")


def test_styles_and_lengths_vary_with_the_seed_and_repeat_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen(seed: int) -> tuple[list[Style], list[str]]:
        with Cloud(tmp_path / str(seed), seed=seed) as cloud:
            cloud.add_group(GROUP)
            with Sdk(cloud, monkeypatch) as sdk:
                for _ in range(4):
                    _create(sdk)
                    cloud.wait_for_group(JOB)
            return cloud.styles, [cloud.deployer.object_id]

    assert seen(1) == seen(1)
    assert set(seen(1)[0]) == set(Style)
    assert seen(1) != seen(2)


def test_clients_are_told_how_long_to_wait(tmp_path: Path) -> None:
    with Cloud(tmp_path, retry_after=7) as cloud, pytest.MonkeyPatch.context() as patch:
        cloud.add_group(GROUP)
        with Sdk(cloud, patch) as sdk:
            begun = sdk.send("PUT", JOB, group_body(_QUIET))
            assert begun.headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ({"kind": "status", "status": 409, "code": "Conflict"}, ResourceExistsError, "Conflict"),
        ({"kind": "status", "status": 500}, HttpResponseError, "InternalServerError"),
        ({"kind": "forbidden"}, HttpResponseError, "AuthorizationFailed"),
        ({"kind": "expired"}, ClientAuthenticationError, "ExpiredAuthenticationToken"),
    ],
)
def test_a_fault_strikes_as_often_as_it_was_declared_and_is_counted(
    sdk: Sdk, fault: dict[str, str], error: type[HttpResponseError], code: str
) -> None:
    declared = sdk.cloud.faults.add(where="containerGroups.put", after=1, **fault)  # type: ignore[arg-type]
    _create(sdk)
    sdk.cloud.wait_for_group(JOB)
    before = sdk.cloud.run_of(JOB)
    with pytest.raises(error, match=code):
        _create(sdk)
    assert sdk.cloud.run_of(JOB) is before
    _create(sdk)
    assert (declared.hits, declared.seen) == (1, 3)


def test_429_says_when_to_come_back(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = cloud.faults.add(
        where="userAssignedIdentities.get", kind="status", status=429, retry_after="17"
    )
    with Sdk(cloud, monkeypatch) as sdk:
        reply = sdk.send("GET", IDENTITY)
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "17")
    assert fault.hits == 1


def test_a_cut_before_and_a_cut_after_differ_in_what_was_done(sdk: Sdk) -> None:
    body = {"location": "eastus"}
    sdk.cloud.faults.add(where="userAssignedIdentities.put", kind="reset")
    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        sdk.send("PUT", IDENTITY, body)
    assert sdk.cloud.ids == []
    sdk.cloud.faults.add(where="userAssignedIdentities.put", kind="lost_reply")
    with pytest.raises((ServiceRequestError, ServiceResponseError)):
        sdk.send("PUT", IDENTITY, body)
    assert sdk.cloud.ids == [IDENTITY]
    assert sdk.send("PUT", IDENTITY, body).status_code == 200


def test_a_fault_of_no_known_place_or_kind_is_a_mistake_of_the_test(cloud: Cloud) -> None:
    with pytest.raises(ValueError, match=r"perhaps you meant 'containerGroups\.start'"):
        cloud.faults.add(where="containerGroup.start", kind="stuck")
    with pytest.raises(ValueError, match="perhaps you meant 'stuck'"):
        cloud.faults.add(where="containerGroups.start", kind="stack")
    assert list(OPERATIONS) == sorted(OPERATIONS, key=str)


def test_closing_cuts_what_waits_and_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with Cloud(tmp_path, pull=600.0, late=600.0) as cloud, pytest.MonkeyPatch.context() as patch:
        cloud.add_group(GROUP)
        with Sdk(cloud, patch) as sdk:
            sdk.send("PUT", JOB, group_body(_QUIET))
    with pytest.raises(requests.ConnectionError):
        requests.get(cloud.url, timeout=10)
    assert set(threading.enumerate()) <= before
