"""`status`: the on-time figures are those of `python -m job history`, whoever can be asked."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from deploy.names import MODELS, RUNS
from job.__main__ import command as job
from tests.azure.container_groups import Image
from tests.deploy.place import Place
from tests.e2e.animals import good
from tests.receivers import HANG, closed_port, http_receiver

pytestmark = pytest.mark.slow

ALONE = "from the run records alone: "
HALF = "last 4 weeks: 50 % on time (1 of 2; 1 missed)"


@pytest.fixture
def image() -> Image:
    """The job as it is."""
    return Image()


@pytest.fixture
def place(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A round has ended: mallard was on time, teal failed."""

    def broken(live_features: object) -> object:
        raise ValueError("no such luck")

    monkeypatch.setenv("COLUMNS", "200")
    place.add_model("mallard", good())
    place.add_model("teal", broken)
    assert place.run("apply").code == 0
    place.settled()
    assert place.run("push").code == 0
    assert place.run("run").code == 3
    place.box.rounds.set(close_staking_time=datetime.now(UTC))
    assert place.run("run").code == 5
    return place


def history(place: Place) -> list[str]:
    """What `python -m job history` says of the same records; its lines that are not empty."""
    shown = place.cloud.show(place.names.storage)["properties"]["primaryEndpoints"]["blob"]
    environ = {
        **place.environ(),
        "NUMERAI_API_URL": place.box.api_url,
        "NUMERAI_MODELS_DIR": f"{shown}{MODELS}",
        "NUMERAI_RUNS_DIR": f"{shown}{RUNS}",
    }
    place.capsys.readouterr()
    assert job(["history", "--rounds", "10"], environ) == 0
    return [line for line in place.capsys.readouterr().out.splitlines() if line]


def asked(place: Place) -> int:
    """How often Numerai was asked anything."""
    return len([one for one in place.box.requests if one.kind == "graphql"])


def test_it_shows_what_the_history_shows(place: Place) -> None:
    told = history(place)
    assert told[0] == HALF
    before = asked(place)
    status = place.run("status")
    assert (status.code, status.err) == (0, "")
    assert asked(place) == before + 1
    assert ALONE not in status.out
    lines = [line.strip() for line in status.out.splitlines()]
    end = next(place for place, line in enumerate(told) if "the model raised" in line)
    for line in told[:end]:
        assert any(line.strip() in one for one in lines), line
    assert re.search(r"^teal +classic +1400 +missed ", status.out, flags=re.MULTILINE)
    assert len(lines) <= 24, status.out


def test_without_the_token_the_records_alone_tell(place: Place) -> None:
    place.more |= {"NUMERAI_PUBLIC_ID": None, "NUMERAI_SECRET_KEY": None}
    before = asked(place)
    status = place.run("status")
    assert (status.code, status.err) == (0, "")
    assert asked(place) == before
    assert HALF in status.out
    assert f"{ALONE}the API token is not in the environment" in status.out


@pytest.mark.parametrize("how", ["away", "silent", "no"])
def test_a_numerai_that_does_not_answer_is_no_failure(
    place: Place, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("deploy.on_time.ASKING", 0.5)
    with http_receiver() as other:
        other.behaviour = HANG
        port = closed_port() if how == "away" else other.port
        if how == "no":
            place.more["NUMERAI_SECRET_KEY"] = "revoked"
        else:
            place.write(settings={"NUMERAI_API_URL": f"http://127.0.0.1:{port}"})
        status = place.run("status")
    assert status.code == 0, status.text
    assert HALF in status.out
    assert ALONE in status.out
    if how == "silent":
        assert f"{ALONE}Numerai did not answer in time" in status.out
    if how == "no":
        assert "token" in status.out.partition(ALONE)[2]


def test_before_the_first_push_there_is_nothing_to_tell(place: Place) -> None:
    place.write(name="another-job", storage={"account": "another0"})
    assert place.run("apply").code == 0
    place.settled()
    status = place.run("status")
    assert status.code == 0
    assert "last 4 weeks: no round is known to have ended" in status.out
    assert ALONE not in status.out
    assert "model " not in status.out
