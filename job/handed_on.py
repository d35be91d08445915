"""Pure: what each run record hands on to the next one, so that one record is enough to know what
was before.

Faults are texts: `subject when what`, such as `classic/teal 1400 missed`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

Key = tuple[str, str]
"""A model's tournament and name."""
Settled = Mapping[str, Mapping[str, int]]

MISSED = "missed"
UNSEEN = "unseen"
"""Rounds before one that was missed, of which neither a record nor Numerai's answer tells."""


OF_THE_PAST = re.compile(rf"[^/ ]+/.+ \S+ ({MISSED}|{UNSEEN})")


def subject_of(tournament: str, model: str) -> str:
    """What a model is called in a fault."""
    return f"{tournament}/{model}"


def parts_of(fault: str) -> tuple[str, str, str]:
    """A fault's subject, when and what."""
    subject, when, what = fault.rsplit(" ", 2)
    return subject, when, what


@dataclass(frozen=True, slots=True)
class HandedOn:
    """What is handed on.

    Attributes:
        failing: faults that were told.
        untold: rounds found missed of which nobody has been told yet, as faults.
        settled: by tournament and model: the round up to which it is known what became of the
            model, and its user has heard of what was wrong or will, by `untold`. It has models that
            were at Numerai and enabled then; of others nothing is expected.
    """

    failing: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    settled: Settled = field(default_factory=dict)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """What a record hands on; what cannot be understood, or an older version did not write, is
        as if nothing had been before.
        """
        return cls(
            _texts(record.get("failing")),
            tuple(filter(OF_THE_PAST.fullmatch, _texts(record.get("untold")))),
            _settled(record.get("settled")),
        )

    def as_dict(self) -> dict[str, Any]:
        """As the record has it."""
        return {
            "failing": list(self.failing),
            "untold": list(self.untold),
            "settled": {name: dict(models) for name, models in self.settled.items() if models},
        }

    def only(self, models: Collection[Key]) -> Self:
        """Without what is expected of models other than these."""
        subjects = {subject_of(*key) for key in models}
        settled = {
            tournament: {name: last for name, last in found.items() if (tournament, name) in models}
            for tournament, found in self.settled.items()
        }
        untold = tuple(fault for fault in self.untold if parts_of(fault)[0] in subjects)
        return replace(self, untold=untold, settled=settled)

    def settle(self, models: Iterable[Key], number: int, *, new: bool) -> Self:
        """With these models settled up to a round.

        Args:
            new: whether those of which nothing was expected are expected from now on.
        """
        settled = {tournament: dict(found) for tournament, found in self.settled.items()}
        for tournament, name in models:
            found = settled.setdefault(tournament, {})
            if new or name in found:
                found[name] = max(number, found.get(name, number))
        return replace(self, settled=settled)


def _texts(given: object) -> tuple[str, ...]:
    return tuple(map(str, given)) if isinstance(given, list) else ()


def _settled(given: object) -> Settled:
    try:
        return {
            str(tournament): {str(name): int(last) for name, last in found.items()}
            for tournament, found in given.items()  # type: ignore[attr-defined]
        }
    except (AttributeError, TypeError, ValueError):
        return {}
