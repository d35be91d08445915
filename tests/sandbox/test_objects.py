"""The object store: presigned URLs, ranges, ETags, and data that are late, stale or replaced."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import pytest

from job.sandbox import ETags, Operation
from job.sandbox.ranges import byte_range

from .client import UPLOAD_AUTH, Client, Clock

LIVE = "v5.3/live.parquet"
SIGNATURE = "X-Amz-Signature="


def upload_url(client: Client) -> str:
    given = {"filename": "p.csv", "tournament": 8, "modelId": client.box.models[0].id}
    return str(client.ask(UPLOAD_AUTH, **given)["submissionUploadAuth"]["url"])


def test_a_dataset_comes_whole_with_the_md5_of_its_bytes(client: Client) -> None:
    reply = client.get()
    assert reply.status_code == 200
    assert reply.headers["ETag"] == f'"{hashlib.md5(reply.content).hexdigest()}"'
    assert int(reply.headers["Content-Length"]) == len(reply.content)
    assert reply.content == client.box.objects.content(LIVE)


def test_head_gives_the_size_and_no_body(client: Client) -> None:
    reply = client.session.head(client.url(LIVE), timeout=5)
    assert (reply.status_code, reply.content) == (200, b"")
    assert int(reply.headers["Content-Length"]) == len(client.box.objects.content(LIVE))


def test_a_presigned_url_says_when_it_ends_and_is_refused_then(
    client: Client, clock: Clock
) -> None:
    client.box.signer.expires = 60
    url = client.url(LIVE)
    assert dict(parse_qsl(urlsplit(url).query))["X-Amz-Expires"] == "60"
    clock.move(seconds=59)
    assert client.session.get(url, timeout=5).status_code == 200
    clock.move(seconds=1)
    reply = client.session.get(url, timeout=5)
    assert reply.status_code == 403
    assert "<Message>Request has expired</Message>" in reply.text


def test_a_url_is_good_for_its_own_file_and_method_only(client: Client) -> None:
    url = client.url(LIVE)
    replies = [
        client.session.get(url.replace("live", "live_example_preds"), timeout=5),
        client.session.get(url.replace(SIGNATURE, f"{SIGNATURE}0"), timeout=5),
        client.session.get(url.partition("?")[0], timeout=5),
        client.session.get(url.replace("Expires=3600", "Expires=86400"), timeout=5),
        client.session.put(url.replace("/objects/", "/uploads/"), data=b"x", timeout=5),
    ]
    assert [reply.status_code for reply in replies] == [403] * 5
    assert client.box.objects.uploads == {}


def test_an_upload_needs_the_signature_it_was_given(client: Client, clock: Clock) -> None:
    url = upload_url(client)
    wrong = client.session.put(url[:-3] + "000", data=b"x", timeout=5)
    assert wrong.status_code == 403
    assert "SignatureDoesNotMatch" in wrong.text
    assert client.session.put(url, data=b"x", timeout=5).status_code == 200
    clock.move(hours=1)
    assert client.session.put(url, data=b"y", timeout=5).status_code == 403
    assert list(client.box.objects.uploads.values()) == [b"x"]


def test_an_upload_without_a_length_is_not_taken(client: Client) -> None:
    reply = client.session.put(upload_url(client), data=iter([b"a", b"b"]), timeout=5)
    assert reply.status_code == 501
    assert client.box.objects.uploads == {}


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-9", range(10)),
        ("bytes=90-", range(90, 100)),
        ("bytes=-10", range(90, 100)),
        ("bytes=-1000", range(100)),
        ("bytes=95-1000", range(95, 100)),
        ("bytes=100-", range(0)),
        ("bytes=-0", range(0)),
        ("bytes=9-0", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-9", None),
        ("bytes=-", None),
        ("", None),
    ],
)
def test_ranges_are_read_by_the_rfc(header: str, span: range | None) -> None:
    assert byte_range(header, 100) == span


def test_a_range_comes_as_206_with_its_place(client: Client) -> None:
    content = client.box.objects.content(LIVE)
    reply = client.get(Range="bytes=100-199")
    assert (reply.status_code, reply.content) == (206, content[100:200])
    assert reply.headers["Content-Range"] == f"bytes 100-199/{len(content)}"


def test_a_range_behind_the_end_is_416(client: Client) -> None:
    size = len(client.box.objects.content(LIVE))
    reply = client.get(Range=f"bytes={size}-")
    assert reply.status_code == 416
    assert reply.headers["Content-Range"] == f"bytes */{size}"


def test_if_range_gives_the_rest_only_of_the_same_file(client: Client) -> None:
    etag = client.get().headers["ETag"]
    same = client.get(**{"Range": "bytes=10-", "If-Range": etag})
    other = client.get(**{"Range": "bytes=10-", "If-Range": '"other"'})
    assert (same.status_code, other.status_code) == (206, 200)
    assert other.content == client.box.objects.content(LIVE)


def test_if_match_and_if_none_match_are_honoured(client: Client) -> None:
    etag = client.get().headers["ETag"]
    assert client.get(**{"If-Match": etag}).status_code == 200
    assert client.get(**{"If-Match": '"other"'}).status_code == 412
    unchanged = client.get(**{"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_the_store_may_give_other_etags_or_none(client: Client) -> None:
    client.box.objects.etags = ETags.MULTIPART
    assert client.get().headers["ETag"].endswith('-2"')
    client.box.objects.etags = ETags.NONE
    assert "ETag" not in client.get().headers


def test_a_stale_file_is_the_last_rounds_until_it_is_restored(client: Client) -> None:
    fresh = client.get().content
    client.box.objects.make_stale(LIVE)
    stale = client.get().content
    assert stale == client.box.objects.content(LIVE, round=1399) != fresh
    client.box.objects.restore(LIVE)
    assert client.get().content == fresh


def test_a_withheld_file_is_neither_listed_nor_given(client: Client) -> None:
    client.box.objects.withhold(LIVE)
    assert LIVE not in client.ask("{ listDatasets }")["listDatasets"]
    assert "not found" in client.refusal(f'{{ dataset(filename: "{LIVE}") }}')
    client.box.objects.restore(LIVE)
    assert LIVE in client.ask("{ listDatasets }")["listDatasets"]


def test_an_added_file_is_listed_and_given(client: Client) -> None:
    client.box.objects.replace("crypto/v2.0/live.parquet", b"new", tournament=12)
    assert client.ask("{ listDatasets(tournament: 12) }")["listDatasets"] == [
        "crypto/v2.0/live.parquet",
        "crypto/v2.0/live_universe.parquet",
        "crypto/v2.0/train_targets.parquet",
    ]
    url = client.url("crypto/v2.0/live.parquet", tournament=12)
    assert client.session.get(url, timeout=5).content == b"new"


def test_a_reply_under_way_keeps_the_bytes_it_began_with(client: Client) -> None:
    old = client.box.objects.content(LIVE)

    def swap(_: Operation) -> None:
        client.box.objects.replace(LIVE, b"new")

    client.box.on("get", swap, when="during", match="live.parquet")
    assert client.get().content == old
    assert client.get().content == b"new"


def test_each_round_has_data_of_its_own(client: Client) -> None:
    url = client.url(LIVE, round=1399)
    client.box.rounds.turn()
    contents = {
        client.session.get(client.url(LIVE, round=n), timeout=5).content for n in (1400, 1401)
    }
    contents.add(client.session.get(url, timeout=5).content)
    assert len(contents) == 3
    assert client.get().content == client.box.objects.content(LIVE, round=1401)


def test_a_round_that_has_not_opened_has_no_data(client: Client, clock: Clock) -> None:
    client.box.rounds.set(number=1401, open_time=clock.time.replace(hour=18))
    query = f'{{ dataset(filename: "{LIVE}", round: 1401) }}'
    assert client.refusal(query) == "Round not found"
    assert "/1400/" in client.url(LIVE)


def test_live_data_restore_their_index_from_any_choice_of_columns(client: Client) -> None:
    names = client.session.get(client.url("v5.3/features.json"), timeout=5).json()
    small = names["feature_sets"]["small"]
    frame = pd.read_parquet(io.BytesIO(client.get().content), columns=small)
    assert (frame.index.name, list(frame.columns), len(frame)) == ("id", small, 200)


def days_of(content: bytes) -> set[str]:
    return set(pd.read_parquet(io.BytesIO(content))["date"])


@pytest.mark.parametrize(
    ("tournament", "name"),
    [(11, "signals/v3.1/live.parquet"), (12, "crypto/v2.0/live_universe.parquet")],
)
def test_a_universe_is_of_the_day_before_its_round_opened(
    client: Client, clock: Clock, tournament: int, name: str
) -> None:
    def served(**where: int) -> set[str]:
        url = client.url(name, tournament=tournament, **where)
        return days_of(client.session.get(url, timeout=5).content)

    rounds = client.box.rounds
    before = rounds.newest(tournament).number - 1
    assert served() == {"2026-11-02"}
    assert served(round=before) == {"2026-11-01"}
    rounds.set(tournament=tournament, open_time=clock() - timedelta(days=3))
    assert served() == {"2026-10-30"}
    rounds.turn(tournament=tournament)
    assert served() == {"2026-11-02"}


def test_a_stale_universe_is_of_the_day_of_the_round_before(client: Client) -> None:
    name = "signals/v3.1/live.parquet"
    client.box.objects.make_stale(name, tournament=11)
    assert days_of(client.box.objects.content(name, tournament=11)) == {"2026-11-01"}


def test_crypto_may_call_its_universe_live(client: Client) -> None:
    known = client.box.objects.content("crypto/v2.0/live_universe.parquet", tournament=12)
    client.box.objects.crypto_live = "live.parquet"
    listed = client.ask("{ listDatasets(tournament: 12) }")["listDatasets"]
    assert listed == ["crypto/v2.0/live.parquet", "crypto/v2.0/train_targets.parquet"]
    url = client.url("crypto/v2.0/live.parquet", tournament=12)
    assert client.session.get(url, timeout=5).content == known
    assert "not found" in client.refusal(
        '{ dataset(filename: "crypto/v2.0/live_universe.parquet", tournament: 12) }'
    )


@pytest.mark.parametrize("tournament", [8, 11, 12])
def test_every_listed_file_is_served(client: Client, tournament: int) -> None:
    query = "query($t: Int) { listDatasets(tournament: $t) }"
    names = client.ask(query, t=tournament)["listDatasets"]
    assert len(names) > 1
    for name in names:
        url = client.url(name, tournament=tournament)
        assert client.session.get(url, timeout=5).status_code == 200


DOWNLOAD_AUTH = "query($id: ID!) { submissionDownloadAuth(id: $id) { filename url } }"


def test_a_submission_can_be_read_again(client: Client) -> None:
    made = client.submit()
    auth = client.ask(DOWNLOAD_AUTH, id=made["id"])["submissionDownloadAuth"]
    assert auth["filename"] == client.box.submissions[0].filename
    reply = client.session.get(auth["url"], timeout=5)
    assert reply.content == client.box.submissions[0].csv
    assert reply.headers["ETag"] == f'"{hashlib.md5(reply.content).hexdigest()}"'
    assert client.session.put(auth["url"], data=b"x", timeout=5).status_code == 403
    assert client.session.get(upload_url(client), timeout=5).status_code == 403


def test_a_submission_is_read_by_its_own_account_with_the_scope_for_it(client: Client) -> None:
    made = client.submit()["id"]
    other = client.box.add_account("other")
    stranger = replace(client, token=f"{other.public_id}${other.secret_key}")
    assert stranger.refusal(DOWNLOAD_AUTH, id=made) == "Submission not found"
    assert client.refusal(DOWNLOAD_AUTH, id="nothing") == "Submission not found"
    client.box.scopes = ["upload_submission", "read_user_info"]
    assert "read_submission_info" in client.refusal(DOWNLOAD_AUTH, id=made)
