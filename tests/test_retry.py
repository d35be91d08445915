"""What waiting can mend is tried again: gently, as asked, within patience and deadline."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.errors import Exit, RefusedError, StoppedError, TransientError, UnavailableError
from job.retry import FIRST_WAIT, LONGEST_WAIT, Retry
from tests.clock import FakeClock


class Flaky:
    """Fails so often, then answers; knows when it was called."""

    def __init__(self, clock: FakeClock, *errors: Exception, endless: bool = False) -> None:
        self.clock, self.errors, self.endless = clock, list(errors), endless
        self.tried_at: list[float] = []

    def __call__(self) -> str:
        self.tried_at.append(self.clock.monotonic())
        if self.errors:
            raise self.errors[0] if self.endless else self.errors.pop(0)
        return "answer"


def busy(retry_after: float | None = None) -> TransientError:
    return TransientError("store.invalid answered 503", retry_after=retry_after)


def test_what_works_is_not_tried_again(clock: FakeClock) -> None:
    operation = Flaky(clock)
    assert Retry(clock, 60.0)(operation, what="no answer") == "answer"
    assert len(operation.tried_at) == 1
    assert clock.sleeps == []


def test_waits_grow_and_stay_below_the_longest(clock: FakeClock) -> None:
    operation = Flaky(clock, *[busy()] * 12)
    assert Retry(clock, 3600.0)(operation, what="no answer") == "answer"
    assert len(clock.sleeps) == 12
    assert clock.sleeps[0] <= 2 * FIRST_WAIT
    assert all(0 < sleep <= LONGEST_WAIT + FIRST_WAIT for sleep in clock.sleeps)
    assert sum(clock.sleeps[6:]) > sum(clock.sleeps[:6])


def test_waits_differ_so_that_many_do_not_come_back_at_once(clock: FakeClock) -> None:
    for _ in range(8):
        Retry(clock, 60.0)(Flaky(clock, busy()), what="no answer")
    assert len(set(clock.sleeps)) > 1


def test_a_wait_that_the_service_asks_for_is_kept(clock: FakeClock) -> None:
    Retry(clock, 60.0)(Flaky(clock, busy(retry_after=17.0)), what="no answer")
    assert clock.sleeps == [17.0]


def test_a_wait_asked_for_that_exceeds_the_patience_is_not_begun(clock: FakeClock) -> None:
    operation = Flaky(clock, busy(retry_after=61.0))
    with pytest.raises(UnavailableError, match="once over 0 s"):
        Retry(clock, 60.0)(operation, what="no answer")
    assert clock.sleeps == []


@given(
    patience=st.floats(0, 600),
    until=st.none() | st.floats(-60, 600),
    after=st.none() | st.floats(0, 90),
)
def test_patience_and_deadline_bound_the_sum_of_all_waits(
    patience: float, until: float | None, after: float | None
) -> None:
    clock = FakeClock()
    started = clock.monotonic()
    retry = Retry(clock, patience, until=None if until is None else started + until)
    operation = Flaky(clock, busy(retry_after=after), endless=True)
    with pytest.raises(UnavailableError):
        retry(operation, what="no answer")
    bound = patience if until is None else max(0.0, min(patience, until))
    assert sum(clock.sleeps) <= bound + 1e-3
    assert operation.tried_at[0] == started


def test_past_the_deadline_there_is_one_try_and_no_wait(clock: FakeClock) -> None:
    operation = Flaky(clock, busy(), endless=True)
    with pytest.raises(UnavailableError, match="once"):
        Retry(clock, 60.0, until=clock.monotonic() - 1.0)(operation, what="no answer")
    assert len(operation.tried_at) == 1
    assert clock.sleeps == []


def test_the_patience_is_used_up_to_its_end(clock: FakeClock) -> None:
    started = clock.monotonic()
    operation = Flaky(clock, busy(), endless=True)
    with pytest.raises(UnavailableError):
        Retry(clock, 100.0)(operation, what="no answer")
    assert operation.tried_at[-1] == pytest.approx(started + 100.0)


def test_giving_up_says_what_why_how_often_and_what_next(clock: FakeClock) -> None:
    with pytest.raises(UnavailableError) as caught:
        Retry(clock, 10.0, backoff=lambda _: 4.0)(
            Flaky(clock, busy(), endless=True), what="cannot tell which models are submitted"
        )
    assert caught.value.lines() == [
        "cannot tell which models are submitted",
        "  store.invalid answered 503 (4 times over 10 s)",
        "  run again later",
    ]
    assert caught.value.exit_code is Exit.UNAVAILABLE
    assert not isinstance(caught.value, TransientError)


@pytest.mark.parametrize(
    "error", [RefusedError("no"), UnavailableError("gone"), ValueError("a bug")]
)
def test_what_waiting_cannot_mend_is_not_tried_again(clock: FakeClock, error: Exception) -> None:
    operation = Flaky(clock, error)
    with pytest.raises(type(error)) as caught:
        Retry(clock, 60.0)(operation, what="no answer")
    assert caught.value is error
    assert len(operation.tried_at) == 1


def test_a_stop_ends_the_wait(clock: FakeClock) -> None:
    def stop_then_fail() -> None:
        clock.stop(StoppedError("terminated", Exit.TERMINATED))
        raise busy()

    operation: Callable[[], None] = stop_then_fail
    with pytest.raises(StoppedError):
        Retry(clock, 60.0)(operation, what="no answer")
    assert clock.sleeps == []


def test_time_that_passes_while_the_wait_is_worked_out_costs_no_try() -> None:
    class Ticking(FakeClock):
        def monotonic(self) -> float:
            self.move(0.001)
            return super().monotonic()

    clock, tries = Ticking(), []

    def second_time() -> str:
        tries.append(None)
        if len(tries) == 1:
            raise TransientError("not yet")
        return "done"

    assert Retry(clock, patience=1.0, backoff=lambda _: 60.0)(second_time, what="it") == "done"


def test_a_kind_of_trouble_with_a_patience_of_its_own_gets_it_from_when_it_came_up(
    clock: FakeClock,
) -> None:
    refused = TransientError("403", "the role is missing", hint="assign it", patience=300.0)
    operation = Flaky(clock, *[busy()] * 4, *[refused] * 100)
    with pytest.raises(UnavailableError) as caught:
        Retry(clock, 60.0)(operation, what="cannot read it")
    first_refusal, last = operation.tried_at[4], operation.tried_at[-1]
    assert last - first_refusal == pytest.approx(300.0)
    assert caught.value.what == "cannot read it"
    assert caught.value.why[1:] == ("the role is missing",)
    assert caught.value.hint == "assign it"


def test_trouble_that_comes_after_another_kind_begins_with_its_whole_patience(
    clock: FakeClock,
) -> None:
    refused = TransientError("403", patience=300.0)
    operation = Flaky(clock, *[refused] * 10, *[busy()] * 2)
    assert Retry(clock, 60.0)(operation, what="no answer") == "answer"
    assert operation.tried_at[10] - operation.tried_at[0] > 60.0


def test_what_to_do_is_said_once_and_not_before_each_try(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    def refused() -> None:
        raise TransientError("refused", "a role is missing", hint="ask for the role")

    with pytest.raises(UnavailableError) as caught:
        Retry(clock, 20.0)(refused, what="cannot read")
    assert caught.value.hint == "ask for the role"
    assert len(caplog.records) > 2
    assert caplog.text.count("ask for the role") == 1
    assert caplog.text.count("refused; a role is missing") == len(caplog.records)
