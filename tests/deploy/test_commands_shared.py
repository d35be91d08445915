"""Accounts that were there, and those that more than one deployment names."""

from __future__ import annotations

from argparse import Namespace

import pytest

from deploy.names import MODELS, RUNS
from deploy.pieces import OWNER_METADATA, Kind
from deploy.session import begin
from deploy.template.part import API_VERSIONS
from tests.azure.roles import BLOB_CONTRIBUTOR, BLOB_READER
from tests.deploy.place import Place

SHARED = {"account": "numeraimodels0", "create": False}


@pytest.fixture
def shared(place: Place) -> Place:
    """An account that was there, with the containers of someone's program, open to everyone."""
    place.write(storage=SHARED, triggers=[])
    place.cloud.add_group("numerai", "swedencentral")
    body = {"location": "swedencentral", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
    place.cloud.add(place.names.storage, body)
    for name in (MODELS, RUNS):
        properties = {"publicAccess": "Blob", "metadata": {"team": "ours"}}
        place.cloud.add(place.names.container(name), {"properties": properties})
    return place


@pytest.fixture
def deployed(place: Place) -> Place:
    """The account's own deployment, with nothing under way."""
    assert place.run("apply").code == 0
    place.settled()
    return place


def metadata(place: Place, container: str) -> dict[str, str]:
    found: dict[str, str] = place.cloud.show(place.names.container(container))["properties"][
        "metadata"
    ]
    return found


def test_containers_that_were_there_before_stay_with_what_was_in_them(shared: Place) -> None:
    planned = shared.run("plan").out
    assert "public access Blob becomes None and it was there before" in planned
    assert "is marked as this deployment's, and `destroy` leaves it" in planned
    assert shared.run("apply").code == 0
    shared.settled()
    assert metadata(shared, MODELS)["team"] == "ours"
    assert metadata(shared, MODELS)[OWNER_METADATA] == "numerai-job"
    assert "nothing to change" in shared.run("apply").out
    gone = shared.run("destroy", "--yes", "--with-data")
    assert gone.code == 0
    assert "blob container models was there before this deployment and stays" in gone.out
    assert shared.names.container(MODELS).lower() in shared.there()


def test_two_deployments_do_not_share_containers(deployed: Place) -> None:
    deployed.write(storage=SHARED, triggers=[], name="other-job")
    before = deployed.there()
    refused = deployed.run("apply")
    assert refused.code == 2
    assert "blob container models: belongs to the deployment numerai-job" in refused.err
    gone = deployed.run("destroy", "--yes", "--with-data")
    assert (gone.code, gone.err) == (0, "")
    assert "blob container runs belongs to the deployment numerai-job and stays" in gone.out
    assert deployed.there() == before


def test_the_data_of_a_deployment_that_is_no_more_can_be_taken_over(deployed: Place) -> None:
    assert deployed.run("destroy", "--yes").code == 0
    deployed.write(storage=SHARED, triggers=[], name="other-job")
    assert deployed.run("apply").code == 0
    deployed.settled()
    assert metadata(deployed, RUNS)[OWNER_METADATA] == "other-job"
    # The account's maker must not take away what another one uses by now.
    deployed.write(storage={"account": "numeraimodels0"}, name="numerai-job")
    gone = deployed.run("destroy", "--yes", "--with-data")
    assert "blob container models belongs to the deployment other-job and stays" in gone.out
    assert deployed.names.storage.lower() in deployed.there()


def test_a_right_that_was_given_by_hand_is_enough_and_stays(shared: Place) -> None:
    shared.cloud.assign(shared.cloud.deployer, BLOB_CONTRIBUTOR, shared.names.container(MODELS))
    # The same right elsewhere, or another one here, is not the one that is needed.
    shared.cloud.assign(shared.cloud.deployer, BLOB_CONTRIBUTOR)
    shared.cloud.assign(shared.cloud.deployer, BLOB_READER, shared.names.container(RUNS))
    given = {one for one in shared.there() if "/roleassignments/" in one}
    assert len(given) == 2
    planned = shared.run("plan").out
    assert "= keep role assignment: whoever deploys pushes models" in planned
    assert "+ create role assignment: whoever deploys reads runs" in planned
    assert shared.run("apply").code == 0
    shared.settled()
    assert "nothing to change" in shared.run("apply").out
    assert shared.run("destroy", "--yes").code == 0
    assert {one for one in shared.there() if "/roleassignments/" in one} == given


def test_a_right_that_the_job_was_given_by_hand_is_found_too(deployed: Place) -> None:
    container = deployed.names.container(MODELS)
    (made,) = (
        one
        for one in deployed.cloud.ids
        if one.startswith(f"{container}/providers/Microsoft.Authorization/roleAssignments/")
        and deployed.cloud.show(one)["properties"]["roleDefinitionId"].endswith(BLOB_READER)
    )
    shown = deployed.cloud.show(made)["properties"]
    properties = {name: shown[name] for name in ("roleDefinitionId", "principalId")}
    azure = begin(Namespace(file=deployed.file), deployed.environ()).azure
    assert azure.delete(made, API_VERSIONS[Kind.ASSIGNMENT])
    other = f"{made.rpartition('/')[0]}/11111111-2222-4333-8444-555555555555"
    deployed.cloud.add(other, {"properties": properties})
    assert "nothing to change" in deployed.run("apply").out
