"""Submissions show as the service shows them: on time, late, queued, none; valid or failed."""

from __future__ import annotations

import io
import json
import re
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerai_tools.submissions import (
    validate_submission_crypto,
    validate_submission_numerai,
    validate_submission_signals,
)

from job.sandbox.account import OTHER_TOURNAMENTS as OTHERS
from job.sandbox.judging import judge
from job.sandbox.synthetic import key_column

from .client import (
    CREATE,
    CREATE_SIGNALS,
    SIGNALS_AUTH,
    UPLOAD_AUTH,
    Client,
    Clock,
    predictions,
)

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


@pytest.mark.parametrize("tournament", [11, 12])
def test_a_hundred_of_a_universe_are_enough(client: Client, tournament: int) -> None:
    model = client.box.model(OTHERS[tournament], tournament=tournament).id
    csv = b"\n".join(predictions(client.box, tournament=tournament).splitlines()[:101])
    assert client.submit(csv, tournament=tournament, modelId=model)["status"] == "validated"
    short = b"\n".join(csv.splitlines()[:100])
    failed = client.submit(short, tournament=tournament, modelId=model)
    assert "not all live ids" in failed["errorInfo"]


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


def test_signals_has_calls_and_fields_of_its_own(client: Client) -> None:
    model = client.box.model(OTHERS[11], tournament=11).id
    filename = client.put(predictions(client.box, tournament=11), tournament=11, modelId=model)
    query = """mutation($f: String!, $m: String) {
      createSignalsSubmission(filename: $f, modelId: $m, dataDatestamp: 20261030) {
        id status dataDatestamp firstEffectiveDate round { number dataDatestamp } } }"""
    made = client.ask(query, f=filename, m=model)["createSignalsSubmission"]
    assert made["status"] == "validated"
    assert made["dataDatestamp"] == client.box.submissions[0].data_datestamp == 20261030
    assert made["round"] == {"number": 1399, "dataDatestamp": 20261102}
    fields = "{ latestSubmissionV2 { id } latestSignalsSubmissionV2 { id dataDatestamp } }"
    shown = client.ask(f"query($m: ID) {{ model(modelId: $m) {fields} }}", m=model)["model"]
    assert shown["latestSubmissionV2"] is None
    assert shown["latestSignalsSubmissionV2"] == {"id": made["id"], "dataDatestamp": 20261030}
    other = client.submit()["id"]
    classic = client.ask("{ account { models " + fields + " } }")["account"]["models"][0]
    assert classic == {"latestSubmissionV2": {"id": other}, "latestSignalsSubmissionV2": None}


@pytest.mark.parametrize(
    ("query", "tournament"),
    [(UPLOAD_AUTH, 11), (CREATE, 11), (SIGNALS_AUTH, 8), (CREATE_SIGNALS, 12)],
)
def test_a_call_serves_its_own_tournaments_only(
    client: Client, query: str, tournament: int
) -> None:
    names = {8: "anas_platyrhynchos", **OTHERS}
    model = client.box.model(names[tournament], tournament=tournament).id
    said = client.refusal(query, filename="p.csv", tournament=tournament, modelId=model)
    assert "does not belong to this tournament" in said


UNIVERSE = [f"T{place:03d} US" for place in range(150)]
NUMBERS = st.one_of(
    st.floats(0, 1).map(repr),
    st.sampled_from(["", "nan", "-0.1", "1.5", "-9e-9", "1.0000001", "1.0001", "inf", "abc"]),
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_files_are_judged_as_numerais_own_library_judges_them(data: st.DataObject) -> None:
    tournament = data.draw(st.sampled_from([8, 11, 12]))
    universe = UNIVERSE[:110] if tournament == 8 else UNIVERSE
    key, value = key_column(tournament), data.draw(st.sampled_from(["prediction", "signal"]))
    rows = [[name, str(place / 150)] for place, name in enumerate(UNIVERSE[:110])]
    del rows[: data.draw(st.sampled_from([0, 0, 0, 5, 10, 11]))]
    for _ in range(data.draw(st.integers(0, 3))):
        name = data.draw(st.sampled_from([UNIVERSE[50], UNIVERSE[51], "X US", ""]))
        number = data.draw(NUMBERS)
        if data.draw(st.booleans()):
            rows.append([name, number])
        else:
            rows[50] = [name, number]
    if data.draw(st.integers(0, 20)) == 0:
        rows = [[name, "0.5"] for name, _ in rows]
    header = [key, value]
    if tournament == 11 and data.draw(st.booleans()):
        header, rows = [*header, "date"], [[*row, "2026-11-02"] for row in rows]
    csv = "".join(",".join(row) + "\n" for row in [header, *rows]).encode()
    ours = judge(csv, tournament, [(1, frozenset(universe))])
    assert (ours.error is None) == taken_by_numerai(csv, tournament, universe), ours


def taken_by_numerai(csv: bytes, tournament: int, universe: list[str]) -> bool:
    theirs = {
        8: validate_submission_numerai,
        11: validate_submission_signals,
        12: validate_submission_crypto,
    }
    live = pd.DataFrame({key_column(tournament): universe})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own, which say nothing of the verdict
        try:
            frame = pd.read_csv(io.BytesIO(csv))
            theirs[tournament](live["id"] if tournament == 8 else live, frame)
        except (AssertionError, TypeError, ValueError):
            return False
    return True
