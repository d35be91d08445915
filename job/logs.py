"""The log: one line an event on stderr, as text or JSON, without secrets and without the queries
of URLs.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterable, Iterator

QUERY = re.compile(r"((?:https?://|/)[^\s\"'<>?]*)\?[^\s\"'<>]*=[^\s\"'<>]*")
HIDDEN = "<hidden>"
SHORTEST_SECRET = 4


class Redactor:
    """Takes secrets and URLs' query strings out of a text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        self._secrets = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return QUERY.sub(rf"\1?{HIDDEN}", text)


def _forms(secret: str) -> Iterator[str]:
    """A secret as it may be printed: as it is, as Python or JSON quote it, and line by line."""
    for text in (secret, *secret.splitlines()):
        for form in (text.strip(), repr(text)[1:-1], json.dumps(text)[1:-1]):
            if len(form) >= SHORTEST_SECRET:
                yield form


_current: list[Redactor] = [Redactor([])]


def redacted(text: str) -> str:
    """The text without what the log is not to show either; for what is not sent through it."""
    return _current[0](text)


class TextFormatter(logging.Formatter):
    """`12:05:01 INFO fetched v5.3/live.parquet`, times in UTC."""

    converter = staticmethod(time.gmtime)

    def __init__(self, redact: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """The line, traceback included, redacted."""
        return self._redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, logger, message, and traceback where there is one."""

    converter = staticmethod(time.gmtime)

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """The line, redacted."""
        entry = {
            "at": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redact(record.getMessage()),
        }
        if record.exc_info:
            entry["traceback"] = self._redact(self.formatException(record.exc_info))
        return json.dumps(entry)


def hide(secrets: Iterable[str]) -> Redactor:
    """Has `redacted` take these out from now on, and no others."""
    redact = Redactor(secrets)
    _current[:] = [redact]
    return redact


def start_log(
    *, format: str, level: str, secrets: Iterable[str], also: Iterable[logging.Handler] = ()
) -> Redactor:
    """Sends the log of job to stderr; other libraries only from warnings on. Gives the redactor.

    Args:
        also: further handlers, which get the same lines.
    """
    redact = hide(secrets)
    handlers = [logging.StreamHandler(sys.stderr), *also]
    for handler in handlers:
        handler.setFormatter(JsonFormatter(redact) if format == "json" else TextFormatter(redact))
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(logging.WARNING)
    logging.getLogger("job").setLevel(level.upper())
    return redact
