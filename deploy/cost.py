"""What a deployment costs, from one table of prices: per run and per month, in US dollars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from tabulate import tabulate

from deploy.settings import CHECK_CPU, CHECK_MEMORY, DeploySettings
from deploy.triggers import WEEKS_A_MONTH, starts_a_week
from deploy.words import dollars, duration
from job.manifest.document import read_yaml

PRICES: Final = Path(__file__).with_name("prices.yaml")
ROUNDS_A_WEEK: Final = 5
DAYS_A_MONTH: Final = 365.25 / 12
ACTIONS_A_START: Final = 2
"""A trigger and an action: what comes after a start that failed is skipped otherwise, and skipped
actions are not charged for.
"""

_Price = Annotated[float, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GroupPrice(_Strict):
    """Of a container group, an hour."""

    vcpu: _Price
    gb: _Price


class ActionPrice(_Strict):
    """Of the workflows' triggers and actions."""

    free_actions: int
    action: _Price


class Prices(_Strict):
    """The table of prices, and when and where they were read."""

    date: str
    source: str
    container_instances: Mapping[str, GroupPrice]
    registry_day: _Price
    logic_apps: ActionPrice
    storage_gb_month: _Price

    def group(self, region: str) -> GroupPrice:
        """Of the region, or of the dearest one that is known."""
        known = self.container_instances
        return known.get(region) or max(known.values(), key=lambda price: price.vcpu)


@cache
def prices() -> Prices:
    """The table that comes with this version."""
    return Prices.model_validate(read_yaml(PRICES.read_bytes()).value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What a cost is reckoned with.

    Attributes:
        run: minutes that a run with models to submit takes, from its start to its end.
        measured: whether `run` comes from records rather than from a guess.
        idle: minutes that a run with nothing to do takes.
        check: minutes that a check takes.
        pull: minutes that the image's pull takes, which are paid for as well.
        stored: GB in the storage account.
    """

    run: float = 10.0
    measured: bool = False
    idle: float = 0.1
    check: float = 1.0
    pull: float = 1.0
    stored: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a deployment costs, in US dollars; amounts without a span are a month's.

    Attributes:
        run: of a run with models to submit.
        idle_run: of a run with nothing to do.
        runs: of all runs, each round submitted once and other starts with nothing to do.
        most: the same if every start waited as long as it may and then submitted.
        starts: of the job, a month.
        check: of one check; `checks`: of a month's, `checks_made`: how many they are.
        notes: what was assumed, as sentences.
    """

    run: float
    idle_run: float
    runs: float
    most: float
    starts: float
    check: float
    checks: float
    checks_made: float
    registry: float
    workflows: float
    storage: float
    notes: tuple[str, ...]

    @property
    def month(self) -> float:
        """Of everything."""
        return self.runs + self.checks + self.registry + self.workflows + self.storage


def cost_of(settings: DeploySettings, assumed: Assumed | None = None) -> Cost:
    """What `settings` cost."""
    given, table = assumed or Assumed(), prices()
    price = table.group(settings.location)
    minute = (settings.cpu * price.vcpu + settings.memory * price.gb) / 60
    check = (CHECK_CPU * price.vcpu + CHECK_MEMORY * price.gb) / 60 * (given.pull + given.check)
    checks = starts_a_week(settings.checks) * WEEKS_A_MONTH
    run, idle_run = minute * (given.pull + given.run), minute * (given.pull + given.idle)
    starts = _starts_a_week(settings)
    working = min(starts, ROUNDS_A_WEEK)
    week = working * run + (starts - working) * idle_run
    actions = (starts * WEEKS_A_MONTH + checks) * ACTIONS_A_START
    return Cost(
        run=run,
        idle_run=idle_run,
        runs=week * WEEKS_A_MONTH,
        most=starts * WEEKS_A_MONTH * (run + minute * settings.wait / 60),
        starts=starts * WEEKS_A_MONTH,
        check=check,
        checks=checks * check,
        checks_made=checks,
        registry=table.registry_day * DAYS_A_MONTH if settings.acr else 0.0,
        workflows=max(0.0, actions - table.logic_apps.free_actions) * table.logic_apps.action,
        storage=given.stored * table.storage_gb_month,
        notes=tuple(_notes(settings, given)),
    )


def _starts_a_week(settings: DeploySettings) -> int:
    return starts_a_week(settings.triggers) + (ROUNDS_A_WEEK if settings.webhook else 0)


def _notes(settings: DeploySettings, given: Assumed) -> Iterator[str]:
    table = prices()
    how = "measured" if given.measured else "assumed"
    yield (
        f"a run takes {duration(round(given.run * 60))} ({how}), one with nothing to do "
        f"{duration(round(given.idle * 60))}, the image's pull {duration(round(given.pull * 60))} "
        "(assumed)"
    )
    if settings.checks:
        yield f"a check takes {duration(round(given.check * 60))} (assumed) and the pull"
    yield f"prices in US dollars without tax from {table.source}, {table.date}"
    if settings.location not in table.container_instances:
        dearest = table.group(settings.location)
        region = next(name for name, price in table.container_instances.items() if price is dearest)
        yield f"no price of {settings.location} is known here; it is reckoned as {region}"


def cost_text(cost: Cost) -> str:
    """The cost as a table and what it rests on, for people, without a line end behind it."""
    rows = [
        ("a run that submits", dollars(cost.run)),
        ("a run with nothing to do", dollars(cost.idle_run)),
        (f"runs a month (about {cost.starts:.0f} starts)", dollars(cost.runs)),
        ("  at most, if each waits and submits", dollars(cost.most)),
        ("a check", dollars(cost.check if cost.checks_made else 0)),
        (f"checks a month (about {cost.checks_made:.0f})", dollars(cost.checks)),
        ("container registry a month", dollars(cost.registry)),
        ("workflows a month", dollars(cost.workflows)),
        ("storage a month", dollars(cost.storage)),
        ("together a month", dollars(cost.month)),
    ]
    shown = [row for row in rows if row[1] != dollars(0) or row[0].startswith("workflows")]
    table = tabulate(shown, tablefmt="plain", colalign=("left", "right"), preserve_whitespace=True)
    return "\n".join((table, *(f"({note})" for note in cost.notes)))
