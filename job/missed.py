"""Pure: what Numerai says of rounds that are over -> rounds that were missed while no run looked.

A run that goes wrong says so. Where nothing ran at all there is nobody to say it, until the next
run finds that rounds have passed since the last one that is settled. What it asks Numerai anyway
holds the round before the current one; of those before that nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from job.handed_on import MISSED, UNSEEN, HandedOn, subject_of
from job.round_state import Lacking, freshness
from job.tournament import Round, Slot

EVER, FOREVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
"""Bounds of a round of which the times are not known."""


def with_missed(
    known: HandedOn, round_: Round, slots: Mapping[str, Slot], *, new: Collection[str]
) -> HandedOn:
    """What is known once a run has seen that `round_` is open.

    Args:
        known: what the records say.
        slots: the tournament's models that are enabled and that Numerai would take uploads for,
            by name; nothing is expected of others any more.
        new: those of them that this run submits: from this round on, something is expected of them.
    """
    before = known.settled.get(round_.tournament, {})
    settled: dict[str, int] = {}
    untold = list(known.untold)
    for name, slot in slots.items():
        last = before.get(name)
        if last is None:
            if name in new:
                settled[name] = round_.number - 1
            continue
        numbers = sorted({n for n in _numbers(slot) if last < n < round_.number})
        settled[name] = max([last, *numbers])
        subject = subject_of(round_.tournament, name)
        untold += [f"{subject} {fault}" for fault in _faults(slot, last, numbers)]
    return replace(
        known,
        untold=tuple(dict.fromkeys(untold)),
        settled={**known.settled, round_.tournament: settled},
    )


def is_missed(slot: Slot, number: int) -> bool:
    """Whether Numerai says that there is no submission made in this round, which is over; False
    also where it does not say.
    """
    rows = [row for row in slot.recent if row.round_number == number]
    if not rows or any(row.id is not None and row.timestamp is None for row in rows):
        return False
    state = freshness(slot, Round(slot.tournament, number, EVER, FOREVER, None))
    # A late submission stays queued in the round after it, of whose opening nothing is known here.
    return isinstance(state, Lacking) or state.submission.status == "queued"


def _numbers(slot: Slot) -> Iterator[int]:
    return (row.round_number for row in slot.recent if row.round_number is not None)


def _faults(slot: Slot, last: int, numbers: list[int]) -> Iterator[str]:
    missed = [number for number in numbers if is_missed(slot, number)]
    yield from (f"{number} {MISSED}" for number in missed)
    # A model that was submitted from elsewhere after them may have been so in these, too.
    if missed and missed[0] == numbers[0] > last + 1:
        first, end = last + 1, numbers[0] - 1
        yield f"{first if first == end else f'{first}-{end}'} {UNSEEN}"
