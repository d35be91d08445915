"""Pure: an account's models -> the text of a manifest that names all of them, each with what
Numerai knows of it, and none enabled before its file is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from job.round_state import is_failed
from job.tournament import NUMBERS, AccountState, Slot, Submission

HEAD = """\
# The models of account {account}, as Numerai knew them on {now:%d %b %Y %H:%M} UTC.
#
# Each of them waits for its file: put the file under this folder, correct `artifact`, and set
# `enabled: true`. Or let the job do all of it, once it has tried the model:
#   python -m job add FILE --name NAME --replace
version: 1
models:"""
ARTIFACTS = {"classic": "{name}.pkl", "signals": "signals/{name}.py", "crypto": "crypto/{name}.py"}
"""What an entry names until its user knows better; names are unique within a tournament only."""
WORDS = {
    "on-time": "on time",
    "late": "late",
    "queued": "a late one of the round before, carried over",
}
PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
OTHER_THAN_TEXT = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
LONGEST = 120


def skeleton(state: AccountState, *, now: datetime) -> str:
    """A valid manifest of the account's models, by tournament, in Numerai's order.

    Models that take no uploads (hosted or archived) are commented out, unless nothing else would
    be left. Raises ValueError for an account without models.
    """
    if not state.slots:
        raise ValueError("an account without models has no manifest")
    usable = any(_takes_uploads(slot) for slot in state.slots)
    lines = HEAD.format(account=_one_line(state.username), now=now).splitlines()
    for tournament in NUMBERS:
        slots = [slot for slot in state.slots if slot.tournament == tournament]
        if slots:
            lines += ["", f"  # {tournament}: {_count(slots)}"]
        for slot in slots:
            lines += ["", *_entry(slot, commented=usable and not _takes_uploads(slot))]
    return "\n".join(lines) + "\n"


def _takes_uploads(slot: Slot) -> bool:
    return slot.hosted is None and not slot.archived


def _count(slots: Sequence[Slot]) -> str:
    return "1 model" if len(slots) == 1 else f"{len(slots)} models"


def _entry(slot: Slot, *, commented: bool) -> Iterator[str]:
    yield from (f"  # {fact}" for fact in _facts(slot))
    before = "  # " if commented else "  "
    artifact = ARTIFACTS[slot.tournament].format(name=slot.name)
    yield f"{before}- name: {_scalar(slot.name)}"
    if slot.tournament != "classic":
        yield f"{before}  tournament: {slot.tournament}"
    yield f"{before}  artifact: {_scalar(artifact)}"
    yield f"{before}  enabled: false    # true once the file is there"


def _facts(slot: Slot) -> Iterator[str]:
    """What is worth knowing of a model before its entry is enabled."""
    if slot.archived:
        yield "archived at Numerai; restore it there before it can be submitted"
    if slot.hosted is not None:
        yield (
            f"hosted: Numerai itself runs {_one_line(slot.hosted)} and refuses other uploads; "
            "remove that file there to submit it from here"
        )
    if slot.webhook is not None:
        yield "webhook: Numerai calls one when a round opens; does another pipeline submit it?"
    yield _history(slot)
    if slot.latest is not None and is_failed(slot.latest):
        yield f"Numerai refused its last file: {_one_line(slot.latest.error or 'no reason given')}"


def _history(slot: Slot) -> str:
    made = [row for row in slot.recent if row.id]
    if not made:
        return "no submission in the last rounds"
    return f"last submissions: {', '.join(map(_told, made))}"


def _told(row: Submission) -> str:
    when = f" ({row.timestamp:%a %d %b %H:%M})" if row.timestamp else ""
    status = row.status or "unknown"
    return f"round {row.round_number} {WORDS.get(status, _one_line(status))}{when}"


def _scalar(text: str) -> str:
    """The text as YAML reads it back, in quotes where it needs them."""
    plain = all(PLAIN.fullmatch(part) for part in re.split(r"[/.]", text))
    return text if plain and text.lower() not in OTHER_THAN_TEXT else json.dumps(text)


def _one_line(text: str) -> str:
    """What somebody wrote at Numerai, fit for a comment."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
