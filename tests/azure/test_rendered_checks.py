"""Checks before a round and starts in vain: rendered by `deploy`, carried out by the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.names import Names
from deploy.settings import DeploySettings
from tests.azure.cloud import SUBSCRIPTION, Cloud
from tests.azure.container_groups import Image
from tests.azure.processes import Process
from tests.azure.sdk import Sdk
from tests.azurite.server import is_installed
from tests.deploy.samples import CHECK, FILE, HUSH, rendered_for, settings

_IMAGE = "import os, sys; print(sys.argv[1:]); print(*sorted(os.environ.items()), sep=chr(10))"
pytestmark = pytest.mark.skipif(not is_installed(), reason="Azurite is not installed")


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud with an image in which `python -m job` tells its arguments and its variables."""
    package = tmp_path / "image" / "job"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text(_IMAGE)
    image = Image(
        command=("python", "-m", "job"),
        environment={"PYTHONPATH": str(package.parent)},
        cwd=package.parent,
    )
    with Cloud(tmp_path / "cloud", image=image) as running:
        running.add_group(FILE["resource_group"], FILE["location"])
        yield running


@pytest.fixture
def found(cloud: Cloud, sdk: Sdk) -> DeploySettings:
    """A deployment with checks, which is there, and whose first runs have ended."""
    asked = settings(subscription=SUBSCRIPTION, triggers=[*FILE["triggers"], CHECK])
    template, given = rendered_for(asked, management_url=cloud.url, deployer=cloud.deployer)
    body: Any = {"properties": {"mode": "Incremental", "template": template, "parameters": given}}
    sdk.deployments.deployments.begin_create_or_update("numerai", "job", body).result()
    for group in (Names(asked).group, Names(asked).check_group):
        assert cloud.wait_for_group(group) == "Succeeded"
    return asked


def _process(cloud: Cloud, group: str) -> Process:
    process = cloud.run_of(group).containers[0].process
    assert process is not None
    return process


def test_a_check_gets_what_the_job_gets_and_its_own_command(
    cloud: Cloud, found: DeploySettings
) -> None:
    names = Names(found)
    job, check = (
        _process(cloud, group).output().splitlines() for group in (names.group, names.check_group)
    )
    assert (job[0], check[0]) == ("[]", "['check', '--notify']")
    asked_for = ("('NUMERAI_", "('AZURE_CLIENT_ID'")
    given = [[line for line in lines if line.startswith(asked_for)] for lines in (job, check)]
    (webhook,) = [line for line in given[1] if line.startswith("('NUMERAI_OWN_WEBHOOK', '")]
    assert given[0] == [line for line in given[1] if line != webhook]
    shown = cloud.show(names.workflow(names.webhook_name))["properties"]["accessEndpoint"]
    assert webhook == f"('NUMERAI_OWN_WEBHOOK', '{shown}')"
    assert f"('NUMERAI_SECRET_KEY', '{HUSH}numerai_secret_key')" in given[0]


def test_its_workflow_starts_a_check_and_the_others_the_job(
    cloud: Cloud, found: DeploySettings
) -> None:
    names = Names(found)
    groups = names.group, names.check_group
    for name in (*names.schedule_names, names.webhook_name, *names.check_names):
        before = [cloud.run_of(group) for group in groups]
        firing = cloud.fire(names.workflow(name))
        assert [one.status for one in firing.actions] == ["Succeeded"] + 4 * ["Skipped"]
        assert firing.status == "Succeeded"
        cloud.wait_for_operations()
        after = [cloud.run_of(group) for group in groups]
        anew = [one is not other for one, other in zip(before, after, strict=True)]
        assert anew == ([False, True] if name in names.check_names else [True, False])
        for group in groups:
            cloud.wait_for_group(group)


@pytest.mark.parametrize(
    ("conflicts", "codes", "status"),
    [
        (1, [409, 0, 202, 0, 0], "Succeeded"),
        (2, [409, 0, 409, 0, 202], "Succeeded"),
        (3, [409, 0, 409, 0, 409], "Failed"),
    ],
)
def test_a_group_in_transition_is_started_when_it_has_settled(
    cloud: Cloud, found: DeploySettings, conflicts: int, codes: list[int], status: str
) -> None:
    names = Names(found)
    cloud.faults.add(
        where="containerGroups.start",
        kind="status",
        status=409,
        code="ContainerGroupTransitioning",
        times=conflicts,
    )
    firing = cloud.fire(names.workflow(names.schedule_names[0]))
    assert [one.code for one in firing.actions] == codes
    assert firing.status == status
