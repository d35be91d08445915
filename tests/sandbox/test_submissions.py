"""Submissions show as the service shows them: on time, late, queued, none; valid or failed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from .client import CREATE, UPLOAD_AUTH, Client, Clock, predictions

REAL = Path(__file__).parents[3] / "shared" / "real" / "latest-submissions.json"
LATEST = """query($m: ID) { model(modelId: $m) { latestSubmissionV2 {
  id status errorInfo insertedAt round { number } } } }"""


def latest(client: Client) -> Any:
    return client.ask(LATEST, m=client.box.models[0].id)["model"]["latestSubmissionV2"]


def statuses(client: Client) -> dict[int, str]:
    return {row["roundNumber"]: row["status"] for row in client.rows()}


def test_a_model_without_submission_has_empty_rows(client: Client) -> None:
    assert client.rows()[0] == {
        "id": None,
        "filename": None,
        "roundNumber": 1400,
        "roundOpen": "2026-11-03",
        "roundCloseStaking": "2026-11-03",
        "status": "none",
        "timestamp": None,
    }
    assert latest(client) is None


def test_a_submission_names_its_round_and_shows_on_time(client: Client) -> None:
    made = client.submit()
    assert made["round"] == {"number": 1400, "tournament": 8}
    assert made["status"] == "validated"
    row = client.rows()[0]
    assert (row["status"], row["id"]) == ("on-time", made["id"])
    assert row["timestamp"] == "2026-11-03T13:10:00Z"


def test_a_submission_after_the_deadline_is_late_and_queued_for_the_next_round(
    client: Client, clock: Clock
) -> None:
    clock.move(hours=3)
    made = client.submit()
    assert statuses(client) == {1400: "late", 1399: "none"}
    clock.move(hours=20)
    client.box.rounds.turn()
    queued, late, none = client.rows()
    assert (queued["roundNumber"], queued["status"]) == (1401, "queued")
    assert (late["roundNumber"], late["status"], none["status"]) == (1400, "late", "none")
    assert queued["id"] == late["id"] == made["id"]
    assert queued["timestamp"] == late["timestamp"] == "2026-11-03T16:10:00Z"
    assert queued["filename"] == late["filename"]


def test_a_queued_submission_gives_way_to_a_fresh_one(client: Client, clock: Clock) -> None:
    clock.move(hours=3)
    client.submit()
    client.box.rounds.turn()
    client.submit()
    assert statuses(client) == {1401: "on-time", 1400: "late", 1399: "none"}


def test_an_on_time_submission_is_not_queued(client: Client) -> None:
    client.submit()
    client.box.rounds.turn()
    assert statuses(client) == {1401: "none", 1400: "on-time", 1399: "none"}


def test_a_queued_submission_is_not_queued_again(client: Client, clock: Clock) -> None:
    clock.move(hours=3)
    client.submit()
    client.box.rounds.turn()
    client.box.rounds.turn()
    assert statuses(client) == {1402: "none", 1401: "queued", 1400: "late", 1399: "none"}


def test_an_upcoming_round_has_a_row_only_for_what_is_queued(client: Client, clock: Clock) -> None:
    client.box.rounds.set(number=1401, open_time=clock.time.replace(hour=18))
    assert statuses(client) == {1400: "none", 1399: "none"}
    clock.move(hours=3)
    client.submit()
    assert statuses(client) == {1401: "queued", 1400: "late", 1399: "none"}


def test_what_was_made_in_the_second_of_the_turn_is_older_than_the_round(client: Client) -> None:
    client.submit()
    opened = client.box.rounds.turn().open_time
    assert client.box.submissions[0].timestamp < opened


def test_more_rows_may_come_than_were_asked_for(client: Client) -> None:
    client.box.rounds.turn()
    assert len(client.rows(rounds=1)) == 2


@pytest.mark.skipif(not REAL.exists(), reason=f"the recorded answer {REAL.name} is not there")
def test_rows_are_those_of_a_recorded_answer(client: Client, clock: Clock) -> None:
    recorded = json.loads(REAL.read_text())["data"]["account"]["models"][0]["latestSubmissions"]
    for _ in range(5):
        client.box.rounds.turn()
    clock.move(hours=3)
    client.submit()
    clock.move(hours=20)
    client.box.rounds.turn()
    rows = client.rows()
    assert len(rows) == len(recorded)
    for ours, theirs in zip(rows, recorded, strict=True):
        assert set(ours) == set(theirs)
        assert ours["status"] == theirs["status"]
        assert [type(ours[key]) for key in theirs] == [type(theirs[key]) for key in theirs]
    assert [rows[0]["roundNumber"] - row["roundNumber"] for row in rows] == [
        recorded[0]["roundNumber"] - row["roundNumber"] for row in recorded
    ]
    assert (rows[0]["id"], recorded[0]["id"]) == (rows[1]["id"], recorded[1]["id"])


def test_settling_takes_its_time(client: Client, clock: Clock) -> None:
    client.box.settle_after = 5
    client.submit()
    assert client.rows()[0]["status"] == "none"
    assert len(client.box.submissions) == 1
    clock.move(seconds=5)
    assert client.rows()[0]["status"] == "on-time"


def test_a_submission_is_pending_until_it_is_judged(client: Client, clock: Clock) -> None:
    client.box.validate_after = 5
    assert client.submit(b"id,prediction\nx,1\n")["status"] == "pending"
    assert latest(client)["errorInfo"] is None
    clock.move(seconds=5)
    assert latest(client)["status"] == "failed"
    assert latest(client)["errorInfo"]


def edited(csv: bytes, old: str, new: str) -> bytes:
    changed = csv.decode().replace(old, new, 1)
    assert changed.encode() != csv
    return changed.encode()


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (lambda csv: edited(csv, "id,prediction", "id,predictions"), "headers"),
        (lambda csv: edited(csv, "id,prediction", "prediction,id"), "headers"),
        (lambda csv: csv.replace(b"\n", b",1\n"), "headers"),
        (lambda csv: csv.rsplit(b"\n", 2)[0], "not all live ids"),
        (lambda csv: csv + csv.splitlines()[-1], "duplicates"),
        (lambda csv: edited(csv, ",1.0", ","), "NaN"),
        (lambda csv: edited(csv, ",1.0", ",nan"), "NaN"),
        (lambda csv: edited(csv, ",1.0", ",1.01"), "between 0 and 1"),
        (lambda csv: edited(csv, ",1.0", ",-0.1"), "between 0 and 1"),
        (lambda csv: edited(csv, ",1.0", ",high"), "numbers"),
        (lambda csv: re.sub(rb",[0-9.]+", b",0.5", csv), "standard deviation"),
        (lambda csv: b"", "file"),
        (lambda csv: b"PAR1\xff\xfe", "file"),
    ],
)
def test_a_file_against_the_rules_fails_and_does_not_count(
    client: Client, fault: Any, complaint: str
) -> None:
    valid = client.submit()
    failed = client.submit(fault(predictions(client.box)))
    assert failed["status"] == "failed"
    assert complaint in failed["errorInfo"]
    assert latest(client)["id"] == failed["id"]
    assert client.rows()[0]["id"] == valid["id"]


def test_further_ids_and_the_old_header_are_taken(client: Client) -> None:
    csv = predictions(client.box).replace(b"id,prediction", b"id,probability") + b"unknown,0.5\n"
    assert client.submit(csv)["status"] == "validated"


def test_ids_of_the_last_round_are_mapped_and_nothing_is_said(client: Client) -> None:
    old = predictions(client.box)
    client.box.rounds.turn()
    assert client.submit(old)["status"] == "validated"
    made = client.box.submissions[0]
    assert (made.round, made.data_round) == (1401, 1400)


def test_a_hundred_of_a_universe_are_enough(client: Client) -> None:
    model = client.box.model("clangula_hyemalis", tournament=12).id
    csv = b"\n".join(predictions(client.box, tournament=12).splitlines()[:101])
    assert client.submit(csv, tournament=12, modelId=model)["status"] == "validated"
    short = b"\n".join(csv.splitlines()[:100])
    assert client.submit(short, tournament=12, modelId=model)["status"] == "failed"


def test_every_submission_is_kept_with_its_bytes(client: Client) -> None:
    csv = predictions(client.box)
    made = client.submit(csv)
    (kept,) = client.box.submissions
    assert (kept.id, kept.model, kept.csv) == (made["id"], "anas_platyrhynchos", csv)
    assert (kept.tournament, kept.round, kept.status) == (8, 1400, "validated")


def test_without_an_uploaded_file_nothing_is_created(client: Client) -> None:
    model = client.box.models[0].id
    message = client.refusal(CREATE, filename="p.csv", tournament=8, modelId=model)
    assert message == "submission file not found, was it uploaded correctly?"
    assert client.box.submissions == []


def test_between_rounds_nothing_is_created(client: Client) -> None:
    filename = client.put(predictions(client.box))
    client.box.rounds.close()
    given = {"filename": filename, "tournament": 8, "modelId": client.box.models[0].id}
    assert client.refusal(CREATE, **given) == "Current round not open for submissions"
    assert client.box.submissions == []


@pytest.mark.parametrize("query", [UPLOAD_AUTH, CREATE])
def test_models_that_take_no_upload_are_refused(client: Client, query: str) -> None:
    box = client.box
    other = box.add_account("other")
    refused = {
        "model upload": box.add_model("cairina_moschata", hosted=True),
        "archived": box.add_model("netta_rufina", archived=True),
        "not found": box.add_model("mareca_strepera", account=other),
        "tournament": box.model("clangula_hyemalis", tournament=12).id,
    }
    for reason, model in refused.items():
        assert reason in client.refusal(query, filename="p.csv", tournament=8, modelId=model)


def test_signals_has_fields_of_its_own(client: Client) -> None:
    model = client.box.model("somateria_mollissima", tournament=11).id
    auth = client.ask(
        """query($m: String) {
          submissionUploadSignalsAuth(filename: "s.csv", modelId: $m) { filename url } }""",
        m=model,
    )["submissionUploadSignalsAuth"]
    csv = b"numerai_ticker,signal\n" + b"".join(
        f"AA{letter} US,0.{place}\n".encode() for place, letter in enumerate("ABCDEFGHIJ")
    )
    assert client.session.put(auth["url"], data=csv, timeout=5).ok
    query = """mutation($f: String!, $m: String) {
      createSignalsSubmission(filename: $f, modelId: $m) { status errorInfo round { number } } }"""
    made = client.ask(query, f=auth["filename"], m=model)["createSignalsSubmission"]
    assert made["round"] == {"number": 1399}
    assert "not all live ids" in made["errorInfo"]
