"""`status`: what Numerai knows of each model of the manifest in the round that is open."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from job.clock import Clock
from job.commands.prepare import prepare
from job.connect import connect
from job.errors import Exit, ModelError
from job.manifest import resolve_inside
from job.model_spec import ModelSpec
from job.output import say
from job.plan import slot_fault
from job.round_state import Fresh, current_round, freshness
from job.tournament import AccountState, Round, Slot, Submission


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One row: what is known of a model. Times are ISO 8601, in UTC."""

    model: str
    tournament: str
    round: int | None
    submitted: bool
    when: str | None
    punctuality: str | None
    artifact_present: bool
    note: str


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Prints the table, or one line of JSON."""
    settings, manifest = prepare(environ)
    clock = Clock()
    tournaments = sorted({model.tournament for model in manifest.models})
    state = connect(settings, clock).account_state(tournaments)
    now = clock.now()
    found = {name: current_round(rounds, now) for name, rounds in state.rounds.items()}
    rows = [
        _status(model, state, found.get(model.tournament), settings.models_dir)
        for model in manifest.models
    ]
    show = _as_json if args.json else _as_table
    say(show(rows, {n: r for n, r in found.items() if r is not None}, now))
    return Exit.OK


def _status(
    model: ModelSpec, state: AccountState, round_: Round | None, models_dir: Path
) -> ModelStatus:
    slot = state.slot(tournament=model.tournament, name=model.name)
    fresh, note = _freshness(model, slot, round_, state.username)
    return ModelStatus(
        model=model.name,
        tournament=model.tournament,
        round=None if round_ is None else round_.number,
        submitted=fresh is not None,
        when=None if fresh is None or fresh.timestamp is None else fresh.timestamp.isoformat(),
        punctuality=None if fresh is None else fresh.status,
        artifact_present=_is_present(model, models_dir),
        note=note,
    )


def _freshness(
    model: ModelSpec, slot: Slot | None, round_: Round | None, username: str
) -> tuple[Submission | None, str]:
    fault = slot_fault(model, slot, username)
    if fault is not None or slot is None:
        return None, fault.reason if fault else ""
    if round_ is None:
        return None, "no round is open"
    state = freshness(slot, round_)
    note = "" if model.enabled else "disabled in the manifest"
    if isinstance(state, Fresh):
        return state.submission, note
    return None, note or state.reason


def _is_present(model: ModelSpec, models_dir: Path) -> bool:
    try:
        return resolve_inside(models_dir, model.artifact).is_file()
    except (ModelError, OSError):
        return False


def _as_json(rows: list[ModelStatus], rounds: Mapping[str, Round], now: datetime) -> str:
    times = {
        name: asdict(round_) | {"phase": _phase(round_, now)} for name, round_ in rounds.items()
    }
    return json.dumps({"rounds": times, "models": [asdict(row) for row in rows]}, default=_iso)


def _iso(value: datetime) -> str:
    return value.isoformat()


def _as_table(rows: list[ModelStatus], rounds: Mapping[str, Round], now: datetime) -> str:
    from tabulate import tabulate

    lines = [_round_line(round_, now) for round_ in rounds.values()] or ["no round is open"]
    cells = [
        (
            row.model,
            row.tournament,
            row.round,
            "yes" if row.submitted else "no",
            (row.when or "")[:16].replace("T", " "),
            row.punctuality or "",
            "yes" if row.artifact_present else "no",
            row.note,
        )
        for row in rows
    ]
    headers = ("model", "tournament", "round", "submitted", "when (UTC)", "", "artifact", "note")
    return "\n".join([*lines, "", tabulate(cells, headers=headers)])


def _round_line(round_: Round, now: datetime) -> str:
    close = f", closes {round_.close_time:%a %d %b %H:%M}" if round_.close_time else ""
    return (
        f"{round_.tournament} round {round_.number} ({_phase(round_, now)}): "
        f"opened {round_.open_time:%a %d %b %H:%M}, "
        f"on time until {round_.close_staking_time:%a %d %b %H:%M}{close} UTC"
    )


def _phase(round_: Round, now: datetime) -> str:
    return "on time" if round_.is_on_time(now) else "late"
