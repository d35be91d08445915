"""How rounds, models and submissions look in the API's answers."""

from __future__ import annotations

from dataclasses import dataclass

from job.sandbox.account import Model, stable_id
from job.sandbox.rounds import SIGNALS, Clock, Round, Rounds, stamp
from job.sandbox.submissions import Ledger, Row, Submission


@dataclass(frozen=True, slots=True)
class Answers:
    """Turns values into what the schema calls them."""

    now: Clock
    rounds: Rounds
    ledger: Ledger

    def round(self, round_: Round) -> dict[str, object]:
        """A `Round`."""
        status = round_.status(self.now())
        return {
            "id": stable_id("round", round_.tournament, round_.number),
            "tournament": round_.tournament,
            "number": round_.number,
            "target": "target",
            "isDaily": True,
            "openTime": stamp(round_.open_time),
            "closeTime": stamp(round_.close_time),
            "closeStakingTime": stamp(round_.close_staking_time),
            "resolvedGeneral": status == "RESOLVED",
            "resolvedStaking": status == "RESOLVED",
            "dataDatestamp": int(f"{round_.data_day:%Y%m%d}"),
        }

    def model(self, model: Model) -> dict[str, object]:
        """A `Model`; what is costly is built only when a query asks for it."""

        def history(_info: object, newest: int | None = None) -> list[object]:
            return [self.submission(made) for made in self.ledger.of(model)[:newest]]

        def rows(_info: object, latestNRounds: int | None = None) -> list[object]:  # noqa: N803
            return [self._row(row) for row in self.ledger.rows(model, latestNRounds)]

        def latest(info: object) -> object:
            return next(iter(history(info, 1)), None)

        signals = model.tournament == SIGNALS
        return {
            "id": model.id,
            "name": model.name,
            "username": model.username,
            "tournament": model.tournament,
            "archived": model.archived,
            "hidden": False,
            "computeEnabled": model.webhook is not None,
            "submissionWebhook": model.webhook,
            "computePickleUpload": _pickle(model) if model.hosted else None,
            "latestSubmissions": rows,
            "latestSubmission": lambda info: [] if signals else history(info, 1),
            "latestSubmissionV2": None if signals else latest,
            "latestSignalsSubmissionV2": latest if signals else None,
            "submissions": [] if signals else history,
            "signalsSubmissions": history if signals else [],
            "v2Stake": None,
            "signalsStake": None,
        }

    def _row(self, row: Row) -> dict[str, object]:
        made = row.submission
        return {
            "id": made and made.id,
            "filename": made and made.filename,
            "roundNumber": row.round.number,
            "roundOpen": row.round.open_time.date().isoformat(),
            "roundClose": row.round.close_time.date().isoformat(),
            "roundCloseStaking": row.round.close_staking_time.date().isoformat(),
            "status": row.status,
            "timestamp": made and stamp(made.timestamp),
        }

    def submission(self, made: Submission) -> dict[str, object]:
        """A `V2Submission`."""
        round_ = self.rounds.get(made.tournament, made.round)
        return {
            "id": made.id,
            "filename": made.filename,
            "insertedAt": stamp(made.timestamp),
            "selected": True,
            "status": made.status,
            "errorInfo": made.error_info,
            "submittedCount": made.rows,
            "filteredCount": 0,
            "triggerId": made.trigger_id,
            "dataDatestamp": made.data_datestamp,
            "firstEffectiveDate": round_ and round_.open_time.date().isoformat(),
            "round": round_ and self.round(round_),
        }


def _pickle(model: Model) -> dict[str, object]:
    return {
        "id": stable_id("pickle", model.id),
        "filename": f"{model.name}.pkl",
        "dataVersion": "v5.3",
        "validationStatus": "validated",
        "triggerStatus": "enabled",
    }
