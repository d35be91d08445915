"""The adapter on the sandbox: what each answer of Numerai means, and what is tried again."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from numerapi.base_api import Api

from job.clock import Clock
from job.errors import (
    Exit,
    NotReadyError,
    RefusedError,
    ReplyLostError,
    RoundTurnedError,
    StoppedError,
    TokenError,
    TransientError,
    UnavailableError,
)
from job.numerai.adapter import Numerai
from job.numerai.graphql import graphql_error
from job.numerai.transport import Transport
from job.plan import Submit, Wishes, make_plan
from job.retry import Retry
from job.round_state import current_round
from job.sandbox import TINY, Sandbox
from job.sandbox.rounds import Between, utc_now
from job.secret import Secret
from job.tournament import Slot, Ticket
from tests.builders import a_model
from tests.clock import FakeClock
from tests.worlds import LIVE, BoxWorld, written


@pytest.fixture
def slot(numerai: Numerai) -> Slot:
    return numerai.account_state(["classic"]).slots[0]


@pytest.fixture
def csv(clock: FakeClock, box: Sandbox, transport: Transport, tmp_path: Path) -> Path:
    return written(tmp_path, BoxWorld(clock, box, transport).good_csv())


@pytest.fixture
def ticket(numerai: Numerai, slot: Slot) -> Ticket:
    return numerai.upload_ticket(slot, "p_1400.csv")


def count(box: Sandbox, operation: str) -> int:
    return sum(operation in request.operations for request in box.requests)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 502},
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 429},
        {"kind": "status", "status": 408},
        {"kind": "html"},
        {"kind": "reset"},
        {"kind": "lost_reply"},
        {"kind": "truncate"},
        {"kind": "truncate", "content_length": False},
        {"kind": "graphql_error", "message": "Something went wrong"},
        {"kind": "graphql_error", "message": "Internal server error"},
        {"kind": "graphql_error", "message": "slow down", "code": "rate_limited"},
    ],
    ids=lambda fault: " ".join(str(value) for value in fault.values()),
)
def test_what_waiting_can_mend_is_asked_again(
    numerai: Numerai, box: Sandbox, fault: dict[str, Any]
) -> None:
    struck = box.faults.add(where="account", times=2, **fault)
    assert numerai.account_state(["classic"]).username == "sandbox"
    assert struck.hits == 2
    assert numerai.api_requests == count(box, "account") == 3


def test_an_answer_that_does_not_come_is_asked_for_again(
    numerai: Numerai, box: Sandbox, transport: Transport
) -> None:
    box.faults.add(where="account", kind="stall")
    assert numerai.account_state(["classic"]).username == "sandbox"


def test_retry_after_is_honoured(numerai: Numerai, box: Sandbox, clock: FakeClock) -> None:
    box.faults.add(where="account", kind="status", status=429, retry_after="11")
    numerai.account_state(["classic"])
    assert clock.sleeps == [11.0]


def test_a_state_that_stays_unreadable_is_unavailable(numerai: Numerai, box: Sandbox) -> None:
    box.faults.add(where="account", kind="status", times=None)
    with pytest.raises(UnavailableError) as caught:
        numerai.account_state(["classic"])
    assert caught.value.exit_code is Exit.UNAVAILABLE
    assert "127.0.0.1" in str(caught.value)
    assert "answered 503" in str(caught.value)


def test_a_deadline_ends_the_tries(numerai: Numerai, box: Sandbox, clock: FakeClock) -> None:
    box.faults.add(where="account", kind="status", times=None)
    hurried = numerai.giving_up_at(clock.monotonic() + 3.0)
    with pytest.raises(UnavailableError):
        hurried.account_state(["classic"])
    assert sum(clock.sleeps) <= 3.001
    box.faults.clear()
    box.faults.add(where="account", kind="status", times=4)
    numerai.account_state(["classic"])


def test_a_stop_ends_the_tries(numerai: Numerai, box: Sandbox, clock: FakeClock) -> None:
    box.on("account", lambda _: clock.stop(StoppedError("terminated", Exit.TERMINATED)))
    box.faults.add(where="account", kind="graphql_error", times=None)
    with pytest.raises(StoppedError):
        numerai.account_state(["classic"])
    assert count(box, "account") == 1


@pytest.mark.parametrize("where", ["account", "rounds", "apiTokenInfo", "listDatasets"])
def test_a_refused_question_leaves_the_answer_unknown(
    numerai: Numerai, box: Sandbox, where: str
) -> None:
    box.faults.add(where=where, kind="graphql_error", message="no such field", times=None)
    asks: dict[str, Any] = {
        "account": lambda: numerai.account_state(["classic"]),
        "rounds": lambda: numerai.open_rounds("classic"),
        "apiTokenInfo": numerai.token_info,
        "listDatasets": lambda: numerai.datasets("classic", 1400),
    }
    with pytest.raises(UnavailableError, match="no such field") as caught:
        asks[where]()
    assert caught.value.exit_code is Exit.UNAVAILABLE
    assert count(box, where) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_status_that_refuses_the_token_is_not_asked_again(
    numerai: Numerai, box: Sandbox, status: int
) -> None:
    box.faults.add(where="account", kind="status", status=status, times=None)
    with pytest.raises(TokenError):
        numerai.account_state(["classic"])
    assert count(box, "account") == 1


@pytest.mark.parametrize("status", [301, 400, 404, 405])
def test_an_address_that_is_no_graphql_is_named(
    numerai: Numerai, box: Sandbox, status: int
) -> None:
    box.faults.add(where="account", kind="status", status=status, times=None)
    with pytest.raises(UnavailableError, match="NUMERAI_API_URL"):
        numerai.account_state(["classic"])


def test_a_missing_scope_is_the_tokens_fault(numerai: Numerai, box: Sandbox, slot: Slot) -> None:
    box.scopes = ["read_user_info"]
    with pytest.raises(TokenError, match="upload_submission"):
        numerai.upload_ticket(slot, "p.csv")


@pytest.mark.parametrize(
    "said",
    [
        "You are not authenticated",
        "Unauthorized",
        "not authorised",
        "Your session is invalid or expired.",
        "Invalid API key",
        "invalid token",
        "the token is expired",
        "missing scope: upload_submission",
    ],
)
def test_words_about_the_token_are_the_tokens_fault(said: str) -> None:
    assert isinstance(graphql_error([{"message": said}]), TokenError)


@pytest.mark.parametrize(
    "said",
    [
        "You do not have permission to submit for this model",
        "model credentials do not match",
        "the file is outside the round's scoped universe",
        "no api key may be given for a hosted model",
    ],
)
def test_what_one_model_may_not_is_not_the_tokens_fault(
    numerai: Numerai, box: Sandbox, ticket: Ticket, csv: Path, said: str
) -> None:
    numerai.put(ticket, csv)
    box.faults.add(where="createSubmission", kind="graphql_error", message=said)
    with pytest.raises(RefusedError, match=said) as caught:
        numerai.create(ticket)
    assert caught.value.exit_code is Exit.MODELS_FAILED


def test_no_account_in_an_answer_means_that_the_token_is_not_known(
    numerai: Numerai, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numerai, "ask", lambda *_: {"account": None, "rounds_classic": []})
    with pytest.raises(TokenError, match="does not know the API token") as caught:
        numerai.account_state(["classic"])
    assert "NUMERAI_SECRET_KEY" in caught.value.hint


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (timedelta(minutes=11), "this machine's clock is 11 min behind Numerai's"),
        (timedelta(days=2), "this machine's clock is 2 days behind Numerai's"),
        (timedelta(minutes=-55), "this machine's clock is 55 min ahead of Numerai's"),
        (timedelta(days=-2), "this machine's clock is 2 days ahead of Numerai's"),
    ],
    ids=str,
)
def test_the_open_round_is_on_time_whatever_this_machines_clock_shows(
    transport: Transport, caplog: pytest.LogCaptureFixture, ahead: timedelta, said: str
) -> None:
    clock = Clock()
    with Sandbox(shape=TINY, now=lambda: utc_now() + ahead) as box:
        box.add_model("mallard")
        numerai = Numerai(
            url=box.api_url,
            token=(box.public_id, box.secret_key),
            transport=transport,
            retry=Retry(clock, patience=5.0),
        )
        before = numerai.account_state(["classic"])
        round_ = current_round(before.rounds["classic"], clock.now())
        assert round_ is not None
        assert round_.is_on_time(clock.now())
        (step,) = make_plan([a_model("mallard")], before, now=clock.now(), wishes=Wishes())
        assert isinstance(step, Submit)
        numerai.token_info()
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warnings == [f"{said}; going by Numerai's"]


def test_a_clock_that_is_right_within_a_minute_stays(
    transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    with Sandbox(shape=TINY, now=lambda: utc_now() + timedelta(seconds=50)) as box:
        numerai = Numerai(
            url=box.api_url,
            token=(box.public_id, box.secret_key),
            transport=transport,
            retry=Retry(clock, patience=5.0),
        )
        numerai.account_state(["classic"])
    assert abs(clock.now() - utc_now()) < timedelta(seconds=5)
    assert caplog.records == []


def test_an_object_stores_clock_and_that_of_a_refusal_count_for_nothing(
    numerai: Numerai, box: Sandbox, ticket: Ticket, csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreed: list[object] = []
    monkeypatch.setattr(FakeClock, "agree_with", lambda _, shown: agreed.append(shown))
    numerai.put(ticket, csv)
    with numerai._transport.get(box.objects.dataset_url(LIVE, 8, 1400), {}):
        pass
    box.faults.add(where="account", kind="status", times=None)
    with pytest.raises(UnavailableError):
        numerai.account_state(["classic"])
    assert agreed == []
    numerai.open_rounds("classic")
    assert len(agreed) == 1


@pytest.mark.parametrize("between", list(Between))
def test_between_rounds_none_is_open(numerai: Numerai, box: Sandbox, between: Between) -> None:
    box.rounds.between = between
    box.rounds.close()
    assert numerai.open_rounds("classic") == ()


def test_recent_rounds_are_told_whatever_their_state(numerai: Numerai, box: Sandbox) -> None:
    newest = box.rounds.turn()
    found = numerai.recent_rounds("classic", limit=2)
    assert [round_.number for round_ in found] == [newest.number, newest.number - 1]
    assert found[0].open_time == newest.open_time
    box.rounds.close()
    assert numerai.recent_rounds("classic", limit=1)[0].number == newest.number


def test_every_tournament_has_its_own_rounds_and_models(numerai: Numerai) -> None:
    state = numerai.account_state(["classic", "crypto", "signals"])
    assert {name: rounds[0].number for name, rounds in state.rounds.items()} == {
        "classic": 1400,
        "signals": 1399,
        "crypto": 1398,
    }
    assert state.slot(tournament="crypto", name="clangula_hyemalis") is not None


@pytest.mark.parametrize("kind", ["reset", "lost_reply", "stall", "html", "truncate"])
def test_a_registration_whose_answer_is_lost_is_not_repeated(
    numerai: Numerai, box: Sandbox, ticket: Ticket, csv: Path, kind: str
) -> None:
    numerai.put(ticket, csv)
    box.faults.add(where="createSubmission", kind=kind)
    with pytest.raises(ReplyLostError):
        numerai.create(ticket)
    assert count(box, "createSubmission") == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_registration_answered_5xx_may_have_been_done(
    numerai: Numerai, box: Sandbox, ticket: Ticket, csv: Path, status: int
) -> None:
    numerai.put(ticket, csv)
    box.faults.add(where="createSubmission", kind="status", status=status)
    with pytest.raises(ReplyLostError):
        numerai.create(ticket)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 429, "retry_after": "7"},
        {"kind": "graphql_error", "message": "slow down", "code": "rate_limited"},
    ],
    ids=["429", "rate_limited"],
)
def test_a_registration_that_was_throttled_was_not_done(
    numerai: Numerai, box: Sandbox, ticket: Ticket, csv: Path, fault: dict[str, Any]
) -> None:
    numerai.put(ticket, csv)
    box.faults.add(where="createSubmission", **fault)
    with pytest.raises(TransientError) as caught:
        numerai.create(ticket)
    assert not caught.value.maybe_done
    assert caught.value.retry_after == (7.0 if "retry_after" in fault else None)
    assert box.submissions == []


@pytest.mark.parametrize("where", ["submissionUploadAuth", "createSubmission"])
def test_a_round_that_takes_nothing_has_turned(
    numerai: Numerai, box: Sandbox, slot: Slot, csv: Path, where: str
) -> None:
    said = "Current round not open for submissions"
    box.faults.add(where=where, kind="graphql_error", message=said)
    with pytest.raises(RoundTurnedError, match=said):
        numerai.create(numerai.upload_ticket(slot, "p.csv"))


@pytest.mark.parametrize(
    "fault",
    [{"kind": "status"}, {"kind": "status", "status": 429}, {"kind": "reset"}],
    ids=["503", "429", "reset"],
)
def test_a_file_that_was_not_stored_is_sent_again(
    numerai: Numerai, box: Sandbox, ticket: Ticket, csv: Path, fault: dict[str, Any]
) -> None:
    box.faults.add(where="put", times=2, **fault)
    numerai.put(ticket, csv)
    assert box.objects.uploads == {ticket.filename: csv.read_bytes()}


@pytest.fixture
def signals_slot(numerai: Numerai) -> Slot:
    slots = numerai.account_state(["signals"]).slots
    return next(slot for slot in slots if slot.tournament == "signals")


@pytest.mark.parametrize("tournament", ["signals", "crypto"])
def test_other_tournaments_are_submitted_through_their_own_calls(
    numerai: Numerai,
    box: Sandbox,
    clock: FakeClock,
    transport: Transport,
    tmp_path: Path,
    tournament: str,
) -> None:
    slots = numerai.account_state([tournament]).slots
    slot = next(slot for slot in slots if slot.tournament == tournament)
    world = BoxWorld(clock, box, transport, tournament)
    box.traffic.clear()
    ticket = numerai.upload_ticket(slot, "p.csv")
    numerai.put(ticket, written(tmp_path, world.good_csv()))
    receipt = numerai.create(ticket)
    found = numerai.account_state([tournament]).slot(tournament=tournament, name=slot.name)
    assert found is not None
    assert found.latest is not None
    assert (found.latest.id, found.latest.status) == (receipt.submission_id, "validated")
    name = "Signals" if tournament == "signals" else ""
    assert [request.operations for request in box.requests] == [
        (f"submissionUpload{name}Auth", "rounds"),
        ("put",),
        (f"create{name}Submission",),
        ("account", "rounds"),
    ]


@pytest.mark.parametrize("kind", ["reset", "lost_reply", "html"])
def test_a_signals_registration_whose_answer_is_lost_is_not_repeated(
    numerai: Numerai, box: Sandbox, signals_slot: Slot, csv: Path, kind: str
) -> None:
    ticket = numerai.upload_ticket(signals_slot, "p.csv")
    numerai.put(ticket, csv)
    box.faults.add(where="createSignalsSubmission", kind=kind)
    with pytest.raises(ReplyLostError):
        numerai.create(ticket)
    assert count(box, "createSignalsSubmission") == 1


@pytest.mark.parametrize("where", ["submissionUploadSignalsAuth", "createSignalsSubmission"])
def test_a_signals_round_that_takes_nothing_has_turned(
    numerai: Numerai, box: Sandbox, signals_slot: Slot, where: str
) -> None:
    said = "Current round not open for submissions"
    box.faults.add(where=where, kind="graphql_error", message=said)
    with pytest.raises(RoundTurnedError, match=said):
        numerai.create(numerai.upload_ticket(signals_slot, "p.csv"))


@pytest.fixture
def submitted(numerai: Numerai, ticket: Ticket, csv: Path) -> str:
    numerai.put(ticket, csv)
    return numerai.create(ticket).submission_id


@pytest.mark.parametrize(
    "fault",
    [
        {"where": "submissionDownloadAuth", "kind": "status"},
        {"where": "submissionDownloadAuth", "kind": "lost_reply"},
        {"where": "get", "kind": "status"},
        {"where": "get", "kind": "expired"},
        {"where": "get", "kind": "truncate"},
        {"where": "get", "kind": "truncate", "content_length": False},
        {"where": "get", "kind": "stall"},
        {"where": "get", "kind": "reset"},
        {"where": "get", "kind": "wrong_bytes"},
    ],
    ids=lambda fault: " ".join(str(value) for value in fault.values()),
)
def test_a_submission_is_read_again_until_it_is_whole(
    numerai: Numerai, box: Sandbox, submitted: str, csv: Path, fault: dict[str, Any]
) -> None:
    struck = box.faults.add(times=2, **fault)
    assert numerai.submitted_csv(submitted) == csv.read_bytes()
    assert struck.hits == 2


def test_a_submission_that_cannot_be_had_is_unavailable(
    numerai: Numerai, box: Sandbox, submitted: str
) -> None:
    box.faults.add(where="get", kind="expired", times=None)
    with pytest.raises(UnavailableError, match="could not be downloaded") as caught:
        numerai.submitted_csv(submitted)
    assert not isinstance(caught.value, RefusedError)


@pytest.mark.parametrize("told", [True, False], ids=["by its length", "by what comes"])
def test_a_submission_without_end_is_not_read(
    numerai: Numerai, box: Sandbox, submitted: str, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    monkeypatch.setattr("job.numerai.adapter.SUBMISSION_BYTES", 1000)
    if not told:
        box.faults.add(where="get", kind="truncate", content_length=False)
    with pytest.raises(UnavailableError, match="larger than 1,000 bytes"):
        numerai.submitted_csv(submitted)
    assert count(box, "get") == 1


@pytest.mark.parametrize("message", ["Submission not found", "no such scope: read_submission_info"])
def test_a_submission_that_is_refused_is_asked_for_once(
    numerai: Numerai, box: Sandbox, submitted: str, message: str
) -> None:
    box.faults.add(where="submissionDownloadAuth", kind="graphql_error", message=message)
    with pytest.raises(RefusedError, match=message):
        numerai.submitted_csv(submitted)
    assert count(box, "submissionDownloadAuth") == 1


def test_a_token_that_is_refused_is_told_for_a_submission_too(
    numerai: Numerai, box: Sandbox, submitted: str
) -> None:
    box.faults.add(where="submissionDownloadAuth", kind="graphql_error", message="invalid token")
    with pytest.raises(TokenError):
        numerai.submitted_csv(submitted)


def test_a_submission_without_an_address_is_refused(
    numerai: Numerai, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numerai, "request", lambda *_, **__: {"submissionDownloadAuth": None})
    with pytest.raises(RefusedError, match="has no file of submission s-1"):
        numerai.submitted_csv("s-1")


@pytest.mark.parametrize("status", [400, 403, 404, 412])
def test_an_address_that_refuses_the_file_is_not_asked_again(
    numerai: Numerai, box: Sandbox, ticket: Ticket, csv: Path, status: int
) -> None:
    box.faults.add(where="put", kind="status", status=status, times=None)
    with pytest.raises(UnavailableError, match=str(status)):
        numerai.put(ticket, csv)
    assert count(box, "put") == 1


def test_a_csv_that_is_gone_is_a_fault_of_the_disk(
    numerai: Numerai, ticket: Ticket, tmp_path: Path
) -> None:
    with pytest.raises(UnavailableError, match="cannot read"):
        numerai.put(ticket, tmp_path / "gone.csv")


def test_a_dataset_that_numerai_does_not_know_yet_is_not_ready(
    numerai: Numerai, box: Sandbox
) -> None:
    box.objects.withhold(LIVE)
    source = numerai.dataset("classic", 1400, LIVE)
    with pytest.raises(NotReadyError), source.open(offset=0, etag=None):
        pass
    box.objects.restore(LIVE)
    with source.open(offset=0, etag=None) as body:
        assert b"".join(body.chunks) == box.objects.content(LIVE)


def test_nothing_is_asked_before_a_dataset_is_read(numerai: Numerai, box: Sandbox) -> None:
    numerai.dataset("classic", 1400, LIVE)
    assert box.requests == []


@pytest.mark.parametrize("name", ["download_dataset", "upload_predictions"])
def test_numerapis_unsafe_ways_are_closed(numerai: Numerai, name: str) -> None:
    with pytest.raises(NotImplementedError):
        getattr(numerai, name)("v5.3/live.parquet")


def test_the_rest_of_numerapi_works_through_the_checked_transport(
    numerai: Numerai, box: Sandbox
) -> None:
    assert isinstance(numerai, Api)
    box.faults.add(where="account", kind="status")
    assert "anas_platyrhynchos" in numerai.get_models()


def test_a_service_that_is_not_there_is_unavailable(clock: FakeClock, transport: Transport) -> None:
    numerai = Numerai(
        url="http://127.0.0.1:9", token=("a", "b"), transport=transport, retry=Retry(clock, 2.0)
    )
    with pytest.raises(UnavailableError, match=r"127.0.0.1:9 could not be reached"):
        numerai.open_rounds("classic")


def test_a_name_that_cannot_be_looked_up_is_unavailable(
    clock: FakeClock, transport: Transport
) -> None:
    numerai = Numerai(
        url="https://numerai.invalid", token=("a", "b"), transport=transport, retry=Retry(clock, 0)
    )
    with pytest.raises(UnavailableError, match=r"numerai.invalid could not be reached"):
        numerai.open_rounds("classic")


def test_no_error_names_the_token_or_a_signature(
    numerai: Numerai, box: Sandbox, ticket: Ticket, csv: Path
) -> None:
    box.faults.add(where="put", kind="reset", times=None)
    with pytest.raises(UnavailableError) as caught:
        numerai.put(ticket, csv)
    chain: list[BaseException | None] = [caught.value]
    while chain[-1] is not None:
        chain.append(chain[-1].__cause__ or chain[-1].__context__)
    text = " ".join(map(repr, chain))
    assert "X-Amz" not in text
    assert box.secret_key not in text


def test_what_is_told_of_a_download_has_no_signature(
    numerai: Numerai, box: Sandbox, submitted: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    box.faults.add(where="get", kind="reset", times=None)
    with pytest.raises(UnavailableError) as caught:
        numerai.submitted_csv(submitted)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("job")]
    assert ours
    assert "X-Amz" not in " ".join([*ours, *map(repr, (caught.value, caught.value.__cause__))])


def test_a_netrc_does_not_replace_the_token(
    numerai: Numerai, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = written(tmp_path, b"machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert requests.utils.get_netrc_auth("http://127.0.0.1/") == ("someone", "else")
    assert numerai.token_info().account == "sandbox"


@pytest.mark.parametrize(
    "errors",
    [[{"message": "Something went wrong"}], [{"code": "rate_limited", "message": "slow"}]],
)
def test_errors_that_mean_later_are_transient(errors: list[dict[str, str]]) -> None:
    assert isinstance(graphql_error(errors), TransientError)


@pytest.mark.parametrize("errors", [[], {}, [None], ["no"], "no", [{}], [{"message": None}], 5])
def test_errors_of_any_shape_are_understood(errors: object) -> None:
    assert isinstance(graphql_error(errors), RefusedError)


def test_a_webhook_is_set_and_taken_away(numerai: Numerai, box: Sandbox) -> None:
    box.add_model("mallard")

    def slot() -> Slot:
        return next(s for s in numerai.account_state(["classic"]).slots if s.name == "mallard")

    numerai.set_webhook(slot(), Secret("https://example.org/call?sig=abc"))
    assert slot().webhook == "https://example.org/call?sig=abc"
    numerai.set_webhook(slot(), None)
    assert slot().webhook is None
