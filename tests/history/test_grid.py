"""Models and rounds become a grid, and the grid shares."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from job.history import Cell, Entry, Grid, History, State, build_history
from job.history.told import Records, Told
from job.plan import DISABLED
from job.record import Outcome
from job.tournament import Round, Submission
from tests.builders import a_slot
from tests.clock import NOON
from tests.history.builders import a_made, a_none, a_told, an_answer, rounds, some_records

MALLARD = [Entry("classic", "mallard")]


def history(
    rows: Mapping[int, Submission] | None = None,
    *told: Told,
    known: Sequence[Round] = (),
    models: Sequence[Entry] = MALLARD,
    last: int = 100,
) -> History:
    """Of one model with these rows at Numerai, by round; None: Numerai was not asked."""
    answer = None if rows is None else an_answer([a_slot(*rows.values())], known)
    recorded = some_records(*told, known=() if answer else known)
    return build_history(models, recorded, answer, now=NOON, last=last)


def the_grid(found: History) -> Grid:
    (grid,) = found.grids
    return grid


def states(found: History) -> dict[int, State]:
    (row,) = the_grid(found).rows
    return {cell.round: cell.state for cell in row.cells}


def test_rounds_are_newest_first_and_cut_to_what_is_asked_for() -> None:
    known = rounds(10)
    found = history({r.number: a_made(r) for r in known}, known=known, last=3)
    assert [round_.number for round_ in the_grid(found).rounds] == [1400, 1399, 1398]
    assert list(states(found)) == [1400, 1399, 1398]
    assert found.shares[0].on_time == 9


def test_a_round_that_has_yet_to_open_is_not_part_of_it() -> None:
    soon = dataclasses.replace(rounds(1)[0], number=1401, open_time=NOON + timedelta(hours=1))
    known = (soon, *rounds(3))
    queued = a_made(soon, status="queued")
    assert 1401 not in states(history({1401: queued}, known=known))


def test_a_round_between_two_others_that_nothing_tells_of_is_unknown() -> None:
    newest, _, oldest = rounds(3)
    told = [a_told(r.number, Outcome.SUBMITTED) for r in (oldest, newest)]
    found = history(None, *told, known=(newest, oldest))
    assert states(found) == {
        1400: State.ON_TIME,
        1399: State.UNKNOWN,
        1398: State.ON_TIME,
    }
    assert [share.unknown for share in found.shares] == [0, 0]  # its deadline may be 1400's
    later = build_history(
        MALLARD,
        some_records(*told, known=(newest, oldest)),
        None,
        now=NOON + timedelta(days=1),
        last=9,
    )
    assert [(share.unknown, share.counted) for share in later.shares] == [(1, 2), (1, 2)]


def test_the_share_is_of_rounds_whose_deadline_has_passed_within_the_weeks() -> None:
    known = rounds(100)
    rows = {r.number: a_made(r) if r.number % 10 else a_none(r) for r in known}
    four, thirteen = history(rows, known=known).shares
    assert (four.weeks, four.on_time, four.missed, four.share) == (4, 18, 2, 0.9)
    assert (thirteen.weeks, thirteen.on_time, thirteen.missed) == (13, 59, 6)
    assert thirteen.since == NOON - timedelta(weeks=13)


@pytest.mark.parametrize(
    ("after", "counted"),
    [
        (timedelta(seconds=-1), 0),
        (timedelta(0), 1),
        (timedelta(weeks=4, seconds=-1), 1),
        (timedelta(weeks=4), 0),
    ],
    ids=str,
)
def test_a_round_is_within_the_weeks_by_its_deadline_to_the_second(
    after: timedelta, counted: int
) -> None:
    (round_,) = rounds(1)
    answer = an_answer([a_slot(a_made(round_))], [round_])
    now = round_.close_staking_time + after
    found = build_history(MALLARD, Records(), answer, now=now, last=9)
    assert found.shares[0].counted == counted


def test_late_held_back_and_missed_are_not_on_time() -> None:
    known = rounds(5)
    rows = {
        1399: a_made(known[1]),
        1398: a_made(known[2], -30),
        1397: a_none(known[3]),
        1396: a_none(known[4]),
    }
    told = a_told(1397, Outcome.HELD_BACK), a_told(1396, Outcome.FAILED)
    answer = an_answer([a_slot(*rows.values())], known)
    four, _ = build_history(MALLARD, some_records(*told), answer, now=NOON, last=9).shares
    assert (four.on_time, four.late, four.held_back, four.missed) == (1, 1, 1, 1)
    assert (four.counted, four.share) == (4, 0.25)


def test_only_models_that_are_enabled_now_are_shared() -> None:
    known = rounds(5)
    answer = an_answer([a_slot(*(a_made(r) for r in known))], known)
    off = [Entry("classic", "mallard", enabled=False)]
    found = build_history(off, Records(), answer, now=NOON, last=9)
    assert found.shares[0].share is None
    assert the_grid(found).rows[0].shares[0].share == 1


def test_rounds_before_a_model_was_first_seen_are_not_due() -> None:
    known = rounds(6)
    rows = {r.number: a_none(r) for r in known} | {1398: a_made(known[2])}
    assert states(history(rows, known=known)) == {
        1400: State.OPEN,
        1399: State.MISSED,
        1398: State.ON_TIME,
        1397: State.NOT_DUE,
        1396: State.NOT_DUE,
        1395: State.NOT_DUE,
    }


def test_a_record_is_a_first_sight_too() -> None:
    known = rounds(3)
    answer = an_answer([a_slot(*map(a_none, known))], known)
    records = some_records(a_told(1399, Outcome.FAILED))
    found = build_history(MALLARD, records, answer, now=NOON, last=9)
    assert list(states(found).values()) == [State.OPEN, State.MISSED, State.NOT_DUE]


def test_while_a_model_is_disabled_none_is_due_until_it_is_enabled_again() -> None:
    known = rounds(6)
    answer = an_answer([a_slot(*map(a_none, known))], known)
    told = (
        a_told(1395, Outcome.FAILED),
        a_told(1396, Outcome.SKIPPED, reason=DISABLED),
        a_told(1398, Outcome.MISSED),
    )
    found = build_history(MALLARD, some_records(*told), answer, now=NOON, last=9)
    assert list(states(found).values()) == [
        State.OPEN,
        State.MISSED,
        State.MISSED,
        State.NOT_DUE,
        State.NOT_DUE,
        State.MISSED,
    ]


def test_without_round_times_the_days_of_the_rows_place_a_round_in_its_weeks() -> None:
    known = rounds(30)
    rows = {r.number: a_made(r) for r in known}
    found = history(rows, known=())
    assert found.shares[0].on_time == 20
    assert [cell.minutes_before for cell in the_grid(found).rows[0].cells] == [None] * 30


def test_each_tournament_has_its_own_rounds() -> None:
    classic, signals = rounds(3), rounds(2, tournament="signals")
    slots = [
        a_slot(*map(a_made, classic)),
        a_slot(*map(a_made, signals), name="pochard", tournament="signals"),
    ]
    answer = dataclasses.replace(
        an_answer(slots, classic), rounds={"classic": classic, "signals": signals}
    )
    models = [*MALLARD, Entry("signals", "pochard")]
    found = build_history(models, Records(), answer, now=NOON, last=9)
    assert [(grid.tournament, len(grid.rounds)) for grid in found.grids] == [
        ("classic", 3),
        ("signals", 2),
    ]


def test_nothing_known_is_an_empty_history() -> None:
    found = build_history(MALLARD, Records(), None, now=NOON, last=9)
    assert (the_grid(found).rounds, the_grid(found).rows[0].cells) == ((), ())
    assert [share.share for share in found.shares] == [None, None]


def test_a_number_out_of_all_reason_does_not_make_a_billion_rounds() -> None:
    known = [dataclasses.replace(rounds(1)[0], number=10**9), *rounds(2)[1:]]
    told = a_told(1399, Outcome.SUBMITTED)
    grid = the_grid(history(None, told, known=known, last=5000))
    assert len(grid.rounds) == 1000


def test_a_cell_is_there_for_every_round_and_model() -> None:
    known = rounds(20)
    models = [Entry("classic", f"duck_{n}") for n in range(7)]
    found = build_history(models, some_records(known=known), None, now=NOON, last=20)
    grid = the_grid(found)
    assert {len(row.cells) for row in grid.rows} == {20}
    assert all(isinstance(cell, Cell) for row in grid.rows for cell in row.cells)
