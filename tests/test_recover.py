"""What a killed run was registering is looked for before anything is sent again."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from job.errors import Exit
from job.manifest import Manifest
from job.models_root import LocalRoot
from job.outcomes import planned
from job.plan import Submit, Wishes
from job.prove import LOOK_FOR_SECONDS
from job.record import ModelResult, Outcome, RunRecord
from job.recover import recover
from job.run import Job
from job.settings import Settings
from job.store import Folder
from tests.builders import a_model, a_round, a_step
from tests.clock import NOON, FakeClock
from tests.fakes import FakeNumerai, Made, unreadable


class Restart:
    """A run that starts after another was killed while it registered `mallard`."""

    def __init__(self, clock: FakeClock, folder: Path) -> None:
        self.clock = clock
        self.numerai = FakeNumerai(clock)
        self.numerai.rounds["classic"] = [a_round()]
        for name in ("mallard", "teal"):
            self.numerai.add_model(name)
        self.runs = Folder(folder)
        self.record = RunRecord(self.runs, started=NOON + timedelta(hours=1))

    def killed(self, *, at: datetime = NOON, number: int = 1400, **changes: Any) -> None:
        """The run before noted this and ended."""
        record = RunRecord(self.runs, started=at)
        record.enter(a_round(number))
        record.begin([planned(a_step())])
        intent = {"upload_filename": "u.csv", "intent_at": at.isoformat(), **changes}
        record.update(("classic", "mallard"), now=at, save=True, **intent)

    def made(self, *, error: str | None = None, number: int = 1400) -> None:
        """Numerai has that upload."""
        at = self.clock.now()
        self.numerai.submissions.append(Made("s-1", "mallard", number, "u.csv", at, b"", error))

    def recover(self, *, dry_run: bool = False) -> list[str]:
        """Names of what is still to be done."""
        steps: list[Submit] = [a_step("mallard"), a_step("teal")]
        self.record.enter(a_round())
        self.record.begin([planned(step) for step in steps])
        job = Job(
            settings=Settings.from_env({}, credentials=False),
            manifest=Manifest(path="", sha256="", models=(a_model("mallard"), a_model("teal"))),
            models=LocalRoot(Path()),
            numerai=self.numerai,
            runs=self.runs,
            record=self.record,
            clock=self.clock,
            environ={},
            wishes=Wishes(),
            wait=0.0,
            dry_run=dry_run,
        )
        return [step.model.name for step in recover(job, steps)]

    @property
    def result(self) -> ModelResult:
        return self.record.results[0]


@pytest.fixture
def restart(clock: FakeClock, tmp_path: Path) -> Restart:
    return Restart(clock, tmp_path)


def test_without_intents_nothing_is_asked(restart: Restart) -> None:
    assert restart.recover() == ["mallard", "teal"]
    assert restart.numerai.calls == []


def test_an_upload_that_was_made_is_not_made_again(restart: Restart) -> None:
    restart.killed()
    restart.made()
    assert restart.recover() == ["teal"]
    assert restart.result.outcome is Outcome.ALREADY_SUBMITTED
    assert (restart.result.submission_id, restart.result.upload_filename) == ("s-1", "u.csv")
    assert restart.result.exit_code == 0


def test_an_upload_that_shows_only_after_a_while_is_waited_for(
    restart: Restart, clock: FakeClock
) -> None:
    restart.killed()
    restart.made()
    restart.numerai.settle_after = 30.0
    assert restart.recover() == ["teal"]
    assert 30.0 <= sum(clock.sleeps) <= 40.0


def test_an_upload_that_was_not_made_is_made_after_a_minute(
    restart: Restart, clock: FakeClock
) -> None:
    restart.killed()
    assert restart.recover() == ["mallard", "teal"]
    assert clock.now() >= NOON + timedelta(seconds=LOOK_FOR_SECONDS)


def test_an_intent_older_than_a_minute_is_not_waited_for(
    restart: Restart, clock: FakeClock
) -> None:
    restart.killed()
    clock.move(LOOK_FOR_SECONDS + 1.0)
    assert restart.recover() == ["mallard", "teal"]
    assert restart.numerai.calls == []


def test_the_minute_counts_from_the_registration_and_not_from_the_restart(
    restart: Restart, clock: FakeClock
) -> None:
    restart.killed()
    clock.move(50.0)
    restart.recover()
    assert sum(clock.sleeps) <= 20.0


def test_an_intent_of_the_future_does_not_hold_the_run_up(
    restart: Restart, clock: FakeClock
) -> None:
    restart.killed(at=NOON + timedelta(hours=1))
    assert restart.recover() == ["mallard", "teal"]
    assert sum(clock.sleeps) <= LOOK_FOR_SECONDS + 5.0


def test_an_upload_of_another_round_is_not_looked_for(restart: Restart) -> None:
    restart.killed(number=1399)
    assert restart.recover() == ["mallard", "teal"]
    assert restart.numerai.calls == []


def test_a_file_that_was_refused_is_sent_again(restart: Restart) -> None:
    restart.killed()
    restart.made(error="too few ids")
    assert restart.recover() == ["mallard", "teal"]


def test_a_state_that_cannot_be_read_leaves_the_upload_unproven(restart: Restart) -> None:
    restart.killed()
    restart.numerai.fail("account_state", unreadable(), times=99)
    assert restart.recover() == ["teal"]
    assert restart.result.outcome is Outcome.UNPROVEN
    assert restart.result.exit_code == Exit.UNAVAILABLE


def test_near_the_deadline_an_unreadable_state_does_not_hold_an_upload_up(
    restart: Restart, clock: FakeClock
) -> None:
    clock.move_to(a_round().close_staking_time - timedelta(seconds=60))
    restart.killed(at=clock.now())
    restart.numerai.fail("account_state", unreadable(), times=99)
    assert restart.recover() == ["mallard", "teal"]


def test_a_dry_run_looks_for_nothing(restart: Restart) -> None:
    restart.killed()
    restart.made()
    assert restart.recover(dry_run=True) == ["mallard", "teal"]
    assert restart.numerai.calls == []


def test_of_several_intents_the_newest_is_looked_for(restart: Restart) -> None:
    restart.killed(at=NOON - timedelta(seconds=20), upload_filename="old.csv")
    restart.killed(at=NOON - timedelta(seconds=10))
    restart.made()
    assert restart.recover() == ["teal"]
