"""Pure: what is wrong after a run, and whether that is news.

What is wrong is a list of faults. It is carried on from record to record, so that one record is
enough to tell what its user has been told already.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from job.errors import Exit
from job.handed_on import MISSED, subject_of
from job.record import WELL, ModelResult, Outcome
from job.tournament import Round

FAILING = frozenset({Outcome.FAILED, Outcome.UNPROVEN, Outcome.HELD_BACK, Outcome.MISSED})
THE_RUN = "run"
NOT_DONE = "not done: "


@dataclass(frozen=True, slots=True)
class Standing:
    """Faults before and after a run, each as `subject when what`.

    Attributes:
        before: those that were told already.
        met: those that this run met with.
        after: those that are there now, others than this run's included.
        past: rounds that were missed before this run, and of which nobody has heard. Nothing can be
            done about them: once told they are forgotten, and nobody hears that they are over.
    """

    before: frozenset[str]
    met: frozenset[str]
    after: frozenset[str]
    past: tuple[str, ...] = ()

    @property
    def recovered(self) -> bool:
        """Whether all that was wrong is over."""
        return bool(self.before) and not self.after

    def is_news(self, notify_on: str) -> bool:
        """Whether a message is to be sent, as `NUMERAI_NOTIFY_ON` has it.

        A round that was missed is told once, however many runs find it so: nothing can be done
        about it any more.
        """
        if notify_on == "always" or self.past:
            return True
        if notify_on == "change":
            return bool(self.after - self.before) or self.recovered
        return any(not fault.endswith(MISSED) or fault not in self.before for fault in self.met)

    def told(self, *, sent: bool) -> list[str]:
        """What the record is to say: what nobody could be told is told by the next run."""
        return sorted(self.after if sent else self.before)


def standing(
    before: Iterable[str],
    *,
    code: Exit,
    past: Iterable[str] = (),
    results: Sequence[ModelResult] = (),
    enabled: Collection[tuple[str, str]] | None = None,
    rounds: Mapping[str, Round] | None = None,
    now: datetime,
) -> Standing:
    """What is wrong after a run that ended with `code`.

    Args:
        before: faults that were told already.
        past: rounds that were missed before, and of which nobody has heard.
        enabled: tournament and name of the models that still matter; None where the manifest could
            not be read.
    """
    former = frozenset(before)
    met = frozenset((*_of_models(results, rounds or {}), *_of_the_run(code, results, now)))
    touched = {subject_of(r.tournament, r.model) for r in results if r.outcome in WELL | FAILING}
    known = None if enabled is None else {subject_of(*key) for key in enabled}
    kept = {
        fault
        for fault in former
        if (subject := fault.rsplit(" ", 2)[0]) != THE_RUN
        and subject not in touched
        and (known is None or subject in known)
    }
    return Standing(former, met, met | kept, tuple(past))


def was_left_alone(result: ModelResult) -> bool:
    """Whether a run was not about this model, so that what it tells says nothing of it."""
    return result.outcome is Outcome.SKIPPED and not result.reason.startswith(NOT_DONE)


def _of_models(results: Iterable[ModelResult], rounds: Mapping[str, Round]) -> Iterator[str]:
    for result in results:
        if result.outcome in FAILING:
            round_ = rounds.get(result.tournament)
            number = "-" if round_ is None else str(round_.number)
            what = MISSED if result.outcome is Outcome.MISSED else "failing"
            yield f"{subject_of(result.tournament, result.model)} {number} {what}"


def _of_the_run(code: Exit, results: Iterable[ModelResult], now: datetime) -> Iterator[str]:
    """A code that no model accounts for; another day's is another fault."""
    if code is not Exit.OK and code not in {r.exit_code for r in results if r.outcome in FAILING}:
        yield f"{THE_RUN} {now:%Y-%m-%d} {code.name.lower()}"
