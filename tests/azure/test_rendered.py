"""The template that `deploy` renders, carried out by the stand-in."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from deploy.loading import parse_settings
from deploy.names import Names
from deploy.settings import DeploySettings
from deploy.template import parameters, render
from job.secret import Secret
from tests.azure import roles
from tests.azure.cloud import SUBSCRIPTION, Cloud
from tests.azure.container_groups import Image
from tests.azure.errors import Json
from tests.azure.sdk import Sdk
from tests.azurite.server import is_installed

_EXAMPLE = Path(__file__).parents[2] / "deploy" / "example.yaml"
_TELLS = "import os; print(*(f'{k}={v}' for k, v in sorted(os.environ.items())), sep=chr(10))"
pytestmark = pytest.mark.skipif(not is_installed(), reason="Azurite is not installed")


@pytest.fixture
def settings() -> DeploySettings:
    """The commented example, for the stand-in's subscription."""
    text = _EXAMPLE.read_text().replace("00000000-0000-0000-0000-000000000000", SUBSCRIPTION)
    return parse_settings(text, source="example.yaml")


@pytest.fixture
def cloud(tmp_path: Path, settings: DeploySettings) -> Iterator[Cloud]:
    """A cloud whose image prints its environment."""
    with Cloud(tmp_path, image=Image(command=(sys.executable, "-c", _TELLS))) as running:
        running.add_group(settings.resource_group, settings.location)
        yield running


def _body(cloud: Cloud, settings: DeploySettings) -> Json:
    who = cloud.deployer
    template = render(
        settings, management_url=cloud.url, deployer=who.object_id, secrets_tag="a tag"
    )
    given = parameters(
        settings,
        deployer=who.object_id,
        deployer_type=who.kind,
        secrets={name: Secret(f"hush {name}") for name in settings.all_secrets},
        secrets_tag="a tag",
    )
    return {
        "properties": {
            "mode": "Incremental",
            "template": template.document,
            "parameters": given,
        }
    }


def _foretold(sdk: Sdk, settings: DeploySettings, body: Any) -> set[str]:
    begun = sdk.deployments.deployments.begin_what_if(settings.resource_group, "job", body)
    return {one.change_type for one in begun.result().changes or ()}


def test_it_is_deployed_as_it_is_and_a_second_time_changes_nothing(
    cloud: Cloud, sdk: Sdk, settings: DeploySettings
) -> None:
    body: Any = _body(cloud, settings)
    group, names = settings.resource_group, Names(settings)
    assert _foretold(sdk, settings, body) == {"Create"}
    made = sdk.deployments.deployments.begin_create_or_update(group, "job", body).result()
    assert made.properties.provisioning_state == "Succeeded"
    assert cloud.wait_for_group(names.group) == "Succeeded"
    process = cloud.run_of(names.group).containers[0].process
    assert process is not None
    given = dict(line.split("=", 1) for line in process.output().splitlines())
    identity = cloud.show(names.identity)["properties"]
    blobs = cloud.show(names.storage)["properties"]["primaryEndpoints"]["blob"]
    assert given["AZURE_CLIENT_ID"] == identity["clientId"]
    assert given["NUMERAI_MODELS_DIR"] == f"{blobs}models"
    assert given["NUMERAI_SECRET_KEY"] == "hush NUMERAI_SECRET_KEY"
    assert _foretold(sdk, settings, body) == {"NoChange"}
    assert "hush" not in json.dumps([cloud.show(one) for one in cloud.ids])
    assert cloud.firings == [], "its schedules wait for their time"


def test_its_workflows_start_the_group(cloud: Cloud, sdk: Sdk, settings: DeploySettings) -> None:
    body: Any = _body(cloud, settings)
    group, names = settings.resource_group, Names(settings)
    sdk.deployments.deployments.begin_create_or_update(group, "job", body).result()
    for name in (*names.schedule_names, names.webhook_name):
        cloud.wait_for_group(names.group)
        before = cloud.run_of(names.group)
        assert cloud.fire(names.workflow(name)).status == "Succeeded"
        cloud.wait_for_operations()
        assert cloud.run_of(names.group) is not before


def test_a_contributor_cannot_deploy_it(
    cloud: Cloud, settings: DeploySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    body: Any = _body(cloud, settings)
    contributor = cloud.add_principal("contributor", "User", role=roles.CONTRIBUTOR)
    with (
        Sdk(cloud, monkeypatch, cloud.sign_in(contributor)) as sdk,
        pytest.raises(HttpResponseError, match="roleAssignments/write"),
    ):
        sdk.deployments.deployments.begin_create_or_update(
            settings.resource_group, "job", body
        ).result()
    assert cloud.ids == []
