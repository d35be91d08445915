"""Rounds that were missed while no run looked, as the next run finds them; and no others."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from job.handed_on import HandedOn
from job.missed import is_missed, with_missed
from job.tournament import Slot, Submission
from tests.builders import a_round, a_row, a_slot, no_row
from tests.clock import NOON

NOW = a_round(1402)


def settled(**models: int) -> HandedOn:
    return HandedOn(settled={"classic": models})


def found(
    known: HandedOn, *rows: Submission, new: Collection[str] = ("teal",), **more: object
) -> HandedOn:
    return with_missed(known, NOW, {"teal": a_slot(*rows, name="teal", **more)}, new=new)


def test_a_round_between_in_which_nothing_was_submitted_is_missed() -> None:
    after = found(settled(teal=1400), no_row(1402), no_row(1401))
    assert after.untold == ("classic/teal 1401 missed",)
    assert after.settled == {"classic": {"teal": 1401}}


def test_it_is_found_once() -> None:
    first = found(settled(teal=1400), no_row(1402), no_row(1401))
    assert found(first, no_row(1402), no_row(1401)) == first


@pytest.mark.parametrize("last", [1401, 1402, 1500])
def test_what_is_settled_is_not_looked_at_again(last: int) -> None:
    known = settled(teal=last)
    assert found(known, no_row(1402), no_row(1401)) == known


@pytest.mark.parametrize("status", ["on-time", "late"])
def test_a_submission_made_elsewhere_is_one(status: str) -> None:
    after = found(settled(teal=1399), no_row(1402), a_row(1401, status))
    assert after.untold == (), "nor is anything said of the rounds before it"
    assert after.settled == {"classic": {"teal": 1401}}


def test_a_late_submission_carried_over_is_none() -> None:
    assert is_missed(a_slot(a_row(1401, "queued")), 1401)
    of_before = a_row(1401, filename="mallard_1400-x.csv")
    assert is_missed(a_slot(of_before), 1401)


def test_what_numerai_does_not_say_is_not_taken_for_a_no() -> None:
    known = settled(teal=1400)
    assert found(known, no_row(1402)) == known
    assert not is_missed(a_slot(a_row(1401, at=None)), 1401)


def test_of_rounds_that_the_answer_does_not_reach_only_that_is_said() -> None:
    after = found(settled(teal=1397), no_row(1402), no_row(1401))
    assert after.untold == ("classic/teal 1401 missed", "classic/teal 1398-1400 unseen")
    after = found(settled(teal=1399), no_row(1402), no_row(1401))
    assert after.untold == ("classic/teal 1401 missed", "classic/teal 1400 unseen")
    after = found(settled(teal=1399), no_row(1402), no_row(1401), no_row(1400))
    assert after.untold == ("classic/teal 1400 missed", "classic/teal 1401 missed")


def test_a_row_of_the_round_to_come_is_not_looked_at() -> None:
    after = found(settled(teal=1400), a_row(1403, "queued"), no_row(1402), a_row(1401))
    assert (after.untold, after.settled) == ((), {"classic": {"teal": 1401}})


def test_a_first_run_and_a_new_model_miss_nothing() -> None:
    rows = (no_row(1402), no_row(1401))
    assert found(HandedOn(), *rows) == settled(teal=1401)
    assert found(settled(mallard=1400), *rows) == settled(teal=1401)


def test_a_dry_run_or_one_for_others_expects_nothing_new() -> None:
    assert found(HandedOn(), no_row(1402), no_row(1401), new=()) == settled()
    after = found(settled(teal=1400), no_row(1402), no_row(1401), new=())
    assert after.untold == ("classic/teal 1401 missed",)


def test_nothing_is_expected_of_a_model_that_takes_no_uploads() -> None:
    """It is not among the slots: away, archived, disabled, or served by Numerai."""
    known = HandedOn(settled={"classic": {"teal": 1400}, "signals": {"teal": 1390}})
    after = with_missed(known, NOW, {}, new=())
    assert (after.untold, after.settled) == ((), {"classic": {}, "signals": {"teal": 1390}})
    again = with_missed(after, a_round(1403), {"teal": _slot(1403)}, new=["teal"])
    assert again.untold == ()


def _slot(number: int) -> Slot:
    return a_slot(no_row(number), no_row(number - 1), name="teal")


def test_tournaments_count_their_own_rounds() -> None:
    known = HandedOn(settled={"classic": {"teal": 1401}, "signals": {"teal": 1398}})
    round_ = a_round(1400, tournament="signals")
    slot = a_slot(no_row(1400), no_row(1399), name="teal", tournament="signals")
    after = with_missed(known, round_, {"teal": slot}, new=["teal"])
    assert after.untold == ("signals/teal 1399 missed",)
    assert after.settled == {"classic": {"teal": 1401}, "signals": {"teal": 1399}}


def test_only_models_that_matter_are_handed_on() -> None:
    known = HandedOn(
        failing=("classic/gone 1400 failing",),
        untold=("classic/teal 1401 missed", "classic/gone 1401 missed"),
        settled={"classic": {"teal": 1401, "gone": 1401}, "crypto": {"teal": 1398}},
    )
    kept = known.only([("classic", "teal")])
    assert kept.untold == ("classic/teal 1401 missed",)
    assert kept.as_dict()["settled"] == {"classic": {"teal": 1401}}
    assert HandedOn.of(kept.as_dict()).as_dict() == kept.as_dict()


def test_the_time_of_a_row_does_not_matter() -> None:
    assert not is_missed(a_slot(a_row(1401, at=NOON)), 1401)
