"""Pure: what a run is called, so that the later one has the later name, whatever the clocks say.

What runs have left is believed from the newest record. A run with nothing to do is over within the
second, and the clock of the machine before may have been ahead of this one's.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Final

TIME: Final = "%Y%m%dT%H%M%S.%f"


def run_name(started: datetime, *, after: str = "") -> str:
    """When it began, to the microsecond, and an id.

    Args:
        after: the name of the newest run, or of its record; empty where there is none.
    """
    at = max(started.astimezone(UTC), _just_behind(after))
    return f"{at:{TIME}}-{uuid.uuid4().hex[:8]}"


def _just_behind(name: str) -> datetime:
    try:
        newest = datetime.strptime(name.partition("-")[0], TIME).replace(tzinfo=UTC)
        return newest + timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)
