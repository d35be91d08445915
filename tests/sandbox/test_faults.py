"""Scripted faults strike where, when and as often as they are told to."""

from __future__ import annotations

import io
import time
from typing import Any

import pandas as pd
import pytest
import requests

from job.sandbox import Operation

from .client import CREATE, Client, predictions

LIVE = "v5.3/live.parquet"
ACCOUNT = "{ account { username } }"


def test_a_fault_strikes_as_often_as_told_after_as_many_as_told(client: Client) -> None:
    fault = client.box.faults.add(where="account", kind="status", times=2, after=1)
    statuses = [client.post(ACCOUNT).status_code for _ in range(5)]
    assert statuses == [200, 503, 503, 200, 200]
    assert (fault.hits, fault.seen) == (2, 5)


def test_a_fault_without_end_strikes_until_it_is_cleared(client: Client) -> None:
    client.box.faults.add(where="account", kind="status", times=None, status=500)
    assert {client.post(ACCOUNT).status_code for _ in range(5)} == {500}
    client.box.faults.clear()
    assert client.post(ACCOUNT).status_code == 200


def test_a_fault_leaves_other_operations_alone(client: Client) -> None:
    fault = client.box.faults.add(where="account", kind="status")
    client.ask("{ rounds { number } }")
    assert client.get().status_code == 200
    assert fault.seen == 0


def test_a_status_may_come_with_retry_after_and_a_body(client: Client) -> None:
    client.box.faults.add(
        where="rounds", kind="status", status=429, retry_after="7", body=b"slow down"
    )
    reply = client.post("{ rounds { number } }")
    assert (reply.status_code, reply.headers["Retry-After"], reply.text) == (429, "7", "slow down")


def test_html_comes_with_status_200(client: Client) -> None:
    client.box.faults.add(where="account", kind="html")
    reply = client.post(ACCOUNT)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "text/html"
    with pytest.raises(requests.JSONDecodeError):
        reply.json()


def test_a_graphql_error_hits_its_field_and_nothing_is_done(client: Client) -> None:
    filename = client.put(predictions(client.box))
    client.box.faults.add(
        where="createSubmission", kind="graphql_error", message="Slow down", code="rate_limited"
    )
    given = {"filename": filename, "tournament": 8, "modelId": client.box.models[0].id}
    answer = client.post(CREATE, **given).json()
    (error,) = answer["errors"]
    assert (error["message"], error["code"]) == ("Slow down", "rate_limited")
    assert error["path"] == ["createSubmission"]
    assert answer["data"] == {"createSubmission": None}
    assert client.box.submissions == []


def test_a_graphql_error_leaves_the_other_fields_of_the_query(client: Client) -> None:
    client.box.faults.add(where="account", kind="graphql_error")
    answer = client.post("{ account { id } rounds(tournament: 8, number: 0) { number } }").json()
    assert answer["data"] == {"account": None, "rounds": [{"number": 1400}]}


def test_a_fault_can_be_meant_for_one_model(client: Client) -> None:
    spoiled, spared = client.box.models[1], client.box.models[0]
    client.box.faults.add(
        where="createSubmission", kind="graphql_error", match=spoiled.name, times=None
    )
    filename = client.put(predictions(client.box), modelId=spoiled.id)
    given = {"filename": filename, "tournament": 8}
    assert "went wrong" in client.refusal(CREATE, modelId=spoiled.id, **given)
    assert client.ask(CREATE, modelId=spared.id, **given)


def test_a_reset_comes_before_anything_is_done(client: Client) -> None:
    filename = client.put(predictions(client.box))
    client.box.faults.add(where="createSubmission", kind="reset")
    given = {"filename": filename, "tournament": 8, "modelId": client.box.models[0].id}
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        client.post(CREATE, **given)
    assert client.box.submissions == []
    assert client.box.requests[-1].status is None


def test_a_lost_reply_comes_after_everything_is_done(client: Client) -> None:
    filename = client.put(predictions(client.box))
    client.box.faults.add(where="createSubmission", kind="lost_reply")
    given = {"filename": filename, "tournament": 8, "modelId": client.box.models[0].id}
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        client.post(CREATE, **given)
    assert len(client.box.submissions) == 1


@pytest.mark.parametrize(("kind", "stored"), [("reset", 0), ("lost_reply", 1), ("stall", 1)])
def test_a_put_may_lose_its_connection_before_or_after_the_file_is_stored(
    client: Client, kind: str, stored: int
) -> None:
    client.box.faults.add(where="put", kind=kind)
    url = client.box.objects.upload_url("p.csv")
    with pytest.raises((requests.ConnectionError, requests.ReadTimeout)):
        client.session.put(url, data=b"x" * 5_000_000, timeout=0.3)
    assert len(client.box.objects.uploads) == stored


@pytest.mark.parametrize(("kind", "status"), [("status", 503), ("expired", 403)])
def test_a_put_may_be_refused_and_nothing_is_stored(client: Client, kind: str, status: int) -> None:
    client.box.faults.add(where="put", kind=kind, match="mine")
    url = client.box.objects.upload_url("mine.csv")
    assert client.session.put(url, data=b"x", timeout=5).status_code == status
    assert client.box.objects.uploads == {}
    assert client.session.put(url, data=b"x", timeout=5).status_code == 200


def test_a_stall_sends_half_and_then_nothing(client: Client) -> None:
    client.box.faults.add(where="get", kind="stall")
    url, size = client.url(LIVE), len(client.box.objects.content(LIVE))
    with client.session.get(url, stream=True, timeout=0.3) as reply:
        assert int(reply.headers["Content-Length"]) == size
        assert len(reply.raw.read(size // 2)) == size // 2
        with pytest.raises(Exception, match="timed out"):
            reply.raw.read(1)


def test_a_stalled_answer_ends_when_the_client_gives_up(client: Client) -> None:
    client.box.faults.add(where="account", kind="stall")
    with pytest.raises((requests.ReadTimeout, requests.ConnectionError)):
        requests.post(client.box.api_url, json={"query": ACCOUNT}, timeout=0.2)
    client.ask(ACCOUNT)


def test_a_truncated_object_ends_before_its_length(client: Client) -> None:
    client.box.faults.add(where="get", kind="truncate")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        client.get()
    sent = client.box.requests[-1].sent
    assert sent == len(client.box.objects.content(LIVE)) // 2


def test_a_truncated_object_without_length_looks_complete(client: Client) -> None:
    client.box.faults.add(where="get", kind="truncate", content_length=False)
    reply = client.get()
    content = client.box.objects.content(LIVE)
    assert "Content-Length" not in reply.headers
    assert reply.content == content[: len(content) // 2]


def test_a_truncated_answer_is_no_json(client: Client) -> None:
    client.box.faults.add(where="account", kind="truncate", content_length=False)
    with pytest.raises(requests.JSONDecodeError):
        client.post(ACCOUNT).json()


@pytest.mark.parametrize("where", ["get", "account"])
def test_a_slow_answer_takes_its_time_and_is_right(client: Client, where: str) -> None:
    client.box.faults.add(where=where, kind="slow", seconds=0.3)
    began = time.perf_counter()
    assert client.ask(ACCOUNT)["account"]["username"] == "sandbox"
    assert client.get().content == client.box.objects.content(LIVE)
    assert 0.3 <= time.perf_counter() - began < 3


@pytest.mark.parametrize("etag", [True, False])
def test_wrong_bytes_have_the_right_length(client: Client, etag: bool) -> None:
    right = client.get()
    client.box.faults.add(where="get", kind="wrong_bytes", etag=etag)
    wrong = client.get()
    assert len(wrong.content) == len(right.content)
    assert wrong.content != right.content
    assert wrong.headers.get("ETag") == (right.headers["ETag"] if etag else None)


def test_a_range_may_be_ignored(client: Client) -> None:
    client.box.faults.add(where="get", kind="ignore_range")
    replies = [client.get(Range="bytes=5-") for _ in range(2)]
    assert [reply.status_code for reply in replies] == [200, 206]
    assert replies[0].content[5:] == replies[1].content


def test_a_url_may_expire_early(client: Client) -> None:
    client.box.faults.add(where="get", kind="expired", match="live.parquet")
    reply = client.get()
    assert reply.status_code == 403
    assert "Request has expired" in reply.text
    assert reply.headers["Content-Type"] == "application/xml"
    assert client.get().status_code == 200


@pytest.mark.parametrize("name", [LIVE, "v5.3/features.json"])
def test_an_object_may_change_between_two_reads(client: Client, name: str) -> None:
    before = client.get(name)
    client.box.faults.add(where="get", kind="changed")
    resumed = client.get(name, **{"Range": "bytes=10-", "If-Range": before.headers["ETag"]})
    assert resumed.status_code == 200
    assert resumed.headers["ETag"] != before.headers["ETag"]
    assert client.get(name).content == resumed.content
    if name == LIVE:
        old, new = (pd.read_parquet(io.BytesIO(one.content)) for one in (before, resumed))
        assert old.equals(new)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"where": "accounts", "kind": "status"}, "perhaps you meant 'account'"),
        ({"where": "get", "kind": "trunkate"}, "perhaps you meant 'truncate'"),
    ],
)
def test_a_fault_with_a_misspelt_name_is_refused(
    client: Client, given: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        client.box.faults.add(**given)


def test_a_hook_may_turn_the_round_before_a_submission_is_created(client: Client) -> None:
    client.box.on("createSubmission", lambda _: client.box.rounds.turn() and None)
    old = predictions(client.box)
    made = client.submit(old)
    assert made["round"]["number"] == 1401
    assert client.box.submissions[0].data_round == 1400


def test_a_hook_may_close_the_round_before_a_submission_is_created(client: Client) -> None:
    filename = client.put(predictions(client.box))
    client.box.on("createSubmission", lambda _: client.box.rounds.close())
    given = {"filename": filename, "tournament": 8, "modelId": client.box.models[0].id}
    assert "not open" in client.refusal(CREATE, **given)


def test_a_hook_sees_what_was_done_before_the_reply_leaves(client: Client) -> None:
    seen: list[tuple[Operation, int]] = []
    box = client.box
    box.on("put", lambda one: seen.append((one, len(box.objects.uploads))), when="before")
    box.on("put", lambda one: seen.append((one, len(box.objects.uploads))), when="after")
    client.put(b"x")
    assert [count for _, count in seen] == [0, 1]
    assert seen[0][0].name == "put"


def test_a_hook_can_be_meant_for_one_model(client: Client) -> None:
    called: list[Operation] = []
    client.box.on("submissionUploadAuth", called.append, match="aythya_fuligula")
    client.put(b"x")
    client.put(b"x", modelId=client.box.models[1].id)
    assert [one.arguments["modelId"] for one in called] == [client.box.models[1].id]


def test_a_hook_at_an_unknown_moment_is_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="before, during or after"):
        client.box.on("get", lambda _: None, when="later")
