"""Receivers that take, refuse and hang; a sender that waits for a while and no longer."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from job.clock import Clock
from job.errors import Exit, StoppedError, UnavailableError
from job.notices.outbox import NOT_IN_TIME, Delivery, Outbox, wait_for_all

LONG = 30.0


def wait(outbox: Outbox[str], seconds: float) -> list[Delivery]:
    clock = Clock()
    return wait_for_all([outbox], until=clock.monotonic() + seconds, clock=clock)


class Channel:
    """Does with each item what `act` does."""

    def __init__(self, shown: str, act: Callable[[str], object] = lambda _: None) -> None:
        self.shown = shown
        self.act = act
        self.taken: list[str] = []

    def deliver(self, item: str) -> None:
        self.act(item)
        self.taken.append(item)


@pytest.fixture
def hanging() -> Iterator[Channel]:
    over = threading.Event()
    yield Channel("hanging", lambda _: over.wait(LONG))
    over.set()


def fails(error: Exception) -> Callable[[str], None]:
    def act(_: str) -> None:
        raise error

    return act


def test_everything_is_delivered_to_everyone_in_order() -> None:
    channels = [Channel("a"), Channel("b")]
    outbox = Outbox[str](channels)
    done: list[str] = []
    for item in ("1", "2", "3"):
        outbox.put(item, about=f"item {item}", then=lambda item=item: done.append(item))
    deliveries = wait(outbox, LONG)
    assert [channel.taken for channel in channels] == [["1", "2", "3"]] * 2
    assert all(one.sent and not one.error for one in deliveries)
    assert [(one.to, one.about) for one in deliveries[:2]] == [("a", "item 1"), ("b", "item 1")]
    assert sorted(done) == ["1", "1", "2", "2", "3", "3"]


def test_one_that_hangs_holds_up_neither_the_others_nor_the_sender(hanging: Channel) -> None:
    other = Channel("other")
    outbox = Outbox[str]([hanging, other])
    outbox.put("news", about="outcome")
    assert [(one.to, one.sent, one.error) for one in wait(outbox, 0.3)] == [
        ("hanging", False, NOT_IN_TIME),
        ("other", True, ""),
    ]


def test_no_time_is_no_wait(hanging: Channel) -> None:
    outbox = Outbox[str]([hanging])
    outbox.put("news", about="outcome")
    assert [one.error for one in wait(outbox, -5.0)] == [NOT_IN_TIME]


def test_a_signal_ends_the_wait_and_nothing_else(hanging: Channel) -> None:
    outbox = Outbox[str]([hanging])
    outbox.put("news", about="outcome")

    def stop(*_: object) -> None:
        raise StoppedError("terminated by a signal", Exit.TERMINATED)

    before = signal.signal(signal.SIGTERM, stop)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    try:
        assert [one.error for one in wait(outbox, LONG)] == [NOT_IN_TIME]
    finally:
        timer.join()
        signal.signal(signal.SIGTERM, before)


def test_what_was_not_taken_says_why_and_what_is_foreign_is_not_quoted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ours = Channel("ours", fails(UnavailableError("the message was not taken", "error=500")))
    foreign = Channel("foreign", fails(ValueError("json://drake:pa55@host")))
    outbox = Outbox[str]([ours, foreign])
    outbox.put("news", about="outcome")
    assert [(one.sent, one.error) for one in wait(outbox, LONG)] == [
        (False, "the message was not taken; error=500"),
        (False, "ValueError"),
    ]
    assert "ours (outcome): the message was not taken; error=500" in caplog.text
    assert "pa55" not in caplog.text


def test_what_goes_wrong_after_a_delivery_leaves_it_delivered() -> None:
    outbox = Outbox[str]([Channel("a")])
    outbox.put("news", about="killed run", then=lambda: fails(UnavailableError("disk"))(""))
    outbox.put("more", about="outcome")
    assert all(one.sent for one in wait(outbox, LONG))


def test_nothing_starts_before_something_is_sent() -> None:
    before = threading.active_count()
    assert wait(Outbox[str]([Channel("a")]), LONG) == []
    assert threading.active_count() == before
