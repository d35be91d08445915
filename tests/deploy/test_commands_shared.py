"""Accounts that were there, and those that more than one deployment names."""

from __future__ import annotations

import pytest

from deploy.names import MODELS, RUNS
from deploy.pieces import OWNER_METADATA
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
