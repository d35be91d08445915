"""Answers are read strictly: what lacks what it must hold is unknown, and never absent."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.errors import ApiChangedError, Exit, TokenError, UnavailableError
from job.numerai import answers
from job.tournament import AccountState

ROUND = {
    "number": 1400,
    "openTime": "2026-11-03T12:00:00Z",
    "closeTime": "2026-11-04T12:00:00Z",
    "closeStakingTime": "2026-11-03T13:00:00Z",
}
ROW = {
    "id": "s",
    "filename": "p.csv",
    "roundNumber": 1400,
    "status": "on-time",
    "timestamp": "2026-11-03T12:05:00Z",
}
MODEL: dict[str, Any] = {
    "id": "m",
    "name": "mallard",
    "tournament": 8,
    "archived": False,
    "submissionWebhook": None,
    "computePickleUpload": None,
    "latestSubmissions": [ROW],
    "latestSubmissionV2": {
        "id": "s",
        "filename": "p.csv",
        "status": "validated",
        "errorInfo": None,
        "round": {"number": 1400, "tournament": 8},
    },
    "latestSignalsSubmissionV2": None,
}
DATA: dict[str, Any] = {
    "account": {"username": "drake", "models": [MODEL]},
    "rounds_classic": [ROUND],
}


def state(data: Any) -> AccountState:
    return answers.account_state(data, {"rounds_classic": "classic"})


def changed(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    data = copy.deepcopy(DATA)
    change(data)
    return data


def test_an_answer_becomes_values() -> None:
    found = state(DATA)
    (slot,) = found.slots
    assert (found.username, slot.name, slot.tournament, slot.hosted) == (
        "drake",
        "mallard",
        "classic",
        None,
    )
    assert slot.recent[0].timestamp == datetime(2026, 11, 3, 12, 5, tzinfo=UTC)
    assert slot.latest is not None
    assert slot.latest.round_number == 1400
    assert found.rounds["classic"][0].number == 1400


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(account=None),
        lambda d: d.pop("account"),
        lambda d: d["account"].update(models=None),
        lambda d: d["account"]["models"].append(None),
        lambda d: d["account"]["models"][0].pop("latestSubmissions"),
        lambda d: d["account"]["models"][0].update(latestSubmissions=[{"id": "s"}]),
        lambda d: d["account"]["models"][0]["latestSubmissions"][0].update(timestamp="soon"),
        lambda d: d["account"]["models"][0]["latestSubmissions"][0].update(roundNumber=None),
        lambda d: d["account"]["models"][0]["latestSubmissionV2"].pop("status"),
        lambda d: d.update(rounds_classic=None),
        lambda d: d.pop("rounds_classic"),
        lambda d: d["rounds_classic"][0].pop("openTime"),
        lambda d: d["rounds_classic"][0].update(closeStakingTime=None),
        lambda d: d["rounds_classic"][0].update(number="many"),
    ],
)
def test_a_hole_in_the_answer_is_unknown_and_not_absent(
    change: Callable[[dict[str, Any]], None],
) -> None:
    with pytest.raises(UnavailableError, match=r"cannot understand|API changed") as caught:
        state(changed(change))
    assert caught.value.exit_code is Exit.UNAVAILABLE


def test_a_field_that_is_missing_is_named() -> None:
    with pytest.raises(ApiChangedError) as caught:
        state(changed(lambda d: d["rounds_classic"][0].pop("closeStakingTime")))
    assert caught.value.what == (
        "Numerai's API changed: field closeStakingTime is missing in the open rounds"
    )
    assert "`python -m job check`" in caught.value.hint


@pytest.mark.parametrize("rows", [[], [None]])
def test_between_rounds_there_is_definitely_none(rows: list[None]) -> None:
    assert state(changed(lambda d: d.update(rounds_classic=rows))).rounds == {"classic": ()}


def test_models_of_unknown_tournaments_are_left_out() -> None:
    data = changed(lambda d: d["account"]["models"].append({**MODEL, "tournament": 99}))
    assert len(state(data).slots) == 1


def test_a_hosted_model_is_one_whatever_its_pickle_is_called() -> None:
    for pickle, wanted in (({"id": "1", "filename": "m.pkl"}, "m.pkl"), ({"id": "1"}, "a pickle")):
        upload = pickle
        data = changed(lambda d, p=upload: d["account"]["models"][0].update(computePickleUpload=p))
        assert state(data).slots[0].hosted == wanted


def verdict(of: str) -> dict[str, Any]:
    return {**MODEL["latestSubmissionV2"], "id": of}


@pytest.mark.parametrize(
    ("tournament", "plain", "signals", "expected"),
    [
        (8, verdict("plain"), None, "plain"),
        (8, verdict("plain"), verdict("signals"), "plain"),
        (8, None, verdict("signals"), None),
        (11, None, verdict("signals"), "signals"),
        (11, verdict("plain"), verdict("signals"), "signals"),
        (11, verdict("plain"), None, "plain"),
        (11, None, None, None),
        (12, verdict("plain"), None, "plain"),
    ],
)
def test_the_verdict_is_that_of_the_models_own_tournament(
    tournament: int,
    plain: dict[str, Any] | None,
    signals: dict[str, Any] | None,
    expected: str | None,
) -> None:
    def change(data: dict[str, Any]) -> None:
        data["account"]["models"][0].update(
            tournament=tournament, latestSubmissionV2=plain, latestSignalsSubmissionV2=signals
        )

    latest = state(changed(change)).slots[0].latest
    assert (None if latest is None else latest.id) == expected


def test_a_round_may_have_no_end_yet() -> None:
    found = state(changed(lambda d: d["rounds_classic"][0].update(closeTime=None)))
    assert found.rounds["classic"][0].close_time is None


@pytest.mark.parametrize(
    "text", ["2026-11-03T12:05:00Z", "2026-11-03T12:05:00", "2026-11-03T13:05:00.000000+01:00"]
)
def test_times_are_aware_whatever_their_form(text: str) -> None:
    def change(data: dict[str, Any]) -> None:
        data["account"]["models"][0]["latestSubmissions"][0]["timestamp"] = text

    stamp = state(changed(change)).slots[0].recent[0].timestamp
    assert stamp == datetime(2026, 11, 3, 12, 5, tzinfo=UTC)


def test_an_unknown_token_is_told() -> None:
    with pytest.raises(TokenError):
        answers.token_info(None)
    info = answers.token_info({"accountUsername": "drake", "name": "t", "scopes": None})
    assert (info.account, info.scopes) == ("drake", ())
    with pytest.raises(UnavailableError):
        answers.token_info({"name": "t"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2000) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["account", "models", "rounds_classic", *MODEL, *ROW, *ROUND]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(data=json_values)
def test_whatever_comes_is_understood_or_unavailable(data: Any) -> None:
    try:
        found = state(data)
    except UnavailableError:
        return
    assert isinstance(found, AccountState)
