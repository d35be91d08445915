"""The dead man's switch, in healthchecks.io's protocol, over real HTTP."""

from __future__ import annotations

import pytest

from job.errors import Exit, StoppedError, UnavailableError
from job.notices.ping import MOST_BYTES, START, Ping, Switch, last_ping
from job.numerai.transport import Transport
from job.retry import Retry
from job.secret import Secret
from tests.clock import FakeClock
from tests.receivers import DRIP, HANG, SWITCH, Receiver, closed_port

BROKEN = UnavailableError("Numerai is away")
STOPPED = StoppedError("the run did not end within 7200 s", Exit.UNAVAILABLE)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def a_switch(url: str, clock: FakeClock) -> Switch:
    return Switch(
        Secret(url), transport=Transport(stall=1.0, answer=1.0), retry=Retry(clock, patience=6.0)
    )


@pytest.mark.parametrize(
    ("code", "error", "suffix"),
    [
        (Exit.OK, None, ""),
        (Exit.MODELS_FAILED, None, "/3"),
        (Exit.UNAVAILABLE, BROKEN, "/4"),
        (Exit.MISSED, None, "/5"),
        (Exit.NO_ROUND, None, "/6"),
        (Exit.USAGE, None, "/2"),
        (Exit.UNAVAILABLE, STOPPED, "/fail"),
        (Exit.TERMINATED, StoppedError("terminated", Exit.TERMINATED), "/fail"),
        (Exit.UNFORESEEN, ZeroDivisionError("a bug"), "/fail"),
    ],
)
def test_success_an_exit_code_or_a_run_that_was_cut_off(
    code: Exit, error: Exception | None, suffix: str
) -> None:
    assert last_ping(code, error, "text") == Ping(suffix, "text")


def test_the_text_goes_along(receiver: Receiver, clock: FakeClock) -> None:
    switch = a_switch(receiver.ping_url, clock)
    switch.deliver(START)
    switch.deliver(Ping("/3", "teal failed: ünforeseen"))
    switch.deliver(Ping("", "2 submitted"))
    assert receiver.pings == ["/start", "/3", ""]
    assert receiver.ping_texts == ["", "teal failed: ünforeseen", "2 submitted"]


def test_it_is_cut_to_what_is_kept(receiver: Receiver, clock: FakeClock) -> None:
    a_switch(receiver.ping_url, clock).deliver(Ping("", "x" * 200_000))
    assert len(receiver.ping_texts[0]) == MOST_BYTES


def test_a_query_stays_behind_the_path(receiver: Receiver, clock: FakeClock) -> None:
    a_switch(f"{receiver.ping_url}/?create=1", clock).deliver(START)
    assert receiver.pings == ["/start?create=1"]


@pytest.mark.parametrize("behaviour", [HANG, DRIP])
def test_a_receiver_without_an_answer_is_given_up(
    receiver: Receiver, clock: FakeClock, behaviour: str
) -> None:
    receiver.behaviour = behaviour
    with pytest.raises(UnavailableError, match="the ping was not taken") as caught:
        a_switch(receiver.ping_url, clock).deliver(START)
    assert SWITCH not in str(caught.value)
    assert 1 < len(receiver.pings) < 9


def test_one_that_is_down_is_tried_a_few_times(clock: FakeClock) -> None:
    with pytest.raises(UnavailableError, match="could not be reached") as caught:
        a_switch(f"http://127.0.0.1:{closed_port()}/{SWITCH}", clock).deliver(START)
    assert SWITCH not in str(caught.value)
    assert 1 < len(clock.sleeps) < 9
    assert sum(clock.sleeps) <= 6.0 + 1e-6


def test_one_that_comes_back_is_told(receiver: Receiver, clock: FakeClock) -> None:
    receiver.status = 503
    clock.when(clock.now(), lambda: setattr(receiver, "status", 200))
    a_switch(receiver.ping_url, clock).deliver(START)
    assert len(receiver.pings) == 2


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (404, b"not found", "is NUMERAI_PING_URL right?"),
        (200, b"OK (not found)", "OK (not found)"),
        (302, b"", "answered 302"),
    ],
)
def test_an_answer_that_takes_no_note_is_told_at_once(
    receiver: Receiver, clock: FakeClock, status: int, body: bytes, why: str
) -> None:
    receiver.status, receiver.body = status, body
    receiver.headers["Location"] = f"http://127.0.0.1:{receiver.port}/elsewhere"
    with pytest.raises(UnavailableError) as caught:
        a_switch(receiver.ping_url, clock).deliver(START)
    assert why in str(caught.value)
    assert len(receiver.calls) == 1
