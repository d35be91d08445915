"""`destroy` removes what `apply` made, asks first, and leaves the data unless told otherwise."""

from __future__ import annotations

import pytest

from tests.deploy.place import Place
from tests.deploy.test_commands_apply import hooks


@pytest.fixture
def place(place: Place) -> Place:
    """Deployed, with nothing under way."""
    assert place.run("apply").code == 0
    place.settled()
    return place


def test_only_the_storage_stays(place: Place) -> None:
    gone = place.run("destroy", "--yes")
    assert (gone.code, gone.err) == (0, "")
    assert "storage account numeraimodels0 stays" in gone.out
    assert "removed Numerai's webhook from mallard" in gone.out
    kinds = {one.split("/providers/")[1].split("/")[0] for one in place.there()}
    assert kinds == {"microsoft.storage"}
    assert hooks(place) == {}
    assert "there is nothing to remove" in place.run("destroy", "--yes").out
    assert place.run("apply").code == 0


def test_with_the_data_nothing_stays(place: Place) -> None:
    assert place.run("destroy", "--yes", "--with-data").code == 0
    assert place.there() == set()


def test_it_asks_first(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    before = place.there()
    refused = place.run("destroy")
    assert refused.code == 2
    assert "say --yes" in refused.err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdin.readline", lambda: "yes\n")
    assert "nothing was removed" in place.run("destroy").out
    assert place.there() == before
    monkeypatch.setattr("sys.stdin.readline", lambda: "numerai-job\n")
    assert place.run("destroy").code == 0
    assert place.there() != before


def test_what_was_there_before_is_emptied_of_its_data_and_stays(place: Place) -> None:
    place.run("destroy", "--yes")
    place.write(storage={"account": "numeraimodels0", "create": False})
    place.run("apply")
    place.settled()
    assert place.run("destroy", "--yes", "--with-data").code == 0
    assert place.names.storage.lower() in place.there()
    assert not [one for one in place.there() if "/containers/" in one]


def test_that_numerai_cannot_be_asked_leaves_nothing_that_costs(place: Place) -> None:
    place.more["NUMERAI_SECRET_KEY"] = "an-old-key"
    gone = place.run("destroy", "--yes")
    assert gone.code == 4
    assert "all is removed but Numerai's webhook" in gone.err
    kinds = {one.split("/providers/")[1].split("/")[0] for one in place.there()}
    assert kinds == {"microsoft.storage"}


@pytest.mark.parametrize("given", [None, ""])
def test_a_webhook_is_not_stranded_for_want_of_the_token(place: Place, given: str | None) -> None:
    before, hooked = place.there(), hooks(place)
    secret = place.box.secret_key
    place.more["NUMERAI_SECRET_KEY"] = given
    refused = place.run("destroy", "--yes")
    assert refused.code == 2
    assert "nothing was removed" in refused.err
    assert "NUMERAI_SECRET_KEY: not set" in refused.err
    assert "--leave-webhook" in refused.err
    assert (place.there(), hooks(place)) == (before, hooked)
    place.more["NUMERAI_SECRET_KEY"] = secret
    assert place.run("destroy", "--yes").code == 0
    assert hooks(place) == {}


def test_it_may_be_left_without_the_token(place: Place) -> None:
    hooked = hooks(place)
    place.more |= {"NUMERAI_PUBLIC_ID": None, "NUMERAI_SECRET_KEY": None}
    gone = place.run("destroy", "--yes", "--leave-webhook")
    assert (gone.code, gone.err) == (0, "")
    assert "Numerai's webhook stays, and leads nowhere now; take it away at https://" in gone.out
    kinds = {one.split("/providers/")[1].split("/")[0] for one in place.there()}
    assert kinds == {"microsoft.storage"}
    assert hooks(place) == hooked


def test_no_other_secret_is_wanted_and_none_without_a_webhook(place: Place) -> None:
    place.more["MY_DATA_KEY"] = "hush"
    place.write(secrets=["MY_DATA_KEY"])
    assert place.run("apply").code == 0
    place.settled()
    place.more["MY_DATA_KEY"] = None
    assert place.run("destroy", "--yes").code == 0
    assert hooks(place) == {}
    place.write(secrets=[], triggers=[{"days": ["Tue"], "at": ["12:05"]}])
    assert place.run("apply").code == 0
    place.settled()
    place.more["NUMERAI_SECRET_KEY"] = None
    gone = place.run("destroy", "--yes")
    assert (gone.code, gone.err) == (0, "")
    assert "webhook" not in gone.out


def test_one_that_is_broken_off_is_gone_on_with(place: Place) -> None:
    place.cloud.faults.add(where="roleAssignments.delete", kind="forbidden", times=None, after=1)
    assert place.run("destroy", "--yes").code == 4
    place.cloud.faults.clear()
    assert place.run("destroy", "--yes").code == 0
    kinds = {one.split("/providers/")[1].split("/")[0] for one in place.there()}
    assert kinds == {"microsoft.storage"}


def test_what_others_have_made_under_our_names_stays(place: Place) -> None:
    place.run("destroy", "--yes", "--with-data")
    body = {"location": "swedencentral", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
    place.cloud.add(place.names.storage, body)
    gone = place.run("destroy", "--yes", "--with-data")
    assert gone.code == 0
    assert "storage account numeraimodels0 was not made by this deployment and stays" in gone.out
    assert place.there() == {place.names.storage.lower()}
