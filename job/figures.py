"""What can be told of a valid prediction before it is uploaded: how much of the universe it covers,
how far it is from the last submission, how like a reference it is; and what of that holds it back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from job.churn import churn, rank_correlation
from job.data import RoundData, read_column
from job.errors import JobError, StoppedError
from job.model_spec import Guard, ModelSpec
from job.plan import Submit
from job.round_state import is_failed
from job.tournament import Slot, Tournament
from job.universe import dataset_name
from job.validate import RULES, read_predictions

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Figures:
    """Works out the figures of one round's predictions. Safe to use from many threads.

    Args:
        peer: the validated prediction of another model of the manifest, by its name.
        force: a figure that cannot be had is no reason not to upload.
    """

    numerai: Tournament
    data: RoundData
    peer: Callable[[str], Path]
    force: bool = False

    def of(self, step: Submit, csv: Path, *, coverage: float) -> dict[str, float]:
        """Coverage (Signals, Crypto), churn (Signals) and correlation (where a guard is set), each
        as far as it applies and can be had.

        Args:
            csv: the validated prediction.
            coverage: share of the universe that has a row in it.

        Raises `ModelError` or `UnavailableError` when a figure that may hold the upload back cannot
        be had.
        """
        model, found = step.model, dict[str, float]()
        if model.tournament != "classic":
            found["coverage"] = coverage
        if model.tournament == "signals":
            self._add(found, "churn", model, lambda: self._churn(step, csv))
        if model.guard is not None:
            guard = model.guard
            self._add(found, "correlation", model, lambda: self._correlation(model, guard, csv))
        return {name: round(value, 6) for name, value in found.items()}

    def _add(
        self,
        found: dict[str, float],
        name: str,
        model: ModelSpec,
        work_out: Callable[[], float | None],
    ) -> None:
        try:
            value = work_out()
        except StoppedError:
            raise
        except JobError as error:
            if not self.force and name in _deciding(model):
                error.what = f"its {name} cannot be worked out: {error.what}"
                error.hint = f"{error.hint or 'run again'}; --force uploads it all the same"
                raise
            log.warning("%s: its %s is not known: %s", model.name, name, error)
        else:
            found |= {} if value is None else {name: value}

    def _churn(self, step: Submit, csv: Path) -> float | None:
        """None for a first submission."""
        last = last_submission(step.slot, before=step.round.number)
        if last is None:
            return None
        rules = RULES[step.model.tournament]
        before = read_predictions(self.numerai.submitted_csv(last), rules)
        return churn(read_predictions(csv, rules), before)

    def _correlation(self, model: ModelSpec, guard: Guard, csv: Path) -> float:
        rules = RULES[model.tournament]
        name = guard_dataset(model)
        if name is None:
            reference = read_predictions(self.peer(guard.reference), rules)
        else:
            reference = read_column(self.data.get(name), guard.column, tournament=model.tournament)
        return rank_correlation(read_predictions(csv, rules), reference)


def guard_dataset(model: ModelSpec) -> str | None:
    """The dataset that the model's guard compares with, None for another model or no guard."""
    if model.guard is None or not model.guard.reference.endswith(".parquet"):
        return None
    return dataset_name(model.tournament, model.data_version, model.guard.reference)


def guard_peer(model: ModelSpec) -> str | None:
    """The model that the model's guard compares with, None for a dataset or no guard."""
    return None if model.guard is None or guard_dataset(model) else model.guard.reference


def may_hold_back(model: ModelSpec) -> bool:
    """Whether figures decide if the model is uploaded."""
    return bool(_deciding(model))


def _deciding(model: ModelSpec) -> set[str]:
    asked = {
        "coverage": model.limits.min_coverage,
        "churn": model.limits.max_churn,
        "correlation": model.guard,
    }
    return {name for name, limit in asked.items() if limit is not None}


def last_submission(slot: Slot, *, before: int) -> str | None:
    """The id of the model's newest submission of an earlier round, None where there is none."""
    latest = [slot.latest] if slot.latest is not None and not is_failed(slot.latest) else []
    rows = [row for row in (*slot.recent, *latest) if row.id and row.round_number is not None]
    earlier = [row for row in rows if (row.round_number or before) < before]
    newest = max(earlier, key=lambda row: row.round_number or 0, default=None)
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
    correlation = figures.get("correlation")
    if guard and correlation is not None and not guard.min_corr <= correlation <= guard.max_corr:
        yield (
            f"its rank correlation with {guard.reference} is {correlation:.3f}, "
            f"outside {guard.min_corr:g} to {guard.max_corr:g}"
        )
