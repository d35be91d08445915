"""A check on Azure, by the real job: who is told of what, when nobody is, and at what price."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.push.names import OBJECTS
from deploy.session import begin
from tests.azure.container_groups import Image
from tests.deploy.place import Place
from tests.deploy.samples import CHECK
from tests.e2e.animals import good
from tests.receivers import SECRETS, Receiver, http_receiver

pytestmark = pytest.mark.slow

RUNS = {"days": ["Tue"], "at": ["12:05"]}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with http_receiver() as running:
        yield running


@pytest.fixture
def image() -> Image:
    """The job as it is."""
    return Image()


@pytest.fixture
def place(place: Place, receiver: Receiver, tmp_path: Path) -> Place:
    """Not deployed yet; with one who is told and a dead man's switch, each given its own way."""
    place.write(triggers=[RUNS, CHECK], secrets=["NUMERAI_NOTIFY", "NUMERAI_PING_URL"])
    (tmp_path / "notify").write_text(receiver.notify_url)
    place.more |= {
        "NUMERAI_NOTIFY_FILE": str(tmp_path / "notify"),
        "NUMERAI_PING_URL": receiver.ping_url,
    }
    place.add_model("mallard", good())
    return place


def checked(place: Place) -> str:
    """What a check writes that the schedule starts; its container ends with 0 whatever it finds."""
    assert place.cloud.fire(place.names.workflow(place.names.check_names[0])).status == "Succeeded"
    place.cloud.wait_for_operations()
    return ended(place)


def ended(place: Place) -> str:
    """The same of the check that is under way."""
    assert place.cloud.wait_for_group(place.names.check_group) == "Succeeded"
    process = place.cloud.run_of(place.names.check_group).containers[0].process
    assert process is not None
    assert process.code == 0
    return process.output()


def objects_read(place: Place, since: int) -> list[str]:
    """The files of models that were read, their notes aside."""
    asked = [one for one in place.cloud.blob_requests[since:] if one.method == "GET"]
    paths = [one.path for one in asked if "/objects/" in one.path]
    return [path for path in paths if not path.endswith(".meta.json")]


def test_faults_are_told_once_each_time_and_nothing_else(
    place: Place, receiver: Receiver, tmp_path: Path
) -> None:
    planned = place.run("plan", "--template", str(tmp_path / "template.json"))
    applied = place.run("apply")
    assert (planned.code, applied.code) == (0, 0), planned.text + applied.text
    place.settled()
    first = ended(place)
    assert "no manifest pushed yet" in first
    assert sorted(receiver.titles) == [
        "Numerai check: 1 fault before the round",
        "Numerai: no manifest pushed yet",
    ]
    assert receiver.pings == ["/2"]  # of the run alone

    receiver.calls.clear()
    assert "no manifest pushed yet" in checked(place)
    assert receiver.titles == ["Numerai check: 1 fault before the round"]

    receiver.calls.clear()
    pushed = place.run("push")
    assert pushed.code == 0, pushed.text
    before = len(place.cloud.blob_requests)
    silent = checked(place)
    assert "faults: 0" in silent
    assert "mallard: artifact mallard.pkl" in silent
    assert len(place.cloud.blob_requests) > before
    assert objects_read(place, before) == []
    assert receiver.calls == []

    shelf = begin(Namespace(file=place.file), place.environ()).shelf()
    (artifact,) = shelf.names("", under=OBJECTS)
    shelf.delete(artifact)
    missing = checked(place)
    assert "faults: 1" in missing
    (message,) = receiver.messages
    assert "mallard: there is no file mallard.pkl" in message["message"]
    assert place.box.submissions == []

    shown = [planned.text, applied.text, pushed.text, first, silent, missing]
    shown += [(tmp_path / "template.json").read_text(), place.run("status").text]
    shown += [place.run("logs").text, str(place.cloud.show(place.names.check_group))]
    for secret in (*SECRETS, place.box.secret_key):
        assert all(secret not in text for text in shown), secret


def test_the_deployments_own_webhook_is_no_other_pipeline(place: Place) -> None:
    place.write(triggers=[RUNS, {"webhook": True}])
    applied = place.run("apply")
    assert "Numerai calls when a round opens for mallard" in applied.out, applied.text
    place.settled()
    place.write(triggers=[RUNS, {"webhook": True}, CHECK])
    applied = place.run("apply")
    assert applied.code == 0, applied.text
    ended(place)
    place.run("push")
    silent = checked(place)
    assert "mallard: Numerai calls this job's own webhook" in silent
    assert "faults: 0, warnings: 0" in silent
    (url,) = [one.webhook for one in place.box.models if one.webhook]
    signature = url.partition("sig=")[2]
    assert signature
    assert signature not in str(place.cloud.show(place.names.check_group))
    place.box.roster.change_model(place.box.model("mallard").id, webhook="https://a.example/hook")
    assert "does another pipeline still submit this model?" in checked(place)


def test_a_key_that_may_do_less_now_is_told_before_the_round(
    place: Place, receiver: Receiver
) -> None:
    place.run("apply")
    place.settled()
    ended(place)
    place.run("push")
    receiver.calls.clear()
    place.box.scopes = ["read_user_info"]
    assert "faults: 1" in checked(place)
    (message,) = receiver.messages
    assert "lacks: " in message["message"]
    assert "upload_submission" in message["message"]
