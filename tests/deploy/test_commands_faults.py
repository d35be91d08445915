"""What goes wrong at Azure is mended by waiting or said in words, and `apply` again converges."""

from __future__ import annotations

import signal

import pytest

from tests.azure.roles import CONTRIBUTOR, READER
from tests.deploy.place import Place
from tests.e2e.driver import wait_for

PASSING = [
    ("deployments.put", "status", {"status": 500}),
    ("deployments.put", "lost_reply", {}),
    ("deployments.put", "reset", {}),
    ("deployments.get", "status", {"status": 503}),
    ("deployments.validate", "status", {"status": 429, "retry_after": "1"}),
    ("resourceGroups.put", "status", {"status": 409, "code": "AnotherOperationInProgress"}),
    ("userAssignedIdentities.get", "status", {"status": 429, "retry_after": "1"}),
    ("workflows.listCallbackUrl", "status", {"status": 500}),
    ("token", "status", {"status": 500}),
]


@pytest.mark.parametrize(("where", "kind", "more"), PASSING)
def test_what_passes_is_waited_for(
    place: Place, where: str, kind: str, more: dict[str, object]
) -> None:
    fault = place.cloud.faults.add(where=where, kind=kind, **more)
    applied = place.run("apply")
    assert (fault.hits, applied.code) == (1, 0), applied.text
    if kind == "lost_reply":  # which is no reason for a second deployment
        puts = [one for one in place.cloud.requests if one.operation == "deployments.put"]
        assert len(puts) == 1
    place.settled()
    assert "nothing to change" in place.run("apply").out


FAILING = [
    ("deployments.put", "fail", {"code": "Conflict", "message": "it broke"}, 4, "it broke"),
    (
        "containerGroups.put",
        "status",
        {"status": 409, "code": "ContainerGroupQuotaReached", "message": "no room"},
        4,
        "containerGroups numerai-job: ContainerGroupQuotaReached: no room",
    ),
    ("resourceGroups.get", "expired", {}, 4, "az login"),
    ("storageAccounts.get", "forbidden", {}, 4, "the right to"),
    (
        "deployments.validate",
        "status",
        {"status": 400, "code": "InvalidTemplate", "message": "no such sku"},
        2,
        "no such sku",
    ),
]


@pytest.mark.parametrize(("where", "kind", "more", "code", "said"), FAILING)
def test_what_does_not_pass_is_said_and_apply_again_converges(
    place: Place, where: str, kind: str, more: dict[str, object], code: int, said: str
) -> None:
    place.cloud.faults.add(where=where, kind=kind, times=None, **more)
    failed = place.run("apply")
    assert failed.code == code, failed.text
    assert said in failed.err
    place.cloud.faults.clear()
    assert place.run("apply").code == 0
    place.settled()
    assert "nothing to change" in place.run("apply").out


def test_a_deployment_that_never_ends_is_not_waited_for_without_end(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.deployments.DEPLOYING", 0.5)
    place.cloud.faults.add(where="deployments.put", kind="stuck")
    stuck = place.run("apply")
    assert stuck.code == 4
    assert "has not ended after" in stuck.err
    assert "az deployment operation group list -g numerai -n numerai-job" in stuck.err
    again = place.run("apply")
    assert "a former deployment is still under way" in again.out
    assert again.code == 4


def test_a_deletion_that_does_not_end_is_said(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.run("apply")
    place.settled()
    monkeypatch.setattr("deploy.azure.DELETING", 0.3)
    fault = place.cloud.faults.add(where="containerGroups.delete", kind="stuck")
    stuck = place.run("destroy", "--yes")
    assert (fault.hits, stuck.code) == (1, 4)
    assert "containerGroups numerai-job is still there" in stuck.err
    assert "portal.azure.com" in stuck.err
    monkeypatch.undo()
    assert place.run("destroy", "--yes").code == 0


def test_who_may_not_give_rights_is_told_which_role_would_do(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    someone = place.cloud.add_principal("someone", "User", role=CONTRIBUTOR)
    for name, value in place.cloud.sign_in(someone).items():
        monkeypatch.setenv(name, value)
        place.more[name] = value
    refused = place.run("apply")
    assert refused.code != 0
    assert "Microsoft.Authorization/role" in refused.err


def test_who_may_only_read_is_told_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    someone = place.cloud.add_principal("someone", "User", role=READER)
    for name, value in place.cloud.sign_in(someone).items():
        monkeypatch.setenv(name, value)
        place.more[name] = value
    refused = place.run("apply")
    assert refused.code == 4
    assert "have the role Contributor" in refused.err
    assert place.there() == set()


def test_rights_that_are_revoked_meanwhile_leave_what_is_there(place: Place) -> None:
    place.run("apply")
    place.settled()
    before = place.there()
    place.write(cpu=4)
    fault = place.cloud.faults.add(where="deployments.validate", kind="forbidden", times=None)
    assert place.run("apply").code == 4
    assert fault.hits
    assert place.there() == before  # checked before anything is deleted
    place.cloud.faults.clear()
    assert place.run("apply").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_apply_that_is_broken_off_is_gone_on_with(place: Place, number: int) -> None:
    fault = place.cloud.faults.add(where="workflows.put", kind="slow", seconds=2.0, times=None)
    process = place.start("apply")
    try:
        wait_for(lambda: fault.hits, "the deployment has come to the workflows")
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number], out + err
    assert "error: " in err
    place.cloud.faults.clear()
    again = place.run("apply")
    assert again.code == 0, again.text
    place.settled()
    assert "nothing to change" in place.run("apply").out
