"""A run in the container group, followed to its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from deploy.groups import Groups
from deploy.instance import Instance
from deploy.tail import Tail
from deploy.words import duration
from job.clock import Clock
from job.errors import JobError, StoppedError, UnavailableError

STARTING: Final = 15 * 60.0
"""Seconds in which a container is to have begun: its image has to be pulled first."""
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Followed:
    """A run that has ended: its container's last state, and the lines that were told of it."""

    instance: Instance
    lines: frozenset[str]


def follow(
    groups: Groups,
    *,
    before: Instance | None,
    longest: float,
    clock: Clock,
    poll: float,
    tell: Tell,
) -> Followed:
    """Waits for the end of a run and tells what it writes; the state decides, never the logs.

    Args:
        before: the state before the run was started; None: whatever run there is now is meant.
        longest: seconds that a run may take.

    Raises `UnavailableError` when it does not begin, or does not end, in time.
    """
    tail, said = Tail(), ""
    lines: set[str] = set()
    began: float | None = None
    since = clock.monotonic()
    while True:
        now = _look(groups)
        begun = before is None or now.is_later_than(before)
        if begun and now.started is not None and began is None:
            began = clock.monotonic()
        if begun and str(now) != said:
            said = str(now)
            tell(f"container {said}")
        if begun:
            lines.update(_show(groups, tail, tell, ended=now.over))
            if now.over:
                return Followed(now, frozenset(lines))
        _check_time(now, began, since, longest, clock)
        clock.sleep(poll)


def _look(groups: Groups) -> Instance:
    now = groups.instance()
    if now is None:
        raise UnavailableError(
            f"the container group {groups.name} is there no longer",
            hint="`python -m deploy apply` makes it",
        )
    return now


def _show(groups: Groups, tail: Tail, tell: Tell, *, ended: bool) -> list[str]:
    """Tells what is new in the logs, and gives it."""
    try:
        text = groups.glance_at_logs()
    except StoppedError:
        raise
    except JobError:  # Azure has none at times; that says nothing about the run
        return []
    new = tail.new_lines(text or "", ended=ended)
    for line in new:
        tell(f"  {line}".rstrip())
    return new


def _check_time(
    now: Instance, began: float | None, since: float, longest: float, clock: Clock
) -> None:
    moment = clock.monotonic()
    if began is None and moment - since > STARTING:
        raise UnavailableError(
            f"the container has not begun within {duration(STARTING)}",
            f"Azure says: {now}",
            *now.events[-3:],
            hint="`az container show` tells more; a region may have no room, an image be private",
        )
    if began is not None and moment - began > longest:
        raise UnavailableError(
            f"the run has not ended within {duration(longest)}",
            f"Azure says: {now}",
            hint="`python -m deploy logs` shows what it does; `az container stop` ends it",
        )
