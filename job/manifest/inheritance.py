"""A model of the manifest with what `defaults` gives it, as the value that the stages work with.

What `defaults` says of data (their version, features, a reference) is said of one tournament's, so
only its models take it; and no model takes what it could not have been given itself.
"""

from __future__ import annotations

from typing import Any, Final

from job.manifest.schema import Defaults, Guard, Limits, Model, Neutralize
from job.model_spec import DATA_VERSIONS, ModelSpec, Tournament
from job.model_spec import Guard as GuardSpec
from job.model_spec import Limits as LimitsSpec
from job.model_spec import Neutralize as NeutralizeSpec

OF_ONE_TOURNAMENT: Final = {"data_version", "features", "neutralize", "guard"}


def spec_of(model: Model, defaults: Defaults) -> ModelSpec:
    """The model, defaults filled in."""
    given = model.model_fields_set
    tournament = model.tournament if "tournament" in given else defaults.tournament
    taken = set(Defaults.model_fields) - given
    if tournament != defaults.tournament:
        taken -= OF_ONE_TOURNAMENT
    values: dict[str, Any] = {name: getattr(model, name) for name in Model.model_fields}
    values |= {name: getattr(defaults, name) for name in taken}
    values["data_version"] = values["data_version"] or DATA_VERSIONS[tournament]
    values["neutralize"] = _neutralize(values["neutralize"])
    values["limits"] = _limits(values["limits"], tournament)
    values["guard"] = _guard(values["guard"], model.name)
    if model.format == "predictions":
        values["features"] = None
    return ModelSpec(**values)


def _neutralize(given: Neutralize | None) -> NeutralizeSpec | None:
    return None if given is None else NeutralizeSpec(given.features, given.proportion)


def _limits(given: Limits | None, tournament: Tournament) -> LimitsSpec:
    """Classic takes no part of the ids, and churn is counted for Signals alone."""
    if given is None or tournament == "classic":
        return LimitsSpec()
    return LimitsSpec(given.min_coverage, given.max_churn if tournament == "signals" else None)


def _guard(given: Guard | None, name: str) -> GuardSpec | None:
    """None for the model that `defaults` has all others compared with."""
    if given is None or given.reference == name:
        return None
    return GuardSpec(given.reference, given.min_corr, given.max_corr, given.column)
