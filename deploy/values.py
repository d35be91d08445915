"""What one key of deploy.yaml may hold: a value, or a ValueError that follows `key: `."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import time
from typing import Final
from uuid import UUID

from deploy.images import parse_image
from deploy.template.expressions import OWN_PARAMETERS
from deploy.triggers import DAYS, FULL_DAYS
from job.manifest.values import OWN_VARIABLES, shown, text
from job.units import parse_duration, perhaps

LONGEST_NAME: Final = 32
"""A workflow's name has up to 43 characters, and some are added to this one."""
LONGEST_VARIABLE: Final = 40
MOST_CPU: Final = 32
MOST_MEMORY: Final = 256

RUN: Final = "run"
CHECK: Final = "check"
COMMANDS: Final = (RUN, CHECK)

Read = Callable[[object], str]


def matching(pattern: str, what: str) -> Read:
    """Text that a pattern matches; `what` says what is allowed."""
    compiled = re.compile(pattern, re.ASCII)

    def read(value: object) -> str:
        if not compiled.fullmatch(given := text(value)):
            raise ValueError(f"{shown(given)} cannot be that: {what}")
        return given

    return read


# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
# There a resource group may have letters of other alphabets too; their case is a trap.
resource_group = matching(
    r"[-\w.()]{0,89}[-\w()]",
    "up to 90 letters, digits, and - _ . ( ), with no full stop at its end",
)
storage_account = matching("[a-z0-9]{3,24}", "3 to 24 lower-case letters and digits, no other")
registry = matching(
    "[A-Za-z0-9]{5,50}", "5 to 50 letters and digits: myjobs, not myjobs.azurecr.io"
)
_name = matching(
    r"[a-z](?:-?[a-z0-9])*", "lower-case letters, digits, and single - within; a letter first"
)


def name(value: object) -> str:
    """What the resources are called after."""
    given = _name(value)
    if len(given) > LONGEST_NAME:
        raise ValueError(f"{shown(given)} is longer than {LONGEST_NAME} characters")
    return given


def subscription(value: object) -> str:
    """A subscription's id, in lower case."""
    given = text(value)
    try:
        if len(given) != 36:
            raise ValueError
        return str(UUID(given))
    except ValueError:
        raise ValueError(
            f"{shown(given)} is not the id of a subscription; `az account show --query id` shows it"
        ) from None


def location(value: object) -> str:
    """A region in Azure's own spelling: `Sweden Central` is `swedencentral`."""
    given = text(value).replace(" ", "").lower()
    if not re.fullmatch("[a-z]{3,}[a-z0-9]*", given):
        raise ValueError(f"{shown(value)} is not a region such as swedencentral")
    return given


def image(value: object) -> str:
    """A container image."""
    given = text(value)
    parse_image(given)
    return given


def amount(unit: str, *, most: int, decimals: int) -> Callable[[object], float]:
    """A number of at least 1, with so many decimals."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"must be a number, not {shown(value)}")
        if not 1 <= value <= most:
            raise ValueError(
                f"must be from 1 to {most} {unit}, the most that Azure offers, not {shown(value)}"
            )
        if round(value, decimals) != value:
            raise ValueError(f"{shown(value)} has more than {decimals} decimals")
        return float(value)

    return read


def days(value: object) -> tuple[str, ...]:
    """Days of the week, as in `[Tue, Wed]`, in the week's order."""
    found = {_day(day) for day in _some(value, "days such as [Tue, Wed]")}
    return tuple(day for day in DAYS if day in found)


def _day(value: object) -> str:
    word = value.strip().title() if isinstance(value, str) else ""
    for short, full in zip(DAYS, FULL_DAYS, strict=True):
        if word in {short, full}:
            return short
    near = perhaps(word, (*DAYS, *FULL_DAYS))
    raise ValueError(f"{shown(value)} in the list is no day: {', '.join(DAYS)}{near}")


def times(value: object) -> tuple[time, ...]:
    """Times of day in UTC, as in `["12:05", "12:25"]`, in order."""
    return tuple(sorted({_time(moment) for moment in _some(value, 'times such as ["12:05"]')}))


def _time(value: object) -> time:
    match = re.fullmatch("([0-9]{1,2}):([0-9]{2})", value) if isinstance(value, str) else None
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        raise ValueError(f'{shown(value)} in the list is no time of day in UTC such as "12:05"')
    return time(int(match[1]), int(match[2]))


def _some(value: object, what: str) -> list[object]:
    if not isinstance(value, list) or not value:
        given = "an empty list" if value == [] else shown(value)
        raise ValueError(f"must be a list of {what}, not {given}")
    return value


def wait(value: object) -> float:
    """Seconds, from a duration."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"must be a duration such as 15m, not {shown(value)}")
    return parse_duration(str(value))


def command(value: object) -> str:
    """What a trigger starts."""
    given = text(value)
    if given not in COMMANDS:
        raise ValueError(f"{shown(given)} is neither run nor check{perhaps(given, COMMANDS)}")
    return given


def secrets(value: object) -> tuple[str, ...]:
    """Names of secret variables. Whoever put a value there is not quoted."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ValueError("must be a list of names of variables, without their values")
    for number, item in enumerate(value, 1):
        _secret(item, number)
    if len({item.upper() for item in value}) < len(value):
        raise ValueError("has a name twice; case does not tell them apart")
    return tuple(value)


def _secret(value: object, number: int) -> None:
    pattern = f"[A-Za-z_][A-Za-z0-9_]{{0,{LONGEST_VARIABLE - 1}}}"
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ValueError(
            f"number {number} in the list is not the name of a variable; names belong here, and "
            "their values into the environment"
        )
    for own in OWN_PARAMETERS:
        if value.lower() == own.lower():
            raise ValueError(
                f"{value} is taken: the template hands each secret over in a parameter of the "
                f"variable's name, and has one {own} of its own, which Azure does not tell from it "
                "by case; give the variable another name"
            )
    if value.upper().startswith("NUMERAI_"):
        if value != value.upper():
            raise ValueError(f"{value} is no variable of the job; write {value.upper()}")
    elif value.upper().startswith(OWN_VARIABLES):
        raise ValueError(f"{value} would be taken for the container's own way to sign in")
