"""Whole runs on real sockets, with one thing going wrong: what did not change, and that the next
run makes it good.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from job.errors import Exit
from job.model_spec import FeatureSet
from job.record import Outcome
from job.run import TURNS
from job.sandbox import Operation
from tests.clock import NOON
from tests.home import Home, Model, home
from tests.worlds import LIVE

__all__ = ["home"]

BOTH = [("mallard", 1400), ("teal", 1400)]
DEADLINE = NOON + timedelta(minutes=50)


def converges(home: Home, wanted: list[tuple[str, int]] = BOTH) -> None:
    """Once nothing goes wrong any more, a run makes it good and the next has nothing to do."""
    home.box.faults.clear()
    assert home.run() is Exit.OK
    assert home.submitted == wanted
    requests = len(home.box.requests)
    assert home.run() is Exit.OK
    assert home.submitted == wanted
    assert len(home.box.requests) == requests + 1


def fault(**details: Any) -> Any:
    return pytest.param(details, id=" ".join(str(value) for value in details.values()))


def test_every_model_is_submitted_and_then_nothing_is_left(home: Home) -> None:
    assert home.run() is Exit.OK
    assert home.outcomes == {"mallard": "submitted", "teal": "submitted"}
    assert home.submitted == BOTH
    assert {made.status for made in home.box.submissions} == {"validated"}
    converges(home)


def test_a_run_asks_little(home: Home) -> None:
    home.run()
    # State, one address and one URL for live, an address and a registration each, one proof.
    assert home.asked("account") == 2
    assert home.asked("submissionUploadAuth") == home.asked("createSubmission") == 2
    assert home.asked("dataset") == 1
    assert home.asked("get") == 1
    assert home.box.peak() <= 4


@pytest.mark.parametrize(
    "details",
    [
        fault(where="account", kind="status", times=3),
        fault(where="account", kind="html", times=3),
        fault(where="account", kind="graphql_error", message="Internal server error", times=2),
        fault(where="account", kind="graphql_error", message="x", code="rate_limited", times=2),
        fault(where="account", kind="reset", after=1),
        fault(where="dataset", kind="status", status=429, retry_after="5"),
        fault(where="get", kind="truncate"),
        fault(where="get", kind="truncate", content_length=False),
        fault(where="get", kind="reset"),
        fault(where="get", kind="stall"),
        fault(where="get", kind="expired"),
        fault(where="get", kind="wrong_bytes", times=2),
        fault(where="submissionUploadAuth", kind="status", times=2),
        fault(where="submissionUploadAuth", kind="lost_reply"),
        fault(where="put", kind="status", times=2),
        fault(where="put", kind="status", status=403),
        fault(where="put", kind="reset"),
        fault(where="put", kind="lost_reply"),
        fault(where="put", kind="stall"),
        fault(where="createSubmission", kind="status", status=429, retry_after="5"),
        fault(where="createSubmission", kind="graphql_error", message="x", code="rate_limited"),
        fault(where="createSubmission", kind="lost_reply"),
        fault(where="createSubmission", kind="stall"),
        fault(where="createSubmission", kind="truncate"),
        fault(where="createSubmission", kind="status"),
        fault(where="createSubmission", kind="html"),
        fault(where="createSubmission", kind="reset"),
    ],
)
def test_a_passing_fault_costs_no_submission_and_makes_none_twice(
    home: Home, details: dict[str, Any]
) -> None:
    struck = home.box.faults.add(**details)
    assert home.run() is Exit.OK
    assert struck.hits == struck.times
    assert home.submitted == BOTH
    converges(home)


@pytest.mark.parametrize(
    "details",
    [
        fault(where="account", kind="status"),
        fault(where="account", kind="graphql_error", message="no such field"),
        fault(where="dataset", kind="status"),
        fault(where="get", kind="status"),
        fault(where="get", kind="wrong_bytes"),
        fault(where="submissionUploadAuth", kind="status"),
        fault(where="put", kind="status"),
        fault(where="put", kind="status", status=403),
        fault(where="createSubmission", kind="status", status=429),
    ],
)
def test_a_lasting_fault_submits_nothing_and_the_next_run_all(
    home: Home, details: dict[str, Any]
) -> None:
    home.box.faults.add(times=None, **details)
    assert home.run() is Exit.UNAVAILABLE
    assert home.submitted == []
    assert not list(home.folder.rglob("*.part"))
    converges(home)


@pytest.mark.parametrize(
    "details",
    [
        fault(where="submissionUploadAuth", kind="graphql_error", message="you are too late"),
        fault(where="createSubmission", kind="graphql_error", message="you are too late"),
    ],
)
def test_a_definite_no_costs_that_model_only(home: Home, details: dict[str, Any]) -> None:
    home.box.faults.add(match="mallard", **details)
    assert home.run() is Exit.MODELS_FAILED
    assert home.outcomes == {"mallard": "failed", "teal": "submitted"}
    assert "you are too late" in home.result().reason
    assert home.submitted == [("teal", 1400)]
    converges(home)


def test_a_store_that_refuses_one_file_costs_that_model_only(home: Home) -> None:
    home.box.faults.add(where="put", kind="status", status=403, times=None, match="mallard")
    assert home.run() is Exit.UNAVAILABLE
    assert home.outcomes == {"mallard": "failed", "teal": "submitted"}
    converges(home)


def test_a_lost_reply_is_read_back_and_not_sent_again(home: Home) -> None:
    home.box.faults.add(where="createSubmission", kind="lost_reply", times=None)
    assert home.run() is Exit.OK
    assert home.submitted == BOTH
    assert home.asked("createSubmission") == 2
    assert {result.submission_id for result in home.record.results} == {  # type: ignore[union-attr]
        made.id for made in home.box.submissions
    }


def test_a_lost_reply_that_takes_its_time_to_show_is_not_sent_again(home: Home) -> None:
    home.box.settle_after = 40.0
    home.box.faults.add(where="createSubmission", kind="lost_reply", times=None)
    assert home.run() is Exit.OK
    assert home.asked("createSubmission") == 2


def test_a_lost_reply_where_nothing_was_done_is_sent_again_after_a_minute(home: Home) -> None:
    home.box.faults.add(where="createSubmission", kind="reset", match="mallard")
    assert home.run() is Exit.OK
    assert home.submitted == BOTH
    assert home.asked("createSubmission") == 3
    assert (home.clock.now() - NOON) >= timedelta(seconds=60)


def test_a_submission_that_shows_only_after_a_while_is_waited_for(home: Home) -> None:
    home.box.settle_after = 25.0
    assert home.run() is Exit.OK
    assert home.submitted == BOTH


def test_a_submission_that_never_shows_is_unproven_and_not_sent_again(home: Home) -> None:
    home.box.settle_after = 600.0
    assert home.run() is Exit.UNAVAILABLE
    assert set(home.outcomes.values()) == {"unproven"}
    assert home.submitted == BOTH
    home.clock.move(600.0)
    converges(home)


def test_an_unproven_upload_is_looked_for_by_the_next_run_first(home: Home) -> None:
    home.box.settle_after = 70.0
    assert home.run() is Exit.UNAVAILABLE
    assert home.submitted == BOTH
    home.box.settle_after = 100.0
    home.clock.move(-20.0)
    assert home.run() in {Exit.OK, Exit.UNAVAILABLE}
    assert home.asked("createSubmission") <= 4


def test_a_file_that_numerai_refuses_is_that_models_failure(home: Home) -> None:
    home.box.validate_after = 4.0
    home.box.on("put", lambda _: spoil(home, "mallard"), when="after", match="mallard")
    assert home.run() is Exit.MODELS_FAILED
    assert home.outcomes == {"mallard": "failed", "teal": "submitted"}
    assert "Numerai refused the file: invalid_submission" in home.result().reason
    assert home.submitted == BOTH


def spoil(home: Home, name: str) -> None:
    """What the store has of a model's upload is not what was sent."""
    uploads = home.box.objects.uploads
    for filename in [one for one in uploads if one.startswith(name)]:
        uploads[filename] = b"id,prediction\nn1,2.0\n"


def test_a_broken_prediction_is_not_sent_and_costs_that_model_only(home: Home) -> None:
    home.models["mallard"] = Model(csv=b"id,prediction\nn1,0.5\n")
    assert home.run() is Exit.MODELS_FAILED
    assert home.outcomes == {"mallard": "failed", "teal": "submitted"}
    assert home.submitted == [("teal", 1400)]
    home.models["mallard"] = Model()
    converges(home)


def test_a_validated_prediction_is_kept_for_the_next_run(home: Home) -> None:
    home.box.faults.add(where="put", kind="status", times=None)
    assert home.run() is Exit.UNAVAILABLE
    assert sorted(home.predicted) == ["mallard", "teal"]
    converges(home)
    assert len(home.predicted) == 2
    assert home.asked("get") == 1


def test_data_that_are_not_published_yet_are_waited_for(home: Home) -> None:
    home.box.objects.withhold(LIVE)
    assert home.run() is Exit.UNAVAILABLE
    assert "not there yet" in home.result().reason
    publish_at = NOON + timedelta(minutes=5)

    def publish(_: Operation) -> None:
        if home.clock.now() >= publish_at:
            home.box.objects.restore(LIVE)

    home.box.on("dataset", publish)
    assert home.run(wait=600.0) is Exit.OK
    assert home.submitted == BOTH
    assert home.clock.now() >= publish_at


@pytest.mark.parametrize("name", ["features.json", "live_benchmark_models.parquet"])
def test_classics_files_that_come_after_its_live_data_are_waited_for(home: Home, name: str) -> None:
    home.models["teal"].benchmarks = True
    home.specs["teal"] = {"features": FeatureSet("small")}
    home.box.objects.withhold(f"v5.3/{name}")
    publish = partial(home.box.objects.restore, f"v5.3/{name}")
    home.clock.when(NOON + timedelta(minutes=3), publish)
    assert home.run(wait=600.0) is Exit.OK
    assert home.submitted == BOTH


def test_data_that_come_just_before_the_wait_ends_are_used(home: Home) -> None:
    home.box.objects.withhold(LIVE)
    home.clock.when(NOON + timedelta(seconds=5), lambda: home.box.objects.restore(LIVE))
    assert home.run(wait=6.0, only=["teal"]) is Exit.OK
    assert home.outcomes["teal"] == "submitted"


def test_live_data_of_the_round_before_are_not_ready(home: Home) -> None:
    assert home.run() is Exit.OK
    home.clock.move(23 * 3600.0)
    home.box.rounds.turn()
    home.box.objects.make_stale(LIVE)
    assert home.run() is Exit.UNAVAILABLE
    assert "byte for byte the file of the round before" in home.result().reason
    assert home.submitted == BOTH
    home.box.objects.restore(LIVE)
    converges(home, sorted([*BOTH, ("mallard", 1401), ("teal", 1401)]))


def test_waiting_for_data_ends_with_the_deadline(home: Home) -> None:
    home.box.objects.withhold(LIVE)
    # One lane: a second one's sleep would move the clock under the first one's last try.
    assert home.run(wait=4 * 3600.0, NUMERAI_WORKERS="1") is Exit.UNAVAILABLE
    assert home.clock.now() <= DEADLINE


def turn(home: Home) -> Callable[[Operation], None]:
    """Turns the round, once."""
    turned: list[int] = []

    def hook(_: Operation) -> None:
        if not turned:
            turned.append(1)
            home.clock.move(120.0)
            home.box.rounds.turn()

    return hook


@pytest.mark.parametrize("where", ["dataset", "get", "submissionUploadAuth", "put"])
def test_a_round_that_turns_before_the_registration_begins_all_again(
    home: Home, where: str
) -> None:
    home.box.on(where, turn(home))
    assert home.run() is Exit.OK
    assert home.outcomes == {"mallard": "submitted", "teal": "submitted"}
    assert [made for made in home.submitted if made[1] == 1401] == [
        ("mallard", 1401),
        ("teal", 1401),
    ]
    assert all(made.data_round == made.round for made in home.box.submissions)
    assert home.record is not None
    assert home.record.rounds["classic"].number == 1401


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
def test_what_a_turning_round_took_with_old_data_is_replaced(home: Home, lost: bool) -> None:
    home.box.on("createSubmission", turn(home))
    if lost:
        home.box.faults.add(where="createSubmission", kind="lost_reply", times=2)
    assert home.run() is Exit.OK
    assert home.outcomes == {"mallard": "submitted", "teal": "submitted"}
    last = {made.model: made for made in home.box.submissions}
    assert {made.data_round for made in last.values()} == {1401}
    before = home.submitted
    converges(home, before)


def test_old_data_in_a_new_round_are_seen_by_the_next_run_too(home: Home) -> None:
    home.box.on("createSubmission", turn(home), match="mallard")
    home.box.faults.add(where="account", kind="status", times=None, after=1)
    assert home.run() is Exit.UNAVAILABLE
    home.box.faults.clear()
    assert home.run() is Exit.OK
    last = {made.model: made for made in home.box.submissions}
    assert {made.data_round for made in last.values()} == {1401}


def test_a_round_that_never_holds_ends_the_run(home: Home) -> None:
    said = "Current round not open for submissions"
    refused = home.box.faults.add(
        where="createSubmission", kind="graphql_error", message=said, times=None
    )
    assert home.run() is Exit.UNAVAILABLE
    assert TURNS <= refused.hits <= 2 * TURNS
    assert home.submitted == []
    assert home.clock.now() > NOON
    converges(home)


def test_near_the_deadline_an_unreadable_state_is_sent_again_and_after_it_never(
    home: Home,
) -> None:
    home.clock.move_to(DEADLINE - timedelta(seconds=100))
    home.box.faults.add(where="createSubmission", kind="reset", match="mallard")
    home.box.faults.add(where="account", kind="status", times=None, after=1)
    assert home.run() is Exit.UNAVAILABLE
    assert ("mallard", 1400) in home.submitted
    assert all(made.timestamp < DEADLINE for made in home.box.submissions)
    assert set(home.outcomes.values()) == {"unproven"}
    sent = home.asked("createSubmission")
    home.box.faults.clear()
    home.clock.move_to(DEADLINE + timedelta(minutes=1))
    assert home.run() is Exit.OK
    assert home.asked("createSubmission") == sent


def test_after_the_deadline_nothing_is_sent_again(home: Home) -> None:
    def too_late(_: Operation) -> None:
        home.clock.move_to(DEADLINE - timedelta(seconds=5))

    home.box.on("createSubmission", too_late, match="mallard")
    home.box.faults.add(where="createSubmission", kind="reset", match="mallard", after=0)
    home.box.on("account", too_late, when="after")
    home.clock.move_to(DEADLINE - timedelta(seconds=30))
    home.run(only=["mallard"])
    assert home.asked("createSubmission") <= 1


def test_past_the_deadline_a_model_is_missed_and_nothing_is_fetched(home: Home) -> None:
    home.clock.move_to(DEADLINE)
    assert home.run() is Exit.MISSED
    assert set(home.outcomes.values()) == {"missed"}
    assert len(home.box.requests) == 1


def test_late_work_is_done_where_it_is_wished_for(home: Home) -> None:
    home.clock.move_to(DEADLINE)
    assert home.run(late=True) is Exit.OK
    assert set(home.outcomes.values()) == {"submitted_late"}
    assert home.run() is Exit.OK
    assert home.submitted == BOTH


def test_a_model_that_takes_the_time_that_is_left_is_missed(home: Home) -> None:
    home.models["mallard"].first = lambda: home.clock.move_to(DEADLINE - timedelta(seconds=1))
    home.specs["mallard"] = {"priority": 1}
    assert home.run(NUMERAI_WORKERS="1") is Exit.MISSED
    assert home.outcomes["teal"] == "missed"
    assert all(made.timestamp < DEADLINE for made in home.box.submissions)


def test_the_wait_for_a_round_ends_with_the_round(home: Home) -> None:
    home.clock.move_to(DEADLINE)
    opening = NOON + timedelta(hours=3)
    home.box.rounds.set(
        number=1401,
        open_time=opening,
        close_staking_time=opening + timedelta(hours=1),
        close_time=opening + timedelta(days=1),
    )
    assert home.run(wait=4 * 3600.0) is Exit.OK
    assert home.submitted == [("mallard", 1401), ("teal", 1401)]
    assert opening <= home.clock.now() < opening + timedelta(minutes=2)
    assert home.asked("account") < 500


def test_a_wait_in_which_no_round_opens_ends_with_6(home: Home) -> None:
    home.clock.move_to(DEADLINE)
    started = home.clock.now()
    assert home.run(wait=600.0) is Exit.NO_ROUND
    assert home.clock.now() - started <= timedelta(seconds=601)
    assert home.submitted == []


def test_a_dry_run_uploads_nothing_and_says_where_the_files_are(home: Home) -> None:
    assert home.run(dry_run=True) is Exit.OK
    assert set(home.outcomes.values()) == {"dry_run"}
    csv = home.result().csv
    assert csv is not None
    assert csv in home.result().reason
    assert home.asked("submissionUploadAuth") == home.asked("put") == 0
    converges(home)
    assert len(home.predicted) == 2


def test_a_forced_run_submits_again_what_it_has_kept(home: Home) -> None:
    assert home.run() is Exit.OK
    assert home.run(force=True, only=["teal"]) is Exit.OK
    assert home.submitted == [*BOTH, ("teal", 1400)]
    assert home.outcomes == {"mallard": "skipped", "teal": "submitted"}


def test_a_changed_artifact_is_predicted_anew(home: Home) -> None:
    assert home.run() is Exit.OK
    (home.folder / "models" / "teal.pkl").write_bytes(b"another model")
    assert home.run(force=True) is Exit.OK
    assert sorted(home.predicted) == ["mallard", "teal", "teal"]


def test_a_record_that_cannot_be_written_registers_nothing(home: Home) -> None:
    runs = home.folder / "data" / "runs"

    def lose_the_place(_: Operation) -> None:
        if not runs.with_name("moved").exists():
            runs.rename(runs.with_name("moved"))
            runs.write_bytes(b"a file where the folder belongs")

    home.box.on("put", lose_the_place)
    assert home.run() is Exit.UNAVAILABLE
    assert home.submitted == []
    assert "cannot write" in home.result().reason
    runs.unlink()
    converges(home)


def test_every_upload_leaves_its_intent_before_it_is_registered(home: Home) -> None:
    seen: list[bool] = []

    def look(operation: Operation) -> None:
        runs = home.folder / "data" / "runs"
        text = "".join(path.read_text() for path in runs.glob("*.run.json"))
        seen.append(str(operation.arguments["filename"]) in text)

    home.box.on("createSubmission", look)
    assert home.run() is Exit.OK
    assert seen == [True, True]


def test_many_models_with_a_flaky_service_are_each_submitted_once(home: Home) -> None:
    names = [f"duck_{n:02d}" for n in range(12)]
    home.models.update({name: Model() for name in names})
    for name in names:
        home.box.add_model(name)
    for where in ("submissionUploadAuth", "put", "createSubmission", "account"):
        for kind in ("status", "lost_reply"):
            home.box.faults.add(where=where, kind=kind, times=2, after=1)
    assert home.run() is Exit.OK
    assert {result.outcome for result in home.record.results} == {  # type: ignore[union-attr]
        Outcome.SUBMITTED
    }
    wanted = sorted((name, 1400) for name in home.models)
    assert home.submitted == wanted
    converges(home, wanted)
