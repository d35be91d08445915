"""What a command says on stdout; that nobody reads it changes nothing of what the command does."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress

log = logging.getLogger(__name__)


def say(text: str) -> None:
    """Prints a text and a line end at once; nothing for an empty text or a closed stdout."""
    if not text or sys.stdout is None:
        return
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        log.warning("stdout cannot be written: %s", error)
        _discard_the_rest()


def _discard_the_rest() -> None:
    """Sends to nowhere what is buffered, and what is still to be said."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
