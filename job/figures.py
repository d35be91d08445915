"""What can be told of a valid prediction before it is uploaded: how much of the universe it covers,
how far it is from the last submission, how like a reference it is; and what of that holds it back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from job.churn import churn, rank_correlation
from job.clock import Clock
from job.data import RoundData, read_column
from job.errors import JobError, UnavailableError
from job.kept import Kept
from job.model_spec import ModelSpec
from job.plan import Submit
from job.tournament import Slot, Tournament
from job.universe import dataset_name
from job.validate import RULES, read_predictions

log = logging.getLogger(__name__)

ASIDE_SECONDS = 15.0
"""What a figure that holds nothing back may take of the time until the deadline."""

Peer = Callable[[str], Kept]
"""The prediction of another model of the manifest, by its name."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Works out the figures of one round's predictions. Safe to use from many threads."""

    numerai: Tournament
    data: RoundData
    clock: Clock

    def of(self, step: Submit, kept: Kept, peer: Peer) -> dict[str, float]:
        """Coverage (Signals, Crypto), churn (Signals) and correlation (where a guard is set).

        Raises `ModelError` or `UnavailableError` when a figure that may hold the upload back cannot
        be had.
        """
        found = {}
        if step.model.tournament != "classic":
            found["coverage"] = kept.rows / kept.universe
        if step.model.tournament == "signals":
            found |= self._churn(step, kept)
        if step.model.guard is not None:
            found["correlation"] = self._correlation(step.model, kept, peer)
        return {name: round(value, 6) for name, value in found.items()}

    def _churn(self, step: Submit, kept: Kept) -> dict[str, float]:
        """None for a first submission, or where nothing hangs on it and it cannot be had."""
        last = last_submission(step.slot, before=step.round.number)
        if last is None:
            return {}
        needed = step.model.limits.max_churn is not None
        soon = self.clock.monotonic() + ASIDE_SECONDS
        numerai = self.numerai if needed else self.numerai.giving_up_at(soon)
        rules = RULES[step.model.tournament]
        try:
            before = read_predictions(numerai.submitted_csv(last), rules)
            return {"churn": churn(read_predictions(kept.csv, rules), before)}
        except JobError as error:
            if needed:
                raise UnavailableError(
                    "its churn cannot be worked out, and max_churn is set",
                    *error.lines(),
                    hint="run again, or use --force",
                ) from error
            log.warning("%s: its churn is not known: %s", step.model.name, error)
            return {}

    def _correlation(self, model: ModelSpec, kept: Kept, peer: Peer) -> float:
        assert model.guard is not None
        rules, guard = RULES[model.tournament], model.guard
        if "." in guard.reference:
            name = dataset_name(model.tournament, model.data_version, guard.reference)
            reference = read_column(self.data.get(name), guard.column, tournament=model.tournament)
        else:
            reference = read_predictions(peer(guard.reference).csv, rules)
        return rank_correlation(read_predictions(kept.csv, rules), reference)


def last_submission(slot: Slot, *, before: int) -> str | None:
    """The id of the model's newest submission of an earlier round, None where there is none."""
    rows = [row for row in slot.recent if row.id and (row.round_number or before) < before]
    newest = max(rows, key=lambda row: row.round_number or 0, default=None)
    return None if newest is None else newest.id


def held_back(model: ModelSpec, figures: Mapping[str, float]) -> str | None:
    """Why the upload is to be held back, with the figures; None where nothing speaks against it."""
    reasons = list(_reasons(model, figures))
    if not reasons:
        return None
    return f"held back: {'; '.join(reasons)}; --force uploads it all the same"


def _reasons(model: ModelSpec, figures: Mapping[str, float]) -> Iterator[str]:
    limits, guard = model.limits, model.guard
    if limits.min_coverage is not None and not figures["coverage"] >= limits.min_coverage:
        share = f"it covers {figures['coverage']:.1%} of the universe"
        yield f"{share}, less than min_coverage {limits.min_coverage:.1%}"
    if limits.max_churn is not None and not figures.get("churn", 0.0) <= limits.max_churn:
        yield f"its churn is {figures['churn']:.3f}, more than max_churn {limits.max_churn:g}"
    if guard is not None and not guard.min_corr <= figures["correlation"] <= guard.max_corr:
        yield (
            f"its rank correlation with {guard.reference} is {figures['correlation']:.3f}, "
            f"outside {guard.min_corr:g} to {guard.max_corr:g}"
        )
