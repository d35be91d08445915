"""`python -m tests.bench [--quick]`: measures, and prints a table. Linux only."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path

from job.sandbox.samples import write_zoo
from job.sandbox.synthetic import FULL
from tests.bench.benches import many_models, nothing_to_do, peaks
from tests.bench.table import bound_of, machine, table

MODELS, NOTHING_MODELS = 24, 50


def main() -> int:
    """Runs every bench; the exit code says nothing about time."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer models and repetitions")
    quick = parser.parse_args().quick
    logging.disable()  # the sandbox's libraries, while they train
    times, pairs, most = (1, 5, NOTHING_MODELS) if quick else (5, 15, 200)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        zoo = folder / "zoo"
        _say(f"training {most} models")
        write_zoo(zoo, most, shape=FULL)
        _say(f"nothing to do, {pairs} times")
        nothing = nothing_to_do(zoo, folder, models=NOTHING_MODELS, pairs=pairs)
        _say(f"{MODELS} models, {times} times")
        turns = many_models(zoo, folder, models=MODELS, times=times)
        memory = peaks(zoo, folder, counts=(MODELS, most), say=_say)
    sys.stdout.write(
        f"{machine()}\n\n{table(MODELS, turns, nothing, memory)}\n\n{bound_of(turns)}\n"
    )
    return 0


def _say(what: str) -> None:
    sys.stderr.write(f"bench: {what}\n")


if __name__ == "__main__":
    sys.exit(main())
