"""What deploy.yaml may say and its author perhaps did not mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from deploy.images import ACR, DOCKER_HUB, parse_image
from deploy.regions import REGIONS
from deploy.settings import DeploySettings
from deploy.triggers import Schedule
from deploy.words import counted, duration
from job.units import nearest, parse_duration, parse_memory
from job.variables import VARIABLES

EASY_CPU: Final = 4
EASY_MEMORY: Final = 16
"""More than these many regions cannot always give."""


def advice(settings: DeploySettings) -> Iterator[str]:
    """Sentences, each with the key that it is about first."""
    if settings.location not in REGIONS:
        near = nearest(settings.location, REGIONS)
        perhaps = f"; perhaps you meant {near}" if near else ""
        yield f"location: {settings.location} is no region that this version knows{perhaps}"
    yield from _about_image(settings)
    if settings.cpu > EASY_CPU or settings.memory > EASY_MEMORY:
        yield (
            f"cpu, memory: more than {EASY_CPU} vCPU or {EASY_MEMORY} GB may not be had in "
            f"{settings.location} at every hour, and a start that finds none fails"
        )
    if not settings.storage.create:
        yield (
            "storage: the account is used as it is: whether it has versioning, public access or "
            "shared keys is left alone"
        )
    yield from _about_triggers(settings)
    yield from _about_sizes(settings, dict(settings.job))


def _about_image(settings: DeploySettings) -> Iterator[str]:
    image = parse_image(settings.image)
    if not image.digest:
        pinned = f"tag {image.tag!r}" if image.tag else "missing tag means 'latest', which"
        yield (
            f"image: the {pinned} may come to name another image, and every start pulls what it "
            "names then; a digest (...@sha256:...) pins it"
        )
    if image.host.endswith(ACR) and settings.acr is None:
        yield (
            f"image: a registry of Azure gives it only to those who sign in; set `registry: "
            f"{{acr: {image.host.removesuffix(ACR)}}}` unless it allows anonymous pulls"
        )
    if image.host == DOCKER_HUB:
        yield "image: Docker Hub limits anonymous pulls, and a start may fail for that"


def _about_triggers(settings: DeploySettings) -> Iterator[str]:
    if not settings.starts:
        looking = "; a check submits nothing" if settings.checks else ""
        yield f"triggers: nothing starts the job but `run` and whoever starts it by hand{looking}"
    if settings.checks and "NUMERAI_NOTIFY" not in settings.secrets:
        yield "triggers: a check tells nobody of what it finds; name NUMERAI_NOTIFY under `secrets`"
    waits = {trigger.wait for trigger in settings.starts} - {0.0}
    if len(waits) > 1:
        yield (
            f"triggers: a start can pass nothing to the job, so every run waits for up to "
            f"{duration(settings.wait)}, the longest `wait`"
        )
    limit = dict(settings.job).get("NUMERAI_RUN_TIMEOUT") or _default("NUMERAI_RUN_TIMEOUT")
    if settings.wait >= parse_duration(limit):
        yield f"triggers: a run ends after NUMERAI_RUN_TIMEOUT ({limit}), before its wait does"
    schedules = [trigger for trigger in settings.starts if isinstance(trigger, Schedule)]
    yield from _about_doubles(schedules, "start")
    yield from _about_doubles(settings.checks, "check")


def _about_doubles(schedules: Iterable[Schedule], noun: str) -> Iterator[str]:
    starts = Counter(
        (day, moment) for schedule in schedules for day in schedule.days for moment in schedule.at
    )
    if doubled := [start for start, count in starts.items() if count > 1]:
        day, moment = doubled[0]
        yield (
            f"triggers: {counted(len(doubled), noun)} in more than one entry, "
            f"{day} {moment:%H:%M} for one; the second does nothing"
        )


def _default(name: str) -> str:
    return next(variable.default or "0" for variable in VARIABLES if variable.name == name)


def _about_sizes(settings: DeploySettings, job: Mapping[str, str]) -> Iterator[str]:
    memory = job.get("NUMERAI_MODEL_MEMORY")
    if memory and parse_memory(memory) > settings.memory * 2**30:
        yield f"settings: NUMERAI_MODEL_MEMORY ({memory}) is more than the container has"
    workers = job.get("NUMERAI_WORKERS")
    if workers and int(workers) > settings.cpu:
        yield f"settings: NUMERAI_WORKERS ({workers}) is more than the container has vCPU"
