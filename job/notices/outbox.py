"""Sends in threads of its own, in order for each receiver, so that one that hangs holds up neither
the others nor the run.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, Protocol, TypeVar

from job.clock import Clock
from job.errors import JobError, StoppedError
from job.logs import redacted

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)
log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 0.2
NOT_IN_TIME = "no answer in the time that there was"


class Channel(Protocol[T_contra]):
    """One receiver. `shown` is what records may say of it."""

    @property
    def shown(self) -> str:
        """Its name, without anything secret."""
        ...

    def deliver(self, item: T_contra) -> None:
        """Delivers; raises `JobError` when it could not."""
        ...


@dataclass(slots=True)
class Delivery:
    """What became of one thing for one receiver; `error` is empty where it was taken."""

    to: str
    about: str
    sent: bool = False
    error: str = NOT_IN_TIME

    def as_dict(self) -> dict[str, object]:
        """As the run record has it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Order(Generic[T]):
    item: T
    delivery: Delivery
    then: Callable[[], None]


class Outbox(Generic[T]):
    """What is on its way to some receivers."""

    def __init__(self, channels: Sequence[Channel[T]]) -> None:
        self._changed = threading.Condition()
        self._open = 0
        self._deliveries: list[Delivery] = []
        self._channels = channels
        self._queues: list[queue.SimpleQueue[_Order[T]]] = []

    @property
    def has_receivers(self) -> bool:
        """Whether anybody gets what is put in."""
        return bool(self._channels)

    def _start(self, channel: Channel[T]) -> queue.SimpleQueue[_Order[T]]:
        orders: queue.SimpleQueue[_Order[T]] = queue.SimpleQueue()
        threading.Thread(
            target=self._serve, args=(channel, orders), name=f"to {channel.shown}", daemon=True
        ).start()
        return orders

    def put(self, item: T, *, about: str, then: Callable[[], None] = lambda: None) -> None:
        """Sends to every receiver.

        Args:
            about: what it is about, for the record.
            then: called, in another thread, each time one has taken it.
        """
        if not self._queues:
            self._queues = [self._start(channel) for channel in self._channels]
        for channel, orders in zip(self._channels, self._queues, strict=True):
            order = _Order(item, Delivery(channel.shown, about), then)
            with self._changed:
                self._open += 1
                self._deliveries.append(order.delivery)
            orders.put(order)

    def wait(self, seconds: float) -> bool:
        """Waits until all is delivered or the time is over; gives whether all is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, timeout=max(0.0, seconds))

    def deliveries(self) -> list[Delivery]:
        """What has become of everything so far."""
        with self._changed:
            return [Delivery(one.to, one.about, one.sent, one.error) for one in self._deliveries]

    def _serve(self, channel: Channel[T], orders: queue.SimpleQueue[_Order[T]]) -> None:
        while True:
            order = orders.get()
            error = _attempt(channel, order)
            with self._changed:
                order.delivery.sent, order.delivery.error = not error, error
                self._open -= 1
                self._changed.notify_all()


def wait_for_all(outboxes: Sequence[Outbox[Any]], *, until: float, clock: Clock) -> list[Delivery]:
    """Waits until all is delivered, a monotonic moment has come, or an order to stop; gives what
    has become of everything.
    """
    was_stopping = clock.stopping is not None
    left = max(0.0, until - clock.monotonic())
    try:
        for outbox in outboxes:
            while not outbox.wait(pause := min(HEARTBEAT_SECONDS, left)) and left > 0:
                left -= pause
                if not was_stopping:
                    clock.check()
    except (StoppedError, KeyboardInterrupt):
        log.warning("stopped while messages were being sent")
    found = [delivery for outbox in outboxes for delivery in outbox.deliveries()]
    for one in found:
        if one.error == NOT_IN_TIME:
            log.warning("%s (%s): %s", one.to, one.about, one.error)
    return found


def _attempt(channel: Channel[T], order: _Order[T]) -> str:
    """Delivers; gives why it could not."""
    try:
        channel.deliver(order.item)
    except Exception as error:  # noqa: BLE001 - nothing here may touch the run
        # The text of a foreign error may quote a URL.
        why = redacted(str(error)) if isinstance(error, JobError) else type(error).__name__
        log.warning("%s (%s): %s", channel.shown, order.delivery.about, why)
        return why
    log.info("%s (%s): sent", channel.shown, order.delivery.about)
    try:
        order.then()
    except Exception as error:  # noqa: BLE001 - it was sent all the same
        log.warning("%s (%s): %s", channel.shown, order.delivery.about, error)
    return ""
