"""What a trial has shown, in words and as the note that stays beside the artifact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from job.churn import rank_correlation
from job.data import read_column
from job.errors import JobError, ModelError
from job.features import resolve_features
from job.figures import guard_dataset, held_back
from job.findings import Finding, ok, warning
from job.model_spec import FeatureSet, Limits, ModelSpec
from job.sidecar import Sidecar, TrialNote, Tried, freeze, how_to_freeze
from job.trial.bench import Trial
from job.trial.files import MADE_UP
from job.trial.names import FEATURES
from job.validate import RULES, Checked, read_predictions
from job.workers.ends import size

SHOWN_LIBRARIES = {
    "lightgbm": ("lightgbm",),
    "xgboost": ("xgboost",),
    "catboost": ("catboost",),
    "onnx": ("onnxruntime",),
    "keras": ("keras",),
}
USUAL_LIBRARIES = ("numpy", "pandas")


def told(trial: Trial, checked: Checked) -> list[str]:
    """The figures in lines of text, and what they cannot say."""
    data = "made-up live data" if trial.files.data == MADE_UP else data_of(trial)
    spread = f"mean {checked.mean:.3f}, std {checked.std:.3f}"
    span = f"{checked.min:.3f} to {checked.max:.3f}"
    return [
        f"predicted {data}: {checked.rows:,} rows, {spread}, {span}",
        f"took {taken(trial)}, with {versions(trial)}",
        *(f"{_heading(note)}: {note.text}" for note in notes(trial, checked)),
    ]


def data_of(trial: Trial) -> str:
    """`v5.3/live.parquet of round 1400`."""
    of_round = f" of round {trial.local.round}" if trial.local.round else ""
    return f"{trial.files.data}{of_round}"


def taken(trial: Trial) -> str:
    """Seconds and memory: `1.4 s (load 0.6, predict 0.8), 210 MiB`."""
    parts = [f"{name} {seconds:.1f}" for name, seconds in trial.seconds.items() if seconds >= 0.05]
    memory = f", {size(trial.memory)}" if trial.memory else ""
    shown = f" ({', '.join(parts)})" if parts else ""
    return f"{sum(trial.seconds.values()):.2f} s{shown}{memory}"


def versions(trial: Trial) -> str:
    """Python's version, and those of the libraries that the model's format speaks of."""
    names = ("Python", *SHOWN_LIBRARIES.get(trial.model.format, USUAL_LIBRARIES))
    return ", ".join(f"{name} {trial.versions[name]}" for name in names if name in trial.versions)


def notes(trial: Trial, checked: Checked) -> Iterator[Finding]:
    """What the user should know before the first round; warnings are what a round would stop at."""
    model = trial.model
    yield from map(ok, trial.files.notes)
    if trial.files.data == MADE_UP:
        if model.format == "predictions":
            yield ok("its ids were not compared with live ones: no live data are here")
        if model.limits != Limits() or model.guard is not None:
            yield ok("its limits and its guard were not tried: no live data are here")
    else:
        yield from _figures(trial, checked)
    yield from _features(trial)


def _heading(note: Finding) -> str:
    return "note" if note.kind == "ok" else note.kind


def _features(trial: Trial) -> Iterator[Finding]:
    """Whether the sets of features are known, and still what they were when they were frozen."""
    model = trial.model
    for asked, names in (
        (model.features, trial.features),
        (model.neutralizers, trial.neutralizers),
    ):
        if not isinstance(asked, FeatureSet):
            continue
        if names is None:
            why = "no features.json is here, so which features"
            yield ok(f"{why} {asked.name!r} has is not frozen; {how_to_freeze(model)}")
        elif list(names) != _names_now(asked, list(names), trial):
            yield warning(
                f"{asked.name!r} had other features when the model was added than it has now; "
                "those of then are used"
            )


def _names_now(asked: FeatureSet, then: list[str], trial: Trial) -> list[str] | None:
    """What a set means today: as `then`, where nothing here tells; None if there is no such set."""
    if trial.local.find(FEATURES) is None:
        return then
    try:
        return resolve_features(asked, trial.model, trial.local, feature_file=Path)
    except ModelError:
        return None


def _figures(trial: Trial, checked: Checked) -> Iterator[Finding]:
    """What the limits and the guard look at, as far as it can be told here."""
    model, found = trial.model, dict[str, float]()
    if model.tournament != "classic":
        found["coverage"] = checked.coverage
        yield ok(f"it covers {found['coverage']:.1%} of the universe")
    if model.guard is not None:
        reference = model.guard.reference
        try:
            found["correlation"] = _correlation(trial)
        except JobError as error:
            yield ok(f"its rank correlation with {reference} is not known here: {error.what}")
        else:
            yield ok(f"its rank correlation with {reference} is {found['correlation']:.3f}")
    if reason := held_back(_as_far_as_known(model, found), found):
        yield warning(f"a run would have it {reason}")


def _correlation(trial: Trial) -> float:
    guard, model = trial.model.guard, trial.model
    assert guard is not None
    name = guard_dataset(model)
    if name is None:
        raise JobError("it is another model's")
    reference = read_column(trial.local.get(name), guard.column, tournament=model.tournament)
    return rank_correlation(read_predictions(trial.csv, RULES[model.tournament]), reference)


def _as_far_as_known(model: ModelSpec, found: dict[str, float]) -> ModelSpec:
    limits = replace(model.limits, max_churn=None)
    if "coverage" not in found:
        limits = replace(limits, min_coverage=None)
    return replace(model, limits=limits, guard=model.guard if "correlation" in found else None)


def sidecar_of(trial: Trial, checked: Checked, *, sha256: str, now: datetime) -> Sidecar:
    """The note: versions, features as they are now, and the trial itself."""
    model = trial.model
    libraries = {name: text for name, text in trial.versions.items() if name != "Python"}
    note = TrialNote(
        at=now.isoformat(timespec="seconds"),
        rows=checked.rows,
        seconds={name: round(value, 4) for name, value in trial.seconds.items()},
        memory=trial.memory,
        data=trial.files.data,
        runtime=model.runtime,
    )
    frozen = {
        asked: freeze(asked, data_version=model.data_version, names=names)
        for asked, names in (
            (model.features, trial.features),
            (model.neutralizers, trial.neutralizers),
        )
        if asked is not None and names is not None
    }
    return Sidecar(
        sha256=sha256,
        tried=(Tried(python=trial.versions["Python"], libraries=libraries, trial=note),),
        frozen=tuple(frozen.values()),
    )
