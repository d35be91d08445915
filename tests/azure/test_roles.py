"""Roles as they are given, and as they hold before Azurite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobServiceClient

from tests.azure import roles
from tests.azure.bodies import (
    ACCOUNT,
    ASSIGNMENTS,
    GROUP,
    JOB,
    ROLES,
    SCOPE,
    assignment,
    group_body,
    says,
    start_role,
    storage_account,
)
from tests.azure.cloud import Cloud
from tests.azure.directory import Principal
from tests.azure.sdk import Sdk
from tests.azurite.server import is_installed

MODELS = f"{ACCOUNT}/blobServices/default/containers/models"
RUNS = f"{ACCOUNT}/blobServices/default/containers/runs"
_NAMES = [f"{digit * 8}-1111-4111-8111-111111111111" for digit in "123456"]
needs_azurite = pytest.mark.skipif(not is_installed(), reason="Azurite is not installed")


@contextmanager
def _blobs(cloud: Cloud, who: Principal) -> Iterator[BlobServiceClient]:
    """The blob service as somebody sees it."""
    endpoint = cloud.show(ACCOUNT)["properties"]["primaryEndpoints"]["blob"]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.sign_in(who).items():
            patch.setenv(name, value)
        with (
            ManagedIdentityCredential(client_id=who.client_id) as credential,
            BlobServiceClient(endpoint, credential=credential, retry_total=0) as service,
        ):
            yield service


def _make_storage(cloud: Cloud) -> None:
    cloud.add(ACCOUNT, storage_account())
    for container in (MODELS, RUNS):
        cloud.add(container, {"properties": {"publicAccess": "None"}})


def _refused(error: pytest.ExceptionInfo[HttpResponseError]) -> tuple[int | None, str]:
    return error.value.status_code, str(getattr(error.value, "error_code", ""))


_MISMATCH = (403, "AuthorizationPermissionMismatch")


@needs_azurite
def test_the_job_reads_models_and_writes_runs_and_nothing_else(cloud: Cloud) -> None:
    _make_storage(cloud)
    job = cloud.add_principal("job")
    cloud.assign(job, roles.BLOB_READER, MODELS)
    cloud.assign(job, roles.BLOB_CONTRIBUTOR, RUNS)
    cloud.assign(cloud.deployer, roles.BLOB_CONTRIBUTOR, MODELS)
    with _blobs(cloud, cloud.deployer) as service:
        service.get_blob_client("models", "objects/a").upload_blob(b"a model")
        with pytest.raises(HttpResponseError) as refused:
            service.get_blob_client("runs", "a").download_blob()
        assert _refused(refused) == _MISMATCH, "being Owner gives no right to blobs"
    with _blobs(cloud, job) as service:
        assert (
            service.get_blob_client("models", "objects/a").download_blob().readall() == b"a model"
        )
        assert [one.name for one in service.get_container_client("models").list_blobs()]
        blob = service.get_blob_client("models", "objects/a")
        for write in (lambda: blob.upload_blob(b"mine", overwrite=True), blob.delete_blob):
            with pytest.raises(HttpResponseError) as refused:
                write()
            assert _refused(refused) == _MISMATCH
        record = service.get_blob_client("runs", "a.run.json")
        record.upload_blob(b"{}")
        record.acquire_lease(15).release()
        record.delete_blob()
        with pytest.raises(HttpResponseError) as refused:
            service.create_container("more")
        assert _refused(refused) == _MISMATCH
    assert {one.principal for one in cloud.blob_requests} == {"job", "deployer"}


@needs_azurite
def test_a_fresh_assignment_takes_its_time_to_reach_blobs(tmp_path: Path) -> None:
    now = [datetime.now(UTC)]
    with Cloud(tmp_path, propagation=timedelta(minutes=5), now=lambda: now[0]) as cloud:
        cloud.add_group(GROUP)
        _make_storage(cloud)
        job = cloud.add_principal("job")
        cloud.assign(job, roles.BLOB_CONTRIBUTOR, RUNS)
        with _blobs(cloud, job) as service:
            blob = service.get_blob_client("runs", "a")
            with pytest.raises(HttpResponseError) as refused:
                blob.upload_blob(b"a")
            assert _refused(refused) == _MISMATCH
            now[0] += timedelta(minutes=5, seconds=1)
            blob.upload_blob(b"a")


@needs_azurite
def test_large_blobs_pass_the_gate_whole_and_in_parts(cloud: Cloud) -> None:
    _make_storage(cloud)
    cloud.assign(cloud.deployer, roles.BLOB_CONTRIBUTOR, MODELS)
    data = bytes(range(256)) * 40_000
    with _blobs(cloud, cloud.deployer) as service:
        blob = service.get_blob_client("models", "big")
        blob.upload_blob(data, max_concurrency=4)
        assert blob.get_blob_properties().size == len(data)
        assert blob.download_blob(max_concurrency=4).readall() == data
        assert blob.download_blob(offset=1000, length=10).readall() == data[1000:1010]


@needs_azurite
def test_keys_and_strangers_do_not_pass_where_keys_are_off(cloud: Cloud) -> None:
    _make_storage(cloud)
    endpoint = cloud.show(ACCOUNT)["properties"]["primaryEndpoints"]["blob"]
    given = {"retry_total": 0, "connection_verify": str(cloud.ca_bundle)}
    with BlobServiceClient(endpoint, credential="a2V5", **given) as service:
        with pytest.raises(HttpResponseError) as refused:
            service.get_blob_client("models", "a").download_blob()
        assert _refused(refused) == (403, "KeyBasedAuthenticationNotPermitted")
    with BlobServiceClient(endpoint, **given) as service:
        with pytest.raises(HttpResponseError) as refused:
            service.get_blob_client("models", "a").download_blob()
        assert _refused(refused) == (409, "PublicAccessNotPermitted")


@needs_azurite
def test_faults_strike_blobs_too(cloud: Cloud) -> None:
    _make_storage(cloud)
    cloud.assign(cloud.deployer, roles.BLOB_CONTRIBUTOR, RUNS)
    busy = cloud.faults.add(where="blob.write", kind="status", status=503, code="ServerBusy")
    cut = cloud.faults.add(where="blob.write", kind="reset", match="runs/a")
    lost = cloud.faults.add(where="blob.write", kind="lost_reply")
    with _blobs(cloud, cloud.deployer) as service:
        blob = service.get_blob_client("runs", "a")
        with pytest.raises(HttpResponseError, match="ServerBusy"):
            blob.upload_blob(b"a")
        with pytest.raises((ServiceRequestError, ServiceResponseError)):
            blob.upload_blob(b"a")
        assert not blob.exists()
        with pytest.raises((ServiceRequestError, ServiceResponseError)):
            blob.upload_blob(b"a")
        assert blob.download_blob().readall() == b"a"
    assert (busy.hits, cut.hits, lost.hits) == (1, 1, 1)


@needs_azurite
def test_a_container_that_is_deleted_takes_its_blobs_along(cloud: Cloud, sdk: Sdk) -> None:
    _make_storage(cloud)
    cloud.assign(cloud.deployer, roles.BLOB_CONTRIBUTOR, ACCOUNT)
    with _blobs(cloud, cloud.deployer) as service:
        service.get_blob_client("runs", "a").upload_blob(b"a")
        assert sdk.send("DELETE", RUNS).status_code == 200
        assert not service.get_container_client("runs").exists()
        cloud.add(RUNS, {})
        assert not service.get_blob_client("runs", "a").exists()


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({}, 200, ""),
        ({"role": roles.CONTRIBUTOR}, 400, "RoleAssignmentUpdateNotPermitted"),
        ({"name": _NAMES[1]}, 409, "RoleAssignmentExists"),
        ({"name": "not-a-guid"}, 400, "InvalidRoleAssignmentId"),
        ({"role": _NAMES[5], "name": _NAMES[1]}, 404, "RoleDefinitionDoesNotExist"),
        ({"kind": "User"}, 400, "UnmatchedPrincipalType"),
        ({"principal": _NAMES[4], "kind": None, "name": _NAMES[1]}, 400, "PrincipalNotFound"),
    ],
)
def test_a_second_assignment_meets_the_rules(
    cloud: Cloud, sdk: Sdk, change: dict[str, str], status: int, code: str
) -> None:
    someone = cloud.add_principal("someone")
    given = {"role": roles.READER, "principal": someone.object_id, "kind": "ServicePrincipal"}
    sdk.put(f"{SCOPE}{ASSIGNMENTS}{_NAMES[0]}", assignment(**given))
    before = cloud.ids
    name = change.pop("name", _NAMES[0])
    reply = sdk.send("PUT", f"{SCOPE}{ASSIGNMENTS}{name}", assignment(**{**given, **change}))
    assert reply.status_code == status
    if code:
        assert sdk.refused(reply) == (status, code)
    assert cloud.ids == before


def test_assignments_are_listed_by_scope_and_principal(cloud: Cloud, sdk: Sdk) -> None:
    one, other = (cloud.add_principal(name) for name in ("one", "other"))
    cloud.assign(one, roles.READER, SCOPE)
    cloud.assign(other, roles.READER, SCOPE)
    path = f"{SCOPE}{ASSIGNMENTS.rstrip('/')}"
    query = {"$filter": f"principalId eq '{one.object_id}'"}
    found = sdk.get(path, None, **query)["value"]
    assert [row["properties"]["principalId"] for row in found] == [one.object_id]
    assert found[0]["properties"]["scope"] == SCOPE
    everyone = {row["properties"]["principalId"] for row in sdk.get(path)["value"]}
    assert everyone == {one.object_id, other.object_id, cloud.deployer.object_id}


def test_a_custom_role_allows_what_it_names_and_stays_while_it_is_given(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    starter = cloud.add_principal("starter")
    cloud.add(JOB, group_body(says("pass")))
    cloud.wait_for_group(JOB)
    role = f"{SCOPE}{ROLES}{_NAMES[0]}"
    given = f"{JOB}{ASSIGNMENTS}{_NAMES[1]}"
    with Sdk(cloud, monkeypatch) as sdk:
        sdk.put(role, start_role("Microsoft.ContainerInstance/containerGroups/start/action"))
        sdk.put(given, assignment(_NAMES[0], starter.object_id))
        again = sdk.send("PUT", f"{SCOPE}{ROLES}{_NAMES[2]}", start_role("*/read"))
        assert sdk.refused(again) == (409, "RoleDefinitionWithSameNameExists")
    with Sdk(cloud, monkeypatch, cloud.sign_in(starter)) as sdk:
        assert sdk.send("POST", f"{JOB}/start").status_code == 202
        for method, path in (("GET", ""), ("POST", "/stop"), ("DELETE", "")):
            refused = sdk.refused(sdk.send(method, JOB + path))
            assert refused == (403, "AuthorizationFailed")
        logs = sdk.send("GET", f"{JOB}/containers/job/logs")
        assert sdk.refused(logs) == (403, "AuthorizationFailed")
    with Sdk(cloud, monkeypatch) as sdk:
        kept = sdk.refused(sdk.send("DELETE", role))
        assert kept == (400, "RoleDefinitionHasAssignments")
        assert sdk.send("DELETE", given).status_code == 200
        assert sdk.send("DELETE", role).status_code == 200


def test_built_in_roles_can_be_looked_up(sdk: Sdk) -> None:
    found = sdk.get(f"{SCOPE}{ROLES}{roles.BLOB_READER}")
    assert found["properties"]["roleName"] == "Storage Blob Data Reader"
    permission = found["properties"]["permissions"][0]
    assert permission["dataActions"] == [
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
    ]


def test_names_of_accounts_and_containers_are_checked(sdk: Sdk) -> None:
    for name, code in (("Upper", "AccountNameInvalid"), ("no-dash", "AccountNameInvalid")):
        path = ACCOUNT.replace("modelstore", name)
        assert sdk.refused(sdk.send("PUT", path, storage_account())) == (400, code)
    assert sdk.refused(sdk.send("PUT", MODELS, {})) == (404, "ResourceNotFound")
