"""`init`: a manifest skeleton from the models of the account."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from job.clock import Clock
from job.commands.prepare import local_models_dir, start_logging
from job.connect import connect
from job.errors import Exit, UsageError
from job.files import write_whole
from job.manifest import load_manifest
from job.output import say
from job.settings import Settings
from job.skeleton import skeleton
from job.tournament import NUMBERS, AccountState

log = logging.getLogger(__name__)

STDOUT = "-"


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Writes the skeleton where nothing is yet, and says what it holds."""
    settings = Settings.from_env(environ)
    place = None if args.out == STDOUT else _free_place(settings, args.out)
    start_logging(settings, environ)
    clock = Clock()
    state = connect(settings, clock).account_state(list(NUMBERS))
    if not state.slots:
        raise UsageError(
            f"account {state.username} has no models", [], hint="create one at https://numer.ai"
        )
    text = skeleton(state, now=clock.now())
    load_manifest(text, source="the skeleton")
    if place is None:
        say(text.removesuffix("\n"))
        return Exit.OK
    write_whole(place, text.encode())
    say(f"{place}: {_count(state)}, none enabled yet")
    say("next: python -m job add FILE --name NAME --replace")
    return Exit.OK


def _free_place(settings: Settings, out: str | None) -> Path:
    """Where to write; raises `UsageError` where something is, which is never overwritten."""
    place = Path(out) if out else local_models_dir(settings, "init") / settings.manifest
    if place.exists() or place.is_symlink():
        raise UsageError(
            f"{place} is there already; nothing was written",
            ["a manifest is never overwritten"],
            hint="write the skeleton elsewhere with --out FILE, or show it with --out -",
        )
    return place


def _count(state: AccountState) -> str:
    counts = Counter(slot.tournament for slot in state.slots)
    return ", ".join(f"{counts[name]} {name}" for name in NUMBERS if counts[name]) + " models"
