"""What a message says, and that it fits a phone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from job.errors import Exit, StoppedError, UnavailableError, UsageError
from job.notices.message import Message
from job.notices.wording import (
    LINES,
    TITLE_WIDTH,
    WIDTH,
    check_message,
    dead_message,
    next_command,
    run_message,
)
from job.record import ModelResult, Outcome
from tests.builders import a_round
from tests.clock import NOON

ROUNDS = {"classic": a_round(1400)}


def row(name: str, outcome: Outcome, reason: str = "", tournament: str = "classic") -> ModelResult:
    return ModelResult(name, tournament, outcome, reason)


def message(*results: ModelResult, code: Exit = Exit.MODELS_FAILED, **more: Any) -> Message:
    given = {"error": None, "rounds": ROUNDS, "now": NOON, "recovered": False, **more}
    return run_message(code=code, results=results, **given)


def test_round_what_is_missing_why_how_long_and_what_next() -> None:
    told = message(
        row("mallard", Outcome.SUBMITTED),
        row("teal", Outcome.FAILED, "the model raised KeyError: 'x'\n  line 3"),
        row("gadwall", Outcome.HELD_BACK, "churn 0.21 is above 0.15"),
    )
    assert told == Message(
        "Numerai round 1400: 2 of 3 models not submitted",
        "teal failed: the model raised KeyError: 'x'\n"
        "gadwall held back: churn 0.21 is above 0.15\n"
        "50 min left, on time until 13:00 UTC\n"
        "Next: python -m job check --deep",
        "failure",
    )


def test_a_missed_round() -> None:
    told = message(
        row("teal", Outcome.MISSED, "the on-time deadline has passed"),
        code=Exit.MISSED,
        now=NOON + timedelta(hours=1),
    )
    assert told.title == "Numerai round 1400: 1 of 1 models missed"
    assert "too late since Tue 13:00 UTC (10 min ago)" in told.body


def test_a_run_that_was_cut_off_says_why_and_what_is_not_done() -> None:
    told = message(
        row("mallard", Outcome.SUBMITTED),
        row("teal", Outcome.SKIPPED, "not done: terminated by a signal"),
        code=Exit.TERMINATED,
        error=StoppedError("terminated by a signal", Exit.TERMINATED),
    )
    assert told.title == "Numerai round 1400: terminated by a signal"
    assert "not done: teal" in told.body
    assert "50 min left" in told.body
    assert told.body.endswith("Next: python -m job run")


def test_an_error_comes_with_its_cause_and_its_way_out() -> None:
    error = UnavailableError("no usable answer", "it answered 503", hint="run again later")
    told = message(code=Exit.UNAVAILABLE, error=error, rounds={})
    assert told.title == "Numerai: no usable answer"
    assert told.body.splitlines() == [
        "no usable answer",
        "it answered 503",
        "Next: run again later",
    ]


def test_refused_settings_are_told_with_their_faults() -> None:
    error = UsageError("the settings are wrong; nothing was tried", ["NUMERAI_WAIT: 'x' is no"])
    told = message(code=Exit.USAGE, error=error, rounds={})
    assert told.title == "Numerai: the settings are wrong; nothing was tried"
    assert told.body == "NUMERAI_WAIT: 'x' is no\nNext: python -m job check"


def test_a_refusal_that_knows_the_way_out_tells_it_instead_of_the_usual_one() -> None:
    error = UsageError(
        "no manifest pushed yet",
        ["https://drake.blob/models holds no models_manifest.yaml"],
        hint="`python -m deploy push` puts it there, with the models that it names",
    )
    told = message(code=Exit.USAGE, error=error, rounds={})
    assert told.title == "Numerai: no manifest pushed yet"
    assert told.body.splitlines() == [
        "https://drake.blob/models holds no models_manifest.yaml",
        "Next: `python -m deploy push` puts it there, with the models that it names",
    ]


PAST = ("classic/teal 1399 missed", "classic/teal 1397-1398 unseen")


def test_a_round_missed_before_is_told_although_all_is_well_now() -> None:
    rows = (row("teal", Outcome.SUBMITTED), row("mallard", Outcome.SUBMITTED))
    told = message(*rows, code=Exit.OK, past=PAST, recovered=True)
    assert told == Message(
        "Numerai round 1400: 1 of 2 models missed round 1399",
        "teal missed round 1399: no run submitted it\n"
        "teal: nor is one known to have in 1397-1398\n"
        "submitted: teal, mallard\n"
        "Next: python -m job history",
        "failure",
    )


def test_a_round_missed_before_is_told_beside_what_is_wrong_now() -> None:
    failed = row("teal", Outcome.FAILED, "there is no file teal.pkl", "signals")
    past = ("classic/teal 1399 missed", "signals/teal 1398 missed")
    told = message(failed, row("teal", Outcome.SUBMITTED), past=past)
    assert told.title == "Numerai round 1400: 1 of 2 models not submitted"
    assert told.body.splitlines() == [
        "signals teal failed: there is no file teal.pkl",
        "classic teal missed round 1399: no run submitted it",
        "signals teal missed round 1398: no run submitted it",
        "50 min left, on time until 13:00 UTC",
        "Next: python -m job check --deep",
    ]
    both = message(row("teal", Outcome.SUBMITTED), code=Exit.OK, past=past)
    assert both.title == "Numerai round 1400: 2 of 2 models missed earlier rounds"


def test_an_unforeseen_error_is_named() -> None:
    told = message(code=Exit.UNFORESEEN, error=MemoryError("no more"))
    assert told.title == "Numerai round 1400: unforeseen MemoryError"
    assert told.body.startswith("unforeseen MemoryError: no more\n")


def test_good_news_are_good_and_never_empty() -> None:
    told = message(row("teal", Outcome.SUBMITTED), row("pintail", Outcome.SKIPPED), code=Exit.OK)
    assert told == Message(
        "Numerai round 1400: 1 submitted, 1 skipped",
        "submitted: teal\nskipped: pintail",
        "success",
    )
    recovered = message(row("teal", Outcome.SUBMITTED), code=Exit.OK, recovered=True)
    assert recovered.title == "Numerai round 1400: all is well again"
    nothing = message(code=Exit.OK, rounds={})
    assert (nothing.title, nothing.body) == ("Numerai: no models", "no models")


def test_several_tournaments_are_told_apart() -> None:
    rounds = {
        "classic": a_round(1400),
        "signals": a_round(1399, tournament="signals", close_staking_time=NOON),
    }
    told = message(
        row("teal", Outcome.SUBMITTED),
        row("teal", Outcome.MISSED, "too late", "signals"),
        code=Exit.MISSED,
        rounds=rounds,
    )
    assert told.title == "Numerai classic 1400, signals 1399: 1 of 2 models missed"
    assert "signals teal missed: too late" in told.body
    assert "signals: too late since Tue 12:10 UTC (0 min ago)" in told.body
    assert "classic:" not in told.body, "nothing is lacking there"


def test_a_hundred_failures_with_endless_reasons_fit_a_phone() -> None:
    rows = [row(f"model_{n}", Outcome.FAILED, "x" * 1000) for n in range(100)]
    told = message(*rows)
    assert len(told.title) <= TITLE_WIDTH
    assert all(len(line) <= WIDTH for line in told.body.splitlines())
    assert len(told.body.splitlines()) == LINES + 3
    assert "and 94 more" in told.body


@pytest.mark.parametrize(
    ("code", "outcomes", "command"),
    [
        (Exit.MODELS_FAILED, [Outcome.HELD_BACK], "python -m job run --force --only m0"),
        (Exit.MODELS_FAILED, [Outcome.HELD_BACK, Outcome.FAILED], "python -m job check --deep"),
        (Exit.UNAVAILABLE, [Outcome.UNPROVEN], "python -m job run"),
        (Exit.NO_ROUND, [], "python -m job run --wait 90m"),
        (Exit.MISSED, [Outcome.MISSED], "python -m job status"),
    ],
)
def test_the_next_command_is_the_one_that_helps(
    code: Exit, outcomes: list[Outcome], command: str
) -> None:
    rows = [row(f"m{place}", outcome) for place, outcome in enumerate(outcomes)]
    assert next_command(code, rows) == command


def test_a_killed_run_is_told_with_what_it_left() -> None:
    told = dead_message(
        began=NOON, unfinished=["teal", "mallard"], rounds=ROUNDS, now=NOON + timedelta(minutes=20)
    )
    assert told.title == "Numerai round 1400: the run of Tue 12:10 UTC was killed"
    assert "out of memory" in told.body
    assert "teal, mallard" in told.body
    assert "30 min left" in told.body


def test_what_a_check_found() -> None:
    told = check_message(["NUMERAI_PUBLIC_ID: not set\n         more", "no file a.pkl"], warnings=1)
    assert told.title == "Numerai check: 2 faults before the round"
    assert told.body.splitlines() == [
        "NUMERAI_PUBLIC_ID: not set",
        "more",
        "no file a.pkl",
        "Next: python -m job check",
    ]
    assert check_message([], warnings=2) == Message(
        "Numerai check: no faults", "warnings: 2", "success"
    )
