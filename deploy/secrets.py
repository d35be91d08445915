"""The secrets that the container is given: from the environment, from mounted files, or asked for
on a terminal; never from deploy.yaml, and shown to nobody.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from getpass import getpass
from pathlib import Path
from typing import Final

from deploy.settings import TOKEN, DeploySettings
from job.errors import UsageError
from job.notices.urls import EXTRA, parse_notify, parse_ping_url
from job.secret import Secret, parse_secret, read_secret

Secrets = Mapping[str, Secret]
REFUSED: Final = "the secrets are not all there; nothing was tried"


def secrets_in(settings: DeploySettings, environ: Mapping[str, str]) -> dict[str, Secret]:
    """Those of the deployment's secrets that the environment gives.

    Raises `UsageError` with what is wrong with any of them.
    """
    found, faults = {}, []
    for name in settings.all_secrets:
        try:
            text = _text(name, environ)
            if text:
                found[name] = _secret(name, text)
        except ValueError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise UsageError(REFUSED, faults)
    return found


def all_secrets(
    settings: DeploySettings,
    environ: Mapping[str, str],
    *,
    ask: Callable[[str], str] = getpass,
) -> dict[str, Secret]:
    """All of them; those that the environment does not give are asked for on a terminal.

    Raises `UsageError` where there is no terminal, naming all that lack.
    """
    found = secrets_in(settings, environ)
    missing = [name for name in settings.all_secrets if name not in found]
    if missing and not (sys.stdin is not None and sys.stdin.isatty()):
        raise UsageError(
            REFUSED,
            [f"{name}: not set, and there is no terminal to ask on" for name in missing],
            hint="set them, or NAME_FILE with a path to read each from",
        )
    for name in missing:
        found[name] = _asked(name, ask)
    return {name: found[name] for name in settings.all_secrets}


def _asked(name: str, ask: Callable[[str], str]) -> Secret:
    try:
        text = ask(f"{name} (not shown): ").strip()
        if not text:
            raise ValueError("nothing was given")
        return _secret(name, text)
    except (ValueError, EOFError) as error:
        raise UsageError(REFUSED, [f"{name}: {error or 'nothing was given'}"]) from None


def _text(name: str, environ: Mapping[str, str]) -> str:
    text, path = environ.get(name, "").strip(), environ.get(f"{name}_FILE", "").strip()
    if text and path:
        raise ValueError(f"{name}_FILE is set too; set one of the two")
    return text if text or not path else _from_file(name, path)


def _from_file(name: str, path: str) -> str:
    try:
        return read_secret(Path(path))
    except ValueError as error:
        raise ValueError(f"the file that {name}_FILE names {error}") from None


def _secret(name: str, text: str) -> Secret:
    return _PARSERS.get(name, Secret)(text)


def _receivers(text: str) -> Secret:
    """Apprise's URLs, looked at as far as this machine can: without Apprise, the job does it."""
    try:
        return parse_notify(text)
    except ValueError as error:
        if str(error) != EXTRA:
            raise
        return Secret(text)


_PARSERS: Final[Mapping[str, Callable[[str], Secret]]] = {
    **dict.fromkeys(TOKEN, parse_secret),
    "NUMERAI_NOTIFY": _receivers,
    "NUMERAI_PING_URL": parse_ping_url,
}
