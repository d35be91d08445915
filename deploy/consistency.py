"""The job's variables in deploy.yaml, and what its keys say together.

Read from the plain values, for such a fault is to be told whatever else is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any, Final

from deploy import values
from deploy.images import ACR, parse_image
from deploy.settings import TOKEN
from deploy.words import duration
from job.manifest.consistency import Fault
from job.manifest.document import Document, Place
from job.manifest.values import shown
from job.units import parse_duration, perhaps
from job.variables import VARIABLES, Variable

BY_DEPLOY: Final = {
    "NUMERAI_MODELS_DIR": "is the container `models` of the storage account",
    "NUMERAI_RUNS_DIR": "is the container `runs` of the storage account",
    "NUMERAI_OWN_WEBHOOK": "is the address of the workflow that Numerai calls",
    "NUMERAI_EXIT_ZERO": "is true here, for the platform restarts what ends otherwise",
}
"""Variables that a deployment sets itself, and why."""
IN_NO_FILE: Final = (
    "is a secret and belongs in no file; set it in the environment, or wait to be asked"
)
_PLAIN: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_TABLE: Final = {variable.name: variable for variable in VARIABLES}
PATHS: Final = {variable.names[1]: variable.name for variable in VARIABLES if variable.secret}
"""What each variable is that gives a path to read another one's secret from."""


def consistency_faults(document: Document) -> Iterator[Fault]:
    """What is wrong with the job's variables, and with keys that contradict each other."""
    whole = document.value if isinstance(document.value, dict) else {}
    for place, what in (
        *_setting_faults(whole),
        *_secret_faults(whole),
        *_trigger_faults(whole),
        *_image_faults(whole),
    ):
        yield document.line_of(place), place, what


def unquoted(place: Place) -> Place:
    """A place as messages may name it: what is no plain name may be a secret that was put there,
    and ends it.
    """
    for number, step in enumerate(place):
        if isinstance(step, str) and not _PLAIN.fullmatch(step):
            return place[:number]
    return place


def setting_text(value: object) -> str:
    """A variable's value as the environment has it.

    Raises:
        ValueError: it is no plain value, or none at all.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float) or value == "":
        raise ValueError(f"must be a plain value, not {shown(value or None)}")
    return str(value).strip()


def _setting_faults(whole: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    settings = whole.get("settings")
    for name, value in settings.items() if isinstance(settings, dict) else ():
        try:
            _check_setting(name, value, _longest_wait(whole))
        except ValueError as error:
            yield ("settings", name), str(error)


def _check_setting(name: str, value: object, wait: float) -> None:
    if not _PLAIN.fullmatch(name):
        raise ValueError("a key is not the name of a variable; `NAME: value` is how one is given")
    if name in BY_DEPLOY:
        raise ValueError(f"is set by the deployment: it {BY_DEPLOY[name]}")
    if name in TOKEN:
        raise ValueError(IN_NO_FILE)
    if name in PATHS:
        raise ValueError(_path_fault(name))
    variable = _TABLE.get(name)
    if variable is None:
        known = [known for known in _TABLE if known not in BY_DEPLOY]
        near = perhaps(name.upper(), known) or "; a model's own variable belongs under `secrets`"
        raise ValueError(f"is none of the job's variables{near}")
    if variable.secret:
        raise ValueError(
            "is a secret and belongs in no file; name it under `secrets`, and set it in the "
            "environment"
        )
    _check_value(variable, setting_text(value), wait)


def _check_value(variable: Variable, given: str, wait: float) -> None:
    if "://" in given and "?" in given:
        raise ValueError(
            f"a URL with a query may carry a signature; name {variable.name} under `secrets` "
            "instead, and set it in the environment"
        )
    parsed = variable.parse(given)
    if variable.name == "NUMERAI_WAIT" and parsed != wait:
        raise ValueError(
            f"{given} contradicts the longest `wait` of the triggers, which is {duration(wait)}; "
            "leave it out"
        )
    if variable.name == "NUMERAI_MANIFEST" and not _is_inside(given):
        raise ValueError(f"{shown(given)} must be a path in the models root")


def _is_inside(path: str) -> bool:
    return not path.startswith(("/", "~")) and ".." not in PurePosixPath(path).parts


def _longest_wait(whole: dict[str, Any]) -> float:
    waits = [0.0]
    for trigger in _entries(whole):
        with suppress(ValueError, AttributeError):
            if trigger.get("command") != values.CHECK:
                waits.append(parse_duration(str(trigger.get("wait", "0"))))
    return max(waits)


def _entries(whole: dict[str, Any]) -> list[Any]:
    triggers = whole.get("triggers")
    return triggers if isinstance(triggers, list) else []


def _secret_faults(whole: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    given, secrets = whole.get("settings"), whole.get("secrets")
    settings = given if isinstance(given, dict) else {}
    for number, name in enumerate(secrets if isinstance(secrets, list) else ()):
        fault = _secret_fault(name, settings) if isinstance(name, str) else ""
        if fault:
            yield ("secrets", number), fault


def _secret_fault(name: str, settings: dict[str, Any]) -> str:
    """What is wrong with a name; empty for nothing, and for what is no name: `values` tells."""
    if not _PLAIN.fullmatch(name):
        return ""
    if name in TOKEN:
        return f"{name} is always passed; leave it out"
    if name in BY_DEPLOY:
        return f"{name} {BY_DEPLOY[name]}"
    if name in PATHS:
        return f"{name} {_path_fault(name)}"
    if name == "NUMERAI_WAIT":
        return f"{name} is the longest `wait` of the triggers; leave it out"
    if name.startswith("NUMERAI_") and name not in _TABLE:
        return f"{shown(name)} is none of the job's variables{perhaps(name, _TABLE)}"
    return f"{name} is under `settings` as well" if name in settings else ""


def _path_fault(name: str) -> str:
    given = PATHS[name]
    named = "" if given in TOKEN else f"name {given} under `secrets`, and "
    return f"names no file in the container; {named}set it in the environment of `apply`"


def _trigger_faults(whole: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    calls = [
        number
        for number, entry in enumerate(_entries(whole))
        if isinstance(entry, dict) and entry.get("webhook") is True
    ]
    for number in calls[1:]:
        yield ("triggers", number), "is a second webhook; Numerai calls one address"


def _image_faults(whole: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    registry = whole.get("registry")
    if not isinstance(registry, dict):
        return
    with suppress(ValueError):
        server = f"{values.registry(registry.get('acr')).lower()}{ACR}"
        image = whole.get("image")
        if isinstance(image, str) and parse_image(image).host != server:
            yield ("image",), f"must begin with {server}/, for `registry` says so"
