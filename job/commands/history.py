"""`history`: what became of past rounds, from Numerai's answer and the run records."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from job.clock import Clock
from job.commands.prepare import prepare
from job.connect import connect, open_store
from job.errors import Exit, UnavailableError
from job.files import write_whole
from job.history import ROUNDS_ASKED, Entry, History, history_of
from job.history.document import as_document
from job.history.page import as_page
from job.history.table import as_table
from job.manifest import Manifest
from job.output import say
from job.tournament import AccountState, Tournament

MOST_ROUNDS = 500


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Prints the table, or one line of JSON, and writes the page where one is asked for.

    Raises `UnavailableError` once it has shown what the records tell, when Numerai does not answer.
    """
    clock = Clock()
    settings, _, manifest = prepare(environ, clock, lambda _: _flag_faults(args))
    last = int(args.rounds)
    answer, error = _ask(connect(settings, clock), _tournaments(manifest), last)
    history = history_of(
        open_store(settings.runs_dir, environ, clock=clock, patience=settings.retry_patience),
        now=clock.now(),
        models=[Entry(model.tournament, model.name, model.enabled) for model in manifest.models],
        answer=answer,
        last=last,
    )
    if args.html:
        write_whole(Path(args.html), as_page(history).encode())
    say(json.dumps(as_document(history)) if args.json else _text(history))
    if error is not None:
        raise error
    return Exit.OK


def _text(history: History) -> str:
    return as_table(history, width=shutil.get_terminal_size((100, 24)).columns)


def _tournaments(manifest: Manifest) -> list[str]:
    return sorted({model.tournament for model in manifest.models})


def _ask(
    numerai: Tournament, tournaments: Sequence[str], last: int
) -> tuple[AccountState | None, UnavailableError | None]:
    """Numerai's answer, or what to tell in its place."""
    try:
        return numerai.account_history(tournaments, last=max(last, ROUNDS_ASKED)), None
    except UnavailableError as error:
        error.why += (error.hint,) if error.hint else ()
        error.hint = "what is shown is from the run records alone"
        return None, error


def _flag_faults(args: Namespace) -> Iterator[str]:
    text = args.rounds
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 0 < int(text) <= MOST_ROUNDS):
        yield f"--rounds: {text!r} is not a whole number from 1 to {MOST_ROUNDS}"
    if args.html is not None and (not args.html or Path(args.html).is_dir()):
        yield f"--html: {args.html!r} is no name of a file"
