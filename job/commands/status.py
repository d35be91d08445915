"""`status`: what Numerai knows of each model of the manifest in the round that is open."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial

from job.clock import Clock
from job.commands.prepare import prepare
from job.connect import connect
from job.errors import Exit, ModelError
from job.model_spec import ModelSpec
from job.models_root import ModelsRoot, Stored
from job.output import say
from job.plan import slot_fault
from job.round_state import Fresh, current_round, freshness
from job.sidecar import TrialNote
from job.tournament import AccountState, Round, Slot, Submission
from job.workers.ends import size

AT_ONCE = 8
"""Models asked after in the models root at the same time."""
HEADERS = (
    *("model", "tournament", "round", "submitted", "when (UTC)", "", "artifact"),
    *("format", "runtime", "size", "last trial (UTC)", "note"),
)


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One row: what is known of a model. Times are ISO 8601, in UTC; `size` is in bytes, that of a
    folder's files together; `trial` is the last one that `add` made of the artifact.
    """

    model: str
    tournament: str
    round: int | None
    submitted: bool
    when: str | None
    punctuality: str | None
    artifact_present: bool
    format: str
    runtime: str | None
    size: int | None
    trial: TrialNote | None
    note: str


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Prints the table, or one line of JSON."""
    clock = Clock()
    settings, models, manifest = prepare(environ, clock)
    tournaments = sorted({model.tournament for model in manifest.models})
    state = connect(settings, clock).account_state(tournaments)
    now = clock.now()
    found = {name: current_round(rounds, now) for name, rounds in state.rounds.items()}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        stored = pool.map(partial(_stored, models), manifest.models)
        rows = [
            _status(model, state, found.get(model.tournament), its)
            for model, its in zip(manifest.models, stored, strict=True)
        ]
    show = _as_json if args.json else _as_table
    say(show(rows, {n: r for n, r in found.items() if r is not None}, now))
    return Exit.OK


def _stored(models: ModelsRoot, model: ModelSpec) -> Stored | None:
    try:
        return models.stored(model)
    except ModelError:
        return None


def _status(
    model: ModelSpec, state: AccountState, round_: Round | None, stored: Stored | None
) -> ModelStatus:
    slot = state.slot(tournament=model.tournament, name=model.name)
    fresh, note = _freshness(model, slot, round_, state.username)
    sidecar = None if stored is None else stored.sidecar
    return ModelStatus(
        model=model.name,
        tournament=model.tournament,
        round=None if round_ is None else round_.number,
        submitted=fresh is not None,
        when=None if fresh is None or fresh.timestamp is None else fresh.timestamp.isoformat(),
        punctuality=None if fresh is None else fresh.status,
        artifact_present=stored is not None,
        format=model.format,
        runtime=model.runtime,
        size=None if stored is None else stored.size,
        trial=None if sidecar is None else sidecar.tried_in(model.runtime).trial,
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
            _minute(row.when),
            row.punctuality or "",
            "yes" if row.artifact_present else "no",
            row.format,
            row.runtime or "",
            "" if row.size is None else _size_text(row.size),
            "" if row.trial is None else _trial_text(row.trial),
            row.note,
        )
        for row in rows
    ]
    return "\n".join([*lines, "", tabulate(cells, headers=HEADERS)])


def _trial_text(trial: TrialNote) -> str:
    """`2026-11-03 12:10, 1.4 s, 210 MiB`."""
    took = f"{sum(trial.seconds.values()):.1f} s"
    return ", ".join(
        [_minute(trial.at), took, *([_size_text(trial.memory)] if trial.memory else [])]
    )


def _size_text(count: int) -> str:
    """A model may be of a few bytes, and of gigabytes."""
    return size(count) if count >= 100 << 10 else f"{count / 1024:.1f} KiB"


def _minute(moment: str | None) -> str:
    return (moment or "")[:16].replace("T", " ")


def _round_line(round_: Round, now: datetime) -> str:
    close = f", closes {round_.close_time:%a %d %b %H:%M}" if round_.close_time else ""
    return (
        f"{round_.tournament} round {round_.number} ({_phase(round_, now)}): "
        f"opened {round_.open_time:%a %d %b %H:%M}, "
        f"on time until {round_.close_staking_time:%a %d %b %H:%M}{close} UTC"
    )


def _phase(round_: Round, now: datetime) -> str:
    return "on time" if round_.is_on_time(now) else "late"
