"""The schedule against the rounds' windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.windows import (
    documented_windows,
    latest_openings,
    recent_windows,
    window_warnings,
)
from job.tournament import Round
from tests.deploy.samples import settings

TUESDAY = datetime(2026, 11, 3, 12, tzinfo=UTC)
SUNDAY = datetime(2026, 11, 8, 20, tzinfo=UTC)
WEEK = documented_windows(SUNDAY)
HOUR = timedelta(hours=1)


def round_at(opens: datetime, *, lasting: timedelta = HOUR, number: int = 1400) -> Round:
    return Round("classic", number, opens, opens + lasting, opens + timedelta(days=1))


def unmet(triggers: list[dict[str, Any]], *rounds: Round) -> tuple[str, ...]:
    windows = recent_windows(rounds, SUNDAY) if rounds else WEEK
    return window_warnings(settings(triggers=triggers), windows)


def at(*times: str, days: str = "Tue Wed Thu Fri Sat", wait: str = "0") -> dict[str, Any]:
    return {"days": days.split(), "at": list(times), "wait": wait}


class TestDocumented:
    def test_are_five_windows_a_week(self) -> None:
        assert [(w.opens, w.closes - w.opens) for w in WEEK] == [
            (TUESDAY, HOUR),
            (TUESDAY + timedelta(days=1), HOUR),
            (TUESDAY + timedelta(days=2), HOUR),
            (TUESDAY + timedelta(days=3), HOUR),
            (TUESDAY + timedelta(days=4), timedelta(hours=26)),
        ]

    def test_a_start_at_five_past_noon_meets_all(self) -> None:
        assert unmet([at("12:05")]) == ()

    def test_a_day_without_a_start_is_told(self) -> None:
        assert unmet([at("12:05", days="Tue Wed Thu Sat")]) == (
            "the round of Friday (documented: 12:00 to 13:00 UTC) is met by no start of the "
            "schedule",
        )

    def test_saturdays_round_waits_for_sunday(self) -> None:
        starts = [at("12:05", days="Tue Wed Thu Fri"), at("09:00", days="Sun")]
        assert unmet(starts) == ()
        late = [starts[0], at("14:00", days="Sun")]
        (told,) = unmet(late)
        assert told.startswith("the round of Saturday (documented: 12:00 to Sun 14:00 UTC)")


class TestRecent:
    def test_rounds_that_have_not_opened_are_no_windows(self) -> None:
        assert recent_windows([round_at(SUNDAY + HOUR)], SUNDAY) == ()

    def test_an_opening_that_slipped_is_met_by_waiting(self) -> None:
        slipped = round_at(TUESDAY + timedelta(minutes=17))
        (told,) = unmet([at("12:05", wait="10m")], slipped)
        assert told == (
            "round 1400 (Tue 2026-11-03 12:17 to 13:17 UTC) is met by no start of the schedule"
        )
        assert unmet([at("12:05", wait="15m")], slipped) == ()
        assert unmet([at("12:05", "12:25", wait="10m")], slipped) == ()

    def test_a_start_that_finds_the_job_waiting_does_nothing(self) -> None:
        slipped = round_at(TUESDAY + timedelta(minutes=22))
        # 12:05 waits until 12:20; 12:15 finds it waiting, or it would wait until 12:30.
        assert len(unmet([at("12:05", "12:15", wait="15m")], slipped)) == 1
        assert unmet([at("12:05", "12:20", wait="15m")], slipped) == ()

    def test_a_start_too_close_to_the_end_does_not_count(self) -> None:
        assert unmet([at("12:55")], round_at(TUESDAY)) == ()
        assert len(unmet([at("12:56")], round_at(TUESDAY))) == 1

    def test_every_run_waits_as_long_as_the_longest_wait(self) -> None:
        slipped = round_at(TUESDAY + timedelta(minutes=17))
        assert unmet([at("12:05"), at("18:00", days="Sun", wait="15m")], slipped) == ()

    def test_another_time_zone_is_the_same_moment(self) -> None:
        slipped = round_at(TUESDAY).open_time.astimezone()
        assert recent_windows([round_at(slipped)], SUNDAY) == recent_windows(
            [round_at(TUESDAY)], SUNDAY
        )


class TestCalls:
    def test_a_window_that_only_numerais_call_meets_says_so(self) -> None:
        triggers = [at("12:05", days="Tue Wed Thu Sat"), {"webhook": True}]
        (told,) = unmet(triggers)
        assert told.endswith("schedule; Numerai's call alone may start the job then")

    def test_a_call_alone_is_told_once(self) -> None:
        (told,) = unmet([{"webhook": True}])
        assert told.startswith("nothing but Numerai's call starts the job")

    def test_no_trigger_at_all_is_told_elsewhere(self) -> None:
        assert unmet([]) == ()


class TestChecks:
    def test_meet_no_window(self) -> None:
        check = {**at("12:05"), "command": "check"}
        del check["wait"]
        assert unmet([check]) == ()  # that nothing starts the job is told elsewhere
        (told, *_) = unmet([at("12:05", days="Tue"), check])
        assert told.startswith("the round of Wednesday")

    def test_do_not_keep_the_job_from_waiting(self) -> None:
        check = {"days": ["Tue"], "at": ["12:10"], "command": "check"}
        slipped = round_at(TUESDAY + timedelta(minutes=22))
        assert unmet([at("12:08", wait="15m"), check], slipped) == ()


class TestLateOpenings:
    def test_are_met_until_the_last_wait_ends(self) -> None:
        found = settings(triggers=[at("12:05", "12:45", wait="15m"), at("09:00", days="Sun")])
        assert latest_openings(found, WEEK) == (
            "a round that opens late is met until 13:00 on Tue, Wed, Thu, Fri and Sat UTC"
        )

    @pytest.mark.parametrize("triggers", [[], [{"webhook": True}]])
    def test_without_a_schedule_there_is_nothing_to_say(self, triggers: list[Any]) -> None:
        assert latest_openings(settings(triggers=triggers), WEEK) == ""
