"""Tells of a run: wires who is told, when, and what.

    begin   a ping; and a message about each run before this one that died without a word
    end     a message if it is news; a ping with the exit code and the summary

Everything is sent beside the run, in threads of its own, and is waited for at the end only: for a
while, and never beyond the run's time-out or the ten seconds after a signal. What became of it is
in the log and in the record. Nothing here changes what the run comes to.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from job.clock import Clock
from job.errors import Exit, JobError, StoppedError
from job.handed_on import HandedOn
from job.manifest import Manifest
from job.notices.message import Message
from job.notices.outbox import Outbox, wait_for_all
from job.notices.ping import START, Ping, Switch, last_ping
from job.notices.predecessors import Before, Dead, Records, look_back, mark_reported
from job.notices.receivers import Receivers
from job.notices.standing import Standing, standing, was_left_alone
from job.notices.wording import dead_message, run_message
from job.record import RunRecord
from job.store import Store
from job.supervise import done_in_time
from job.tournament import Round

log = logging.getLogger(__name__)

OUTCOME = "outcome"
AT_MOST_SECONDS = 15.0
"""What the receivers get at the end of a run."""
STOP_SECONDS = 9.0
"""After a signal all is to be over within ten: the rest is for the record and the exit."""
LEAVING_SECONDS = 1.0
"""What is kept of a time-out for what comes after: the record, and the exit."""
SAVE_SECONDS = 30.0
"""What the record gets to be saved once more."""
AFTERWARDS_SECONDS = 3.0
"""What is kept for them of a time-out, and of the time after a signal, if the work hangs."""


class Reporter:
    """Tells of one run.

    Args:
        ends_within: seconds from now within which the run is to have ended.
    """

    def __init__(self, receivers: Receivers, clock: Clock, *, ends_within: float) -> None:
        self._notify_on = receivers.notify_on
        self._redact = receivers.redact
        self._clock = clock
        self._ends_at = clock.monotonic() + ends_within - min(LEAVING_SECONDS, ends_within / 20)
        self._before = Before()
        self._began = False
        self._told = False
        self._messages: Outbox[Message] | None = None
        if receivers.notify:
            from job.notices.services import open_services

            self._messages = Outbox(open_services(receivers.notify.reveal()))
        ping_url = receivers.ping_url
        self._pings = Outbox[Ping]([Switch(ping_url)] if ping_url else [])

    @property
    def afterwards(self) -> float:
        """Seconds that the run is to keep for what is told at its end."""
        return AFTERWARDS_SECONDS if self._messages or self._pings.has_receivers else 0.0

    def look_back(self, past: Records) -> HandedOn:
        """Reads what former runs left, to be called before this one has a record; gives what that
        is to hand on, whether or not there is anybody to tell.
        """
        with _harmless():
            self._before = look_back(past, for_the_dead=self._messages is not None)
        return self._before.handed_on

    def begin(self, runs: Store) -> None:
        """Tells that the run begins, and which ones before it died; `look_back` comes first."""
        self._began = True
        with _harmless():
            self._pings.put(START, about="start")
            for dead in self._before.dead:
                self._tell_of_dead(runs, dead)

    def end(
        self,
        code: Exit,
        error: Exception | None,
        *,
        record: RunRecord | None,
        manifest: Manifest | None = None,
        text: str = "",
    ) -> None:
        """Tells how the run has ended, waits for the receivers, and puts into the record what
        became of it.

        Args:
            record: None where there is none.
            manifest: None where it could not be read.
            text: the summary that goes with the ping.
        """
        self._told = True
        if self._messages is not None or self._pings.has_receivers:
            with _harmless():
                self._tell_end(code, error, record, manifest, text)

    def _tell_end(
        self,
        code: Exit,
        error: Exception | None,
        record: RunRecord | None,
        manifest: Manifest | None,
        text: str,
    ) -> None:
        now = self._clock.now()
        enabled = None if manifest is None else {m.key for m in manifest.models if m.enabled}
        found = [] if record is None else record.results
        results = [result for result in found if enabled is None or result.key in enabled]
        rounds = (record and record.rounds) or self._known_rounds()
        state = standing(
            self._before.handed_on.failing,
            code=code,
            past=() if record is None else record.handed_on.untold,
            results=results,
            enabled=enabled,
            rounds=rounds,
            now=now,
        )
        is_news = self._messages is not None and state.is_news(self._notify_on)
        if is_news and self._messages is not None:
            message = run_message(
                code=code,
                error=error,
                results=results,
                rounds=rounds,
                now=now,
                recovered=state.recovered,
                past=state.past,
            )
            self._messages.put(message.redacted(self._redact), about=OUTCOME)
        self._put_last_ping(code, error, text)
        notices = self._wait()
        if record is None:
            return
        sent = not is_news or any(one["about"] == OUTCOME and one["sent"] for one in notices)
        self._note(record, notices, self._handed_on(record, state, sent=sent))

    def _handed_on(self, record: RunRecord, state: Standing, *, sent: bool) -> HandedOn:
        """What the next run is to know. A run that tells nobody hands on what it found."""
        if self._messages is None:
            return record.handed_on
        handed_on = replace(record.handed_on, failing=tuple(state.told(sent=sent)))
        if not sent:
            return handed_on
        told = [result.key for result in record.results if not was_left_alone(result)]
        for tournament, round_ in record.rounds.items():
            models = [key for key in told if key[0] == tournament]
            handed_on = handed_on.settle(models, round_.number, new=False)
        return replace(handed_on, untold=())

    def _note(
        self, record: RunRecord, notices: list[dict[str, object]], handed_on: HandedOn
    ) -> None:
        looked_back = self._began and self._messages is not None
        if not done_in_time(
            lambda: record.note_notices(notices, handed_on, looked_back=looked_back),
            clock=self._clock,
            seconds=SAVE_SECONDS,
        ):
            log.warning("what became of the notices could not be put into the record in time")

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tells of an error that ends a run before its record could hold it."""
        try:
            yield
        except Exception as error:
            if not self._told:
                code = error.exit_code if isinstance(error, JobError) else Exit.UNFORESEEN
                self.end(code, error, record=None)
            raise

    def _tell_of_dead(self, runs: Store, dead: Dead) -> None:
        log.warning("the run of %s ended without a word", dead.began.isoformat("T", "seconds"))
        message = dead_message(
            began=dead.began,
            unfinished=dead.unfinished,
            rounds=dead.rounds,
            now=self._clock.now(),
        )
        if self._messages is not None:
            self._messages.put(
                message.redacted(self._redact),
                about=f"killed run {dead.record['run']}",
                then=partial(self._mark, runs, dead),
            )

    def _put_last_ping(self, code: Exit, error: Exception | None, text: str) -> None:
        lines = error.lines() if isinstance(error, JobError) else [str(error)] if error else []
        said = self._redact("\n".join([*lines, text]).strip())
        self._pings.put(last_ping(code, error, said), about="end")

    def _wait(self) -> list[dict[str, object]]:
        until = min(self._ends_at, self._clock.monotonic() + AT_MOST_SECONDS)
        if self._clock.stopping is not None:
            left = STOP_SECONDS - self._clock.stopping_for
            until = min(until, self._clock.monotonic() + left)
        outboxes: list[Outbox[Any]] = [self._pings]
        if self._messages is not None:
            outboxes.insert(0, self._messages)
        deliveries = wait_for_all(outboxes, until=until, clock=self._clock)
        return [delivery.as_dict() for delivery in deliveries]

    def _known_rounds(self) -> dict[str, Round]:
        """The rounds of the record before, as far as they are still open for on-time work."""
        now = self._clock.now()
        return {name: one for name, one in self._before.rounds.items() if one.is_on_time(now)}

    def _mark(self, runs: Store, dead: Dead) -> None:
        mark_reported(runs, dead, at=self._clock.now())


@contextmanager
def _harmless() -> Iterator[None]:
    """Lets nothing that goes wrong inside, a signal included, change what the run comes to."""
    try:
        yield
    except StoppedError:  # the clock knows it
        log.warning("stopped while telling of the run")
    except (Exception, KeyboardInterrupt):
        log.exception("unforeseen error while telling of the run")
