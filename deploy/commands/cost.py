"""`cost`: what it costs, per run and per month."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace

from deploy.cost import Assumed, cost_of, cost_text
from deploy.names import RUNS
from deploy.records import newest_records, usual_minutes
from deploy.session import Session, begin, tell
from job.errors import Exit, JobError

HURRY = 10.0
"""Seconds spent on asking: a guess would do."""


def main(args: Namespace, environ: Mapping[str, str]) -> Exit:
    """Prints a table; with the minutes of the last runs where they can be had."""
    session = begin(args, environ)
    with session.hurried(HURRY) as hurried:
        assumed, why = _measured(hurried)
    tell(f"{session.settings.name}, {session.settings.cpu:g} vCPU, {session.settings.memory:g} GB")
    tell(cost_text(cost_of(session.settings, assumed)))
    if why:
        tell(f"(the last runs could not be looked at: {why})")
    return Exit.OK


def _measured(session: Session) -> tuple[Assumed, str]:
    """What runs took lately, as far as it is known."""
    try:
        records = newest_records(session.store(RUNS))
    except JobError as error:
        if error.exit_code is Exit.TERMINATED:
            raise
        return Assumed(), error.what
    found = Assumed()
    run, idle = usual_minutes(records, acted=True), usual_minutes(records, acted=False)
    if run is not None:
        found = replace(found, run=run, measured=True)
    return (found if idle is None else replace(found, idle=idle)), ""
