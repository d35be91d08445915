"""deploy.yaml -> `DeploySettings`; every fault at once, each with its line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from deploy import settings, values
from deploy.advice import advice
from deploy.consistency import consistency_faults, setting_text, unquoted
from deploy.schema import Schema, Trigger, unknown_key
from deploy.settings import DeploySettings
from deploy.triggers import Check, Schedule, Webhook
from job.errors import UsageError
from job.manifest.consistency import Fault
from job.manifest.document import MAX_BYTES, Document, Place, UnreadableError, read_yaml
from job.manifest.faults import rendered, schema_faults
from job.variables import VARIABLES

EXAMPLE = Path(__file__).with_name("example.yaml")
"""What shows every key."""
MOST_WORKFLOWS = 99
"""Their names end in a number of two digits."""


def load_settings(path: Path) -> DeploySettings:
    """What the file `path` asks for.

    Raises:
        UsageError: the file cannot be read, or is not valid.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"cannot read {path}",
            [error.strerror or str(error)],
            hint=f"copy {EXAMPLE.parent.name}/{EXAMPLE.name} to {path.name} and fill it in",
        ) from error
    return parse_settings(text, source=str(path))


def parse_settings(text: str | bytes, *, source: str) -> DeploySettings:
    """What `text` asks for.

    Args:
        source: what messages call the file.

    Raises:
        UsageError: with all faults, each as `source:line: triggers[0].at: sentence`.
    """
    what = f"{source} is not valid; nothing was tried"
    try:
        document = read_yaml(text, kind="deploy.yaml", begins="subscription: ...")
    except UnreadableError as error:
        raise UsageError(what, [f"{source}:{error.line}: {error}"]) from None
    schema, faults = _validated(document)
    if schema is None or faults:
        named = [(line, unquoted(place), sentence) for line, place, sentence in faults]
        raise UsageError(what, rendered(named, source=source))
    read = _settings(schema)
    most = max(len(read.grids), len(read.check_grids))
    if most > MOST_WORKFLOWS:
        crowd = f"come to {most} workflows, of which there may be {MOST_WORKFLOWS}"
        place: Place = ("triggers",)
        raise UsageError(what, rendered([(document.line_of(place), place, crowd)], source=source))
    return replace(read, warnings=tuple(advice(read)))


def _validated(document: Document) -> tuple[Schema | None, list[Fault]]:
    found = [*document.faults, *consistency_faults(document)]
    try:
        return Schema.model_validate(document.value), found
    except ValidationError as error:
        return None, [*found, *schema_faults(document, error, unknown_key=unknown_key)]


def _settings(schema: Schema) -> DeploySettings:
    given = {name: setting_text(value) for name, value in schema.settings.items()}
    given.pop("NUMERAI_WAIT", None)  # the longest wait of the triggers, and set from there
    return DeploySettings(
        subscription=schema.subscription,
        resource_group=schema.resource_group,
        location=schema.location,
        name=schema.name,
        image=schema.image,
        acr=schema.registry.acr if schema.registry else None,
        cpu=schema.cpu,
        memory=schema.memory,
        storage=settings.Storage(account=schema.storage.account, create=schema.storage.create),
        triggers=tuple(_trigger(trigger) for trigger in schema.triggers),
        job=tuple((v.name, given[v.name]) for v in VARIABLES if v.name in given),
        secrets=schema.secrets,
    )


def _trigger(trigger: Trigger) -> Schedule | Webhook | Check:
    if trigger.webhook:
        return Webhook(trigger.wait)
    schedule = Schedule(trigger.days, trigger.at, trigger.wait)
    return Check(schedule) if trigger.command == values.CHECK else schedule
