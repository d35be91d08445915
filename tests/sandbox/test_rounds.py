"""Rounds open, turn and close by the sandbox's clock."""

from __future__ import annotations

from datetime import timedelta

import pytest

from job.sandbox import Between

from .client import Client, Clock

CURRENT = (
    "query($t: Int) { rounds(tournament: $t, number: 0) { number openTime closeStakingTime } }"
)
BY_STATUS = "query($s: RoundStatus) { rounds(tournament: 8, status: $s) { number } }"


def numbers(client: Client, status: str) -> list[int]:
    return [r["number"] for r in client.ask(BY_STATUS, s=status)["rounds"]]


@pytest.mark.parametrize(("tournament", "number"), [(8, 1400), (11, 1399), (12, 1398)])
def test_a_new_sandbox_is_ten_minutes_into_a_round(
    client: Client, tournament: int, number: int
) -> None:
    assert client.ask(CURRENT, t=tournament)["rounds"] == [
        {
            "number": number,
            "openTime": "2026-11-03T13:00:00Z",
            "closeStakingTime": "2026-11-03T14:00:00Z",
        }
    ]


def test_there_is_a_past_round_before_the_current_one(client: Client) -> None:
    assert numbers(client, "OPEN") == [1400]
    assert numbers(client, "RESOLVING") == [1399]
    assert [r["number"] for r in client.ask("{ rounds(tournament: 8) { number } }")["rounds"]] == [
        1400,
        1399,
    ]


def test_a_round_stays_open_after_the_staking_deadline(client: Client, clock: Clock) -> None:
    clock.move(hours=5)
    assert numbers(client, "OPEN") == [1400]


def test_a_turn_opens_the_next_round_and_ends_the_last(client: Client, clock: Clock) -> None:
    clock.move(hours=5)
    assert client.box.rounds.turn().number == 1401
    assert numbers(client, "OPEN") == [1401]
    assert client.ask(CURRENT, t=8)["rounds"][0]["openTime"] == "2026-11-03T18:10:00Z"


def test_turning_one_tournament_leaves_the_others_alone(client: Client) -> None:
    client.box.rounds.turn(tournament=12)
    assert client.ask(CURRENT, t=8)["rounds"][0]["number"] == 1400
    assert client.ask(CURRENT, t=12)["rounds"][0]["number"] == 1399


def test_between_rounds_the_current_one_is_null(client: Client) -> None:
    client.box.rounds.close()
    assert client.ask(CURRENT, t=8) == {"rounds": [None]}
    assert numbers(client, "OPEN") == []


def test_between_rounds_the_current_one_may_be_an_error(client: Client) -> None:
    client.box.rounds.between = Between.ERROR
    client.box.rounds.close()
    assert client.refusal(CURRENT, t=8) == "Current round not open for submissions"
    assert numbers(client, "OPEN") == []


def test_a_round_without_successor_ends_at_its_close_time(client: Client, clock: Clock) -> None:
    clock.move(days=1)
    assert client.ask(CURRENT, t=8) == {"rounds": [None]}


def test_an_upcoming_round_opens_when_its_time_has_come(client: Client, clock: Clock) -> None:
    client.box.rounds.set(number=1401, open_time=clock() + timedelta(hours=2))
    assert numbers(client, "UPCOMING") == [1401]
    assert numbers(client, "OPEN") == [1400]
    clock.move(hours=2)
    assert numbers(client, "OPEN") == [1401]


def test_turning_opens_the_upcoming_round_at_once(client: Client, clock: Clock) -> None:
    client.box.rounds.set(number=1401, open_time=clock() + timedelta(hours=2))
    client.box.rounds.turn()
    assert numbers(client, "OPEN") == [1401]


def test_setting_a_lower_number_makes_it_the_newest_round(client: Client) -> None:
    client.box.rounds.set(number=1042)
    assert numbers(client, "OPEN") == [1042]
    assert [r.number for r in client.box.rounds.all(8)] == [1042, 1041]


def test_a_known_round_is_changed_in_place(client: Client, clock: Clock) -> None:
    changed = client.box.rounds.set(close_staking_time=clock() + timedelta(minutes=1))
    assert changed.number == 1400
    assert client.ask(CURRENT, t=8)["rounds"][0]["closeStakingTime"] == "2026-11-03T13:11:00Z"
    assert numbers(client, "RESOLVING") == [1399]


def test_every_round_whose_time_it_is_is_open(client: Client, clock: Clock) -> None:
    client.box.rounds.set(number=1399, close_time=clock() + timedelta(minutes=5))
    assert numbers(client, "OPEN") == [1400, 1399]
    assert client.ask(CURRENT, t=8)["rounds"][0]["number"] == 1400


def test_rounds_can_be_asked_for_by_number_and_limit(client: Client) -> None:
    query = """{ one: rounds(tournament: 8, number: 1399) { number }
      none: rounds(number: 7) { number } few: rounds(limit: 2) { number } }"""
    assert client.ask(query) == {
        "one": [{"number": 1399}],
        "none": [],
        "few": [{"number": 1400}, {"number": 1399}],
    }
