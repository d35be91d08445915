"""The container group as Azure shows it, and what of that says how a run goes.

The state decides, never the logs: they may be late, cut or not to be had.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

OVER: Final = frozenset({"terminated", "succeeded", "failed", "stopped"})
SLACK: Final = timedelta(minutes=2)
"""By how much the container's clock and the platform's may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A container group with its one container.

    Attributes:
        group: its state, such as `Running` or `Succeeded`; empty where Azure says none yet.
        container: `Waiting`, `Running` or `Terminated`; empty likewise.
        detail: a word on that, such as `Completed` or `CrashLoopBackOff`.
        exit_code: of the container, once it has ended.
        started: when the container's process began; None before.
        events: what Azure has noted of it, the newest last.
    """

    group: str
    container: str
    detail: str = ""
    exit_code: int | None = None
    started: datetime | None = None
    finished: datetime | None = None
    restarts: int = 0
    image: str = ""
    events: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        """Whether no run is under way."""
        return self.container.lower() in OVER or (not self.container and self.group.lower() in OVER)

    def is_later_than(self, other: Instance) -> bool:
        """Whether another run has begun since."""
        if not self.over:
            return True
        return (self.started, self.finished) != (other.started, other.finished)

    def may_have_begun(self, moment: datetime) -> bool:
        """Whether a run that began then, by its own clock, can be the container's last one."""
        return self.started is None or moment >= self.started - SLACK

    def __str__(self) -> str:
        ended = "" if self.exit_code is None else f", exit code {self.exit_code}"
        detail = f" ({self.detail})" if self.detail else ""
        restarts = f", restarted {self.restarts} times" if self.restarts else ""
        return f"{self.container or self.group or 'unknown'}{detail}{ended}{restarts}"
