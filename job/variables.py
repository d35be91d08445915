"""The table of the job's variables; settings, `--help`, README and deployment all read this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from job.blob_url import Location, parse_blob_url
from job.notices.urls import is_loopback, parse_notify, parse_ping_url
from job.secret import parse_secret
from job.units import parse_duration, parse_flag, parse_memory, parse_time_limit, perhaps

PREFIX: Final = "NUMERAI_"
API_URL: Final = "https://api-tournament.numer.ai"
BLOB_HOST: Final = ".blob.core."


def _parse_folder(text: str) -> Path:
    if "://" in text:
        raise ValueError("give a folder of this machine; only models and runs live elsewhere")
    if text.startswith("~"):
        raise ValueError(f"{text!r}: ~ is not expanded here; write the whole path")
    return Path(text)


def _parse_location(text: str) -> Location:
    if "://" in text:
        return parse_blob_url(text)
    if BLOB_HOST in text:  # not quoted: there may be a SAS in it
        raise ValueError("a URL of Blob Storage begins with https://")
    return _parse_folder(text)


def _parse_api_url(text: str) -> str:
    try:
        url = urlsplit(text)
        host, _ = url.hostname or "", url.port
    except ValueError as error:
        raise ValueError(f"not a URL: {error}") from None
    plain = text.isprintable() and " " not in text and "@" not in url.netloc
    if url.scheme not in {"http", "https"} or not host or not plain:
        raise ValueError(f"give a URL such as {API_URL}, without user or password")
    if url.scheme == "http" and not is_loopback(host):
        raise ValueError(f"http to {host} would send the API token in clear; use https")
    return text


def _parse_webhook(text: str) -> str:
    if not text.startswith(("https://", "http://")) or "?" in text or "@" in text:
        # Not quoted: a signature may be in it.
        raise ValueError("give how a URL begins, without user, password or query")
    return text


def _parse_workers(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) > 0):
        raise ValueError(f"{text!r} is not a whole number from 1 to 9999")
    return int(text)


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            near = perhaps(text.lower(), choices)
            raise ValueError(f"{text!r} is none of {', '.join(choices)}{near}")
        return text.lower()

    return parse


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of the environment.

    Args:
        parse: its text to its value; raises ValueError with the rest of the sentence "NAME: ...".
        default: what an unset variable counts as, written as in the environment; None: none.
        shown_default: the default as help and README say it, where `default` does not.
        secret: never to be shown, and also read from the path in `NAME_FILE`.
        required: half of the API token, which most commands cannot do without.
    """

    name: str
    parse: Callable[[str], object]
    help: str
    _: KW_ONLY
    default: str | None = None
    shown_default: str = ""
    secret: bool = False
    required: bool = False

    @property
    def field(self) -> str:
        """The field of `Settings` that it fills: `wait` for `NUMERAI_WAIT`."""
        return self.name.removeprefix(PREFIX).lower()

    @property
    def names(self) -> tuple[str, ...]:
        """The variable's name and, for a secret, that of its `_FILE` form."""
        return (self.name, f"{self.name}_FILE") if self.secret else (self.name,)

    @property
    def stated_default(self) -> str:
        """The default as README shows it, in Markdown."""
        return self.shown_default or (f"`{self.default}`" if self.default else "none")


VARIABLES: Final = (
    Variable(
        "NUMERAI_PUBLIC_ID",
        parse_secret,
        "public half of the API token; or `NUMERAI_PUBLIC_ID_FILE`, a path to read it from",
        shown_default="required for run, status, history, check, init",
        secret=True,
        required=True,
    ),
    Variable(
        "NUMERAI_SECRET_KEY",
        parse_secret,
        "secret half of the API token; or `NUMERAI_SECRET_KEY_FILE`, a path to read it from",
        shown_default="required for run, status, history, check, init",
        secret=True,
        required=True,
    ),
    Variable(
        "NUMERAI_MODELS_DIR",
        _parse_location,
        "root of models and manifest: a folder, or "
        "`https://<account>.blob.core.windows.net/<container>[/<folder>]`",
        default="models",
    ),
    Variable(
        "NUMERAI_MANIFEST",
        str,
        "the manifest: a path; a relative one is looked for in the models root, then in the "
        "working directory",
        default="models_manifest.yaml",
    ),
    Variable(
        "NUMERAI_ALLOW_UNPINNED",
        parse_flag,
        "`true`: read models from Blob Storage although the manifest does not give their `sha256`",
        default="false",
    ),
    Variable(
        "NUMERAI_DATA_DIR",
        _parse_folder,
        "where datasets, the artifact cache and validated predictions live",
        default="data",
    ),
    Variable(
        "NUMERAI_RUNS_DIR",
        _parse_location,
        "where run records and the lock live: a folder, or a URL as for the models",
        shown_default="`<data>/runs`",
    ),
    Variable(
        "NUMERAI_API_URL",
        _parse_api_url,
        "GraphQL endpoint; `http` to this machine only",
        default=API_URL,
    ),
    Variable(
        "NUMERAI_WAIT",
        parse_duration,
        "as `--wait`: how long to wait for a round to be open for on-time submission with "
        "its data ready, e.g. `90m`",
        default="0",
    ),
    Variable(
        "NUMERAI_LATE",
        _one_of("skip", "submit"),
        "`skip` or `submit` once the on-time deadline has passed",
        default="skip",
    ),
    Variable(
        "NUMERAI_WORKERS",
        _parse_workers,
        "model processes at once",
        shown_default="cores, bounded by memory",
    ),
    Variable(
        "NUMERAI_MODEL_TIMEOUT",
        parse_time_limit,
        "longest time for one model; also cut by the time left",
        default="10m",
    ),
    Variable(
        "NUMERAI_MODEL_MEMORY",
        parse_memory,
        "most memory for one model, e.g. `4GiB`",
    ),
    Variable(
        "NUMERAI_RETRY_PATIENCE",
        parse_duration,
        "longest total time spent retrying one request",
        default="5m",
    ),
    Variable(
        "NUMERAI_RUN_TIMEOUT",
        parse_time_limit,
        "the whole run ends by then, whatever hangs",
        default="2h",
    ),
    Variable(
        "NUMERAI_EXIT_ZERO",
        parse_flag,
        "`true`: `run`, provided that its record could be written, and `check` exit 0 whatever the "
        "outcome; for platforms that restart on non-zero",
        default="false",
    ),
    Variable(
        "NUMERAI_NOTIFY",
        parse_notify,
        "who is told: Apprise URLs, separated by spaces or commas (needs the extra `notify`); or "
        "`NUMERAI_NOTIFY_FILE`, a path to read them from",
        shown_default="nobody",
        secret=True,
    ),
    Variable(
        "NUMERAI_NOTIFY_ON",
        _one_of("failure", "change", "always"),
        "`failure`: each run that fails; `change`: a failure once a round, and when it is over; "
        "`always`: each run",
        default="failure",
    ),
    Variable(
        "NUMERAI_PING_URL",
        parse_ping_url,
        "a dead man's switch that each run pings, as healthchecks.io has it; or "
        "`NUMERAI_PING_URL_FILE`, a path to read it from",
        secret=True,
    ),
    Variable(
        "NUMERAI_OWN_WEBHOOK",
        _parse_webhook,
        "where Numerai's webhook may lead without a warning of `check`: how the address begins, "
        "without its query; `python -m deploy apply` sets it",
    ),
    Variable(
        "NUMERAI_LOG_FORMAT",
        _one_of("text", "json"),
        "`text` or `json`",
        default="text",
    ),
    Variable(
        "NUMERAI_LOG_LEVEL",
        _one_of("debug", "info", "warning", "error"),
        "`debug`, `info`, `warning` or `error`",
        default="info",
    ),
)


def variables_help() -> str:
    """The table as `--help` shows it: a variable and its default, then what it means."""
    rows = (f"  {v.name} (default: {v.stated_default})\n      {v.help}" for v in VARIABLES)
    return "\n".join(rows).replace("`", "")


def variables_markdown() -> str:
    """The table as README shows it, in Markdown, without a line end behind it."""
    rows = (f"| `{v.name}` | {v.help} | {v.stated_default} |" for v in VARIABLES)
    return "\n".join(("| variable | meaning | default |", "|---|---|---|", *rows))
